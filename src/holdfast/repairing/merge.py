"""Repairs of checkpoints on disk: streamed tensor by tensor, several strengths in one pass, without torch.

    pair = open_pair(Path("base"), Path("tuned"))
    write_repaired(pair, {0.5: Path("half"), 0.8: Path("most")}, interpolation(), elementwise=True, neutral=1.0)

A result has the tuned model's tensors, number types and shards; arithmetic is float32.
"""

from __future__ import annotations

import math
import re
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from holdfast.core.errors import ModelError, UsageError
from holdfast.core.progress import Show
from holdfast.core.runs import write_atomic
from holdfast.data.folders import HUB_ID
from holdfast.models import checkpoint
from holdfast.models.card import put_section, with_front
from holdfast.models.checkpoint import Array, Pair, fresh_folders
from holdfast.models.files import Tensor

# An operator gets (name, base, tuned, strength) and returns the repaired values; arrays are float32 and not to be
# written into. Returning the very `base` or `tuned` array that it got has that model's bytes copied as they are.
Operator = Callable[[str, Array, Array, float], Array]
Finish = Callable[[float, Path], None]

PIECE = 1 << 18  # elements: large enough for numpy's overhead to vanish, small enough for the processor's cache
WORKERS = 2  # one reads and writes while the other computes


# ---- interpolation --------------------------------------------------------------------------------------------------


def interpolate(base: Any, tuned: Any, alpha: float, out: Any = None, spare: Any = None) -> Any:
    """θ = (1−α)·base + α·tuned, where α is the weight on the tuned model: 0 is the base, 1 the tuned model.

    Float32 arrays of one shape, numpy's or torch's: two products and a sum, each rounded to float32, as are the weights.
    With `out` and `spare`, numpy arrays of that shape, nothing is allocated. At 0 and 1 the model's own array comes
    back, so that its zeros keep their signs.

    Wortsman et al., Robust fine-tuning of zero-shot models, 2022 (WiSE-FT).
    """
    if alpha in (0.0, 1.0):
        return tuned if alpha else base
    on_base, on_tuned = float(np.float32(1.0 - alpha)), float(np.float32(alpha))
    if out is None or spare is None:
        return base * on_base + tuned * on_tuned
    np.multiply(base, on_base, out=out)
    np.multiply(tuned, on_tuned, out=spare)
    return np.add(out, spare, out=out)


def interpolation(strengths: Strengths | None = None) -> Operator:
    """An operator for `write_repaired` with `elementwise=True` that interpolates, module by module where that is asked.

    What it returns is overwritten by the same thread's next call.
    """
    own = threading.local()

    def operate(name: str, base: Array, tuned: Array, strength: float) -> Array:
        alpha = strengths.of(name, strength) if strengths else strength
        if getattr(own, "size", 0) < base.size:
            own.size, own.out, own.spare = base.size, np.empty(base.size, np.float32), np.empty(base.size, np.float32)
        out, spare = own.out[: base.size].reshape(base.shape), own.spare[: base.size].reshape(base.shape)
        result: Array = interpolate(base, tuned, alpha, out, spare)
        return result

    return operate


# ---- strengths by module --------------------------------------------------------------------------------------------

LAYERS = re.compile(r"layers\.(\d+)(?:-(\d+))?(?:\.(.+))?")
LAYER_OF_NAME = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)(?:\.|$)")
EXAMPLE = "0.5 or 0.5,mlp=0.8,layers.0-7=0.2"


