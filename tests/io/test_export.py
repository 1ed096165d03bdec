"""Exported files, opened again: CRS, units, long names, values."""

import os

import numpy as np
import pandas as pd
import pytest
import rasterio
import rioxarray
import xarray as xr

from gridhydro.columns import column
from gridhydro.columns.column import Field
from gridhydro.domain.domain import Domain
from gridhydro.io import export

HBV = column("hbv")
DAYS = pd.date_range("2001-03-01", periods=400)
OUTPUTS = [HBV.output(name) for name in ("actual_evapotranspiration", "snow_water_equivalent")]


def build(y, x, crs):
    """Six of eight cells that drain to the first column, with two gauges."""
    ldd = np.array([[4.0, 4, 4, np.nan], [4, 4, 4, np.nan]])
    ldd[:, 0] = 5
    raster = xr.DataArray(ldd if y[0] > y[1] else ldd[::-1], {"y": y, "x": x}, ("y", "x"))
    gauges = pd.DataFrame({"name": ["a", "b"], "x": x[:2], "y": y[:2]})
    return Domain.from_d8(raster, "ldd", gauges=gauges, crs=crs)


DOMAINS = {
    "projected": build([5000.0, 4000], [100.0, 1100, 2100, 3100], "EPSG:3035"),
    "south up": build([4000.0, 5000], [100.0, 1100, 2100, 3100], "EPSG:3035"),
    "geographic": build([10.25, 9.75], [0.25, 0.75, 1.25, 1.75], "EPSG:4326"),
}


def series(domain, seed=0):
    rng = np.random.default_rng(seed)
    values = {field.name: rng.random((DAYS.size, domain.size)) for field in OUTPUTS}
    discharge = rng.random((DAYS.size, len(domain.gauges)))
    return values, discharge, export.dataset(domain, DAYS, OUTPUTS, values, discharge)


@pytest.mark.parametrize("kind", DOMAINS)
def test_parameter_maps_are_written_with_units_and_crs(tmp_path, kind):
    domain = DOMAINS[kind]
    values = {field.name: np.linspace(*field.bounds, domain.size) for field in HBV.parameters}
    export.write_parameters(tmp_path, domain, HBV.parameters, values)
    with xr.open_dataset(tmp_path / "parameters.nc", decode_coords="all") as maps:
        assert set(maps.data_vars) == set(values)
        assert maps.attrs["Conventions"].startswith("CF-")
        assert "gridhydro" in maps.attrs["source"]
        assert maps.rio.crs == domain.crs
        np.testing.assert_allclose(domain.pack(maps["FC"]), values["FC"], rtol=1e-6)
        for field in HBV.parameters:
            assert maps[field.name].attrs["units"] == field.unit
            assert maps[field.name].attrs["long_name"] == field.long_name
            ends = [maps[field.name].attrs[name] for name in ("valid_min", "valid_max")]
            np.testing.assert_allclose(ends, field.bounds, rtol=1e-6)
    assert len(list((tmp_path / "parameters").iterdir())) == len(HBV.parameters)
    path = tmp_path / "parameters" / "CFMAX.tif"
    with rioxarray.open_rasterio(path) as raster:
        raster = raster.squeeze()
        assert raster.rio.crs == domain.crs
        assert raster.y[0] > raster.y[-1]
        assert np.isnan(raster.rio.nodata)
        assert raster.attrs["long_name"] == "degree-day factor"
        assert raster.attrs["units"] == "mm d-1 K-1"
        np.testing.assert_allclose(domain.pack(raster), values["CFMAX"], rtol=1e-6)
        assert np.isnan(raster).sum() == 2
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.units == ("mm d-1 K-1",)


@pytest.mark.parametrize("kind", DOMAINS)
@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_series_are_written_and_read_back(tmp_path, kind, suffix):
    domain = DOMAINS[kind]
    values, discharge, data = series(domain)
    path = tmp_path / "new" / f"fluxes.{suffix}"
    export.write_dataset(path, data)
    options = {"engine": "zarr"} if suffix == "zarr" else {}
    with xr.open_dataset(path, decode_coords="all", **options) as opened:
        assert opened.rio.crs == domain.crs
        pd.testing.assert_index_equal(opened.indexes["time"], DAYS, check_names=False, exact=False)
        for field in OUTPUTS:
            array = opened[field.name]
            assert array.dims == ("time", "y", "x")
            assert array.dtype == np.float32
            np.testing.assert_allclose(domain.pack(array), values[field.name], rtol=1e-6)
            assert array.attrs["units"] == field.unit
            assert array.attrs["long_name"] == field.long_name
            assert array.isnull().sum() == 2 * DAYS.size
            assert array.encoding["preferred_chunks"]["time"] == 365
        assert opened["snow_water_equivalent"].attrs["cell_methods"] == "time: point"
        assert opened["actual_evapotranspiration"].attrs["cell_methods"] == "time: mean"
        standard = opened["actual_evapotranspiration"].attrs["standard_name"]
        assert standard == "lwe_water_evaporation_rate"
        np.testing.assert_allclose(opened["discharge"], discharge, rtol=1e-6)
        assert opened["discharge"].attrs["units"] == "m3 s-1"
        assert opened["gauge"].values.tolist() == ["a", "b"]
        area = opened["gauge_area"]
        np.testing.assert_allclose(area, domain.gauges["network_area_km2"])
        assert area.attrs["units"] == "km2"
        assert opened["gauge_x"].attrs["units"] == ("degrees_east" if "geo" in kind else "m")
    assert {p.name for p in path.parent.iterdir()} == {path.name}  # nothing left over


