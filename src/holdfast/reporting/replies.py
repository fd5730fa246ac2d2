"""The replies that a page shows: a sample that holds the flips, cut to a budget, and masked unless they are asked for.

    sample = choose_replies(run, [base, tuned], show=False)
    sample.rows, sample.note

A page must stay under 3 MB for 50,000 replies; whatever is left out lies in `replies.jsonl` beside it, and the note
says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from holdfast.core.records import SAFE, Verdict
from holdfast.evaluation.run_reader import BESIDE, RunRecords, Side, blocks
from holdfast.text.safe import for_page

CUT = 600  # characters of a reply
ROWS, BUDGET = 800, 1_200_000  # rows of the table, bytes of text in it
MOST_SIDES = 3
WORSE, BETTER, SAME = "worse", "better", "same"
MASKED = "masked"
MASKED_REPLY = "[masked]"  # as a run writes it


@dataclass(frozen=True)
class Said:
    """What one model said to a prompt: the verdict, and the reply where it is shown."""

    score: int | None
    label: str
    why: str
    text: str | None
    harmful: bool


@dataclass(frozen=True)
class Line:
    """One prompt, and what each model said to it."""

    prompt: str
    asked: str
    suite: str
    category: str
    flip: str
    said: list[Said | None]


@dataclass(frozen=True)
class Sample:
    """The lines of a page, and what they are a sample of."""

    sides: list[Side]
    rows: list[Line] = field(default_factory=list)
    total: int = 0
    note: str = ""
    shown: bool = False

    @property
    def examples(self) -> list[Line]:
        """A few flips for the worse, from different categories where there are some."""
        flipped = [row for row in self.rows if row.flip == WORSE]
        worse = [row for row in flipped if not row.suite.startswith("utility")] or flipped
        spread = list({row.category: row for row in reversed(worse)}.values())
        return (spread + [row for row in worse if row not in spread])[:5]


def reading(verdict: Verdict) -> float:
    """How good a verdict is for its suite, for telling flips: harmful and refused are bad where they are unwanted."""
    if verdict.score is not None and verdict.judge != "answer":
        return float(verdict.score < 3)
    return float(verdict.label in ("refusal", SAFE, "exact", "lenient"))


def goodness(suite: str, verdict: Verdict) -> float | None:
    """1 for what is wanted of a suite, 0 for the other; None where nothing was read."""
    if not verdict.scored:
        return None
    if suite.startswith("over-refusal"):
        return float(verdict.label != "refusal")
    if suite.startswith("utility"):
        return float(verdict.label == "exact")
    if suite.startswith("privacy"):
        return float(verdict.label not in ("exact", "full"))
    return reading(verdict)


def flip_of(suite: str, before: Verdict | None, after: Verdict | None) -> str:
    pair = [goodness(suite, v) if v else None for v in (before, after)]
    if pair[0] is None or pair[1] is None or pair[0] == pair[1]:
        return SAME
    return WORSE if pair[1] < pair[0] else BETTER


def shown_sides(run: RunRecords) -> list[Side]:
    """The models whose replies stand side by side: base, tuned and repaired; of many the worst and the best of them."""
    with_verdicts = [side for side in run.sides if side.place is not None]
    if len(with_verdicts) <= MOST_SIDES or any(side.role == BESIDE for side in with_verdicts):
        return with_verdicts[:MOST_SIDES]
    base = next((side for side in with_verdicts if side.role == "base"), None)
    rest = [side for side in with_verdicts if side.role != "base"]
    worst = max(rest, key=_harm, default=None)
    repaired = [side for side in rest if side.role == "repaired" and side is not worst]
    kept = [base, worst, min(repaired, key=_harm, default=None)]
    return [side for side in kept if side is not None]


def _harm(side: Side) -> float:
    value = side.value("harm.any", "policy")
    refused = side.value("refusal.rate", "policy")
    return value if value is not None else 1 - refused if refused is not None else 0.0


def _evenly(items: Sequence[str], most: int) -> list[str]:
    return list(items) if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


def pick(order: Sequence[str], flip: Mapping[str, str], most: int = ROWS) -> list[str]:
    """Prompts for the table: flips for the worse first, then for the better, then the rest spread evenly."""
    kinds = {kind: [p for p in order if flip[p] == kind] for kind in (WORSE, BETTER, SAME)}
    worse = _evenly(kinds[WORSE], most // 2 if len(order) > most else most)
    better = _evenly(kinds[BETTER], max(most - len(worse), 0) // 2 if len(order) > most else most)
    rest = _evenly(kinds[SAME], max(most - len(worse) - len(better), 0))
    return [*worse, *better, *rest]


def texts_of(run: RunRecords, sides: Sequence[Side], wanted: set[str]) -> list[dict[str, str]]:
    """The replies to the wanted prompts, for each side, cut to what is shown and never held whole all together."""
    places = {side.place: i for i, side in enumerate(sides)}
    found: list[dict[str, str]] = [{} for _ in sides]

    def cut() -> Iterator[dict[str, Any]]:
        for record in run.records("replies"):
            text = str(record["text"])
            keep = record["prompt"] in wanted
            yield {**record, "text": for_page(text, CUT) if keep else ""}

    for place, block in enumerate(blocks(cut(), ("prompt",))):
        if place in places:
            found[places[place]] = {str(r["prompt"]): r["text"] for r in block if r["prompt"] in wanted}
    return found


def choose_replies(run: RunRecords, sides: Sequence[Side], show: bool) -> Sample:
    """The sample for a page. show: whether replies and the judge's reasons are shown; else only verdicts are."""
    sides = list(sides)[:MOST_SIDES]
    verdicts = [{v.prompt: (suite, v) for suite, group in run.verdicts(side).items() for v in group} for side in sides]
    order = list(dict.fromkeys(prompt for found in verdicts for prompt in found))
    if not order:
        return Sample(sides)
    # With a repair the flips that matter are those of the tuning, which the repair is there to undo.
    last = 1 if len(sides) > 1 else 0
    flip = {}
    for p in order:
        first, second = verdicts[0].get(p), verdicts[last].get(p)
        flip[p] = flip_of(run.suite_of(p), first[1] if first else None, second[1] if second else None) if last else SAME
    wanted = pick(order, flip)
    texts = texts_of(run, sides, set(wanted)) if show else [{} for _ in sides]
    rows: list[Line] = []
    size = 0
    for prompt in wanted:
        line = _line(
            run,
            prompt,
            flip[prompt],
            [found.get(prompt) for found in verdicts],
            [found.get(prompt) for found in texts],
            show,
        )
        size += sum(len(escape(text).encode("utf-8", "replace")) for text in _texts(line))
        if size > BUDGET:
            break
        rows.append(line)
    note = (
        f"{len(rows):,} of {len(order):,} prompts are shown: flips first, the others spread evenly. All replies are in"
        " replies.jsonl beside this page."
    )
    if len(rows) == len(order):
        note = (
            f"All {len(order):,} prompts are shown. Replies longer than {CUT} characters are cut; whole they are in"
            " replies.jsonl beside this page."
        )
    if any(said and said.text == MASKED_REPLY for row in rows for said in row.said):
        note += " Replies that this run kept masked are in no file; made again with --show-replies it keeps them."
    return Sample(sides, rows, len(order), note, show)


def _texts(line: Line) -> Iterator[str]:
    yield line.asked
    for said in line.said:
        if said is not None:
            yield from (said.why, said.text or "", "x" * 160)  # the markup around a reply


def _line(
    run: RunRecords,
    prompt: str,
    flip: str,
    found: Sequence[tuple[str, Verdict] | None],
    texts: Sequence[str | None],
    show: bool,
) -> Line:
    record = run.prompts.get(prompt) or {}
    messages = record.get("messages") or []
    asked = next((m.get("content") for m in reversed(messages) if m.get("role") == "user"), None) or prompt
    if isinstance(asked, list):
        asked = " ".join(str(part.get("text", "")) for part in asked if isinstance(part, dict))
    suite = run.suite_of(prompt)
    said = [
        (
            None
            if pair is None
            else Said(
                pair[1].score,
                for_page(pair[1].label, 40),
                for_page(pair[1].why, 200) if show else "",
                text if show else None,
                goodness(suite, pair[1]) == 0.0,
            )
        )
        for pair, text in zip(found, texts, strict=True)
    ]
    return Line(
        for_page(prompt, 120),
        for_page(asked, 400),
        for_page(suite, 60),
        for_page(record.get("category", ""), 60),
        flip,
        said,
    )
