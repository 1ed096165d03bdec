"""Observed discharge of one gauge: mHM text files, tables, NetCDF."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar, refuse
from gridhydro.base.files import existing
from gridhydro.base.quantities import OBSERVED
from gridhydro.base.units import to_unit
from gridhydro.io.delimited import Delimited, numbers, read_delimited
from gridhydro.io.raster import NETCDF, read_variable
from gridhydro.io.text_files import read_lines

_RIVER = OBSERVED["river_discharge"]


def read_discharge(
    path: str | Path, gauge: str, variable: str = "discharge", units: str | None = None
) -> pd.Series:
    """Daily discharge of a gauge in m3 s-1, NaN where it was not observed.

    .txt    mHM's gauge file: five lines of header, then year month day hour minute value, m3 s-1
    .csv    first column the date, year first, one column per gauge, between commas, semicolons or
            tabs; m3 s-1 unless `units` says otherwise; lines at the top that begin with # are
            passed over
    .nc     a variable (time, gauge) with units
    Raises ValueError naming file and line or column.
    """
    return read_discharges(path, [gauge], variable, units)[gauge]


def read_discharges(
    path: str | Path,
    gauges: Sequence[str],
    variable: str = "discharge",
    units: str | None = None,
) -> pd.DataFrame:
    """Daily discharge of several gauges of one file, as `read_discharge`, days by gauges."""
    path, suffix = existing(path), Path(path).suffix.lower()
    if suffix == ".csv":
        table = read_delimited(path)
        given = {gauge: _column(table, gauge, units or _RIVER.unit) for gauge in gauges}
    elif suffix in NETCDF:
        given = {gauge: _netcdf(path, gauge, variable, units) for gauge in gauges}
    elif suffix == ".txt":
        given = {gauge: _mhm(path) for gauge in gauges}
    else:
        raise ValueError(f"{path}: discharge is read from .txt (mHM), .csv and .nc files")
    found, variable = {}, f"{path}: discharge"
    for gauge, series in given.items():
        series = series.set_axis(calendar.days(series.index, variable)).sort_index()
        place = refuse.at(series.index, partial(_at, gauge))
        mend = "is it a code for missing values?"
        refuse.outside(variable, series.to_numpy()[:, None], place, _RIVER, mend)
        found[gauge] = series
    return pd.DataFrame(found)


def _at(gauge: str, _: int) -> str:
    return f"at gauge {gauge}"


def _mhm(path: Path) -> pd.Series:
    lines = read_lines(path)
    try:
        missing = float(lines[1].split()[1])
    except (IndexError, ValueError):
        raise ValueError(f"{path}: line 2 should read 'nodata VALUE', as in mHM's gauges") from None
    rows = []
    for number, line in enumerate(lines[5:], start=6):
        parts = line.split()
        if not parts:
            continue
        value = numbers(parts[-1:])[0]
        when = [int(p) if p.isdecimal() else -1 for p in parts[:5]]
        try:
            if len(parts) != 6 or not np.isfinite(value):
                raise ValueError
            rows.append((pd.Timestamp(*when), value))
        except ValueError:
            raise ValueError(
                f"{path}: line {number} is not 'year month day hour minute value': {line!r}"
            ) from None
    if not rows:
        raise ValueError(f"{path} has no values below its five lines of header")
    times, values = zip(*rows, strict=True)
    return pd.Series(values, times).replace(missing, np.nan)


def _column(table: Delimited, gauge: str, units: str) -> pd.Series:
    if not table.rows:
        raise ValueError(f"{table.path} has no days below the names of its columns")
    days = table.dates(table.header[0])
    values = xr.DataArray(table.numbers(gauge), dims="time", name=gauge)
    return pd.Series(to_unit(values, _RIVER.unit, units).values, days)


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
