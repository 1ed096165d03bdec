"""One process at a time works in a folder; the lock goes with the process, however that ends."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import IO

from gridhydro.base.files import writable

try:
    import fcntl
except ImportError:  # no POSIX system
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK}
_held: dict[tuple[int, int, str], Lock] = {}  # by process, thread and folder


class Lock:
    """Within it no other process can lock the folder, which is made if it is not there.

    wait  seconds to wait for another process before it is refused
    The same thread may lock a folder again, and lets go of it at last. The kernel lets go of the
    locks of a process that dies; over NFS it does so as far as the server knows locks, and where a
    file system knows none, a warning says so. ValueError, naming the other process, where the
    folder is locked; OSError where nothing can be written.
    """

    def __init__(self, folder: str | Path, wait: float = 0.0):
        self.folder, self.wait = Path(folder), wait
        self._count = 0
        self._file: IO[str] | None = None

    def __enter__(self) -> Lock:
        writable(self.folder)
        self._key = os.getpid(), threading.get_ident(), str(self.folder.resolve())
        mine = _held.setdefault(self._key, self)
        if not mine._count:
            try:
                mine._file = self._taken()
            except BaseException:
                del _held[self._key]
                raise
        mine._count += 1
        return self

    def __exit__(self, *error) -> None:
        mine = _held[self._key]
        mine._count -= 1
        if mine._count:
            return
        del _held[self._key]
        if mine._file is not None:
            with suppress(OSError):  # the name goes before the lock: see `_taken`
                (self.folder / NAME).unlink()
            mine._file.close()
            mine._file = None

    def _taken(self) -> IO[str] | None:
        """The open file that is locked; None where files cannot be locked."""
        path, until = self.folder / NAME, time.monotonic() + self.wait
        while True:
            file = open(path, "a+")  # noqa: SIM115  it is open as long as the lock is held
            try:
                if fcntl is None:
                    raise OSError(errno.ENOTSUP, "this system knows no flock")
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(path, file):
                    file.truncate(0)
                    file.write(f"process {os.getpid()} on {socket.gethostname()}")
                    file.flush()
                    return file
            except OSError as error:
                if error.errno not in _BUSY:
                    file.close()
                    path.unlink(missing_ok=True)
                    warnings.warn(
                        f"files in {self.folder} cannot be locked ({error}): see to it yourself "
                        "that one process at a time works there",
                        stacklevel=4,
                    )
                    return None
                if time.monotonic() > until:
                    raise ValueError(_busy(self.folder, file)) from None
                time.sleep(0.05)
            file.close()


def _is_still(path: Path, file: IO[str]) -> bool:
    """Whether the file that was opened has its name yet: who had it before may have removed it."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _busy(folder: Path, file: IO[str]) -> str:
    file.seek(0)
    who = file.read(200) or "another process"
    file.close()
    return f"{who} is at work in {folder}: wait until it has ended, or choose another folder"
