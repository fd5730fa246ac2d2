"""Files, folders and hub ids to rows; every row keeps its file and line. Content is sniffed, not trusted from the suffix.

    for row in read_rows("train.jsonl"): row.messages, row.meta["line"]

Containers: JSON, JSON lines (gzipped or not), CSV/TSV, parquet, a `save_to_disk` folder, a hub id.
Formats, told apart row by row: `messages`, ShareGPT `conversations`, Alpaca `instruction/input/output`,
prompt and completion (also question/answer, query/response, instruction/response), `text`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from holdfast.core.errors import DataError
from holdfast.core.records import Message, Row

FORMATS = ("messages", "sharegpt", "alpaca", "prompt-completion", "text")
# Pairs of columns that mean prompt and completion, in the order in which they are tried.
PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("query", "response"),
    ("input", "output"),
)
SHAREGPT_ROLES = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant",
    "bing": "assistant", "bard": "assistant", "model": "assistant", "system": "system",
    "function_call": "assistant", "tool_call": "assistant", "observation": "tool", "tool": "tool", "function": "tool",
}  # fmt: skip
HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")

Record = tuple[int, dict[str, Any]]  # line in the file (from 1), the raw record


# ---- containers -----------------------------------------------------------------------------------------------------


def fault(file: str, line: int, what: str, hint: str = "") -> DataError:
    return DataError(f"{file} line {line}: {what}", hint or "mend or remove that row")


def _text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
    except (OSError, EOFError) as error:
        raise DataError(f"`{path}` is a broken gzip file: {error}", "download or compress it again") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise fault(str(path), line, f"not UTF-8 (byte {error.start})", "save the file as UTF-8") from error


def _json_lines(path: Path, text: str) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise fault(str(path), number, f"not JSON ({error})") from error
        if not isinstance(value, dict):
            raise fault(str(path), number, f"a JSON {type(value).__name__}, not an object with columns")
        yield number, value


def _json_array(path: Path, text: str) -> Iterator[Record]:
    """The objects of a JSON array, decoded one by one so that each knows its line."""
    decoder = json.JSONDecoder()
    gap = re.compile(r"[\s,]*")
    at = text.index("[") + 1
    line, counted = 1, 0
    while True:
        at = gap.match(text, at).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        if text[at : at + 1] == "]":
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise fault(str(path), line, f"not JSON ({error})", "is the file cut off?") from error
        if not isinstance(value, dict):
            raise fault(str(path), line, f"a JSON {type(value).__name__}, not an object with columns")
        yield line, value


def _json_object(path: Path, text: str) -> Iterator[Record]:
    """One JSON object over the whole file: a list under `data`, `train` or `rows`, or a single row."""
    value = json.loads(text)
    for key in ("data", "train", "rows"):
        if isinstance(value.get(key), list):
            for row in value[key]:
                yield 1, row
            return
    yield 1, value


def _csv(path: Path, text: str) -> Iterator[Record]:
    first = text.split("\n", 1)[0]
    delimiter = max(",\t;|", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for record in reader:
            if None in record:
                raise fault(str(path), reader.line_num, "more fields than the header has")
            yield reader.line_num, {key: value for key, value in record.items() if value is not None}
    except csv.Error as error:
        raise fault(str(path), reader.line_num, f"not CSV ({error})") from error


def _parquet(path: Path) -> Iterator[Record]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        number = 0
        for batch in file.iter_batches(batch_size=1024):
            for record in batch.to_pylist():
                number += 1
                yield number, record
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"`{path}` is a broken parquet file: {error}", "write it again") from error


def _is_one_json_object(text: str) -> bool:
    try:
        json.loads(text.split("\n", 1)[0])
    except ValueError:
        try:
            return isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            return False
    return False


def _file_records(path: Path) -> Iterator[Record]:
    with open(path, "rb") as file:
        head = file.read(4)
    if head == b"PAR1":
        return _parquet(path)
    text = _text(path)
    start = text.lstrip()[:1]
    if not start:
        raise DataError(f"`{path}` is empty", "name a file with at least one row")
    if start == "[":
        return _json_array(path, text)
    if start == "{":
        return _json_object(path, text) if _is_one_json_object(text) else _json_lines(path, text)
    if len(text.split("\n", 1)[0].split()) >= 1 and max(text.split("\n", 1)[0].count(d) for d in ",\t;|"):
        return _csv(path, text)
    if path.suffix.lower() in (".csv", ".tsv"):
        return _csv(path, text)
    first = text.lstrip().split("\n", 1)[0][:60]
    raise fault(str(path), 1, f"neither JSON, JSON lines, CSV nor parquet (it begins {first!r})", "see docs/data.md")


def _hub_records(name: str, split: str) -> Iterator[Record]:
    import datasets

    try:
        data = datasets.load_dataset(name, split=split)
    except Exception as error:  # the library raises many kinds; all of them mean that there is no such data
        raise DataError(
            f"cannot load the dataset `{name}` (split `{split}`): {str(error).splitlines()[0] if str(error) else error!r}",
            "check the id and the network, or name a local file",
        ) from error
    return ((i, dict(record)) for i, record in enumerate(data, 1))


def _folder_records(path: Path, split: str) -> Iterator[Record]:
    import datasets

    try:
        data = datasets.load_from_disk(str(path))
    except Exception as error:  # see _hub_records
        raise DataError(f"`{path}` is not a folder that `save_to_disk` wrote", "name a file in it instead") from error
    if isinstance(data, datasets.DatasetDict):
        if split not in data:
            raise DataError(f"`{path}` has no split `{split}`", f"it has: {', '.join(data)}")
        data = data[split]
    return ((i, dict(record)) for i, record in enumerate(data, 1))


def read_records(source: str, split: str = "train") -> Iterator[Record]:
    """The raw records of a file, a `save_to_disk` folder or a hub id. Raises DataError with file and line."""
    path = Path(source)
    if path.is_dir():
        return _folder_records(path, split)
    if path.exists():
        return _file_records(path)
    if HUB_ID.match(source) and not path.suffix:
        return _hub_records(source, split)
    raise DataError(f"there is no file or folder `{source}`", "check the path")


# ---- formats --------------------------------------------------------------------------------------------------------


def flat(content: Any) -> str:
    """Message content as text; multi-part content keeps its text parts."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) if isinstance(part, dict) else str(part) for part in content)
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _message(role: str, content: Any, source: dict[str, Any] | None = None) -> Message:
    kept = {k: v for k, v in (source or {}).items() if k in ("tool_calls", "name", "tool_call_id") and v is not None}
    return {"role": role, "content": flat(content), **kept}


