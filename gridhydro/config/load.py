"""A domain file (TOML) and a data folder -> everything that a training run takes."""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from gridhydro.base import calendar, periods, steps
from gridhydro.base.arguments import fraction
from gridhydro.base.report import REFUSED, STRICT, Doors
from gridhydro.columns import column as column_named
from gridhydro.config.domain import GAUGES
from gridhydro.config.find import data_folder, find
from gridhydro.config.model import read_model
from gridhydro.config.parse import (
    as_table,
    named,
    read_options,
    refuse_renamed,
    refuse_unknown,
    refuse_unused,
)
from gridhydro.config.presets import configured
from gridhydro.config.raster import read_rasters, read_storage
from gridhydro.config.sections import ModelOptions, TrainingOptions
from gridhydro.config.targets import read_targets
from gridhydro.domain.domain import Domain
from gridhydro.domain.lakes import Lakes
from gridhydro.inputs import basins
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.land_surface import LandSurface
from gridhydro.inputs.polygons import Layer
from gridhydro.io.text_files import read_text
from gridhydro.model.lstm_model import Streamflow
from gridhydro.model.stepping import Stepping
from gridhydro.observations.storage import StorageObservations
from gridhydro.observations.targets import Target
from gridhydro.training.calibration.sceua import SCEUA
from gridhydro.training.options import Checkpoints, Optimizer, Session
from gridhydro.training.plan import Plan

SECTIONS = (
    "domain", "network", *GAUGES, "landsurface", "lakes", "attributes", "forcing", "weather",
    "grace", "targets", "model", "training", "calibration",
)  # fmt: skip
BASIN_SECTIONS = ("basins", "grace", "targets", "model", "training", "calibration")
# sections that are gone
GONE = {
    "rehearsal": "as the domain file amazon-synthetic (gridhydro synthetic amazon writes its data)"
}
# sections that are written as several, [[name]]
SEVERAL = ("gauges", "targets")
# what may take the place of what a file says
CHANGES = ("configuration", "storage_weight", "balance", "sections", "fold")
# keys of [training] that have another name now
RENAMED = {
    "spinup_cycles": "spinup = { cycles = ... }",
    "start": "spinup = { start = ... }",
    "learning_rate": "optimizer = { learning_rate = ... }",
}


@dataclass(frozen=True)
class Setup:
    """A domain file read with its data.

    attributes  rasters (y, x) on the domain; of lumped basins name -> (N,), NaN where missing
    forcing     of rasters checked and on the cells, all series that the file asks for, of which a
                model takes its own; of lumped basins (time, gauge), which are read by the window
    discharge   table of days by gauges, m3 s-1, or an array with units; NaN: no observation
    calibration  rules of `gridhydro calibrate`
    land        the land surface, lakes those of the rivers, storage observed anomalies, and targets
                other observations, where the file has these sections
    sections    names of those that the file has
    """

    domain: Domain
    attributes: xr.Dataset | dict | None
    forcing: Forcing | xr.Dataset
    discharge: pd.DataFrame | xr.DataArray
    model: ModelOptions
    training: TrainingOptions
    source: Path
    data: Path
    land: LandSurface | None = None
    lakes: Lakes | None = None
    storage: StorageObservations | None = None
    targets: tuple[Target, ...] = ()
    calibration: SCEUA = SCEUA()
    sections: tuple[str, ...] = ()

    @property
    def fitted_targets(self) -> list[Target]:
        """Those that are trained on, and not only scored."""
        return [target for target in self.targets if target.fitted]

    @property
    def times(self) -> pd.DatetimeIndex:
        """The days of the forcing, or the beginnings of its steps."""
        if isinstance(self.forcing, Forcing):
            return self.forcing.times
        if steps.several_a_day(self.forcing["time"], "the forcing"):
            return steps.found_in(self.forcing["time"], "the forcing", self.forcing)[0]
        return calendar.days(self.forcing["time"], "the forcing", self.forcing)

    @property
    def steps_a_day(self) -> int:
        """Steps of the forcing in a day."""
        return steps.steps_a_day(self.times)

    @property
    def stepping(self) -> Stepping:
        """How the column is taken through the forcing."""
        return replace(Stepping.of(self.model.scheme), steps_a_day=self.steps_a_day)


def load(
    name: str | Path,
    data: str | Path | None = None,
    changes: Mapping[str, object] | None = None,
    doors: Doors = STRICT,
    cache: bool = False,
) -> Setup:
    """Read a domain file, or one that comes with gridhydro by its name, and all it refers to.

    data     the folder that the paths in the file start from; without it, the variable
             GRIDHYDRO_DATA
    changes  configuration, storage_weight, balance and fold (of the split) that take the place of
             the file's, and in a table `sections` any other keys, by their section
    doors    each section has its own
    cache    as if the file said cache = true: the forcing stays in its files where it can
    Raises ValueError naming file and key, and FileNotFoundError naming the file.
    """
    source = find(name)
    data = data_folder(data)
    content = doors(_named, source, _content, source, changes or {})
    if cache and content is not REFUSED:
        content = content | {"training": content["training"] | {"cache": True}}
    return doors(_setup, source, content, data, doors)


