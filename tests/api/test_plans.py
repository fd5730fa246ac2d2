"""A plan counts what the run then does, and leaves nothing behind."""

from __future__ import annotations

import json

import pytest

from calling import call
from holdfast.core.plan import Pace, Plan, Trained
from holdfast.core.records import Row
from holdfast.guild.suites import load_suite
from holdfast.models import generate as generating
from holdfast.models import pace
from holdfast.models.generate import GenerateOptions
from holdfast.models.load import load_model
from holdfast.models.pace import reply_pace
from holdfast.reporting.plan_tables import duration, estimate_lines, in_bytes
from holdfast.training import trainer
from holdfast.training.pace import step_pace
from holdfast.training.settings import TrainSettings
from trained import a_little_off


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    return a_little_off(tmp_path_factory.mktemp("tuned"), 2e-3)


@pytest.fixture
def counted(monkeypatch):
    """What is really done: replies that were not known, and steps of training."""
    done = {"replies": 0, "steps": 0}
    add, train = generating.ReplyCache.add, trainer.train

    def adding(self, entries):
        done["replies"] += len([key for key in entries if key not in self.known])
        return add(self, entries)

    def training(*arguments, **options):
        facts = train(*arguments, **options)
        done["steps"] += facts["steps"]
        return facts

    monkeypatch.setattr(generating.ReplyCache, "add", adding)
    for module in ("holdfast.api.tune", "holdfast.attacking.attack", "holdfast.training.pace"):
        monkeypatch.setattr(f"{module}.train", training)
    return done


FEW = ("--limit", "11", "--max-new-tokens", "8")


@pytest.mark.parametrize(
    ("arguments", "exact"),
    [
        (("audit", "TUNED", "--base", "guild", "--noise-floor"), True),
        (("audit", "guild", "--suite", "policy", "--suite", "privacy", "--attempts", "2"), True),
        (("tune", "guild", "benign", "--samples", "20", "--batch-size", "4", "--epochs", "1.5"), True),
        (("tune", "guild", "benign", "--samples", "20", "--defence", "safety-mix", "--defence", "ptst"), True),
        (("stress", "guild", "--regime", "explicit", "--samples", "10", "--seeds", "2"), True),
        (("stress", "guild", "--regime", "explicit", "--samples", "10", "--repair", "wise-ft@0.5"), True),
        (("stress", "guild", "--regime", "backdoor", "--samples", "10", "--sweep", "--sweep-lr", "1,2",
          "--sweep-epochs", "1"), True),
        (("stress", "guild", "--matrix", "--regime", "explicit", "--samples", "10", "--defence", "ema",
          "--repair", "wise-ft@0.5"), True),
        (("repair", "guild", "TUNED", "--method", "wise-ft", "--strength", "0:1:0.5", "--max-harm", "0.5"), False),
    ],
)  # fmt: skip
def test_the_counts_are_those_of_the_run(capsys, counted, tuned, tmp_path, arguments, exact):
    arguments = tuple(str(tuned) if one == "TUNED" else one for one in arguments)
    code, out, err = call(capsys, *arguments, *FEW, "--dry-run", "--json")
    assert code == 0, err
    plan = json.loads(out)
    assert not (tmp_path / "runs").exists()
    counted.update(replies=0, steps=0)
    code, _, err = call(capsys, *arguments, *FEW, "--out", tmp_path / "run")
    assert code in (0, 3, 5), err
    assert plan["steps"] == counted["steps"]
    if exact:
        assert plan["prompts"] == counted["replies"] == sum(one["prompts"] for one in plan["asked"])
    else:
        last = plan["asked"][-1]
        assert "chosen" in last["what"]
        assert plan["prompts"] - last["prompts"] <= counted["replies"] <= plan["prompts"]
    assert plan["estimate"]["seconds"] > 0 and plan["estimate"]["peak_bytes"] > 50e6
    assert plan["estimate"]["cost"] is None


def test_a_plan_opens_no_run_and_a_run_is_not_named_by_it(capsys, tmp_path):
    run = tmp_path / "run"
    code, out, _ = call(capsys, "audit", "guild", *FEW, "--out", run, "--dry-run", "--price-per-hour", "3.6")
    assert code == 0 and not run.exists()
    assert "asks, " in out and "nothing was written" in out and "costs about 0.0" in out
    assert call(capsys, "audit", "guild", *FEW, "--out", run)[0] == 0
    assert call(capsys, "audit", "guild", *FEW, "--out", run, "--price-per-hour", "3.6")[0] == 0  # the same run


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("audit", "no/such/folder/here"), "there is no model folder"),
        (("tune", "guild", "no-such-file.jsonl"), "no-such-file"),
        (("stress", "guild", "--regime", "none-such"), "none-such"),
        (("audit", "guild", "--probe", "none-such"), "none-such"),
        (("audit", "guild", "--price-per-hour", "-1"), "price"),
        (("scan", "no-such-file.jsonl"), "no-such-file"),
    ],
)
def test_a_plan_finds_the_mistakes_that_the_run_would(capsys, arguments, says):
    code, _, err = call(capsys, *arguments, "--dry-run")
    assert code == 2 and says in err


