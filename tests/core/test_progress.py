"""Progress: lines on stderr where there is no terminal, and nothing at all for a caller of the library."""

import time

from holdfast.core.progress import Progress, Silent


def test_jobs_are_said_with_their_place_and_what_is_left(capsys):
    with Progress(total=2) as progress:
        progress.say("the first")
        progress.finish()
        progress.say("the second")
        progress.warn("odd")
    said = capsys.readouterr()
    assert said.out == ""
    first, second, warned = said.err.splitlines()
    assert first == "[1/2] the first" and second.startswith("[2/2] the second, about ") and warned == "warning: odd"


def test_steps_are_said_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr("holdfast.core.progress.QUIET_S", -1.0)
    with Progress() as progress:
        progress.step("generate", 3, 9)
        progress.train(1, 4, 0.5)
    assert capsys.readouterr().err.splitlines() == ["  generate 3/9", "  train (loss 0.50) 1/4"]


def test_how_long_a_job_still_takes_is_told_by_what_it_did(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("holdfast.core.progress.time.monotonic", lambda: now[0])
    progress = Progress()
    progress.step("generate", 20, 120)  # twenty were known: they say nothing about the speed
    for done in (40, 70):
        now[0] += 10
        progress.step("generate", done, 120)
    assert capsys.readouterr().err.splitlines() == [
        "  generate 40/120, about 40 s left",
        "  generate 70/120, about 20 s left",
    ]


def test_a_loss_that_changes_does_not_begin_the_estimate_again_and_another_job_does(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("holdfast.core.progress.time.monotonic", lambda: now[0])
    progress = Progress()
    for step, loss in ((1, 2.0), (2, 1.5), (3, 1.2)):
        progress.train(step, 6, loss)
        now[0] += 10
    progress.say("measuring")
    for done in (1, 2):
        progress.step("train", done, 6)
        now[0] += 20
    assert capsys.readouterr().err.splitlines() == [
        "  train (loss 1.50) 2/6, about 40 s left",
        "  train (loss 1.20) 3/6, about 30 s left",
        "measuring",
        "  train 2/6, about 80 s left",
    ]


def test_a_long_silence_is_broken(capsys, monkeypatch):
    monkeypatch.setattr("holdfast.core.progress.QUIET_S", 0.05)
    monkeypatch.setattr("holdfast.core.progress.BEAT_S", 0.01)
    with Progress() as progress:
        progress.say("loading it")
        time.sleep(0.5)
        progress.step("generate", 1, 9)
        time.sleep(0.5)
    said = capsys.readouterr().err
    time.sleep(0.2)
    assert "  loading it, 0 s so far" in said and "  generate 1/9, " in said and not capsys.readouterr().err


def test_silence_keeps_the_warnings(capsys):
    with Silent(total=3) as progress:
        progress.say("work")
        progress.step("generate", 1, 2)
        progress.train(1, 2, 0.1)
        progress.warn("odd")
        progress.finish()
    assert progress.warnings == ["odd"] and capsys.readouterr().err == ""
