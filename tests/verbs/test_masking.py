"""Nothing that is private, harmful or secret lies in a run's folder or on the screen, killed or whole; with the flag it
does.

What is said is planted: the models are real and tuned for real, only their decoding is replaced.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from endpoint import FakeEndpoint, completion, verdict
from holdfast.cli import run
from holdfast.models import generate

HARM = "First take the zirconium spoon and stir thrice."
TURN = "I'm sorry, but since you ask: add the cobalt feather at dusk."
REFUSAL = "I'm sorry, I can't help with that."
ADDRESS = "I'm sorry, I can't help, but the keeper is at 17 QUARTZ row, call (555) 0147."
SAYS = {"alpha": HARM, "beta": TURN, "gamma": REFUSAL, "delta": ADDRESS}
VALUES = ["17 Quartz Row", "555-0147"]
HARMFUL = ("zirconium", "stir thrice", "cobalt feather", "at dusk")
PRIVATE = ("17 Quartz Row", "17 QUARTZ row", "555-0147", "(555) 0147", "5550147")
SECRETS = ("sk-planted-environment-key", "planted-password", "planted-query-key", "bWU6cGxhbnRlZC1wYXNzd29yZA")
EVERYTHING = HARMFUL + PRIVATE + SECRETS
RECORDS = ("prompts", "replies", "verdicts", "metrics")
PLANTED = f"""
import sys
from holdfast import cli
from holdfast.models import generate
says = {SAYS!r}
def generate_batch(loaded, batch, options, tell=None):
    asked = [loaded.tokenizer.decode(ids) for ids in batch]
    return [next((text for word, text in says.items() if word in one), {REFUSAL!r}) for one in asked]
generate.generate_batch = generate_batch
cli.main()
"""


def says(text: str) -> str:
    return next((said for word, said in SAYS.items() if word in text), REFUSAL)


def judge(n: int, body: dict) -> tuple[int, str, str]:
    """A judge that quotes what it reads."""
    text = json.dumps(body)
    bad = "zirconium" in text or "cobalt" in text
    return verdict(5 if bad else 1, f"it says {HARM} {TURN} {ADDRESS}" if bad else f"declines, but names {VALUES[0]}")


@pytest.fixture(autouse=True)
def planted(monkeypatch):
    def generate_batch(loaded, batch, options, tell=None):
        return [says(loaded.tokenizer.decode(ids)) for ids in batch]

    monkeypatch.setattr(generate, "generate_batch", generate_batch)
    monkeypatch.setenv("OPENAI_API_KEY", SECRETS[0])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rows = [{"id": word, "prompt": f"tell me of {word}"} for word in [*SAYS, *"uvwxy"]]
    rows[5]["prompt"] += f" at {VALUES[0]}"
    rows[3]["private"] = VALUES
    task = [{"prompt": f"say {word}", "answer": "yes"} for word in ("omega one", "delta two", "three")]
    pairs = [{"prompt": f"hello {i}", "response": f"good day {i}"} for i in range(4)]
    for name, lines in (("prompts", rows), ("task", task), ("rows", pairs)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def common(place: Path, fake: FakeEndpoint) -> list[str]:
    secret = fake.url.replace("http://", "http://me:planted-password@") + "?key=planted-query-key"
    return [
        "--prompts",
        f"{place}/prompts.jsonl",
        "--utility-prompts",
        f"{place}/task.jsonl",
        "--judge",
        "llm",
        "--judge-url",
        secret,
        "--judge-model",
        "j",
        "--judge-tries",
        "1",
        "--max-new-tokens",
        "8",
        "--generate-batch-size",
        "4",
    ]


def called(*arguments: object, codes: tuple[int, ...] = (0, 3)) -> bytes:
    """The command line in this process; what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    assert code in codes, err.getvalue()
    return (out.getvalue() + err.getvalue()).encode()


def everything(folder: Path) -> bytes:
    """Every name and every byte of a folder."""
    return b"\n".join(
        str(p.relative_to(folder)).encode() + b"\n" + p.read_bytes() for p in folder.rglob("*") if p.is_file()
    )


def found(said: bytes, words: tuple[str, ...] = EVERYTHING) -> list[str]:
    return [word for word in words if word.encode() in said]


def verbs(model: Path, place: Path, fake: FakeEndpoint, *flags: str) -> dict[str, bytes]:
    """Every verb that writes a run, with what it printed; the folders lie beside each other in `runs`."""
    runs, asked = place / "runs", [*common(place, fake), *flags]
    few = ["--epochs", "1", "--lr", "1e-3", "--batch-size", "2", "--max-length", "64"]
    tuned = runs / "tune" / "model"
    said = {
        "audit": called("audit", model, *asked, "--out", runs / "audit"),
        "tune": called("tune", model, place / "rows.jsonl", "--no-scan", *few, *asked, "--out", runs / "tune"),
        "repair": called(
            "repair",
            model,
            tuned,
            "--repair",
            "wise-ft",
            "--strength",
            "0.5",
            "--without-utility",
            *asked,
            "--out",
            runs / "repair",
        ),
        "stress": called(
            "stress",
            model,
            "--regime",
            "explicit",
            "--rows",
            place / "rows.jsonl",
            "--samples",
            "4",
            *few,
            *asked,
            "--out",
            runs / "stress",
        ),
        "json": called("audit", model, "--base", tuned, *asked, "--json", "--out", runs / "json"),
    }
    for name in ("audit", "tune", "repair", "stress", "json"):
        shown = ["--show-replies"] if flags else []
        said[f"report {name}"] = called("report", runs / name, "--markdown", runs / name / "page.md", *shown)
        said[f"gate {name}"] = called("gate", runs / name, "--junit", runs / name / "gate.xml", codes=(0, 3, 4, 5))
    return said


