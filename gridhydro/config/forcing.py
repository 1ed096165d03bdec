"""What a domain file says of the weather: files by forcing, or weather of which forcing is made."""

from __future__ import annotations

from dataclasses import fields as keys_of
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import one_of
from gridhydro.base.quantities import SERIES
from gridhydro.base.units import to_unit
from gridhydro.columns.column import Field
from gridhydro.config.attributes import on_domain
from gridhydro.config.parse import locate, named, read_options, refuse_unknown, refuse_unused
from gridhydro.config.sections import ForcingOptions, WeatherOptions
from gridhydro.domain.domain import Domain
from gridhydro.inputs.pet import pet_of
from gridhydro.io import read_series, read_wfdei
from gridhydro.io.lazy import opened
from gridhydro.nets.correction import SIX

DEMAND = "potential_evapotranspiration"
# what a folder of weather is read for; files say by themselves what they hold
READ = {
    "oudin": ("temperature",),
    "hargreaves": ("temperature", "temperature_min", "temperature_max"),
    "priestley_taylor": (
        "temperature", "surface_pressure", "shortwave_radiation", "longwave_radiation",
    ),
    "penman_monteith": SIX,
}  # fmt: skip
_DAYS = 366  # whose evapotranspiration is computed at once


def read_forcing(
    source: Path, content: dict, wanted: list[Field], domain: Domain, data: Path, days
) -> xr.Dataset:
    """The `wanted` series of [forcing] or [weather], (time, y, x) on the domain.

    days  first and last day that the training needs
    """
    if "weather" not in content:
        section = content["forcing"]
        options = {
            name: read_options(source, f"forcing.{name}", ForcingOptions, given)
            for name, given in section.items()
        }
        return _of_files(options, wanted, domain, data, source)
    section, place = content["weather"], f"{source}, [weather]"
    own = [key.name for key in keys_of(WeatherOptions)]
    refuse_unknown(place, section, [*own, *SERIES])
    plain = {key: given for key, given in section.items() if key in own}
    options = read_options(source, "weather", WeatherOptions, plain)
    files = {
        name: read_options(source, f"weather.{name}", ForcingOptions, given)
        for name, given in section.items()
        if name in SERIES
    }
    with named(f"{place}: pet"):
        one_of("pet", options.pet, (*READ, "given"))
    ways = [options.folder is not None, options.file is not None, bool(files)]
    if sum(ways) != 1:
        raise ValueError(
            f"{place}: give either a 'folder', or a 'file', or a [weather.NAME] for each variable"
        )
    if options.folder is None:
        unused = [key for key in ("format", "files") if key in section]
        refuse_unused(place, unused, unused, "a file: it goes with 'folder'")
    days = options.period or days
    names = [f.name for f in wanted if f.name != DEMAND or options.pet == "given"]
    series = {}
    for name, raster, where in _rasters(source, options, files, names, data, domain, days):
        with named(where):
            series[name] = on_domain(to_unit(raster, SERIES[name].unit), domain)
            _whole(series[name], domain)
    lacking = [name for name in names if name not in series]
    if lacking:
        raise ValueError(f"{place}: lacks {', '.join(lacking)}, and has {', '.join(series)}")
    weather = xr.Dataset(series)
    if options.pet != "given":
        with named(f"{place}: pet"):
            series[DEMAND] = evapotranspiration(weather, options)
    return xr.Dataset({f.name: series[f.name] for f in wanted})


def _rasters(source, options: WeatherOptions, files, names, data: Path, domain, days):
    """(name, raster (time, y, x), where it is from) of the variables that are there."""
    place, span = f"{source}, [weather]", slice(*days)
    if options.folder is not None:
        with named(f"{place}: format"):
            one_of("format", options.format, ("wfdei",))
        needed = list(dict.fromkeys([*names, *READ.get(options.pet, ())]))
        place = f"{place}: folder"
        with named(place):
            weather = read_wfdei(
                data / options.folder, domain, series=needed, period=days, files=options.files
            )
        for name in needed:
            yield name, weather[name], place
    elif options.file is not None:
        place = f"{place}: file"
        with named(place):
            path = locate(data, options.file, place)
            with opened(path, decode_coords="all") as weather:
                for name in SERIES:
                    if name in weather:
                        yield name, weather[name].sel(time=span).load(), place
    else:
        for name, given in files.items():
            where = f"{source}, [weather.{name}]"
            if given.file is None or given.constant is not None:
                raise ValueError(f"{where}: give a 'file'")
            yield name, _series(given, data, where).sel(time=span), where


def evapotranspiration(weather: xr.Dataset, options: WeatherOptions) -> xr.DataArray:
    """Potential evapotranspiration mm d-1 by the method of the options, some days at a time."""
    parts = [
        pet_of(
            weather.isel(time=slice(first, first + _DAYS)), options.pet,
            wind_height=options.wind_height, albedo=options.albedo,
        )
        for first in range(0, weather.sizes["time"], _DAYS)
    ]  # fmt: skip
    whole = xr.concat(parts, "time")
    return whole.assign_attrs(parts[0].attrs | {"method": options.pet})


def _whole(series: xr.DataArray, domain: Domain) -> None:
    """ValueError naming the first day and cell without a value."""
    values = domain.pack(series)
    gaps = ~np.isfinite(values)
    if gaps.any():
        day, cell = np.argwhere(gaps)[0]
        raise ValueError(
            f"'{series.name}' is missing on {pd.Timestamp(series['time'].values[day]):%Y-%m-%d} in "
            f"{domain.name_cell(cell)}, {gaps.any(0).sum()} of {domain.size} cells and "
            f"{gaps.any(1).sum()} of {len(values)} days in all: fill it, or mask the cells out"
        )


def _of_files(options, wanted: list[Field], domain: Domain, data: Path, source: Path):
    """The series of [forcing]."""
    names = [f.name for f in wanted]
    refuse_unknown(f"{source}, [forcing]", options, names)
    missing = [name for name in names if name not in options]
    if missing:
        raise ValueError(f"{source}: [forcing] lacks {', '.join(missing)} (file or constant)")
    series = {}
    for one in wanted:
        given, place = options[one.name], f"{source}, [forcing.{one.name}]"
        if (given.file is None) == (given.constant is None):
            raise ValueError(f"{place}: give either a 'file' or a 'constant'")
        if given.file is not None:
            series[one.name] = on_domain(to_unit(_series(given, data, place), one.unit), domain)
    if not series:
        raise ValueError(f"{source}: [forcing] has constants only; one file has to give the days")
    pattern = next(iter(series.values()))
    for one in wanted:
        if one.name not in series:
            constant = xr.zeros_like(pattern) + options[one.name].constant
            attrs = {"units": options[one.name].units or one.unit}
            series[one.name] = to_unit(constant.assign_attrs(attrs).rename(one.name), one.unit)
    return xr.Dataset({f.name: series[f.name].assign_attrs(long_name=f.long_name) for f in wanted})


def _series(given: ForcingOptions, data: Path, place: str) -> xr.DataArray:
    return read_series(
        locate(data, given.file, f"{place}: file"), given.variable, crs=given.crs,
        units=given.units, cell_reference=given.cell_reference,
    )  # fmt: skip
