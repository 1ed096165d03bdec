"""Polygons of basins, the cells of a grid that lie in them, and means over both."""

import warnings

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
import xarray as xr

from gridhydro.domain import zonal_raster
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.grid import Grid, known_crs
from gridhydro.domain.polygons import Polygons
from gridhydro.domain.zonal import OverPolygons
from gridhydro.domain.zones import Zones

pytest.importorskip("exactextract", reason="the extra polygons is not installed")
WGS84 = known_crs("EPSG:4326")


def globe(step=0.5, first=-180.0, down=True, left=True) -> Grid:
    y = np.arange(90 - step / 2, -90, -step)
    x = np.arange(first + step / 2, first + 360, step)
    return Grid(y if down else y[::-1], x if left else x[::-1], WGS84)


def raster(grid: Grid, values) -> xr.DataArray:
    values = np.broadcast_to(values, (*np.shape(values)[:-2], *grid.shape))
    return xr.DataArray(values, {"lat": grid.y, "lon": grid.x}, ("lat", "lon"), "value")


def series(grid: Grid, values) -> xr.DataArray:
    days = np.datetime64("2001-01-01", "ns") + np.arange(len(values)) * np.timedelta64(1, "D")
    return xr.DataArray(
        values, {"time": days, "lat": grid.y, "lon": grid.x}, ("time", "lat", "lon"), "rain"
    )


@pytest.fixture(scope="module")
def rhine(data):
    table = geopandas.read_file(data("ewatercycle/Rhine"))
    return Polygons.of(["rhine"], table.geometry, table.crs)


@pytest.mark.parametrize(
    "box", [(6, 46, 8.3, 47), (6.1, 51.2, 6.3, 51.25), (-170, -85, 170, -60), (0, -10, 40, 10)]
)
def test_areas_are_those_on_the_ellipsoid(box):
    geod = pyproj.Geod(ellps="WGS84")
    # along parallels, of many short geodesics
    edge = np.linspace(box[0], box[2], 20_001)
    lon, lat = np.concatenate([edge, edge[::-1]]), np.repeat([box[1], box[3]], edge.size)
    area = geod.polygon_area_perimeter(lon, lat)[0] / 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape = shapely.segmentize(shapely.box(*box), 1)
    assert Polygons.of(["a"], [shape], WGS84).area_km2 == pytest.approx(abs(area), rel=1e-6)


def test_the_rhine_has_its_area_and_centre_in_any_reference_system(rhine, data):
    table = geopandas.read_file(data("ewatercycle/Rhine"))
    # HydroBASINS states 163,122 km2, counted in cells of 15 arc seconds
    assert rhine.area_km2 == pytest.approx(table["SUB_AREA"], rel=5e-3)
    other = Polygons.of(["rhine"], table.geometry.to_crs("EPSG:3035"), "EPSG:3035")
    assert other.area_km2 == pytest.approx(rhine.area_km2, rel=1e-6)
    assert other.area_km2 == pytest.approx(other.shapes[0].area / 1e6, rel=1e-6)  # equal areas
    middle = shapely.centroid(other.shapes[0])
    back = geopandas.GeoSeries([middle], crs="EPSG:3035").to_crs(4326)[0]
    assert np.ravel(rhine.centres) == pytest.approx(
        [back.x, back.y], abs=0.05
    )  # another kind of centre


def test_cells_in_a_polygon_add_up_to_it_whatever_the_grid(rhine):
    found = [
        Zones.of(rhine, grid)
        for grid in (
            globe(), globe(first=0.0), globe(down=False), globe(left=False), globe(first=-180.25),
        )
    ]  # fmt: skip
    for zones in found:
        # parts of cells are those of their degrees, not of their areas
        assert zones.area.sum() / 1e6 == pytest.approx(rhine.area_km2[0], rel=1e-4)
        assert zones.covered == pytest.approx(1)
    flat = Grid(np.arange(3.6e6, 2.4e6, -5e3), np.arange(3.8e6, 4.6e6, 5e3), known_crs(3035))
    assert Zones.of(rhine, flat).area.sum() / 1e6 == pytest.approx(rhine.area_km2[0], rel=1e-6)


def test_long_edges_are_straight_in_their_own_reference_system():
    square = shapely.box(3e6, 2e6, 5e6, 4e6)  # 2,000 km
    whole = Polygons.of(["a"], [square], 3035)
    assert whole.area_km2 == pytest.approx(4e6, rel=1e-4)
    assert Zones.of(whole, globe()).area.sum() / 1e6 == pytest.approx(4e6, rel=1e-3)


def fiji(shape="jumping"):
    if shape == "split":
        return shapely.MultiPolygon(
            [shapely.box(179, -18, 180, -17), shapely.box(-180, -18, -178, -17)]
        )
    ring = [(179, -18), (-178, -18), (-178, -17), (179, -17)]
    hole = [(-179.5, -17.6), (-179.5, -17.4), (179.5, -17.4), (179.5, -17.6)]
    if shape == "beyond":
        ring = [(x % 360, y) for x, y in ring]
    return shapely.Polygon(ring, [hole] if shape == "hole" else None)


