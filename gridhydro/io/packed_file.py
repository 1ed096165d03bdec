"""Series larger than memory: one packed copy on disk, of which only windows are ever read."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO
from weakref import WeakValueDictionary

import numpy as np
import torch

from gridhydro.base import files
from gridhydro.base.lock import Lock
from gridhydro.base.progress import progress_bar
from gridhydro.base.workers import spread

# numbers that are in memory at once while the copy is made, and those after which it is noted how
# far it is
_NUMBERS, _NOTED = 2**23, 2**26
_WAIT = 1e9  # s, for another process that makes the same copy
# files that are mapped, by where in memory they begin
_MAPPED: WeakValueDictionary[int, mmap.mmap] = WeakValueDictionary()


def packed(
    folder: str | Path,
    shape: tuple[int, int, int],
    rows: Callable[[slice], np.ndarray],
    *,
    progress: bool = True,
    by_day: bool = False,
    pieces: Iterable[slice] | None = None,
    name: str | None = None,
) -> torch.Tensor:
    """A float32 tensor (F, T, N) that lives in a file of `folder`.

    rows    rows(days) gives (F, days, N)
    by_day  on disk the cells of a day lie together, for windows of many cells; without it the days
            of a cell do, so that a window of a basin is one block
    pieces  the days that are read at once, in order
    name    of the copy, which tells it from that of any other series: it stays there, is taken as
            it is by whoever asks again, and where the work was broken off it goes on. Without one
            it goes with the process
    OSError if the folder has no room for it.
    """
    variables, days, cells = shape
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    step = max(1, min(days, _NUMBERS // (variables * cells)))
    parts = list(pieces or (slice(k, min(k + step, days)) for k in range(0, days, step)))
    copy = _Copy(shape, by_day, rows, parts, progress)
    if name is None:
        # the open file has no name any more: nothing is left behind, whatever ends the process
        with tempfile.TemporaryFile(dir=folder) as file:
            copy.make_room(file, folder)
            copy.fill(file)
            return copy.tensor(file)
    place = folder / name
    whole, begun = place / "values", place / "begun"
    if not copy.fits(whole):
        with Lock(place, wait=_WAIT):
            if not copy.fits(whole):  # by whom the lock was held before
                if not copy.fits(begun):  # what the note says would be of a file that has gone
                    (place / "days").unlink(missing_ok=True)
                with open(begun, "r+b" if copy.fits(begun) else "w+b") as file:
                    copy.make_room(file, place)
                    copy.fill(file, place / "days")
                os.replace(begun, whole)
                (place / "days").unlink(missing_ok=True)
    with open(whole, "r+b") as file:
        return copy.tensor(file)


def let_go(values: torch.Tensor) -> None:
    """Let the pages of a packed tensor, or of a part of it, not count as memory of the process any
    more: all that was read of it would. The system keeps them for whoever asks again, as long as it
    has room. Nothing for any other tensor."""
    if not isinstance(values, torch.Tensor):
        return  # a `Stream` holds nothing
    mapped = _MAPPED.get(values.untyped_storage().data_ptr())
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)  # of a shared mapping nothing that was written is lost


class _Copy:
    """The numbers of a copy, and the file that they are written to."""

    def __init__(self, shape, by_day: bool, rows, parts: list[slice], progress: bool):
        self.shape, self.by_day, self.rows, self.parts = shape, by_day, rows, parts
        self.progress, self.size = progress, 4 * shape[0] * shape[1] * shape[2]

    def fits(self, path: Path) -> bool:
        return path.exists() and path.stat().st_size == self.size

    def make_room(self, file: IO[bytes], folder: Path) -> None:
        file.truncate(self.size)
        if hasattr(os, "posix_fallocate") and self.size:
            try:  # a full disk is found here, not as a crash while writing
                os.posix_fallocate(file.fileno(), 0, self.size)
            except OSError as error:
                raise OSError(
                    f"{folder} has no room for {self.size / 1e9:.1f} GB: {error}"
                ) from error

    def fill(self, file: IO[bytes], note: Path | None = None) -> None:
        """Write all pieces that `note` does not know as written."""
        days = _days_of(note)
        parts = [part for part in self.parts if part.stop > days]
        done = len(self.parts) - len(parts)
        bar = progress_bar(
            parts,
            desc="packing",
            unit="piece",
            shown=self.progress,
            total=len(self.parts),
            done=done,
        )
        written = 0
        for part, values in zip(bar, spread(self.rows, parts), strict=True):
            for row, one in enumerate(values):
                # mapped anew: what is written counts as memory of the process while it is mapped
                self._map(file)[row, part] = one
            written += values.size
            if note is not None and (written >= _NOTED or part is parts[-1]):
                os.fsync(file.fileno())
                files.replace(note, _writer(part.stop))
                written = 0

    def tensor(self, file: IO[bytes]) -> torch.Tensor:
        return torch.from_numpy(self._map(file))

    def _map(self, file: IO[bytes]) -> np.ndarray:
        variables, days, cells = self.shape
        if not self.size:
            return np.empty(self.shape, np.float32)
        mapped = mmap.mmap(file.fileno(), self.size)
        values = np.frombuffer(mapped, np.float32)
        _MAPPED[values.ctypes.data] = mapped
        if self.by_day:
            return values.reshape(self.shape)
        return values.reshape(variables, cells, days).swapaxes(1, 2)


def _writer(days: int) -> Callable[[Path], object]:
    return lambda path: path.write_text(str(days))


def _days_of(note: Path | None) -> int:
    """How many days are written already."""
    try:
        return int(note.read_text()) if note is not None else 0
    except (FileNotFoundError, ValueError):
        return 0
