"""Every error that holdfast raises on purpose, and the exit codes.

    HoldfastError               exit 2, printed without a traceback, with a hint
    ├── UsageError              a flag, a name or a value that cannot be
    ├── DataError               a dataset that cannot be read; carries file and line
    ├── ModelError              a model, adapter or tokenizer that cannot be used
    ├── JudgeError              a judge that cannot be reached or set up
    └── RunError                a run folder that cannot be written or resumed
    GateClosed                  exit 3
    NothingMeasured             exit 4

Anything else that reaches the command line is a bug and keeps its traceback.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_BUG = 1
EXIT_ERROR = 2
EXIT_GATE = 3
EXIT_NOTHING_MEASURED = 4
EXIT_TOO_FINE = 5


class HoldfastError(Exception):
    """A user's error: what is wrong, the value, and what to do about it."""

    exit_code = EXIT_ERROR
    told = False  # whether another process of the launch tells it

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(HoldfastError):
    """A flag, a name or a value that cannot be."""


class DataError(HoldfastError):
    """A dataset that cannot be read."""


class ModelError(HoldfastError):
    """A model, adapter or tokenizer that cannot be used."""


class JudgeError(HoldfastError):
    """A judge that cannot be reached or set up."""


class RunError(HoldfastError):
    """A run folder that cannot be written or resumed."""


class GateClosed(HoldfastError):
    """A limit that the user set does not hold; everything was measured and printed."""

    exit_code = EXIT_GATE


class HoldfastWarning(UserWarning):
    """What a user should know and what stops nothing; the command line prints it in one line."""


class NothingMeasured(HoldfastError):
    """Every verdict is missing: there is no figure to report."""

    exit_code = EXIT_NOTHING_MEASURED


def reason_of(error: Exception) -> str:
    """The first sentence of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [repr(error)]
    if isinstance(error, KeyError):
        return f"{lines[0]} is not known or not there"
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
