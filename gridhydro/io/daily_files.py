"""Daily values of rasters that lie in many files, several times a day: read when they are used."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from gridhydro.base import calendar, periods, refuse
from gridhydro.base.quantities import FILL, SERIES
from gridhydro.io.lazy import opened


@dataclass(frozen=True)
class Piece:
    """A variable in one file, along its axis `time` `count` days from `first` on, `steps` a day."""

    path: Path
    variable: str
    time: str
    space: tuple[str, str]
    first: pd.Timestamp
    count: int
    steps: int
    factor: float
    offset: float

    @property
    def last(self) -> pd.Timestamp:
        """Last day of the piece."""
        return self.first + pd.Timedelta(self.count - 1, "D")

    def read(self, days: slice, rows: slice, cols: slice) -> np.ndarray:
        """(days, steps, rows, cols), NaN where missing."""
        hours = slice(days.start * self.steps, days.stop * self.steps)
        window = {self.time: hours, self.space[0]: rows, self.space[1]: cols}
        with opened(self.path, decode_times=False) as data:
            values = data[self.variable].isel(window).transpose(self.time, *self.space).values
        values = np.where(np.abs(values) < FILL, values, np.nan) * self.factor + self.offset
        return values.reshape(-1, self.steps, *values.shape[1:])


def days_of(data: xr.Dataset, dim: str, path: Path) -> tuple[pd.Timestamp, int, int]:
    """First day, number of days and values a day along an axis whose times are not yet dates.

    Times are those of the axis, or of a variable `time` along it; where neither counts from a date,
    those of the year (and month) in the file's name. ValueError naming the file where days are
    incomplete, and for times that are not in order.
    """
    candidates = [v for v in (dim, "time") if v in data.variables and data[v].dims == (dim,)]
    dated = [v for v in candidates if " since " in str(data[v].attrs.get("units", ""))]
    if not dated:
        first, count = _named_span(path, data.sizes[dim])
        return first, count, data.sizes[dim] // count
    axis, where = data[dated[0]], f"{path}: '{dated[0]}'"
    return calendar.steps_of_days(calendar.counted(axis.values, axis.attrs, where), where)


def _named_span(path: Path, size: int) -> tuple[pd.Timestamp, int]:
    """First day and number of days of the month or year in a file's name."""
    found = re.search(r"(?<!\d)(\d{4})-?(0[1-9]|1[0-2])?(?!\d)", path.stem)
    if found:
        named = f"{found[1]}-{found[2]}" if found[2] else found[1]
        days = periods.every_day((named, named))
        if size and size % len(days) == 0:
            return days[0], len(days)
    raise ValueError(
        f"{path} does not say when its {size} times are: neither counts 'time' from a date, nor do "
        "they fill the month or year in the file's name"
    )


def joined(pieces: list[Piece], name: str) -> list[Piece]:
    """The pieces in the order of their days; ValueError where days are lacking or there twice."""
    pieces = sorted(pieces, key=lambda piece: piece.first)
    for before, after in pairwise(pieces):
        days = (after.first - before.last).days
        if days < 1:
            raise ValueError(
                f"{before.path} and {after.path} both have {name} on {after.first:%Y-%m-%d}: "
                f"choose with files={{'{name}': '*...*'}}"
            )
        if days > 1:
            raise ValueError(
                f"there is no {name} from {before.last + pd.Timedelta(1, 'D'):%Y-%m-%d} to "
                f"{after.first - pd.Timedelta(1, 'D'):%Y-%m-%d}: after {before.path} comes "
                f"{after.path}"
            )
    return pieces


def _last(values: np.ndarray, axis: int) -> np.ndarray:
    return values.take(-1, axis)


REDUCE: dict[str, Callable] = {
    "mean": np.mean, "min": np.min, "max": np.max, "sum": np.sum, "last": _last,
}  # fmt: skip


class DailyArray(BackendArray):
    """A series (time, y, x), float32, in the units of the schema: the sum of one or more variables.

    parts   for each variable its pieces, without gaps
    times   days, all of them in the pieces
    reduce  "mean", "min", "max", "sum" or "last" of the values of a day
    """

    def __init__(self, name, parts, times: pd.DatetimeIndex, space: tuple[int, int], reduce: str):
        self.name, self.parts, self.times = name, parts, times
        self.reduce = REDUCE[reduce]
        self.shape = (len(times), *space)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key):
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._read)

    def _read(self, key) -> np.ndarray:
        # a single day, row or column is read as a window of one and dropped at the end
        places = [np.atleast_1d(np.arange(n)[k]) for k, n in zip(key, self.shape, strict=True)]
        single = tuple(0 if isinstance(k, (int, np.integer)) else slice(None) for k in key)
        if any(not place.size for place in places):
            return np.empty([p.size for p in places], self.dtype)[single]
        spans = [slice(int(p.min()), int(p.max()) + 1) for p in places]
        first, *others = (self._window(pieces, *spans) for pieces in self.parts)
        window = sum(others, start=first)
        picked = window[np.ix_(*(p - s.start for p, s in zip(places, spans, strict=True)))]
        return picked[single]

    def _window(self, pieces: list[Piece], days: slice, rows: slice, cols: slice) -> np.ndarray:
        start, stop = self.times[days.start], self.times[days.stop - 1]
        found = []
        for piece in pieces:
            first = max(0, (start - piece.first).days)
            after = min(piece.count, (stop - piece.first).days + 1)
            if first < after:
                values = piece.read(slice(first, after), rows, cols)
                self._refuse(values, piece, first, rows, cols)
                found.append(self._reduced(values).astype(np.float32, copy=False))
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _reduced(self, values: np.ndarray) -> np.ndarray:
        """(days, rows, cols) of (days, steps, rows, cols)."""
        return values[:, 0] if values.shape[1] == 1 else self.reduce(values, axis=1)

    def _refuse(self, values, piece: Piece, first: int, rows: slice, cols: slice) -> None:
        def place(day: int, _, row: int, col: int) -> str:
            date = piece.first + pd.Timedelta(first + day, "D")
            return f"on {date:%Y-%m-%d} at row {rows.start + row}, column {cols.start + col}"

        variable = f"{piece.path}: {piece.variable}"
        refuse.outside(variable, values, place, SERIES[self.name])

    def variable(self, dims, attrs: dict) -> xr.Variable:
        # what has been read once, of all days or of a part, is not read again
        # (as xarray's own readers wrap it, though its types ask for an array that is not lazy)
        lazy = indexing.CopyOnWriteArray(indexing.LazilyIndexedArray(self))  # type: ignore[arg-type]
        return xr.Variable(dims, indexing.MemoryCachedArray(lazy), attrs)
