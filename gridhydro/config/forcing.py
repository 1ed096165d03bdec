"""Weather of a domain file: files by forcing, or weather of which forcing is made."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields as keys_of
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar, refuse, steps
from gridhydro.base.arguments import one_of, required
from gridhydro.base.quantities import SERIES
from gridhydro.base.units import refuse_implausible, to_unit, typical
from gridhydro.columns.column import Field
from gridhydro.config.attributes import same_grid, values_on
from gridhydro.config.lakes import refuse_other_grid
from gridhydro.config.parse import locate, named, read_options, refuse_unknown, refuse_unused
from gridhydro.config.sections import ForcingOptions, WeatherOptions
from gridhydro.domain.domain import Domain
from gridhydro.domain.packing import arranged
from gridhydro.inputs.forcing import DEMAND
from gridhydro.inputs.pet import pet_of
from gridhydro.inputs.series import checked, in_unit_lazily, on_cells
from gridhydro.io import read_wfdei
from gridhydro.io.gridded import Reading, weather_arrays
from gridhydro.io.lazy import opened
from gridhydro.io.series import opened_series
from gridhydro.nets.correction import SIX

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


@dataclass(frozen=True)
class Cells:
    """Series that are read, checked and on the cells: rows name -> (T, N) float32 of these days.

    method  of the potential evapotranspiration, where it is computed
    """

    times: pd.DatetimeIndex
    rows: dict[str, np.ndarray]
    method: str | None = None


def read_forcing(
    source: Path, content: dict, wanted: list[Field], domain: Domain, data: Path, days
) -> Cells:
    """The `wanted` series of [forcing] or [weather] on the cells of the domain.

    days  first and last day that the training needs
    """
    if "weather" not in content:
        return _of_files(files_of(source, content, wanted), wanted, domain, data, source)
    options, files = weather_of(source, content)
    place, days = f"{source}, [weather]", options.period or days
    names = [f.name for f in wanted if f.name != DEMAND or options.pet == "given"]
    found: Cells | None = None
    for name, raster, where in rasters(source, options, files, names, data, domain, days):
        with named(where):
            found = _joined(found, Field(name, SERIES[name].unit, name), raster, domain)
    rows = {} if found is None else found.rows
    refuse_lacking(place, names, rows)
    found = required("weather", found)
    if options.pet == "given" or DEMAND not in [f.name for f in wanted]:
        return found
    with named(f"{place}: pet"):
        demand = evapotranspiration(found, domain, options)
    return Cells(found.times, rows | {DEMAND: demand}, options.pet)


def refuse_lacking(place: str, names, found) -> None:
    """ValueError for series of [weather] that are not there, or where there is none."""
    lacking = [name for name in names if name not in found]
    if lacking or not found:
        raise ValueError(f"{place}: lacks {', '.join(lacking)}, and has {', '.join(found)}")


def weather_of(source: Path, content: dict) -> tuple[WeatherOptions, dict[str, ForcingOptions]]:
    """The options of [weather], and those of each series that has a file of its own."""
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
    origins = [options.folder is not None, options.file is not None, bool(files)]
    if sum(origins) != 1:
        raise ValueError(
            f"{place}: give either a 'folder', or a 'file', or a [weather.NAME] for each variable"
        )
    if options.folder is None:
        unused = [key for key in ("format", "files", "reading", "step") if key in section]
        refuse_unused(place, unused, unused, "a file: it goes with 'folder'")
    return options, files


def _joined(found: Cells | None, field: Field, raster: xr.DataArray, domain: Domain) -> Cells:
    """Series read so far and another one: converted, brought onto the cells and checked."""
    if domain.grid is not None or same_grid(raster, domain):
        raster = arranged(domain, raster, ("time",), f"'{field.name}'")
    times = days_of_all(field.name, raster, None if found is None else found.times)
    if same_grid(raster, domain):
        values = on_cells(domain, raster, field.unit, times, field.name)
    else:  # where fine cells are averaged, their codes are looked at
        refuse_other_grid(field.name)
        raster = in_unit_lazily(numbers_of(raster), field.unit)
        values = values_on(raster, domain)
        refuse_implausible(typical(values, field.unit), field.name, field.unit, field.unit)
    values = checked(values, field, times, domain).astype(np.float32, copy=False)
    return Cells(times, ({} if found is None else found.rows) | {field.name: values})


def days_of_all(
    name: str, raster: xr.DataArray, others: pd.DatetimeIndex | None
) -> pd.DatetimeIndex:
    """The days of a series; ValueError where they are not those of the others."""
    times, count = steps.found_in(raster["time"], f"'{name}'")
    if others is not None and steps.steps_a_day(others) != count:
        raise ValueError(
            f"'{name}' has {count} steps a day, other series have {steps.steps_a_day(others)}: "
            "bring all to the same steps"
        )
    if others is not None and not times.equals(others):
        raise ValueError(
            f"'{name}' goes from {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}, other series "
            f"from {others[0]:%Y-%m-%d} to {others[-1]:%Y-%m-%d}: give all of the same days"
        )
    return times


def numbers_of(raster: xr.DataArray) -> xr.DataArray:
    """The raster of a file; ValueError for text in it."""
    if raster.dtype.kind in "fiu":
        return raster
    place = lambda *at: f"at {dict(zip(raster.dims, at, strict=True))}"  # noqa: E731
    return raster.copy(data=refuse.numbers(str(raster.name), raster.values, place))


def rasters(source, options: WeatherOptions, files, names, data: Path, domain, days, opener=opened):
    """(name, raster (time, y, x), where it is from) of the variables that are there; `opener` opens
    a file or store for as long as each is looked at."""
    place, span = f"{source}, [weather]", slice(*days)
    if options.folder is not None:
        with named(f"{place}: format"):
            one_of("format", options.format, ("wfdei", "any"))
        needed = list(dict.fromkeys([*names, *READ.get(options.pet, ())]))
        place = f"{place}: folder"
        with named(place):
            weather = _of_folder(options, data, domain, needed, days)
        for name in needed:
            yield name, weather[name], place
    elif options.file is not None:
        place = f"{place}: file"
        with named(place):
            path = locate(data, options.file, place, store=True)
            with opener(path, decode_coords="all") as weather:
                for name in SERIES:
                    if name in weather:
                        series = calendar.by_bounds(weather[name], weather, f"{path}: 'time'")
                        yield name, _by_day(series).sel(time=span), place
    else:
        for name, given in files.items():
            where = f"{source}, [weather.{name}]"
            if given.file is None or given.constant is not None:
                raise ValueError(f"{where}: give a 'file'")
            with series_of(given, data, where, opener) as series:
                yield name, _by_day(series).sel(time=span), where


def _of_folder(options: WeatherOptions, data: Path, domain: Domain, needed: list[str], days):
    """Series by name of the `folder` of [weather]; ValueError for keys of the other format."""
    folder = str(options.folder)
    other = options.files is not None if options.format == "any" else options.reading != Reading()
    if other:
        key = "files" if options.format == "any" else "reading"
        raise ValueError(f"'{key}' is not used by format '{options.format}': leave it out")
    if options.format == "any":
        place = folder if "://" in folder else data / folder
        reading = options.reading
        return weather_arrays(place, series=needed, period=days, reading=reading, step=options.step)
    if options.step != WeatherOptions.step:
        raise ValueError("'step' is not used by format 'wfdei', which is daily: leave it out")
    return read_wfdei(data / folder, domain, series=needed, period=days, files=options.files)


def _by_day(series: xr.DataArray) -> xr.DataArray:
    times, _ = steps.found_in(series["time"], f"'{series.name}'")
    return series.assign_coords(time=times)


def evapotranspiration(weather: Cells, domain: Domain, options: WeatherOptions) -> np.ndarray:
    """Potential evapotranspiration (T, N) mm d-1 by the method of the options, some days at a
    time."""
    coords = {"time": weather.times, "latitude": ("gauge", domain.lonlat[1])}
    series = {
        name: (("time", "gauge"), values, {"units": SERIES[name].unit})
        for name, values in weather.rows.items()
    }
    cells = xr.Dataset(series, coords)  # each cell as a place of its own
    length = _DAYS * steps.steps_a_day(weather.times)
    parts = [
        pet_of(
            cells.isel(time=slice(first, first + length)), options.pet,
            wind_height=options.wind_height, albedo=options.albedo,
        ).values
        for first in range(0, len(weather.times), length)
    ]  # fmt: skip
    return np.concatenate(parts)


def files_of(source: Path, content: dict, wanted: list[Field]) -> dict[str, ForcingOptions]:
    """The options of each series of [forcing]; ValueError where one is lacking, has no origin, or
    none has days."""
    options = {
        name: read_options(source, f"forcing.{name}", ForcingOptions, given)
        for name, given in content["forcing"].items()
    }
    names = [f.name for f in wanted]
    refuse_unknown(f"{source}, [forcing]", options, names)
    missing = [name for name in names if name not in options]
    if missing:
        raise ValueError(f"{source}: [forcing] lacks {', '.join(missing)} (file or constant)")
    for name in names:
        if (options[name].file is None) == (options[name].constant is None):
            raise ValueError(f"{source}, [forcing.{name}]: give either a 'file' or a 'constant'")
    if all(one.file is None for one in options.values()):
        raise ValueError(f"{source}: [forcing] has constants only; one file has to give the days")
    return options


def _of_files(
    options: dict[str, ForcingOptions], wanted: list[Field], domain: Domain, data: Path, source
) -> Cells:
    """The series of [forcing]."""
    found: Cells | None = None
    for one in wanted:
        given, place = options[one.name], f"{source}, [forcing.{one.name}]"
        if given.file is not None:
            with named(place), series_of(given, data, place) as raster:
                found = _joined(found, one, raster.rename(one.name), domain)
    found = required("forcing", found)
    constants = {}
    for one in (one for one in wanted if one.name not in found.rows):
        number = xr.DataArray(options[one.name].constant, name=one.name)
        number.attrs["units"] = options[one.name].units or one.unit
        with named(f"{source}, [forcing.{one.name}]"):
            value = np.full((len(found.times), domain.size), float(to_unit(number, one.unit)))
            constants[one.name] = checked(value, one, found.times, domain).astype(np.float32)
    return Cells(found.times, found.rows | constants)


def series_of(given: ForcingOptions, data: Path, place: str, opener=opened):
    """Within it, a series in its file: of a large one only what is needed is read."""
    path = locate(data, required("file", given.file), f"{place}: file", store=True)
    return opened_series(
        path, given.variable, crs=given.crs, units=given.units,
        cell_reference=given.cell_reference, missing=given.missing, opener=opener,
    )  # fmt: skip
