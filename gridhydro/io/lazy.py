"""A series that stays in its file until a window of it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from gridhydro.io.form import refuse_outside


class LazySeries(BackendArray):
    """A variable of an open file as (time, gauge), float32, in the units of the form.

    source   the variable (two dimensions, in either order), read by xarray when it is indexed
    day_dim  its dimension of days; `first_day` is the place of the first of `times` along it
    rows     the places of `gauges` along the other
    factor   a number, or one a gauge; values are source * factor + offset
    Values that the quantity cannot have are refused when they are read.
    """

    def __init__(
        self,
        name: str,
        source: xr.DataArray,
        day_dim: str,
        times: pd.DatetimeIndex,
        first_day: int,
        gauges: Sequence[str],
        rows: np.ndarray,
        factor: float | np.ndarray = 1.0,
        offset: float = 0.0,
    ):
        self.name, self.source, self.day_dim = name, source, day_dim
        (self.gauge_dim,) = (dim for dim in source.dims if dim != day_dim)
        self.times, self.gauges = times, np.asarray(gauges)
        self.days, self.rows = np.arange(first_day, first_day + len(times)), np.asarray(rows)
        self.factor = np.broadcast_to(np.asarray(factor, float), self.gauges.shape)
        self.offset = offset
        self.where = source.encoding.get("source", "the file")
        self.scattered = source.encoding.get("preferred_chunks", {}).get(self.gauge_dim) == 1
        self.shape = (len(times), len(gauges))
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key):
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._read)

    def _read(self, key) -> np.ndarray:
        # a single day or gauge is read as a window of one and dropped at the end
        days, gauges = (slice(k, k + 1) if isinstance(k, (int, np.integer)) else k for k in key)
        values = self._window(self.days[days], self.rows[gauges])
        values = values * self.factor[gauges] + self.offset
        refuse_outside(self.name, values, self.times[days], self.gauges[gauges], self.where)
        single = tuple(0 if isinstance(k, (int, np.integer)) else slice(None) for k in key)
        return values.astype(np.float32)[single]

    def _window(self, days: np.ndarray, rows: np.ndarray) -> np.ndarray:
        if not days.size or not rows.size:
            return np.empty((days.size, rows.size))
        # a chunk with many gauges is unpacked once for all of them: take the span and pick from it
        spans = [slice(k.min(), k.max() + 1) for k in (days, rows)]
        places = [days - spans[0].start, rows - spans[1].start]
        if self.scattered:
            spans[1], places[1] = np.unique(rows, return_inverse=True)
        window = self.source.isel({self.day_dim: spans[0], self.gauge_dim: spans[1]})
        values = np.asarray(window.values, float)
        if window.dims[0] != self.day_dim:
            values = values.T
        return values[np.ix_(*places)]

    def variable(self, attrs: dict) -> xr.Variable:
        return xr.Variable(("time", "gauge"), indexing.LazilyIndexedArray(self), attrs)
