"""Forcing in the layout of WFDEI: a folder of files by variable and month or year, 3-hourly or
daily, of the whole globe. WFD, WFDE5 and ISIMIP's files are laid out alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import periods
from gridhydro.base.quantities import COORDINATES, SERIES
from gridhydro.base.units import conversion
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import find, read_grid, spacing, spatial_dims
from gridhydro.io.daily_files import DailyArray, Piece, days_of, joined
from gridhydro.io.lazy import opened
from gridhydro.io.schema import series_attrs


@dataclass(frozen=True)
class _Source:
    """Source of a series: variables of files (summed), and how a day is made of its hours."""

    names: tuple[str, ...]
    reduce: str = "mean"
    other: str = ""  # the variable that holds the sum already


# the names that begin a file's name, WFDEI's and CF's
_ALIASES = {
    "Tair": "tas", "Qair": "huss", "PSurf": "ps", "Wind": "sfcwind", "SWdown": "rsds",
    "LWdown": "rlds", "Rainf": "prrn", "Snowf": "prsn", "Precip": "pr",
}  # fmt: skip
_SOURCES = {
    "precipitation": _Source(("Rainf", "Snowf"), other="Precip"),
    "temperature": _Source(("Tair",)),
    "temperature_min": _Source(("Tair",), "min"),
    "temperature_max": _Source(("Tair",), "max"),
    "specific_humidity": _Source(("Qair",)),
    "surface_pressure": _Source(("PSurf",)),
    "wind_speed": _Source(("Wind",)),
    "shortwave_radiation": _Source(("SWdown",)),
    "longwave_radiation": _Source(("LWdown",)),
}


def read_wfdei(
    folder: str | Path,
    domain: Domain | None = None,
    *,
    series=None,
    period=None,
    files: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Daily series (time, lat, lon), float32, by the names of the schema, read when they are used.

    folder  searched with all below it for NetCDF files whose names begin with Tair, Qair, PSurf,
            Wind, SWdown, LWdown, Rainf and Snowf, or CF's tas, huss, ps, sfcWind, rsds, rlds, prrn
            and prsn, or with rain and snow in one Precip or pr; or have one of these between
            underscores, as ISIMIP's (gswp3-w5e5_obsclim_tas_global_daily_2001_2010.nc); of months,
            years or any other spans, daily or several times a day
    domain  only the rows and columns around it
    series  names of the schema; what the folder has if None: precipitation (rain and snow),
            temperature, specific_humidity, surface_pressure, wind_speed, shortwave_radiation,
            longwave_radiation, and where files are not daily temperature_min, temperature_max
    period  two dates, months or years, both ends included; needed if files of the variables cover
            different days
    files   variable -> pattern that its files' paths below the folder must match, where there are
            several of a day: {"Rainf": "*GPCC*", "Snowf": "*GPCC*"}
    units   variable -> unit, where the file does not say, or says it wrongly
    A day is the mean of the values stamped on it, or their extreme, in UTC. Values are looked at
    when they are read: ValueError naming file, day and place of one that cannot be.
    FileNotFoundError for a folder that is not there; ValueError naming the file for units that are
    not known, days that are not there, twice there or incomplete, and files on different grids.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder.resolve()}")
    paths = _paths(folder, files or {})
    wanted = _wanted(folder, paths, series)
    pieces: dict[str, list[Piece]] = {}
    found: dict[str, list[list[Piece]]] = {}
    axes: dict[str, np.ndarray] = {}
    for name in wanted:
        names = _SOURCES[name].names
        if _SOURCES[name].other in paths:
            names = (_SOURCES[name].other,)
        for part in names:
            if part not in pieces:
                pieces[part], axes = _open(part, paths[part], axes, units or {})
        found[name] = [pieces[part] for part in names]
    for name in [n for n in found if _SOURCES[n].reduce != "mean"]:
        if any(piece.steps == 1 for part in found[name] for piece in part):
            if series is not None:
                raise ValueError(f"{folder} has daily files, which do not tell {name}")
            del found[name]

    times = _common_days(pieces, period, folder)
    rows, cols = (axis.size for axis in axes.values())
    data = xr.Dataset(coords={"time": times, **axes})
    for dim, name in zip(axes, ("latitude", "longitude"), strict=True):
        attrs = {"standard_name": name, "long_name": name, "units": COORDINATES[name].unit}
        data[dim].attrs.update(attrs)
    for name, parts in found.items():
        array = DailyArray(name, parts, times, (rows, cols), _SOURCES[name].reduce)
        data[name] = array.variable(("time", *axes), series_attrs(name))
    return data if domain is None else _around(data, domain)


def _paths(folder: Path, chosen: Mapping[str, str]) -> dict[str, list[Path]]:
    """Variable -> its files: that with which a file's name begins, or else the only one in it, as
    in "gswp3-w5e5_obsclim_pr_global_daily_2001_2010.nc"; files that are chosen may be called
    anything."""
    unknown = set(chosen) - set(_ALIASES)
    if unknown:
        raise ValueError(f"files= has '{unknown.pop()}', but knows {', '.join(_ALIASES)}")
    lower = {alias.lower(): name for name in _ALIASES for alias in (name, _ALIASES[name])}
    found: dict[str, list[Path]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".nc", ".nc4")):
        below, parts = str(path.relative_to(folder)), re.split(r"[_.\-\d]", path.name.lower())
        named = list(dict.fromkeys(lower[part] for part in parts if part in lower))
        name = lower.get(parts[0]) or (named[0] if len(named) == 1 else None)
        if name and fnmatch(below, chosen.get(name, "*")):
            found.setdefault(name, []).append(path)
        elif name is None:
            wanted = [v for v, pattern in chosen.items() if fnmatch(below, pattern)]
            if len(wanted) == 1:
                found.setdefault(wanted[0], []).append(path)
    return found


def _wanted(folder: Path, paths, series) -> list[str]:
    """The series to be made, all of whose files are there."""

    def lacking(name: str) -> list[str]:
        source = _SOURCES[name]
        return [] if source.other in paths else [n for n in source.names if n not in paths]

    unknown = [name for name in series or () if name not in _SOURCES]
    if unknown:
        raise ValueError(f"there is no series '{unknown[0]}', but {', '.join(_SOURCES)}")
    # rain without snow is a folder that lacks something, not one without precipitation
    asked = list(series or (n for n, s in _SOURCES.items() if len(lacking(n)) < len(s.names)))
    absent = {part: name for name in asked for part in lacking(name)}
    if absent or not asked:
        part = next(iter(absent), "Tair")
        raise ValueError(
            f"{folder} has no NetCDF file whose name begins with {part} or {_ALIASES[part]}, "
            f"which {absent.get(part, 'temperature')} is made of, or has it between underscores; "
            f"it has files of {', '.join(paths) or 'no variable that is known'}"
        )
    return asked


def _open(part: str, paths: list[Path], axes, units) -> tuple[list[Piece], dict]:
    """Files and days of a variable, and the axes of space, which are the same in all files."""
    pieces = []
    target = next(SERIES[n].unit for n, s in _SOURCES.items() if part in (*s.names, s.other))
    for path in paths:
        with opened(path, decode_times=False) as data:
            array = _variable(data, part, path)
            space = spatial_dims(array)
            axes = _axes(array, axes, path)
            time = next(str(dim) for dim in array.dims if dim not in space)
            given = units.get(part, array.attrs.get("units"))
            # the unit as the ALMA convention writes it
            given = None if given is None else re.sub(r"m\^?2 ?s$", "m2/s", str(given))
            unit = conversion(part, given, target, path)
            days = days_of(data, time, path)
            pieces.append(Piece(path, str(array.name), time, space, *days, *unit))
    return joined(pieces, part), axes


def _variable(data: xr.Dataset, part: str, path: Path) -> xr.DataArray:
    """The variable of a file by its name, or the only one with time and space."""
    names = [v for v in data.data_vars if str(v).lower() in (part.lower(), _ALIASES[part])]
    names = names or [v for v in data.data_vars if data[v].ndim == 3]
    if len(names) != 1 or data[names[0]].ndim != 3:
        raise ValueError(
            f"{path} has no variable {part} or {_ALIASES[part]} (time, lat, lon), but "
            f"{', '.join(f'{v} {data[v].dims}' for v in data.data_vars)}"
        )
    if data[names[0]].dtype.kind not in "fiu":
        raise ValueError(f"{path}: '{names[0]}' holds {data[names[0]].dtype}, not numbers")
    return data[names[0]]


def _axes(array: xr.DataArray, before: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    """The axes of space of a file, the same as those of the files `before` it."""
    try:
        grid = read_grid(array)
    except ValueError as error:
        raise ValueError(f"{path}, '{array.name}': {error}") from None
    axes = dict(zip(spatial_dims(array), (grid.y, grid.x), strict=True))
    if not before:
        return axes
    same = all(d in before and axes[d].shape == before[d].shape for d in axes)
    if not same or any(np.abs(axes[d] - before[d]).max() > 1e-3 for d in axes):
        raise ValueError(f"{path} is on another grid than the files before it")
    return before


def _common_days(pieces, period, folder: Path) -> pd.DatetimeIndex:
    spans = {part: (own[0].first, own[-1].last) for part, own in pieces.items()}
    if period is None and len(set(spans.values())) > 1:
        covered = ", ".join(f"{p} {a:%Y-%m-%d} to {b:%Y-%m-%d}" for p, (a, b) in spans.items())
        raise ValueError(f"the files of {folder} cover different days ({covered}): choose a period")
    days = {part: periods.every_day(span) for part, span in spans.items()}
    return periods.common_days(days, period, {part: f"{folder}, {part}" for part in days})


def _around(data: xr.Dataset, domain: Domain) -> xr.Dataset:
    """The rows and columns that the domain's cells lie in or next to."""
    x, y = domain.lonlat
    for dim, points, period in zip(spatial_dims(data), (y, x), (None, 360.0), strict=True):
        axis = data[dim].values
        if abs(abs(spacing(axis)) * axis.size - 360) < 1e-3 and np.ptp(points) > 180:
            continue  # the domain may lie across the edge of the files
        place = find(axis, points, period)
        missed = np.flatnonzero(np.isnan(place))
        if missed.size:
            raise ValueError(
                f"the files do not reach {domain.name_cell(missed[0])} ({missed.size} cells of the "
                f"domain): along {dim} they span {axis.min():g} to {axis.max():g}"
            )
        low, high = int(np.floor(place.min())) - 1, int(np.ceil(place.max())) + 2
        data = data.isel({dim: slice(max(low, 0), high)})
    return data
