"""Gauges: reading, placing, moving to a better cell, cropping to their basins."""

import geopandas
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.domain.check import DomainWarning
from gridhydro.domain.domain import Domain
from gridhydro.domain.gauges import read_gauges

# a main river down the middle column, with side cells draining into it
CODES = np.array([[1, 4, 16, 16, 16]] * 5 + [[1, 0, 16, 16, 16]])
RASTER = xr.DataArray(
    CODES, {"y": 1000.0 * np.arange(6)[::-1], "x": 1000.0 * np.arange(5)}, ("y", "x")
).rio.write_crs("EPSG:3035")


def place(snap=False, **gauge):
    return Domain.from_d8(RASTER, "esri", gauges=[{"name": "a", **gauge}], snap=snap)


def test_gauge_on_its_river_stays():
    domain = place(x=1020, y=1980, area_km2=20)
    assert domain.gauges.loc["a", ["x", "y"]].tolist() == [1020, 1980]
    assert domain.gauges.loc["a", "network_area_km2"] == 20
    cell = domain.gauge_cells[0]
    assert (domain.row[cell], domain.col[cell]) == (3, 1)
    assert domain.report.good and not domain.report.warnings


def test_gauge_beside_its_river_gets_a_better_cell_suggested():
    with pytest.raises(ValueError, match=r"drains 3 km2, not the 21 km2 reported, -86%") as found:
        place(x=2000, y=2000, area_km2=21)
    assert "a better cell is row 3, col 1 (y 2000, x 1000) with 20 km2" in str(found.value)

    moved = place(snap=True, x=2000, y=2000, area_km2=21)
    assert moved.gauges.loc["a", "network_area_km2"] == 20
    assert "was moved" in str(moved.report)


def test_gauge_area_that_fits_nowhere_is_reported():
    with pytest.warns(DomainWarning, match="gauge 'a' .* no cell within 2 fits better"):
        domain = place(x=1000, y=0, area_km2=40)
    assert "no cell within 2 fits better" in str(domain.report)


def test_gauges_outside_the_raster_are_refused():
    with pytest.raises(ValueError, match=r"gauge 'a' at x 99000, y 0 lies outside the raster"):
        place(x=99000, y=0)
    with pytest.raises(ValueError, match=r"outside the raster .* better cell is row 5, col 1"):
        place(x=1000, y=-1000, area_km2=30)
    assert place(snap=True, x=1000, y=-1000, area_km2=30).gauges["network_area_km2"].item() == 30
    with pytest.raises(ValueError, match=r"which has no data; a better cell is row 0, col 1"):
        Domain.from_d8(
            RASTER, "esri", mask=CODES * [0, 1, 1, 1, 1], gauges=[{"name": "a", "x": 0, "y": 5000}]
        )


@pytest.mark.filterwarnings("ignore:gauge 'a' was moved")
def test_gauges_near_the_date_line_find_their_cell():
    lon = np.arange(-179.0, 180, 2)
    codes = np.full((3, lon.size), 6)
    codes[:, 0] = 5
    globe = xr.DataArray(codes, {"lat": [2.0, 0, -2], "lon": lon}, ("lat", "lon"))
    for where in (179.5, -180.5, 539.5):
        gauges = [{"name": "a", "lon": where, "lat": 0.0, "area_km2": 8.85e6}]
        domain = Domain.from_d8(globe, "ldd", gauges=gauges)
        assert domain.col[domain.gauge_cells[0]] == lon.size - 1
        assert not domain.report.warnings
        headwater = [{**gauges[0], "area_km2": 49000.0}]
        moved = Domain.from_d8(globe, "ldd", gauges=headwater, snap=True)
        assert moved.col[moved.gauge_cells[0]] == 1
        assert moved.gauges["network_area_km2"].item() < 50000


def test_gauges_from_tables_and_points():
    table = pd.DataFrame({"name": ["a"], "lon": [6.5], "lat": [49.0], "area_km2": [3.0]})
    one = read_gauges(table, "EPSG:3035")
    points = geopandas.GeoDataFrame(
        {"name": ["a"]}, geometry=geopandas.points_from_xy([6.5], [49.0]), crs="EPSG:4326"
    )
    two = read_gauges(points, "EPSG:3035")
    np.testing.assert_allclose(one[["x", "y"]], two[["x", "y"]])
    assert np.isnan(two["area_km2"].item())
    assert read_gauges(table.set_index("name"), "EPSG:3035").equals(one)
    renamed = table.rename(columns={"lon": "longitude", "lat": "latitude"}).to_dict("records")
    assert read_gauges(renamed, "EPSG:3035").equals(one)


@pytest.mark.parametrize(
    ("gauges", "sentence"),
    [
        ([{"lon": 1, "lat": 2}], "need a 'name'"),
        ([{"name": "a"}], "need lon and lat, or x and y"),
        ([{"name": "a", "x": 1, "y": 2}] * 2, "'a' is given twice"),
        ([{"name": "a", "x": 1, "y": np.nan}], "gauge 'a' has no position"),
        ([{"name": "a", "x": 1, "y": 2, "area_km2": 0}], "area of gauge 'a' is not above zero"),
    ],
)
def test_unreadable_gauges_are_refused(gauges, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_gauges(gauges, "EPSG:3035")


def test_domain_is_cropped_to_a_basin():
    gauges = [
        {"name": "upper", "x": 1000, "y": 4000},
        {"name": "lower", "x": 1000, "y": 2000},
        {"name": "mouth", "x": 1000, "y": 0},
    ]
    whole = Domain.from_d8(RASTER, "esri", gauges=gauges)
    part = whole.crop(["lower"])
    assert part.size == 20
    assert part.shape == (4, 5)
    assert list(part.gauges.index) == ["upper", "lower"]
    np.testing.assert_array_equal(part.gauges["network_area_km2"], [10, 20])
    upstream = part.network.accumulate(part.area) / 1e6
    np.testing.assert_array_equal(upstream[part.gauge_cells], [10, 20])
    inside = whole.unpack(np.arange(whole.size))
    np.testing.assert_array_equal(part.unpack(part.pack(inside)), inside[:4])
    with pytest.raises(ValueError, match=r"no gauge .*'nowhere'.* has upper, lower, mouth"):
        whole.crop("nowhere")


def test_gauges_of_the_lez(data):
    with xr.open_dataset(data("lez/lez_2012_2013.nc")) as lez:
        gauges = pd.DataFrame(
            {
                "name": lez["gauge"].values,
                "x": lez["gauge_x"].values,
                "y": lez["gauge_y"].values,
                "area_km2": lez["gauge_area"].values,
            }
        )
        domain = Domain.from_d8(lez["flwdir"], "smash", crs="EPSG:2154", gauges=gauges, snap=True)
    error = domain.gauges["network_area_km2"] / domain.gauges["area_km2"] - 1
    assert np.all(np.abs(error) < 0.03)
    nested = domain.network.upstream_cells(domain.gauge_cells[0])
    assert np.isin(domain.gauge_cells, nested).all()
