"""A variable along the files that hold its steps one after the other, taken as days."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.quantities import FILL
from gridhydro.io.day_rasters import day_raster, is_day_raster
from gridhydro.io.grib import is_grib, open_grib
from gridhydro.io.lazy import opened
from gridhydro.io.stores import naming, stays_open


@dataclass(frozen=True)
class Link:
    """A variable in one file or store, whose axis `time` has the steps from `start` on."""

    path: str
    variable: str
    time: str
    space: tuple[str, str]
    start: int
    count: int


@dataclass(frozen=True)
class Chain:
    """Daily values of a variable, read from its files when they are used: what `DailyArray` takes.

    steps    a day; skip: steps before those of the first day
    records  (count,) place of each day among those that are there, -1 where it is not: it is made
             of the days around it
    reduce   "mean" of the steps of a day, their "sum", the "last" of them, "min" or "max"
    factor, offset  from the number of a file to one of the schema
    missing  numbers of the files that stand for missing values
    shape    (rows, columns) of every file; None: as they come
    """

    links: tuple[Link, ...]
    first: pd.Timestamp
    records: np.ndarray
    steps: int = 1
    skip: int = 0
    factor: float = 1.0
    offset: float = 0.0
    missing: tuple[float, ...] = ()
    shape: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        """Number of days."""
        return len(self.records)

    @property
    def path(self) -> str:
        """The first of the files."""
        return self.links[0].path

    @property
    def variable(self) -> str:
        """Its name in the files."""
        return self.links[0].variable

    @property
    def last(self) -> pd.Timestamp:
        """Last day."""
        return self.first + pd.Timedelta(self.count - 1, "D")

    def read(self, days: slice, rows: slice, cols: slice) -> np.ndarray:
        """(days, steps, rows, cols), NaN where missing."""
        places = np.arange(self.count)[days]
        made = self.records[places] < 0
        around = np.stack([np.where(made, places + side, places) for side in (-1, 1)])
        wanted = self.records[around]  # records before and after, the same of a day that is there
        low, high = int(wanted.min()), int(wanted.max()) + 1
        steps = slice(self.skip + low * self.steps, self.skip + high * self.steps)
        values = self._steps(steps, rows, cols)
        values = values.reshape(-1, self.steps, *values.shape[1:])
        if made.any():
            before, after = (values[at - low] for at in wanted)
            values = np.where(made[:, None, None, None], (before + after) / 2, before)
        if self.factor != 1:
            values *= values.dtype.type(self.factor)
        if self.offset:
            values += values.dtype.type(self.offset)
        return values

    def _steps(self, steps: slice, rows: slice, cols: slice) -> np.ndarray:
        """(steps, rows, cols) of our own, as the files have them, NaN where missing."""
        found: np.ndarray | None = None
        for link in self.links:
            first, stop = max(0, steps.start - link.start), min(link.count, steps.stop - link.start)
            if first >= stop:
                continue
            window = {link.time: slice(first, stop), link.space[0]: rows, link.space[1]: cols}
            with of_place(link.path) as data:
                array = data[link.variable]
                sizes = tuple(array.sizes[d] for d in link.space)
                if self.shape is not None and sizes != self.shape:
                    raise ValueError(f"{link.path} is on another grid than {self.path}")
                array = array.isel(window)
                spare = [d for d in array.dims if d not in window]
                values = array.squeeze(spare).transpose(link.time, *link.space).values
            kind = np.float32 if values.dtype == np.float32 else np.float64
            if found is None:
                found = np.empty((steps.stop - steps.start, *values.shape[1:]), kind)
            begin = link.start + first - steps.start
            found[begin : begin + len(values)] = values
        if found is None:
            raise ValueError(f"{self.path} has no steps {steps.start} to {steps.stop}")
        found[np.abs(found) >= FILL] = np.nan
        for code in self.missing:
            found[np.isclose(found, code, rtol=1e-6, atol=0)] = np.nan
        return found


@contextmanager
def of_place(path: str) -> Iterator[xr.Dataset]:
    """A file or store here, or one at an address, open within it."""
    if "://" in path:
        with stays_open(path) as data:
            yield data
    elif is_grib(path):
        with naming(path):
            yield open_grib(path)
    elif is_day_raster(path):
        with day_raster(path) as data:
            yield data
    else:
        with opened(Path(path), decode_coords="all", decode_timedelta=False) as data:
            yield data
