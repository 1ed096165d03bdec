"""Observed discharge as people hold it, made one table of days by gauges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain import Domain
from gridhydro.units import to_unit


def discharge_table(discharge, domain: Domain | None = None) -> pd.DataFrame:
    """Discharge in m3 s-1 as a table of days by gauges, from a table or a DataArray.

    A DataArray's `units` are converted; depths (mm d-1) need the domain, whose gauges have areas.
    Raises ValueError for several values a day, for values below zero and for infinite ones,
    naming gauge and day.
    """
    if isinstance(discharge, xr.DataArray):
        if domain is not None and str(discharge.attrs.get("units")).split()[:1] == ["mm"]:
            discharge = _volume(discharge, domain)
        if "units" in discharge.attrs:
            discharge = to_unit(discharge, "m3 s-1")
        other = [d for d in discharge.dims if d != "time"]
        discharge = discharge.transpose("time", *other).to_pandas()
    table = pd.DataFrame(discharge).copy()
    table.index = _dates(table.index).floor("D")
    table.columns = [str(c) for c in table.columns]
    twice = table.index[table.index.duplicated()]
    if len(twice):
        raise ValueError(
            f"discharge has several values on {twice[0]:%Y-%m-%d}: average them to one a day, "
            "for example with .resample('D').mean()"
        )
    for gauge, values in table.items():
        wrong = values.index[(values < 0) | np.isinf(values)]
        if len(wrong):
            raise ValueError(
                f"discharge of {gauge} is {values[wrong[0]]:g} m3 s-1 on {wrong[0]:%Y-%m-%d} "
                f"({len(wrong)} such days): set codes for missing values to NaN"
            )
    return table


def _volume(depth: xr.DataArray, domain: Domain) -> xr.DataArray:
    """Specific discharge in mm d-1 as m3 s-1, by the area upstream of each gauge."""
    (other,) = [d for d in depth.dims if d != "time"]
    names = [str(n) for n in depth[other].values]
    known = [n in domain.gauges.index for n in names]
    area = domain.gauges["network_area_km2"].reindex(names).to_numpy()[known]
    depth = to_unit(depth, "mm d-1").isel({other: known}).astype(np.float64)
    volume = depth * xr.DataArray(area / 86.4, dims=other)  # 1 mm over 1 km2 is 1000 m3
    return volume.assign_attrs(units="m3 s-1")


def _dates(index: pd.Index) -> pd.DatetimeIndex:
    """Dates as they are, or written year first; nothing is guessed."""
    if isinstance(index, pd.DatetimeIndex):
        return index
    try:
        if not all(isinstance(day, str) for day in index):
            raise ValueError(f"they are of type {type(index[0]).__name__}")
        return pd.to_datetime(index, format="ISO8601")
    except ValueError as error:
        raise ValueError(
            "the index of the discharge table should be dates: read it with "
            "pandas.read_csv(..., index_col=0, parse_dates=True), and with dayfirst=True or "
            f"date_format= where they are not written year first ({error})"
        ) from None
