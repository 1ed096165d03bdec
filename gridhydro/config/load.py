"""A domain file (TOML) and a data folder -> everything that a training run takes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.arguments import fraction
from gridhydro.columns import HBV
from gridhydro.columns import column as column_named
from gridhydro.config.domain import GAUGES
from gridhydro.config.find import data_folder, find
from gridhydro.config.model import read_model
from gridhydro.config.parse import (
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
from gridhydro.inputs import basins
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.land_surface import LandSurface
from gridhydro.io.text_files import read_text
from gridhydro.observations.storage import StorageObservations
from gridhydro.observations.targets import Target
from gridhydro.training.calibration.sceua import SCEUA
from gridhydro.training.options import Checkpoints

SECTIONS = (
    "domain", *GAUGES, "landsurface", "attributes", "forcing", "weather", "grace", "targets",
    "model", "training", "calibration",
)  # fmt: skip
BASIN_SECTIONS = ("basins", "grace", "targets", "model", "training", "calibration")
# sections that are gone
GONE = {
    "rehearsal": "as the domain file amazon-synthetic (gridhydro synthetic amazon writes its data)"
}
# sections that are written as several, [[name]]
SEVERAL = ("gauges", "targets")
# what may take the place of what a file says
CHANGES = ("configuration", "storage_weight", "fold")
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
    land        the land surface, storage observed anomalies, and targets other observations, where
                the file has these sections
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
    storage: StorageObservations | None = None
    targets: tuple[Target, ...] = ()
    calibration: SCEUA = SCEUA()

    @property
    def times(self) -> pd.DatetimeIndex:
        """The days of the forcing."""
        if isinstance(self.forcing, Forcing):
            return self.forcing.times
        return calendar.days(self.forcing["time"], "the forcing", self.forcing)


def load(
    name: str | Path, data: str | Path | None = None, changes: Mapping[str, object] | None = None
) -> Setup:
    """Read a domain file, or one that comes with gridhydro by its name, and all it refers to.

    data     the folder that the paths in the file start from; without it, the variable
             GRIDHYDRO_DATA
    changes  configuration, storage_weight and fold (of the split) that take the place of the file's
    Raises ValueError naming file and key, and FileNotFoundError naming the file.
    """
    source = find(name)
    data = data_folder(data)
    with named(str(source)):
        return _setup(source, data, changes or {})


def _setup(source: Path, data: Path, changes: Mapping[str, object]) -> Setup:
    content = _changed(source, _sections(source), changes)
    given = content.get("calibration", {})
    calibration = read_options(source, "calibration", SCEUA, given)
    if "basins" in content:
        return _basins(source, content, data, calibration)
    model = read_model(source, content["model"], lumped=False)
    training = _training(source, content)
    found = read_rasters(source, content, data, model, training)
    targets = read_targets(source, content, data, found["domain"], model.column)
    return Setup(
        model=model,
        training=training,
        source=source,
        data=data,
        targets=tuple(targets),
        calibration=calibration,
        **found,
    )


def training_options(
    name: str | Path, changes: Mapping[str, object] | None = None
) -> TrainingOptions:
    """The section [training] of a domain file, without its data; see `load`."""
    source = find(name)
    with named(str(source)):
        return _training(source, _changed(source, _sections(source), changes or {}))


def _changed(source: Path, content: dict, changes: Mapping[str, Any]) -> dict:
    """The content of a file with the keys of its configuration, and with what takes their place."""
    model, training = content.get("model", {}), dict(content["training"])
    refuse_renamed(f"{source}, [training]", training, RENAMED)
    if changes.get("storage_weight") is not None:
        training["storage_weight"] = changes["storage_weight"]
    if changes.get("fold") is not None:
        if not isinstance(training.get("split"), dict):
            raise ValueError(f"{source}, [training]: a fold is chosen, but there is no 'split'")
        training["split"] = training["split"] | {"fold": changes["fold"]}
    with named(f"{source}, [model]"):
        model, training = configured(model, training, changes.get("configuration"))
    return content | {"model": model, "training": training}


def _training(source: Path, content: dict) -> TrainingOptions:
    training = read_options(source, "training", TrainingOptions, content["training"])
    place, weight = f"{source}, [training]", training.storage_weight
    _checkpoints(source, training.checkpoints)
    with named(place):
        if weight is not None:
            fraction("storage_weight", weight)
    if weight and "grace" not in content:
        raise ValueError(
            f"{place}: storage_weight is {weight:g}, but there is no section [grace] with observed "
            "storage: add it, or leave the weight out"
        )
    return training


def _checkpoints(source: Path, given: dict) -> None:
    """ValueError for keys of checkpoints that are not known, or that the command decides."""
    refuse_unused(f"{source}, [training.checkpoints]", given, ("folder", "resume"), "domain files")
    read_options(source, "training.checkpoints", Checkpoints, {"folder": "."} | given)


def _basins(source: Path, content: dict, data: Path, calibration: SCEUA) -> Setup:
    """Setup of a domain file of lumped basins."""
    model = read_model(source, content["model"], lumped=True)
    training = _training(source, content)
    options = read_options(source, "basins", basins.BasinsOptions, content["basins"])
    _refuse_unused(source, content, options)
    column = HBV() if model.column == "lstm" else column_named(model.column)
    with named(f"{source}, [basins]"):
        found = basins.read(options, column, data, f"{source}, [basins]")
    storage = read_storage(source, content, data, found.domain)
    if "targets" in content and model.column == "lstm":
        raise ValueError(f'{source}, [[targets]]: column = "lstm" gives discharge only')
    targets = read_targets(source, content, data, found.domain, model.column)
    place = f"{source}, [training]: held_out"
    refuse_unknown(place, training.held_out, list(found.domain.gauges.index))
    return Setup(
        found.domain, found.attributes, found.forcing, found.discharge, model, training, source,
        data, storage=storage, targets=tuple(targets), calibration=calibration,
    )  # fmt: skip


def _refuse_unused(source: Path, content: dict, options) -> None:
    """ValueError for keys of [basins] that its format passes over."""
    if options.format in basins.FORMATS:
        of_formats = {key for _, keys in basins.FORMATS.values() for key in keys}
        unused = of_formats - set(basins.FORMATS[options.format][1])
        by = f'format = "{options.format}"'
        refuse_unused(f"{source}, [basins]", content["basins"], unused, by)


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
        if "landsurface" not in content and "domain" not in content:
            raise ValueError(f"{source} has no section [domain]")
    if "training" not in content:
        raise ValueError(f"{source} has no section [training]")
    return content


def _one(source: Path, content: dict, among: tuple[str, ...]) -> None:
    """ValueError unless the content has exactly one of these sections."""
    brackets = [f"[[{name}]]" if name == "gauges" else f"[{name}]" for name in among]
    there = [b for b, name in zip(brackets, among, strict=True) if name in content]
    if not there:
        raise ValueError(f"{source} has no section {' or '.join(brackets)}")
    if len(there) > 1:
        raise ValueError(f"{source} has {' and '.join(there)}: keep one of them")
