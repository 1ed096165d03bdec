"""A Zarr store that several processes write: each chunk is written by one of them, which is handed
what the others have of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count, pairwise

import numpy as np
import torch
from torch import Tensor

from gridhydro.base import ranks
from gridhydro.base.exchange import as_one, exchanged
from gridhydro.domain.domain import Domain
from gridhydro.io.block_files import ZarrStore
from gridhydro.model.shared_walk import SharedWalk


class SharedStore:
    """The series of a simulation on their way into a store.

    names  of the outputs (L, n), beside which there is discharge (L, g)
    A chunk goes to one process after the other; a series is handed over when the one before it is
    written, so that each process holds its own cells and the cells of its chunks at a time.
    """

    def __init__(self, store: ZarrStore, domain: Domain, walk: SharedWalk, names: Sequence[str]):
        self.store = store
        turn = count()
        gauges = len(domain.gauges)
        places: np.ndarray = np.arange(gauges)[:, None]
        shape: tuple[int, ...] = (gauges,)
        # but of lumped basins all gauges are in one chunk
        sides: Sequence[int] = store.sides if domain.lumped else (max(gauges, 1),)
        flow = Chunks(places, shape, sides, walk.gauges, next(turn))
        if domain.grid is not None:
            places, shape = np.stack([domain.row, domain.col], axis=1), domain.shape
        elif not domain.lumped:
            places, shape = np.arange(domain.size)[:, None], (domain.size,)
        self.series = {"discharge": flow} | {
            name: Chunks(places, shape, store.sides, walk.cells, next(turn)) for name in names
        }

    def write(self, days: slice, values: Mapping[str, Tensor]) -> None:
        """A block of the store, of which each process has the series of its cells."""
        failed: Exception | None = None
        for name, chunks in self.series.items():
            found = chunks.handed_over(values[name])
            if failed is None:  # the others wait for what else there is to hand over
                try:
                    for corner, part in chunks.filled(found):
                        self.store.put(name, days, part, corner)
                except Exception as error:
                    failed = error
        with as_one():
            if failed is not None:
                raise failed


class Chunks:
    """The chunks of a series along its cells, and which process writes each.

    places   (K, axes) where each of all columns stands
    shape    of all; sides: of a chunk
    columns  which of the columns each process has
    first    the process that has the first chunk
    """

    def __init__(
        self, places: np.ndarray, shape: Sequence[int], sides: Sequence[int],
        columns: Sequence[np.ndarray], first: int = 0,
    ):  # fmt: skip
        grid = [-(-n // side) for n, side in zip(shape, sides, strict=True)]
        numbers = np.ravel_multi_index(tuple((places // sides).T), grid)
        # chunks without a cell are never written
        self.number, chunk = np.unique(numbers, return_inverse=True)
        self.writer = (np.arange(self.number.size) + first) % len(columns)
        me = ranks.number()
        self.places, self.shape, self.sides, self.grid = places, shape, sides, grid
        writer = self.writer[chunk]
        mine = writer[columns[me]]
        self.given = [torch.from_numpy(np.flatnonzero(mine == k)) for k in range(len(columns))]
        taken = [each[writer[each] == me] for each in columns]
        self.counts = [len(each) for each in taken]
        # what is handed over, by the chunks that it is of
        together = np.concatenate(taken)
        self.order = np.argsort(chunk[together], kind="stable")
        self.columns = together[self.order]
        self.chunk = chunk[self.columns]

    def handed_over(self, values: Tensor) -> np.ndarray:
        """(L, k) of all columns in the chunks of this process, of the series (L, n) that each
        process has."""
        parts = [values[:, places].contiguous() for places in self.given]
        return torch.cat(exchanged(parts, self.counts), dim=1).numpy()

    def filled(self, values: np.ndarray):
        """The number along each axis of every chunk of this process, and its values (L, ...), NaN
        where there is no cell."""
        edges = [*np.flatnonzero(np.diff(self.chunk, prepend=-1)), len(self.chunk)]
        for start, stop in pairwise(edges):
            corner = np.unravel_index(self.number[self.chunk[start]], self.grid)
            begin = np.array(corner) * self.sides
            extent = np.minimum(begin + self.sides, self.shape) - begin
            part = np.full((len(values), *extent), np.nan, values.dtype)
            within = (self.places[self.columns[start:stop]] - begin).T
            part[(slice(None), *within)] = values[:, self.order[start:stop]]
            yield tuple(map(int, corner)), part
