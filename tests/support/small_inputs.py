"""A small valid input for every reader: written once, and read as a user would."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import rioxarray  # noqa: F401  writes rasters
import shapely
import xarray as xr

from gridhydro import COLUMNS, Domain, Forcing, io, splits
from gridhydro.analysis import untrained_variables
from gridhydro.cli.tables import storage_table, target_table
from gridhydro.config.domain import _gauge_table
from gridhydro.config.parse import named
from gridhydro.config.recipes import read_recipe, recipes
from gridhydro.domain.lake_table import lake_table
from gridhydro.io.tables import read_attributes
from gridhydro.io.vector import read_polygons
from gridhydro.model.state import State
from gridhydro.model.state_file import Origin
from gridhydro.surrogate import Runs
from tests.support.black_box import sample
from tests.support.hydropy_land import flat_land
from tests.support.native_mascons import write_native_mascons
from tests.support.small_basins import small_basins

DAYS = pd.date_range("2001-01-01", periods=30, name="time")
LAT, LON = np.array([3.5, 2.5, 1.5, 0.5]), np.array([10.5, 11.5, 12.5])
_GRDC = """# Title:                 GRDC STATION DATA FILE
# missing values are indicated by -999.000
# GRDC-No.:              {number}
# River:                 RIO
# Station:               BRIDGE
# Latitude (DD):       -1.9
# Longitude (DD):      -55.51
# Catchment area (km2):      4680.0
# Data Set Content:      MEAN DAILY DISCHARGE (Q)
# Unit of measure:                  m3/s
# DATA
YYYY-MM-DD;hh:mm; Value
"""


@dataclass(frozen=True)
class Reader:
    """Something that reads: what writes a file for it, and how the file, or the folder that is
    given, is read."""

    write: Callable[[Path], object]
    read: Callable[[Path], object]


def raster(seed: int = 0, **attrs) -> xr.DataArray:
    values = np.random.default_rng(seed).gamma(2, 10, (LAT.size, LON.size))
    coords = {
        "lat": ("lat", LAT, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": ("lon", LON, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    return xr.DataArray(values, coords, ("lat", "lon"), "value", attrs)


def series(name="temperature", units="K", base=290.0) -> xr.DataArray:
    swing = xr.DataArray(np.sin(np.arange(DAYS.size)), {"time": DAYS}, "time")
    return (base + swing + 0.01 * raster()).rename(name).assign_attrs(units=units)


def basins(count: int = 3) -> xr.Dataset:
    return small_basins().isel(gauge=slice(count), time=slice(366, 366 + 60))


def discharge() -> pd.DataFrame:
    values = np.random.default_rng(0).gamma(2, 5, (DAYS.size, 2)).round(2)
    return pd.DataFrame(values, DAYS, ["a", "b"])


def _tif(folder: Path) -> None:
    raster().rename(lat="y", lon="x").rio.write_crs("EPSG:4326").rio.to_raster(folder / "a.tif")


def _asc(folder: Path) -> None:
    rows = "\n".join(" ".join(f"{v:.2f}" for v in row) for row in raster().values)
    head = "ncols 3\nnrows 4\nxllcorner 10\nyllcorner 0\ncellsize 1\nNODATA_value -9999\n"
    (folder / "a.asc").write_text(head + rows + "\n")


def _mhm(folder: Path) -> None:
    days = [f"{d:%Y %m %d} 00 00 {i:.3f}" for i, d in enumerate(DAYS, 1)]
    head = ["1 gauge", "nodata -9999.000", "n 1", "start 2001 01 01 00 00", "end 2001 01 30 00 00"]
    (folder / "a.txt").write_text("\n".join([*head, *days]) + "\n")


def _discharge_nc(folder: Path) -> None:
    table = discharge()
    data = xr.Dataset(
        {"discharge": (("time", "gauge"), table.to_numpy(), {"units": "m3 s-1"})},
        {"time": DAYS, "gauge": ["a", "b"]},
    )
    data.to_netcdf(folder / "a.nc")


def _caravan(folder: Path, kind: str) -> None:
    place, tables = folder / "timeseries" / kind / "x", folder / "attributes/x"
    place.mkdir(parents=True)
    tables.mkdir(parents=True)
    for gauge in ("x_1", "x_2"):
        names = ["total_precipitation_sum", "temperature_2m_mean", "streamflow"]
        values = np.random.default_rng(len(gauge)).gamma(2, 2, (DAYS.size, 3)).round(3)
        table = pd.DataFrame(values, DAYS.rename("date"), names)
        if kind == "csv":
            table.to_csv(place / f"{gauge}.csv")
        else:
            table.to_xarray().to_netcdf(place / f"{gauge}.nc")
    gauges = pd.Index(["x_1", "x_2"], name="gauge_id")
    other = {"gauge_lat": [45.0, 46], "gauge_lon": [5.0, 6], "area": [100.0, 200]}
    pd.DataFrame(other, gauges).to_csv(tables / "attributes_other_x.csv")
    pd.DataFrame({"p_mean": [3.0, 2]}, gauges).to_csv(tables / "attributes_caravan_x.csv")


def _camels(folder: Path) -> None:
    weather, flow = folder / "basin_mean_forcing/daymet/01", folder / "usgs_streamflow/01"
    weather.mkdir(parents=True)
    flow.mkdir(parents=True)
    head = ["Year Mnth Day Hr", "dayl(s)", "prcp(mm/day)", "srad(W/m2)", "swe(mm)", "tmax(C)",
            "tmin(C)", "vp(Pa)"]  # fmt: skip
    lines = [f"{d:%Y %m %d} 12\t31000.00\t1.50\t180.00\t0.00\t5.00\t-4.00\t400.00" for d in DAYS]
    text = ["  44.60", "  100.00", "587675987", "\t".join(head), *lines]
    (weather / "01022500_lump_cida_forcing_leap.txt").write_text("\n".join(text) + "\n")
    flows = [f"01022500 {d:%Y %m %d}  {200 + d.day}.00 A" for d in DAYS]
    (flow / "01022500_streamflow_qc.txt").write_text("\n".join(flows) + "\n")
    (folder / "camels_topo.txt").write_text(
        "gauge_id;gauge_lat;gauge_lon;elev_mean;area_gages2\n01022500;44.6;-67.9;92.7;573.6\n"
    )


def _camels_by_variable(folder: Path) -> None:
    index = DAYS.strftime("%Y-%m-%d").rename("gauge_id")
    for name, value in (
        ("3_CAMELScl_streamflow_mm", 1.0), ("4_CAMELScl_precip_cr2met", 3.0),
        ("8_CAMELScl_tmin_cr2met", -1.0), ("9_CAMELScl_tmax_cr2met", 9.0),
    ):  # fmt: skip
        values = value + np.arange(len(DAYS))[:, None] / [40, 50]
        table = pd.DataFrame(values, index, ["1001", "1002"])
        table.to_csv(folder / f"{name}.txt", sep="\t")
    table = pd.DataFrame({"area": [50.0, 60], "elev_mean": [900.0, 80]}, ["1001", "1002"]).T
    table.to_csv(folder / "1_CAMELScl_attributes.txt", sep="\t", index_label="gauge_id")


def _grace(folder: Path) -> None:
    months = pd.date_range("2004-01-01", "2005-12-01", freq="MS")
    zero = pd.Timestamp("2002-01-01")
    start, end = (months - zero).days, (months + pd.offsets.MonthBegin() - zero).days
    values = 10 * np.sin(np.arange(24))[:, None, None] + raster().values / 100
    data = xr.Dataset(
        {
            "lwe_thickness": (("time", "lat", "lon"), values, {"units": "cm"}),
            "time_bounds": (("time", "bounds"), np.stack([start, end], 1).astype(float)),
        },
        {
            "time": ("time", (start + end) / 2, {"units": "days since 2002-01-01"}),
            **raster().coords,
        },
    )
    data.to_netcdf(folder / "a.nc")


def _native(folder: Path) -> None:
    write_native_mascons(folder / "a.h5")


def _grdc(folder: Path) -> None:
    for number in (1, 2):
        rows = "".join(f"{d:%Y-%m-%d};--:--;  {d.day}.000\n" for d in DAYS)
        (folder / f"{number}_Q_Day.Cmd.txt").write_text(_GRDC.format(number=number) + rows)


def _wfdei(folder: Path) -> None:
    for name, units, base in (("Tair", "K", 290.0), ("Rainf", "kg m-2 s-1", 1e-4),
                              ("Snowf", "kg m-2 s-1", 1e-5)):  # fmt: skip
        array = series(name, units, base)
        (array if name == "Tair" else abs(array * 0 + base).assign_attrs(units=units)).to_netcdf(
            folder / f"{name}_200101.nc"
        )


def _domain(folder: Path) -> None:
    codes = raster().copy(data=np.full((4, 3), 6.0))
    codes[:, -1] = 5
    Domain.from_d8(codes, "ldd", gauges=[{"name": "a", "x": 12.5, "y": 3.5}]).to_file(
        folder / "a.nc"
    )


def _reaches() -> geopandas.GeoDataFrame:
    ids, down = [10, 20, 30, 40], [30, 30, 40, 0]
    lines = [shapely.LineString([(10 + i, 1), (10.5 + i, 0.5)]) for i in range(4)]
    table = {"COMID": ids, "NextDownID": down, "lengthkm": [9.0, 7, 5, 3], "slope": 0.01,
             "unitarea": [40.0, 30, 20, 10]}  # fmt: skip
    return geopandas.GeoDataFrame(table, geometry=lines, crs="EPSG:4326")


def _network(folder: Path) -> None:
    _reaches().drop(columns="geometry").to_csv(folder / "a.csv", index=False)


def _read_network(folder: Path) -> Domain:
    (path,) = (p for p in folder.iterdir() if p.suffix in (".csv", ".gpkg"))
    with named(str(path)):
        return Domain.from_network(io.read_reaches(path))


def _network_domain(folder: Path) -> None:
    Domain.from_network(_reaches(), gauges="all").to_file(folder / "a.nc")


def _state(folder: Path) -> None:
    import torch

    attrs = {"soil": {"units": "mm", "long_name": "water"}}
    place = torch.zeros(2, 3, dtype=torch.float64)
    origin = Origin("2001-01-30", "0", "hbv", 3, 0, ("rain",), attrs, (), place)
    state = State({"soil": torch.ones(3, 1)}, torch.ones(6, 3), weather=torch.ones(1, 3, 3))
    replace(state, origin=origin).to_file(folder / "a.nc")


def _tables(folder: Path, names: str) -> None:
    heads = names.split()
    rows = [["one", "1", "all", *["0.5"] * (len(heads) - 3)]] * 2
    text = "\n".join(",".join(row) for row in [heads, *rows])
    (folder / "a.csv").write_text(text + "\n")


def _storage(folder: Path) -> None:
    months = pd.date_range("2004-01-01", periods=24, freq="MS")
    data = xr.Dataset(
        {"twsa": (("time", "gauge"), np.random.default_rng(0).normal(0, 50, (24, 2)))},
        {"time": months, "gauge": ["a", "b"]},
    )
    data["twsa"].attrs["units"] = "mm"
    data.to_netcdf(folder / "a.nc")


def _split(folder: Path) -> None:
    found = splits.pub(list("abcdef"), ("2001-01-01", "2001-12-31"), 2)
    splits.save(found, folder / "a.json")


def _gauges(folder: Path) -> None:
    table = {"name": ["a", "b"], "lon": [10.5, 11.5], "lat": [0.5, 1.5], "area_km2": [100.0, 200]}
    pd.DataFrame(table).to_csv(folder / "a.csv", index=False)


def _gauge_points(folder: Path) -> None:
    points = geopandas.points_from_xy([10.5, 11.5], [0.5, 1.5], crs="EPSG:4326")
    table = {"name": ["a", "b"], "area_km2": [100.0, 200]}
    geopandas.GeoDataFrame(table, geometry=points).to_file(folder / "a.gpkg")


def _polygons(folder: Path) -> None:
    boxes = [shapely.box(10, 0, 11.5, 2), shapely.box(11, 1, 13, 4)]
    table = geopandas.GeoDataFrame({"gauge_id": ["a", "b"]}, geometry=boxes, crs="EPSG:4326")
    table.to_file(folder / "a.shp")


def _attributes(folder: Path) -> None:
    table = {"sand": [0.1, 0.2], "rock": ["clay", "loam"]}
    pd.DataFrame(table, pd.Index(["a", "b"], name="gauge_id")).to_csv(folder / "a.csv")


def _nc(data: Callable) -> Callable[[Path], object]:
    return lambda folder: data().to_netcdf(folder / "a.nc")


def _weather() -> xr.Dataset:
    rain = series("precipitation", "mm d-1", 20.0)
    demand = series("potential_evapotranspiration", "mm d-1", 20.0)
    return xr.merge([series(), rain, demand])


def _opened(folder: Path) -> object:
    directions = xr.DataArray(np.ones((4, 3), "u1"), {"lat": LAT, "lon": LON}, ("lat", "lon"))
    domain = Domain.from_d8(directions, "esri", crs="EPSG:4326")
    return Forcing.open(folder / "a.nc", domain, COLUMNS["hbv"]).values[:]


def _day_rasters(folder: Path) -> None:
    for day in DAYS[:3]:
        field = raster(day.day).rename(lat="y", lon="x").astype("float32")
        path = folder / f"PRISM_ppt_stable_4kmD2_{day:%Y%m%d}_bil.bil"
        field.rio.write_crs("EPSG:4269").rio.to_raster(path, driver="EHdr")


def _file(name: str, read: Callable, *given, **options) -> Callable[[Path], object]:
    return lambda folder: read(folder / name, *given, **options)


def _loaded(read: Callable) -> Callable[[Path], object]:
    return lambda *given, **options: read(*given, **options).load()


def _lakes() -> pd.DataFrame:
    return pd.DataFrame(
        dict(Hylak_id=[1, 2], Lake_type=[1, 2], Lake_area=[3.0, 2.0], Vol_total=[9.0, -9999],
             Pour_long=[10.5, 11.5], Pour_lat=[2.5, 1.5])
    )  # fmt: skip


def _lake_points(folder: Path) -> None:
    table = _lakes()
    points = geopandas.points_from_xy(table["Pour_long"], table["Pour_lat"])
    geopandas.GeoDataFrame(table, geometry=points, crs="EPSG:4326").to_file(folder / "a.gpkg")


def _lakes_of(name: str):
    return lambda folder: lake_table(io.read_lakes(folder / name), "EPSG:4326")


READERS = {
    "raster_nc": Reader(_nc(raster), _file("a.nc", io.read_raster)),
    "raster_tif": Reader(_tif, _file("a.tif", io.read_raster)),
    "raster_asc": Reader(_asc, _file("a.asc", io.read_raster, crs="EPSG:4326")),
    "series": Reader(_nc(series), _file("a.nc", io.read_series)),
    "opened": Reader(_nc(_weather), _opened),
    "discharge_csv": Reader(
        lambda folder: discharge().to_csv(folder / "a.csv"), _file("a.csv", io.read_discharge, "a")
    ),
    "discharge_txt": Reader(_mhm, _file("a.txt", io.read_discharge, "a")),
    "discharge_nc": Reader(_discharge_nc, _file("a.nc", io.read_discharge, "a")),
    "basins": Reader(
        lambda folder: io.write_basins(basins(), folder / "a.nc"),
        _file("a.nc", _loaded(io.read_basins)),
    ),
    "basins_table": Reader(
        lambda folder: (
            io.write_basins(basins(2).assign_coords(gauge=["a", "b"]), folder / "b.nc"),
            _attributes(folder),
        ),
        lambda folder: io.read_basins(folder / "b.nc", attributes=folder / "a.csv").load(),
    ),
    "caravan_csv": Reader(partial(_caravan, kind="csv"), _loaded(io.read_caravan)),
    "caravan_nc": Reader(partial(_caravan, kind="netcdf"), _loaded(io.read_caravan)),
    "camels_us": Reader(_camels, _loaded(io.read_camels_us)),
    "camels_cl": Reader(_camels_by_variable, _loaded(partial(io.read_camels, country="cl"))),
    "grace": Reader(_grace, io.read_grace),
    "grace_native": Reader(_native, _file("a.h5", io.read_grace)),
    "grdc": Reader(_grdc, io.read_grdc),
    "hydropy": Reader(_nc(lambda: flat_land(LAT, LON)), _file("a.nc", io.read_land_surface)),
    "wfdei": Reader(_wfdei, _loaded(io.read_wfdei)),
    "domain": Reader(_domain, _file("a.nc", Domain.from_file)),
    "network": Reader(_network, _read_network),
    "network_lines": Reader(lambda folder: _reaches().to_file(folder / "a.gpkg"), _read_network),
    "network_domain": Reader(_network_domain, _file("a.nc", Domain.from_file)),
    "gauges": Reader(_gauges, _file("a.csv", _gauge_table)),
    "gauge_points": Reader(_gauge_points, _file("a.gpkg", _gauge_table)),
    "lakes": Reader(
        lambda folder: _lakes().to_csv(folder / "a.csv", index=False), _lakes_of("a.csv")
    ),
    "lake_points": Reader(_lake_points, _lakes_of("a.gpkg")),
    "polygons": Reader(_polygons, _file("a.shp", read_polygons)),
    "weather": Reader(_nc(_weather), _file("a.nc", _loaded(io.open_weather))),
    "day_rasters": Reader(_day_rasters, _loaded(io.open_weather)),
    "attributes": Reader(_attributes, _file("a.csv", read_attributes, ["a", "b"])),
    "runs": Reader(lambda folder: sample(3).write(folder / "a.nc"), _file("a.nc", Runs.read)),
    "recipe": Reader(
        lambda folder: (folder / "a.toml").write_bytes(recipes()["wang_2024"].read_bytes()),
        _file("a.toml", read_recipe),
    ),
    "state": Reader(_state, _file("a.nc", State.from_file)),
    "splits": Reader(_split, _file("a.json", splits.load)),
    "storage": Reader(_storage, _file("a.nc", untrained_variables.read_storage)),
    "storage_scores": Reader(
        partial(_tables, names="tile solutions period nse correlation rmse"),
        _file("a.csv", storage_table),
    ),
    "target_scores": Reader(
        partial(_tables, names="target unit period gauge rmse ubrmse bias correlation nse kge"),
        _file("a.csv", target_table),
    ),
}
