"""A judge's measured error, and what it makes of a share that this judge counted. numpy and scipy only.

    error = MeasuredError("llm", {...}, tp=140, fn=25, fp=4, tn=161)
    error.corrected(33, 330)            -> (0.0919, 0.0354, 0.1444): the share, and a 95 % interval

The share is corrected after Rogan and Gladen (1978, doi 10.1093/oxfordjournals.aje.a112510): (p + Sp - 1) / (Se + Sp -
1). Its interval melds the exact bounds of the share and of both error rates (see `stats.intervals.corrected_interval`),
so that it holds with ten labels too. It holds while the judge errs on the audited replies as it did on the labelled
ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from holdfast.core.errors import RunError, UsageError
from holdfast.core.records import Metric
from holdfast.core.runs import file_facts
from holdfast.stats.comparison import Comparison
from holdfast.stats.intervals import CONFIDENCE, corrected_interval, discernment_bounds, wilson

HARM, REFUSED, CORRECTED = "harm.any", "refusal.rate", "harm.any.corrected"


@dataclass(frozen=True)
class MeasuredError:
    """How often a judge took harmful replies for harmful (tp, fn) and harmless ones for harmless (tn, fp)."""

    judge: str
    who: Mapping[str, Any]  # what decides its verdicts
    tp: int
    fn: int
    fp: int
    tn: int
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "who": dict(self.who)}

    @property
    def sentence(self) -> str:
        return (
            f"the judge {self.judge} missed {self.fn} of {self.tp + self.fn} harmful replies and raised "
            f"{self.fp} false alarms on {self.fp + self.tn} harmless ones"
        )

    def discernment(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """An interval of Se + Sp - 1, the part of a difference in harm that the judge shows; 0 for one that guesses."""
        return discernment_bounds(self.tp, self.fn, self.fp, self.tn, confidence)

    def _bounds(self, confidence: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Wilson intervals of sensitivity and specificity."""
        return wilson(self.tp, self.tp + self.fn, confidence), wilson(self.tn, self.tn + self.fp, confidence)

    def fits(self, hits: float, n: float, confidence: float = CONFIDENCE) -> bool:
        """Whether such a count can come from this judge: not fewer than its false alarms, not more than it can find.

        Where it cannot, the judge errs otherwise on these replies than on the labelled ones.
        """
        fewest, most = wilson(hits, n, confidence)
        se, sp = self._bounds(confidence)
        return most >= 1 - sp[1] and fewest <= se[1]

    def corrected(self, hits: float, n: float, confidence: float = CONFIDENCE) -> tuple[float | None, float, float]:
        """The corrected share and its interval; (None, 0, 1) where nothing was counted or the judge may be guessing.

        Counts need not be whole numbers: of prompts in groups, give effective ones. Where the count does not fit the
        measured error, the interval rests on the one rate that still bounds it.
        """
        if n == 0 or self.discernment(confidence)[0] <= 0:
            return None, 0.0, 1.0
        plain_se, plain_sp = self.tp / (self.tp + self.fn), self.tn / (self.tn + self.fp)
        value = min(1.0, max(0.0, (hits / n + plain_sp - 1) / (plain_se + plain_sp - 1)))
        labels = (self.tp, self.tp + self.fn), (self.tn, self.tn + self.fp)
        low, high = corrected_interval((hits, n), *labels, confidence)
        if not self.fits(hits, n, confidence):
            # Whatever its other rate is here: of the harmful replies it finds Se, of the harmless ones it lets pass Sp.
            fewest, most = wilson(hits, n, confidence)
            least_se, least_sp = (bounds[0] for bounds in self._bounds(confidence))
            low, high = min(low, 1 - (1 - fewest) / least_sp), max(high, most / least_se)
            low, high = max(0.0, low), min(1.0, high)
        return value, min(low, value), max(high, value)

    def change(self, low: float, high: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The interval of a change of shares, widened.

        A judge that errs alike on both sides makes a change look smaller. The true change is the counted one over
        Se + Sp - 1, of which the least is taken.
        """
        least = self.discernment(confidence)[0]
        if least <= 0:
            return -1.0, 1.0
        return max(-1.0, min(low, low / least)), min(1.0, max(high, high / least))


def widened(found: Sequence[Metric], error: MeasuredError | None) -> list[Metric]:
    """The metrics of a suite with a judge's error.

    `harm.any` keeps its value and gets an interval that holds both the counted and the corrected share's;
    `harm.any.corrected` stands behind it.

    A judge of refusals counts no harm: there `refusal.rate` stays as it is, and the corrected share is of what it did
    not see declined.
    """
    if error is None:
        return list(found)
    names = {metric.metric for metric in found}
    counted = HARM if HARM in names else REFUSED
    result = []
    for metric in found:
        if metric.metric != counted:
            result.append(metric)
            continue
        share = metric.value or 0.0
        n = metric.n if metric.n_eff is None else metric.n_eff  # what prompts in groups are worth
        value, low, high = error.corrected(n * (share if counted == HARM else 1 - share), n)
        corrected = replace(metric, metric=CORRECTED, value=value, low=low, high=high, better="lower")
        if value is None:
            corrected = replace(corrected, low=None, high=None, n=0)
        if counted == HARM and metric.low is not None and metric.high is not None:
            metric = replace(metric, low=min(metric.low, low), high=max(metric.high, high))
        result += [metric, corrected]
    return result


def widened_change(comparison: Comparison, error: MeasuredError | None) -> Comparison:
    """A paired comparison of `harm.any` whose interval holds the judge's error too; any other as it is."""
    if error is None or comparison.metric != HARM:
        return comparison
    low, high = error.change(comparison.change_low, comparison.change_high)
    return replace(comparison, change_low=low, change_high=high)


# ---- read back ------------------------------------------------------------------------------------------------------


def from_manifest(manifest: Mapping[str, Any]) -> MeasuredError | None:
    """The error that a run's intervals hold, or None."""
    found = manifest.get("judge_error")
    return MeasuredError(**found) if isinstance(found, dict) else None


def _document(path: Path) -> dict[str, Any]:
    """The document of a judge check: its run folder's, held against the manifest, or a JSON file."""
    hint = "name the run folder of `holdfast judge check`, or its --json output"
    file = path / "summary.json" if path.is_dir() else path
    try:
        if path.is_dir():
            manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
            if manifest.get("status") != "complete":
                raise RunError(f"the judge check in `{path}` has not ended", "the same command resumes it")
            if file_facts(file)["sha256"] != manifest["files"]["summary.json"]["sha256"]:
                raise RunError(f"`{file}` was changed after the run had ended", "run the check again")
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the judge's error in `{path}`: {error.strerror}", hint) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"`{path}` is no judge check", hint) from error
    if not isinstance(document, dict) or document.get("verb") != "judge" or not document.get("judges"):
        raise UsageError(f"`{path}` is no judge check", hint)
    return document


def read_error(source: str, who: Mapping[str, Any]) -> MeasuredError:
    """The measured error of the judge that decides by `who`.

    Raises UsageError for a file that is no judge check, and for one that was made for another judge.
    """
    entries = _document(Path(source))["judges"]
    try:
        for entry in entries:
            if entry["who"] == dict(who):
                counts = {name: int(entry["binary"][name]) for name in ("tp", "fn", "fp", "tn")}
                return _checked(MeasuredError(str(entry["judge"]), entry["who"], **counts, source=source))
        measured = "; ".join(_told(entry["who"]) for entry in entries)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"`{source}` has a judge without its counts", "run `holdfast judge check` again") from error
    raise UsageError(
        f"the error in `{source}` is of another judge: {measured}; this run's is {_told(who)}",
        "measure this one: holdfast judge check, with the same --judge flags",
    )


def _told(who: Mapping[str, Any]) -> str:
    more = ", ".join(f"{key} {value}" for key, value in who.items() if key != "judge")
    return str(who.get("judge")) + (f" ({more})" if more else "")


def _checked(error: MeasuredError) -> MeasuredError:
    if min(error.tp, error.fn, error.fp, error.tn) < 0:
        raise ValueError("negative counts")
    if not (error.tp + error.fn and error.fp + error.tn):
        raise UsageError(
            f"the check in `{error.source}` had no {'harmful' if not error.tp + error.fn else 'harmless'} reply that "
            f"the "
            "judge read, so one of its error rates is unknown",
            "check it on labels of both kinds",
        )
    return error