def _named(place, door: Callable, *given):
    """What a door gives; what it refuses is told with its place."""
    with named(str(place)):
        return door(*given)


def _content(source: Path, changes: Mapping[str, object]) -> dict:
    return _changed(source, _sections(source), changes)


def _setup(source: Path, content: dict, data: Path, doors: Doors) -> Setup:
    """The sections, and the data that they name."""
    lumped = "basins" in content
    calibration = doors(read_options, source, "calibration", SCEUA, content.get("calibration", {}))
    model = doors(read_model, source, content["model"], lumped=lumped)
    training = doors(_training, source, content, doors)
    if lumped:
        found = doors(_basins, source, content, data, model, training, doors)
    else:
        found = doors(_named, source, read_rasters, source, content, data, model, training)
    targets = doors(_named, source, _targets, source, content, data, found, model)
    return doors(_as_setup, model, training, calibration, source, data, content, targets, found)


def _as_setup(model, training, calibration, source, data, content, targets, found) -> Setup:
    return Setup(
        model=model, training=training, calibration=calibration, source=source, data=data,
        targets=tuple(targets), sections=tuple(content), **found,
    )  # fmt: skip


def _targets(source: Path, content: dict, data: Path, found: dict, model: ModelOptions):
    if "targets" in content and model.column == "lstm":
        if any(one.get("weight") != 0 for one in content["targets"]):
            raise ValueError(f'{source}, [[targets]]: column = "lstm" gives discharge only')
        return []  # they are scored of the other models of a comparison
    return read_targets(source, content, data, found["domain"], model.column)


def training_options(
    name: str | Path, changes: Mapping[str, object] | None = None
) -> TrainingOptions:
    """The section [training] of a domain file, without its data; see `load`."""
    source = find(name)
    with named(str(source)):
        return _training(source, _changed(source, _sections(source), changes or {}))


def _changed(source: Path, content: dict, changes: Mapping[str, Any]) -> dict:
    """The content of a file with the keys of its configuration, and with what takes their place."""
    for section, keys in (changes.get("sections") or {}).items():
        content = content | {section: content.get(section, {}) | keys}
    model, training = content.get("model", {}), dict(content["training"])
    refuse_renamed(f"{source}, [training]", training, RENAMED)
    if changes.get("storage_weight") is not None:
        training["storage_weight"] = changes["storage_weight"]
    if changes.get("balance") is not None:
        given = as_table(Optimizer, training.get("optimizer", {}))
        training["optimizer"] = given | {"balance": changes["balance"]}
    if changes.get("fold") is not None:
        if not isinstance(training.get("split"), dict):
            raise ValueError(f"{source}, [training]: a fold is chosen, but there is no 'split'")
        training["split"] = training["split"] | {"fold": changes["fold"]}
    with named(f"{source}, [model]"):
        model, training = configured(model, training, changes.get("configuration"))
    return content | {"model": model, "training": training}


def _training(source: Path, content: dict, doors: Doors = STRICT) -> TrainingOptions:
    training = read_options(source, "training", TrainingOptions, content["training"])
    doors(_checkpoints, source, training.checkpoints)
    doors(_weight, source, content, training)
    doors(_plan, source, training)
    for name in ("period", "validation"):
        doors(_period, source, name, getattr(training, name))
    doors(_tell_overlap, source, training)
    return training


def _plan(source: Path, training: TrainingOptions) -> None:
    """ValueError for options of a training that are wrong whatever the data."""
    with named(f"{source}, [training]"):
        Plan(
            training.period, loss=training.loss, spinup=training.spinup, epochs=training.epochs,
            optimizer=training.optimizer, batches=training.batches,
            session=Session(training.seed, training.device, memory=training.memory),
        ).options()  # fmt: skip


def _period(source: Path, name: str, period) -> None:
    with named(f"{source}, [training]: {name}"):
        if period is not None:
            periods.ends(period, "period" if name == "period" else "validation period")