@pytest.mark.parametrize("first", [-180.0, 0.0, -180.25, 90.0])
def test_polygons_lie_across_the_date_line(first):
    split = Polygons.of(["fiji"], [fiji("split")], WGS84)
    beyond = Polygons.of(["fiji"], [fiji("beyond")], WGS84)
    with pytest.warns(DomainWarning, match="fiji jump"):
        jumping = Polygons.of(["fiji"], [fiji()], WGS84)
    grid = globe(first=first)
    # 1 on the one side, 5 on the other, which has two thirds
    field = raster(grid, np.where((grid.x % 360) < 180, 1.0, 5.0)[None])
    if first == -180.25:
        field = field.where(abs(field["lon"] + 180) > 1e-6, 3)  # the cell that lies on both sides
    for one in (split, beyond, jumping):
        assert one.area_km2 == pytest.approx(split.area_km2)
        assert one.centres[0] == pytest.approx(-179.5)
        assert OverPolygons(one).raster(field)["value"] == pytest.approx(11 / 3)
        days = OverPolygons(one).series(series(grid, np.stack([field.values] * 2)))
        assert days.values == pytest.approx(11 / 3)


def test_holes_across_the_date_line_stay_holes():
    with pytest.warns(DomainWarning, match="jump"):
        holed = Polygons.of(["fiji"], [fiji("hole")], WGS84)
    assert holed.shapes[0].area == pytest.approx(3 - 0.2)
    assert Zones.of(holed, globe()).area.sum() / 1e6 == pytest.approx(holed.area_km2[0], rel=1e-4)


def test_heights_of_corners_change_nothing(rhine):
    high = Polygons.of(["rhine"], shapely.force_3d(rhine.shapes, 500.0), rhine.crs)
    assert high.area_km2 == rhine.area_km2
    assert (Zones.of(high, globe()).area != Zones.of(rhine, globe()).area).nnz == 0


def test_a_polygon_smaller_than_a_cell_has_that_of_its_cell():
    grid = globe()
    field = raster(grid, np.arange(grid.y.size * grid.x.size, dtype=float).reshape(grid.shape))
    small = Polygons.of(["a"], [shapely.box(7.6, 50.1, 7.61, 50.11)], WGS84)
    cell = field.sel(lat=50.25, lon=7.75).item()
    assert OverPolygons(small).raster(field)["value"] == pytest.approx(cell)
    # its part of the cell is that of degrees: a cell is narrower by 1 % on its northern edge
    assert Zones.of(small, grid).area.sum() / 1e6 == pytest.approx(small.area_km2[0], rel=5e-3)


def test_axes_may_run_either_way(rhine):
    grid = globe(1.0)
    field = raster(grid, np.random.default_rng(0).normal(size=grid.shape))
    expected = OverPolygons(rhine).raster(field)["value"]
    for turned in (field[::-1], field[:, ::-1], field[::-1, ::-1]):
        days = series(globe(1.0), np.stack([field.values] * 2)).isel(
            {d: slice(None, None, -1) for d in ("lat", "lon") if turned[d][0] != field[d][0]}
        )
        assert OverPolygons(rhine).raster(turned)["value"] == pytest.approx(expected)
        assert OverPolygons(rhine).series(days).values == pytest.approx(
            np.stack([expected] * 2), rel=1e-5
        )


def test_means_weigh_cells_by_their_areas():
    grid = globe(10.0)
    tall = Polygons.of(
        ["a", "half"], [shapely.box(0, 50, 10, 90), shapely.box(5, 50, 25, 70)], WGS84
    )
    values = np.arange(grid.y.size, dtype=float)[:, None]
    area = grid.cell_area()[:4, 0]
    expected = values[:4, 0] @ area / area.sum(), values[2:4, 0] @ area[2:] / area[2:].sum()
    assert OverPolygons(tall).raster(raster(grid, values))["value"] == pytest.approx(expected)
    lazy = OverPolygons(tall).series(series(grid, np.stack([raster(grid, values).values] * 3)))
    # (time, gauge), overlapping polygons each by itself; single precision
    assert lazy.values == pytest.approx(np.stack([expected] * 3), rel=1e-6)


def test_a_raster_is_read_by_bands_and_a_series_by_blocks(monkeypatch, rhine):
    grid = Grid(np.arange(53, 45, -0.1), np.arange(3, 13, 0.1), WGS84)
    rng = np.random.default_rng(1)
    field = raster(grid, rng.normal(size=grid.shape))
    days = series(grid, rng.normal(size=(7, *grid.shape)))
    whole, all_days = OverPolygons(rhine).raster(field), OverPolygons(rhine).series(days)
    part = OverPolygons(rhine).series(days)
    assert np.array_equal(part.isel(time=[5, 2])[:, 0], all_days.values[[5, 2], 0])
    assert part.isel(time=3, gauge=0).item() == all_days.values[3, 0]
    monkeypatch.setattr(zonal_raster, "_BAND", 500)
    assert len(list(zonal_raster.bands(rhine.shapes[0], grid))) > 5
    assert OverPolygons(rhine).raster(field)["value"] == pytest.approx(whole["value"], rel=1e-9)


