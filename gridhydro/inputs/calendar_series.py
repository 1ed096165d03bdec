"""Series that follow from day and place alone: no file has to hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.windows import lazily
from gridhydro.domain.domain import Domain
from gridhydro.inputs.seasons import melt_season


class _Series(NamedTuple):
    """times and latitudes (N,) in degrees north -> (T, N); its unit, and whether it goes by the
    latitude."""

    of: Callable[..., np.ndarray]
    unit: str = "1"
    by_latitude: bool = True


def _day_of_year(times, latitude) -> np.ndarray:
    """1 to 366, of which no copy is made for each cell."""
    days = pd.DatetimeIndex(times).day_of_year.to_numpy(np.float32)
    return np.broadcast_to(days[:, None], (len(days), len(latitude)))


OF_CALENDAR = {
    "melt_season": _Series(melt_season),
    "day_of_year": _Series(_day_of_year, "d", by_latitude=False),
}


def of_calendar(name: str, times, domain: Domain) -> np.ndarray:
    """A series of `OF_CALENDAR` on the cells, (T, N) float32.

    ValueError for a cell whose latitude is not known.
    """
    series, latitude = OF_CALENDAR[name], np.zeros(domain.size)
    if series.by_latitude:
        latitude = domain.lonlat[1]
    unknown = np.flatnonzero(~(np.abs(latitude) <= 90))
    if unknown.size:
        raise ValueError(
            f"the latitude of {domain.name_cell(unknown[0])} is not known, and {name} is made "
            f"of it: give the domain a reference system or latitudes, or the forcing a {name}"
        )
    return series.of(times, latitude)


def lazy_of_calendar(name: str, times, domain: Domain) -> xr.DataArray:
    """The same as a raster (time, y, x), or (time, gauge), made by the window."""
    of_calendar(name, times[:1], domain)  # refuses at once
    one = domain.unpack(
        np.zeros((1, domain.size), np.float32), name, {"units": OF_CALENDAR[name].unit}, ("time",)
    )
    space = one.dims[1:]

    def compute(window: dict) -> np.ndarray:
        days = times[window["time"]]
        rows = domain.unpack(of_calendar(name, days, domain), name, None, ("time",))
        return rows.isel({dim: window[dim] for dim in space}).values

    shape = len(times), *one.shape[1:]
    variable = xr.Variable(one.dims, lazily(compute, one.dims, shape, np.float32), one.attrs)
    coords = {key: value for key, value in one.coords.items() if "time" not in value.dims}
    return xr.DataArray(variable, coords | {"time": times}, name=name)
