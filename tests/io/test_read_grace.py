"""GRACE files: the real sample, and files laid out as those of CSR, JPL and GSFC are."""

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro import Domain
from gridhydro.io import read_grace
from tests.support.native_mascons import VALUES, write_native_mascons

SAMPLE = "grace/twsa_csr_rl06_1deg_south_america.nc"
MONTHS = pd.date_range("2003-12-01", "2010-02-01", freq="MS")


def signal(months=MONTHS, lat=0.0, lon=0.0):
    """Storage in cm: seasons, a trend, and a place's own size."""
    t = (months - pd.Timestamp("2007-01-01")) / pd.Timedelta(days=365.25)
    size = 10 + lat / 10 + lon / 100
    return np.asarray(size * np.sin(2 * np.pi * t) + 0.5 * t)


def mascons(path, *, step=2.0, months=MONTHS, inclusive=False, key="units", offset=0.0, mask=None,
            units="cm", unlisted=()):  # fmt: skip
    """A file laid out as the mascon products are: longitudes from 0, days since 2002, bounds."""
    lat = np.arange(-10 + step / 2, 10, step)
    lon = np.concatenate([np.arange(step / 2, 20, step), np.arange(340 + step / 2, 360, step)])
    months = months[~np.isin(months, pd.DatetimeIndex(unlisted))]
    where = (lon + 180) % 360 - 180
    values = np.stack([[signal(months, a, b) for b in where] for a in lat]).transpose(2, 0, 1)
    zero = pd.Timestamp("2002-01-01")
    start = (months - zero).days
    end = (months + pd.offsets.MonthBegin() - zero).days - (1 if inclusive else 0)
    data = xr.Dataset(
        {
            "lwe_thickness": (("time", "lat", "lon"), values + offset, {key: units}),
            "time_bounds": (("time", "bounds"), np.stack([start, end], 1).astype(float)),
            "scale_factor": (("lat", "lon"), np.full((lat.size, lon.size), 3.0)),
        },
        {
            "time": ("time", (start + end) / 2, {key: "days since 2002-01-01T00:00:00Z"}),
            "lat": lat, "lon": lon,
        },
        {"time_mean_removed": "2004.000 to 2009.999"},
    )  # fmt: skip
    if mask is not None:
        data["land_mask"] = (("lat", "lon"), mask(lat[:, None], where[None]).astype(float))
    data.to_netcdf(path)
    return path


def test_read_grace_of_the_sample_in_mm(data):
    path = data(SAMPLE)
    read = read_grace(path)
    with xr.open_dataset(path) as file:
        np.testing.assert_allclose(read["twsa"], 10 * file["twsa"], rtol=1e-6)
        for name in ("time", "time_start", "time_end"):
            np.testing.assert_array_equal(read[name], file[name])
    assert read["twsa"].dtype == np.float32 and read["twsa"].attrs["units"] == "mm"
    assert read.attrs["baseline"] == "2004 to 2009"


def test_read_grace_around_a_domain(data):
    codes = xr.DataArray(
        np.array([[6.0, 0], [0, 0]]), {"lat": [-3.25, -3.75], "lon": [-60.25, -59.75]},
        ("lat", "lon"),
    )  # fmt: skip
    domain = Domain.from_d8(codes, "watergap")
    whole, part = read_grace(data(SAMPLE)), read_grace(data(SAMPLE), domain=domain)
    assert part.sizes["lat"] == 5 and part.sizes["lon"] == 4
    assert part["lon"].min() <= -61 and part["lon"].max() >= -59
    xr.testing.assert_equal(part["twsa"], whole["twsa"].sel(lat=part["lat"], lon=part["lon"]))


