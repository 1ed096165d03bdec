"""Gridded weather of any data set: files, folders and stores as daily series by our names.

What a variable is, is told by its name or its standard name, both in `base.quantities`; what its
steps are, by its times and its unit. There is no reader for a data set.
"""

from __future__ import annotations

import glob
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import periods
from gridhydro.base.missing import named
from gridhydro.base.quantities import SERIES
from gridhydro.base.units import conversion, fits
from gridhydro.base.windows import chunks_of
from gridhydro.domain.grid import Grid, known_crs, read_grid, spatial_dims
from gridhydro.domain.reference import centred
from gridhydro.io import grib
from gridhydro.io.basins_file import stated_units
from gridhydro.io.chain import Chain, of_place
from gridhydro.io.daily_files import DailyArray
from gridhydro.io.day_rasters import SUFFIXES as DAYS
from gridhydro.io.day_rasters import day_of, is_day_raster, kin_of, may_hold_days, within_archive
from gridhydro.io.gridded_steps import (
    Steps,
    accumulates,
    days_of,
    links_of,
    on_day,
    steps_of,
    until_stamp,
)
from gridhydro.io.gridded_variables import weather_variables
from gridhydro.io.schema import series_attrs
from gridhydro.io.step_files import StepArray, steps_in

_FILES = (".nc", ".nc4", ".zarr", *grib.SUFFIXES)


@dataclass(frozen=True)
class Reading:
    """How files of weather are read, where they do not say it or say it wrongly.

    names        our name -> the file's
    units        our name -> unit
    missing      numbers of the files that stand for missing values
    accumulated  whether amounts that come several times a day count from its beginning on, as
                 ERA5-Land's, or are those of their hours, as ERA5's; None: told by the values
    shift        added to the time stamps ("-1h")
    crs          reference system, where files do not say it
    cell_reference  the point of a cell that coordinates stand for: "center", or a corner such as
                 "upper_left"
    """

    names: dict | None = None
    units: dict | None = None
    missing: float | tuple[float, ...] | None = None
    accumulated: bool | None = None
    shift: str | None = None
    crs: str | int | None = None
    cell_reference: str = "center"


def open_weather(
    source,
    *,
    series: Iterable[str] | None = None,
    period=None,
    reading: Reading = Reading(),
    step: str = "1D",
) -> xr.Dataset:
    """Daily weather (time, y, x) by our names and in our units; a window is read when it is used.

    source   NetCDF or GRIB files, Zarr stores, rasters of a day that their name says (BIL, GeoTIFF,
             or archives of them, as PRISM's), folders or patterns (*) of them, addresses
             ("s3://..."), or several; or a mapping, our name -> any of these. Files of days, months
             or years follow one another
    series   those that are needed; all that are known if None
    period   two dates, months or years; the days that all series have if None
    reading  how files are read that do not say what they hold: `Reading`
    step     "1D", or a part of a day such as "1h" and "6h": the weather is then of whole days in
             such steps, each stamped with its beginning, amounts as rates per day
    Several values a day, or step, become one: the mean of rates, the sum of amounts. A calendar
    without leap days gets each that it lacks from the days around it, with a warning. ValueError
    naming the file where something does not fit: axes, units, days, series on different grids.
    """
    arrays = weather_arrays(source, series=series, period=period, reading=reading, step=step)
    first, *others = arrays.values()
    for one in others:
        if any(not np.array_equal(one[d], first[d]) for d in spatial_dims(first) if d in one.dims):
            raise ValueError(
                f"'{one.name}' is on another grid than '{first.name}': open them one by one, "
                "series=[...], and bring them onto a domain with domain.regrid"
            )
    return xr.Dataset(arrays)


