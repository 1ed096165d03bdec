"""Rasters of other grids at the door: exact overlap areas, corners, finer and coarser ones."""

import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from gridhydro.domain.check import DomainWarning
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import Grid
from gridhydro.domain.overlap import Overlap
from gridhydro.io import read_series


def axis(first, step, size):
    return first + step * np.arange(size)


def array(values, y, x, dims=("lat", "lon"), crs=None):
    found = xr.DataArray(values, {dims[0]: y, dims[1]: x}, dims, "t")
    return found if crs is None else found.rio.write_crs(crs)


def domain_on(y, x, dims=("lat", "lon"), crs=None):
    """Every cell an outlet of its own."""
    return Domain.from_d8(array(np.full((len(y), len(x)), 5), y, x, dims, crs), "ldd")


def by_points(domain, raster, how="mean", count=240):
    """The same from very many points within each cell, weighted by the cosine of latitude."""
    y, x = raster.dims
    steps = abs(domain.y[1] - domain.y[0]), abs(domain.x[1] - domain.x[0])
    offsets = (np.arange(count) + 0.5) / count - 0.5
    turn = 360.0 if domain.grid.geographic else None
    found = np.full(domain.size, np.nan)
    for cell in range(domain.size):
        up = domain.y[domain.row[cell]] + offsets * steps[0]
        right = domain.x[domain.col[cell]] + offsets * steps[1]
        near = []
        for points, dim, period in ((up, y, None), (right, x, turn)):
            centres = raster[dim].values
            gap = np.abs(points[:, None] - centres)
            gap = gap if period is None else np.minimum(gap % period, period - gap % period)
            at = gap.argmin(1)
            half = abs(centres[1] - centres[0]) / 2 + 1e-9
            near.append(np.where(gap[np.arange(count), at] <= half, at, -1))
        values = raster.values[near[0][:, None], near[1]]
        weight = np.cos(np.radians(up))[:, None] if turn else np.ones((count, 1))
        inside = (near[0] >= 0)[:, None] & (near[1] >= 0) & ~np.isnan(values)
        weight = weight * inside
        if weight.sum() > 0:
            found[cell] = (np.where(inside, values, 0) * weight).sum() / weight.sum()
    return found


@pytest.mark.filterwarnings("ignore::gridhydro.domain.check.DomainWarning")
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("shift", [0.0, 0.5, 0.3, 0.999])
@pytest.mark.parametrize("ratio", [1.0, 2.0, 2.5, 7 / 3, 0.6])
def test_means_are_those_of_the_areas_of_overlap(ratio, shift, turned):
    rng = np.random.default_rng(0)
    domain = domain_on(axis(60.0, 2.0, 4), axis(-3.0, 2.0, 3))
    step = 2.0 / ratio
    y, x = axis(54.0 + shift * step, step, int(16 / step)), axis(-9 + shift * step, step, 30)
    raster = array(rng.random((y.size, x.size)), y, x)
    expected = by_points(domain, raster)
    raster = raster.isel(lat=slice(None, None, -1)) if turned[0] else raster
    raster = raster.isel(lon=slice(None, None, -1)) if turned[1] else raster
    got = domain.aggregate(raster.transpose("lon", "lat"))
    np.testing.assert_allclose(domain.pack(got), expected, atol=0.006)
    assert got.dims == ("y", "x")


def test_grids_shifted_by_half_a_cell_share_quarters():
    """Whole cells by their centres would be 17 % off for random values."""
    domain = domain_on(axis(1000.0, 1000.0, 6), axis(0.0, 1000.0, 5), ("y", "x"), "EPSG:3035")
    values = np.random.default_rng(1).random((9, 8))
    y, x = axis(-500.0, 1000.0, 9), axis(-1500.0, 1000.0, 8)
    raster = array(values, y, x, ("y", "x"), "EPSG:3035")
    with pytest.warns(DomainWarning, match="half a cell off .* cell_reference= one of 'upper"):
        got = domain.pack(domain.aggregate(raster))
    quarters = (values[:-1, :-1] + values[1:, :-1] + values[:-1, 1:] + values[1:, 1:]) / 4
    expected = array(quarters, y[:-1] + 500, x[:-1] + 500, ("y", "x")).sel(y=domain.y, x=domain.x)
    np.testing.assert_allclose(got, expected.values[domain.row, domain.col], rtol=1e-12)


