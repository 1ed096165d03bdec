"""Observed discharge of one gauge: mHM text files, tables, NetCDF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.units import to_unit
from gridhydro.io.raster import NETCDF, existing, read_variable


def read_discharge(
    path: str | Path, gauge: str, variable: str = "discharge", units: str | None = None
) -> pd.Series:
    """Daily discharge of a gauge in m3 s-1, NaN where it was not observed.

    .txt    mHM's gauge file: five lines of header, then year month day hour minute value, m3 s-1
    .csv    first column the date, one column per gauge; m3 s-1 unless `units` says otherwise
    .nc     a variable (time, gauge) with units
    Raises ValueError naming file and line or column.
    """
    path = existing(path)
    if path.suffix.lower() in NETCDF:
        series = _netcdf(path, gauge, variable, units)
    elif path.suffix.lower() == ".csv":
        series = _csv(path, gauge, units or "m3 s-1")
    elif path.suffix.lower() == ".txt":
        series = _mhm(path)
    else:
        raise ValueError(f"{path}: discharge is read from .txt (mHM), .csv and .nc files")
    series = series.sort_index()
    twice = series.index[series.index.duplicated()]
    if len(twice):
        raise ValueError(
            f"{path}: {twice[0]:%Y-%m-%d} is given twice ({len(twice)} such times): "
            "discharge is one value a day"
        )
    negative = series.index[series < 0]
    if len(negative):
        raise ValueError(
            f"{path}: discharge of {gauge} is negative on {negative[0]:%Y-%m-%d} "
            f"({len(negative)} days): is it a code for missing values?"
        )
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
    return pd.Series(values, pd.DatetimeIndex(times)).replace(missing, np.nan)


def _csv(path: Path, gauge: str, units: str) -> pd.Series:
    table = pd.read_csv(path, index_col=0)
    try:
        table.index = pd.to_datetime(table.index.astype(str), format="ISO8601")
    except ValueError as error:
        raise ValueError(f"{path}: the first column is not all dates: {error}") from None
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
    return pd.Series(to_unit(values, "m3 s-1", units).values, table.index)


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
    array = to_unit(array, "m3 s-1", units)
    return pd.Series(array.values.astype(float), pd.DatetimeIndex(array["time"].values))
