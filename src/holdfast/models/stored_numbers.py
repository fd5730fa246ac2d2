"""Numbers as a safetensors file stores them, to float32 and back, without torch.

Files are read and written by plain calls.

    read_float32(pair.tuned.tensors["lm_head.weight"])
    from_float32(values, "BF16", out, spare, finite=True)

Files are never mapped, so memory stays at what is asked for.
"""

from __future__ import annotations

from io import FileIO
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.core.errors import ModelError
from holdfast.models.files import Tensor

Array = npt.NDArray[Any]

# The floats that can be computed with: bytes apiece, torch's name, and the largest float32 that does not round to inf.
ITEM = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}
TORCH_NAME = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"}
LARGEST = {
    "F64": np.finfo(np.float32).max,
    "F32": np.finfo(np.float32).max,
    "BF16": np.uint32(0x7F7F7FFF).view(np.float32),
    "F16": np.nextafter(np.float32(65520), np.float32(0)),
}
WHOLE_NUMBERS = {"BOOL", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64"}


def as_float32(raw: Array, dtype: str, out: Array) -> Array:
    """Stored bytes as float32, in `out` or, when they are float32 already, as a view of `raw`.

    `raw` is uint8, `out` flat float32 of as many elements.
    """
    if dtype == "F32":
        return raw.view(np.float32)
    if dtype == "BF16":  # a bfloat16 is the upper half of a float32
        np.left_shift(raw.view(np.uint16), 16, out=out.view(np.uint32), dtype=np.uint32)
    else:
        np.copyto(out, raw.view(np.float16 if dtype == "F16" else np.float64), casting="same_kind")
    return out


def from_float32(values: Array, dtype: str, out: Array, spare: Array, finite: bool) -> Array:
    """Float32 as stored bytes, rounded to the nearest, ties to even; NaN stays NaN.

    `values` is flat and contiguous, `out` uint8, `spare` uint32 of as many elements as `values`; `finite` says that no
    value is NaN, which saves a look. Returns `out`, or a view of `values` when those bytes are what is stored.
    """
    if dtype == "F32":
        return values.view(np.uint8)
    if dtype == "BF16":
        bits = values.view(np.uint32)
        np.right_shift(bits, 16, out=spare)
        np.bitwise_and(spare, 1, out=spare)
        np.add(spare, 0x7FFF, out=spare)
        np.add(spare, bits, out=spare)  # the upper half is now rounded
        if not finite:
            nan = np.isnan(values)
            spare[nan] = bits[nan] | 0x00400000  # the carry could have made it infinite, or run over
        out.view(np.uint16)[...] = spare.view(np.uint16)[1::2]
    else:
        np.copyto(out.view(np.float16 if dtype == "F16" else np.float64), values, casting="same_kind")
    return out


def fits(values: Array, dtype: str) -> bool:
    """Whether float32 values are all finite, and stay so in a number type."""
    if values.size == 0:
        return True
    limit = LARGEST[dtype]
    return bool(values.min() >= -limit and values.max() <= limit)  # NaN compares false


def read_into(file: FileIO, offset: int, buffer: Array) -> Array:
    """Fill a uint8 buffer from a place in a file. Raises ModelError when the file has become shorter."""
    file.seek(offset)
    view = buffer.data
    while len(view):
        count = file.readinto(view)
        if not count:
            raise ModelError(f"`{file.name}` ended early", "was it changed meanwhile? copy or download it again")
        view = view[count:]
    return buffer


def write_all(file: FileIO, offset: int, buffer: Array) -> None:
    """Write a whole uint8 buffer at a place in a file."""
    file.seek(offset)
    view = buffer.data
    while len(view):
        view = view[file.write(view) :]


def read_float32(tensor: Tensor, elements: int | None = None, block: int = 1 << 20) -> Array:
    """A tensor's values as flat float32, or the first `elements` of them, read in blocks without a second copy."""
    total = tensor.elements if elements is None else elements
    out = np.empty(total, np.float32)
    item = ITEM[tensor.dtype]
    raw = np.empty(min(block, total) * item, np.uint8)
    with open(tensor.file, "rb", buffering=0) as file:
        for start in range(0, total, block):
            part = out[start : start + block]
            if tensor.dtype == "F32":
                read_into(file, tensor.offset + start * item, part.view(np.uint8))
            else:
                bytes_ = read_into(file, tensor.offset + start * item, raw[: part.size * item])
                as_float32(bytes_, tensor.dtype, part)
    return out
