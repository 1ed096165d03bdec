"""The sections and keys of a domain file, with their types and defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from gridhydro.columns.components import Components
from gridhydro.io.gridded import Reading
from gridhydro.model.river import River
from gridhydro.model.stepping import Stepping
from gridhydro.model.unit_hydrograph import UnitHydrograph
from gridhydro.nets.options import ParameterNetwork
from gridhydro.training.batches import Batches
from gridhydro.training.options import Optimizer, SpinUp
from gridhydro.training.selection import Validation


@dataclass(frozen=True)
class DomainOptions:
    """Section [domain]: the flow-direction raster and the grid of the model.

    Without flow_direction the network is that of the file of [landsurface].
    """

    flow_direction: str | None = None
    coding: str | None = None
    variable: str | None = None
    crs: str | None = None
    nodata: float | str | None = None
    cell_reference: str = "center"
    resolution: float | None = None
    snap: bool = False
    crop: bool = True
    crop_to: str = "gauges"  # what drains to them, or the whole "rivers" that have any


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
    accept: bool = False  # where it is, whatever the network drains there
    variable: str = "discharge"
    units: str | None = None
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values


@dataclass(frozen=True)
class GaugeTableOptions:
    """Section [gauge_table], instead of [[gauges]]: places and discharge of many, in two tables."""

    # CSV with name, lon and lat or x and y, area_km2, accept; or a GeoPackage, GeoJSON or shapefile
    # of points with name, area_km2, accept
    file: str
    discharge: str  # CSV with a date and a column for each gauge
    units: str = "m3 s-1"
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values


@dataclass(frozen=True)
class GrdcOptions:
    """Section [grdc], instead of [[gauges]]: stations of the Global Runoff Data Centre."""

    folder: str  # of text files, one a station
    stations: tuple[str, ...] = ()  # GRDC numbers; all in the folder without it
    accept: tuple[
        str, ...
    ] = ()  # those that stay where they are, whatever the network drains there


@dataclass(frozen=True)
class LandSurfaceOptions:
    """Section [landsurface]: HydroPy's land-surface file; see `gridhydro.land_surface`."""

    file: str
    names: dict | None = None  # our name -> the file's
    attributes: tuple[str, ...] = ()  # names, or "21"
    permafrost: bool = True
    wcap_perma: float = 50.0  # mm
    melt: str = "temporal"
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class WeatherOptions:
    """Section [weather], instead of [forcing]: measured weather, of which the rest is computed.

    Either `folder` with its `format`, or `file` with the variables by our names, or a
    [weather.NAME] for each variable, with the keys of [forcing.NAME].
    """

    folder: str | None = None
    format: str = "wfdei"  # or "any": a folder, file, store or address of `io.open_weather`
    files: dict | None = None  # of a folder, see `gridhydro.io.read_wfdei`
    reading: Reading = Reading()  # of format "any": names, units, crs, ... that files do not say
    file: str | None = None
    pet: str = "penman_monteith"  # or "given"
    wind_height: float = 10.0  # m
    albedo: float = 0.23
    period: tuple[str, str] | None = None  # what is read; the days that [training] needs


@dataclass(frozen=True)
class GraceOptions:
    """Section [grace]: observed anomalies of water storage, and the tiles they are compared on."""

    folder: str | None = None
    files: tuple[str, ...] = ()
    units: str | None = None  # where the files do not say
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values
    tile_size: float = 3.0  # degrees
    minimum: float = 0.5  # fraction of a tile that the domain has to cover
    baseline: tuple[str, str] = ("2004-01-01", "2009-12-31")


@dataclass(frozen=True)
class TargetOptions:
    """One [[targets]]: observations of an output of the column; see `gridhydro.Target`."""

    name: str  # of the flux or state
    file: str  # NetCDF with time, y and x, or of basins time and one dimension of their names
    variable: str | None = None
    units: str | None = None  # where the file does not say
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values
    crs: str | None = None
    weight: float = 1.0
    loss: str = "rmse"
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class AttributeOptions:
    """One [attributes.NAME]: see `gridhydro.config.attributes`."""

    file: str
    variable: str | None = None
    crs: str | None = None
    cell_reference: str = "center"
    how: str = "mean"
    units: str = "1"
    long_name: str | None = None
    lookup: str | None = None
    key: str | None = None
    value: str | None = None
    minimum: float = 0.01
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values


@dataclass(frozen=True)
class ForcingOptions:
    """One [forcing.NAME]: a file, or a constant where there is none."""

    file: str | None = None
    variable: str | None = None
    units: str | None = None
    crs: str | None = None
    cell_reference: str = "center"
    constant: float | None = None
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values


@dataclass(frozen=True)
class ModelOptions:
    """Section [model]: see `gridhydro.Model`.

    network, components and scheme are tables with the keys of `gridhydro.ParameterNetwork`,
    `Components` and `Stepping`, or in short `network = "lstm"`, `components = 16` and
    `scheme = "implicit"`; routing has the keys of `River`, of lumped basins those of
    `UnitHydrograph`, or is "hydropy" or "unit_hydrograph"; with `name = "hydropy"` in the table
    its keys change that one.

    configuration  one of `gridhydro.config.presets`, which sets what is not given here and in
                   [training]
    history_days   of network = "gz": its history, forcing, targets and for lumped basins observed
                   discharge of the training's period, is read in means of so many days; of gauges
                   held out the forcing only
    """

    configuration: str | None = None
    column: str = "hbv"
    scheme: Stepping = Stepping()
    network: ParameterNetwork = ParameterNetwork()
    correction: str | None = None
    history_days: int = 5
    components: Components = Components()
    fixed: dict = field(default_factory=dict)
    routing: River | UnitHydrograph | None = None


@dataclass(frozen=True)
class TrainingOptions:
    """Section [training]: see `gridhydro.train`.

    spinup, optimizer and batches are tables with the keys of `gridhydro.SpinUp`, `Optimizer` and
    `Batches`, or in short `spinup = 365` and `optimizer = "adadelta"`; checkpoints has `every`.
    In that of the optimizer `balance` is a table with the keys of `gridhydro.Balance`, or in short
    `balance = "guarded"`.

    validation  a period that the run is scored over when it is trained
    selection   a table with the keys of `gridhydro.Validation`: another period, by whose scores
                weights are kept or the training ends
    split       a table of folds of the gauges, see `build_model.make_split`: one of them is left
                out, or with `gridhydro cross-validate` each in turn
    """

    period: tuple[str, str]
    validation: tuple[str, str] | None = None
    selection: Validation | None = None
    spinup: SpinUp = SpinUp()
    epochs: int = 150
    optimizer: Optimizer = Optimizer()
    batches: Batches | None = None
    checkpoints: dict = field(default_factory=dict)
    loss: str = "nse"
    seed: int = 0
    device: str | None = None
    split: dict | None = None
    held_out: tuple[str, ...] = ()
    storage_weight: float | None = None  # with [grace] that of `gridhydro.StorageTarget`
    fit_discharge: bool = True  # or only score it
    memory: float | None = None  # GiB that a step may need, see `gridhydro.Session`
    cache: bool = False  # packed copies of the series in the run folder, instead of in memory
    tensorboard: bool = False  # the numbers of every epoch in the run folder, for TensorBoard
