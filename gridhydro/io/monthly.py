"""Monthly means, for series of rasters that are too large to be kept day by day."""

from __future__ import annotations

import math

import pandas as pd
import xarray as xr

from gridhydro.domain.domain import Domain

DAILY = 10**7  # values of a variable up to which every day is kept


def too_long(domain: Domain, days: int) -> bool:
    """Whether the series of so many days have more values than are kept by day."""
    return days * (domain.size if domain.lumped else math.prod(domain.shape)) > DAILY


def ends_of(times: pd.DatetimeIndex) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """The first of these days in each calendar month, and the day after the last one."""
    days = times.floor("D").to_series().groupby(times.to_period("M"))
    return pd.DatetimeIndex(days.first()), pd.DatetimeIndex(days.last()) + pd.Timedelta(1, "D")


def labelled(means: xr.Dataset, times: pd.DatetimeIndex) -> xr.Dataset:
    """Means over the calendar months of these days, as far as they go, stamped on their first day:
    said so. time_bounds has the first day of each and the first day after it."""
    starts, ends = ends_of(times)
    time = xr.DataArray(starts, dims="time", attrs=means["time"].attrs | {"long_name": "month"})
    found = means.assign_coords(time=time)
    for values in found.data_vars.values():
        if "time" in values.dims:
            values.attrs["cell_methods"] = "time: mean"
    found["time"].attrs["bounds"] = "time_bounds"
    bounds = pd.DataFrame({"start": starts, "end": ends}).to_numpy(dtype="datetime64[ns]")
    found["time_bounds"] = (("time", "bound"), bounds)
    note = "monthly means of daily values; discharge.nc has the discharge of every day"
    return found.assign_attrs(comment=note)
