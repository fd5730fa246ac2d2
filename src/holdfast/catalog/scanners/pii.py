"""The pii scanner: e-mail, phone, card, IBAN, national ids, network addresses, streets, wallets, keys and tokens.

The patterns are those of `text.personal_data`. `engine=presidio` asks presidio's analyzer instead, when it is
installed: it also knows names and places, and is slower by far. What is found is never shown: a why masks every value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from holdfast.core.batch import Batch
from holdfast.core.contracts import Noise, ScanContext
from holdfast.core.errors import UsageError
from holdfast.core.options import setting
from holdfast.core.records import Finding
from holdfast.data.batch import ANCHOR_BITS, anchor_table
from holdfast.scanning.engine import OptionScanner
from holdfast.text.personal_data import READ, WORDS, Span, apart, spans

TABLES = {name: anchor_table(words.split()) for name, words in WORDS.items()}


def groups_of(batch: Batch) -> list[set[str]]:
    """Of each turn: the groups of which it holds a word."""
    found: list[set[str]] = [set() for _ in batch.turns]
    tops = batch.words.hashes >> np.uint64(64 - ANCHOR_BITS)
    for name, table in TABLES.items():
        for turn in np.unique(batch.words.turn[table[tops]]).tolist():
            found[turn].add(name)
    return found


def masked(value: str) -> str:
    """A value without its content: its first character and how long it is."""
    return f"{value[0]}••• ({len(value)} characters)"


# ---- presidio -------------------------------------------------------------------------------------------------------

PRESIDIO = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "card", "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip-address", "MAC_ADDRESS": "mac-address", "CRYPTO": "crypto-wallet", "US_SSN": "national-id",
    "US_DRIVER_LICENSE": "national-id", "US_PASSPORT": "national-id", "US_ITIN": "national-id", "UK_NHS": "national-id",
    "ES_NIF": "national-id", "IT_FISCAL_CODE": "national-id", "PERSON": "person", "LOCATION": "address",
}  # fmt: skip


def presidio_spans(language: str = "en") -> Callable[..., list[Span]]:
    """Presidio's analyzer as a function like `spans`. Raises UsageError when it is not installed."""
    try:
        from presidio_analyzer import AnalyzerEngine
    except ImportError as error:
        raise UsageError(
            "pii:engine=presidio needs presidio", 'pip install "holdfast[presidio]", or leave the engine out'
        ) from error
    engine = AnalyzerEngine(supported_languages=[language])

    def found(text: str, groups: set[str] | None = None) -> list[Span]:
        results = sorted(engine.analyze(text=text[:READ], language=language), key=lambda result: -result.score)
        return apart([(r.start, r.end, PRESIDIO[r.entity_type]) for r in results if r.entity_type in PRESIDIO])

    return found


# ---- the scanner ----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Pii(OptionScanner):
    """Its options: whose patterns."""

    name = "pii"
    about = "e-mail, phone, card, IBAN, ids, addresses, keys and tokens; values are masked"
    labels: ClassVar[dict[str, str]] = {
        "secret": "error",
        "password": "warning",  # made-up ones are common in ordinary rows, and nothing in their form tells them apart
        "card": "error",
        "iban": "error",
        "national-id": "error",
        "email": "warning",
        "phone": "warning",
        "address": "warning",
        "ip-address": "warning",
        "mac-address": "warning",
        "crypto-wallet": "warning",
        "birth-date": "warning",
        "person": "note",
    }
    false_alarm: ClassVar[dict[str, Noise]] = {
        label: Noise(0, 7217, "benchmarks/scan_quality.py, ten benign sets")
        for label in ("secret", "card", "iban", "national-id")
    }
    blind = (
        "names and places (only with engine=presidio), ids without a checksum or a name beside them, "
        "values written in words"
    )

    engine: str = setting(
        "own", "own patterns, or presidio's analyzer when it is installed", choices=("own", "presidio")
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._spans: Any = spans if self.engine == "own" else None

    def prepare(self, context: ScanContext) -> None:
        self._open()

    def _open(self) -> Any:
        if self._spans is None:
            self._spans = presidio_spans()
        return self._spans

    def __getstate__(self) -> dict[str, Any]:
        # Presidio's engine is opened anew in each process.
        return {**self.__dict__, "_spans": spans if self.engine == "own" else None}

    def scan(self, batch: Batch) -> list[Finding]:
        look = self._open()
        found: dict[tuple[int, str], tuple[int, str]] = {}
        for turn, words in zip(batch.turns, groups_of(batch), strict=True):
            for begin, end, label in look(turn.text, words):
                count, shown = found.get((turn.row, label), (0, ""))
                found[turn.row, label] = (count + 1, shown or f"{masked(turn.text[begin:end])} in the {turn.role} turn")
        return [
            Finding(row, self.name, label, 0.9, shown if count == 1 else f"{count} of them, the first {shown}")
            for (row, label), (count, shown) in found.items()
        ]

    def find(self, text: str) -> list[Span]:
        """Begin, end and label of every private value of a text."""
        return list(self._open()(text))

    def redact(self, text: str) -> tuple[str, int]:
        parts, end, changed = [], 0, 0
        for begin, until, label in self.find(text):
            parts += [text[end:begin], f"[{label.upper()}]"]
            end, changed = until, changed + 1
        return "".join([*parts, text[end:]]), changed


make = Pii
