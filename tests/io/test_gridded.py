"""Gridded weather of any data set, as daily series by our names."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from gridhydro import COLUMNS, Domain, Forcing
from gridhydro.inputs.pet import pet_of
from gridhydro.io import Reading, open_weather
from gridhydro.io.chain import Chain

LAT, LON = np.arange(50.0, 45, -1), np.arange(5.0, 11)
SHAPE = LAT.size, LON.size


def file(path, times, variables, dim="time", space=("lat", "lon"), **attrs):
    """A file of variables name -> (values, attributes)."""
    data = xr.Dataset(
        {name: ((dim, *space), values, attrs | own) for name, (values, own) in variables.items()},
        {dim: times, space[0]: LAT, space[1]: LON},
    )
    data.to_zarr(path) if path.suffix == ".zarr" else data.to_netcdf(path)


def random(count, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).gamma(0.5, 1, (count, *SHAPE))


DAYS = pd.date_range("2001-01-01", periods=40)
RAIN, WARM = random(40), 280 + random(40, 1)


@pytest.mark.parametrize(
    ("rain", "units", "warm", "factor"),
    [
        ("pr", "kg m-2 s-1", "tas", 86400),  # CMIP, W5E5, ISIMIP3
        ("tp", "m", "t2m", 1000),  # ERA5, daily sums
        ("total_precipitation", "m", "2m_temperature", 1000),
        ("rr", "mm", "tg", 1),  # E-OBS
        ("ppt", "mm", "tmean", 1),  # PRISM
        ("prcp", "mm/day", "tavg", 1),
        ("precipitation", "mm/d", "air_temperature", 1),  # MSWEP
    ],
)
def test_series_are_known_by_the_names_of_data_sets(tmp_path, rain, units, warm, factor):
    scaled = RAIN / factor
    file(tmp_path / "a.nc", DAYS, {rain: (scaled, {"units": units})})
    warm_attrs = {"units": "K", "standard_name": "air_temperature"}
    file(tmp_path / "b.nc", DAYS, {warm: (WARM, warm_attrs), "other": (WARM, {})})
    found = open_weather(tmp_path)
    assert set(found) == {"precipitation", "temperature"}
    assert found["precipitation"].values == pytest.approx(RAIN, rel=1e-5)
    assert found["temperature"].values == pytest.approx(WARM - 273.15, rel=1e-4, abs=1e-4)
    assert found["precipitation"].attrs["units"] == "mm d-1"


def test_extremes_are_told_by_their_method_and_names_by_the_user(tmp_path):
    variables = {
        f"t_{word}": (WARM + add, {"units": "K", "standard_name": "air_temperature"} | {
            "cell_methods": f"time: {word}"
        })
        for word, add in (("maximum", 5), ("minimum", -5), ("mean", 0))
    }  # fmt: skip
    variables["wet"] = RAIN, {"units": "mm", "standard_name": "precipitation_amount"}
    file(tmp_path / "a.nc", DAYS, variables)
    found = open_weather(tmp_path / "a.nc")
    for name, add in (("temperature_max", 5), ("temperature_min", -5), ("temperature", 0)):
        assert found[name].values == pytest.approx(WARM + add - 273.15, abs=1e-4)
    assert found["precipitation"].values == pytest.approx(RAIN, rel=1e-6)
    file(tmp_path / "b.nc", DAYS, {"x": (RAIN, {}), "y": (RAIN * 2, {})})
    reading = Reading(names={"precipitation": "y"}, units={"precipitation": "mm d-1"})
    found = open_weather(tmp_path / "b.nc", reading=reading)
    assert found["precipitation"].values == pytest.approx(2 * RAIN, rel=1e-6)
    with pytest.raises(ValueError, match=r"lacks wind_speed; it has none"):
        open_weather(tmp_path / "b.nc", series=["wind_speed"])


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_files_follow_one_another_and_are_read_by_windows(tmp_path, suffix, monkeypatch):
    # the names of files say nothing of their order
    for name, part in (("c", slice(0, 15)), ("a", slice(15, 16)), ("b", slice(16, 40))):
        rain = RAIN[part], {"units": "mm"}
        file(tmp_path / f"{name}{suffix}", DAYS[part], {"pr": rain})
    found = open_weather(str(tmp_path / f"*{suffix}"))["precipitation"]
    read, steps = [], Chain._steps
    monkeypatch.setattr(
        Chain, "_steps", lambda own, days, *more: read.append(days) or steps(own, days, *more)
    )
    window = found.isel(time=slice(14, 18), lat=[3, 1], lon=2)
    assert window.values == pytest.approx(RAIN[14:18, [3, 1], 2], rel=1e-6)
    assert read == [slice(14, 18)]
    part = open_weather(tmp_path, period=("2001-01-16", "2001-01-20"))
    assert part.sizes["time"] == 5
    assert part["precipitation"].values == pytest.approx(RAIN[15:20], rel=1e-6)


def hours(days=5, end="23:00"):
    return pd.date_range("2001-01-01", f"2001-01-{days:02d} {end}", freq="h")


def accumulated(amounts: np.ndarray, times: pd.DatetimeIndex) -> np.ndarray:
    """Amounts of the hours before their stamps, counted from the beginning of the day on."""
    found = amounts.copy()
    for i in range(1, len(times)):
        if times[i].hour != 1:
            found[i] += found[i - 1]
    return found


@pytest.mark.parametrize("kind", ["ERA5", "ERA5-Land"])
def test_amounts_of_hours_become_those_of_days(tmp_path, kind):
    times, amounts = hours(), random(120, scale=1e-4)
    given = accumulated(amounts, times) if kind == "ERA5-Land" else amounts
    warm = 280 + random(120, 1)
    # a file ends within a day: its last amount is in the next one
    for name, part in (("a", slice(0, 48)), ("b", slice(48, 120))):
        variables = {
            "tp": (given[part], {"units": "m"}), "t2m": (warm[part], {"units": "K"}),
            "ssrd": (given[part] * 1e10, {"units": "J m**-2"}),
        }  # fmt: skip
        space = "latitude", "longitude"
        file(tmp_path / f"{name}.nc", times[part], variables, "valid_time", space)
    with pytest.warns(UserWarning, match=r"24 at the ends make no whole day .* to 2001-01-04"):
        found = open_weather(tmp_path)
    # from 01:00 to 00:00 of the day after
    daily = amounts[1:97].reshape(4, 24, *SHAPE).sum(1)
    assert found["precipitation"].values == pytest.approx(1000 * daily, rel=1e-5)
    assert found["shortwave_radiation"].values == pytest.approx(1e10 * daily / 86400, rel=1e-5)
    mean = warm[:96].reshape(4, 24, *SHAPE).mean(1) - 273.15
    assert found["temperature"].values == pytest.approx(mean, abs=1e-4)
    wrong = Reading(accumulated=kind == "ERA5")
    with pytest.warns(UserWarning, match="whole day"):
        other = open_weather(tmp_path, series=["precipitation"], reading=wrong)
    assert abs(other["precipitation"].values / (1000 * daily) - 1).max() > 0.5


def test_amounts_of_every_sixth_hour_are_said_to_be_taken_for_six(tmp_path):
    """ERA5's are of one hour: a day of four of them has a sixth of its rain, and nothing tells."""
    times = pd.date_range("2001-01-01", periods=20, freq="6h")
    file(tmp_path / "a.nc", times, {"tp": (random(20, scale=0.001), {"units": "m"})})
    with pytest.warns(UserWarning, match=r"'tp' comes 4 times a day, .* for the amount of 6 hours"):
        open_weather(tmp_path / "a.nc", reading=Reading(accumulated=False))