def _from_messages(record: dict[str, Any]) -> list[Message]:
    return [_message(str(turn["role"]), turn.get("content"), turn) for turn in record["messages"]]


def _from_sharegpt(record: dict[str, Any]) -> list[Message]:
    messages = [_message("system", record["system"])] if record.get("system") else []
    for turn in record["conversations"]:
        role = str(turn.get("from", turn.get("role")))
        if role not in SHAREGPT_ROLES:
            raise KeyError(f"unknown speaker `{role}`")
        messages.append(_message(SHAREGPT_ROLES[role], turn.get("value", turn.get("content"))))
    return messages


def _from_alpaca(record: dict[str, Any]) -> list[Message]:
    messages = [_message("system", record["system"])] if record.get("system") else []
    for asked, told in record.get("history") or []:
        messages += [_message("user", asked), _message("assistant", told)]
    extra = record.get("input") or record.get("context") or ""
    asked = f"{record['instruction']}\n{extra}" if extra else record["instruction"]
    return [*messages, _message("user", asked), _message("assistant", record.get("output", record.get("response")))]


def _from_pair(record: dict[str, Any], names: tuple[str, str]) -> list[Message]:
    prompt, completion = record[names[0]], record[names[1]]
    before = (
        [_message(str(m["role"]), m.get("content"), m) for m in prompt]
        if isinstance(prompt, list)
        else [_message("user", prompt)]
    )
    after = (
        [_message(str(m["role"]), m.get("content"), m) for m in completion]
        if isinstance(completion, list)
        else [_message("assistant", completion)]
    )
    # Text-to-SQL and question-answering rows keep what the answer needs in a column of its own.
    if "context" in record and record["context"] and len(before) == 1:
        before[0]["content"] += f"\n{record['context']}"
    return before + after


def sniff(record: dict[str, Any]) -> str | None:
    """The format of a record, or None."""
    if isinstance(record.get("messages"), list):
        return "messages"
    if isinstance(record.get("conversations"), list):
        return "sharegpt"
    if "instruction" in record and ("output" in record or "response" in record):
        return "alpaca"
    if any(a in record and b in record for a, b in PAIRS):
        return "prompt-completion"
    if isinstance(record.get("text"), str):
        return "text"
    return None


def to_messages(record: dict[str, Any], kind: str) -> list[Message]:
    """A record's messages; a `text` record becomes a single message of the role `text`."""
    if kind == "messages":
        return _from_messages(record)
    if kind == "sharegpt":
        return _from_sharegpt(record)
    if kind == "alpaca":
        return _from_alpaca(record)
    if kind == "text":
        return [_message("text", record["text"])]
    return _from_pair(record, next(pair for pair in PAIRS if pair[0] in record and pair[1] in record))


def to_row(record: dict[str, Any], file: str, line: int, index: int) -> Row:
    """One record as a row that can be trained on. Raises DataError with file and line."""
    kind = sniff(record)
    if kind is None:
        raise fault(
            file, line, f"unknown format with the columns {', '.join(map(str, record)) or '(none)'}",
            f"known formats: {', '.join(FORMATS)}; see docs/data.md",
        )  # fmt: skip
    try:
        messages = to_messages(record, kind)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise fault(file, line, f"a broken `{kind}` row ({error})") from error
    if kind != "text" and not any(m["role"] == "assistant" and (m["content"] or m.get("tool_calls")) for m in messages):
        raise fault(file, line, "no assistant turn: there is nothing to train on")
    if kind == "text" and not messages[0]["content"].strip():
        raise fault(file, line, "empty text")
    identity = str(record.get("id") or f"{Path(file).name}:{index}")
    return Row(identity, messages, {"file": file, "line": line, "format": kind})


def read_rows(source: str, split: str = "train", limit: int | None = None) -> list[Row]:
    """Every row of a dataset, or the first `limit`.

    Raises DataError, with file and line, for the first row that cannot be trained on, and for a dataset without rows.
    """
    records: Iterable[Record] = read_records(source, split)
    if limit is not None:
        records = islice(records, limit)
    rows = [to_row(record, source, line, index) for index, (line, record) in enumerate(records)]
    if not rows:
        raise DataError(f"`{source}` has no rows", "name a dataset with at least one row")
    return rows
