"""Series that follow from day and place alone: no file has to hold them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base.windows import lazily
from gridhydro.domain.domain import Domain
from gridhydro.inputs.seasons import melt_season

OF_CALENDAR = {"melt_season": melt_season}


def of_calendar(name: str, times, domain: Domain) -> np.ndarray:
    """A series of `OF_CALENDAR` on the cells, (T, N) float32.

    ValueError for a cell whose latitude is not known.
    """
    latitude = domain.lonlat[1]
    unknown = np.flatnonzero(~(np.abs(latitude) <= 90))
    if unknown.size:
        raise ValueError(
            f"the latitude of {domain.name_cell(unknown[0])} is not known, and {name} is made "
            f"of it: give the domain a reference system or latitudes, or the forcing a {name}"
        )
    return OF_CALENDAR[name](times, latitude)


def lazy_of_calendar(name: str, times, domain: Domain) -> xr.DataArray:
    """The same as a raster (time, y, x), or (time, gauge), made by the window."""
    of_calendar(name, times[:1], domain)  # refuses at once
    one = domain.unpack(np.zeros((1, domain.size), np.float32), name, {"units": "1"}, ("time",))
    space = one.dims[1:]

    def compute(window: dict) -> np.ndarray:
        days = times[window["time"]]
        rows = domain.unpack(of_calendar(name, days, domain), name, None, ("time",))
        return rows.isel({dim: window[dim] for dim in space}).values

    shape = len(times), *one.shape[1:]
    variable = xr.Variable(one.dims, lazily(compute, one.dims, shape, np.float32), one.attrs)
    coords = {key: value for key, value in one.coords.items() if "time" not in value.dims}
    return xr.DataArray(variable, coords | {"time": times}, name=name)