def test_export_of_lumped_basins(tmp_path):
    domain = Domain.of_basins([10.0, 20.0], ["a", "b"], latitude=[1.0, 2.0], longitude=[3.0, 4.0])
    values, discharge, data = series(domain)
    export.write_dataset(tmp_path / "fluxes.nc", data)
    export.write_parameters(tmp_path, domain, HBV.parameters[:1], {"beta": np.array([2.0, 3.0])})
    with xr.open_dataset(tmp_path / "fluxes.nc") as opened:
        for name in values:
            assert opened[name].dims == ("time", "gauge")
            np.testing.assert_allclose(opened[name], values[name], rtol=1e-6)
        np.testing.assert_allclose(opened["discharge"], discharge, rtol=1e-6)
        np.testing.assert_allclose(opened["gauge_y"], [1, 2])
    table = pd.read_csv(tmp_path / "parameters.csv", index_col="gauge")
    assert table.to_dict() == {"beta [1]": {"a": 2.0, "b": 3.0}}
    notes = pd.read_csv(tmp_path / "columns.csv", index_col="column")
    assert notes.loc["beta [1]", "meaning"] == HBV.parameters[0].long_name
    with xr.open_dataset(tmp_path / "parameters.nc") as maps:
        np.testing.assert_allclose(maps["beta"].sel(gauge="b"), 3)
    assert not (tmp_path / "parameters").exists()


def test_an_output_called_discharge_is_refused_beside_that_of_the_gauges():
    domain = DOMAINS["projected"]
    field, flow = Field("discharge", "mm d-1", "flow of a cell"), np.ones((3, domain.size))
    with pytest.raises(ValueError, match="call what a cell gives to the river its runoff"):
        export.dataset(domain, DAYS[:3], [field], {field.name: flow}, np.full((3, 2), 7.0))


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, suffix, monkeypatch):
    domain, path = DOMAINS["projected"], tmp_path / f"fluxes.{suffix}"
    first, second = series(domain, 1)[2], series(domain, 2)[2]
    export.write_dataset(path, first)

    def fail(*args, **options):
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(xr.Dataset, "to_netcdf" if suffix == "nc" else "to_zarr", fail)
        with pytest.raises(OSError, match="disk full"):
            export.write_dataset(path, second)
    options = {"engine": "zarr"} if suffix == "zarr" else {}
    for expected in (first, second):
        with xr.open_dataset(path, **options) as opened:
            np.testing.assert_allclose(opened["discharge"], expected["discharge"], rtol=1e-6)
        export.write_dataset(path, second)


def test_writing_leaves_the_dataset_as_it_was(tmp_path):
    data = series(DOMAINS["projected"])[2]
    before = data.copy(deep=True)
    encoding = dict(data["discharge"].encoding)
    export.write_dataset(tmp_path / "a.nc", data)
    xr.testing.assert_identical(data, before)
    assert data["discharge"].encoding == encoding


def test_series_in_other_formats_are_refused(tmp_path):
    data = series(DOMAINS["projected"])[2]
    with pytest.raises(ValueError, match=r"fluxes\.csv: series are written to a file \.nc"):
        export.write_dataset(tmp_path / "fluxes.csv", data)


def test_chunks_of_large_rasters_stay_small():
    rows, cols, days = 360, 720, 5
    large = xr.DataArray(np.zeros((days, rows, cols), np.float32), dims=("time", "y", "x"))
    encoded = export.stored(xr.Dataset({"runoff": large}))
    chunks = encoded["runoff"].encoding["chunksizes"]
    assert chunks[1:] == (rows, cols) and 4 * np.prod(chunks) <= 4.2e6
    wide = xr.DataArray(np.zeros((2, 900, 3000), np.float32), dims=("time", "y", "x"))
    chunks = export.stored(xr.Dataset({"runoff": wide}))["runoff"].encoding["chunksizes"]
    assert chunks == (1, 900, 1024)


@pytest.mark.parametrize(
    ("crs", "unit"), [("EPSG:2263", "US_survey_foot"), ("+proj=utm +zone=31 +units=km", "km")]
)
def test_positions_are_in_the_unit_of_the_reference_system(tmp_path, crs, unit):
    domain = build([5000.0, 4000], [100.0, 1100, 2100, 3100], crs)
    export.write_dataset(tmp_path / "fluxes.nc", series(domain)[2])
    domain.to_file(tmp_path / "domain.nc")
    positions = []
    for name in ("fluxes.nc", "domain.nc"):
        with xr.open_dataset(tmp_path / name) as opened:
            assert opened["x"].attrs["units"] == opened["gauge_x"].attrs["units"] == unit
            positions.append({n: opened[n].attrs for n in ("gauge", "gauge_x", "gauge_y")})
    assert positions[0] == positions[1]


def test_a_zarr_store_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    domain, path = DOMAINS["projected"], tmp_path / "fluxes.zarr"
    first, second = series(domain, 1)[2], series(domain, 2)[2]
    export.write_dataset(path, first)
    replace = os.replace

    def crash(source, target):
        if ".new." in str(source) and str(target) == str(path):
            raise OSError("disk")
        replace(source, target)

    monkeypatch.setattr(os, "replace", crash)
    # as on file systems that cannot exchange two names
    monkeypatch.setattr("gridhydro.base.files.exchange", lambda *_: False)
    with pytest.raises(OSError, match="disk"):
        export.write_dataset(path, second)
    monkeypatch.undo()
    with xr.open_zarr(path) as opened:
        name = next(iter(first.data_vars))
        np.testing.assert_allclose(opened[name], first[name], rtol=1e-6)
    assert {p.name for p in tmp_path.iterdir()} == {path.name}