def weather_arrays(
    source, *, series=None, period=None, reading: Reading = Reading(), step: str = "1D"
) -> dict[str, xr.DataArray]:  # fmt: skip
    """As `open_weather`, each series by itself, on a grid of its own."""
    places, count = _places(source), steps_in(step)
    asked = None if series is None else list(series)
    unknown = [name for name in asked or () if name not in SERIES]
    if unknown:
        raise ValueError(f"there is no series '{unknown[0]}', but {', '.join(SERIES)}")
    found: dict[str, list[Steps]] = {}
    grids: dict[str, tuple[Grid, xr.DataArray]] = {}
    kin: dict[tuple, list[tuple[str, Steps]]] = {}
    for name, path in places:
        key = (name, *kin_of(path)) if is_day_raster(path) else None
        if key in kin:  # rasters of other days of the same are not opened before they are read
            for ours, like in kin[key]:
                found[ours].append(on_day(like, path))
            continue
        if key is not None:
            kin[key] = []
        with of_place(path) as data:
            for ours, theirs in weather_variables(data, path, name, reading.names).items():
                if asked is not None and ours not in asked:
                    continue
                array = data[theirs].rename(theirs)
                _same_grid(grids, ours, array, path, reading)
                steps = steps_of(array, data, path, reading.shift)
                found.setdefault(ours, []).append(steps)
                if key is not None:
                    kin[key].append((ours, steps))
    for ours, theirs in (reading.names or {}).items():
        if ours not in found and (asked is None or ours in asked):
            raise ValueError(
                f"{_told(source)} has no series '{theirs}', which names= has for {ours}"
            )
    lacking = [name for name in asked or () if name not in found]
    if lacking or not found:
        raise ValueError(
            f"{_told(source)} lacks {', '.join(lacking) or 'any series that is known'}; it has "
            f"{', '.join(found) or 'none'}: say what others are called, names={{...}}"
        )
    chains = {n: _chain(n, steps, reading, grids[n][0].shape) for n, steps in found.items()}
    days = {n: pd.date_range(c.first, c.last) for n, (c, _) in chains.items()}
    times = periods.common_days(days, period, {n: f"{c.path}, {n}" for n, (c, _) in chains.items()})
    return {n: _array(n, *chains[n], times, grids[n][1], count) for n in chains}


def _places(source) -> list[tuple[str | None, str]]:
    """(our name where it is said, file or store or address) of a source."""
    if isinstance(source, Mapping):
        return [(str(n), path) for n, one in source.items() for _, path in _places(one)]
    if not isinstance(source, str | Path):
        if isinstance(source, Iterable) and not isinstance(source, xr.Dataset | xr.DataArray):
            return [place for one in source for place in _places(one)]
        raise ValueError(
            f"weather is a file, a folder, a store, or several, not a {type(source).__name__}"
        )
    if "://" in str(source):
        return [(None, str(source))]
    path = Path(source)
    if glob.has_magic(str(path)) and not path.exists():
        found = [str(p) for one in sorted(glob.glob(str(path))) for p in _rasters_of(Path(one))]
    elif path.is_dir() and not _is_store(path):
        found = sorted(str(p) for p in _within(path))
    else:
        found = [str(p) for p in _rasters_of(path)]
    if not found:
        raise FileNotFoundError(
            f"there is no file {', '.join(_FILES)}, nor {', '.join(DAYS)} of a day, at "
            f"{path.resolve()}"
        )
    return [(None, one) for one in found]


def _rasters_of(path: Path) -> list[str] | list[Path]:
    """The rasters in an archive, or the file itself."""
    if path.suffix.lower() in DAYS:
        day_of(str(path))  # which it has to have
    return within_archive(path) if path.suffix.lower() == ".zip" else [path]


def _is_store(path: Path) -> bool:
    return path.suffix == ".zarr" or any((path / n).exists() for n in (".zgroup", "zarr.json"))


def _within(folder: Path) -> Iterable[str | Path]:
    """The files and stores in a folder and those below it."""
    for path in folder.iterdir():
        if path.is_dir() and not _is_store(path):
            yield from _within(path)
        elif path.suffix.lower() in _FILES or path.is_dir() or is_day_raster(str(path)):
            yield path
        elif may_hold_days(path):
            yield from within_archive(path)


def _told(source) -> str:
    return str(source) if isinstance(source, str | Path) else "the weather"