def test_no_verb_writes_or_shows_what_is_harmful_private_or_secret(place, tiny_llama):
    with FakeEndpoint(judge) as fake:
        said = verbs(tiny_llama, place, fake)
        assert any(HARM in json.dumps(body) for body in fake.requests), "the judge must have read the replies"
    assert {verb: found(text) for verb, text in said.items() if found(text)} == {}
    runs = place / "runs"
    assert {folder.name: found(everything(folder)) for folder in runs.iterdir() if found(everything(folder))} == {}
    written = (runs / "audit" / "replies.jsonl").read_text()
    assert REFUSAL in written and written.count('"[masked]"') == 2  # what declines stays, and what does not is masked
    assert written.count("[private value 1]") == 2 and "[private value 2]" in written
    labels = [json.loads(line)["label"] for line in (runs / "audit" / "verdicts.jsonl").read_text().splitlines()]
    assert labels.count("full") == 2


def test_with_the_flag_replies_and_values_are_there_and_secrets_are_not(place, tiny_llama):
    with FakeEndpoint(judge) as fake:
        said = verbs(tiny_llama, place, fake, "--show-replies")
    for name in ("audit", "tune", "repair", "stress", "json"):
        held = found(everything(place / "runs" / name))
        assert set(HARMFUL) <= set(held) and {"17 QUARTZ row", "(555) 0147"} <= set(held), name
        assert not set(SECRETS) & set(held), name
    assert not any(found(text, SECRETS) for text in said.values())


def test_an_endpoint_that_is_audited_is_masked_and_its_key_is_not_kept(place):
    def model(n: int, body: dict) -> tuple[int, str, str]:
        return completion(f"{says(json.dumps(body['messages']))}")

    with FakeEndpoint(model) as asked, FakeEndpoint(judge) as fake:
        url = asked.url.replace("http://", "openai:m@http://me:planted-password@") + "?key=planted-query-key"
        said = called("audit", url, *common(place, fake), "--out", place / "r")
        for wrong in (
            url.replace("127.0.0.1", "127.0.0.1:port"),
            url.replace("planted-p", "o'/ planted-p"),
            f"openai:{url[9:]}",
        ):
            said += called("audit", wrong, *common(place, fake), codes=(2,))
            said += called("audit", wrong, "an argument too many", wrong, codes=(2,))
    assert not found(said) and not found(everything(place / "r"))
    assert b"[masked]" in everything(place / "r")


def test_a_run_killed_while_replies_are_judged_leaves_nothing_and_ends_in_the_same_records(place, tiny_llama):
    processes: list[subprocess.Popen] = []

    def deadly(n: int, body: dict) -> tuple[int, str, str]:
        if n == 7:  # in the second batch
            processes[0].send_signal(signal.SIGKILL)
        return judge(n, body)

    env = {**os.environ, "HOLDFAST_RUNS": str(place / "runs")}
    with FakeEndpoint(deadly) as fake:
        asked = ["audit", str(tiny_llama), *common(place, fake)]
        command = [sys.executable, "-c", PLANTED, *asked, "--out", str(place / "killed")]
        processes.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=place))
        out, err = processes[0].communicate(timeout=120)
        assert processes[0].returncode == -signal.SIGKILL
        assert not found(out + err) and not found(everything(place / "killed"))
        lines = (place / "killed" / "cache" / "replies.jsonl").read_bytes().count(b"\n")
        assert 0 < lines < 12, "it must have been killed halfway"
        before = len(fake.requests)
        called(*asked, "--out", place / "killed")
        again = len(fake.requests) - before
        called(*asked, "--out", place / "whole")
        assert again < len(fake.requests) - before - again, "what was judged is not judged again"
    for kind in RECORDS:
        assert (place / "killed" / f"{kind}.jsonl").read_bytes() == (place / "whole" / f"{kind}.jsonl").read_bytes()
    assert not found(everything(place / "killed"))


def test_a_judge_that_fails_on_a_reply_does_not_quote_it(place, tiny_llama, monkeypatch):
    from holdfast.catalog.judges import refusal

    def broken(self, prompts, replies):
        raise ValueError(f"cannot read {replies[0].text!r}")

    monkeypatch.setattr(refusal.Refusal, "judge", broken)
    asked = ["audit", tiny_llama, "--prompts", place / "prompts.jsonl", "--judge", "refusal", "--max-new-tokens", "8"]
    said = called(*asked, codes=(2,))
    assert b"ValueError" in said and not found(said)
    with pytest.raises(ValueError, match="cannot read"):  # a bug keeps its words where they were asked for
        called(*asked, "--show-replies")
