"""What came of each rule, and the exit code that all of them make: 0 open, 3 broken, 4 not measured, 5 too few prompts.

A rule that does not hold outweighs one that was not measured, and that one a limit that is too fine; none of them is a
pass.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.core.errors import EXIT_GATE, EXIT_NOTHING_MEASURED, EXIT_OK, EXIT_TOO_FINE
from holdfast.evaluation.run_reader import ROLES
from holdfast.evaluation.soundness import RULE
from holdfast.gating.rules import PLAIN

HOLDS, BROKEN, UNMEASURED, TOO_FINE, LEFT_OUT = "holds", "broken", "unmeasured", "too fine", "left out"


@dataclass(frozen=True)
class Outcome:
    """One rule on one model: what was seen, what was held against the limit, and why it came out so."""

    rule: str
    model: str
    status: str
    value: float | None
    bound: float | None  # the end of the interval that is held against the limit; None without a confidence
    limit: float
    n: int
    why: str

    @property
    def is_share(self) -> bool:
        """Whether value, bound and limit are shares, and not plain numbers."""
        metric = re.split(r"[@\s<>=≤≥]", self.rule)[0]
        head, _, tail = metric.rpartition(".")
        return (head if tail in ROLES else metric) not in PLAIN


@dataclass(frozen=True)
class Decision:
    """What the gate says."""

    policy: str
    outcomes: list[Outcome]

    @property
    def exit_code(self) -> int:
        found = {outcome.status for outcome in self.outcomes}
        if BROKEN in found:
            return EXIT_GATE
        if UNMEASURED in found or not found - {LEFT_OUT}:
            return EXIT_NOTHING_MEASURED
        return EXIT_TOO_FINE if TOO_FINE in found else EXIT_OK

    @property
    def passed(self) -> bool:
        return self.exit_code == EXIT_OK

    @property
    def sentence(self) -> str:
        counts = {status: sum(o.status == status for o in self.outcomes) for status in (BROKEN, UNMEASURED, TOO_FINE)}
        held = sum(o.status == HOLDS for o in self.outcomes)
        if self.passed:
            return f"The gate is open: {held} of {held} checks hold."
        parts = [
            f"{n} {word}"
            for n, word in zip(counts.values(), ("broken", "not measured", "finer than n can resolve"), strict=True)
            if n
        ]
        return f"The gate is closed: {', '.join(parts) or 'nothing was measured'}; {held} hold.{self._reason()}"

    def _reason(self) -> str:
        """Why it is closed, in one more sentence: that a model is broken before all, else the first rule that does not
        hold."""
        order = {BROKEN: 0, UNMEASURED: 1, TOO_FINE: 2}
        failed = [o for o in self.outcomes if o.status in order]
        if not failed:
            return ""
        o = min(failed, key=lambda o: (order[o.status], not o.rule.startswith(RULE)))
        why = (
            o.why if o.why and (o.rule.startswith(RULE) or o.status != BROKEN) else f"{o.rule} does not hold (n {o.n})"
        )
        return f" {why[0].upper()}{why[1:]}."

    def to_dict(self) -> dict[str, Any]:
        return {"passed": self.passed, "policy": self.policy, "exit_code": self.exit_code, "sentence": self.sentence,
                "rules": [asdict(outcome) for outcome in self.outcomes]}  # fmt: skip