@dataclass(frozen=True)
class Strengths:
    """A strength for every tensor, from text such as `0.5,mlp=0.8,layers.0-7=0.2,lm_head=1`.

    A rule names a part of a tensor's name, layers (`layers.0-7`, `layers.3`) or a part of these (`layers.0-7.mlp`);
    where several match, the last one counts. The bare number is for all other tensors; it may be left out.
    """

    plain: float | None
    rules: tuple[tuple[str, float], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Strengths:
        """Raises UsageError for what cannot be read."""
        plain: list[float] = []
        rules: list[tuple[str, float]] = []
        for entry in text.split(","):
            part, equals, number = (piece.strip() for piece in entry.rpartition("="))
            strength = _number(number)
            layers = LAYERS.fullmatch(part)
            if not math.isfinite(strength):
                raise UsageError(f"`{number}` in `{text}` is no strength", f"write {EXAMPLE}")
            if equals and not re.fullmatch(r"[\w.-]+", part):
                raise UsageError(f"`{part}` in `{text}` is no part of a tensor's name", f"write it plainly: {EXAMPLE}")
            if layers and int(layers[2] or layers[1]) < int(layers[1]):
                raise UsageError(f"`{part}` runs backwards", f"write layers.{layers[2]}-{layers[1]}")
            if equals:
                rules.append((part, strength))
            else:
                plain.append(strength)
        if len(plain) > 1:
            raise UsageError(f"`{text}` names two strengths for all tensors", f"write one, then rules: {EXAMPLE}")
        return cls(plain[0] if plain else None, tuple(rules))

    def of(self, name: str, default: float) -> float:
        """A tensor's strength: its last rule's, else the bare number, else `default`."""
        for part, strength in reversed(self.rules):
            if _matches(part, name):
                return strength
        return default if self.plain is None else self.plain

    def check(self, names: Iterable[str]) -> None:
        """Raises UsageError for a rule that no tensor's name matches, which would be passed over in silence."""
        names = sorted(names)
        for part, _ in self.rules:
            if not any(_matches(part, name) for name in names):
                raise UsageError(f"no tensor matches `{part}`", f"use parts of names such as {', '.join(names[:3])}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _matches(part: str, name: str) -> bool:
    layers = LAYERS.fullmatch(part)
    if layers is None:
        return part in name
    layer = LAYER_OF_NAME.search(name)
    inside = layer is not None and int(layers[1]) <= int(layer[1]) <= int(layers[2] or layers[1])
    return inside and (layers[3] or "") in name


# ---- the stream -----------------------------------------------------------------------------------------------------


@dataclass
class Output:
    """One strength's folder, and whether any byte differs from the tuned model so far."""

    strength: float
    folder: Path
    changed: bool = False


@dataclass(frozen=True)
class Job:
    """Elements of a tuned tensor that are repaired together, or copied when there is no source."""

    tuned: Tensor
    source: Tensor | None
    start: int
    count: int


def write_repaired(
    pair: Pair,
    targets: Mapping[float, Path],
    operator: Operator,
    show: Show | None = None,
    elementwise: bool = False,
    neutral: float | None = None,
    finish: Finish | None = None,
) -> None:
    """Write the tuned model repaired at every strength of `targets`, reading each tensor of the pair once.

    An `elementwise` operator gets flat pieces of a tensor, from two threads, and needs a few MB in all; any other gets
    whole tensors, one at a time. At `neutral` strength the result may equal the tuned model. `finish(strength, folder)`
    may add files to each result before it appears.

    Raises UsageError for a target that is not empty, ModelError when a result equals the tuned model in every byte or
    would hold NaN or infinite values, whichever side they come from, RunError when the disk is full. Nothing is left behind.
    """
    with fresh_folders(targets, pair.size) as folders:
        outputs = [Output(strength, folder) for strength, folder in folders.items()]
        _stream(pair, outputs, operator, show, elementwise)
        for output in outputs:
            if not output.changed and output.strength != neutral:
                raise ModelError(
                    f"the repair changed nothing at strength {output.strength:g}: every tensor equals the tuned model's",
                    "are base and tuned two different models? else choose another strength",
                )
        for output in outputs:
            for file, header in pair.tuned.headers.items():
                with open(output.folder / file.name, "rb+", buffering=0) as handle:
                    checkpoint.write_all(handle, 0, np.frombuffer(header, np.uint8))
            checkpoint.copy_side_files(pair.tuned.folder, output.folder, pair.tuned.sharded)
            if finish:
                finish(output.strength, output.folder)
        for output in outputs:  # last: no loader takes a folder without it
            shutil.copyfile(pair.tuned.folder / "config.json", output.folder / "config.json")


def _stream(pair: Pair, outputs: Sequence[Output], operator: Operator, show: Show | None, elementwise: bool) -> None:
    """Write every shard's data. The headers stay empty, so that no reader takes a shard before all is written."""
    total = sum(tensor.size for tensor in pair.tuned.tensors.values())
    workers = [Worker(outputs, operator, elementwise) for _ in range(WORKERS if elementwise else 1)]

    with ThreadPoolExecutor(WORKERS) as pool, ThreadPoolExecutor(1) as disk:
        flushed = []
        for file, header in pair.tuned.headers.items():
            tensors = sorted((t for t in pair.tuned.tensors.values() if t.file == file), key=lambda t: t.offset)
            for output in outputs:
                with open(output.folder / file.name, "wb") as handle:
                    handle.truncate(len(header) + sum(tensor.size for tensor in tensors))
            jobs = deque(job for tensor in tensors for job in _jobs(tensor, pair.sources[tensor.name], elementwise))
            others = [pool.submit(worker.run, jobs) for worker in workers[1:]]
            workers[0].run(jobs, show and (lambda: show(sum(worker.done for worker in workers), total)))
            for other in others:
                other.result()
            # The disk takes this shard while the next one is computed.
            flushed += [disk.submit(checkpoint.sync, output.folder / file.name) for output in outputs]
        for future in flushed:
            future.result()
    if show:
        show(total, total)


def _jobs(tuned: Tensor, source: Tensor | None, elementwise: bool) -> Iterator[Job]:
    """A tensor's jobs. Rows that the base lacks stand at the end, and are copied."""
    shared = min(source.elements, tuned.elements) if source else 0
    step = PIECE if elementwise else max(shared, 1)
    for start in range(0, shared, step):
        yield Job(tuned, source, start, min(step, shared - start))
    for start in range(shared, tuned.elements, PIECE):
        yield Job(tuned, None, start, min(PIECE, tuned.elements - start))


class Worker:
    """One thread's buffers and open files."""

    def __init__(self, outputs: Sequence[Output], operator: Operator, elementwise: bool) -> None:
        self.outputs, self.operator, self.elementwise = outputs, operator, elementwise
        self.buffers = {side: np.empty(PIECE * 8, np.uint8) for side in ("base", "tuned", "packed")}
        self.floats = {side: np.empty(PIECE, np.float32) for side in ("base", "tuned")}
        self.spare = np.empty(PIECE, np.uint32)
        self.held: dict[str, tuple[Tensor, int, int]] = {}  # what the buffers hold
        self.files: dict[tuple[Path, str], FileIO] = {}
        self.done = 0  # bytes of the tuned model

    def run(self, jobs: deque[Job], tell: Callable[[], None] | None = None) -> None:
        """Do jobs until none is left; an error empties the queue, so that the other worker stops too."""
        try:
            with np.errstate(all="ignore"):  # what overflows is found by looking at the result
                while jobs:
                    try:
                        job = jobs.popleft()
                    except IndexError:  # the other worker took the last one
                        break
                    self.do(job)
                    self.done += job.count * job.tuned.item
                    if tell:
                        tell()
        finally:
            jobs.clear()
            for file in self.files.values():
                file.close()
            self.files.clear()

    def do(self, job: Job) -> None:
        """Repair or copy a job's elements at every strength."""
        if job.source is None:
            self.copy(job)
            return
        base, tuned = self.values("base", job.source, job), self.values("tuned", job.tuned, job)
        base.flags.writeable = tuned.flags.writeable = False  # the next strength needs them too
        for output in self.outputs:
            result = self.operator(job.tuned.name, base, tuned, output.strength)
            if result.shape != tuned.shape:
                raise ValueError(f"the repair made {result.shape} of {job.tuned.name}, which is {tuned.shape}")
            same = job.tuned if result is tuned else job.source if result is base else None
            values = np.ascontiguousarray(result, np.float32).reshape(-1)
            for start in range(0, values.size, PIECE):
                self.put(output, job, job.start + start, values[start : start + PIECE], same)

    def put(self, output: Output, job: Job, start: int, values: Array, same: Tensor | None) -> None:
        """Write repaired values; the bytes of `same`, when it is given and stored as the tuned tensor is."""
        tuned = job.tuned
        finite = checkpoint.fits(values, tuned.dtype)
        if not finite and not tuned.name.endswith(checkpoint.BUFFERS):
            self.refuse_no_numbers(output, job, start, values)
        if same is tuned:
            self.write(output, tuned, start, self.raw("tuned", tuned, start, values.size))
            return
        if same is not None and same.dtype == tuned.dtype:
            packed = self.raw("base", same, start, values.size)
        else:
            room = self.buffers["packed"][: values.size * tuned.item]
            packed = checkpoint.from_float32(values, tuned.dtype, room, self.spare[: values.size], finite)
        if not output.changed and not np.array_equal(packed, self.raw("tuned", tuned, start, values.size)):
            output.changed = True
        self.write(output, tuned, start, packed)

    def copy(self, job: Job) -> None:
        """Copy what the base lacks to every result."""
        raw = self.raw("tuned", job.tuned, job.start, job.count)
        if job.tuned.dtype in checkpoint.ITEM and not job.tuned.name.endswith(checkpoint.BUFFERS):
            values = checkpoint.as_float32(raw, job.tuned.dtype, self.floats["tuned"][: job.count])
            if not checkpoint.fits(values, job.tuned.dtype):
                self.refuse_no_numbers(self.outputs[0], job, job.start, values)
        for output in self.outputs:
            self.write(output, job.tuned, job.start, raw)

    def refuse_no_numbers(self, output: Output, job: Job, start: int, values: Array) -> None:
        """Raise ModelError for values that are not finite, or will not be when they are stored: say which model's they are."""
        for side, tensor in (("tuned", job.tuned), ("base", job.source)):
            if tensor is None:
                continue
            raw = self.raw(side, tensor, start, values.size)
            before = checkpoint.as_float32(raw, tensor.dtype, np.empty(values.size, np.float32))
            broken = int((~np.isfinite(before)).sum())
            if broken:
                raise ModelError(
                    f"`{tensor.name}` in `{tensor.file}` holds NaN or infinite values ({broken} found)",
                    "its training diverged or the file was damaged: take an earlier checkpoint, or download it again",
                )
        broken = int((~(np.abs(values) <= checkpoint.LARGEST[job.tuned.dtype])).sum())
        raise ModelError(
            f"the repair made {broken} values of `{job.tuned.name}` NaN or infinite at strength {output.strength:g}",
            "choose another strength",
        )

    def values(self, side: str, tensor: Tensor, job: Job) -> Array:
        """A job's values of one model as float32: whole, or flat in a buffer that the next job overwrites."""
        if not self.elementwise and job.source:
            return checkpoint.read_float32(tensor, job.count).reshape(job.source.shape)
        raw = self.raw(side, tensor, job.start, job.count)
        return checkpoint.as_float32(raw, tensor.dtype, self.floats[side][: job.count])

    def raw(self, side: str, tensor: Tensor, start: int, count: int) -> Array:
        """Stored bytes of some elements; read once as long as the same ones are asked for."""
        buffer = self.buffers[side][: count * tensor.item]
        if self.held.get(side) != (tensor, start, count):
            self.held.pop(side, None)
            checkpoint.read_into(self.file(tensor.file, "rb"), tensor.offset + start * tensor.item, buffer)
            self.held[side] = (tensor, start, count)
        return buffer

    def write(self, output: Output, tuned: Tensor, start: int, raw: Array) -> None:
        place = tuned.offset + start * tuned.item
        checkpoint.write_all(self.file(output.folder / tuned.file.name, "rb+"), place, raw)

    def file(self, path: Path, mode: str) -> FileIO:
        if (path, mode) not in self.files:
            self.files[path, mode] = FileIO(path, mode)
        return self.files[path, mode]


# ---- what is written beside a result --------------------------------------------------------------------------------


def mergekit_yaml(base_ref: str, tuned_ref: str, alpha: float, dtype: str) -> str:
    """A mergekit configuration of an interpolation with one strength; `dtype` is the tuned model's, in torch's words.

    mergekit takes the configuration and the tokenizer from the first model, so that is the tuned one.
    """
    weights = {tuned_ref: float(alpha), base_ref: round(1.0 - alpha, 12)}
    models = [{"model": reference, "parameters": {"weight": weight}} for reference, weight in weights.items()]
    recipe = {"merge_method": "linear", "models": models, "parameters": {"normalize": False}}
    return yaml.safe_dump(recipe | {"dtype": "float32", "out_dtype": dtype}, sort_keys=False)


BEGIN, END = "<!-- holdfast: begin", "<!-- holdfast: end -->"
SECTION = re.compile(rf"{re.escape(BEGIN)}[^\n]*-->.*?{re.escape(END)}\n?", re.DOTALL)
TAGS = ["holdfast", "merge"]


def card_section(method: str, strength: float | str, base: str, tuned: str, facts: Mapping[str, Any]) -> str:
    """A model card's section on a repair: what was repaired, how, and `facts` as rows of a table.

    Folders are named by their last part only, since cards are published. The section's first line keeps the hub ids for
    `update_card`.
    """
    hub = [reference for reference in (base, tuned) if HUB_ID.match(reference) and not Path(reference).exists()]
    shown = [reference if reference in hub else Path(reference).name or reference for reference in (base, tuned)]
    rows = {"method": method, "strength": strength, "base": shown[0], "tuned model": shown[1], **facts}
    table = "".join(f"| {_cell(key)} | {_cell(value)} |\n" for key, value in rows.items())
    return (
        f"{BEGIN}; base_model: {', '.join(hub)} -->\n## Safety repair\n\n"
        f"holdfast drew this fine-tuned model back towards its aligned base.\n\n| | |\n|---|---|\n{table}{END}\n"
    )


def _cell(value: Any) -> str:
    """One cell of a table: no line breaks, no bars, and nothing that could end the section."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")


def update_card(folder: Path, section: str) -> None:
    """Put a section of `card_section` into a folder's README.md, in place of an earlier one, and name it in the front matter.

    Everything else stays as it is; `base_model` is added when there is none, and the tags that are missing. A second
    call changes nothing. Raises RunError when the file cannot be written.
    """
    path = folder / "README.md"
    text = put_section(path.read_text(encoding="utf-8") if path.exists() else "", SECTION, section)
    named = re.match(rf"{re.escape(BEGIN)}; base_model: (.*) -->", section)
    base = [name for name in named[1].split(", ") if name] if named else []
    write_atomic(path, with_front(text, {"base_model": base}, TAGS))
