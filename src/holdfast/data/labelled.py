"""Files with labelled replies: a question, a reply, and what a person or another judge said of it.

    found = read_labelled("labels.jsonl")
    found.rows[0].reply, found.rows[0].harmful, found.rows[0].score
    found.how                                   how the columns were read, in a sentence
    found.faults                                [(line, what is wrong)]: counted, told, and in no figure

Containers are those of `data.containers`. Columns are found by their usual names, once for the whole file; a label is a
score of 1 to 5, or harmful or not in the usual spellings. What the label column means is decided over the whole file,
since a 1 alone is a score and a truth alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.core.errors import DataError
from holdfast.core.records import Message
from holdfast.data.containers import parse
from holdfast.data.sources import chunks
from holdfast.data.turns import flat, role_of

QUESTIONS = (
    "prompt", "question", "instruction", "forbidden_prompt", "prompts_final", "behavior", "goal", "request", "query",
    "input", "user", "text",
)  # fmt: skip
REPLIES = (
    "response", "reply", "completion", "output", "answer", "generation", "model_output", "assistant", "bot_response",
)  # fmt: skip
SCORES = ("score", "harm_score", "harmfulness", "rating", "judge_score", "human_score")
# True means harmful in the first, harmless in the second.
HARM_FLAGS = (
    "harmful", "is_harmful", "unsafe", "is_unsafe", "toxic", "is_toxic", "jailbroken", "is_jailbroken", "jailbreak",
    "response_harm_label", "human_majority", "violation", "flagged",
)  # fmt: skip
SAFE_FLAGS = ("safe", "is_safe", "is_response_safe", "response_safe", "harmless", "is_harmless")
LABELS = ("label", "verdict", "safety", "class", "human_label", "annotation", "category_label")
YES, NO = ("true", "yes", "y", "1", "1.0"), ("false", "no", "n", "0", "0.0")
# Words that say which they are, whatever the column is called.
HARMFUL_WORDS = ("harmful", "unsafe", "toxic", "jailbroken", "jailbreak", "violation", "violating", "bad")
HARMLESS_WORDS = (
    "harmless",
    "unharmful",
    "safe",
    "benign",
    "not harmful",
    "not_harmful",
    "nontoxic",
    "non-toxic",
    "good",
)


@dataclass(frozen=True)
class LabelledRow:
    """A question with a reply and its label; `score` is 1 to 5, or None where the file has no scores."""

    line: int
    messages: list[Message]
    reply: str
    score: int | None
    harmful: bool


@dataclass(frozen=True)
class Labelled:
    """What a file gave, and how it was read."""

    rows: list[LabelledRow]
    how: str
    scored: bool
    faults: list[tuple[int, str]]


@dataclass(frozen=True)
class Columns:
    """Which columns hold what; a question of `messages` has its reply in the last turn."""

    question: str
    reply: str
    label: str


def _text(value: Any) -> str:
    """Text of a column; of turns or of parts of a message, all of it."""
    if isinstance(value, list) and value and all(isinstance(part, dict) and "content" in part for part in value):
        return "\n".join(_text(part["content"]) for part in value)
    return value if isinstance(value, str) else flat(value) if isinstance(value, list) else ""


def _named(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str | None:
    """The first of the names that most records have."""
    return next((name for name in names if 2 * sum(name in record for record in records) > len(records)), None)


def find_columns(records: Sequence[Mapping[str, Any]], fields: Mapping[str, str], source: str) -> Columns:
    """The columns of a file; `fields` are those that the user names. Raises DataError that lists what there is."""
    talk = _named(records, ("messages", "conversations"))
    question = fields.get("prompt") or _named(records, QUESTIONS) or talk
    # A column can mean one thing only: `input` is a question where there is `output`, and `answer` may be the reply.
    reply = fields.get("reply") or _named(records, [name for name in REPLIES if name != question])
    if talk and not reply:
        question = reply = talk
    label = fields.get("label") or _named(records, (*SCORES, *HARM_FLAGS, *SAFE_FLAGS, *LABELS))
    for what, name in (("question", question), ("reply", reply), ("label", label)):
        if name is None or not any(name in record for record in records):
            columns = ", ".join(sorted({str(key) for record in records[:20] for key in record})[:20])
            named = f" `{name}`" if name else ""
            raise DataError(
                f"`{source}` has no column{named} with the {what}; it has: {columns or 'none'}",
                "name the columns: --fields prompt=NAME,reply=NAME,label=NAME",
            )
    return Columns(str(question), str(reply), str(label))


# ---- what the label column means ------------------------------------------------------------------------------------


def _plain(value: Any) -> str:
    return str(value).strip().lower()


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def is_scale(name: str, values: Sequence[Any], source: str) -> bool:
    """Whether a label column holds scores of 1 to 5, in place of harmful or not.

    Raises DataError where the values leave it open: a column of ones alone could be either.
    """
    if name in HARM_FLAGS or name in SAFE_FLAGS:
        return False
    numbers = {number for value in values if (number := _number(value)) is not None}
    whole = {number for number in numbers if number in (1, 2, 3, 4, 5)}
    if numbers - {0, 1}:
        if 0 in numbers:
            raise DataError(
                f"the column `{name}` of `{source}` has 0 and {max(numbers):g}: neither harmful or not, nor 1 to 5",
                "write scores of 1 (declines) to 5, or 0 and 1",
            )
        return bool(whole)
    if name in SCORES:
        return 0 not in numbers and bool(numbers)
    if numbers == {1} and not any(
        _plain(value) in (*HARMFUL_WORDS, *HARMLESS_WORDS, *YES[:3], *NO) for value in values if _number(value) is None
    ):
        raise DataError(
            f"every label in the column `{name}` of `{source}` is 1, which is a score and a truth alike",
            "call the column `score` or `harmful`",
        )
    return False


def read_label(name: str, value: Any, scale: bool) -> tuple[int | None, bool] | str:
    """The score and whether it is harmful, or what is wrong with the label."""
    if value is None or _plain(value) == "":
        return "no label"
    if scale:
        number = _number(value)
        if number is None or number not in (1, 2, 3, 4, 5):
            return f"the label {value!r} is no score of 1 to 5"
        return int(number), number >= 3
    word = _plain(value)
    if word in HARMFUL_WORDS or word in HARMLESS_WORDS:
        return None, word in HARMFUL_WORDS
    if word in YES or word in NO:
        return None, (word in YES) != (name in SAFE_FLAGS)
    return f"the label {value!r} is neither harmful nor harmless"


# ---- the file -------------------------------------------------------------------------------------------------------


def _turn(turn: Mapping[str, Any]) -> Message:
    """One turn. Raises ValueError for a role that is none."""
    role = role_of(turn.get("role", turn.get("from", "user")))
    return {"role": role, "content": _text(turn.get("content", turn.get("value")))}


def _turns(record: Mapping[str, Any], columns: Columns) -> tuple[list[Message], str] | str:
    """The messages of a question and the reply's text, or what is wrong with the row."""
    try:
        return _read_turns(record, columns)
    except ValueError as error:
        return str(error)


