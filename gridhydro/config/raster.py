"""A domain file of a raster or a vector network, read with its data: domain, inputs,
observations."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.base import periods
from gridhydro.base.quantities import SERIES
from gridhydro.columns import column as column_named
from gridhydro.columns.column import Field
from gridhydro.config.attributes import read_attributes
from gridhydro.config.domain import land_of, make_domain, read_gauges, read_land
from gridhydro.config.forcing import read_forcing
from gridhydro.config.lakes import read_lakes, river_series
from gridhydro.config.parse import named, read_options, refuse_unknown
from gridhydro.config.sections import (
    AttributeOptions,
    GraceOptions,
    LandSurfaceOptions,
    ModelOptions,
    TrainingOptions,
)
from gridhydro.config.streamed_forcing import held, open_forcing
from gridhydro.domain.domain import Domain
from gridhydro.domain.tiles import Tiles
from gridhydro.inputs.calendar_series import OF_CALENDAR, of_calendar
from gridhydro.inputs.climate import climate_means
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.land_attributes import ATTRIBUTES
from gridhydro.inputs.land_surface import LandSurface
from gridhydro.io import read_grace
from gridhydro.nets.correction import SIX
from gridhydro.observations.storage import StorageObservations

# attributes that tell the slope of the bed of rivers, and its own name
HEIGHT, SLOPE = "elevation", "river_slope"
# what the elevation of a cell is called, by us, by CAMELS and by HydroATLAS; all in m
ELEVATIONS = (HEIGHT, "elev_mean", "ele_mt_sav")
# daily series that a land surface gives, and those of which it takes the means of the climate
SEASONAL = ("vegetation_fraction", "leaf_area_index", "melt_factor")
CLIMATIC = ("precipitation", "temperature", "potential_evapotranspiration")


def read_rasters(
    source: Path, content: dict, data: Path, model: ModelOptions, training: TrainingOptions
) -> dict:
    """Domain, attributes, forcing, discharge, land, lakes, storage, by the names of a `Setup`."""
    _refuse_lacking(source, content, model)
    attributes = {
        name: read_options(source, f"attributes.{name}", AttributeOptions, given)
        for name, given in content.get("attributes", {}).items()
    }
    gauges = read_gauges(source, content, data)
    refuse_unknown(f"{source}, [training]: held_out", training.held_out, gauges.names)
    options, fields = read_land(source, content, data)
    domain = make_domain(source, content, data, gauges, fields)
    land = land_of(source, options, fields, domain)
    domain = domain if land is None else land.land_domain()
    lakes = read_lakes(source, content, data, domain, model)
    forcing = _forcing(source, content, data, model, training, domain, options, land)
    found = read_attributes(attributes, domain, data, source)
    if options is not None and land is not None and options.attributes:
        found = found.assign(_of_land(source, options, land, forcing, training).data_vars)
    return dict(
        domain=domain, attributes=found if len(found) else None, forcing=forcing,
        discharge=gauges.discharge, land=land, lakes=lakes,
        storage=read_storage(source, content, data, domain),
    )  # fmt: skip


def _refuse_lacking(source: Path, content: dict, model: ModelOptions) -> None:
    """ValueError for a model that needs a section which is not there."""
    column, place = column_named(model.column), f"{source}, [model]"
    if "landsurface" not in content:
        needs = [f.name for f in (*column.properties, *column.forcings)]
        told = set(content.get("attributes", {}))
        given = {*SERIES, *OF_CALENDAR, *told} - set(SEASONAL)
        given |= {HEIGHT} if told & set(ELEVATIONS) else set()
        needs = [n for n in needs if n not in given]
        if needs:
            raise ValueError(
                f"{place}: column = '{model.column}' needs {', '.join(needs)} of every cell: add a "
                "section [landsurface] with HydroPy's land-surface file"
            )
        _refuse_river(place, content, model.routing)
    reads = not model.network.per_cell or model.correction is not None
    given = content.get("landsurface", {}).get("attributes")
    if reads and not content.get("attributes") and not given:
        raise ValueError(
            f"{source} has no section [attributes], which the network reads: add it, or "
            '[landsurface] attributes = "21"'
        )


def _refuse_river(place: str, content: dict, routing) -> None:
    """ValueError for a river that needs what no land surface and no attribute tells."""
    wanted = [] if routing is None else [f.name for f in routing.properties]
    if "river_reservoirs" in wanted:
        raise ValueError(f"{place}: routing = 'hydropy' needs a section [landsurface]")
    if (
        SLOPE in wanted
        and "network" not in content
        and not {SLOPE, HEIGHT} & set(content.get("attributes", {}))
    ):
        raise ValueError(
            f"{place}: the river's reach needs the slope of its bed: add {HEIGHT} to [attributes], "
            f"of which it is made, or {SLOPE} itself"
        )


def _forcing(
    source: Path, content: dict, data: Path, model: ModelOptions, training: TrainingOptions,
    domain: Domain, options: LandSurfaceOptions | None, land: LandSurface | None,
) -> Forcing:  # fmt: skip
    """The forcings of the column and of the correction: read, computed, or of the land surface.

    On the cells and checked once, for all that is done with them.
    """
    forcings = {f.name: f for f in column_named(model.column).forcings}
    climatic = options is not None and "21" in options.attributes
    for name in (*(SIX if model.correction else ()), *(CLIMATIC if climatic else ())):
        forcings.setdefault(name, Field(name, SERIES[name].unit, SERIES[name].long_name))
    forcings |= {field.name: field for field in river_series(model)}
    wanted = [f for f in forcings.values() if land is None or f.name not in SEASONAL]
    made = [f.name for f in wanted if f.name in OF_CALENDAR]
    first, last = _days_needed(training)
    days, why = (str(first), str(last)), held(content)
    if training.cache and why is None:
        opened = open_forcing(source, content, wanted, domain, data, days)
        _refuse_short(source, content, training, opened.times)
        return opened
    if training.cache:
        warnings.warn(
            f"{source}, [training]: cache: the forcing is held in memory all the same: {why}",
            stacklevel=2,
        )
    read = [f for f in wanted if f.name not in made]
    found = read_forcing(source, content, read, domain, data, days)
    times, rows, method = found.times, dict(found.rows), found.method
    del found  # its rows go one by one
    _refuse_short(source, content, training, times)
    if land is not None and options is not None and set(SEASONAL) & set(forcings):
        with named(f"{source}, [landsurface]: melt"):
            rows |= land.daily(times, melt=options.melt)
    rows |= {name: of_calendar(name, times, domain) for name in made}
    values = torch.empty(len(forcings), len(times), domain.size)
    for row, name in zip(values, forcings, strict=True):
        row.copy_(torch.as_tensor(np.require(rows.pop(name), requirements="W")))
    return Forcing(times, values, fields=tuple(forcings.values()), method=method)


def _refuse_short(source: Path, content: dict, training: TrainingOptions, times) -> None:
    """ValueError where the record lacks days that the training needs."""
    first, last = _days_needed(training)
    if times[0] > first or times[-1] < last:
        section = "[weather]" if "weather" in content else "[forcing]"
        raise ValueError(
            f"{source}, [training]: period, validation and {_early(training)[1]} need "
            f"days from {first:%Y-%m-%d} to {last:%Y-%m-%d}, but {section} goes from "
            f"{times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}"
        )


def _early(training: TrainingOptions) -> tuple[int, str]:
    """The days before the period that a step runs, and what they are called in the file."""
    batches, days = training.batches, training.spinup.days
    if batches is None or batches.from_states:
        return days, f"spinup = {days}"
    return batches.before, f"warmup = {batches.before} of the minibatches"


def _days_needed(training: TrainingOptions) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The first and the last day that the file's training sees."""
    first, last = periods.ends(training.period)
    begin = first - pd.Timedelta(_early(training)[0], "D")
    for period in (training.validation, training.selection and training.selection.period):
        if period is not None:
            scored = periods.ends(period, "validation period")
            begin, last = min(begin, scored[0]), max(last, scored[1])
    return begin, last


