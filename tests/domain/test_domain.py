"""Domains: checks, areas, packing, cropping, files; the real DDM30 and lumped basins."""

import time

import numpy as np
import pandas as pd
import pytest
import rioxarray
import xarray as xr

from gridhydro.base import files
from gridhydro.domain.domain import Domain
from gridhydro.model.model import Model
from gridhydro.nets.options import ParameterNetwork
from gridhydro.training.check import check


def esri(codes, step=1000.0):
    codes = np.asarray(codes)
    rows, cols = codes.shape
    coords = {"y": step * np.arange(rows)[::-1], "x": step * np.arange(cols)}
    return xr.DataArray(codes, coords, ("y", "x")).rio.write_crs("EPSG:3035")


VALLEY = [[2, 4, 8], [1, 4, 16], [1, 0, 16]]


@pytest.mark.parametrize(
    ("codes", "sentence"),
    [
        ([[1, 16], [0, 16]], r"1 pair .* each other, the first: row 0, col 0 .*, row 0, col 1"),
        ([[1, 4], [64, 16]], r"1 group .* circle, the first: row 0, col 0 .*row 1, col 0"),
        ([[1, 4], [64, 16]], r"4 cells reach no outlet"),
        ([[1, 4], [64, 16]], r"no cell is an outlet: mark the river mouth"),
        ([[247, 247], [247, 247]], "no cell with data"),
        ([[3, 4], [0, 16]], r"1 cell has a code .*\(3\), the first: row 0, col 0 \(y 1000, x 0\)"),
    ],
)
def test_bad_flow_directions_are_refused(codes, sentence):
    with pytest.raises(ValueError, match=sentence):
        Domain.from_d8(esri(codes), "esri")


def test_upside_down_flow_directions_are_recognised(data):
    path = data("mhm_moselle/morph/fdir.asc")
    raster = rioxarray.open_rasterio(path, mask_and_scale=False).squeeze(drop=True)
    turned = raster.assign_coords(y=raster.y.values[::-1])
    with pytest.raises(ValueError, match=r"upside down.*y coordinate should fall"):
        Domain.from_d8(turned, "esri", crs="EPSG:3035")


def test_cells_draining_far_away_are_a_warning():
    layers = np.array([[[3, -9, 2]], [[1, -9, 1]]]).repeat(2, axis=1)
    layers[1, 1, [0, 2]] = 2
    raster = xr.DataArray(layers, {"y": [1.0, 0], "x": [0.0, 1, 2]}, ("next", "y", "x"))
    domain = Domain.from_d8(raster, "nextxy", crs="EPSG:3035")
    assert "2 cells drain to a cell that is not their neighbour" in str(domain.report)
    assert domain.network.accumulate(np.ones(6))[domain.network.outlets].tolist() == [3, 3]


def test_unknown_reference_system_is_refused():
    raster = esri(VALLEY).drop_vars("spatial_ref")
    with pytest.raises(ValueError, match=r"reference system .* unknown: give it, for example crs="):
        Domain.from_d8(raster, "esri")
    assert Domain.from_d8(raster, "esri", crs="EPSG:2154").crs.to_epsg() == 2154
    with pytest.raises(ValueError, match=r"y reaches 2000, which is no latitude"):
        Domain.from_d8(raster, "esri", crs="EPSG:4326")
    with pytest.raises(ValueError, match=r"cannot tell rows from columns"):
        Domain.from_d8(raster.rename(y="a"), "esri")
    with pytest.raises(ValueError, match=r"'x' is not evenly spaced: 0 is followed by 1000"):
        Domain.from_d8(raster.assign_coords(x=[0.0, 1000, 3000]), "esri", crs="EPSG:2154")
    with pytest.raises(ValueError, match=r"no coordinate 'x'"):
        Domain.from_d8(raster.drop_vars("x"), "esri", crs="EPSG:2154")


