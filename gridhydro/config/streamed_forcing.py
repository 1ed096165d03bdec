"""Weather of a domain file that stays in its files: a training packs a copy of it, and what is only
simulated or scored is read a block of days at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base import steps
from gridhydro.base.quantities import SERIES
from gridhydro.columns.column import Field
from gridhydro.config.attributes import brought, same_grid
from gridhydro.config.forcing import (
    days_of_all,
    files_of,
    numbers_of,
    rasters,
    refuse_lacking,
    series_of,
    weather_of,
)
from gridhydro.config.lakes import refuse_other_grid
from gridhydro.config.parse import named
from gridhydro.domain.cells import OnCells, matching
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import spatial_dims
from gridhydro.domain.packing import arranged
from gridhydro.inputs.calendar_series import OF_CALENDAR
from gridhydro.inputs.forcing import DEMAND, Forcing
from gridhydro.inputs.pet_lazy import lazy_pet
from gridhydro.inputs.series import in_unit_lazily
from gridhydro.io.stores import stays_open


@dataclass(frozen=True)
class _Taken:
    """Series that are asked for."""

    forcings: tuple[Field, ...]
    dt: float  # of a step, days


def held(content: dict) -> str | None:
    """Why the weather of a file has to be held in memory, in words; None where it need not be."""
    if "landsurface" in content:
        return "a land surface gives some of them"
    if "weather" in content:
        return None if "folder" not in content["weather"] else "[weather] is a folder"
    constant = [name for name, given in content["forcing"].items() if "constant" in given]
    return f"[forcing.{constant[0]}] is a constant" if constant else None


def open_forcing(
    source: Path, content: dict, wanted: list[Field], domain: Domain, data: Path, days
) -> Forcing:
    """The `wanted` series of [forcing] or [weather], of which nothing is read before it is used.

    Arguments and numbers are those of `read_forcing`; ValueError at once for files, axes and units
    that do not fit.
    """
    series: dict[str, xr.DataArray] = {}
    filed = [f for f in wanted if f.name not in OF_CALENDAR]
    for name, raster, where in _opened(source, content, filed, domain, data, days):
        with named(where):
            field = next((f for f in wanted if f.name == name), None)
            unit = SERIES[name].unit if field is None else field.unit
            series[name] = _on_grid(name, unit, raster, domain, series)
    if "weather" in content:
        options, _ = weather_of(source, content)
        computed = options.pet != "given" and DEMAND in [f.name for f in wanted]
        names = [f.name for f in filed if not (computed and f.name == DEMAND)]
        refuse_lacking(f"{source}, [weather]", names, series)
        if computed:
            with named(f"{source}, [weather]: pet"):
                series[DEMAND] = lazy_pet(
                    xr.Dataset(series), options.pet,
                    wind_height=options.wind_height, albedo=options.albedo,
                ).assign_attrs(method=options.pet)  # fmt: skip
    section = "weather" if "weather" in content else "forcing"
    with named(f"{source}, [{section}]"):
        found = xr.Dataset(series)
        count = steps.found_in(found["time"], "the forcing")[1]
        return Forcing.open(found, domain, _Taken(tuple(wanted), 1 / count))


def _on_grid(name: str, unit: str, raster: xr.DataArray, domain: Domain, others) -> xr.DataArray:
    """A raster (time, y, x) on the grid of the domain, nothing of it read."""
    if domain.grid is not None or same_grid(raster, domain):
        raster = arranged(domain, raster, ("time",), f"'{name}'")
    raster = raster.rename(name)
    known = next((one.indexes["time"] for one in others.values()), None)
    days_of_all(name, raster, known)
    if domain.reaches is not None and same_grid(raster, domain):
        OnCells.of(domain, raster)  # refuses one that lacks reaches
        return raster
    if not same_grid(raster, domain):
        refuse_other_grid(name)
        return brought(in_unit_lazily(numbers_of(raster), unit), domain, lazy=True)
    OnCells.of(domain, raster)  # refuses one that does not reach all cells
    grid = domain.raster_grid
    for dim, axis, own, places in zip(
        spatial_dims(raster), "yx", (grid.y, grid.x), matching(raster, grid), strict=True
    ):
        there = places >= 0
        raster = raster.isel({dim: _as_slice(places[there])})
        # the very same numbers for all series, so that they are of one grid
        raster = raster.drop_vars(dim, errors="ignore").rename({dim: axis})
        raster = raster.assign_coords({axis: own[there]})
    return raster.rio.write_crs(grid.crs)


def _as_slice(places: np.ndarray) -> np.ndarray | slice:
    """Places in order as a slice, of which less is read."""
    step = np.unique(np.diff(places)) if places.size > 1 else np.ones(1, int)
    if step.size > 1 or step[0] not in (-1, 1):
        return places
    first, last = int(places[0]), int(places[-1] + step[0])
    return slice(first, None if last < 0 else last, int(step[0]))


def _opened(source, content: dict, wanted, domain: Domain, data: Path, days) -> Iterator[tuple]:
    """(name, raster, where it is from) of the series of [weather] or [forcing]."""
    if "weather" in content:
        options, files = weather_of(source, content)
        days, names = options.period or days, [f.name for f in wanted]
        yield from rasters(source, options, files, names, data, domain, days, _staying)
        return
    given = files_of(source, content, wanted)
    for one in wanted:
        place = f"{source}, [forcing.{one.name}]"
        with named(place), series_of(given[one.name], data, place, _staying) as raster:
            yield one.name, raster, place


@contextmanager
def _staying(path: Path, **options) -> Iterator[xr.Dataset]:
    """A file or store that stays open."""
    yield stays_open(path)
