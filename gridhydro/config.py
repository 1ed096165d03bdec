"""A domain file (TOML) and a data folder -> everything that a training run takes."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path

import pandas as pd
import xarray as xr

from gridhydro.attributes import read_attributes
from gridhydro.columns import column as column_named
from gridhydro.domain import Domain
from gridhydro.io import read_discharge, read_raster, read_series
from gridhydro.units import to_unit

DATA = "GRIDHYDRO_DATA"


@dataclass(frozen=True)
class DomainOptions:
    """Section [domain]: the flow-direction raster and the grid of the model."""

    flow_direction: str
    coding: str
    variable: str | None = None
    crs: str | None = None
    resolution: float | None = None
    snap: bool = False
    crop: bool = True  # to what drains to the gauges


@dataclass(frozen=True)
class GaugeOptions:
    """One [[gauges]]: where it is, and the file of its discharge."""

    name: str
    discharge: str
    x: float | None = None
    y: float | None = None
    lon: float | None = None
    lat: float | None = None
    area_km2: float | None = None
    variable: str = "discharge"
    units: str | None = None


@dataclass(frozen=True)
class ForcingOptions:
    """One [forcing.NAME]: a file, or a constant where there is none."""

    file: str | None = None
    variable: str | None = None
    units: str | None = None
    crs: str | None = None
    cell_reference: str = "center"
    constant: float | None = None


@dataclass(frozen=True)
class ModelOptions:
    """Section [model]: see `gridhydro.Model`."""

    column: str = "hbv"
    hidden: tuple[int, ...] = (256, 64, 16)
    components: int = 1
    fixed: dict = field(default_factory=dict)
    river: dict = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingOptions:
    """Section [training]: see `gridhydro.train`."""

    period: tuple[str, str]
    validation: tuple[str, str] | None = None
    spinup: int = 365
    spinup_cycles: int = 0
    epochs: int = 150
    learning_rate: float = 0.005
    loss: str = "nse"
    seed: int = 0
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setup:
    """A domain file read with its data.

    attributes  rasters (y, x) on the domain; forcing: (time, y, x) on the domain, in engine units
    discharge   table of days by gauges, m3 s-1, NaN where there is no observation
    """

    domain: Domain
    attributes: xr.Dataset
    forcing: xr.Dataset
    discharge: pd.DataFrame
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
    try:
        content = tomllib.loads(source.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source} is not valid TOML: {error}") from error
    known = ("domain", "gauges", "attributes", "forcing", "model", "training")
    _refuse_unknown(source, "", content, known)
    for section in ("domain", "gauges", "attributes", "forcing", "training"):
        if section not in content:
            raise ValueError(f"{source} has no section [{section}]")
    options = _options(source, "domain", DomainOptions, content["domain"])
    gauges = [_options(source, "gauges", GaugeOptions, g) for g in content["gauges"]]
    model = _options(source, "model", ModelOptions, content.get("model", {}))
    training = _options(source, "training", TrainingOptions, content["training"])
    forcing = {
        key: _options(source, f"forcing.{key}", ForcingOptions, value)
        for key, value in content["forcing"].items()
    }
    domain = _domain(options, gauges, data)
    return Setup(
        domain=domain,
        attributes=read_attributes(content["attributes"], domain, data, source),
        forcing=_forcing(forcing, domain, data, model.column, source),
        discharge=pd.DataFrame(
            {
                g.name: read_discharge(data / g.discharge, g.name, g.variable, g.units)
                for g in gauges
            }
        ),
        model=model,
        training=training,
        source=source,
        data=data,
    )


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


def _options(source: Path, section: str, kind, values: dict):
    """A dataclass from a table of the file; its keys are the only ones allowed."""
    assert is_dataclass(kind)
    names = [f.name for f in fields(kind)]
    _refuse_unknown(source, section, values, names)
    values = {k: tuple(map(_plain, v)) if isinstance(v, list) else v for k, v in values.items()}
    try:
        return kind(**values)
    except TypeError as error:
        missing = str(error).split(":")[-1].strip()
        raise ValueError(f"{source}, [{section}]: missing {missing}") from None


def _plain(value):
    return value if isinstance(value, (str, int, float)) else str(value)


def _refuse_unknown(source: Path, section: str, values: dict, known) -> None:
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
            place = f", [{section}]" if section else ""
            raise ValueError(f"{source}{place}: unknown key '{key}'; {hint}")


def _domain(options: DomainOptions, gauges: list[GaugeOptions], data: Path) -> Domain:
    raster = read_raster(data / options.flow_direction, options.variable, options.crs)
    places = ("name", "x", "y", "lon", "lat", "area_km2")
    table = pd.DataFrame([{k: getattr(g, k) for k in places} for g in gauges]).dropna(
        axis="columns", how="all"
    )
    domain = Domain.from_d8(
        raster, options.coding, gauges=table, resolution=options.resolution, snap=options.snap
    )
    return domain.crop() if options.crop else domain


def _forcing(options: dict, domain: Domain, data: Path, column: str, source: Path) -> xr.Dataset:
    forcings = column_named(column).forcings
    names = [f.name for f in forcings]
    _refuse_unknown(source, "forcing", options, names)
    missing = [name for name in names if name not in options]
    if missing:
        raise ValueError(f"{source}: [forcing] lacks {', '.join(missing)} (file or constant)")
    series = {}
    for one in forcings:
        given = options[one.name]
        if given.file is None:
            continue
        read = read_series(
            data / given.file, given.variable, crs=given.crs, units=given.units,
            cell_reference=given.cell_reference,
        )  # fmt: skip
        series[one.name] = _on_grid(to_unit(read, one.unit), domain)
    if not series:
        raise ValueError(f"{source}: [forcing] has constants only; one file has to give the days")
    pattern = next(iter(series.values()))
    for one in forcings:
        if one.name not in series:
            constant = xr.full_like(pattern, options[one.name].constant)
            attrs = {"units": options[one.name].units or one.unit}
            series[one.name] = to_unit(constant.assign_attrs(attrs).rename(one.name), one.unit)
    return xr.Dataset({n: s.assign_attrs(long_name=n.replace("_", " ")) for n, s in series.items()})


def _on_grid(series: xr.DataArray, domain: Domain) -> xr.DataArray:
    """As it is when it lies on the domain's grid already, else interpolated."""
    try:
        domain.pack(series)
    except ValueError:
        return domain.regrid(series)
    return series
