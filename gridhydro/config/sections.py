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

    flow_direction: str | None = None  # a GeoTIFF, ESRI ASCII grid or NetCDF file
    coding: str | None = None  # of the directions: "esri", "ldd", "nextxy", ...; needed with them
    variable: str | None = None  # in a NetCDF file that has several
    crs: str | None = None  # reference system, where the file does not say
    nodata: float | str | None = None  # a code that is no data; "codes": none but the coding's is
    cell_reference: str = "center"  # what its coordinates stand for; or a corner: "upper_left"
    resolution: float | None = None  # of the model, a multiple of the raster's: it is upscaled
    snap: bool = False  # gauges go to the best cell within two
    crop: bool = True  # cells that drain to no gauge are left out
    crop_to: str = "gauges"  # what drains to them, or the whole "rivers" that have any


@dataclass(frozen=True)
class NetworkOptions:
    """Section [network], instead of [domain]: a vector network, each of whose reaches is a cell;
    see `gridhydro.Domain.from_network`.
    """

    file: str  # its reaches: GeoPackage, shapefile, GeoJSON or CSV
    layer: str | None = None  # of a file that has several
    layout: str | None = None  # "merit_basins", "hydrorivers", ...; its columns tell it
    columns: dict | None = None  # { id = "seg", downstream = "to_seg", length = "len" } of others
    units: dict | None = None  # { length = "m", area = "km2" }, where their names do not say
    catchments: str | None = None  # unit basins with the same ids: their polygons and areas
    nexus: str | None = None  # id and toid of the points between reaches, of layout "nextgen"
    nexus_layer: str | None = None  # of a file that has several
    crs: str | None = None  # reference system, where the file does not say
    snap: bool = False  # gauges go to the reach within 2 km that fits their area best
    crop: bool = True  # reaches that drain to no gauge are left out


@dataclass(frozen=True)
class GaugeOptions:
    """One [[gauges]]: where it is, and the file of its discharge."""

    name: str
    discharge: str  # its file: .txt of mHM, .csv or .nc
    x: float | None = None  # in the reference system of the raster, with y
    y: float | None = None
    lon: float | None = None  # degrees, with lat, instead of x and y
    lat: float | None = None
    reach: str | None = None  # id of the reach it is on, instead of a place on a vector network
    area_km2: float | None = None  # reported upstream area: what is more than half off is refused
    accept: bool = False  # where it is, whatever the network drains there
    variable: str = "discharge"  # in a NetCDF file
    units: str | None = None  # where the file does not say; mm d-1 needs area_km2
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values


@dataclass(frozen=True)
class GaugeTableOptions:
    """Section [gauge_table], instead of [[gauges]]: places and discharge of many, in two tables."""

    # CSV with name, lon and lat or x and y, area_km2, accept; or a GeoPackage, GeoJSON or shapefile
    # of points with name, area_km2, accept; of a vector network the ids in `reach` may be the place
    file: str
    discharge: str  # CSV with a date and a column for each gauge
    units: str = "m3 s-1"  # of the discharge
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

    file: str  # NetCDF
    names: dict | None = None  # our name -> the file's
    attributes: tuple[str, ...] = ()  # its fields that the network reads; "21": the usual ones
    permafrost: bool = True  # frozen ground makes the root zone shallow
    wcap_perma: float = 50.0  # mm, the root zone's capacity over permafrost at most
    melt: str = "temporal"  # how the degree-day factor varies; or "spatial", "both"
    # of the lags of surface water, groundwater and river
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
    step: str = "1D"  # of format "any": what is made of several values a day, or "1h", "3h", ...
    file: str | None = None  # NetCDF or Zarr
    pet: str = "penman_monteith"  # "oudin", "hargreaves", "priestley_taylor"; "given": it is there
    wind_height: float = 10.0  # m, of the wind speed of penman_monteith
    albedo: float = 0.23  # of the same
    period: tuple[str, str] | None = None  # what is read; the days that [training] needs


@dataclass(frozen=True)
class GraceOptions:
    """Section [grace]: observed anomalies of water storage, and the tiles they are compared on."""

    folder: str | None = None  # whose files are all read
    files: tuple[str, ...] = ()  # instead of a folder; solutions of several centres are averaged
    units: str | None = None  # where the files do not say
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values
    tile_size: float = 3.0  # degrees
    minimum: float = 0.5  # fraction of a tile that the domain has to cover
    baseline: tuple[str, str] = ("2004-01-01", "2009-12-31")  # anomalies are from its mean


@dataclass(frozen=True)
class LakeOptions:
    """Section [lakes]: those that rivers flow through, of a routing with `lakes`; see
    `gridhydro.Lakes`."""

    file: str  # CSV, GeoPackage or shapefile, as of HydroLAKES or GRanD
    # names of columns that are none of theirs: name, lon, lat, x, y, area, volume, depth,
    # upstream_area, regulated (1 or 0)
    columns: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)  # of area, volume, depth, upstream_area: km3, ha, ...
    active_depth: float = 5.0  # m of a lake above the sill of its outflow, at most
    snap: bool = True  # onto cells nearby that drain what the lake does


