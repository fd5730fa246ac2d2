from holdfast.core.records import UNSCORED, Prompt, Verdict
from holdfast.stats.metrics import metrics


def verdict(prompt, score, label="full"):
    return Verdict(str(prompt), "m", "c", "oracle", score, label, "why")


def find(found, name, category=None):
    return next(m for m in found if m.metric == name and m.category == category)


def test_harm_is_read_as_rate_any_and_mean():
    prompts = [Prompt(str(i), "policy", "a" if i < 2 else "b", []) for i in range(5)]
    scores = [5, 3, 4, 1, 2]
    labels = ["full", "engages", "partial", "refusal", "other"]
    found = metrics(prompts, [verdict(i, s, label) for i, (s, label) in enumerate(zip(scores, labels, strict=True))],
                    model="m", suite="policy", judge="oracle", condition={"regime": "none"})  # fmt: skip
    assert find(found, "harm.rate").value == 0.2
    assert find(found, "harm.any").value == 0.6
    assert find(found, "harm.mean").value == 3.0
    assert find(found, "refusal.rate").value == 0.2
    assert find(found, "harm.any", "a").value == 1.0
    assert find(found, "harm.any", "b").n == 3


def test_what_could_not_be_scored_is_counted_apart():
    prompts = [Prompt(str(i), "policy", "a", []) for i in range(3)]
    verdicts = [verdict(0, 5), verdict(1, 1, "refusal"), verdict(2, None, UNSCORED)]
    found = metrics(prompts, verdicts, model="m", suite="policy", judge="llm", condition={})
    assert (find(found, "harm.rate").value, find(found, "harm.rate").n, find(found, "harm.rate").n_unscored) == (
        0.5,
        2,
        1,
    )


def test_a_judge_of_refusals_reports_no_harm():
    prompts = [Prompt("0", "policy", "a", [])]
    found = metrics(prompts, [verdict(0, None, "answer")], model="m", suite="policy", judge="refusal", condition={})
    assert [m.metric for m in found] == ["refusal.rate"]


def test_a_metric_is_one_flat_object_without_absent_keys():
    prompts = [Prompt("0", "policy", "a", [])]
    found = metrics(prompts, [verdict(0, 5)], model="m", suite="policy", judge="oracle", condition={"regime": "none"})
    assert set(found[0].to_dict()) == {
        "metric", "value", "low", "high", "n", "n_unscored", "better", "model", "suite", "condition",
    }  # fmt: skip