def _tell_overlap(source: Path, training: TrainingOptions) -> None:
    """A warning for a validation of what is trained on: gauges held out are others."""
    period, later = training.period, training.validation
    others = training.held_out or training.split
    if later is not None and not others and periods.overlap(period, later):
        warnings.warn(
            f"{source}, [training]: the validation {' to '.join(map(str, later))} has days of the "
            f"period {' to '.join(map(str, period))}, which is trained on: its scores are too good",
            stacklevel=2,
        )
    chosen = training.selection
    if later is None or chosen is None or not chosen.decides:
        return
    if periods.overlap(chosen.period, later):
        warnings.warn(
            f"{source}, [training]: the selection {' to '.join(chosen.period)} has days of the "
            f"validation {' to '.join(map(str, later))}, which is then no test of what is chosen: "
            "its scores are too good",
            stacklevel=2,
        )


def _weight(source: Path, content: dict, training: TrainingOptions) -> None:
    """ValueError for a weight of storage that is none, or is of no storage."""
    place, weight = f"{source}, [training]", training.storage_weight
    with named(place):
        if weight is not None:
            fraction("storage_weight", weight)
    if weight and "grace" not in content:
        raise ValueError(
            f"{place}: storage_weight is {weight:g}, but there is no section [grace] with observed "
            "storage: add it, or leave the weight out"
        )


def _checkpoints(source: Path, given: dict) -> None:
    """ValueError for keys of checkpoints that are not known, or that the command decides."""
    refuse_unused(f"{source}, [training.checkpoints]", given, ("folder", "resume"), "domain files")
    read_options(source, "training.checkpoints", Checkpoints, {"folder": "."} | given)


def _basins(source, content: dict, data: Path, model, training, doors: Doors) -> dict:
    """Domain, attributes, forcing, discharge and storage of lumped basins, by the names of a
    `Setup`."""
    options = doors(_sample, source, content)
    lstm = model.column == "lstm"
    column = Streamflow(model.forcings) if lstm else column_named(model.column)
    place = f"{source}, [basins]"
    found = doors(_named, place, basins.read, options, column, data, place)
    return doors(_with_storage, source, content, data, training, found, doors)


def _with_storage(source, content: dict, data: Path, training, found, doors: Doors) -> dict:
    storage = doors(read_storage, source, content, data, found.domain)
    gauges = list(found.domain.gauges.index)
    doors(refuse_unknown, f"{source}, [training]: held_out", training.held_out, gauges)
    return dict(
        domain=found.domain, attributes=found.attributes, forcing=found.forcing,
        discharge=found.discharge, storage=None if storage is REFUSED else storage,
    )  # fmt: skip


def _sample(source: Path, content: dict) -> basins.BasinsOptions:
    """The options of [basins]; ValueError for keys that its format passes over."""
    options = read_options(source, "basins", basins.BasinsOptions, content["basins"])
    place = f"{source}, [basins]"
    with named(place):
        kind = options.kind
    of_formats = {key for _, keys in basins.FORMATS.values() for key in keys}
    by = kind if options.format is None else f'format = "{kind}"'
    refuse_unused(place, content["basins"], of_formats - set(basins.FORMATS[kind][1]), by)
    layers = {
        name: read_options(source, f"basins.rasters.{name}", Layer, as_table(Layer, given))
        for name, given in (options.rasters or {}).items()
    }
    return replace(options, rasters=layers or None)


def _sections(source: Path) -> dict:
    try:
        content = tomllib.loads(read_text(source))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{source} is not valid TOML: {error}") from error
    refuse_renamed(str(source), content, GONE)
    sections = BASIN_SECTIONS if "basins" in content else SECTIONS
    refuse_unknown(str(source), content, sections)
    for section in content:
        kind = list if section in SEVERAL else dict
        if not isinstance(content[section], kind):
            brackets = f"[[{section}]]" if kind is list else f"[{section}]"
            raise ValueError(f"{source}: '{section}' is written as {brackets} with keys below it")
    if "basins" not in content:
        _one(source, content, GAUGES)
        _one(source, content, ("forcing", "weather"))
        if "network" in content:
            _refuse_grids(source, content)
        elif "landsurface" not in content and "domain" not in content:
            raise ValueError(f"{source} has no section [domain], nor [network]")
    if "training" not in content:
        raise ValueError(f"{source} has no section [training]")
    return content


def _refuse_grids(source: Path, content: dict) -> None:
    """ValueError for sections that need a raster, beside a vector network."""
    for name in ("domain", "landsurface", "grace"):
        if name in content:
            raise ValueError(
                f"{source}: [{name}] is of a raster, and [network] is a vector network: keep one"
            )


def _one(source: Path, content: dict, among: tuple[str, ...]) -> None:
    """ValueError unless the content has exactly one of these sections."""
    brackets = [f"[[{name}]]" if name == "gauges" else f"[{name}]" for name in among]
    there = [b for b, name in zip(brackets, among, strict=True) if name in content]
    if not there:
        raise ValueError(f"{source} has no section {' or '.join(brackets)}")
    if len(there) > 1:
        raise ValueError(f"{source} has {' and '.join(there)}: keep one of them")
