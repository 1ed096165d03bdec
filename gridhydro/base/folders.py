"""Folders whose files change all at once: whatever ends a process, all are old or all are new."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gridhydro.base.files import writable
from gridhydro.base.lock import Lock

# what is being written, and what is whole but not yet in its place
_NEW, _READY = ".new", ".ready"
_WAIT = 30.0  # s, for another process that saves to the same folder


@contextmanager
def together(folder: str | Path) -> Iterator[Path]:
    """A folder to write files into, which all take their places in `folder` when it is left.

    They count from the moment when the folder with all of them gets its second name; to move them
    is then finished by whoever comes next: `settle`, or `place` for a reader. Other files of
    `folder` stay. Nothing changes on failure. ValueError where another process is at work there;
    OSError where nothing can be written.
    """
    folder = Path(folder)
    with Lock(folder, _WAIT):
        settle(folder)
        new = folder / _NEW
        writable(new)
        try:
            yield new
            os.replace(new, folder / _READY)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        settle(folder)


def settle(folder: Path) -> None:
    """Finish what a process that was killed had begun: move what is whole, remove what is not.

    For those who hold the lock of the folder.
    """
    shutil.rmtree(folder / _NEW, ignore_errors=True)
    ready = folder / _READY
    for path in sorted(path for path in ready.rglob("*") if path.is_file()):
        target = folder / path.relative_to(ready)
        if target.is_dir():
            raise ValueError(f"{target} is a folder, where a file is to be written: move it away")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    shutil.rmtree(ready, ignore_errors=True)


def settled(folder: Path) -> None:
    """`settle`, where there is something to be done and nobody else at work; else nothing."""
    if (folder / _READY).exists():
        with suppress(ValueError, OSError), Lock(folder):
            settle(folder)


def place(folder: Path, name: str) -> Path:
    """Where the file of this name is that counts."""
    ready = folder / _READY / name
    return ready if ready.exists() else folder / name
