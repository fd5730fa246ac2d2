"""What the library gives back: typed, printed as the command line prints it, in pandas, JSON and notebooks.

A result of a run reads its records from the run's folder. Without `out` that is a temporary one, which is removed when
the result is let go; `save` keeps a copy.
"""

from __future__ import annotations

import html
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType

from holdfast.core.errors import EXIT_GATE, EXIT_OK, RunError
from holdfast.core.records import Metric
from holdfast.evaluation.run_reader import RunRecords, open_run
from holdfast.gating.decide import decide
from holdfast.gating.exit_code import Decision
from holdfast.gating.rules import default_policy
from holdfast.reporting import terminal
from holdfast.reporting.verdict import verdict_of
from holdfast.scanning.engine import findings_in
from holdfast.stats.figures import figure, with_interval

if TYPE_CHECKING:
    import pandas
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WIDTH = 120  # characters of a printed result


def as_text(*parts: RenderableType) -> str:
    """Tables and sentences as plain text."""
    out = Console(file=io.StringIO(), width=WIDTH, highlight=False, color_system=None)
    for part in parts:
        out.print(part, markup=False) if isinstance(part, str) else out.print(part)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().rstrip("\n")


def as_html(sentence: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A sentence and a table for a notebook; every text is escaped."""
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<p><b>{html.escape(sentence)}</b></p><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def frame_of(records: Sequence[Mapping[str, Any]]) -> pandas.DataFrame:
    """Records as a frame. Raises ImportError with a hint where pandas is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("`to_pandas` needs pandas: pip install pandas") from error
    return pandas.json_normalize(list(records))


class Documented:
    """Anything with one JSON document: the same as `--json` prints."""

    document: dict[str, Any]

    def to_json(self, path: str | Path | None = None) -> str:
        """The document as JSON text; also written to `path` where one is given."""
        text = json.dumps(self.document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        if path is not None:
            Path(path).write_text(text, encoding="utf-8", errors="surrogatepass")
        return text

    @property
    def exit_code(self) -> int:
        """The exit code of the command line: 0, 3 for a closed gate, 4 for nothing measured, 5 for too few prompts."""
        return int(self.document.get("exit_code", 0))


@dataclass(eq=False)
class RunResult(Documented):
    """A finished run."""

    document: dict[str, Any]
    path: Path
    warnings: list[str] = field(default_factory=list)
    folder: TemporaryDirectory[str] | None = field(
        default=None, repr=False
    )  # holds the run as long as the result lives

    @cached_property
    def run(self) -> RunRecords:
        """The run's records. Raises RunError where they were changed since."""
        return open_run(self.path)

    @property
    def metrics(self) -> list[Metric]:
        """Every figure of every model that was measured, with its interval and n."""
        return [metric for side in self.run.sides for metric in side.metrics]

    def value(self, metric: str, suite: str = "policy", role: str | None = None) -> float | None:
        """One figure; `role` is base, tuned, served or repaired, by default the model that would be shipped."""
        sides = self.run.with_role(role) if role else self.run.candidates
        return sides[0].value(metric, suite) if sides else None

    @cached_property
    def decision(self) -> Decision:
        """The default gate's decision."""
        return decide(self.run, default_policy(self.run))

    @property
    def verdict(self) -> str:
        """The run in one sentence, the same as on its page."""
        return verdict_of(self.run, self.decision).sentence

    def to_pandas(self) -> pandas.DataFrame:
        """The metrics, a row each."""
        return frame_of([metric.to_dict() for metric in self.metrics])

    def save(self, folder: str | Path) -> Path:
        """Copy the run's folder, for `gate`, `report` and colleagues. Raises RunError when the folder is not empty."""
        target = Path(folder)
        if target.exists() and any(target.iterdir()):
            raise RunError(f"`{target}` is not empty", "name a new folder")
        shutil.copytree(self.path, target, dirs_exist_ok=True)
        return target

    def _columns(self) -> dict[str, list[Metric]]:
        return {side.name: side.metrics for side in self.run.sides}

    def __str__(self) -> str:
        title = self.run.verb if self.folder else f"{self.run.verb}: {self.run.title}"
        return as_text(terminal.metrics_table(title, self._columns()), self.verdict, *self.warnings)

    def _repr_html_(self) -> str:
        columns = self._columns()
        totals = {name: {(m.suite, m.metric): m for m in ms if m.category is None} for name, ms in columns.items()}
        keys = list(dict.fromkeys(key for found in totals.values() for key in found))
        rows = [[*key, *(figure(found[key]) if key in found else "" for found in totals.values())] for key in keys]
        return as_html(self.verdict, ["suite", "metric", *columns], rows)


class AuditResult(RunResult):
    """A checkpoint, and its base on the same prompts."""

    @property
    def comparisons(self) -> list[dict[str, Any]]:
        """For each metric the paired comparison: flips, exact p, the change with its interval."""
        return list(self.document.get("comparisons", ()))

    @property
    def probes(self) -> list[dict[str, Any]]:
        """What each probe found."""
        return list(self.document.get("probes", ()))


@dataclass(eq=False)
class TuneResult(AuditResult):
    """A tuned model, measured before and after."""

    model: PreTrainedModel | None = field(default=None, repr=False)
    tokenizer: PreTrainedTokenizerBase | None = field(default=None, repr=False)


class RepairResult(RunResult):
    """The strengths that were tried, and the one that was chosen."""

    @property
    def certified(self) -> bool:
        """Whether the chosen strength keeps its limit under the guarantee."""
        return bool(self.document.get("certified"))

    @property
    def method(self) -> str | None:
        """The repair that was chosen."""
        return self.document.get("method")

    @property
    def strength(self) -> float | None:
        """The strength that was chosen, or None."""
        return self.document.get("strength")

    @property
    def model(self) -> str | None:
        """Where the repaired model was written; None without `out`."""
        return self.document.get("model") or None

    @property
    def curves(self) -> list[dict[str, Any]]:
        """For each repair its figures at every strength, and its certificate."""
        return list(self.document.get("curves", ()))


class StressResult(RunResult):
    """What each attack left of a model's safety."""

    @property
    def summary(self) -> list[dict[str, Any]]:
        """For each regime and defence the figures over its seeds."""
        return list(self.document.get("summary", ()))


class ScanResult(RunResult):
    """What is in a dataset."""

    @property
    def summary(self) -> dict[str, Any]:
        """Counts by label, how the files were read, what was not looked at."""
        return dict(self.document["summary"])

    @property
    def exit_code(self) -> int:
        """3 where a rule of `fail_on` does not hold, else 0."""
        return EXIT_OK if self.document["gate"]["passed"] else EXIT_GATE

    @property
    def risk(self) -> str:
        """low, medium or high."""
        return str(self.summary["risk"]["level"])

    @cached_property
    def findings(self) -> list[dict[str, Any]]:
        """Every finding, in the order of the rows; rows that were given in memory are in the file `<rows>`."""
        given = self.folder.name if self.folder else None
        return [
            {**found, "file": f"<{Path(found['file']).stem}>"} if given and found["file"].startswith(given) else found
            for found in findings_in(self.path)
        ]

    @property
    def verdict(self) -> str:
        risk = self.summary["risk"]
        return f"risk: {risk['level']} ({risk['why']})"

    def to_pandas(self) -> pandas.DataFrame:
        """The findings, a row each."""
        return frame_of(self.findings)

    def _rows(self) -> list[list[str]]:
        return [
            [
                entry["scanner"], entry["label"], entry["level"], str(entry["rows"]),
                with_interval(entry["share"], entry["low"], entry["high"], 2),
            ]
            for entry in self.summary["labels"]
        ]  # fmt: skip

    def __str__(self) -> str:
        head = ("scanner", "label", "level", "rows", "share, 95 %")
        title = f"scan: {self.summary['rows']} rows"
        return as_text(terminal.plain_table(title, head, self._rows()), self.verdict, *self.warnings)

    def _repr_html_(self) -> str:
        return as_html(self.verdict, ("scanner", "label", "level", "rows", "share, 95 %"), self._rows())


@dataclass(eq=False)
class GateResult(Documented):
    """A gate's decision on a run."""

    document: dict[str, Any]
    decision: Decision

    @property
    def passed(self) -> bool:
        """Whether the gate is open."""
        return self.decision.passed

    def __bool__(self) -> bool:
        return self.passed

    def to_pandas(self) -> pandas.DataFrame:
        """The rules, a row each."""
        return frame_of(self.document["rules"])

    def __str__(self) -> str:
        return self.decision.sentence

    def _repr_html_(self) -> str:
        rows = [[str(o.rule), o.model, o.status, o.why] for o in self.decision.outcomes]
        return as_html(self.decision.sentence, ("rule", "model", "outcome", "why"), rows)


@dataclass(frozen=True)
class Page:
    """A report: one self-contained HTML page."""

    text: str
    path: Path | None = None

    def save(self, path: str | Path) -> Path:
        """Write the page."""
        target = Path(path)
        target.write_bytes(self.text.encode("utf-8", "replace"))
        return target

    def __str__(self) -> str:
        return f"a page of {len(self.text)} characters" + (f" in {self.path}" if self.path else "")

    def _repr_html_(self) -> str:
        source = html.escape(self.text, quote=True)
        return f'<iframe srcdoc="{source}" sandbox="allow-scripts" style="width:100%;height:720px;border:0"></iframe>'
