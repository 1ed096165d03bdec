"""Files at the door: codes that they do not declare, units that they state, names of ISIMIP3."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.base.units import depth_of_flow
from gridhydro.io import read_basins, read_discharge, read_grace, read_series, read_wfdei
from tests.io.test_read_grace import mascons

DAYS = pd.date_range("2001-01-01", periods=60)


def edited(path, change):
    """The file with other values of storage, in cm."""
    with xr.open_dataset(path, decode_times=False) as file:
        data = file.load()
    change(data["lwe_thickness"])
    data["lwe_thickness"].encoding = {}
    data.to_netcdf(path)
    return path


@pytest.mark.parametrize("code", [-99999.0, -9999.0, 32767.0, 1e20, 9.96921e36, -999.9])
def test_a_code_in_a_month_of_grace_is_left_out_with_a_warning(tmp_path, code):
    path = edited(mascons(tmp_path / "a.nc"), lambda v: v.__setitem__((3, 5, 5), code))
    with pytest.warns(UserWarning, match=r"a\.nc: 'lwe_thickness' is .* in 1 of .*, first in sol"):
        found = read_grace(path)["twsa"]
    assert np.isnan(found).sum() == 1 and np.abs(found).max() < 1000


def test_a_sea_of_codes_is_left_out_and_declared_codes_need_no_word(tmp_path, recwarn):
    path = edited(mascons(tmp_path / "a.nc"), lambda v: v.__setitem__(np.s_[:, :4], -99999.0))
    found = read_grace(path, missing=-99999.0)["twsa"]
    assert not recwarn.list
    with pytest.warns(UserWarning, match="is -99999 in"):
        again = read_grace(path)["twsa"]
    np.testing.assert_array_equal(found, again)
    assert np.isnan(found.isel(time=0)).sum() == 4 * found.sizes["lon"]


def test_storage_that_no_place_has_is_refused(tmp_path):
    path = edited(mascons(tmp_path / "a.nc"), lambda v: v.__setitem__((3, 5, 5), 2345.6))
    with pytest.raises(ValueError, match=r"is 23456 mm around 2004-03-\d\d at lat .*, lon .* but"):
        read_grace(path)


def flow(path, values, units=None):
    attrs = {} if units is None else {"units": units}
    if path.suffix == ".csv":
        pd.DataFrame({"a": values}, DAYS.rename("date")).to_csv(path)
    else:
        dims, coords = ("gauge", "time"), {"time": DAYS, "gauge": ["a"]}
        xr.Dataset({"discharge": (dims, values[None], attrs)}, coords).to_netcdf(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".nc"])
@pytest.mark.parametrize(("units", "factor"), [("cfs", 0.3048**3), ("ML/day", 1e3 / 86400)])
def test_discharge_of_files_in_any_unit(tmp_path, suffix, units, factor):
    values = np.linspace(1, 9, 60)
    path = flow(tmp_path / f"q{suffix}", values)
    np.testing.assert_allclose(read_discharge(path, "a", units=units), values * factor)
    depth = read_discharge(path, "a", units="mm d-1", area_km2=50.0)
    np.testing.assert_allclose(depth, values / depth_of_flow(50.0))
    with pytest.raises(ValueError, match="a depth over the basin: give its area, area_km2"):
        read_discharge(path, "a", units="mm/day")


def test_the_unit_that_a_file_states_is_used_and_none_is_asked_for(tmp_path):
    path = flow(tmp_path / "q.nc", np.ones(60), "L s-1")
    np.testing.assert_allclose(read_discharge(path, "a"), 1e-3)
    with pytest.raises(ValueError, match="'discharge' has no units"):
        read_discharge(flow(tmp_path / "none.nc", np.ones(60)), "a")


@pytest.mark.parametrize("suffix", [".csv", ".nc"])
@pytest.mark.parametrize("code", [-99.9, 9999.0, 1e30])
def test_codes_in_discharge_of_files_are_refused_or_declared(tmp_path, suffix, code):
    values = np.linspace(1, 9, 60)
    values[5] = code
    path = flow(tmp_path / f"q{suffix}", values, "cfs")
    with pytest.raises(ValueError, match=r"discharge is .* on 2001-01-06 at gauge a, .*1 of 60"):
        read_discharge(path, "a", units="cfs")
    assert np.isnan(read_discharge(path, "a", units="cfs", missing=[code]).iloc[5])


def test_codes_in_a_file_of_basins_are_told_in_its_own_unit(tmp_path):
    values = np.random.default_rng(0).uniform(1, 9, (60, 2)).astype("f4")
    values[5, 1] = 9999
    data = xr.Dataset(
        {"streamflow": (("time", "gauge"), values, {"units": "ft3 s-1"})},
        {"time": DAYS, "gauge": ["a", "b"], "area": ("gauge", [1e2, 1e2], {"units": "km2"})},
    )
    data.to_netcdf(tmp_path / "b.nc")
    found = read_basins(tmp_path / "b.nc")
    with pytest.raises(ValueError, match=r"b\.nc: discharge is 9999 on 2001-01-06 at gauge b, 1"):
        found["discharge"].load()
    assert found["discharge"].isel(time=slice(5, 6)).load().size == 2  # too short to tell


def test_missing_values_of_a_series_are_declared(tmp_path):
    values = np.ones((60, 3, 3), "f4")
    values[7] = -32768
    coords = {"time": DAYS, "lat": [2.0, 1, 0], "lon": [5.0, 6, 7]}
    xr.Dataset({"pr": (("time", "lat", "lon"), values)}, coords).to_netcdf(tmp_path / "s.nc")
    found = read_series(tmp_path / "s.nc", "pr", missing=-32768)
    assert np.isnan(found[7]).all() and np.isnan(found).sum() == 9


NAMES = ("gswp3-w5e5_obsclim_{}_global_daily_2001_2001.nc", "{}_day_GFDL-ESM4_historical_2001.nc",
         "mri-esm2-0_r1i1p1f1_w5e5_ssp585_{}_global_daily_2001_2001.nc")  # fmt: skip


def isimip(folder, name, variables=("pr", "tas")):
    known = dict(pr=("kg m-2 s-1", 3e-5), tas=("K", 280.0), tasmax=("K", 290.0))
    coords = {"time": DAYS, "lat": [2.0, 1, 0], "lon": [5.0, 6, 7]}
    for variable in variables:
        units, value = known[variable]
        values = np.full((60, 3, 3), value, "f4")
        data = xr.Dataset({variable: (("time", "lat", "lon"), values, {"units": units})}, coords)
        data.to_netcdf(folder / name.format(variable))
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_files_of_isimip_are_found_by_the_variable_in_their_names(tmp_path, name):
    found = read_wfdei(isimip(tmp_path, name))
    np.testing.assert_allclose(found["precipitation"], 3e-5 * 86400, rtol=1e-6)
    np.testing.assert_allclose(found["temperature"], 6.85, rtol=1e-4)


def test_files_that_are_chosen_may_be_called_anything(tmp_path):
    isimip(tmp_path, "{}-of-somewhere.2001.nc", ["tas"])
    (tmp_path / "tas-of-somewhere.2001.nc").rename(tmp_path / "air_2001.nc")
    isimip(tmp_path, NAMES[0], ["pr"])
    with pytest.raises(ValueError, match="which temperature is made of"):
        read_wfdei(tmp_path, series=["temperature"])
    found = read_wfdei(tmp_path, files={"Tair": "air*", "Precip": "*_pr_*"})
    assert set(found) == {"precipitation", "temperature"}