def test_cell_areas_on_plane_ellipsoid_and_sphere():
    assert np.all(Domain.from_d8(esri(VALLEY), "esri").area == 1e6)
    lat, lon = np.arange(-89.5, 90), np.arange(-179.5, 180)
    globe = xr.DataArray(np.full((180, 360), 5), {"lat": lat, "lon": lon}, ("lat", "lon"))
    # the surface of WGS 84 and of a sphere
    assert Domain.from_d8(globe, "ldd").area.sum() == pytest.approx(510_065_621_724_078, rel=1e-9)
    sphere = Domain.from_d8(globe, "ldd", crs="+proj=longlat +R=6371000")
    assert sphere.area.sum() == pytest.approx(4 * np.pi * 6371000**2, rel=1e-12)

    given = esri(np.full((3, 3), 2.0))
    with pytest.raises(ValueError, match=r"units of the cell areas are ''"):
        Domain.from_d8(esri(VALLEY), "esri", area=given)
    given.attrs["units"] = "km2"
    assert np.all(Domain.from_d8(esri(VALLEY), "esri", area=given).area == 2e6)
    given[1, 2] = 0
    with pytest.raises(ValueError, match=r"no area above zero, the first: row 1, col 2"):
        Domain.from_d8(esri(VALLEY), "esri", area=given)


def test_packing_follows_the_coordinates():
    domain = Domain.from_d8(esri(VALLEY), "esri", mask=esri(VALLEY) != 8)
    assert domain.size == 8
    values = np.arange(domain.size) + np.array([[0.0], [100]])
    raster = domain.unpack(values, "storage", {"units": "mm"})
    assert raster.dims == ("time", "y", "x")
    assert raster.rio.crs.to_epsg() == 3035
    assert np.isnan(raster.values).sum() == 2
    np.testing.assert_array_equal(domain.pack(raster), values)
    np.testing.assert_array_equal(domain.pack(raster.values), values)
    np.testing.assert_array_equal(domain.pack(raster.isel(y=[2, 1, 0], x=[2, 1, 0])), values)
    wider = raster.pad(x=(2, 1)).assign_coords(x=np.arange(-2000.0, 3001, 1000))
    np.testing.assert_array_equal(domain.pack(wider.rename(x="xc", y="yc")), values)
    with pytest.raises(ValueError, match=r"'storage' is on another grid.*regrid"):
        domain.pack(raster.assign_coords(x=raster.x + 300))
    with pytest.raises(ValueError, match=r"'storage' does not reach 2 of 8 cells, the first: row"):
        domain.pack(raster.isel(x=slice(2)))


def four_days(domain):
    """Forcing of HBV with units, 1 everywhere."""
    times = pd.date_range("2001-01-01", periods=4)
    one = domain.unpack(np.ones((4, domain.size)), coords={"time": times})
    units = {"precipitation": "mm d-1", "temperature": "degC"}
    units["potential_evapotranspiration"] = "mm d-1"
    return xr.Dataset({name: one.assign_attrs(units=unit) for name, unit in units.items()})


def test_what_training_would_refuse_of_the_forcing_is_reported():
    domain = Domain.from_d8(esri(VALLEY), "esri")
    forcing = four_days(domain)
    assert check(domain, forcing).good
    forcing["precipitation"] = forcing["precipitation"].copy()
    forcing["precipitation"][2, 1, 1] = np.nan
    del forcing["potential_evapotranspiration"].attrs["units"]
    report = check(domain, forcing)
    assert len(report.errors) == 2
    assert "precipitation is missing on 2001-01-03 in row 1, col 1" in str(report)
    assert "'potential_evapotranspiration' has no units" in str(report)
    with pytest.raises(ValueError, match=r"fill them"):
        report.raise_if_bad()
    assert "lacks temperature" in str(check(domain, forcing.drop_vars("temperature")))


def test_a_raster_of_another_reference_system_is_refused():
    domain = Domain.from_d8(esri(VALLEY), "esri", crs="EPSG:32632")
    other = domain.unpack(np.ones(domain.size), "slope").rio.write_crs("EPSG:32633")
    with pytest.raises(ValueError, match="'slope' is in WGS 84 / UTM zone 33N, the domain in"):
        domain.pack(other)


def test_files_opened_plainly_keep_their_reference_system(tmp_path):
    """Without decode_coords, spatial_ref and bounds are variables like any other."""
    domain = Domain.from_d8(esri(VALLEY), "esri", crs="EPSG:32632")
    slope = domain.unpack(np.arange(float(domain.size)), "slope")
    for code in (32632, 32633):
        slope.rio.write_crs(code).to_dataset().to_netcdf(tmp_path / f"{code}.nc")
    with xr.open_dataset(tmp_path / "32632.nc") as opened:
        assert set(opened) == {"slope", "spatial_ref"}
        assert set(domain.maps(opened)) == {"slope"}
        model = Model(domain, attributes=opened, network=ParameterNetwork(hidden=(4,)))
        assert model.network.names == ("slope",)
        with pytest.raises(ValueError, match=r"none of spatial_ref has a value for every cell"):
            Model(domain, attributes=opened.drop_vars("slope"))
    with xr.open_dataset(tmp_path / "32633.nc") as opened:
        with pytest.raises(ValueError, match=r"'slope' is in WGS 84 / UTM zone 33N, the domain in"):
            Model(domain, attributes=opened)
        with pytest.raises(ValueError, match=r"'slope' does not cover 9 of 9 cells"):
            domain.regrid(opened)


