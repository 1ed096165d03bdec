"""Observed discharge of one gauge: mHM text files, tables, NetCDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar, refuse
from gridhydro.base.arguments import number
from gridhydro.base.axes import gauge_axis
from gridhydro.base.files import existing
from gridhydro.base.missing import masked
from gridhydro.base.quantities import COORDINATES, OBSERVED, SERIES
from gridhydro.base.units import conversion, depth_of_flow, fits
from gridhydro.io.delimited import numbers, read_delimited
from gridhydro.io.raster import NETCDF, read_variable
from gridhydro.io.text_files import read_lines

_RIVER, _DEPTH = OBSERVED["river_discharge"], SERIES["discharge"]


def read_discharge(
    path: str | Path,
    gauge: str,
    variable: str = "discharge",
    units: str | None = None,
    missing: float | Sequence[float] | None = None,
    area_km2: float | None = None,
) -> pd.Series:
    """Daily discharge of a gauge in m3 s-1, NaN where it was not observed.

    .txt    mHM's gauge file: five lines of header, then year month day hour minute value, m3 s-1
    .csv    first column the date, year first, one column per gauge, between commas, semicolons or
            tabs; m3 s-1 unless `units` says otherwise; lines at the top that begin with # are
            passed over
    .nc     a variable (time, gauge) with units
    units     of any file, where it does not say or says it wrongly: ft3 s-1, ML d-1, mm d-1, ...
    missing   numbers that stand for missing values, where the file does not declare them
    area_km2  of the basin, which makes m3 s-1 of a depth
    Raises ValueError naming file and line or column.
    """
    areas = None if area_km2 is None else [area_km2]
    return read_discharges(path, [gauge], variable, units, missing, areas)[gauge]


def read_discharges(
    path: str | Path,
    gauges: Sequence[str],
    variable: str = "discharge",
    units: str | None = None,
    missing: float | Sequence[float] | None = None,
    areas: Sequence[float | None] | None = None,
) -> pd.DataFrame:
    """Daily discharge of several gauges of one file, as `read_discharge`, days by gauges.

    areas  of their basins in km2, one a gauge
    """
    path, suffix = existing(path), Path(path).suffix.lower()
    twice = sorted({gauge for gauge in gauges if list(gauges).count(gauge) > 1})
    if twice:
        raise ValueError(f"{path}: the gauge {twice[0]} is asked for twice: name each once")
    given: dict[str, tuple[pd.Series, str | None]]
    if suffix == ".csv":
        table = read_delimited(path)
        if not table.rows:
            raise ValueError(f"{path} has no days below the names of its columns")
        days = table.dates(table.header[0])
        given = {gauge: (pd.Series(table.numbers(gauge), days), _RIVER.unit) for gauge in gauges}
    elif suffix in NETCDF:
        array = masked(read_variable(path, variable), missing)
        given = {gauge: _of_gauge(path, array, gauge, variable) for gauge in gauges}
    elif suffix == ".txt":
        given = {gauge: (_mhm(path), _RIVER.unit) for gauge in gauges}
    else:
        raise ValueError(f"{path}: discharge is read from .txt (mHM), .csv and .nc files")
    found, variable = {}, f"{path}: discharge"
    mend = "is it a code for missing values (missing=), or are the units not right (units=)?"
    for area_km2, (gauge, (series, stated)) in zip(
        areas or [None] * len(given), given.items(), strict=True
    ):
        series = series.set_axis(calendar.days(series.index, variable)).sort_index()
        place = refuse.at(series.index, partial(_at, gauge))
        values = masked(xr.DataArray(series.to_numpy(), dims="time"), missing).values[:, None]
        unit = replace(_RIVER, unit=units or stated or "")
        refuse.codes(variable, values, place, unit, mend, declared=missing is not None)
        values = values * _factor(path, units or stated, area_km2)
        refuse.outside(variable, values, place, _RIVER, mend)
        found[gauge] = pd.Series(values[:, 0], series.index)
    return pd.DataFrame(found)


def _at(gauge: str, _: int) -> str:
    return f"at gauge {gauge}"


def _factor(path: Path, units: str | None, area_km2: float | None) -> float:
    """What makes m3 s-1 of a unit; of a depth by the area of the basin."""
    if not fits(units, _DEPTH.unit) or fits(units, _RIVER.unit):
        return conversion("discharge", units, _RIVER.unit, path)[0]
    if area_km2 is None:
        raise ValueError(
            f"{path}: discharge is in '{units}', a depth over the basin: give its area, area_km2"
        )
    if not 0 < number("area_km2", area_km2) <= COORDINATES["area"].high:
        raise ValueError(f"{path}: area_km2 is {area_km2:g}, which no basin has: give it in km2")
    return conversion("discharge", units, _DEPTH.unit, path)[0] / depth_of_flow(area_km2)


def _mhm(path: Path) -> pd.Series:
    lines = read_lines(path)
    try:
        missing = float(lines[1].split()[1])
    except (IndexError, ValueError):
        raise ValueError(f"{path}: line 2 should read 'nodata VALUE', as in mHM's gauges") from None
    rows = []
    for at, line in enumerate(lines[5:], start=6):
        parts = line.split()
        if not parts:
            continue
        value = numbers(parts[-1:])[0]
        when = [int(p) if p.isdecimal() else -1 for p in parts[:5]]
        try:
            if len(parts) != 6 or not np.isfinite(value):
                raise ValueError
            rows.append((pd.Timestamp(*when), value))
        except (ValueError, OverflowError):
            raise ValueError(
                f"{path}: line {at} is not 'year month day hour minute value': {line!r}"
            ) from None
    if not rows:
        raise ValueError(f"{path} has no values below its five lines of header")
    times, values = zip(*rows, strict=True)
    return pd.Series(values, times).replace(missing, np.nan)


def _of_gauge(
    path: Path, array: xr.DataArray, gauge: str, variable: str
) -> tuple[pd.Series, str | None]:
    """The series of a gauge in what a file holds, and the unit that it states."""
    kept = ("time", gauge_axis(array, [gauge]))
    spare = [d for d in array.dims if d not in kept and array.sizes[d] == 1]
    array = array.squeeze(spare, drop=True)
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
    given = str(array.attrs.get("units") or "").strip() or None
    return pd.Series(array.values.astype(float), times), given