def test_read_grace_of_series_at_gauges(data):
    path = data("camels_us_400/grace_twsa.nc")
    read = read_grace(path)
    assert read["twsa"].dims == ("time", "gauge") and read["gauge"].values[0] == "01022500"
    with xr.open_dataset(path) as file:
        np.testing.assert_allclose(read["twsa"], 10 * file["twsa"], rtol=1e-6)
    # times near the middle of a month are months; the others are 30 days
    start, end = read["time_start"].values, read["time_end"].values
    assert (start[2], end[2]) == (np.datetime64("2002-08-01"), np.datetime64("2002-09-01"))
    assert (start[1], end[1]) == (np.datetime64("2002-04-25"), np.datetime64("2002-05-25"))
    # the solutions that these were sampled from have days of their own
    solutions = read_grace(data(SAMPLE))
    read = read_grace(path, windows=solutions)
    assert read["time_start"].values[1] == np.datetime64("2002-05-03")
    assert read["time_end"].values[1] == np.datetime64("2002-05-18")
    with pytest.raises(ValueError, match=r"no solution of `windows` is at 2002-04-18"):
        read_grace(path, windows=solutions.isel(time=slice(5, None)))


@pytest.mark.parametrize("key", ["units", "Units"])
def test_read_grace_of_a_mascon_file(tmp_path, key):
    """Longitudes and days come out right, whether or not xarray heeds the units."""
    read = read_grace(mascons(tmp_path / "CSR.nc", key=key))
    assert read["lon"].values[0] == -19 and (np.diff(read["lon"]) == 2).all()
    series = read["twsa"].sel(lat=5, lon=-3)
    np.testing.assert_allclose(series, 10 * signal(lat=5, lon=-3), rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(read["time_start"], MONTHS)
    np.testing.assert_array_equal(read["time_end"], MONTHS + pd.offsets.MonthBegin())
    assert set(read.data_vars) == {"twsa"}


def test_the_last_day_and_the_first_day_after_it(tmp_path):
    after = read_grace(mascons(tmp_path / "a.nc"))
    last = read_grace(mascons(tmp_path / "b.nc", inclusive=True))
    for name in ("time", "time_start", "time_end"):
        np.testing.assert_array_equal(after[name], last[name])


def test_sea_is_missing_by_a_mask_inside_or_beside_the_file(tmp_path):
    inside = read_grace(mascons(tmp_path / "GSFC.nc", mask=lambda lat, lon: lon > lat))
    (tmp_path / "csr").mkdir()
    mascons(tmp_path / "csr/CSR.nc")
    with xr.open_dataset(tmp_path / "GSFC.nc", decode_times=False) as file:
        land = file["land_mask"].load().rename("LO_val")
    land.to_netcdf(tmp_path / "csr/LandMask.nc")
    beside = read_grace(tmp_path / "csr")
    xr.testing.assert_equal(inside["twsa"], beside["twsa"])
    assert np.isnan(inside["twsa"].sel(lat=5, lon=3)).all()
    assert np.isfinite(inside["twsa"].sel(lat=5, lon=7)).all()
    with pytest.raises(ValueError, match=r"LandMask\.nc holds a land mask, but no storage"):
        read_grace(tmp_path / "csr/LandMask.nc")


def test_products_are_averaged_solution_by_solution(tmp_path):
    """Another baseline, another grid, another count of days and missing months do not matter;
    where one lacks a month the other's is taken."""
    mascons(tmp_path / "CSR.nc", step=1.0, offset=25.0)
    mascons(tmp_path / "JPL.nc", inclusive=True, unlisted=["2005-03-01"])
    read = read_grace(tmp_path)
    assert read.sizes == {"time": len(MONTHS), "lat": 10, "lon": 20}
    np.testing.assert_array_equal(read["time_start"], MONTHS)
    common = (MONTHS >= "2004") & (MONTHS < "2010") & (MONTHS != "2005-03-01")
    expected = signal(lat=5, lon=-3)
    expected = 10 * (expected - expected[common].mean())
    np.testing.assert_allclose(read["twsa"].sel(lat=5, lon=-3), expected, atol=1e-3)
    assert read.attrs["baseline"] == "2004-01-01 to 2009-12-31"
    with pytest.raises(ValueError, match="no solution in common within the baseline from 1999"):
        read_grace(tmp_path, baseline=("1999-01-01", "1999-12-31"))


def test_the_mean_of_products_is_their_mean(tmp_path):
    mascons(tmp_path / "a.nc")
    mascons(tmp_path / "b.nc")
    with xr.open_dataset(tmp_path / "b.nc", decode_times=False) as file:
        changed = file.load()
    changed["lwe_thickness"][dict(time=7)] += 6.0
    changed["lwe_thickness"][dict(time=7, lat=0, lon=0)] = np.nan
    changed.to_netcdf(tmp_path / "c.nc")
    one = read_grace(tmp_path / "a.nc")["twsa"]
    both = read_grace([tmp_path / "a.nc", tmp_path / "c.nc"])["twsa"]
    moved = (both - both.isel(time=0)) - (one - one.isel(time=0))
    np.testing.assert_allclose(moved.isel(time=7).sel(lat=5, lon=-3), 30, atol=1e-3)
    # where one of them has no value it is the other's
    np.testing.assert_allclose(moved.isel(time=7).sel(lat=-9, lon=1), 0, atol=1e-3)


def test_two_solutions_in_a_month_stay_two(tmp_path, data):
    """2011-10 and 2015-04 have two solutions each in the sample."""
    sample = read_grace(data(SAMPLE))
    both = read_grace([data(SAMPLE), data(SAMPLE)])
    np.testing.assert_array_equal(both["time_start"], sample["time_start"])
    change = (both["twsa"] - sample["twsa"]).values
    np.testing.assert_allclose(change, np.broadcast_to(change[0], change.shape), atol=1e-3)


def test_read_grace_of_native_gsfc_mascons(tmp_path):
    """Two bands of mascons of unequal width; day 1 is 2002-01-01 and the last day is included."""
    path = tmp_path / "gsfc.h5"
    write_native_mascons(path)
    read = read_grace(path)
    assert read["time_start"].values[0] == np.datetime64("2002-04-05")
    assert read["time_end"].values[0] == np.datetime64("2002-05-01")
    for lat, lon, mascon in (
        (-0.25, 10.25, 0), (-0.75, -44.75, 3), (0.25, -89.75, 4), (0.75, 90.25, 5),
    ):  # fmt: skip
        found = read["twsa"].sel(lat=lat, lon=lon)
        np.testing.assert_allclose(found, 10 * VALUES[mascon], rtol=1e-6)
    assert np.isnan(read["twsa"].sel(lat=-0.25, lon=-130.25)).all()  # water
    assert np.isnan(read["twsa"].sel(lat=5.25)).all()  # no mascon
    with netCDF4.Dataset(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(ValueError, match=r"empty\.h5 has no 'mascon/lat_center'"):
        read_grace(tmp_path / "empty.h5")


@pytest.mark.parametrize(("units", "factor"), [("mm", 10), ("m", 0.01), ("kg m-2", 10)])
def test_read_grace_converts_units(tmp_path, units, factor):
    path = mascons(tmp_path / "a.nc", units=units)
    with xr.open_dataset(path, decode_times=False) as file:
        other = file.load()
    other["lwe_thickness"] = (other["lwe_thickness"] * factor).assign_attrs(units=units)
    other.to_netcdf(tmp_path / "b.nc")
    expected = read_grace(mascons(tmp_path / "c.nc"))["twsa"]
    np.testing.assert_allclose(read_grace(tmp_path / "b.nc")["twsa"], expected, rtol=1e-5)


def test_wrong_grace_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.nc: 'lwe_thickness' has no units"):
        read_grace(mascons(tmp_path / "a.nc", key="unit"))
    assert read_grace(tmp_path / "a.nc", units="cm")["twsa"].attrs["units"] == "mm"
    with pytest.raises(ValueError, match="is in 'furlong', which is not known"):
        read_grace(mascons(tmp_path / "b.nc", units="furlong"))
    with pytest.raises(ValueError, match=r"says 'm', but would vary by 6\.97e\+03 mm over time"):
        read_grace(mascons(tmp_path / "c.nc", units="m"))
    xr.Dataset({"t2m": ("x", [1.0])}).to_netcdf(tmp_path / "d.nc")
    with pytest.raises(ValueError, match=r"d\.nc has none of lwe_thickness, .* but t2m"):
        read_grace(tmp_path / "d.nc")
    (tmp_path / "text.nc").write_text("no NetCDF")
    with pytest.raises(ValueError, match=r"text\.nc cannot be opened"):
        read_grace(tmp_path / "text.nc")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"folder has no file ending in"):
        read_grace(tmp_path / "folder")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_grace(tmp_path / "none.nc")
