"""Folders of forcing in WFDEI's layout: hours to days, units, months to a series, what is wrong."""

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro import COLUMNS, Forcing
from gridhydro.inputs.pet import pet_of
from gridhydro.io import daily_files, read_wfdei
from tests.support.hydropy_land import row_domain

LAT, LON = np.arange(-2.75, 3, 0.5), np.arange(-61.75, -58, 0.5)
BASE = dict(
    Tair=(295.0, "K"), Qair=(0.0175, "kg/kg"), PSurf=(1e5, "Pa"), Wind=(1.8, "m/s"),
    SWdown=(190.0, "W/m2"), LWdown=(420.0, "W/m^2"), Rainf=(1e-4, "kg/m2s"), Snowf=(1e-5, "kg/m2s"),
)  # fmt: skip
CF = dict(Tair="tas", Qair="huss", PSurf="ps", Wind="sfcWind", SWdown="rsds", LWdown="rlds")


def values(name, times):
    """What the files hold: values that rise by a per mille a day, and swing over it."""
    days = (times.floor("D") - pd.Timestamp("2001-01-01")).days.to_numpy() % 100
    swing = 1e-2 * np.cos(2 * np.pi * times.hour.to_numpy() / 24)
    place = 1e-3 * np.arange(LAT.size)[:, None] + 1e-4 * np.arange(LON.size)
    rise = (1 + 1e-3 * days + swing)[:, None, None] + place
    return (BASE[name][0] * rise).astype(np.float32)


def original(folder, name, month, label="", units=None, lat=LAT):
    """A file of a month as WFDEI writes them: a variable time along an axis tstep, fill 1e20."""
    first = pd.Timestamp(f"{month}-01")
    times = pd.date_range(first, first + pd.offsets.MonthBegin(), freq="3h", inclusive="left")
    folder = folder / f"{name}_WFDEI{label}"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}_WFDEI{label}_{month.replace('-', '')}.nc"
    with netCDF4.Dataset(path, "w") as file:
        for dim, size in (("tstep", None), ("lat", lat.size), ("lon", LON.size)):
            file.createDimension(dim, size)
        for dim, axis in (("lat", lat), ("lon", LON)):
            file.createVariable(dim, "f4", (dim,))[:] = axis
        time = file.createVariable("time", "i4", ("tstep",))
        time.units = f"seconds since {month}-01 00:00:00"
        time[:] = (times - first) / pd.Timedelta("1s")
        steps = file.createVariable("timestp", "i4", ("tstep",))
        steps.units = f"timesteps since {month}-01 00:00:00"
        steps[:] = np.arange(len(times))
        series = file.createVariable(name, "f4", ("tstep", "lat", "lon"), fill_value=1e20)
        series.units = BASE[name][1] if units is None else units
        grid = values(name, times)
        grid[:, 0, 0] = np.nan  # the sea
        series[:] = np.where(np.isnan(grid), 1e20, grid)
    return path


@pytest.fixture
def folder(tmp_path):
    for name in BASE:
        for month in ("2001-01", "2001-02"):
            original(tmp_path, name, month)
    return tmp_path


def day_means(name, factor=1.0, offset=0.0, reduce="mean"):
    times = pd.date_range("2001-01-01", "2001-02-28 21:00", freq="3h")
    hours = values(name, times).astype(float).reshape(59, 8, LAT.size, LON.size)
    days = getattr(hours, reduce)(1) * factor + offset
    days[:, 0, 0] = np.nan
    return days


def test_wfdei_hours_become_days_in_our_units(folder):
    data = read_wfdei(folder)
    assert list(data) == [
        "precipitation", "temperature", "temperature_min", "temperature_max", "specific_humidity",
        "surface_pressure", "wind_speed", "shortwave_radiation", "longwave_radiation",
    ]  # fmt: skip
    assert data.sizes == {"time": 59, "lat": LAT.size, "lon": LON.size}
    kelvin = dict(offset=-273.15)
    expected = {
        "temperature": day_means("Tair", **kelvin),
        "temperature_min": day_means("Tair", reduce="min", **kelvin),
        "temperature_max": day_means("Tair", reduce="max", **kelvin),
        "precipitation": day_means("Rainf", 86400) + day_means("Snowf", 86400),
        "specific_humidity": day_means("Qair"),
        "surface_pressure": day_means("PSurf"),
        "wind_speed": day_means("Wind"),
        "shortwave_radiation": day_means("SWdown"),
        "longwave_radiation": day_means("LWdown"),
    }
    for name, days in expected.items():
        assert data[name].dtype == np.float32
        np.testing.assert_allclose(data[name], days, rtol=3e-6, atol=3e-5, err_msg=name)
    units = {name: data[name].attrs["units"] for name in data}
    assert data["lat"].attrs["units"] == "degrees_north"
    assert units["temperature"] == "degC" and units["precipitation"] == "mm d-1"
    assert units["specific_humidity"] == "1" and units["longwave_radiation"] == "W m-2"