def test_rates_of_hours_are_averaged_and_amounts_of_zero_ask(tmp_path):
    rates = random(120, scale=1e-4)
    file(tmp_path / "a.nc", hours(), {"pr": (rates, {"units": "kg m-2 s-1"})})
    found = open_weather(tmp_path / "a.nc")["precipitation"].values
    assert found == pytest.approx(86400 * rates.reshape(5, 24, *SHAPE).mean(1), rel=1e-5)
    file(tmp_path / "b.nc", hours(), {"pr": (0 * rates, {"units": "mm"})})
    with pytest.raises(ValueError, match=r"do not tell .* say accumulated="):
        open_weather(tmp_path / "b.nc")
    once = np.zeros_like(rates)
    once[47, 2, 2] = 1.0  # rain of one hour, the last of a day, tells nothing
    file(tmp_path / "c.nc", hours(), {"pr": (once, {"units": "mm"})})
    with pytest.raises(ValueError, match=r"do not tell .* say accumulated="):
        open_weather(tmp_path / "c.nc")
    found = open_weather(tmp_path / "c.nc", reading=Reading(accumulated=False))["precipitation"]
    assert found.sum() == 1


@pytest.mark.parametrize("lacks", ["02-29", "12-31"])
def test_leap_days_that_a_calendar_lacks_are_those_around_them(tmp_path, lacks):
    every = pd.date_range("2003-12-01", "2005-02-01")
    times = every[every.strftime("%Y-%m-%d") != f"2004-{lacks}"]
    rain = random(len(times))
    axis = times
    if lacks == "02-29":  # as xarray reads such a calendar
        axis = xr.date_range("2003-12-01", "2005-02-01", calendar="noleap", use_cftime=True)
    file(tmp_path / "a.nc", axis, {"prcp": (rain, {"units": "mm/day"})})
    with pytest.warns(UserWarning, match="lack the .* of 1 leap years"):
        found = open_weather(tmp_path / "a.nc")["precipitation"]
    assert found.sizes["time"] == len(every)
    place = every.get_loc(f"2004-{lacks}")
    both = (rain[place - 1] + rain[place]) / 2
    assert found.values[place] == pytest.approx(both, rel=1e-6)
    assert np.delete(found.values, place, axis=0) == pytest.approx(rain, rel=1e-6)
    assert found.isel(time=place).values == pytest.approx(both, rel=1e-6)


