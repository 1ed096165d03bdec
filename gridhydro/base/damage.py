"""What went wrong with a file, said in a sentence: which file, what ails it, how to mend it."""

from __future__ import annotations

import errno
import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

MEND = "copy or download it again"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_SMALL = 2**20  # bytes; with less a disk counts as full
# what libraries raise over bytes that they cannot make sense of
_SENSELESS = (
    LookupError, TypeError, AttributeError, RuntimeError, ValueError, ArithmeticError, EOFError,
    AssertionError, MemoryError, OSError, zlib.error,
)  # fmt: skip


def memory_lacks(error: BaseException) -> bool:
    """Whether this is an error of memory, of Python, numpy or torch."""
    text = str(error)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and any(said in text for said in ("out of memory", "can't allocate memory"))
    )


def reason(error: BaseException, place: Path | None = None) -> str:
    """Why the work on a file failed, and how to mend it.

    place  the file or its folder: a library that swallows the reason of a failed write may have
           met a full disk
    """
    number = getattr(error, "errno", None)
    if number in _FULL or _is_full(place):
        return "the disk is full, or the quota used up: make room, or choose another disk"
    if number in _CLOSED:
        return "it may not be written or read by this user: change its permissions, or its place"
    if memory_lacks(error):
        return "there is not enough memory: take a shorter period, a smaller part, or more memory"
    why = " ".join((getattr(error, "strerror", None) or str(error)).split())
    why = why or type(error).__name__
    swallowed = place is not None and isinstance(number, int) and number < 0  # netCDF's own
    return f"{why} (is the disk full, or the quota used up?)" if swallowed else why


def _is_full(place: Path | None) -> bool:
    while place is not None and not place.exists() and place != place.parent:
        place = place.parent
    try:
        return place is not None and shutil.disk_usage(place).free < _SMALL
    except OSError:
        return False


@contextmanager
def reading(path: Path, what: str, mend: str = MEND) -> Iterator[None]:
    """Within it whatever a library raises over a file becomes one sentence.

    what  the file should be, such as "a domain"; mend: how to get a good one
    FileNotFoundError where it is not there, OSError where it cannot be read, ValueError where it
    is damaged. Sentences that name the file pass as they are.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no file {path}, which should be {what}: {mend}") from (
            error
        )
    except Exception as error:
        libraries = ("safetensors", "zarr", "rasterio", "xarray")  # have errors of their own kind
        if not isinstance(error, _SENSELESS) and not type(error).__module__.startswith(libraries):
            raise
        sentence = told(error, path, what, mend)
        if sentence is error:
            raise
        raise sentence from error


def told(error: Exception, path: Path, what: str, mend: str) -> Exception:
    """The error of reading a file as a sentence; see `reading`."""
    named = isinstance(error, ValueError | OSError) and str(path) in str(error)
    if named and getattr(error, "errno", None) is None:
        return error
    closed = isinstance(error, OSError) and (error.errno or 0) in _CLOSED
    if closed or memory_lacks(error):
        return OSError(f"{path} cannot be read: {reason(error)}")
    why = reason(error)
    if isinstance(error, KeyError):
        why = f"it lacks {why}"
    return ValueError(f"{path} is not {what}, or is damaged ({why}): {mend}")


def read_json(path: Path, what: str, mend: str) -> dict:
    """The object in a JSON file; see `reading`."""
    with reading(path, what, mend):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}, not an object")
        return content


def digest(path: Path) -> str:
    """Of all bytes of a file."""
    found = blake2b(digest_size=16)
    with open(path, "rb") as file:
        while piece := file.read(2**22):
            found.update(piece)
    return found.hexdigest()
