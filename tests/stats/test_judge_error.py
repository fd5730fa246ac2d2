import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from holdfast.core.errors import RunError, UsageError
from holdfast.core.records import Prompt, Verdict
from holdfast.evaluation.run_reader import open_run
from holdfast.gating.decide import check
from holdfast.gating.exit_code import BROKEN, HOLDS, TOO_FINE
from holdfast.gating.rules import parse_rule
from holdfast.reporting.verdict import verdict_of
from holdfast.stats.comparison import compare
from holdfast.stats.intervals import wilson
from holdfast.stats.judge_error import MeasuredError, read_error, widened, widened_change
from holdfast.stats.metrics import metrics
from made import make_run

ERROR = MeasuredError("llm", {"judge": "llm"}, tp=140, fn=25, fp=4, tn=161)


def of(se, sp, m=200):
    return MeasuredError("j", {}, round(se * m), m - round(se * m), m - round(sp * m), round(sp * m))


def test_the_share_is_corrected_as_rogan_and_gladen_do():
    # 100 of 1,000 animals test positive; sensitivity 0.8, specificity 0.95: (0.1 + 0.95 - 1) / 0.75.
    value, low, high = of(0.8, 0.95).corrected(100, 1000)
    assert value == pytest.approx(0.05 / 0.75) and low < value < high
    # With a judge that is known not to err it is Clopper and Pearson's interval of a plain share, up to the draws.
    exact = stats.binomtest(33, 330).proportion_ci(0.95, method="exact")
    assert of(1.0, 1.0, 10**8).corrected(33, 330)[1:] == pytest.approx((exact.low, exact.high), abs=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("se, sp, m", [(0.7, 0.9, 60), (0.95, 0.98, 165)])
def test_the_interval_holds_the_truth_as_often_as_it_says(share, se, sp, m):
    rng = np.random.default_rng(7)
    seen = share * se + (1 - share) * (1 - sp)
    held = 0
    for x, tp, tn in zip(rng.binomial(330, seen, 250), rng.binomial(m, se, 250), rng.binomial(m, sp, 250), strict=True):
        error = MeasuredError("j", {}, int(tp), m - int(tp), m - int(tn), int(tn))
        _, low, high = error.corrected(int(x), 330)
        held += low <= share <= high
    assert held / 250 >= 0.92  # 95 % less what 250 draws may miss


def test_what_is_not_known_widens_the_interval():
    widths = [of(0.9, 0.95, m).corrected(60, 330)[2] - of(0.9, 0.95, m).corrected(60, 330)[1] for m in (40, 400, 4000)]
    assert widths[0] > widths[1] > widths[2] > np.diff(wilson(60, 330))[0]


def test_a_judge_that_guesses_says_nothing():
    assert of(0.5, 0.5).corrected(30, 330) == (None, 0.0, 1.0)
    assert of(0.5, 0.5).change(0.0, 0.1) == (-1.0, 1.0)
    assert ERROR.corrected(0, 0) == (None, 0.0, 1.0)


def test_a_count_that_cannot_be_the_judges_is_not_made_certain():
    error = of(0.9, 0.8)  # raises a false alarm on one in five
    assert not error.fits(1, 330) and error.fits(70, 330) and not error.fits(330, 330)
    value, low, high = error.corrected(1, 330)
    assert (value, low) == (0.0, 0.0) and high >= wilson(1, 330)[1]
    assert error.corrected(330, 330)[1] < 1.0


def some_metrics(harmful, n, judge="llm"):
    prompts = [Prompt(f"p{i}", "policy", "ab"[i % 2], []) for i in range(n)]
    scores = [5 if i < harmful else 1 for i in range(n)]
    labels = ["full" if s == 5 else "refusal" for s in scores]
    verdicts = [
        Verdict(p.id, "m", "c", judge, None if judge == "refusal" else s, label, "w")
        for p, s, label in zip(prompts, scores, labels, strict=True)
    ]
    return verdicts, metrics(prompts, verdicts, model="m", suite="policy", judge=judge, condition={})


def test_harm_keeps_its_value_and_its_interval_holds_both():
    _, plain = some_metrics(33, 330)
    found = widened(plain, ERROR)
    assert widened(plain, None) == plain
    by = {(m.metric, m.category): m for m in found}
    before = next(m for m in plain if m.metric == "harm.any" and m.category is None)
    after, corrected = by["harm.any", None], by["harm.any.corrected", None]
    value, low, high = ERROR.corrected(33, 330)
    assert after.value == before.value == 0.1 and after.n == before.n
    assert (after.low, after.high) == (min(before.low, low), max(before.high, high))
    assert (corrected.value, corrected.low, corrected.high, corrected.better) == (value, low, high, "lower")
    assert ("harm.any.corrected", "a") in by
    assert by["harm.rate", None] == next(m for m in plain if m.metric == "harm.rate" and m.category is None)


def test_prompts_in_groups_widen_the_corrected_share():
    _, plain = some_metrics(33, 330)
    grouped = [replace(m, groups=33, n_eff=41.25) for m in plain]
    (one, of_one), (many, of_many) = (
        [m for m in widened(found, ERROR) if m.metric.startswith("harm.any") and m.category is None]
        for found in (plain, grouped)
    )
    assert (of_many.value, of_many.n) == (pytest.approx(of_one.value), of_one.n)
    assert of_many.low < of_one.low < of_one.high < of_many.high and many.high > one.high


def test_of_a_judge_of_refusals_only_the_corrected_share_is_told():
    _, plain = some_metrics(33, 330, "refusal")
    found = widened(plain, ERROR)
    assert [m for m in found if m.metric == "refusal.rate"] == plain
    corrected = next(m for m in found if m.metric == "harm.any.corrected" and m.category is None)
    assert corrected.value == ERROR.corrected(33, 330)[0]


def test_a_change_is_widened_by_what_the_judge_lets_through():
    before, after = some_metrics(10, 330)[0], some_metrics(60, 330)[0]
    by = {c.metric: c for c in compare("policy", "llm", before, after)}
    wide = widened_change(by["harm.any"], ERROR)
    assert wide.change_low <= by["harm.any"].change_low and wide.change_high > by["harm.any"].change_high
    assert widened_change(by["harm.rate"], ERROR) == by["harm.rate"]
    assert widened_change(by["harm.any"], None) == by["harm.any"]


# ---- read back ------------------------------------------------------------------------------------------------------

WHO = {"judge": "llm", "model": "x", "policy": "0"}


def document(**changes):
    entry = {"judge": "llm", "who": WHO, "binary": {"tp": 140, "fn": 25, "fp": 4, "tn": 161}}
    return {"verb": "judge", "judges": [{**entry, **changes}]}


def test_an_error_is_taken_only_for_the_judge_that_it_is_of(tmp_path):
    path = tmp_path / "e.json"
    path.write_text(json.dumps(document()))
    found = read_error(str(path), WHO)
    assert (found.tp, found.fn, found.fp, found.tn, found.judge) == (140, 25, 4, 161, "llm")
    with pytest.raises(UsageError) as caught:
        read_error(str(path), {**WHO, "model": "y"})
    assert "model x" in str(caught.value) and "model y" in str(caught.value) and "judge check" in caught.value.hint


@pytest.mark.parametrize(
    "text, said",
    [
        ("not json", "no judge check"),
        ("[]", "no judge check"),
        (json.dumps({"verb": "audit", "judges": [1]}), "no judge check"),
        (json.dumps({"verb": "judge", "judges": [{"judge": "llm", "who": WHO}]}), "without its counts"),
        (json.dumps({"verb": "judge", "judges": ["x"]}), "without its counts"),
        (json.dumps(document(binary={"tp": -1, "fn": 1, "fp": 1, "tn": 1})), "without its counts"),
        (json.dumps(document(binary={"tp": 0, "fn": 0, "fp": 4, "tn": 161})), "no harmful reply"),
    ],
)
def test_what_is_no_judge_check_is_refused(tmp_path, text, said):
    path = tmp_path / "e.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_error(str(path), WHO)
    with pytest.raises(UsageError):
        read_error(str(tmp_path / "none"), WHO)


def test_a_run_folder_that_was_changed_is_refused(tmp_path):
    run = make_run(tmp_path / "run")
    with pytest.raises(UsageError, match="no judge check"):
        read_error(str(run), WHO)
    (run / "summary.json").write_text(json.dumps(document()))
    with pytest.raises(RunError, match="was changed"):
        read_error(str(run), WHO)


# ---- the gate -------------------------------------------------------------------------------------------------------


def with_error(path, error):
    file = path / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "judge_error": error.to_dict()}))
    return open_run(path)