def test_forcing_opened_plainly_is_checked(tmp_path):
    domain = Domain.from_d8(esri(VALLEY), "esri")
    forcing = four_days(domain)
    forcing["time_bnds"] = (("time", "bnds"), np.zeros((4, 2)))
    forcing.to_netcdf(tmp_path / "forcing.nc")
    with xr.open_dataset(tmp_path / "forcing.nc") as opened:
        assert {"spatial_ref", "time_bnds"} <= set(opened)
        assert check(domain, opened).errors == []


def test_lumped_basins_take_only_variables_of_every_basin():
    domain = Domain.of_basins([10.0, 20], ["a", "b"])
    table = {"slope": ("gauge", [2.0, 1]), "crs": 0, "time_bnds": (("time", "bnds"), np.eye(2))}
    attributes = xr.Dataset(table, {"gauge": ["b", "a"]})
    model = Model(domain, attributes=attributes, network=ParameterNetwork(hidden=(4,)))
    assert model.network.names == ("slope",)
    with pytest.raises(ValueError, match=r"none of crs has a value for every cell"):
        Model(domain, attributes=attributes[["crs"]])


def test_a_dataset_is_aggregated_variable_by_variable():
    domain = Domain.from_d8(esri(VALLEY), "esri")
    fine = {"y": np.arange(-250, 2500, 500.0)[::-1], "x": np.arange(-250, 2500, 500.0)}
    height = xr.DataArray(np.arange(36.0).reshape(6, 6), fine, ("y", "x"), "height")
    fine = xr.Dataset({"height": height, "twice": 2 * height, "crs": 0}, attrs={"title": "fine"})
    both = domain.aggregate(fine)
    assert set(both) == {"height", "twice"} and both.attrs == {"title": "fine"}
    np.testing.assert_allclose(both["height"][0, 0], np.mean([0, 1, 6, 7]))
    np.testing.assert_allclose(both["twice"], 2 * both["height"])


@pytest.mark.parametrize(("crs", "metre"), [("EPSG:3035", 1.0), ("EPSG:2263", 0.3048006096)])
def test_flow_lengths_are_metres_in_any_unit_of_the_grid(crs, metre):
    from gridhydro.model.river import flow_length

    domain = Domain.from_d8(esri([[1, 1, 0]] * 2).rio.write_crs(crs), "esri")
    assert flow_length(domain) == pytest.approx(1000 * metre)


