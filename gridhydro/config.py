"""A domain file (TOML) and a data folder -> everything that a training run takes."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path

import pandas as pd
import xarray as xr

from gridhydro import basins
from gridhydro.attributes import on_domain, read_attributes
from gridhydro.batches import Batches
from gridhydro.columns import HBV
from gridhydro.columns import column as column_named
from gridhydro.domain import Domain
from gridhydro.io import read_discharge, read_raster, read_series
from gridhydro.options import (
    AttributeOptions,
    DomainOptions,
    ForcingOptions,
    GaugeOptions,
    ModelOptions,
    TrainingOptions,
    locate,
    read_options,
    refuse_unknown,
    refuse_unused,
)
from gridhydro.river import River
from gridhydro.units import to_unit

DATA = "GRIDHYDRO_DATA"
SECTIONS = ("domain", "gauges", "attributes", "forcing", "model", "training")
# keys of [model] that column = "lstm" takes
LSTM_OPTIONS = {"column", "hidden", "dropout", "log_attributes"}
BASIN_SECTIONS = ("basins", "model", "training")


@dataclass(frozen=True)
class Setup:
    """A domain file read with its data.

    attributes  rasters (y, x) on the domain; forcing: (time, y, x) on the domain, in engine units;
                of lumped basins name -> (N,), NaN where missing, and (time, gauge)
    discharge   table of days by gauges, m3 s-1, or an array with units; NaN: no observation
    """

    domain: Domain
    attributes: xr.Dataset | dict
    forcing: xr.Dataset
    discharge: pd.DataFrame | xr.DataArray
    model: ModelOptions
    training: TrainingOptions
    source: Path
    data: Path


def load(name: str | Path, data: str | Path | None = None) -> Setup:
    """Read a domain file, or one that comes with gridhydro by its name, and all it refers to.

    `data` is the folder that the paths in the file start from; without it, the variable
    GRIDHYDRO_DATA. Raises ValueError naming file and key, and FileNotFoundError naming the file.
    """
    source = find(name)
    data = _data_folder(data)
    content = _sections(source)
    if "basins" in content:
        return _basins(source, content, data)
    options = read_options(source, "domain", DomainOptions, content["domain"])
    gauges = [read_options(source, "gauges", GaugeOptions, g) for g in content["gauges"]]
    model = read_options(source, "model", ModelOptions, content.get("model", {}))
    read_options(source, "model.river", River, model.river)
    training = read_options(source, "training", TrainingOptions, content["training"])
    attributes, forcing = (
        {k: read_options(source, f"{part}.{k}", kind, v) for k, v in content[part].items()}
        for part, kind in (("attributes", AttributeOptions), ("forcing", ForcingOptions))
    )
    _refuse_unknown_gauges(source, training, gauges)
    domain = _domain(options, gauges, data, source)
    return Setup(
        domain=domain,
        attributes=read_attributes(attributes, domain, data, source),
        forcing=_forcing(forcing, domain, data, model.column, source),
        discharge=_discharge(gauges, data, source),
        model=model,
        training=training,
        source=source,
        data=data,
    )


def _basins(source: Path, content: dict, data: Path) -> Setup:
    """Setup of a domain file of lumped basins."""
    model = read_options(source, "model", ModelOptions, content.get("model", {}))
    training = read_options(source, "training", TrainingOptions, content["training"])
    if training.batches is not None:
        read_options(source, "training.batches", Batches, training.batches)
    options = read_options(source, "basins", basins.BasinsOptions, content["basins"])
    _refuse_unused(source, content, model, options)
    column = HBV() if model.column == "lstm" else column_named(model.column)
    found = basins.read(options, column, data, f"{source}, [basins]")
    place = f"{source}, [training]: held_out"
    refuse_unknown(place, training.held_out, list(found.domain.gauges.index))
    return Setup(
        found.domain, found.attributes, found.forcing, found.discharge, model, training, source,
        data,
    )  # fmt: skip


def _refuse_unused(source: Path, content: dict, model: ModelOptions, options) -> None:
    """ValueError for keys of [model] and [basins] that what is chosen there passes over."""
    given, place = content.get("model", {}), f"{source}, [model]"
    refuse_unused(place, given, ("river",), "lumped basins")
    if model.column == "lstm":
        unused = {f.name for f in fields(ModelOptions)} - LSTM_OPTIONS
        unused -= {"network"} if model.network == "lstm" else set()
        refuse_unused(place, given, unused, 'column = "lstm"')
        if len(model.hidden) > 1:
            raise ValueError(
                f'{place}: hidden is one size with column = "lstm", not {model.hidden}'
            )
    elif model.network != "lstm":
        refuse_unused(place, given, ("dynamic_dropout",), f'network = "{model.network}"')
    if options.format in basins.FORMATS:
        of_formats = {key for _, keys in basins.FORMATS.values() for key in keys}
        unused = of_formats - set(basins.FORMATS[options.format][1])
        by = f'format = "{options.format}"'
        refuse_unused(f"{source}, [basins]", content["basins"], unused, by)


def find(name: str | Path) -> Path:
    """The domain file at a path, or the packaged one of this name."""
    if Path(name).is_file():
        return Path(name)
    folder = resources.files("gridhydro.domains")
    packaged = {Path(f.name).stem: f for f in folder.iterdir() if f.name.endswith(".toml")}
    stem = str(name).removesuffix(".toml").removeprefix("domains/")
    if stem in packaged:
        return Path(str(packaged[stem]))
    raise FileNotFoundError(
        f"there is no domain file {name}; those that come along are {', '.join(sorted(packaged))}"
    )


def _data_folder(data: str | Path | None) -> Path:
    given = data or os.environ.get(DATA)
    if not given:
        raise ValueError(f"where is the data? give --data FOLDER, or set the variable {DATA}")
    if not Path(given).is_dir():
        raise FileNotFoundError(f"the data folder {Path(given).resolve()} is not there")
    return Path(given)


def _sections(source: Path) -> dict:
    try:
        content = tomllib.loads(source.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source} is not valid TOML: {error}") from error
    sections = BASIN_SECTIONS if "basins" in content else SECTIONS
    refuse_unknown(str(source), content, sections)
    for section in sections:
        if section not in content and section != "model":
            raise ValueError(f"{source} has no section [{section}]")
        kind = list if section == "gauges" else dict
        if not isinstance(content.get(section, kind()), kind):
            brackets = "[[gauges]]" if kind is list else f"[{section}]"
            raise ValueError(f"{source}: '{section}' is written as {brackets} with keys below it")
    return content


def _refuse_unknown_gauges(source: Path, training: TrainingOptions, gauges) -> None:
    place = f"{source}, [training]: held_out"
    refuse_unknown(place, training.held_out, [g.name for g in gauges])


def _domain(options: DomainOptions, gauges: list[GaugeOptions], data: Path, source: Path) -> Domain:
    path = locate(data, options.flow_direction, f"{source}, [domain]: flow_direction")
    raster = read_raster(path, options.variable, options.crs)
    places = ("name", "x", "y", "lon", "lat", "area_km2")
    table = pd.DataFrame([{k: getattr(g, k) for k in places} for g in gauges]).dropna(
        axis="columns", how="all"
    )
    domain = Domain.from_d8(
        raster, options.coding, gauges=table, resolution=options.resolution, snap=options.snap
    )
    return domain.crop() if options.crop else domain


def _discharge(gauges: list[GaugeOptions], data: Path, source: Path) -> pd.DataFrame:
    series = {}
    for gauge in gauges:
        path = locate(data, gauge.discharge, f"{source}, [[gauges]] {gauge.name}: discharge")
        series[gauge.name] = read_discharge(path, gauge.name, gauge.variable, gauge.units)
    return pd.DataFrame(series).rename_axis("time")


def _forcing(options: dict, domain: Domain, data: Path, column: str, source: Path) -> xr.Dataset:
    forcings = column_named(column).forcings
    names = [f.name for f in forcings]
    refuse_unknown(f"{source}, [forcing]", options, names)
    missing = [name for name in names if name not in options]
    if missing:
        raise ValueError(f"{source}: [forcing] lacks {', '.join(missing)} (file or constant)")
    series = {}
    for one in forcings:
        given, place = options[one.name], f"{source}, [forcing.{one.name}]"
        if (given.file is None) == (given.constant is None):
            raise ValueError(f"{place}: give either a 'file' or a 'constant'")
        if given.file is None:
            continue
        read = read_series(
            locate(data, given.file, f"{place}: file"), given.variable, crs=given.crs,
            units=given.units, cell_reference=given.cell_reference,
        )  # fmt: skip
        series[one.name] = on_domain(to_unit(read, one.unit), domain)
    if not series:
        raise ValueError(f"{source}: [forcing] has constants only; one file has to give the days")
    pattern = next(iter(series.values()))
    for one in forcings:
        if one.name not in series:
            constant = xr.zeros_like(pattern) + options[one.name].constant
            attrs = {"units": options[one.name].units or one.unit}
            series[one.name] = to_unit(constant.assign_attrs(attrs).rename(one.name), one.unit)
    return xr.Dataset(
        {f.name: series[f.name].assign_attrs(long_name=f.long_name) for f in forcings}
    )
