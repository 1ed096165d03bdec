"""Series larger than memory: one packed copy on disk, of which only windows are ever read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

# numbers that are in memory at once while the copy is made
_NUMBERS = 2**26


def packed(
    folder: str | Path,
    shape: tuple[int, int, int],
    rows: Callable[[slice], np.ndarray],
    *,
    progress: bool = True,
) -> torch.Tensor:
    """A float32 tensor (F, T, N) that lives in a file of `folder` and goes with the process.

    rows(days) gives (F, days, N), read piece by piece. On disk the days of a cell lie together, so
    that a window of a basin is one block.
    OSError if the folder has no room for it.
    """
    from tqdm import tqdm

    variables, days, cells = shape
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    step = max(1, min(days, _NUMBERS // (variables * cells)))
    # the open file has no name any more: nothing is left behind, whatever ends the process
    with tempfile.TemporaryFile(dir=folder) as file:
        size = 4 * variables * days * cells
        file.truncate(size)
        if hasattr(os, "posix_fallocate") and size:
            try:  # a full disk is found here, not as a crash while writing
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                raise OSError(f"{folder} has no room for {size / 1e9:.1f} GB: {error}") from error
        values = np.memmap(file, np.float32, "r+", shape=(variables, cells, days))
        starts = range(0, days, step)
        for start in tqdm(starts, desc="packing", unit="piece", disable=not progress):
            piece = slice(start, min(start + step, days))
            values[:, :, piece] = rows(piece).swapaxes(1, 2)
        values.flush()
    return torch.from_numpy(values).transpose(1, 2)