def same(one, other):
    for name in vars(one.network):
        a, b = getattr(one.network, name), getattr(other.network, name)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    for name in ("row", "col", "area", "x", "y"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.crs == other.crs
    assert one.report == other.report
    pd.testing.assert_frame_equal(one.gauges, other.gauges)


def test_domain_file_restores_the_domain(tmp_path):
    gauges = [{"name": "mouth", "x": 1000, "y": 0, "area_km2": 9}, {"name": "b", "x": 0, "y": 2000}]
    domain = Domain.from_d8(esri(VALLEY), "esri", gauges=gauges)
    domain.to_file(tmp_path / "domain.nc")
    same(domain, Domain.from_file(tmp_path / "domain.nc"))
    with xr.open_dataset(tmp_path / "domain.nc", decode_coords="all") as opened:
        assert opened["area"].rio.crs.to_epsg() == 3035
        assert opened["gauge"].encoding["dtype"] == "S1"
        assert opened["area"].attrs["units"] == "m2"
        assert opened["y"].attrs["standard_name"] == "projection_y_coordinate"
        assert opened["gauge_x"].attrs["standard_name"] == "projection_x_coordinate"
        assert opened["gauge_x"].attrs["units"] == opened["x"].attrs["units"] == "m"
    without = Domain.from_d8(esri(VALLEY), "esri")
    without.to_file(tmp_path / "domain.nc")
    same(without, Domain.from_file(tmp_path / "domain.nc"))

    other = tmp_path / "other.nc"
    xr.Dataset({"a": 1}).to_netcdf(other)
    with pytest.raises(ValueError, match=r"is no domain file: it has no 'downstream'"):
        Domain.from_file(other)


def test_domain_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    domain, path = Domain.from_d8(esri(VALLEY), "esri"), tmp_path / "domain.nc"
    domain.to_file(path)
    synced = []
    monkeypatch.setattr(files.os, "fsync", synced.append)
    domain.to_file(path)
    assert len(synced) == 1

    def fail(data, place, **options):
        place.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    with pytest.raises(OSError, match="disk full"):
        domain.to_file(path)
    assert [p.name for p in tmp_path.iterdir()] == ["domain.nc"]
    same(domain, Domain.from_file(path))


def test_raster_grid_of_lumped_basins_is_refused():
    domain = Domain.from_d8(esri(VALLEY), "esri")
    assert domain.raster_grid is domain.grid
    with pytest.raises(ValueError, match="lumped basins lie in no raster"):
        _ = Domain.of_basins([10.0], ["a"]).raster_grid


def test_domain_of_lumped_basins(tmp_path):
    domain = Domain.of_basins([10.0, 20], ["a", "b"], latitude=[45.0, 46], longitude=[7.0, 8])
    assert domain.gauge_cells.tolist() == [0, 1]
    assert domain.network.downstream.tolist() == [-1, -1]
    assert domain.area.tolist() == [1e7, 2e7]
    assert domain.lonlat[1].tolist() == [45, 46]
    raster = domain.unpack(np.array([[1.0, 2], [3, 4]]))
    assert raster.dims == ("time", "gauge")
    np.testing.assert_array_equal(domain.pack(raster.isel(gauge=[1, 0])), raster)
    with pytest.raises(ValueError, match=r"no values for basin 'b'"):
        domain.pack(raster.isel(gauge=[0]))
    with pytest.raises(ValueError, match=r"area of basin 'b' is not above zero"):
        Domain.of_basins([1, np.nan], ["a", "b"])
    domain.to_file(tmp_path / "domain.nc")
    same(domain, Domain.from_file(tmp_path / "domain.nc"))
    assert domain.crop("b").area.tolist() == [2e7]


def test_domain_of_the_global_ddm30_network(data, tmp_path):
    with xr.open_dataset(data("ddm30/ddm30_global_30min.nc")) as opened:
        ddm = opened.load()
    start = time.perf_counter()
    domain = Domain.from_d8(ddm.flow_direction, "watergap", area=ddm.continental_area)
    assert time.perf_counter() - start < 5
    assert domain.size == 67_420
    upstream = np.sort(domain.network.accumulate(domain.area)[domain.network.outlets]) / 1e12
    # million km2 with the land area of every cell; known values of the Amazon and the Congo are
    # for whole cells of a sphere
    np.testing.assert_allclose(upstream[[-1, -2]], [5.922, 3.695], atol=5e-4)
    sphere = Domain.from_d8(ddm.flow_direction, "watergap", crs="+proj=longlat +R=6371000")
    upstream = np.sort(sphere.network.accumulate(sphere.area)[sphere.network.outlets]) / 1e12
    assert [round(float(area), 2) for area in upstream[[-1, -2]]] == [5.95, 3.71]
    domain.to_file(tmp_path / "domain.nc")
    same(domain, Domain.from_file(tmp_path / "domain.nc"))


@pytest.mark.parametrize(("strayed", "expected"), [
    (1, "1 cell of the flow-direction raster (4 rows, 6 columns) drains out of it or to a cell "
        "without data: row 0, col 5 (y 3500, x 5500); its water leaves the domain there"),
    (2, "2 cells of the flow-direction raster (4 rows, 6 columns) drain out of it or to cells "
        "without data, the first: row 0, col 5 (y 3500, x 5500), row 2, col 5 (y 1500, x 5500); "
        "their water leaves the domain there"),
])  # fmt: skip
def test_cells_that_drain_out_are_those_of_the_raster_of_directions(strayed, expected):
    """Of a domain on a coarser grid too, whose cells have other rows and columns."""
    codes = np.full((4, 6), 1)
    codes[:, 5] = 4  # to the south
    codes[[1, 3], 5] = 0
    codes[[0, 2][:strayed], 5] = 1  # to the east, where the raster ends
    axes = {"y": np.arange(3500.0, 0, -1000), "x": np.arange(500.0, 6000, 1000)}
    raster = xr.DataArray(codes, axes, ("y", "x"))
    domain = Domain.from_d8(raster, "esri", crs="EPSG:3035", resolution=2000, nodata="codes")
    assert domain.shape == (2, 3) and domain.report.warnings[0] == expected
