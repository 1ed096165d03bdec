"""Basins of points out of rasters of which only a window is read."""

import warnings

import numpy as np
import pytest
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from gridhydro import Domain, delineate
from gridhydro.domain import directions_window
from gridhydro.domain.check import DomainWarning
from gridhydro.io import open_raster


class Counted(BackendArray):
    """An array that counts the numbers that are read of it."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.read = values, values.shape, values.dtype, []

    def __getitem__(self, key):
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._of)

    def _of(self, key):
        found = self.values[key]
        self.read.append(found.size)
        return found


def lazy(raster: xr.DataArray) -> tuple[xr.DataArray, Counted]:
    counted = Counted(raster.values)
    variable = xr.Variable(raster.dims, indexing.LazilyIndexedArray(counted), raster.attrs)
    return xr.DataArray(variable, raster.coords, name=raster.name), counted


@pytest.fixture
def small(monkeypatch):
    """Windows that begin with few cells."""
    monkeypatch.setattr(directions_window, "FIRST", 3)


@pytest.fixture(scope="module")
def globe(data):
    with xr.open_dataset(data("ddm30/ddm30_global_30min.nc")) as opened:
        codes = opened["flow_direction"].load()
    return codes, Domain.from_d8(codes, "watergap")


def same(basin: Domain, whole: Domain, cell: int) -> bool:
    expected = whole.network.upstream_cells(cell)
    lon, lat = (np.round(v[expected] % 360, 3) for v in whole.lonlat)
    own_lon, own_lat = (np.round(v % 360, 3) for v in basin.lonlat)
    cells = set(zip(lon.tolist(), lat.tolist(), strict=True))
    return cells == set(zip(own_lon.tolist(), own_lat.tolist(), strict=True))


@pytest.mark.parametrize("turn", ["as it is", "edge in the Amazon", "south up"])
def test_basins_are_those_of_the_whole_raster(globe, small, turn):
    codes, whole = globe
    if turn == "edge in the Amazon":
        codes = codes.assign_coords(lon=(codes["lon"] + 60) % 360 - 60).sortby("lon")
    elif turn == "south up":
        codes = codes.sortby("lat")
    upstream = whole.network.accumulate(np.ones(whole.size))
    large = np.random.default_rng(3).choice(np.flatnonzero(upstream > 60), 4, replace=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for cell in [*large, upstream.argmax()]:
            lon, lat = (v[cell] for v in whole.lonlat)
            basin = delineate(codes, lon, lat, coding="watergap", name="a")
            assert same(basin, whole, cell)
            assert np.ptp(basin.raster_grid.x) < 90  # on one side, or over the edge
            assert basin.gauges.loc["a", "network_area_km2"] == pytest.approx(
                basin.area.sum() / 1e6
            )


def test_only_a_window_is_read(globe, small):
    codes, whole = globe
    watched, counted = lazy(codes)
    cell = whole.network.accumulate(np.ones(whole.size)).argmax()
    delineate(watched, *(v[cell] for v in whole.lonlat), coding="watergap")
    basin = delineate(codes, *(v[cell] for v in whole.lonlat), coding="watergap")
    rows, cols = basin.shape
    # windows half as large again each time: the last and all before it
    assert max(counted.read) < 4 * rows * cols < codes.size / 3
    assert basin.size > 1000


def test_a_point_beside_the_river_is_snapped_as_gauges_are(globe, small):
    codes, whole = globe
    upstream = whole.network.accumulate(whole.area) / 1e6
    moved = 0
    for cell in np.random.default_rng(1).choice(np.flatnonzero(upstream > 5e4), 8, replace=False):
        lon, lat = (v[cell] for v in whole.lonlat)
        gauge = {"name": "a", "lon": lon + 0.5, "lat": lat - 0.5, "area_km2": upstream[cell]}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DomainWarning)
                expected = Domain.from_d8(codes, "watergap", gauges=[gauge], snap=True)
        except ValueError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DomainWarning)
            basin = delineate(
                codes, gauge["lon"], gauge["lat"], coding="watergap", snap=True, name="a",
                area_km2=gauge["area_km2"],
            )  # fmt: skip
        moved += 1
        area = expected.gauges.loc["a", "network_area_km2"]
        assert basin.gauges.loc["a", "network_area_km2"] == pytest.approx(area)
    assert moved > 3


def test_a_wrong_point_is_refused(globe):
    codes, _ = globe
    with pytest.raises(ValueError, match="no data"):
        delineate(codes, -30.0, 30.0, coding="watergap")
    with pytest.raises(ValueError, match=r"not the 3 km2 reported"):
        delineate(codes, -55.25, -2.25, coding="watergap", area_km2=3)
    with pytest.raises(ValueError, match="outside the raster"):
        delineate(codes.sel(lon=slice(-20, 20)), -55.25, -2.25, coding="watergap")
    with pytest.raises(ValueError, match=r"gridhydro\.io\.open_raster"):
        delineate("directions.tif", 0, 0, coding="esri")


def test_a_basin_cut_by_the_edge_is_said(globe):
    codes, _ = globe
    part = codes.sel(lon=slice(-60, -40))
    with pytest.warns(DomainWarning, match="'a' reaches the left edge of the raster"):
        delineate(part, -51.75, -1.25, coding="watergap", name="a")


def test_next_cells_and_projected_rasters(data, small):
    codes = open_raster(data("mhm_moselle/morph/fdir.asc"), crs="EPSG:3035")
    # 398, Perl: 11,522 km2
    found = delineate(codes, 6.3664, 49.4774, coding="esri", snap=True, area_km2=11522)
    assert found.gauges["network_area_km2"].item() == pytest.approx(11522, rel=0.01)
    y, x = np.arange(4.5, 0, -1), np.arange(0.5, 40)
    ahead = np.broadcast_to(np.arange(2, 42), (5, 40)).copy()
    rows = np.broadcast_to(np.arange(1, 6)[:, None], (5, 40)).copy()
    ahead[:, -1], rows[:, -1] = -9, -9
    coords = {"lat": y, "lon": x}
    both = xr.Dataset({"nextx": (("lat", "lon"), ahead), "nexty": (("lat", "lon"), rows)}, coords)
    with pytest.warns(DomainWarning, match="left edge"):
        assert delineate(both, 20.5, 2.5, coding="nextxy").size == 21
