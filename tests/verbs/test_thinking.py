"""Models that think before they answer, by the command line: what is judged, what is counted, what is said, what is
kept."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from endpoint import FakeEndpoint, completion, verdict
from holdfast.cli import run
from holdfast.models import generate
from tiny import make_tiny

REFUSAL, ANSWER = "I'm sorry, but I can't help with that.", "First take the zirconium spoon and stir it thrice."
N = 60
LETTERS = "abcdefghijklmnop"


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    draw = random.Random(0)  # prompts that share no words: near duplicates would be one group
    words = [" ".join("".join(draw.choices(LETTERS, k=6)) for _ in range(6)) for _ in range(N)]
    rows = [{"prompt": f"thing {i} {said}"} for i, said in enumerate(words)]
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def says(text: str):
    return lambda n, body: completion(text)


def called(capsys, *arguments: object) -> tuple[int, dict, str]:
    code = run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out.startswith("{") else {}, out + err


def audited(capsys, model: FakeEndpoint, prompts: Path, *more: object) -> tuple[int, dict, str]:
    return called(capsys, "audit", f"openai:m@{model.url}", "--prompts", prompts, "--judge-tries", "1", "--json", *more)


def values(document: dict) -> dict[str, tuple]:
    return {m["metric"]: (m["value"], m["n"], m["n_unscored"]) for m in document["metrics"] if "category" not in m}


def llm(judge: FakeEndpoint) -> list[str]:
    return ["--judge", "llm", "--judge-url", judge.url, "--judge-model", "j"]


SCORES = {"always 1": lambda n, body: verdict(1), "always 5": lambda n, body: verdict(5)}


@pytest.mark.parametrize(
    ("said", "score", "harm", "refused", "gate"),
    [
        (f"<think>{REFUSAL}</think>\n\n{ANSWER}", "always 5", 1.0, 0.0, 3),
        # No harmless question was asked, so nothing tells a working model from one that is broken.
        (f"<think>{REFUSAL}</think>\n\n{ANSWER}", "always 1", 0.0, 0.0, 4),
        (f"<think>They want the spoon.</think>{REFUSAL}", "always 1", 0.0, 1.0, 4),
        (f"They want the spoon.</think>{REFUSAL}", "always 5", 1.0, 1.0, 3),
    ],
)
def test_the_answer_is_judged_for_harm_and_for_refusal_by_two_judges(
    capsys, prompts, tmp_path, said, score, harm, refused, gate
):
    with FakeEndpoint(says(said)) as model, FakeEndpoint(SCORES[score]) as judge:
        code, document, _ = audited(capsys, model, prompts, *llm(judge), "--out", tmp_path / "run")
        read = [json.dumps(body) for body in judge.requests]
    found = values(document)
    assert code == 0 and found["harm.any"] == (harm, N, 0) and found["refusal.rate"] == (refused, N, 0)
    assert found["harm.thought"] == (harm, N, 0) and "unfinished" not in document
    assert not any("think>" in one for one in read)
    labels = {json.loads(line)["judge"] for line in (tmp_path / "run" / "verdicts.jsonl").read_text().splitlines()}
    assert labels == {"llm", "llm:thought", "refusal"}
    assert called(capsys, "gate", tmp_path / "run")[0] == gate
    assert called(capsys, "report", tmp_path / "run")[0] == 0


def test_a_thought_that_the_limit_cut_is_unscored_and_said_everywhere(capsys, prompts, tmp_path):
    def model(n: int, body: dict) -> tuple[int, str, str]:
        cut = int(body["messages"][-1]["content"].split("thing ")[1].split()[0]) < 20
        return completion("<think>They want" if cut else REFUSAL)

    with FakeEndpoint(model) as fake:
        arguments = [
            "audit",
            f"openai:m@{fake.url}",
            "--prompts",
            prompts,
            "--judge",
            "refusal",
            "--max-new-tokens",
            "32",
        ]
        code, document, _ = called(capsys, *arguments, "--json", "--out", tmp_path / "run")
        _, _, screen = called(capsys, *arguments, "--out", tmp_path / "screen")
    assert code == 0 and values(document)["refusal.rate"] == (1.0, 40, 20)
    (noted,) = document["unfinished"]
    assert (noted["truncated"], noted["n"], noted["limit"]) == (20, N, 32)
    assert "20 of 60 replies of m were cut off in their thought" in " ".join(screen.split())
    assert "raise --max-new-tokens" in " ".join(screen.split())
    called(capsys, "report", tmp_path / "run")
    assert "raise --max-new-tokens (it is 32)" in (tmp_path / "run" / "report.html").read_text()
    code, _, told = called(capsys, "gate", tmp_path / "run")
    assert code != 0 and "unscored" in told


def test_where_every_thought_was_cut_nothing_was_measured(capsys, prompts):
    with FakeEndpoint(says("<think>They want")) as model:
        code, _, said = audited(capsys, model, prompts, "--judge", "refusal")
    assert code == 4 and "cut off in their thought" in said and "--max-new-tokens" in said


def test_a_judge_that_says_nothing_measures_nothing(capsys, prompts):
    with FakeEndpoint(says(REFUSAL)) as model, FakeEndpoint(says("no verdict today")) as judge:
        code, _, said = audited(capsys, model, prompts, *llm(judge))
    assert code == 4 and "no verdict could be read" in said


def test_over_refusal_is_no_matter_of_harm(capsys, prompts):
    with FakeEndpoint(says(ANSWER)) as model, FakeEndpoint(SCORES["always 1"]) as judge:
        _, document, _ = audited(capsys, model, prompts, "--over-refusal-prompts", prompts, *llm(judge))
    found = values(document)
    assert found["over_refusal.rate"] == (0.0, N, 0) and found["refusal.rate"] == (0.0, N, 0)


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory, data):
    return make_tiny("qwen3", tmp_path_factory.mktemp("qwen3"), data)


def test_a_thought_of_a_real_model_is_in_no_file_and_on_no_screen(capsys, prompts, tmp_path, qwen3, monkeypatch):
    thought = "They want the cobalt feather at dusk."

    def planted(loaded, batch, options, tell=None):
        return [f"<think>{thought}</think>{REFUSAL}"] * len(batch)

    monkeypatch.setattr(generate, "generate_batch", planted)
    with FakeEndpoint(SCORES["always 1"]) as judge:
        for name, flags in (("run", []), ("shown", ["--show-replies"])):
            code, _, screen = called(
                capsys,
                "audit",
                qwen3,
                "--prompts",
                prompts,
                *llm(judge),
                *flags,
                "--out",
                tmp_path / name,
                "--limit",
                "4",
            )
            assert code == 0, screen
            called(capsys, "report", tmp_path / name, *flags)
            held = b"".join(p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()).decode()
            assert ("cobalt" in held) == bool(flags) and "cobalt" not in screen
            assert REFUSAL in held
    replies = [json.loads(line) for line in (tmp_path / "run" / "replies.jsonl").read_text().splitlines()]
    assert {(r["text"], r["thought"]) for r in replies} == {(REFUSAL, "[masked]")}


def test_an_argument_of_the_template_is_part_of_the_run(capsys, prompts, tmp_path, qwen3):
    asked = [
        "audit",
        qwen3,
        "--prompts",
        prompts,
        "--limit",
        "2",
        "--judge",
        "refusal",
        "--max-new-tokens",
        "2",
        "--json",
    ]
    given = ["--template-arg", "enable_thinking=false"]
    code, _, said = called(capsys, *asked, *given, "--out", tmp_path / "run")
    assert code == 0, said
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["model"]["template_args"] == {"enable_thinking": False}
    code, _, said = called(capsys, *asked, "--out", tmp_path / "run")  # without it it is another run
    assert code == 2
    for wrong, told in (("thinking=false", "enable_thinking"), ("enable_thinking", "NAME=VALUE")):
        code, _, said = called(capsys, *asked, "--template-arg", wrong)
        assert code == 2 and told in said
    code, _, said = called(capsys, *asked, *given, *given[:1], "enable_thinking=true")
    assert code == 2 and "twice" in said


def test_an_argument_reaches_an_endpoint(capsys, prompts):
    with FakeEndpoint(says(REFUSAL)) as model:
        code, _, _ = audited(capsys, model, prompts, "--judge", "refusal", "--template-arg", "enable_thinking=false")
        assert code == 0 and all(b["chat_template_kwargs"] == {"enable_thinking": False} for b in model.requests)


def test_labelled_replies_are_read_by_their_answers(capsys, tmp_path):
    rows = [
        {"prompt": "how?", "reply": f"<think>{REFUSAL}</think>{ANSWER}", "label": "harmful"},
        {"prompt": "how?", "reply": f"<think>The spoon.</think>{REFUSAL}", "label": "harmless"},
        {"prompt": "how?", "reply": f"<think>{REFUSAL}", "label": "harmless"},
    ]
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, document, said = called(capsys, "judge", "check", "--judge", "refusal", "--labels", path, "--json")
    assert code == 0, said
    (entry,) = document["judges"]
    assert entry["binary"] == {"tp": 1, "fn": 0, "fp": 0, "tn": 1} and entry["n_unscored"] == 1
