"""Files that are whole or not there: written beside their place, then put into it in one step."""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import xarray as xr

from gridhydro.base.damage import reason

_NUMBERS = itertools.count()
# a hidden name: of what, by which process on which machine, and a number that tells two apart
_HIDDEN = re.compile(r"\.(?P<name>.+)\.(?P<word>new|old)\.(?P<host>.*)-(?P<pid>\d+)-\d+")
_DAY = 86400.0  # s; what another machine has not touched as long is left over


def newer(path: Path, *others: Path) -> bool:
    """Whether there is such a file, and it was written after these."""
    return path.exists() and path.stat().st_mtime > max(one.stat().st_mtime for one in others)


def replace(path: Path, write_to: Callable[[Path], object]) -> None:
    """Write beside `path`, flush to disk and take its place at once; nothing stays on failure.

    So does nothing of what a killed process left beside it. OSError saying why it cannot be
    written.
    """
    path = Path(path)
    beside = _hidden(path, "new")
    with _told(path), _removed(beside):
        tidy(path)
        write_to(beside)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)


def replace_zarr(path: Path, data: xr.Dataset) -> None:
    """As `replace`, for the folder of a Zarr store: the old one stands until the new one does."""
    path = Path(path)
    new, old = _hidden(path, "new"), _hidden(path, "old")
    with _told(path), _removed(new, old):
        tidy(path)
        # format 2: format 3 has no settled way to store names of gauges
        data.to_zarr(new, mode="w", zarr_format=2, consolidated=True)
        if path.exists() and exchange(new, path):
            return
        try:  # a file system that cannot exchange two names
            if path.exists():
                os.replace(path, old)
            os.replace(new, path)
        finally:
            if old.exists() and not path.exists():
                os.replace(old, path)


def tidy(path: Path) -> None:
    """Remove what killed processes left beside a file or store under hidden names.

    What one had moved aside, and not replaced, takes its place again.
    """
    for left in path.parent.glob(".*"):
        found = _HIDDEN.fullmatch(left.name)
        if found is None or found["name"] != path.name or not _is_left(left, found):
            continue
        if found["word"] == "old" and not path.exists():
            os.replace(left, path)
        else:
            _remove(left)


def exchange(one: Path, other: Path) -> bool:
    """Let two files or folders have each other's names, in one step; False where that cannot be."""
    if os.name != "posix":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if hasattr(libc, "renameat2"):
        here, flag = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
        return libc.renameat2(here, names[0], here, names[1], flag) == 0
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        return libc.renamex_np(*names, 2) == 0  # RENAME_SWAP
    return False


@contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """A folder beside `folder` to write into, which takes its place whole when all is written.

    ValueError, before any work, if there is a file of this name or a folder that is not empty;
    OSError where nothing can be written. Nothing stays on failure.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is there already and is not empty: choose another folder")
    place = folder.resolve()
    beside = _hidden(place, "new")
    with _removed(beside):
        tidy(place)
        writable(beside)
        yield beside
        with _told(folder):
            if place.exists():
                place.rmdir()
            os.replace(beside, place)


def writable(folder: Path) -> None:
    """Make a folder and see that files can be written there, before work is put into it.

    OSError if not.
    """
    probe = folder / f".probe.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"1")  # an empty file has room on a full disk
    except OSError as error:
        raise _error(f"nothing can be written to the folder {folder}", error, folder) from error
    finally:
        for left in (probe, *folder.glob(".probe.*")):  # those of killed processes too
            with suppress(OSError):
                left.unlink()


def existing(path: str | Path) -> Path:
    """The path if the file is there, else an error that says where it was looked for."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path.resolve()}")
    return path


def _hidden(path: Path, word: str) -> Path:
    """A name beside a path that no other process has."""
    process = f"{socket.gethostname()}-{os.getpid()}-{next(_NUMBERS)}"
    return path.with_name(f".{path.name}.{word}.{process}")


def _is_left(path: Path, found: re.Match) -> bool:
    """Whether the process that has made a hidden name is gone, as far as can be known."""
    with suppress(FileNotFoundError):
        if found["host"] != socket.gethostname():
            return time.time() - path.stat().st_mtime > _DAY
        try:
            os.kill(int(found["pid"]), 0)
        except ProcessLookupError:
            return True
        except (PermissionError, OverflowError, OSError):
            return False
    return False


@contextmanager
def _removed(*paths: Path) -> Iterator[None]:
    """Whatever happens, nothing is left under these names."""
    try:
        yield
    finally:
        for path in paths:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """An error of writing a file says which, why, and that nothing has been lost."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # netCDF's are RuntimeErrors
        raise _error(f"{path} cannot be written", error, path.parent) from error
    except Exception as error:
        if not type(error).__module__.startswith("safetensors"):
            raise
        raise _error(f"{path} cannot be written", error, path.parent) from error


def _error(what: str, error: Exception, place: Path) -> OSError:
    """An OSError of one sentence, with the number of the one that it comes from."""
    new = OSError(f"{what}: {reason(error, place)}")
    new.errno = getattr(error, "errno", None)
    return new
