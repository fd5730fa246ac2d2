"""The strengths that a user asks for, as text: `auto`, one number, or FROM:TO:STEP; nothing here loads a model."""

from __future__ import annotations

import math

from holdfast.core.contracts import Repair
from holdfast.core.errors import UsageError

MOST_STRENGTHS = 200


def parse_strengths(text: str, repair: Repair) -> list[float]:
    """`auto`, `0.5`, or `0:1:0.1` as strengths, safest first. Raises UsageError for what cannot be."""
    if text == "auto":
        return list(repair.strengths)
    hint = f"write auto, one strength, or FROM:TO:STEP; those of `{repair.name}`, safest first: " + ", ".join(
        f"{s:g}" for s in repair.strengths
    )
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        raise UsageError(f"`{text}` is no strength", hint) from None
    if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
        raise UsageError(f"`{text}` is no strength", hint)
    if len(numbers) == 3:
        first, last, step = numbers
        count = round((last - first) / step) if step else -1
        if not 0 <= count < MOST_STRENGTHS:
            raise UsageError(f"`{text}` is no row of strengths", hint)
        numbers = [round(first + i * step, 12) for i in range(count + 1)]
    for strength in numbers:
        repair.check(strength)
    safest_is_low = len(repair.strengths) < 2 or repair.strengths[0] < repair.strengths[-1]
    return sorted(numbers, reverse=not safest_is_low)
