"""Upscaling, averaging finer rasters and interpolating coarser ones."""

from contextlib import nullcontext

import numpy as np
import pyflwdir
import pytest
import rioxarray
import xarray as xr

from gridhydro.config.attributes import on_domain
from gridhydro.domain import upscale
from gridhydro.domain.domain import Domain


def ascii_grid(path):
    return rioxarray.open_rasterio(path, mask_and_scale=True).squeeze(drop=True)


@pytest.fixture(scope="module")
def moselle(data):
    """The 500 m flow directions of the upper Moselle, and its two gauges on the raster."""
    codes = ascii_grid(data("mhm_moselle/morph/fdir.asc"))
    gauges = ascii_grid(data("mhm_moselle/morph/idgauges.asc"))
    found = np.argwhere(gauges.values > 0)
    table = [
        {"name": f"{gauges.values[r, c]:.0f}", "x": float(codes.x[c]), "y": float(codes.y[r])}
        for r, c in found
    ]
    return codes, table


def test_moselle_flow_accumulation(moselle, data):
    codes, _ = moselle
    domain = Domain.from_d8(codes, "esri", crs="EPSG:3035")
    ours = domain.network.accumulate(np.ones(domain.size))
    theirs = domain.pack(ascii_grid(data("mhm_moselle/morph/facc.asc")))
    assert domain.size == 46_545
    assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize("method", ["ihu", "eam_plus", "dmm"])
def test_upscaling_of_the_moselle_to_4_km(moselle, method):
    codes, gauges = moselle
    domain = Domain.from_d8(
        codes, "esri", crs="EPSG:3035", gauges=gauges, resolution=4000, method=method
    )
    assert domain.shape == (54, 36)
    assert domain.area.sum() == pytest.approx(46_545 * 0.25e6)
    # the raster has 46545 and 15038 cells upstream
    expected = [46_545 * 0.25, 15_038 * 0.25]
    np.testing.assert_allclose(domain.gauges["network_area_km2"], expected, rtol=0.01)
    assert "gauge '398' drains 11636 km2 on the model grid and 11636 km2" in str(domain.report)
    basin = domain.crop("333")
    assert basin.area.sum() / 1e6 == pytest.approx(15_038 * 0.25, rel=0.01)


def test_upscaling_does_not_depend_on_the_orientation(moselle):
    codes, gauges = moselle
    options = {"crs": "EPSG:3035", "gauges": gauges, "resolution": 4000}
    one = Domain.from_d8(codes, "esri", **options)
    two = Domain.from_d8(codes.isel(y=slice(None, None, -1)), "esri", **options)

    def areas(domain):
        return domain.unpack(domain.network.accumulate(domain.area)).sortby("y").values

    assert np.isfinite(areas(two)).sum() == pytest.approx(one.size, rel=0.02)
    np.testing.assert_allclose(
        two.gauges["network_area_km2"], one.gauges["network_area_km2"], rtol=0.01
    )


def test_resolutions_that_do_not_fit_are_refused(moselle):
    codes, _ = moselle
    with pytest.raises(ValueError, match=r"750 is no whole number of raster cells"):
        Domain.from_d8(codes, "esri", crs="EPSG:3035", resolution=750)


def test_upscaling_reports_small_basins_left_out():
    codes = np.full((8, 8), 64)
    codes[0] = 1
    codes[0, -1] = 0
    codes[7, 0] = 0  # a basin of one cell within a unit of the large river
    raster = xr.DataArray(
        codes, {"y": 100.0 * np.arange(8)[::-1], "x": 100.0 * np.arange(8)}, ("y", "x")
    )
    domain = Domain.from_d8(raster, "esri", crs="EPSG:3035", resolution=400)
    assert domain.size == 4
    assert domain.area.sum() == 63 * 1e4
    assert "0.01 km2 (1.6%) of small basins" in str(domain.report)


def test_upscaling_refuses_the_seam_of_the_globe():
    lon = np.arange(-179.0, 180, 2)
    codes = np.full((4, lon.size), 6)
    codes[:, 3] = 5
    globe = xr.DataArray(codes, {"lat": [3.0, 1, -1, -3], "lon": lon}, ("lat", "lon"))
    with pytest.raises(ValueError, match=r"over the seam .* the first: row 0, col 179"):
        Domain.from_d8(globe, "ldd", resolution=4)


class _Seen(Exception):
    """Raised before pyflwdir compiles for the numbers it was given, which takes long."""


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_rasters_beyond_32_bits_are_numbered_in_64(monkeypatch, whole):
    codes = np.full((4, 6), 4)
    codes[:, 0] = 5
    raster = xr.DataArray(codes, {"y": np.arange(4.0), "x": np.arange(6.0)}, ("y", "x"))
    options = {"crs": "EPSG:3035", "resolution": 2}
    small = Domain.from_d8(raster, "ldd", **options)
    made = []

    class Watched(pyflwdir.FlwdirRaster):
        def __init__(self, links, **given):
            made.append((links.dtype, given["idxs_pit"].dtype))
            if not whole:
                raise _Seen
            super().__init__(links, **given)

    monkeypatch.setattr(pyflwdir, "FlwdirRaster", Watched)
    monkeypatch.setattr(upscale, "_INT32_CELLS", 20)
    with nullcontext() if whole else pytest.raises(_Seen):
        large = Domain.from_d8(raster, "ldd", **options)
    assert made == [(np.int64, np.int64)]
    if whole:
        np.testing.assert_array_equal(large.network.downstream, small.network.downstream)