def test_read_wfdei_is_lazy(folder, monkeypatch):
    data = read_wfdei(folder)
    opened = []
    true = daily_files.opened
    monkeypatch.setattr(
        daily_files, "opened", lambda path, **kw: opened.append(path.name) or true(path, **kw)
    )
    part = data["temperature"].isel(time=slice(25, 29), lat=slice(2, 4), lon=3)
    days = day_means("Tair", offset=-273.15)
    np.testing.assert_allclose(part, days[25:29, 2:4, 3], rtol=1e-6, atol=3e-5)
    assert opened == ["Tair_WFDEI_200101.nc"]
    across = data["temperature"].sel(time=slice("2001-01-31", "2001-02-01"))
    np.testing.assert_allclose(across, days[30:32], rtol=1e-6, atol=3e-5)
    assert opened[1:] == ["Tair_WFDEI_200101.nc", "Tair_WFDEI_200102.nc"]
    picked = data["wind_speed"].isel(time=[40, 3], lat=[5, 1])
    np.testing.assert_allclose(picked, day_means("Wind")[[40, 3]][:, [5, 1]], rtol=1e-6)
    assert data["wind_speed"].isel(time=slice(0)).shape == (0, LAT.size, LON.size)


def test_read_wfdei_of_yearly_cf_files(tmp_path):
    times = pd.date_range("2001-01-01", "2002-12-31")
    units = dict(huss="1", sfcWind="m s-1", rsds="W m-2", rlds="W m-2")
    for name, short in CF.items():
        for year in ("2001", "2002"):
            own = times[times.year == int(year)]
            axes = {"time": own, "lat": LAT, "lon": LON}
            days = xr.DataArray(values(name, own), axes, name=short)
            days.attrs["units"] = units.get(short, BASE[name][1])
            days.to_netcdf(tmp_path / f"{short}_wfdei_{year}.nc4")
    data = read_wfdei(tmp_path)
    assert "temperature_min" not in data and "precipitation" not in data
    assert data.sizes["time"] == 730
    np.testing.assert_allclose(data["temperature"], values("Tair", times) - 273.15, atol=5e-5)
    short = read_wfdei(tmp_path, period=("2001-12", "2002-01"), series=["wind_speed"])
    assert list(short) == ["wind_speed"] and short.sizes["time"] == 62
    with pytest.raises(ValueError, match="daily files, which do not tell temperature_max"):
        read_wfdei(tmp_path, series=["temperature_max"])


def test_wfdei_months_in_the_name_of_files_without_dates(tmp_path):
    for month in ("2001-01", "2001-02"):
        path = original(tmp_path, "Tair", month)
        with netCDF4.Dataset(path, "a") as file:
            file["time"].units = "time steps"
    data = read_wfdei(tmp_path, series=["temperature"])
    assert data["time"][-1] == np.datetime64("2001-02-28")
    np.testing.assert_allclose(data["temperature"], day_means("Tair", offset=-273.15), atol=5e-5)
    path.rename(path.with_name("Tair_last.nc"))
    with pytest.raises(ValueError, match=r"Tair_last\.nc does not say when its 224 times are"):
        read_wfdei(tmp_path, series=["temperature"])


def test_read_wfdei_around_the_domain(folder):
    domain = row_domain([0.25, -0.25], np.arange(-60.75, -59.5, 0.5))
    data = read_wfdei(folder, domain, series=["temperature"])
    assert data.sizes["lat"] == 4 and data.sizes["lon"] == 5
    expected = day_means("Tair", offset=-273.15)
    whole = xr.DataArray(expected, {"lat": LAT, "lon": LON}, ("time", "lat", "lon"))
    np.testing.assert_allclose(domain.pack(data["temperature"]), domain.pack(whole), atol=5e-5)
    far = row_domain([0.25, -0.25], np.arange(-40.75, -39.5, 0.5))
    with pytest.raises(ValueError, match=r"do not reach row 0, col 0.*span -61.75 to -58.25"):
        read_wfdei(folder, far)


def test_wfdei_with_two_products_of_rain(folder):
    for name in ("Rainf", "Snowf"):
        for month in ("2001-01", "2001-02"):
            original(folder, name, month, label="_GPCC")
    with pytest.raises(ValueError, match=r"both have Rainf on 2001-01-01: choose with files="):
        read_wfdei(folder)
    data = read_wfdei(folder, files={"Rainf": "*GPCC*", "Snowf": "*GPCC*"})
    expected = day_means("Rainf", 86400) + day_means("Snowf", 86400)
    np.testing.assert_allclose(data["precipitation"], expected, rtol=1e-5)
    with pytest.raises(ValueError, match="files= has 'Rain', but knows Tair"):
        read_wfdei(folder, files={"Rain": "*"})