@pytest.mark.filterwarnings("ignore::gridhydro.domain.check.DomainWarning")
@given(st.floats(0.3, 2.9), st.floats(0, 1), st.booleans(), st.booleans(), st.sampled_from([0, 1]))
@settings(max_examples=25, deadline=None)
def test_sums_and_areas_are_conserved(step, shift, down, left, geographic):
    crs = "EPSG:4326" if geographic else "EPSG:3035"
    y, x = axis(40.0, 1.0, 11), axis(0.0, 1.0, 12)
    dims = ("lat", "lon") if geographic else ("y", "x")
    domain = domain_on(y, x, dims, crs)
    # a source that lies within the domain, wherever its cells are cut
    fine = axis(42.0 + shift, step, 2 + int(4 / step)), axis(2.0 + shift, step, 2 + int(4 / step))
    fine = [part[::-1] if back else part for part, back in zip(fine, (down, left), strict=True)]
    raster = array(np.random.default_rng(2).random((fine[0].size, fine[1].size)), *fine, dims, crs)
    total = domain.aggregate(raster, "sum", gaps=True)
    assert float(total.sum()) == pytest.approx(float(raster.sum()), rel=1e-9)
    grid = Grid(fine[0], fine[1], domain.crs)
    shared = Overlap.of(domain.grid, grid).total(np.ones(grid.shape))
    # bands all around the globe, times a width in degrees
    whole = grid.cell_area().sum() * (360 if geographic else 1)
    assert shared.sum() == pytest.approx(whole, rel=1e-9)


def globe(step, first=-180.0, last_row_first=False):
    lat = axis(-90 + step / 2, step, round(180 / step))
    lon = axis(first + step / 2, step, round(360 / step))
    return (lat[::-1] if last_row_first else lat), lon


@pytest.mark.parametrize("first", [-180.0, 0.0, -540.0, -17.0])
def test_any_turn_of_longitudes_is_the_same(first):
    domain = domain_on(axis(-3.0, 2.0, 4), axis(175.0, 2.0, 6))  # across the date line
    lat, lon = globe(1.0, first, last_row_first=True)
    raster = array(np.cos(np.radians(lon))[None] + 0 * lat[:, None], lat, lon)
    got = domain.pack(domain.aggregate(raster))
    exact = np.degrees(
        np.sin(np.radians(domain.x + 1)) - np.sin(np.radians(domain.x - 1))
    ) / 2  # fmt: skip
    np.testing.assert_allclose(got, exact[domain.col], atol=2e-4)
    total = domain.pack(domain.aggregate(raster * 0 + 1, "sum"))
    np.testing.assert_allclose(total, 4)  # fine cells in each
    # a first column that is repeated at the end is not counted twice
    closed = xr.concat([raster, raster.isel(lon=[0]).assign_coords(lon=[lon[0] + 360])], "lon")
    np.testing.assert_allclose(domain.pack(domain.aggregate(closed * 0 + 1, "sum")), 4)


def test_poles_and_areas_of_bands():
    """Rows of centres on the poles are half cells; the mean over the globe is that by area."""
    lat, lon = axis(90.0, -10.0, 19), axis(0.0, 10.0, 36)
    raster = array(np.sin(np.radians(lat))[:, None] ** 2 + 0 * lon, lat, lon)
    domain = domain_on([-45.0, 45.0], [-90.0, 90.0], crs="+proj=longlat +R=6371000")
    got = domain.pack(domain.aggregate(raster.rio.write_crs("+proj=longlat +R=6371000")))
    edges = np.radians(np.clip(np.append(lat + 5, -95), -90, 90))
    weight = np.abs(np.diff(np.sin(edges)))
    expected = (raster.values[:, 0] * weight).sum() / weight.sum()
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_missing_values_by_a_stated_fraction():
    domain = domain_on(axis(0.0, 2.0, 2), axis(0.0, 2.0, 2), ("y", "x"), "EPSG:3035")
    values = np.ones((4, 4))
    values[0, 0] = values[0, 1] = values[1, 0] = np.nan  # a quarter of the first cell is left
    values[2:, 2:] = np.nan
    y = axis(-0.5, 1.0, 4)
    raster = array(values, y, y, ("y", "x"), "EPSG:3035")
    with pytest.raises(ValueError, match=r"'t' has no data in 1 of 4 cells, the first: row 1, col"):
        domain.aggregate(raster)
    for how, first in (("mean", 1.0), ("sum", 1.0), ("majority", 1.0)):
        got = domain.aggregate(raster, how, gaps=True).values
        np.testing.assert_array_equal(got, [[first, got[0, 1]], [got[1, 0], np.nan]])
        got = domain.aggregate(raster, how, gaps=True, minimum=0.3).values
        assert np.isnan(got[0, 0]) and np.isfinite(got[0, 1])
        assert np.isfinite(domain.aggregate(raster, how, gaps=True, minimum=0.25).values[0, 0])
    with pytest.raises(ValueError, match="has data on less than 30% of the area in 2 of 4 cells"):
        domain.aggregate(raster, minimum=0.3)
    with pytest.raises(ValueError, match="minimum is a number from 0 to 1, not 30"):
        domain.aggregate(raster, minimum=30)
    fractions = domain.aggregate(raster, "fraction", gaps=True, minimum=0.3)
    assert np.isnan(fractions.values[:, 0, 0]).all()