@pytest.fixture
def coarse(moselle):
    codes, gauges = moselle
    return Domain.from_d8(codes, "esri", crs="EPSG:3035", gauges=gauges, resolution=4000)


def test_aggregate_averages_finer_rasters(coarse, data):
    dem = ascii_grid(data("mhm_moselle/morph/dem.asc"))
    mean = coarse.aggregate(dem)
    cell = coarse.gauge_cells[0]
    row, col = coarse.row[cell], coarse.col[cell]
    block = dem.values[8 * row : 8 * row + 8, 8 * col : 8 * col + 8]
    assert mean[row, col] == pytest.approx(np.nanmean(block))
    assert np.isfinite(mean.values).sum() == coarse.size

    geology = ascii_grid(data("mhm_moselle/morph/geology_class.asc"))
    fraction = coarse.aggregate(geology, "fraction")
    np.testing.assert_allclose(coarse.pack(fraction).sum(0), 1)
    most = coarse.pack(coarse.aggregate(geology, "majority"))
    np.testing.assert_array_equal(most, fraction["class"].values[coarse.pack(fraction).argmax(0)])

    gap = dem.where(dem.y < float(coarse.y[row]) - 2000)
    with pytest.raises(ValueError, match=r"no data in .* of 794 cells, the first: row"):
        coarse.aggregate(gap)
    with pytest.raises(ValueError, match=r"is in WGS 84, .* reproject"):
        coarse.aggregate(dem.rio.write_crs("EPSG:4326"))


def plane(y, x):
    return xr.DataArray(y, dims="y", coords={"y": y}) * 2 + xr.DataArray(
        x, dims="x", coords={"x": x}
    )


def test_regrid_interpolates_coarser_rasters(coarse):
    y, x = 2_700_000.0 + 24e3 * np.arange(13), 3_950_000.0 + 24e3 * np.arange(9)
    source = plane(y, x).expand_dims(time=[0, 1]) + xr.DataArray([0.0, 5.0], dims="time")
    expected = 2 * coarse.y[coarse.row] + coarse.x[coarse.col]
    for turned in (source, source.isel(y=slice(None, None, -1), x=slice(None, None, -1))):
        got = coarse.regrid(turned.rename("t"))
        assert got.dims == ("time", "y", "x")
        np.testing.assert_allclose(coarse.pack(got), expected + np.array([[0], [5]]), rtol=1e-12)
    near = coarse.pack(coarse.regrid(source.rename("t"), "nearest"))
    assert np.abs(near[0] - expected).max() <= 24e3 * 1.5
    assert set(near[0]) <= set(source[0].values.ravel())
    both = coarse.regrid(xr.Dataset({"a": source, "b": source, "c": 3}))
    assert list(both) == ["a", "b"]


def test_regrid_refuses_sources_that_do_not_cover_the_domain(coarse):
    y, x = 2_700_000.0 + 24e3 * np.arange(13), 4_000_000.0 + 24e3 * np.arange(9)
    source = plane(y, x).rename("t")
    with pytest.raises(ValueError, match=r"'t' does not cover .* of 794 cells, the first: row"):
        coarse.regrid(source)
    source = plane(y, x - 50_000).rename("t")
    with pytest.raises(ValueError, match=r"'t' has no data around .* of 794 cells"):
        coarse.regrid(source.where(source.y < 2_800_000))


def test_regrid_reprojects_geographic_sources(coarse):
    lat, lon = np.arange(46, 51, 0.25), np.arange(3, 10, 0.25)
    source = xr.DataArray(
        lat[:, None] + 0 * lon, {"lat": lat, "lon": lon + 360}, ("lat", "lon"), "latitude"
    )
    got = coarse.pack(coarse.regrid(source))
    np.testing.assert_allclose(got, coarse.lonlat[1], atol=1e-9)
    np.testing.assert_allclose(coarse.pack(on_domain(source, coarse)), got)


def test_wrong_rasters_are_refused_and_not_resampled(coarse, data):
    same = coarse.unpack(np.ones(coarse.size), "slope")
    with pytest.raises(ValueError, match=r"'slope' does not reach .* crop the domain"):
        on_domain(same.isel(x=slice(10)), coarse)
    elsewhere = same.rio.write_crs("EPSG:32632")
    with pytest.raises(ValueError, match=r"'slope' does not cover"):
        on_domain(elsewhere, coarse)
    dem = ascii_grid(data("mhm_moselle/morph/dem.asc")).rename("dem").rio.write_crs("EPSG:32632")
    with pytest.raises(ValueError, match=r"'dem' is in WGS 84 / UTM zone 32N, the domain in"):
        on_domain(dem, coarse)


def test_regrid_across_the_date_line():
    lon = np.arange(-179.5, 180)
    codes = np.full((2, lon.size), 5)
    domain = Domain.from_d8(
        xr.DataArray(codes, {"lat": [0.5, -0.5], "lon": lon}, ("lat", "lon")), "ldd"
    )
    coarse_lon = np.arange(0.0, 360, 10)
    values = np.cos(np.radians(coarse_lon))[None].repeat(2, 0)
    source = xr.DataArray(values, {"lat": [5.0, -5], "lon": coarse_lon}, ("lat", "lon"), "t")
    got = domain.pack(domain.regrid(source))
    np.testing.assert_allclose(got, np.cos(np.radians(lon[domain.col])), atol=0.005)