def test_directions_are_averaged_around_the_circle_and_classes_as_fractions():
    grid = globe(10.0)
    box = Polygons.of(["a"], [shapely.box(0, 0, 20, 10)], WGS84)
    aspect = raster(grid, np.where(grid.x < 10, 350.0, 30.0)[None])
    found = OverPolygons(box).raster(aspect, "direction")
    mean = np.degrees(np.arctan2(found["eastness"], found["northness"]))
    assert mean == pytest.approx(10)
    cover = raster(grid, np.where(grid.x < 10, 3.0, 7.0)[None])
    assert OverPolygons(box).raster(cover, "fraction") == {"3": [0.5], "7": [0.5]}


def test_what_lacks_data_is_said_or_refused():
    grid = Grid(np.arange(9.5, 0, -1.0), np.arange(0.5, 10), WGS84)
    names = ["in", "partly", "sea"]
    shapes = [shapely.box(1, 1, 3, 3), shapely.box(8, 1, 12, 3), shapely.box(4, 4, 6, 6)]
    all_three = Polygons.of(names, shapes, WGS84)
    values = np.ones((3, *grid.shape)) * [[[1.0]], [[2.0]], [[3.0]]]
    values[:, 4:6, 4] = np.nan  # half of "sea"
    values[2, 7, 1] = np.nan  # of "in", one day only
    with pytest.warns(DomainWarning, match=r"2 of 3 polygons \(partly 50.0%, sea 50.0%\)"):
        found = OverPolygons(all_three, 0.4).series(series(grid, values))
    with pytest.warns(DomainWarning, match="lacks cells of the polygon 'in' on 2001-01-03"):
        assert found.values == pytest.approx(np.repeat([[1.0], [2.0], [3.0]], 3, axis=1))
    with pytest.raises(ValueError, match=r"data on 50% of the polygon .* less than 60% of 2 of 3"):
        OverPolygons(all_three, 0.6).series(series(grid, values))
    outside = OverPolygons(Polygons.of(["a"], [shapely.box(30, 1, 32, 2)], WGS84))
    with pytest.raises(ValueError, match="none of the polygons lies on the grid"):
        outside.series(series(grid, values))
    with pytest.raises(ValueError, match="data on 0% of the polygon 'a'"):
        outside.raster(raster(grid, np.ones(grid.shape)))
    coded = values.copy()
    coded[1, 7, 1] = -9999
    with pytest.warns(DomainWarning), pytest.raises(ValueError, match=r"-9999 .*row 7, column 1"):
        OverPolygons(all_three, 0.4).series(series(grid, coded)).load()


def test_the_weights_of_a_grid_are_found_once(monkeypatch, rhine):
    found, grid = [], Grid(np.arange(53, 45, -0.5), np.arange(3, 13, 0.5), WGS84)
    of = Zones.of
    monkeypatch.setattr(Zones, "of", lambda *given: found.append(given) or of(*given))
    over = OverPolygons(rhine)
    for _ in range(3):
        over.series(series(grid, np.ones((2, *grid.shape))))
    assert len(found) == 1


def test_crossing_lines_are_repaired_and_said():
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    twice = shapely.MultiPolygon([shapely.box(0, 0, 4, 4), shapely.box(1, 1, 2, 2)])
    with pytest.warns(DomainWarning, match=r"2 polygons cross .*: bow, twice"):
        found = Polygons.of(["bow", "twice"], [bow, twice], WGS84)
    # both wings of the one; what both parts of the other cover is no hole
    assert shapely.area(found.shapes) == pytest.approx([2, 16])


@pytest.mark.parametrize(
    ("shapes", "names", "crs", "message"),
    [
        ([shapely.box(0, 0, 1, 1)] * 2, ["a", "a"], WGS84, "'a' is given to 2 polygons"),
        ([shapely.Polygon(), None], ["a", "b"], WGS84, "a, b are empty or missing"),
        ([shapely.Point(0, 0)], ["a"], WGS84, "'a' is a Point"),
        ([shapely.box(0, 0, 1, 1)], ["a"], None, "do not say their reference system"),
        ([shapely.box(4e6, 3e6, 5e6, 4e6)], ["a"], WGS84, "no longitudes and latitudes"),
        ([shapely.Polygon([(0, 0), (1, 1), (0, 0)])], ["a"], WGS84, "'a' has no area"),
        ([], [], WGS84, "there is no polygon"),
        ([shapely.Polygon([(0, 70), (120, 70), (-120, 70)])], ["a"], WGS84, "around a pole"),
    ],
)  # fmt: skip
def test_polygons_that_are_none_are_refused_by_name(shapes, names, crs, message):
    with pytest.raises(ValueError, match=message):
        Polygons.of(names, shapes, crs)
