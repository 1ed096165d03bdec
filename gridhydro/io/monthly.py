"""Monthly means, for series of rasters that are too large to be kept day by day."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

DAILY = 10**7  # values of a variable up to which every day is kept


def too_long(series: xr.Dataset) -> bool:
    """Whether a variable of the series has more values than are kept by day."""
    return any(values.size > DAILY for values in series.data_vars.values())


def monthly(series: xr.Dataset) -> xr.Dataset:
    """Means over the calendar months, as far as the days go, stamped on their first day.

    time_bounds has the first day of each and the first day after it; what is not by day is kept.
    """
    times = pd.DatetimeIndex(series["time"].values)
    months = times.to_period("M")
    labels = months.unique()
    rows = [np.flatnonzero(months == label) for label in labels]
    ends = [(times[r[0]].floor("D"), times[r[-1]].floor("D") + pd.Timedelta(1, "D")) for r in rows]
    time = xr.DataArray(
        [start for start, _ in ends],
        dims="time",
        attrs=series["time"].attrs | {"long_name": "month"},
    )
    found = {}
    for name, values in series.data_vars.items():
        if "time" not in values.dims:
            found[name] = values
            continue
        parts = [values.isel(time=slice(r[0], r[-1] + 1)).mean("time") for r in rows]
        mean = xr.concat(parts, "time").transpose(*values.dims)
        attrs = values.attrs | {"cell_methods": "time: mean"}
        found[name] = mean.assign_coords(time=time).assign_attrs(attrs)
    result = xr.Dataset(found).assign_coords(time=time)
    result["time"].attrs["bounds"] = "time_bounds"
    result["time_bounds"] = (("time", "bound"), np.array(ends, dtype="datetime64[ns]"))
    note = "monthly means of daily values; discharge.nc has the discharge of every day"
    return result.assign_attrs(series.attrs | {"comment": note})
