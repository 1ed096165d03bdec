"""The model of a domain file, and the split of its gauges, before training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base.arguments import one_of
from gridhydro.base.periods import days
from gridhydro.base.units import depth_of_flow
from gridhydro.columns import column as column_named
from gridhydro.config.load import Setup
from gridhydro.config.parse import locate, named, refuse_unknown
from gridhydro.config.raster import ELEVATIONS, HEIGHT, SLOPE
from gridhydro.config.sections import TrainingOptions
from gridhydro.inputs.basins import filled_for
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.history import History
from gridhydro.io.tables import read_attributes
from gridhydro.model.bed_slope import river_slope
from gridhydro.model.lstm_model import LSTMModel
from gridhydro.model.model import Model
from gridhydro.model.river import River
from gridhydro.observations.discharge import discharge_table
from gridhydro.observations.target_values import series_of
from gridhydro.training import splits
from gridhydro.training.splits import Split

# kinds of splits in a domain file, and the keys that each takes besides `fold`
_SPLITS = {
    "pub": ("folds", "seed"), "spatial": ("folds", "seed"), "spatiotemporal": ("folds", "seed"),
    "pur": ("groups", "regions", "column", "held_out"),
}  # fmt: skip
# of them those that are texts: a table of the data folder, a column of it, names of regions
_TEXTS = ("regions", "column", "held_out")


def build_model(setup: Setup, seed: int):
    """The model that a domain file describes."""
    options = setup.model
    network = replace(options.network, seed=seed)
    attributes = setup.attributes
    if isinstance(
        attributes, dict
    ):  # of lumped basins: gaps are filled without a look at what is held out
        attributes = filled_for(setup.domain, attributes, _trained(setup))
    if options.column == "lstm":
        if setup.steps_a_day > 1:
            raise ValueError(
                f"{setup.source}, [model]: the LSTM takes days, and the forcing has "
                f"{setup.steps_a_day} steps a day: average it to days, or take column = 'hbv'"
            )
        return LSTMModel(setup.domain, attributes, network, options.forcings)
    if network.kind == "gz":
        network = replace(network, history=_history(setup))
    if network.per_cell and options.correction is None:
        attributes = None
    return Model(
        setup.domain, options.column, attributes, fixed=options.fixed, network=network,
        components=options.components, routing=options.routing, correction=options.correction,
        scheme=setup.stepping, **_of_land(setup),
    )  # fmt: skip


def _of_land(setup: Setup) -> dict:
    """Properties of the cells, and where values per cell start, as the land surface has them."""
    found: dict = {"properties": properties_of(setup)}
    if setup.land is None:
        return found
    known = [f.name for f in column_named(setup.model.column).parameters]
    known += [f.name for f in (setup.model.routing or River()).parameters]
    defaults = {n: v for n, v in setup.land.defaults.items() if n in known}
    return found | {"defaults": defaults}


def properties_of(setup: Setup) -> dict | None:
    """What column and river have to know of the cells; None for nothing.

    It is that of the land surface, or an attribute of that name; elevation is also known by the
    names of CAMELS and HydroATLAS. The slope of rivers whose reach has one is an attribute, or made
    of the attribute elevation, or of the land surface's elevation.
    """
    found: dict = {} if setup.land is None else dict(setup.land.properties)
    found |= {} if setup.lakes is None else setup.lakes.properties
    known = {} if setup.attributes is None else setup.attributes
    for field in column_named(setup.model.column).properties:
        names = [n for n in ELEVATIONS if field.name == HEIGHT] or [field.name]
        name = next((n for n in names if n in known), None)
        if field.name not in found and name is not None:
            found[field.name] = known[name]
    wanted = [] if setup.model.routing is None else [f.name for f in setup.model.routing.properties]
    if SLOPE not in wanted:
        return found or None
    given = {} if setup.attributes is None else setup.attributes
    if SLOPE in given:
        return found | {SLOPE: given[SLOPE]}
    where = f"{setup.source}, [attributes.{HEIGHT}]"
    if HEIGHT in given:
        height = given[HEIGHT]
        if height.attrs.get("units") == "1":  # what is taken where nothing is said
            raise ValueError(f'{where}: say its unit, such as units = "m", for the slope of rivers')
    elif setup.domain.reaches is not None:  # they have slopes of their own
        return found or None
    elif setup.land is not None:
        height = setup.land.raw["srftopo"]
    else:
        raise ValueError(f'{where}: the slope of rivers is made of its mean, how = "mean"')
    with named(f"{setup.source}, the {HEIGHT}"):
        return found | {SLOPE: river_slope(setup.domain, height)}


def _history(setup: Setup) -> History:
    """History of the training's period for network "gz": forcing, targets and, of lumped basins,
    discharge where it is fitted. Of gauges held out it reads the forcing only: they are scored.
    """
    column = column_named(setup.model.column)
    series: list[xr.Dataset | Forcing] = []
    if isinstance(setup.forcing, Forcing):
        series.append(setup.forcing.chosen(setup.domain, column))
    else:
        series.append(setup.forcing[[f.name for f in column.forcings]])
    trained = set(_trained(setup))
    held_out = [gauge for gauge in setup.domain.gauges.index if gauge not in trained]
    for target in setup.fitted_targets:
        unit = column.output(target.name).unit
        observed = series_of(target, setup.domain, unit)
        observed = observed.assign_attrs({"units": unit} | observed.attrs)
        if setup.domain.lumped:
            observed = observed.where(~observed["gauge"].isin(held_out))
        series.append(observed.to_dataset(name=f"observed_{target.name}"))
    if setup.domain.lumped and setup.training.fit_discharge:
        gauges = setup.domain.gauges
        flow = discharge_table(setup.discharge, setup.domain).reindex(columns=gauges.index)
        depth = flow * depth_of_flow(gauges["network_area_km2"])
        depth[held_out] = np.nan
        axes = {"time": depth.index.to_numpy(), "gauge": list(depth)}
        depth = xr.DataArray(depth.to_numpy(), axes, ("time", "gauge"), attrs={"units": "mm d-1"})
        series.append(depth.to_dataset(name="discharge"))
    with named(f"{setup.source}, [model]: history_days"):
        every = setup.model.history_days
        return History.of(setup.domain, series, setup.training.period, every)


def _trained(setup: Setup) -> list[str]:
    """The gauges that a domain file trains on."""
    split = make_split(setup)
    return list(setup.domain.gauges.index if split is None else split.train_gauges)


def make_split(setup: Setup) -> Split | None:
    """The split of gauges that the domain file asks for, such as one fold of several; without
    those that it holds out by name.

    [training] split = { kind = "pub", folds = 10, fold = 0, seed = 0 }, of random folds ("spatial"
    is another name of it, "spatiotemporal" tests in the validation period), or
    { kind = "pur", groups = 5, fold = 0 }, of bands of longitude, or of named regions
    { kind = "pur", regions = "regions.csv", column = "continent", held_out = ["Europe"] }.
    """
    settings = setup.training
    if settings.split is not None:
        fold, folds = settings.split.get("fold", 0), _folds(setup)
        if not 0 <= fold < len(folds):
            place = f"{setup.source}, [training]: split"
            raise ValueError(f"{place}: fold is 0 to {len(folds) - 1}, not {fold}")
        return _but_held_out(setup, [folds[fold]])[0]
    if not settings.held_out:
        return None
    gauges, held_out = list(setup.domain.gauges.index), _held_out(setup)
    with named(f"{setup.source}, [training]: held_out"):
        return splits.hold_out(gauges, held_out, settings.period)


def make_folds(setup: Setup) -> list[Split]:
    """All folds of the split that the domain file asks for, in the order of their numbers; none is
    trained on gauges that the file holds out by name.

    ValueError, with how to write one, where the file has no split.
    """
    refuse_no_split(setup.source, setup.training)
    return _but_held_out(setup, _folds(setup))


def refuse_no_split(source: Path, training: TrainingOptions) -> None:
    """ValueError, with how to write one, where a domain file has no split of gauges into folds."""
    if training.split is None:
        raise ValueError(
            f"{source}, [training] has no split of the gauges into folds: add "
            'split = { kind = "pub", folds = 10 } for random folds, { kind = "pur", groups = 5 } '
            'for bands of longitude, { kind = "pur", regions = FILE, column = NAME } for the '
            'regions of a table, or { kind = "spatiotemporal", folds = 10 } for random folds '
            "tested in the validation period"
        )


def _held_out(setup: Setup) -> list[str]:
    """The gauges that the file holds out by name."""
    held_out, place = list(setup.training.held_out), f"{setup.source}, [training]"
    refuse_unknown(f"{place}: held_out", held_out, list(setup.domain.gauges.index))
    return held_out


def _but_held_out(setup: Setup, found: list[Split]) -> list[Split]:
    """The splits, not trained on gauges that the file holds out by name."""
    held_out = _held_out(setup)
    with named(f"{setup.source}, [training]: held_out"):
        return [split.without(held_out) if held_out else split for split in found]


def _folds(setup: Setup) -> list[Split]:
    """The folds of gauges that key `split` describes."""
    given, settings = setup.training.split, setup.training
    place = f"{setup.source}, [training]: split"
    options, gauges = dict(given or {}), setup.domain.gauges
    kind, fold = options.pop("kind", None), options.pop("fold", 0)
    if kind not in _SPLITS:
        raise ValueError(f"{place}: kind is {', '.join(map(repr, _SPLITS))}, not {kind!r}")
    refuse_unknown(place, options, _SPLITS[kind])
    texts = {key: options.pop(key) for key in _TEXTS if key in options}
    if not all(isinstance(value, int) for value in (fold, *options.values())):
        numbers = [key for key in _SPLITS[kind] if key not in _TEXTS]
        raise ValueError(f"{place}: fold, {', '.join(numbers)} are whole numbers: {given}")
    period, test = days(settings.period), days(settings.validation or settings.period)
    if kind in ("pub", "spatial"):
        return splits.pub(list(gauges.index), period, **options)
    if kind == "spatiotemporal":
        return splits.spatiotemporal(list(gauges.index), period, test, **options)
    where: dict = _regions(setup, place, texts, options)
    return splits.pur(list(gauges.index), period, test_period=test, **where)


def _regions(setup: Setup, place: str, texts: dict, options: dict) -> dict:
    """By what `splits.pur` is to hold gauges out: named regions of a table, or bands."""
    if not texts:
        longitude = setup.domain.lonlat[0][setup.domain.gauge_cells]
        return {"longitude": longitude, "groups": options.get("groups", 5)}
    if options or not {"regions", "column"} <= set(texts):
        raise ValueError(
            f"{place}: regions is a table with the gauges in its first column, and column the one "
            "with their regions: give both, without groups, which are bands of longitude"
        )
    path = locate(setup.data, str(texts["regions"]), f"{place}: regions")
    with named(f"{place}: regions"):
        table = read_attributes(path, [str(name) for name in setup.domain.gauges.index])
        column = one_of("column", texts["column"], table.columns)
    held_out = texts.get("held_out")
    if not isinstance(held_out, str | list | tuple | None):
        raise ValueError(f"{place}: held_out is a list of regions, not {held_out!r}")
    return {"regions": table[column], "held_out": held_out}
