"""What a run is doing and how long it still takes, on stderr.

A live line on a terminal, a plain line now and then else.

with Progress() as progress:
    progress.say("explicit, 100 examples, seed 0")
    progress.step("train", 10, 50)
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

QUIET_S = 8.0  # after so long a silence, where there is no terminal, it is said how far things are

BEAT_S = 1.0  # how often that is looked at
NO_PART: tuple[str, int, int, float] = ("", 0, 0, 0.0)  # of a job: what, in all, done at first, since when

# What a long step tells on its way.
Show = Callable[[int, int], None]  # done, in all
ShowPart = Callable[[str, int, int], None]  # what is being done, done, in all
ShowLoss = Callable[[int, int, float], None]  # step, steps, loss


class Progress:
    """Progress of a run. `total` jobs, each with steps of its own; the estimate covers all jobs.

    beats: whether a thread breaks a long silence; not beside processes that are forked.
    """

    def __init__(self, total: int = 1, beats: bool = True) -> None:
        self.console = Console(stderr=True)
        self.live = self.console.is_terminal
        self.total, self.done, self.beats = total, 0, beats
        self.alike = True  # whether the jobs take about as long as each other, so that one tells of the next
        self.began = self.said = time.monotonic()
        self.job = self.status = ""
        self.part = NO_PART
        self.over = threading.Event()
        self.bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self.task = self.bar.add_task("", total=None) if self.live else None

    def __enter__(self) -> Progress:
        if self.live:
            self.bar.start()
        elif self.beats:
            threading.Thread(target=self._break_silence, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        if self.live:
            self.bar.stop()

    def say(self, job: str) -> None:
        """A new job begins."""
        self.job, self.status, self.part = job, "", NO_PART
        left = f", about {self.left():.0f} s left" if self.done and self.alike else ""
        place = f"[{self.done + 1}/{self.total}] " if self.total > 1 else ""
        self._line(f"{place}{job}{left}")

    def warn(self, text: str) -> None:
        """Something that the user should know and that stops nothing."""
        self._line(f"warning: {text}")

    def finish(self) -> None:
        """The present job is done."""
        self.done += 1

    def left(self) -> float:
        return (time.monotonic() - self.began) / max(self.done, 1) * max(self.total - self.done, 0)

    def step(self, what: str, done: int, total: int, note: str = "") -> None:
        """The present job's own progress; how long it still takes is told by what it did so far.

        note: what is shown behind `what` and may change on the way.
        """
        told = f"{what} {note}" if note else what
        if self.task is not None:
            self.bar.update(
                self.task, description=f"{self.job}: {told}" if self.job else told, completed=done, total=total
            )
            return
        now = time.monotonic()
        if self.part[:2] != (what, total) or done < self.part[2]:
            self.part = (what, total, done, now)
        _, _, first, since = self.part
        left = f", about {(now - since) / (done - first) * (total - done):.0f} s left" if done > first else ""
        self.status = f"{told} {done}/{total}{left if now - since >= 1 else ''}"
        if now - self.said > QUIET_S:
            self._line(f"  {self.status}")

    def train(self, step: int, steps: int, loss: float) -> None:
        self.step("train", step, steps, f"(loss {loss:.2f})" if loss == loss else "")

    def _break_silence(self) -> None:
        """Say from a thread where things stand, when a step is long and says nothing itself."""
        while not self.over.wait(BEAT_S):
            if self.job and time.monotonic() - self.said > QUIET_S:
                self._line(f"  {self.status or self.job}, {time.monotonic() - self.began:.0f} s so far")

    def _line(self, text: str) -> None:
        self.said = time.monotonic()
        self.console.print(text, highlight=False, markup=False, soft_wrap=True) if self.live else print(
            text, file=sys.stderr, flush=True
        )


class Silent(Progress):
    """Progress that shows nothing and keeps the warnings, for callers of the library."""

    def __init__(self, total: int = 1) -> None:
        super().__init__(total, beats=False)
        self.live, self.task = False, None
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def step(self, what: str, done: int, total: int, note: str = "") -> None:
        pass

    def _line(self, text: str) -> None:
        pass
