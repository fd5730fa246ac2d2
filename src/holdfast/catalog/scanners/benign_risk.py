"""The benign-risk scanner: clean rows that erode safety more than others.

Without a model, by format: lists and maths are what He et al. (2404.01099) found among the riskiest rows. With the
model that will be tuned, row by row:

- `self-influence`: Self-Inf-N (2505.06843), log(‖g‖² + 1) + log(length + 1) of the answer's gradient; rows far above
  the rest are reported.
- `gradient` or `representation`: He et al., the mean cosine to forbidden anchors minus that to safe ones, from the
  gradient of the first ten answer tokens or from the last token's hidden state; the top share is reported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from holdfast.core.batch import Batch
from holdfast.core.contracts import ScanContext
from holdfast.core.errors import UsageError
from holdfast.core.options import setting
from holdfast.core.records import Finding
from holdfast.scanning.engine import OptionScanner

LIST_LINE = re.compile(
    r"^[ \t]{0,8}(?:[-*•‣–]|\(?\d{1,3}[.)]|\(?[a-z][.)]|step \d{1,3}[:.])[ \t]+\S", re.MULTILINE | re.IGNORECASE
)
SUM = re.compile(r"\d[ )]{0,4}(?:[-+*/×÷=^]|\\times|\\div|\\cdot|<<)[ (]{0,4}\$?-?\d|\\frac\{|\\boxed\{|\\sqrt\{")
LIST_LINES, SUMS = 3, 2


def format_of(reply: str) -> tuple[str, str] | None:
    """The risky format of a reply and why, or None."""
    if "\n" in reply and len(items := LIST_LINE.findall(reply, 0, 20_000)) >= LIST_LINES:
        return "list-format", f"a list of {len(items)} items"
    if len(sums := SUM.findall(reply, 0, 20_000)) >= SUMS:
        return "maths-format", f"{len(sums)} steps of arithmetic"
    return None


@dataclass(eq=False)
class BenignRisk(OptionScanner):
    """Its options: what is computed with a model, and which share of the rows is reported."""

    name = "benign-risk"
    about = "clean rows that erode safety: formats, and gradients with --model"
    labels: ClassVar[dict[str, str]] = {
        "list-format": "note",
        "maths-format": "note",
        "self-influence": "warning",
        "harm-like-gradient": "warning",
        "harm-like-representation": "warning",
    }
    blind = "without --model only the format is read, which is a weak sign: most lists do no harm"

    method: str = setting(
        "auto",
        "what is computed with a model",
        choices=("auto", "format", "self-influence", "gradient", "representation"),
    )
    top: float = setting(0.01, "share of the rows that is reported by gradient or representation", 0.0001, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._context = ScanContext()
        self._influence: Any = None
        self.scores: list[float] = []
        self._next = 0

    @property
    def needs_model(self) -> bool:  # type: ignore[override]
        return self._context.model is not None and self.method != "format"

    def prepare(self, context: ScanContext) -> None:
        self._context = context
        wanted = self.method not in ("auto", "format")
        if wanted and context.model is None:
            raise UsageError(f"the scanner `{self.name}` with method={self.method} needs a model", "add --model MODEL")
        if self.chosen in ("gradient", "representation") and not context.anchors:
            raise UsageError(
                f"the scanner `{self.name}` with method={self.method} needs forbidden rows to compare with",
                "add --anchors FILE (on `guild` its own are used), or take method=self-influence",
            )

    @property
    def chosen(self) -> str:
        """What is computed: similarity to anchors where there are any, else self-influence."""
        if self._context.model is None or self.method == "format":
            return "format"
        if self.method != "auto":
            return self.method
        return "gradient" if self._context.anchors else "self-influence"

    # ---- formats, and the scores of a batch -------------------------------------------------------------------------

    def scan(self, batch: Batch) -> list[Finding]:
        found = []
        for _, reply in batch.exchanges:
            kind = format_of(batch.turns[reply].text)
            if kind:
                place = batch.turns[reply].row
                found.append(Finding(place, self.name, kind[0], 0.3, kind[1]))
        return found

    def sketch(self, batch: Batch) -> Any:
        """The risk of each row, one by one; not a number for a row without an answer within the model's length."""
        if not self.needs_model:
            return None
        if self._influence is None:
            # torch is imported only where a model is given.
            from holdfast.training.influence import Influence

            self._influence = Influence(
                self._context.model(), self.chosen, self._context.anchors, self._context.safe_anchors
            )
        return [self._influence.score(row) for row in batch.rows]

    def gather(self, sketch: Any, numbers: Sequence[int]) -> list[Finding]:
        self.scores += sketch
        return []

    @property
    def revisits(self) -> bool:
        return self.needs_model and bool(self.scores)

    def revisit(self, batch: Batch) -> list[Finding]:
        """The rows above the cut; batches come in order, since a model keeps the scan in one process."""
        scores = np.asarray(self.scores)
        known = scores[np.isfinite(scores)]
        if not len(known):
            return []
        cut = float(np.quantile(known, 1 - self.top))
        label = {"gradient": "harm-like-gradient", "representation": "harm-like-representation"}.get(
            self.chosen, "self-influence"
        )
        found = []
        for place in range(len(batch.rows)):
            score = float(scores[self._next + place])
            if math.isfinite(score) and score >= cut:
                above = float((known >= score).mean())
                why = f"{label} {score:.3f}, among the highest {100 * above:.2g} % (median {np.median(known):.3f})"
                found.append(Finding(place, self.name, label, 1 - above, why))
        self._next += len(batch.rows)
        return found

    def state(self) -> dict[str, Any]:
        return {"scores": np.asarray(self.scores)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.scores = [float(score) for score in state["scores"]]

    def not_seen(self) -> str:
        if not self.needs_model:
            return "benign-risk: no model was given, so rows were told apart by format alone (--model MODEL)"
        left = int((~np.isfinite(np.asarray(self.scores))).sum())
        return f"benign-risk: {left} rows have no answer within the model's length" if left else ""


make = BenignRisk
