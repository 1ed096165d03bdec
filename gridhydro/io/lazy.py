"""A series that stays in its file until a window of it is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from gridhydro.base.damage import MEND, reason, told
from gridhydro.base.files import existing
from gridhydro.base.missing import equal
from gridhydro.io.schema import refuse_codes, refuse_outside


@contextmanager
def opened(path: Path, **options) -> Iterator[xr.Dataset]:
    """A NetCDF file or Zarr store, nothing of it read; closed again at the end.

    No file of basins stays open: HDF5 crashes when one that holds texts is open twice and closed
    once, and a process that was forked cannot use what its parent has open.
    FileNotFoundError; ValueError naming the file if it cannot be read, or is damaged where it is
    read. Errors that are raised within, of what it holds, name it too.
    """
    path = existing(path)
    engine = "zarr" if path.is_dir() else "netcdf4"
    try:
        data = xr.open_dataset(path, engine=engine, cache=False, **options)
    except Exception as error:  # whatever a library raises over damaged bytes
        units = re.search(r"decode time units '(.+?)' with", str(error))
        if units is not None:
            raise ValueError(
                f"{path} counts its times in '{units[1]}', which are no days, hours, minutes or "
                "seconds since a date: write them so"
            ) from None
        raise ValueError(f"{path} cannot be opened as NetCDF or Zarr: {reason(error)}") from error
    with data:
        try:
            yield data
        except Exception as error:
            if str(path) in str(error) and type(error) in (ValueError, TypeError, OSError):
                raise
            if isinstance(error, FileNotFoundError):
                raise
            if type(error) is ValueError:  # a sentence of those who read it
                raise ValueError(f"{path}: {error}") from error
            raise told(error, path, "a readable NetCDF or Zarr file", MEND) from error


@dataclass(frozen=True)
class Place:
    """A variable over days and gauges in a file that may be opened again."""

    path: Path
    variable: str
    day_dim: str
    gauge_dim: str
    others: tuple[str, ...]  # the file's other variables
    scattered: bool  # whether each gauge has chunks of its own
    written: int  # when, ns
    chunk: int = 1  # days of a chunk

    def window(self, days: slice, gauges: slice | np.ndarray) -> np.ndarray:
        """(days, gauges) as float64; ValueError if another file has taken the place."""
        if self.path.stat().st_mtime_ns != self.written:
            raise ValueError(f"{self.path} has changed since it was opened: open it again")
        # the days are known, and those of the whole file take time to read
        with opened(self.path, drop_variables=self.others, decode_times=False) as data:
            window = data[self.variable].isel({self.day_dim: days, self.gauge_dim: gauges})
            axes = (self.day_dim, self.gauge_dim)
            window = window.squeeze([dim for dim in window.dims if dim not in axes])
            return np.asarray(window.transpose(*axes).values, float)


class LazySeries(BackendArray):
    """A variable of a file as (time, gauge), float32, in the units of the schema.

    first_day  the place of the first of `times` in the file
    rows       the places of `gauges`
    factor     a number, or one a gauge; values are those of the file * factor + offset
    missing    numbers of the file that stand for missing values; None where nothing says so
    Values that the quantity cannot have are refused when they are read.
    """

    def __init__(
        self,
        name: str,
        place: Place,
        times: pd.DatetimeIndex,
        first_day: int,
        gauges: Sequence[str],
        rows: np.ndarray,
        factor: float | np.ndarray = 1.0,
        offset: float = 0.0,
        missing: tuple[float, ...] | None = None,
    ):
        self.name, self.place = name, place
        self.times, self.gauges = times, np.asarray(gauges)
        self.days, self.rows = np.arange(first_day, first_day + len(times)), np.asarray(rows)
        self.factor = np.broadcast_to(np.asarray(factor, float), self.gauges.shape)
        self.offset, self.missing = offset, missing
        self.shape = (len(times), len(gauges))
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key):
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._read)

    def _read(self, key) -> np.ndarray:
        # a single day or gauge is read as a window of one and dropped at the end
        days, gauges = (slice(k, k + 1) if isinstance(k, (int, np.integer)) else k for k in key)
        values = self._window(self.days[days], self.rows[gauges])
        where = self.place.path
        known = self.missing is not None
        if self.missing:
            values = np.where(equal(values, self.missing), np.nan, values)
        # codes are told in the unit of the file, and by the values around them
        refuse_codes(self.name, values, self.times[days], self.gauges[gauges], where, known)
        values = values * self.factor[gauges]
        values += self.offset  # in place: a block of many basins is large
        refuse_outside(self.name, values, self.times[days], self.gauges[gauges], where)
        single = tuple(0 if isinstance(k, (int, np.integer)) else slice(None) for k in key)
        return values.astype(np.float32)[single]

    def _window(self, days: np.ndarray, rows: np.ndarray) -> np.ndarray:
        if not days.size or not rows.size:
            return np.empty((days.size, rows.size))
        # a chunk with many gauges is unpacked once for all of them: take the span and pick from it
        span = slice(days.min(), days.max() + 1)
        gauges: slice | np.ndarray = slice(rows.min(), rows.max() + 1)
        places = rows - rows.min()
        if self.place.scattered:
            gauges, places = np.unique(rows, return_inverse=True)
        found, days = self.place.window(span, gauges), days - span.start
        if _all(days, found.shape[0]) and _all(places, found.shape[1]):
            return found
        return found[np.ix_(days, places)]

    def variable(self, attrs: dict) -> xr.Variable:
        found = indexing.LazilyIndexedArray(self)
        chunks = {} if self.place.scattered else {"time": self.place.chunk}
        return xr.Variable(("time", "gauge"), found, attrs, {"preferred_chunks": chunks})


def _all(places: np.ndarray, size: int) -> bool:
    """Whether these are all places along an axis, in order."""
    return places.size == size and bool((places == np.arange(size)).all())
