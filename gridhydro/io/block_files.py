"""Series that are written a block of days at a time: a Zarr store, or a folder of NetCDF files.

A block that is written once more, after a kill, takes the place of what was there of it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import steps
from gridhydro.base.arguments import one_of, whole
from gridhydro.io.export import stored, write_dataset

# what a block may be called; else it is a number of days
BLOCKS = ("year", "month")
_DAYS = {"year": 365, "month": 30}
_NUMBERS = 2**19  # of a chunk


class NetCDFFiles:
    """A folder of NetCDF files, one for each calendar year or month, or for so many days.

    times  (T,) all days that there will be
    block  "year", "month", or a number of days
    parts  the days of each block, slices of T
    """

    def __init__(self, folder: Path, times: pd.DatetimeIndex, block: str | int):
        self.folder, self.times = folder, times
        if isinstance(block, str):
            one_of("block", block, BLOCKS)
            named = times.year if block == "year" else times.to_period("M")
            edges = np.flatnonzero(named[1:] != named[:-1]) + 1
            self.pattern = "%Y" if block == "year" else "%Y-%m"
        else:
            days = whole("block", block, 1) * steps.steps_a_day(times)
            edges, self.pattern = np.arange(days, len(times), days), "%Y-%m-%d"
        self.parts = [slice(int(a), int(b)) for a, b in pairwise([0, *edges, len(times)])]

    def write(self, days: slice, data: xr.Dataset) -> None:
        """The block of these days."""
        write_dataset(self._file(days), data, axis=self.times)

    def has(self, days: slice) -> bool:
        """Whether the block of these days is there."""
        return self._file(days).is_file()

    def _file(self, days: slice) -> Path:
        return self.folder / f"fluxes_{self.times[days.start].strftime(self.pattern)}.nc"

    def tidy(self) -> None:
        """Nothing is left of a killed process that the next one does not replace."""

    def finish(self) -> None:
        """Each file is whole already."""


class ZarrStore:
    """A Zarr store (format 2) whose metadata are consolidated at the end.

    Its chunks have days and cells in proportion, so that the map of a day and the series of a cell
    both read few of them, and blocks are of whole chunks: none is ever written in two goes.

    times  (T,) all days that there will be
    block  "year", "month", or a number of days: about as many are a block
    shape  of the cells: (rows, columns), or (basins,)
    """

    def __init__(
        self, folder: Path, times: pd.DatetimeIndex, block: str | int, shape: Sequence[int]
    ):
        if isinstance(block, str):
            one_of("block", block, BLOCKS)
        self.folder, self.times = folder, times
        most = _DAYS[block] if isinstance(block, str) else whole("block", block, 1)
        most = most * steps.steps_a_day(times)
        self.chunk, self.sides = chunk_of(min(most, max(1, len(times))), shape)
        length = most // self.chunk * self.chunk
        edges = [*range(0, len(times), length), len(times)]
        self.parts = [slice(a, b) for a, b in pairwise(edges)]

    def write(self, days: slice, data: xr.Dataset) -> None:
        """The block of these days; the first makes the store."""
        if days.start == 0:
            self.begin(data)
        for name, values in data.data_vars.items():
            if "time" in values.dims:
                self.put(str(name), days, values.values)

    def put(self, name: str, days: slice, values: np.ndarray, corner: Sequence[int] = ()) -> None:
        """Values (L, ...) of a series whose store has begun: all of these days, or whole chunks of
        them, from the one on whose number along each axis is in `corner`."""
        import zarr

        array = zarr.open_array(self.folder / name, mode="r+")
        sides = array.chunks[1:]
        first = [number * side for number, side in zip(corner, sides, strict=bool(corner))]
        within = [slice(a, a + n) for a, n in zip(first, values.shape[1:], strict=bool(corner))]
        array[(days, *within)] = values.astype(np.float32)
        self._flush(name, days, corner)

    def has(self, days: slice) -> bool:
        """Whether the block of these days is there: chunks of nothing but NaN never are."""
        return any(self.folder.glob(f"*/{days.start // self.chunk}.*"))

    def tidy(self) -> None:
        """Remove what a killed process left half written."""
        for left in self.folder.rglob("*.partial"):
            left.unlink()

    def finish(self) -> None:
        """Consolidate the metadata."""
        import zarr

        zarr.consolidate_metadata(self.folder, zarr_format=2)

    def begin(self, data: xr.Dataset) -> None:
        """A store of all days of such series, without a value yet."""
        import zarr

        empty = stored(data.isel(time=slice(0, 0)), axis=self.times)
        series = [str(name) for name in empty.variables if "time" in empty[name].dims]
        for name in series:
            values = empty[name]
            sides = self.sides if values.ndim == 1 + len(self.sides) else values.shape[1:]
            days = self.chunk if values.ndim > 1 else len(self.times)
            values.encoding["chunks"] = (days, *sides)
        empty.to_zarr(self.folder, mode="w", zarr_format=2, consolidated=False)
        for name in series:
            array = zarr.open_array(self.folder / name, mode="r+")
            array.resize((len(self.times), *empty[name].shape[1:]))
            if name == "time":
                since_first = (self.times - self.times[0]) // steps.unit_of(self.times)[1]
                array[:] = since_first.to_numpy().astype(np.int32)

    def _flush(self, name: str, days: slice, corner: Sequence[int]) -> None:
        """See that what was written is on the disk before anything says so."""
        which = ".".join(map(str, corner)) or "*"
        for chunk in range(days.start // self.chunk, -(-days.stop // self.chunk)):
            for path in (self.folder / name).glob(f"{chunk}.{which}"):
                with open(path, "rb+") as file:
                    os.fsync(file.fileno())


def chunk_of(days: int, shape: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Days and sides of a chunk, of so many days of a raster or of basins: all of them where they
    are few enough, else fewer of both alike."""
    least = min(1.0, _NUMBERS / (days * math.prod(shape)))
    parts = math.ceil(1 / math.sqrt(least))
    chunk = -(-days // parts)
    left = min(1.0, _NUMBERS / (chunk * math.prod(shape)))
    part = left ** (1 / len(shape))
    return chunk, tuple(max(1, math.floor(n * part)) if left < 1 else n for n in shape)