def _same_grid(grids: dict, name: str, array: xr.DataArray, path: str, reading: Reading) -> None:
    """Keeps the grid of a series; ValueError where a later file of it has another."""
    try:
        array = centred(array, reading.cell_reference)
        grid = read_grid(array, reading.crs)
    except ValueError as error:
        raise ValueError(f"{path}, '{array.name}': {error}") from None
    if name not in grids:
        space = spatial_dims(array)
        keep = [c for c in array.coords if set(array[c].dims) <= set(space) and array[c].ndim < 2]
        like = xr.DataArray(coords={c: array[c].load() for c in keep}, dims=space, name=name)
        if reading.crs is not None:
            like = like.rio.write_crs(known_crs(reading.crs))
        elif "grid_mapping" in array.encoding:
            like.encoding["grid_mapping"] = array.encoding["grid_mapping"]
        like.encoding["preferred_chunks"] = chunks_of(array)
        grids[name] = grid, like
        return
    before = grids[name][0]
    same = grid.shape == before.shape and np.allclose(grid.y, before.y) and np.allclose(
        grid.x, before.x
    )  # fmt: skip
    if not same:
        raise ValueError(f"{path}: '{array.name}' is on another grid than the files before it")


def _chain(name: str, steps: list[Steps], reading: Reading, shape) -> tuple[Chain, str]:
    """The days of a series, and how each is made of its steps."""
    links, steps = links_of(name, steps)
    path, target = steps[0].path, SERIES[name].unit
    own = (reading.units or {}).get(name)
    given = own or stated_units(steps[0].attrs)
    other = next((one for one in steps if stated_units(one.attrs) != given), None)
    if own is None and other is not None:
        raise ValueError(
            f"{other.path}: '{other.variable}' is in '{stated_units(other.attrs)}', in {path} it "
            f"is in '{given}'"
        )
    amount = _is_amount(given, target)
    factor, offset = conversion(name, f"{given} d-1" if amount else given, target, path)
    days = days_of(name, steps, amount)
    chain = Chain(
        links, days.first, days.records, days.a_day, days.skip, factor, offset,
        () if reading.missing is None else named(reading.missing), shape,
    )  # fmt: skip
    if days.a_day > 1 and amount:
        said = reading.accumulated
        counts = accumulates(chain, name, shape) if said is None else said
        if not counts and days.a_day < 24 and until_stamp(steps[0]):
            warnings.warn(
                f"{path}: '{steps[0].variable}' comes {days.a_day} times a day, and each is taken "
                f"for the amount of {24 / days.a_day:g} hours; ERA5's is that of one hour, all 24 "
                "of which make a day",
                stacklevel=4,
            )
        return chain, "last" if counts else "sum"
    extreme = re.search(r"_(max|min)$", name)
    return chain, extreme[1] if extreme else "mean"


def _is_amount(units: str | None, target: str) -> bool:
    """Whether a unit is of an amount that a day makes a rate of: m, kg m-2, J m-2."""
    if target == "mm d-1":
        return units is not None and fits(units, "mm")
    return target == "W m-2" and not fits(units, target) and fits(f"{units} d-1", target)


def _array(
    name: str, chain: Chain, reduce: str, times, like: xr.DataArray, count: int
) -> xr.DataArray:
    space = spatial_dims(like)
    shape = like.shape[0], like.shape[1]
    if count == 1:
        lazy = DailyArray(name, [[chain]], times, shape, reduce)
    else:
        if chain.steps % count:
            raise ValueError(
                f"{chain.path}: '{chain.variable}' comes {chain.steps} times a day, of which no "
                f"{count} steps a day can be made: take a longer step"
            )
        lazy = StepArray(name, [[chain]], times, shape, reduce, count)
        parts = pd.timedelta_range("0h", periods=count, freq=pd.Timedelta(1, "D") / count)
        times = pd.DatetimeIndex((times.to_numpy()[:, None] + parts.to_numpy()).ravel())
    variable = lazy.variable(("time", *space), series_attrs(name))
    chunks = like.encoding["preferred_chunks"]
    steps = next((n for d, n in chunks.items() if d not in space), 1)
    chunks = {d: n for d, n in chunks.items() if d in space} | {
        "time": max(1, steps * count // chain.steps)
    }
    variable.encoding |= like.encoding | {"preferred_chunks": chunks}
    found = xr.DataArray(variable, dict(like.coords) | {"time": times}, name=name)
    told = "day" if count == 1 else f"beginning of a step, {count} a day"
    found["time"].attrs = {"standard_name": "time", "long_name": told}
    return found
