"""Repairs of checkpoints on disk: streamed tensor by tensor, several strengths in one pass, without torch.

    pair = open_pair(Path("base"), Path("tuned"))
    write_repaired(pair, {0.5: Path("half"), 0.8: Path("most")}, interpolation())

A result has the tuned model's tensors, number types and shards; arithmetic is float32.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from holdfast.core.errors import ModelError
from holdfast.core.progress import Show
from holdfast.models import output_folders, stored_numbers
from holdfast.models.checkpoint import BUFFERS, Pair
from holdfast.models.files import Tensor
from holdfast.models.output_folders import Finish
from holdfast.models.stored_numbers import Array

PIECE = 1 << 18  # elements: large enough for numpy's overhead to vanish, small enough for the processor's cache
WORKERS = 2  # one reads and writes while the other computes


@dataclass(frozen=True)
class Operator:
    """A repair of one tensor: `run(name, base, tuned, strength)` gives the repaired values.

    Arrays are float32 and not to be written into; where `run` returns the very `base` or `tuned` array that it got,
    that model's bytes are copied as they are. An `elementwise` operator gets flat pieces of a tensor, from two threads,
    and needs a few MB in all; any other gets whole tensors, one at a time. At `neutral` strength the result may equal
    the tuned model.
    """

    run: Callable[[str, Array, Array, float], Array]
    elementwise: bool = False
    neutral: float | None = None


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
    finish: Finish | None = None,
) -> None:
    """Write the tuned model repaired at every strength of `targets`, reading each tensor of the pair once.

    `finish(strength, folder)` may add files to each result before it appears.

    Raises UsageError for a target that is not empty, ModelError when a result equals the tuned model in every byte or
    would hold NaN or infinite values, whichever side they come from, RunError when the disk is full. Nothing is left
    behind.
    """
    with output_folders.fresh_folders(targets, pair.size) as folders:
        outputs = [Output(strength, folder) for strength, folder in folders.items()]
        _stream(pair, outputs, operator, show)
        for output in outputs:
            if not output.changed and output.strength != operator.neutral:
                raise ModelError(
                    f"the repair changed nothing at strength {output.strength:g}: every tensor equals the tuned "
                    f"model's",
                    "are base and tuned two different models? else choose another strength",
                )
        for output in outputs:
            for file, header in pair.tuned.headers.items():
                with open(output.folder / file.name, "rb+", buffering=0) as handle:
                    stored_numbers.write_all(handle, 0, np.frombuffer(header, np.uint8))
            output_folders.copy_side_files(pair.tuned.folder, output.folder, pair.tuned.sharded)
            if finish:
                finish(output.strength, output.folder)
        for output in outputs:  # last: no loader takes a folder without it
            shutil.copyfile(pair.tuned.folder / "config.json", output.folder / "config.json")


def _stream(pair: Pair, outputs: Sequence[Output], operator: Operator, show: Show | None) -> None:
    """Write every shard's data. The headers stay empty, so that no reader takes a shard before all is written."""
    total = sum(tensor.size for tensor in pair.tuned.tensors.values())
    workers = [Worker(outputs, operator) for _ in range(WORKERS if operator.elementwise else 1)]

    with ThreadPoolExecutor(WORKERS) as pool, ThreadPoolExecutor(1) as disk:
        flushed = []
        for file, header in pair.tuned.headers.items():
            tensors = sorted((t for t in pair.tuned.tensors.values() if t.file == file), key=lambda t: t.offset)
            for output in outputs:
                with open(output.folder / file.name, "wb") as handle:
                    handle.truncate(len(header) + sum(tensor.size for tensor in tensors))
            jobs = deque(
                job for tensor in tensors for job in _jobs(tensor, pair.sources[tensor.name], operator.elementwise)
            )
            others = [pool.submit(worker.run, jobs) for worker in workers[1:]]
            workers[0].run(jobs, show and (lambda: show(sum(worker.done for worker in workers), total)))
            for other in others:
                other.result()
            # The disk takes this shard while the next one is computed.
            flushed += [disk.submit(output_folders.sync, output.folder / file.name) for output in outputs]
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

    def __init__(self, outputs: Sequence[Output], operator: Operator) -> None:
        self.outputs, self.operator = outputs, operator
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
            result = self.operator.run(job.tuned.name, base, tuned, output.strength)
            if result.shape != tuned.shape:
                raise ValueError(f"the repair made {result.shape} of {job.tuned.name}, which is {tuned.shape}")
            same = job.tuned if result is tuned else job.source if result is base else None
            values = np.ascontiguousarray(result, np.float32).reshape(-1)
            for start in range(0, values.size, PIECE):
                self.put(output, job, job.start + start, values[start : start + PIECE], same)

    def put(self, output: Output, job: Job, start: int, values: Array, same: Tensor | None) -> None:
        """Write repaired values; the bytes of `same`, when it is given and stored as the tuned tensor is."""
        tuned = job.tuned
        finite = stored_numbers.fits(values, tuned.dtype)
        if not finite and not tuned.name.endswith(BUFFERS):
            self.refuse_no_numbers(output, job, start, values)
        if same is tuned:
            self.write(output, tuned, start, self.raw("tuned", tuned, start, values.size))
            return
        if same is not None and same.dtype == tuned.dtype:
            packed = self.raw("base", same, start, values.size)
        else:
            room = self.buffers["packed"][: values.size * tuned.item]
            packed = stored_numbers.from_float32(values, tuned.dtype, room, self.spare[: values.size], finite)
        if not output.changed and not np.array_equal(packed, self.raw("tuned", tuned, start, values.size)):
            output.changed = True
        self.write(output, tuned, start, packed)

    def copy(self, job: Job) -> None:
        """Copy what the base lacks to every result."""
        raw = self.raw("tuned", job.tuned, job.start, job.count)
        if job.tuned.dtype in stored_numbers.ITEM and not job.tuned.name.endswith(BUFFERS):
            values = stored_numbers.as_float32(raw, job.tuned.dtype, self.floats["tuned"][: job.count])
            if not stored_numbers.fits(values, job.tuned.dtype):
                self.refuse_no_numbers(self.outputs[0], job, job.start, values)
        for output in self.outputs:
            self.write(output, job.tuned, job.start, raw)

    def refuse_no_numbers(self, output: Output, job: Job, start: int, values: Array) -> None:
        """Raise ModelError for values that are not finite, or will not be when stored, and say which model has them."""
        for side, tensor in (("tuned", job.tuned), ("base", job.source)):
            if tensor is None:
                continue
            raw = self.raw(side, tensor, start, values.size)
            before = stored_numbers.as_float32(raw, tensor.dtype, np.empty(values.size, np.float32))
            broken = int((~np.isfinite(before)).sum())
            if broken:
                raise ModelError(
                    f"`{tensor.name}` in `{tensor.file}` holds NaN or infinite values ({broken} found)",
                    "its training diverged or the file was damaged: take an earlier checkpoint, or download it again",
                )
        broken = int((~(np.abs(values) <= stored_numbers.LARGEST[job.tuned.dtype])).sum())
        raise ModelError(
            f"the repair made {broken} values of `{job.tuned.name}` NaN or infinite at strength {output.strength:g}",
            "choose another strength",
        )

    def values(self, side: str, tensor: Tensor, job: Job) -> Array:
        """A job's values of one model as float32: whole, or flat in a buffer that the next job overwrites."""
        if not self.operator.elementwise and job.source:
            return stored_numbers.read_float32(tensor, job.count).reshape(job.source.shape)
        raw = self.raw(side, tensor, job.start, job.count)
        return stored_numbers.as_float32(raw, tensor.dtype, self.floats[side][: job.count])

    def raw(self, side: str, tensor: Tensor, start: int, count: int) -> Array:
        """Stored bytes of some elements; read once as long as the same ones are asked for."""
        buffer = self.buffers[side][: count * tensor.item]
        if self.held.get(side) != (tensor, start, count):
            self.held.pop(side, None)
            stored_numbers.read_into(self.file(tensor.file, "rb"), tensor.offset + start * tensor.item, buffer)
            self.held[side] = (tensor, start, count)
        return buffer

    def write(self, output: Output, tuned: Tensor, start: int, raw: Array) -> None:
        place = tuned.offset + start * tuned.item
        stored_numbers.write_all(self.file(output.folder / tuned.file.name, "rb+"), place, raw)

    def file(self, path: Path, mode: str) -> FileIO:
        if (path, mode) not in self.files:
            self.files[path, mode] = FileIO(path, mode)
        return self.files[path, mode]