@dataclass(frozen=True)
class TargetOptions:
    """One [[targets]]: observations of an output of the column; see `gridhydro.Target`."""

    name: str  # of the flux or state
    file: str  # NetCDF with time, y and x, or of basins time and one dimension of their names
    variable: str | None = None  # in a file that has several
    units: str | None = None  # where the file does not say
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values
    crs: str | None = None  # reference system, where the file does not say
    weight: float = 1.0  # in the loss, where discharge has 1; 0: it is scored, not trained on
    loss: str = "rmse"  # or "nse", "kge"
    scale: float = 1.0  # observed = offset + scale x simulated
    offset: float = 0.0
    days: int = 1  # of weight 0: each observation is the mean over so many days from its own on


@dataclass(frozen=True)
class AttributeOptions:
    """One [attributes.NAME]: see `gridhydro.config.attributes`."""

    file: str  # a raster of any resolution; of a vector network also a table with ids and values
    variable: str | None = None  # in a NetCDF file that has several, or the column of a table
    crs: str | None = None  # reference system, where the file does not say
    cell_reference: str = "center"  # what its coordinates stand for; or a corner: "upper_left"
    how: str = "mean"  # "fraction": one for each class; "direction": of an angle from north
    units: str = "1"
    long_name: str | None = None
    lookup: str | None = None  # a table of classes, each of which is replaced by its value there
    key: str | None = None  # the column of the table with the classes, or with the ids of reaches
    value: str | None = None  # the column with their values
    minimum: float = 0.01  # fraction of the domain below which a class is left out
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values


@dataclass(frozen=True)
class ForcingOptions:
    """One [forcing.NAME]: a file, or a constant where there is none."""

    file: str | None = None  # NetCDF or Zarr with time, y and x
    variable: str | None = None  # in a file that has several
    units: str | None = None  # where the file does not say, or says it wrongly
    crs: str | None = None  # reference system, where the file does not say
    cell_reference: str = "center"  # what its coordinates stand for; or a corner: "upper_left"
    constant: float | None = None  # one value for all cells and days, with units
    missing: float | tuple[float, ...] | None = None  # numbers that stand for missing values


@dataclass(frozen=True)
class ModelOptions:
    """Section [model]: see `gridhydro.Model`.

    network, components and scheme are tables with the keys of `gridhydro.ParameterNetwork`,
    `Components` and `Stepping`, or in short `network = "lstm"`, `components = 16` and
    `scheme = "implicit"`; routing has the keys of `River`, of lumped basins those of
    `UnitHydrograph`, or is "hydropy", "lag_and_route", "muskingum_cunge", "kinematic_wave" (these
    two take the slope of rivers from the attribute elevation, or river_slope) or "unit_hydrograph";
    with `name = "hydropy"` in the table its keys change that one.

    configuration  one of `gridhydro.config.presets`, which sets what is not given here and in
                   [training]
    column         one with options is a table as well: `{ name = "fuse", upper = "tension1" }`
    forcings       of column = "lstm": the series that it reads, precipitation among them; those of
                   HBV if left out
    history_days   of network = "gz": its history, forcing, targets and for lumped basins observed
                   discharge of the training's period, is read in means of so many days; of gauges
                   held out the forcing only
    """

    configuration: str | None = None
    column: str = "hbv"  # one of `gridhydro columns`; of basins also "lstm", without physics
    forcings: tuple[str, ...] = ()  # of the column "lstm", other than those of HBV
    scheme: Stepping = Stepping()  # how time is stepped within the day
    network: ParameterNetwork = ParameterNetwork()  # what gives the parameters
    correction: str | None = None  # "conv3d": potential evapotranspiration gets a learned error
    history_days: int = 5
    components: Components = Components()  # parallel parameter sets in each cell
    fixed: dict = field(default_factory=dict)  # parameters held at a value: { C = 0.0 }
    routing: River | UnitHydrograph | None = None  # of rasters a river if nothing is said


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

    period: tuple[str, str]  # first and last day, month or year that are trained on
    validation: tuple[str, str] | None = None
    selection: Validation | None = None
    spinup: SpinUp = SpinUp()  # how the stores are filled before the period
    epochs: int = 150
    optimizer: Optimizer = Optimizer()
    batches: Batches | None = None  # gauges and days of a step; all without it
    checkpoints: dict = field(default_factory=dict)
    loss: str = "nse"  # or "kge", "rmse", "rmse_lowflow"
    seed: int = 0  # of first weights, minibatches and dropout
    device: str | None = None  # "cpu" or "cuda"; a GPU where there is one
    split: dict | None = None
    held_out: tuple[str, ...] = ()  # gauges that are scored only
    storage_weight: float | None = None  # with [grace] that of `gridhydro.StorageTarget`
    fit_discharge: bool = True  # or only score it
    memory: float | None = None  # GiB that a step may need, see `gridhydro.Session`
    cache: bool = False  # packed copies of the series in the run folder, instead of in memory
    tensorboard: bool = False  # the numbers of every epoch in the run folder, for TensorBoard
