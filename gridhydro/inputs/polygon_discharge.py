"""Discharge of polygons, as people hold it, as depths over their areas."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.missing import masked
from gridhydro.base.quantities import SERIES, Quantity
from gridhydro.base.units import conversion, depth_of_flow, fits
from gridhydro.domain.network import shorten
from gridhydro.inputs.day_tables import day_table
from gridhydro.io.delimited import read_delimited
from gridhydro.io.discharge import read_discharges
from gridhydro.io.schema import series_attrs

_DISCHARGE = SERIES["discharge"]


def over_areas(
    given, names: list[str], times: pd.DatetimeIndex, area: np.ndarray, units: str | None = None
) -> xr.DataArray:
    """Discharge (time, gauge) in mm d-1 over the areas (N,) km2, NaN where it is not observed.

    given  table of days by names, or DataArray over time and gauge, in m3 s-1 or the unit of its
           attributes; or a file as for `gridhydro.io.read_discharge`
    units  where it does not say
    ValueError for names and days of which it has none, and as the readers of discharge; polygons
    that it lacks are said.
    """
    if isinstance(given, str | Path):
        table, units = of_file(given, names, units, area), "m3 s-1"
    else:
        table, units = _of_table(given, units)
    there = [name for name in names if name in table]
    if not there:
        raise ValueError(
            f"discharge is of {shorten(list(table.columns))}, the polygons are "
            f"{shorten(names)}: name them alike"
        )
    if len(there) < len(names):
        lacking = [name for name in names if name not in table]
        warnings.warn(
            f"there is no discharge of {len(lacking)} polygons: {shorten(lacking)}", stacklevel=4
        )
    if not table.index.intersection(times).size:
        raise ValueError(
            f"discharge is of {table.index[0]:%Y-%m-%d} to {table.index[-1]:%Y-%m-%d}, the weather "
            f"of {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}: they have no day in common"
        )
    values = table.reindex(index=times, columns=names).to_numpy(np.float64)
    place = refuse.at(times, lambda gauge: f"at gauge {names[gauge]}")
    refuse.codes("discharge", values, place, Quantity(units, "discharge"))
    if fits(units, "m3 s-1"):
        values = values * conversion("discharge", units, "m3 s-1")[0] * depth_of_flow(area)
    else:
        values = values * conversion("discharge", units, _DISCHARGE.unit)[0]
    refuse.outside("discharge", values, place, _DISCHARGE)
    attrs = series_attrs("discharge")
    return xr.DataArray(values.astype(np.float32), dims=("time", "gauge"), attrs=attrs)


def of_file(path, names: list[str], units, area) -> pd.DataFrame:
    """The discharge of a file as for `gridhydro.io.read_discharge`, days by names, m3 s-1; of
    those that it has. `area` (N,) km2; ValueError if it has none of them."""
    kept = list(range(len(names)))
    if Path(path).suffix.lower() == ".csv":
        header = read_delimited(path).header
        kept = [i for i in kept if names[i] in header]
        if not kept:
            raise ValueError(
                f"{path} has the columns {shorten(list(header))}, none of "
                f"{shorten(names)}: name them alike"
            )
    return read_discharges(
        path, [names[i] for i in kept], units=units, areas=[float(area[i]) for i in kept]
    )


def _of_table(given, units: str | None) -> tuple[pd.DataFrame, str]:
    """A table of days by names, and its unit."""
    stated = str(units or getattr(given, "attrs", {}).get("units") or "").strip() or "m3 s-1"
    if isinstance(given, xr.DataArray):
        given = masked(given).transpose("time", ...).to_pandas()
    table = given.to_frame() if isinstance(given, pd.Series) else given
    if not isinstance(table, pd.DataFrame):
        raise ValueError(
            f"discharge is a {type(given).__name__}: give a table of days by names, or a file"
        )
    return day_table(table, "discharge", "discharge", "gauge").sort_index(), stated
