"""Observed discharge of one gauge: mHM text files, tables, NetCDF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar, refuse
from gridhydro.base.quantities import OBSERVED
from gridhydro.base.units import to_unit
from gridhydro.io.csv_tables import comment_lines
from gridhydro.io.raster import NETCDF, existing, read_variable

_RIVER = OBSERVED["river_discharge"]


def read_discharge(
    path: str | Path, gauge: str, variable: str = "discharge", units: str | None = None
) -> pd.Series:
    """Daily discharge of a gauge in m3 s-1, NaN where it was not observed.

    .txt    mHM's gauge file: five lines of header, then year month day hour minute value, m3 s-1
    .csv    first column the date, one column per gauge; m3 s-1 unless `units` says otherwise; lines
            at the top that begin with # are passed over
    .nc     a variable (time, gauge) with units
    Raises ValueError naming file and line or column.
    """
    path = existing(path)
    if path.suffix.lower() in NETCDF:
        series = _netcdf(path, gauge, variable, units)
    elif path.suffix.lower() == ".csv":
        series = _csv(path, gauge, units or _RIVER.unit)
    elif path.suffix.lower() == ".txt":
        series = _mhm(path)
    else:
        raise ValueError(f"{path}: discharge is read from .txt (mHM), .csv and .nc files")
    variable = f"{path}: discharge"
    series = series.set_axis(calendar.days(series.index, variable)).sort_index()
    place = refuse.at(series.index, lambda _: f"at gauge {gauge}")
    mend = "is it a code for missing values?"
    refuse.outside(variable, series.to_numpy()[:, None], place, _RIVER, mend)
    return series.rename(gauge)


def _mhm(path: Path) -> pd.Series:
    lines = path.read_text().splitlines()
    try:
        missing = float(lines[1].split()[1])
    except (IndexError, ValueError):
        raise ValueError(f"{path}: line 2 should read 'nodata VALUE', as in mHM's gauges") from None
    rows = []
    for number, line in enumerate(lines[5:], start=6):
        parts = line.split()
        if not parts:
            continue
        try:
            year, month, day = (int(p) for p in parts[:3])
            rows.append((pd.Timestamp(year, month, day), float(parts[5])))
        except (ValueError, IndexError):
            raise ValueError(
                f"{path}: line {number} is not 'year month day hour minute value': {line!r}"
            ) from None
    if not rows:
        raise ValueError(f"{path} has no values below its five lines of header")
    times, values = zip(*rows, strict=True)
    return pd.Series(values, times).replace(missing, np.nan)


def _csv(path: Path, gauge: str, units: str) -> pd.Series:
    table = pd.read_csv(path, index_col=0, skiprows=comment_lines(path))
    dates = calendar.written(table.index)
    if dates.hasnans:
        text = table.index[int(np.argmax(dates.isna()))]
        raise ValueError(
            f"{path}: the first column is not all dates, written year first: there is '{text}'"
        )
    table.index = dates
    if gauge not in table:
        raise ValueError(f"{path} has no column '{gauge}', but {', '.join(table.columns)}")
    numbers = pd.to_numeric(table[gauge], errors="coerce")
    wrong = np.flatnonzero(numbers.isna() & table[gauge].notna())
    if wrong.size:
        raise ValueError(
            f"{path}: '{table[gauge].iloc[wrong[0]]}' on {table.index[wrong[0]]:%Y-%m-%d} in "
            f"column '{gauge}' is no number; leave missing days empty"
        )
    values = xr.DataArray(numbers.to_numpy(float), dims="time", name=gauge)
    return pd.Series(to_unit(values, _RIVER.unit, units).values, table.index)


def _netcdf(path: Path, gauge: str, variable: str, units: str | None) -> pd.Series:
    array = read_variable(path, variable)
    others = [d for d in array.dims if d != "time"]
    if "time" not in array.dims or len(others) > 1:
        raise ValueError(
            f"'{variable}' in {path} has the axes {array.dims}, discharge has (time, gauge)"
        )
    if others:
        names = [str(n) for n in array[others[0]].values]
        if gauge not in names:
            raise ValueError(f"{path} has no gauge '{gauge}', but {', '.join(names)}")
        array = array.isel({others[0]: names.index(gauge)})
    times = calendar.days(array["time"], f"{path}: 'time'")
    return pd.Series(to_unit(array, _RIVER.unit, units).values.astype(float), times)