def test_wrong_wfdei_folders_are_refused(folder, tmp_path_factory):
    with pytest.raises(FileNotFoundError, match="no folder"):
        read_wfdei(folder / "absent")
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(ValueError, match=r"begins with Tair or tas.*no variable that is known"):
        read_wfdei(empty)
    with pytest.raises(ValueError, match="there is no series 'rain', but precipitation"):
        read_wfdei(folder, series=["rain"])
    with pytest.raises(ValueError, match=r"not all in .* which goes from 2001-01-01 to 2001-02-28"):
        read_wfdei(folder, period=("2001", "2001"))

    (folder / "Snowf_WFDEI" / "Snowf_WFDEI_200102.nc").unlink()
    with pytest.raises(ValueError, match=r"different days .*Snowf 2001-01-01 to 2001-01-31"):
        read_wfdei(folder)
    assert read_wfdei(folder, period=("2001-01", "2001-01")).sizes["time"] == 31
    (folder / "Snowf_WFDEI" / "Snowf_WFDEI_200101.nc").unlink()
    with pytest.raises(ValueError, match=r"begins with Snowf or prsn, which precipitation"):
        read_wfdei(folder)

    original(folder, "Tair", "2001-04")
    with pytest.raises(ValueError, match=r"no Tair from 2001-03-01 to 2001-03-31: after .*0102.nc"):
        read_wfdei(folder, series=["temperature"])
    original(folder, "Wind", "2001-03", units="Beaufort")
    with pytest.raises(ValueError, match=r"Wind_WFDEI_200103\.nc: 'Wind' is in 'Beaufort'"):
        read_wfdei(folder, series=["wind_speed"])
    original(folder, "Wind", "2001-03", lat=LAT + 0.25)
    with pytest.raises(ValueError, match=r"Wind_WFDEI_200103\.nc is on another grid"):
        read_wfdei(folder, series=["wind_speed"])
    original(folder, "PSurf", "2001-02", units="hPa")
    pressure = read_wfdei(folder, series=["surface_pressure"])["surface_pressure"]
    pressure[:31].load()
    with pytest.raises(ValueError, match=r"0102\.nc: PSurf is 1.*e\+07 Pa on 2001-02-01"):
        pressure[31:].load()
    mended = read_wfdei(folder, series=["surface_pressure"], units={"PSurf": "Pa"})
    np.testing.assert_allclose(mended["surface_pressure"], day_means("PSurf"), rtol=1e-6)


def test_wfdei_days_that_are_not_whole_are_refused(tmp_path):
    path = original(tmp_path, "Tair", "2001-01")
    with netCDF4.Dataset(path, "a") as file:
        file["time"][:] = file["time"][:] + 10800  # stamps at the end of the hours
    with pytest.raises(ValueError, match=r"has 7 times on 2001-01-01, but 8 on 2001-01-02"):
        read_wfdei(tmp_path, series=["temperature"])


def test_wfdei_as_forcing_of_a_column(folder, tmp_path):
    """From the folder to the cells, in memory and packed piece by piece."""
    domain = row_domain([0.25, -0.25], np.arange(-60.75, -59.5, 0.5))
    data = read_wfdei(folder, domain, period=("2001-01-20", "2001-02-10"))
    data["potential_evapotranspiration"] = pet_of(data, "hargreaves")
    whole = Forcing.read(data, domain, COLUMNS["hbv"])
    packed = Forcing.read(data, domain, COLUMNS["hbv"], cache=tmp_path / "cache")
    assert whole.values.shape == (3, 22, domain.size)
    np.testing.assert_array_equal(packed.values, whole.values)
    names = [field.name for field in COLUMNS["hbv"].forcings]
    rain = day_means("Rainf", 86400) + day_means("Snowf", 86400)
    fields = xr.DataArray(rain[19:41], {"lat": LAT, "lon": LON}, ("time", "lat", "lon"))
    found = whole.values[names.index("precipitation")]
    np.testing.assert_allclose(found, domain.pack(fields), rtol=1e-5)


def test_wfdei_of_land_points_in_a_row_is_refused(tmp_path):
    points = xr.DataArray(np.ones((31, 5)), dims=("tstep", "land"), name="Tair")
    points.to_netcdf(tmp_path / "Tair_WFD_200101.nc")
    with pytest.raises(ValueError, match=r"no variable Tair or tas .*but Tair \('tstep', 'land'\)"):
        read_wfdei(tmp_path)
