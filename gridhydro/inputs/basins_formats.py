"""Section [basins] of a domain file: where a sample of lumped basins is, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import xarray as xr

from gridhydro import io
from gridhydro.inputs.polygons import Layer, from_polygons
from gridhydro.io.camels_layouts import LAYOUTS
from gridhydro.io.camels_us import PRODUCTS
from gridhydro.io.gridded import Reading


@dataclass(frozen=True)
class PolygonsOptions:
    """Section [basins.polygons], or in short `polygons = "basins.gpkg"` under [basins]: polygons of
    basins, over which gridded weather and rasters are averaged when the file is read; see
    `from_polygons`. Many of them, or much weather, are averaged once by `gridhydro basins`.
    """

    file: str  # GeoPackage, GeoJSON or shapefile
    name: str | None = None  # the column that names them, where that is no usual one
    columns: tuple[str, ...] = ()  # of their table that become attributes
    minimum: float = 0.5  # the part of a polygon that needs data


@dataclass(frozen=True)
class BasinsOptions:
    """Section [basins]: where a sample of lumped basins is, and what of it is used.

    Either a `format` with its `path`, or `polygons` with the `forcing` that is averaged over them.

    format      "camels_us" (the original folders), "camels" (of another country), "caravan" or
                "netcdf"
    path        folder or file, from the data folder on
    polygons    a file of polygons, or the keys of [basins.polygons]
    forcing     camels_us: daymet (without it), nldas, maurer, maurer_extended, nldas_extended;
                polygons: files, folders, patterns or addresses of gridded weather
    series      polygons: those of the weather that are needed; all that are known without it
    reading     polygons: how files of weather are read, [basins.reading], as [weather.reading]
    rasters     polygons: name -> a file whose mean is an attribute, or [basins.rasters.NAME]
    discharge   polygons: CSV with a date and a column for each polygon, or NetCDF
    units       polygons: of the discharge, where it does not say; m3 s-1 without it
    country     camels: gb, de, ch, fr, dk, br, cl, aus
    table       netcdf: a table of attributes (CSV), the basins' ids in its first column
    attributes  those that the network reads; texts become classes
    pet         method of the potential evapotranspiration: "oudin", "hargreaves", ..., or "given";
                without it "oudin", with a warning where the basins have a series of their own
    climate     whether p_mean, aridity, p_seasonality, frac_snow, high_prec_freq, ... are computed
                of all days that are read, see `climate_indices`; those of the data set give way
    names       netcdf: what quantities are called in the file, where that is not plain; camels:
                which column is read (of cl, aus: which file) where there are several products
    select      ids of some of the basins; all without it
    period      first and last day, month or year that are read; all days without it
    missing     caravan, netcdf: numbers that stand for missing values, where files do not say
    """

    format: str | None = None
    path: str | None = None
    polygons: PolygonsOptions | None = None
    forcing: str | tuple[str, ...] | None = None
    series: tuple[str, ...] = ()
    reading: Reading = Reading()
    rasters: dict | None = None
    discharge: str | None = None
    units: str | None = None
    country: str | None = None
    table: str | None = None
    attributes: tuple[str, ...] = ()
    pet: str | None = None
    climate: bool = False
    names: dict | None = None
    select: tuple[str, ...] = ()
    period: tuple[str, str] | None = None
    missing: float | tuple[float, ...] | None = None

    @property
    def kind(self) -> str:
        """The format; ValueError where none is said, or two are."""
        if self.polygons is None:
            if self.format is None:
                raise ValueError("missing 'format' with its 'path', or 'polygons'")
            if self.format not in FORMATS or self.format == "polygons":
                known = ", ".join(name for name in FORMATS if name != "polygons")
                raise ValueError(f"format is one of {known}, not '{self.format}'")
            return self.format
        if self.format is not None or self.path is not None:
            raise ValueError("give either 'format' and 'path', or 'polygons'")
        return "polygons"

    @property
    def source(self) -> str:
        """The path, or the file of polygons; ValueError where it is not said."""
        if self.polygons is not None:
            return self.polygons.file
        if self.path is None:
            raise ValueError("missing 'path'")
        return self.path


def read_sample(options: BasinsOptions, data: Path) -> xr.Dataset:
    """The basins dataset of a section; ValueError, and FileNotFoundError without the file."""
    reader, _ = FORMATS[options.kind]
    path = data / options.source
    if not path.exists():
        raise FileNotFoundError(f"there is nothing at {path.resolve()}")
    return reader(options, path, data)


def _camels_us(options: BasinsOptions, path: Path, data: Path) -> xr.Dataset:
    if isinstance(options.forcing, tuple):
        raise ValueError(f"forcing is one of {', '.join(PRODUCTS)}")
    chosen = list(options.select) or None
    return io.read_camels_us(path, options.forcing or "daymet", chosen, options.period)


def _camels(options: BasinsOptions, path: Path, data: Path) -> xr.Dataset:
    chosen = list(options.select) or None
    if options.country is None:
        raise ValueError(f"format 'camels' goes with a country, one of {', '.join(LAYOUTS)}")
    return io.read_camels(path, options.country, chosen, options.period, options.names)


def _caravan(options: BasinsOptions, path: Path, data: Path) -> xr.Dataset:
    chosen = list(options.select) or None
    return io.read_caravan(path, chosen, period=options.period, missing=options.missing)


def _netcdf(options: BasinsOptions, path: Path, data: Path) -> xr.Dataset:
    table = None if options.table is None else data / options.table
    return io.read_basins(
        path, options.names, attributes=table, period=options.period,
        basins=list(options.select) or None, missing=options.missing,
    )  # fmt: skip


def _polygons(options: BasinsOptions, path: Path, data: Path) -> xr.Dataset:
    polygons, forcing = options.polygons, options.forcing
    if polygons is None or forcing is None:
        raise ValueError("polygons go with a 'forcing', the weather that is averaged over them")
    places = [forcing] if isinstance(forcing, str) else list(forcing)
    found = from_polygons(
        path, [place if "://" in place else data / place for place in places],
        {name: _layer(name, given, data) for name, given in (options.rasters or {}).items()},
        None if options.discharge is None else data / options.discharge,
        names=polygons.name, columns=polygons.columns, select=list(options.select) or None,
        period=options.period, series=list(options.series) or None, reading=options.reading,
        minimum=polygons.minimum, units=options.units,
    )  # fmt: skip
    return found.load()  # what a training reads many times is averaged once


def _layer(name: str, given, data: Path) -> Layer:
    layer = given if isinstance(given, Layer) else Layer(given)
    path = data / str(layer.raster)
    if not path.is_file():
        raise FileNotFoundError(f"rasters: {name}: there is no file {path.resolve()}")
    return replace(layer, raster=path)


# how each format is read, and the keys of [basins] that it takes and not all do
FORMATS: dict[str, tuple[Callable[[BasinsOptions, Path, Path], xr.Dataset], tuple[str, ...]]] = {
    "camels_us": (_camels_us, ("forcing",)),
    "camels": (_camels, ("country", "names")),
    "caravan": (_caravan, ("missing",)),
    "netcdf": (_netcdf, ("table", "names", "missing")),
    "polygons": (
        _polygons,
        ("polygons", "forcing", "series", "reading", "rasters", "discharge", "units"),
    ),
}