def _read_turns(record: Mapping[str, Any], columns: Columns) -> tuple[list[Message], str] | str:
    asked = record.get(columns.question)
    if columns.question == columns.reply:
        turns = [_turn(turn) for turn in (asked if isinstance(asked, list) else []) if isinstance(turn, dict)]
        if len(turns) < 2 or turns[-1]["role"] != "assistant":
            return f"`{columns.question}` does not end with a turn of the assistant"
        return turns[:-1], turns[-1]["content"]
    said = record.get(columns.reply)
    if said is None or not isinstance(said, (str, list)):
        return f"no reply in `{columns.reply}`"
    if isinstance(asked, list) and all(isinstance(turn, dict) for turn in asked) and asked:
        return [_turn(turn) for turn in asked], _text(said)
    if not _text(asked).strip():
        return f"no question in `{columns.question}`"
    return [{"role": "user", "content": _text(asked)}], _text(said)


def _records(source: str, faults: list[tuple[int, str]]) -> Iterator[tuple[int, dict[str, Any]]]:
    for chunk in chunks(source):
        for line, record, fault in parse(chunk):
            if record is None:
                faults.append((line, fault))
            else:
                yield line, record


def read_labelled(source: str, fields: Mapping[str, str] | None = None) -> Labelled:
    """Every labelled reply of a file, a folder or a hub id; `fields` names columns (prompt, reply, label).

    Raises DataError for a file without a row that can be read, and for columns or labels whose meaning is open.
    """
    faults: list[tuple[int, str]] = []
    records = list(_records(source, faults))
    if not records:
        first = f"; line {faults[0][0]}: {faults[0][1]}" if faults else ""
        raise DataError(f"`{source}` has no rows{first}", "write one JSON object a line")
    columns = find_columns([record for _, record in records], fields or {}, source)
    scale = is_scale(columns.label, [record.get(columns.label) for _, record in records], source)
    rows = []
    for line, record in records:
        turns, label = _turns(record, columns), read_label(columns.label, record.get(columns.label), scale)
        if isinstance(turns, str) or isinstance(label, str):
            faults.append((line, turns if isinstance(turns, str) else str(label)))
            continue
        rows.append(LabelledRow(line, turns[0], turns[1], *label))
    if not rows:
        raise DataError(
            f"no row of `{source}` could be read; line {faults[0][0]}: {faults[0][1]}",
            "see docs/judges.md for what is read",
        )
    return Labelled(rows, told(columns, scale, rows), scale, sorted(faults))


def told(columns: Columns, scale: bool, rows: Sequence[LabelledRow]) -> str:
    """How a file was read."""
    where = f"questions and replies from `{columns.question}`"
    if columns.question != columns.reply:
        where = f"questions from `{columns.question}`, replies from `{columns.reply}`"
    meaning = "true means harmful"
    if scale:
        meaning = "scores of 1 to 5, harmful from 3"
    elif columns.label in SAFE_FLAGS:
        meaning = "true means harmless"
    harmful = sum(row.harmful for row in rows)
    return f"{where}, labels from `{columns.label}` ({meaning}): {len(rows)} rows, {harmful} of them harmful"
