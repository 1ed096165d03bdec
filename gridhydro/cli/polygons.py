"""The command that makes a file of basins of polygons and gridded weather: basins."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from pathlib import Path

from gridhydro.cli.manual import page, takes_period

_BASINS = """
Averages gridded weather and rasters over polygons of basins, by the areas that
polygons and cells share, and writes a file of basins that gridhydro train
reads: in a domain file [basins] with format = "netcdf" and its path.

Needs a file of polygons (GeoPackage, GeoJSON, shapefile) in any reference
system, weather in NetCDF files or Zarr stores (variables are known by their
usual names or their standard names), and exactextract (pip install
'gridhydro[polygons]').

Writes a NetCDF file (.nc) or Zarr store (.zarr): daily series by our names,
latitude, longitude and area of each basin, its attributes and its discharge.
"""
_BASINS_EXAMPLES = """
gridhydro basins --polygons rhine.gpkg --forcing ERA5 --out basins.nc
gridhydro basins --polygons a.shp --name HYBAS_ID --forcing pr.zarr --out a.nc
gridhydro basins --polygons a.shp --forcing ERA5 --discharge q.csv --out a.nc
gridhydro basins --polygons a.shp --forcing E --out a.nc --columns slope clay
gridhydro basins --polygons a.shp --forcing E --out a.nc --raster height=d.tif
gridhydro basins --polygons a.shp --forcing E --out a.nc --period 1990 2019
"""


def add_basins(commands) -> None:
    """`gridhydro basins`."""
    parser = page(
        commands, "basins", "make a file of basins of polygons and gridded weather",
        _BASINS, _BASINS_EXAMPLES, _make,
    )  # fmt: skip
    parser.add_argument(
        "--polygons", type=Path, required=True, metavar="FILE",
        help="GeoPackage, GeoJSON or shapefile, or a folder with one of them",
    )  # fmt: skip
    parser.add_argument(
        "--forcing", nargs="+", required=True, metavar="PATH",
        help="files, stores, folders, patterns or addresses of daily or hourly weather",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="file .nc or store .zarr to write"
    )
    parser.add_argument(
        "--name", metavar="COLUMN", help="column that names the polygons, where that is not plain"
    )
    parser.add_argument(
        "--select", nargs="+", metavar="NAME",
        help="names of the polygons that are used, or a text file of them",
    )  # fmt: skip
    parser.add_argument(
        "--columns", nargs="+", default=(), metavar="COLUMN",
        help="columns of the polygons that become attributes",
    )  # fmt: skip
    parser.add_argument(
        "--raster", nargs="+", default=(), type=_raster, metavar="NAME=FILE[:HOW]",
        help="rasters that become attributes: their mean, fraction or direction",
    )  # fmt: skip
    parser.add_argument(
        "--discharge", type=Path, metavar="FILE",
        help="CSV with a date and a column for each polygon, m3 s-1, or NetCDF",
    )  # fmt: skip
    parser.add_argument("--units", metavar="UNIT", help="of the discharge, where it does not say")
    parser.add_argument(
        "--series", nargs="+", metavar="NAME",
        help="precipitation, temperature, ...: those that are wanted; all that are known if left "
        "out",
    )  # fmt: skip
    parser.add_argument(
        "--crs", metavar="CODE", help="reference system of the weather, where files do not say it"
    )
    parser.add_argument(
        "--cell-reference", default="center", metavar="POINT",
        help="the point of a cell that coordinates of the weather stand for: center, or a corner "
        "such as upper_left",
    )  # fmt: skip
    parser.add_argument(
        "--minimum", type=float, default=0.5, metavar="PART",
        help="the part of a polygon that needs data; 0.5 if left out",
    )  # fmt: skip
    takes_period(parser, "the days that all series have")


def _raster(text: str) -> tuple[str, str, str]:
    name, equals, rest = text.partition("=")
    path, colon, how = rest.rpartition(":")
    if not colon or how not in ("mean", "fraction", "direction"):
        path, how = rest, "mean"
    if not (name and equals and path):
        raise ArgumentTypeError(f"'{text}' is not NAME=FILE or NAME=FILE:HOW")
    return name, path, how


def _make(options: Namespace) -> None:
    from gridhydro.inputs.basins import Layer, from_polygons
    from gridhydro.io import Reading, write_basins

    if options.out.suffix not in (".nc", ".zarr"):
        raise ValueError(f"--out {options.out}: basins are written to a file .nc or a store .zarr")
    select = options.select
    if select is not None and len(select) == 1 and Path(select[0]).is_file():
        select = Path(select[0])
    data = from_polygons(
        options.polygons, options.forcing,
        {name: Layer(path, how) for name, path, how in options.raster}, options.discharge,
        names=options.name, columns=options.columns, select=select, period=options.period,
        series=options.series, units=options.units, minimum=options.minimum,
        reading=Reading(crs=options.crs, cell_reference=options.cell_reference),
    )  # fmt: skip
    write_basins(data, options.out)
    days = data["time"].values.astype("datetime64[D]")
    print(
        f"{data.sizes['gauge']} basins, {days[0]} to {days[-1]}: {', '.join(map(str, data))}\n"
        f"written: {options.out}"
    )