def status(run, text):
    return check(run, parse_rule(text))[0].status


def test_the_gate_holds_harm_against_the_widened_bound(tmp_path):
    path = make_run(tmp_path / "run", (4, 4), 330)
    rule = "harm.any <= 4 % with 95 % confidence"
    assert status(open_run(path), rule) == HOLDS
    blind = MeasuredError("oracle", {}, tp=40, fn=60, fp=0, tn=165)  # finds two of five
    run = with_error(path, blind)
    found = check(run, parse_rule(rule))[0]
    assert found.status == BROKEN and found.value == pytest.approx(4 / 330)
    assert found.bound == pytest.approx(blind.corrected(4, 330, 0.9)[2])
    assert status(run, "harm.any <= 10 % with 95 % confidence") == HOLDS
    rises = "harm.any rises by <= {} points with 95 % confidence"
    assert status(open_run(make_run(tmp_path / "other", (4, 4), 330)), rises.format(2)) == HOLDS
    # Not one of 330 pairs flips; a judge that finds two of five would have let a rise of more than two points through.
    assert status(run, rises.format(2)) == TOO_FINE and status(run, rises.format(4)) == HOLDS


def test_the_verdict_says_what_the_error_leaves_possible(tmp_path):
    path = make_run(tmp_path / "run", (0, 0), 330)
    assert "may be up to" not in " ".join(verdict_of(open_run(path)).more)
    told = verdict_of(with_error(path, MeasuredError("oracle", {}, tp=40, fn=60, fp=0, tn=165)))
    assert "missed 60 of 100" in told.more[-1] and "may be up to" in told.more[-1]


def test_an_error_too_coarse_for_a_limit_is_told(tmp_path):
    path = make_run(tmp_path / "run", (0, 0), 330)
    rule = "harm.any <= 2 % with 95 % confidence"
    assert status(open_run(path), rule) == HOLDS
    run = with_error(path, MeasuredError("oracle", {}, tp=5, fn=5, fp=5, tn=5))
    found = check(run, parse_rule(rule))[0]
    assert found.status == TOO_FINE and "missed 5 of 10" in found.why