def test_fractions_of_classes_cut_by_the_edge_of_a_cell():
    domain = domain_on(axis(0.0, 3.0, 2), axis(0.0, 3.0, 2), ("y", "x"), "EPSG:3035")
    y = axis(-1.0, 2.0, 5)
    values = np.array([[1, 2, 2, 2, 2]] * 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = domain.aggregate(array(values, y, y, ("y", "x"), "EPSG:3035"), "fraction")
    np.testing.assert_allclose(found.sel({"class": 1})[0], [1.5 / 3, 0])
    most = domain.aggregate(array(values, y, y + 0.01, ("y", "x"), "EPSG:3035"), "majority")
    np.testing.assert_array_equal(most[0], [1, 2])


def test_leading_axes_and_blocks_are_the_same(monkeypatch):
    from gridhydro.domain import layers

    domain = domain_on(axis(0.0, 2.0, 3), axis(0.0, 2.0, 3), ("y", "x"), "EPSG:3035")
    y = axis(-1.5, 1.0, 8)
    values = np.random.default_rng(0).random((2, 5, 8, 8)).astype("f4")
    coords = {"level": [1, 2], "time": np.arange(5), "y": y, "x": y}
    raster = xr.DataArray(values, coords, ("level", "time", "y", "x"), "t").rio.write_crs(3035)
    whole = domain.aggregate(raster)
    assert whole.dims == ("level", "time", "y", "x")
    monkeypatch.setattr(layers, "_BLOCK", 1)
    np.testing.assert_array_equal(whole, domain.aggregate(raster))
    np.testing.assert_allclose(whole[1, 3], domain.aggregate(raster[1, 3]), rtol=1e-6)
    other = domain.aggregate(raster.transpose("x", "time", "y", "level"))
    np.testing.assert_array_equal(other.transpose(*whole.dims), whole)


@pytest.mark.filterwarnings("ignore::gridhydro.domain.check.DomainWarning")
def test_regrid_of_a_finer_source_is_refused():
    domain = domain_on(axis(10.0, 1.0, 4), axis(5.0, 1.0, 4))
    y, x = axis(9.0, 0.25, 24), axis(4.0, 0.25, 24)
    fine = array(np.random.default_rng(0).random((24, 24)), y, x)
    for method in ("linear", "nearest"):
        with pytest.raises(ValueError, match=r"'t' is finer than the domain, .* domain.aggregate"):
            domain.regrid(fine, method)
    metres = 5e5 + 1e4 * np.arange(24)
    projected = array(fine.values, metres, metres, ("y", "x"), 32631)
    with pytest.raises(ValueError, match=r"reproject\(domain.crs\) and then domain.aggregate"):
        domain.regrid(projected)
    same = domain.regrid(fine, "conservative")
    np.testing.assert_array_equal(same, domain.aggregate(fine))
    with pytest.raises(ValueError, match="method is one of 'linear', 'nearest', 'conservative'"):
        domain.regrid(fine, "bilinear")


def test_conservative_regrid_of_a_coarser_source_keeps_its_cells():
    domain = domain_on(axis(10.0, 1.0, 4), axis(5.0, 1.0, 4))
    coarse = array(np.arange(9.0).reshape(3, 3), axis(10.5, 2.0, 3), axis(5.5, 2.0, 3))
    got = domain.regrid(coarse, "conservative")
    np.testing.assert_array_equal(got[:2, :2], 0)
    np.testing.assert_array_equal(got[2:, 2:], 4)


@pytest.mark.parametrize("bring", ["aggregate", "regrid"])
@pytest.mark.parametrize("reference", ["upper_left", "lower_left", "upper_right", "lower_right"])
def test_corner_coordinates_are_suspected_and_can_be_stated(bring, reference):
    ratio = 1 / 3 if bring == "aggregate" else 3
    domain = domain_on(axis(10.0, 1.0, 6), axis(5.0, 1.0, 6))
    step = ratio * 1.0
    count = round(12 / step)
    centres = axis(7.5 + step / 2, step, count)[::-1], axis(2.5 + step / 2, step, count)
    values = np.random.default_rng(0).random((count, count))
    right = array(values, *centres)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = getattr(domain, bring)(right)
    down = 0.5 if reference.startswith("upper") else -0.5
    across = -0.5 if reference.endswith("left") else 0.5
    corner = right.assign_coords(lat=right.lat + down * step, lon=right.lon + across * step)
    with pytest.warns(DomainWarning, match="'t': its cells lie half a cell off .* cell_reference="):
        getattr(domain, bring)(corner)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = getattr(domain, bring)(corner, cell_reference=reference)
        data = xr.Dataset({"a": corner, "b": corner})
        both = getattr(domain, bring)(data, cell_reference=reference)
    np.testing.assert_allclose(got, expected, rtol=1e-9)
    np.testing.assert_array_equal(both["b"], got)
    with pytest.warns(DomainWarning) as said:
        getattr(domain, bring)(data)
    assert len(said) == 1  # once for a Dataset
    with pytest.raises(ValueError, match="cell_reference is one of 'center', 'upper_left'"):
        getattr(domain, bring)(corner, cell_reference="corner")


def test_a_globe_that_reaches_beyond_a_pole_is_suspected():
    domain = domain_on(axis(10.0, 1.0, 4), axis(5.0, 1.0, 4))
    for lat, said in ((axis(90.0, -2.0, 90), True), (axis(-90.0, 2.0, 90), True),
                      (axis(89.0, -2.0, 90), False), (axis(90.0, -2.0, 91), False)):  # fmt: skip
        raster = array(np.ones((lat.size, 180)), lat, axis(0.0, 2.0, 180))
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            domain.regrid(raster)
        assert any("its rows cover 180 degrees" in str(one.message) for one in found) == said


def test_weather_of_mhm_is_suspected_where_its_corners_are_taken_for_centres(data):
    from gridhydro.io import read_raster

    codes = read_raster(data("mhm_moselle/morph/fdir.asc"), crs="EPSG:3035")
    gauge = [{"name": "398", "x": 4058119.0, "y": 2935597.0}]
    domain = Domain.from_d8(codes, "esri", gauges=gauge, resolution=8000)
    options = {"crs": "EPSG:3035", "units": "mm d-1"}
    path = data("mhm_moselle/meteo/pre/pre.nc")
    series = read_series(path, **options).isel(time=slice(3)).fillna(0)
    with pytest.warns(DomainWarning, match="'pre': its cells lie half a cell off"):
        domain.regrid(series, gaps=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DomainWarning)
        got = domain.regrid(series, cell_reference="upper_left")
    right = read_series(path, cell_reference="upper_left", **options).isel(time=slice(3)).fillna(0)
    np.testing.assert_allclose(got, domain.regrid(right))


@pytest.mark.parametrize("bring", ["aggregate", "regrid"])
def test_what_is_no_raster_of_numbers_is_refused(bring):
    domain = domain_on(axis(10.0, 1.0, 4), axis(5.0, 1.0, 4))
    raster = array(np.ones((6, 6)), axis(9.0, 1.0, 6), axis(4.0, 1.0, 6))
    for wrong, said in ((raster.values, "with coordinates, not"), (raster.astype(str), "holds <U"),
                        (raster.astype("M8[ns]"), r"'t' holds datetime64\[ns\]")):  # fmt: skip
        with pytest.raises(TypeError, match=said):
            getattr(domain, bring)(wrong)