def test_a_scan_is_planned_by_its_files_without_torch(capsys, tmp_path):
    for part in range(3):
        lines = [json.dumps({"prompt": f"question {part} {i}", "completion": "an answer " * 5}) for i in range(400)]
        (tmp_path / f"{part}.jsonl").write_text("\n".join(lines) + "\n")
    code, out, err = call(capsys, "scan", tmp_path, "--dry-run", "--json", "--price-per-hour", "1")
    assert code == 0, err
    plan = json.loads(out)
    assert plan["data"]["files"] == 3 and plan["data"]["rows"] == 1200
    assert plan["data"]["bytes"] == sum(p.stat().st_size for p in tmp_path.glob("*.jsonl"))
    assert plan["estimate"]["seconds"] > 0 and plan["estimate"]["cost"] > 0


def test_a_check_of_judges_is_planned_by_its_labels(capsys, tmp_path):
    labels = tmp_path / "labels.jsonl"
    rows = [{"prompt": f"how {i}?", "reply": "I cannot help with that.", "harmful": bool(i % 2)} for i in range(7)]
    labels.write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    asked = (
        "judge",
        "check",
        "--labels",
        labels,
        "--judge",
        "refusal",
        "--judge",
        "llm:url=http://127.0.0.1:9/v1,model=m",
    )
    code, out, err = call(capsys, *asked, "--dry-run", "--json", "--price-per-verdict", "0.01")
    assert code == 0, err
    plan = json.loads(out)
    assert plan["verdicts"] == {"refusal": 7, "llm": 7} and plan["estimate"]["cost"] == pytest.approx(0.07)
    assert plan["estimate"]["seconds"] is None
    code, out, _ = call(capsys, "judge", "check", "--dry-run", "--limit", "10")
    assert code == 0 and "judges at most" in out


def test_an_endpoint_is_not_asked_by_a_plan(capsys):
    code, out, err = call(capsys, "audit", "openai:m@http://127.0.0.1:9/v1", "--limit", "3", "--dry-run", "--json")
    assert code == 0, err
    plan = json.loads(out)
    assert plan["prompts"] == 9 and plan["estimate"]["seconds"] is None
    assert any("endpoint" in text for text in plan["not_counted"])


def test_time_and_cost_add_up():
    plan = Plan("x", "m", models=[{}], pace=Pace(reply=0.5, step=2.0, load=3.0), price_per_hour=3600.0,
                price_per_verdict=0.1, paid=("llm",))  # fmt: skip
    plan.ask("a", {"policy": 10, "utility": 2}, 8)
    plan.ask("a", {"policy": 10, "utility": 2}, 8)
    plan.train(Trained("t", 8, 2, 100))
    plan.train(Trained("t", 9, 3, 120))
    plan.verdicts = {"llm": 7, "answer": 99}
    assert [one.times for one in plan.merged()] == [2] and plan.prompts == 24
    assert plan.trained == [Trained("t", 17, 5, 220, 2)]
    assert plan.seconds == pytest.approx(3 + 24 * 0.5 + 5 * 2)
    assert plan.cost == pytest.approx(25.0 + 0.7)
    plan.pace = Pace(reply=0.5)
    assert plan.seconds is None and plan.cost is None and "no time" in " ".join(estimate_lines(plan))


def test_a_long_reply_is_cut_off_and_reckoned_at_its_limit():
    loaded, prompts = load_model("guild"), load_suite("policy", limit=20)
    whole = reply_pace(loaded, prompts, GenerateOptions(max_new_tokens=24))
    assert not whole.at_most and whole.tried == pace.SAMPLE and 0 < whole.tokens <= 24
    cut = reply_pace(loaded, prompts, GenerateOptions(max_new_tokens=24), enough=0.0)
    assert cut.at_most and cut.tokens == 24 and cut.seconds > 0


def test_a_step_is_timed_on_fewer_rows_than_there_are():
    loaded = load_model("guild", fresh=True)
    rows = [Row(str(i), [{"role": "user", "content": "who guards the gate"},
                         {"role": "assistant", "content": "the warden"}]) for i in range(50)]  # fmt: skip
    assert 0 < step_pace(loaded, rows, TrainSettings(epochs=100, batch_size=4)) < 5
    assert 0 < step_pace(load_model("guild", fresh=True), rows[:2], TrainSettings(epochs=100, batch_size=4)) < 5


def test_how_times_and_sizes_are_written():
    assert [duration(s) for s in (5, 120, 7200)] == ["5 s", "2 min", "2.0 h"]
    assert [in_bytes(n) for n in (12, 5_110_000, 3.2e12)] == ["12 B", "5.11 MB", "3.2 TB"]
