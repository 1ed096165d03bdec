"""Numbers that are still packed, and codes that somebody names: read rightly or refused."""

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

import gridhydro as gh
from gridhydro import io
from gridhydro.base.missing import codes_in, declare, declared, masked, refuse_packed
from gridhydro.columns import column
from gridhydro.observations.discharge import discharge_table
from gridhydro.observations.target_series import TargetSeries
from tests.support.small_inputs import raster
from tests.support.small_world import small_model, small_world

PACKED = {"scale_factor": 0.1}


def packed(array, **attrs):
    """As files hold it that are opened with mask_and_scale=False."""
    return (array * 10).round().astype("i2").assign_attrs(array.attrs | (attrs or PACKED))


@pytest.mark.parametrize("attrs", [PACKED, {"add_offset": 100.0}, {"scale_factor": "0.1"}])
def test_numbers_that_say_they_are_packed_are_refused(attrs):
    name = next(iter(attrs))
    with pytest.raises(ValueError, match=rf"'value' says {name} = .*mask_and_scale=True"):
        masked(packed(raster(), **attrs))


@pytest.mark.parametrize(
    "attrs", [{}, {"scale_factor": 1.0, "add_offset": 0.0}, {"scale_factor": np.float32([1])}]
)
def test_numbers_that_say_they_are_not_packed_are_taken(attrs):
    array = raster(**attrs)
    assert (masked(array) == array).all()


def test_packed_numbers_are_refused_at_every_door():
    domain, attributes, weather, discharge = small_world()
    weather = weather.isel(time=slice(60)).load()
    one = weather.assign(precipitation=packed(weather["precipitation"]))
    said = "says scale_factor = 0.1"
    with pytest.raises(ValueError, match=said):
        gh.Forcing.read(one, domain, column("hbv"))
    assert any(said in error for error in gh.check(domain, one).errors)
    with pytest.raises(ValueError, match=said):
        gh.History.of(domain, one, ("2001-01-01", "2001-01-30"))
    table = discharge.copy()
    table.attrs |= PACKED
    with pytest.raises(ValueError, match=said):
        discharge_table(table, domain)
    first = next(iter(attributes.data_vars))
    with pytest.raises(ValueError, match=said):
        gh.Model(domain, "hbv", attributes.assign({first: packed(attributes[first])}))
    seen = weather["temperature"].assign_attrs(units="mm") + 300
    target = gh.Target("soil_moisture", packed(seen, units="mm", **PACKED))
    with pytest.raises(ValueError, match=said):
        TargetSeries.read(target, small_model(), weather.indexes["time"])
    codes = raster().copy(data=np.full((4, 3), 1)).assign_attrs(PACKED)
    with pytest.raises(ValueError, match=said):
        gh.Domain.from_d8(codes, "esri")


def test_a_geotiff_with_a_scale_is_unpacked(tmp_path):
    values = raster().rename(lat="y", lon="x").round().astype("i2").rio.write_crs("EPSG:4326")
    values.rio.write_nodata(-1).rio.to_raster(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.scales, file.offsets = (0.5,), (-4.0,)
    found = io.read_raster(tmp_path / "a.tif")
    np.testing.assert_allclose(found.values, values.values * 0.5 - 4)
    refuse_packed(found)


@pytest.mark.parametrize("code", [999.99, 9999.99, 99999.9, 99999.99, -99999.99])
def test_codes_of_nines_have_decimals_above_zero_too(code):
    values = np.random.default_rng(0).uniform(0, 200, (100, 2))
    values[7, 1] = code
    assert np.argwhere(codes_in(values)).tolist() == [[7, 1]]


@pytest.mark.parametrize("missing", ["x", True, [1.0, "2"], {"a": 1}, [[None]]])
def test_codes_that_are_no_numbers_are_refused(missing):
    said = r"missing is a number, or a list of numbers, .* not "
    with pytest.raises(ValueError, match=said):
        declare(raster(), missing)
    table = pd.DataFrame({"a": [1.0, 2]}, pd.date_range("2001", periods=2))
    with pytest.raises(ValueError, match=said):
        discharge_table(table, missing=missing)


def test_discharge_declares_its_codes_as_any_other_array():
    days = pd.date_range("2001", periods=60, name="time")
    flow = xr.DataArray(np.linspace(1, 9, 60)[:, None], {"time": days, "gauge": ["a"]}, name="q")
    flow[5] = 9999.0
    with pytest.raises(ValueError, match="discharge is 9999 "):  # NaN declares nothing
        discharge_table(flow.assign_attrs(_FillValue=np.nan))
    table = discharge_table(flow.assign_attrs(_FillValue=9999.0))
    assert table["a"].isna().sum() == 1
    assert discharge_table(flow, missing=np.float32(9999))["a"].isna().sum() == 1
    with pytest.raises(ValueError, match=r"'q' declares .*many.* as its missing values, which"):
        discharge_table(flow.assign_attrs(missing_value="many"))
    assert declared(flow.assign_attrs(missing_value=[])) == ()


@pytest.mark.parametrize("units", [5, ["m3 s-1"]])
def test_units_that_are_no_text_are_refused(units):
    table = pd.DataFrame({"a": [1.0, 2]}, pd.date_range("2001", periods=2))
    with pytest.raises(ValueError, match="which is not known as a unit for 'm3 s-1'"):
        discharge_table(table, units=units)