def test_what_does_not_fit_is_refused_by_file(tmp_path):
    rain = {"units": "mm"}
    file(tmp_path / "a.nc", DAYS[:10], {"pr": (RAIN[:10], rain)})
    file(tmp_path / "gap.nc", DAYS[12:], {"pr": (RAIN[12:], rain)})
    with pytest.raises(ValueError, match=r"lack 2001-01-11 \(2 such days\)"):
        open_weather([tmp_path / "a.nc", tmp_path / "gap.nc"])
    file(tmp_path / "twice.nc", DAYS[9:], {"pr": (RAIN[9:], rain)})
    with pytest.raises(ValueError, match=r"a\.nc and .*twice\.nc both have precipitation on 2001"):
        open_weather([tmp_path / "a.nc", tmp_path / "twice.nc"])
    file(tmp_path / "other.nc", DAYS[10:], {"pr": (RAIN[10:], {"units": "cm"})})
    with pytest.raises(ValueError, match=r"other\.nc: 'pr' is in 'cm', in .* it is in 'mm'"):
        open_weather([tmp_path / "a.nc", tmp_path / "other.nc"])
    xr.open_dataset(tmp_path / "twice.nc").isel(lat=slice(1, None), time=slice(1, None)).to_netcdf(
        tmp_path / "smaller.nc"
    )
    with pytest.raises(ValueError, match=r"smaller\.nc: 'pr' is on another grid"):
        open_weather([tmp_path / "a.nc", tmp_path / "smaller.nc"])
    coded = RAIN.copy()
    coded[3, 2, 1] = -99.0
    file(tmp_path / "coded.nc", DAYS, {"pr": (coded, rain)})
    with pytest.raises(ValueError, match=r"coded\.nc: pr is -99 .* on 2001-01-04 at row 2"):
        open_weather(tmp_path / "coded.nc").load()
    found = open_weather(tmp_path / "coded.nc", reading=Reading(missing=-99.0))
    assert np.isnan(found["precipitation"].values[3, 2, 1])
    with pytest.raises(FileNotFoundError, match="there is no file"):
        open_weather(tmp_path / "nothing*.nc")
    with pytest.warns(UserWarning, match="'srad' is a mean of the hours of daylight"):
        attrs = {"units": "W/m2", "long_name": "daylight average incident shortwave radiation"}
        file(tmp_path / "daymet.nc", DAYS, {"srad": (RAIN, attrs), "prcp": (RAIN, rain)})
        assert set(open_weather(tmp_path / "daymet.nc")) == {"precipitation"}


def test_weather_of_esmvaltool_and_of_mhm(data):
    folder = data("ewatercycle/OBS6_ERA5_reanaly_1_day_pr_2000-2000.nc").parent
    found = open_weather(folder / "OBS6*.nc")
    assert set(found) == {"precipitation", "shortwave_radiation", "temperature"}
    with xr.open_dataset(folder / "OBS6_ERA5_reanaly_1_day_tas_2000-2000.nc") as own:
        expected = own["tas"].values - 273.15
    assert np.allclose(found["temperature"].values, expected, atol=1e-4, equal_nan=True)
    moselle = Reading(crs="EPSG:3035", cell_reference="upper_left")
    meteo = data("mhm_moselle/meteo")
    with pytest.warns(UserWarning, match="'tmin' is over time, y, x, without"):
        mhm = open_weather([meteo / "tmin.nc", *meteo.glob("p*"), meteo / "tavg"], reading=moselle)
    assert {"precipitation", "temperature", "potential_evapotranspiration"} <= set(mhm)
    assert mhm["xc"][0] == 3973369 + 12000 and mhm["yc"][-1] == 2735847 + 12000


def test_weather_is_a_forcing_that_is_streamed(tmp_path):
    """On the cells of a domain, as reading all of it by our names."""
    file(tmp_path / "a.nc", DAYS, {"tp": (RAIN / 1000, {"units": "m"})})
    file(tmp_path / "b.nc", DAYS, {"t2m": (WARM, {"units": "K"})})
    codes = xr.DataArray(np.full(SHAPE, 4), {"lat": LAT, "lon": LON}, ("lat", "lon"))
    domain = Domain.from_d8(codes.isel(lat=slice(1, 4), lon=slice(2, 6)), "esri")
    opened = Forcing.open(open_weather(tmp_path), domain, COLUMNS["hbv"], pet="oudin")
    whole = open_weather(tmp_path).load()
    demand = pet_of(whole, "oudin")
    read = Forcing.read(whole.assign({demand.name: demand}), domain, COLUMNS["hbv"])
    assert torch.equal(opened.values[:], read.values)
    other = xr.DataArray(codes.values, {"lat": LAT - 0.25, "lon": LON}, ("lat", "lon"))
    near = Domain.from_d8(other.isel(lat=slice(1, 4)), "esri")
    brought = near.regrid(open_weather(tmp_path), lazy=True)["precipitation"]
    expected = near.regrid(whole)["precipitation"]
    np.testing.assert_array_equal(brought.values, expected.values)
