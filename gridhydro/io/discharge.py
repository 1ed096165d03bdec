"""Observed discharge of one gauge: mHM text files, tables, NetCDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar, refuse
from gridhydro.base.missing import masked
from gridhydro.base.quantities import OBSERVED, SERIES
from gridhydro.base.units import conversion, depth_of_flow, fits
from gridhydro.io.csv_tables import comment_lines
from gridhydro.io.raster import NETCDF, existing, read_variable

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
    .csv    first column the date, one column per gauge; m3 s-1 unless `units` says otherwise; lines
            at the top that begin with # are passed over
    .nc     a variable (time, gauge) with units
    units     of any file, where it does not say or says it wrongly: ft3 s-1, ML d-1, mm d-1, ...
    missing   numbers that stand for missing values, where the file does not declare them
    area_km2  of the basin, which makes m3 s-1 of a depth
    Raises ValueError naming file and line or column.
    """
    path = existing(path)
    if path.suffix.lower() in NETCDF:
        series, given = _netcdf(path, gauge, variable, missing)
    elif path.suffix.lower() == ".csv":
        series, given = _csv(path, gauge), _RIVER.unit
    elif path.suffix.lower() == ".txt":
        series, given = _mhm(path), _RIVER.unit
    else:
        raise ValueError(f"{path}: discharge is read from .txt (mHM), .csv and .nc files")
    variable = f"{path}: discharge"
    series = series.set_axis(calendar.dates(series.index, variable)).sort_index()
    calendar.once(series.index, variable)
    place = refuse.at(series.index, lambda _: f"at gauge {gauge}")
    mend = "is it a code for missing values (missing=), or are the units not right (units=)?"
    values = masked(xr.DataArray(series.to_numpy(), dims="time"), missing).values[:, None]
    unit = replace(_RIVER, unit=units or given or "")
    refuse.codes(variable, values, place, unit, mend, declared=missing is not None)
    series = pd.Series(values[:, 0] * _factor(path, units or given, area_km2), series.index)
    refuse.outside(variable, series.to_numpy()[:, None], place, _RIVER, mend)
    return series.rename(gauge)


def _factor(path: Path, units: str | None, area_km2: float | None) -> float:
    """What makes m3 s-1 of a unit; of a depth by the area of the basin."""
    if not fits(units, _DEPTH.unit) or fits(units, _RIVER.unit):
        return conversion("discharge", units, _RIVER.unit, path)[0]
    if area_km2 is None or not area_km2 > 0:
        raise ValueError(
            f"{path}: discharge is in '{units}', a depth over the basin: give its area, area_km2"
        )
    return conversion("discharge", units, _DEPTH.unit, path)[0] / depth_of_flow(area_km2)


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


def _csv(path: Path, gauge: str) -> pd.Series:
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
    return pd.Series(numbers.to_numpy(float), table.index)


def _netcdf(path: Path, gauge: str, variable: str, missing) -> tuple[pd.Series, str | None]:
    """The series of a gauge, and the unit that the file states."""
    array = masked(read_variable(path, variable), missing)
    more = [d for d in array.dims if d != "time" and array.sizes[d] == 1]
    array = array.squeeze(more[1:] if len(more) == array.ndim - 1 else more, drop=True)
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
    times = calendar.dates(array["time"], f"{path}: 'time'")
    given = str(array.attrs.get("units") or "").strip() or None
    return pd.Series(array.values.astype(float), times), given
