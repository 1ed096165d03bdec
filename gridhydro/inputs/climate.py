"""Attributes of the climate of cells, from daily weather."""

from __future__ import annotations

import xarray as xr

from gridhydro.base import calendar, periods
from gridhydro.inputs.series import looked_at

CLIMATE = {
    "temp_avg": ("temperature", "degC", "mean"),
    "temp_diff": ("temperature", "degC", "range of the monthly"),
    "prec_avg": ("precipitation", "mm d-1", "mean"),
    "prec_diff": ("precipitation", "mm d-1", "range of the monthly"),
    "pet_avg": ("potential_evapotranspiration", "mm d-1", "mean"),
}


def climate_means(weather: xr.Dataset, period=None) -> xr.Dataset:
    """temp_avg, temp_diff (degC), prec_avg, prec_diff and pet_avg (mm d-1) of every cell.

    weather  Dataset of daily temperature, precipitation and potential_evapotranspiration, with
             time and the axes of space in any order
    period   two dates, months or years, both ends included; all days if None
    avg is the mean of all days, diff the largest less the smallest of the twelve mean months; days
    without a value are left out. ValueError naming the series that is lacking, and for a period
    that is not all in the weather.
    """
    lacking = {source for source, _, _ in CLIMATE.values() if source not in weather}
    if lacking:
        raise ValueError(
            f"the weather lacks {', '.join(sorted(lacking))}; it has {', '.join(map(str, weather))}"
        )
    times = calendar.daily(weather["time"], "the weather", weather)
    weather = weather.assign_coords(time=times)
    weather = weather.isel(time=periods.within(times, period, "the weather"))
    found = {}
    for name, (source, unit, word) in CLIMATE.items():
        series = looked_at(weather[source], unit)
        if word == "mean":
            values = series.mean("time")
        else:
            months = series.groupby("time.month").mean()
            values = months.max("month") - months.min("month")
        attrs = {"units": unit, "long_name": f"{word} {source.replace('_', ' ')}"}
        found[name] = values.rename(name).assign_attrs(attrs)
    return xr.Dataset(found)
