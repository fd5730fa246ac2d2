"""What storage says when it is full, read-only or gone, whichever library was writing: one sentence, and what to do.

torch, safetensors, pyarrow and matplotlib each raise their own kind of error for a disk that is full, and some of them
keep no more of it than its words.
"""

from __future__ import annotations

import errno
import re

from holdfast.core.errors import RunError

RESUMES = "what was done so far is kept, and the same command resumes it"
FULL = f"free some space, or name another folder with --out; {RESUMES}"
CLOSED = f"make it writable, or name another folder with --out; {RESUMES}"
GONE = f"was its file system unmounted, or the folder removed? bring it back: {RESUMES}"

HINTS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), FULL),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), CLOSED),
    **dict.fromkeys((errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO), GONE),
}
# As the system says it, in what a library made of it; torch keeps no reason at all.
WORDS = {
    r"No space left on device|os error 28\b|failed writing file|file write failed|iostream error": errno.ENOSPC,
    r"Disk quota exceeded|os error 122\b": errno.EDQUOT,
    r"Read-only file system|os error 30\b": errno.EROFS,
    r"Input/output error|os error 5\b": errno.EIO,
    r"Stale file handle|os error 116\b": errno.ESTALE,
    r"Transport endpoint is not connected|os error 107\b": errno.ENOTCONN,
}
SAYS = {
    errno.ENOSPC: "No space left on device",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EROFS: "Read-only file system",
    errno.EIO: "Input/output error",
    errno.ESTALE: "Stale file handle",
    errno.ENOTCONN: "Transport endpoint is not connected",
}


def hint_for(error: OSError) -> str:
    """What to do about a failure to write."""
    return HINTS.get(error.errno or 0, GONE if isinstance(error, FileNotFoundError) else FULL)


def storage_fault(error: BaseException) -> RunError | None:
    """The error to show for one that storage is the cause of, here or further back; None for any other."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        if isinstance(cause, OSError) and cause.errno in HINTS:
            where = f" `{cause.filename}`" if cause.filename else ""
            return RunError(f"cannot write{where}: {cause.strerror or cause}", HINTS[cause.errno])
        cause = cause.__cause__ or cause.__context__
    for one in seen:
        for pattern, number in WORDS.items():
            if re.search(pattern, str(one)):
                return RunError(f"cannot write: {SAYS[number]}", HINTS[number])
    return None