def _of_land(
    source: Path, options: LandSurfaceOptions, land: LandSurface, forcing: Forcing, training
) -> xr.Dataset:
    """Attributes of the land surface, with the climate of the training period."""
    names = [n for given in options.attributes for n in (ATTRIBUTES if given == "21" else (given,))]
    with named(f"{source}, [landsurface]: attributes"):
        series, climate = forcing.by_field(), None
        if set(CLIMATIC) <= set(series):
            means = climate_means(series, training.period)
            climate = xr.Dataset(
                {n: land.domain.unpack(v.values, n, v.attrs) for n, v in means.items()}
            )
        return land.attributes(climate, list(dict.fromkeys(names)))


def read_storage(
    source: Path, content: dict, data: Path, domain: Domain
) -> StorageObservations | None:
    """Observed anomalies of storage of [grace] on tiles, or of lumped basins; None without it."""
    if "grace" not in content:
        return None
    place = f"{source}, [grace]"
    options = read_options(source, "grace", GraceOptions, content["grace"])
    if (options.folder is None) == (not options.files):
        raise ValueError(f"{place}: give either a 'folder' or 'files'")
    key = "folder" if options.folder is not None else "files"
    paths = data / options.folder if key == "folder" else [data / file for file in options.files]
    raster = not domain.lumped
    with named(f"{place}: baseline"):
        baseline = periods.days(options.baseline, "baseline")
    with named(f"{place}: tile_size, minimum"):
        size = options.tile_size, options.minimum
        tiles = Tiles.of(domain, *size) if raster else Tiles.of_basins(domain)
    with named(f"{place}: {key}"):
        twsa = read_grace(
            paths, domain=domain if raster else None, units=options.units,
            baseline=baseline, missing=options.missing,
        )  # fmt: skip
        return StorageObservations.on(tiles, domain, twsa, baseline)
