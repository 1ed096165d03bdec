"""Gridded weather by parts of days: amounts, accumulations, rates and moments of hours."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.columns import column
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.pet import pet_of
from gridhydro.io import open_weather
from gridhydro.io.gridded import Reading

SHAPE = (3, 4)
TIMES = pd.date_range("2001-01-01", "2001-01-05 23:00", freq="h")
ROOM = {"latitude": [47.5, 47.0, 46.5], "longitude": [8.0, 8.5, 9.0, 9.5]}


def numbers(scale, count=120):
    return scale * np.random.default_rng(3).random((count, *SHAPE))


def write(path, variables, times=TIMES):
    dims = ("time", "latitude", "longitude")
    data = {name: (dims, values, {"units": unit}) for name, (values, unit) in variables.items()}
    xr.Dataset(data, {"time": times, **ROOM}).to_netcdf(path)


def from_midnight(amounts):
    """Amounts of the hours before their stamps as ERA5-Land has them: since the day began."""
    found = amounts.copy()
    for i in range(1, len(found)):
        if TIMES[i].hour != 1:
            found[i] += found[i - 1]
    return found


@pytest.mark.parametrize("kind", ["ERA5", "ERA5-Land"])
@pytest.mark.parametrize("step, hours", [("1h", 1), ("6h", 6)])
def test_amounts_of_hours_become_rates_of_steps(tmp_path, kind, step, hours):
    amounts = numbers(1e-4)
    given = from_midnight(amounts) if kind == "ERA5-Land" else amounts
    write(tmp_path / "a.nc", {"tp": (given, "m"), "ssrd": (given * 1e7, "J m**-2")})
    with pytest.warns(UserWarning, match="24 at the ends make no whole day"):
        found = open_weather(tmp_path / "a.nc", step=step)
    times = found.indexes["time"]  # the amount stamped 01:00 is that of the hour from 00:00 on
    assert times.equals(pd.date_range("2001-01-01", "2001-01-04 23:00", freq=step))
    sums = amounts[1:97].reshape(-1, hours, *SHAPE).sum(1)
    rates = 1000 * sums * 24 / hours
    np.testing.assert_allclose(found["precipitation"], rates, rtol=1e-4, atol=1e-4)
    watts = 1e7 * sums / (3600 * hours)
    np.testing.assert_allclose(found["shortwave_radiation"], watts, rtol=1e-4, atol=1e-2)
    window = found["precipitation"].isel(time=slice(5, 8), latitude=1)
    np.testing.assert_allclose(window, rates[5:8, 1], rtol=1e-4, atol=1e-4)


def test_rates_and_moments_of_hours_are_averaged_over_steps(tmp_path):
    rain, warm = numbers(2.0), 280 + numbers(5.0)
    write(tmp_path / "a.nc", {"pr": (rain, "mm h-1"), "tas": (warm, "K"), "tasmax": (warm, "K")})
    found = open_weather(tmp_path / "a.nc", step="3h")
    assert found["precipitation"].attrs["units"] == "mm d-1"
    parts = lambda values: values.reshape(40, 3, *SHAPE)  # noqa: E731
    np.testing.assert_allclose(found["precipitation"], 24 * parts(rain).mean(1), rtol=1e-5)
    np.testing.assert_allclose(found["temperature"], parts(warm).mean(1) - 273.15, atol=1e-3)
    np.testing.assert_allclose(found["temperature_max"], parts(warm).max(1) - 273.15, atol=1e-3)
    days = open_weather(tmp_path / "a.nc")["precipitation"]
    means = found["precipitation"].values.reshape(5, 8, *SHAPE).mean(1)
    np.testing.assert_allclose(means, days, rtol=1e-5)


def test_steps_that_cannot_be_made_are_refused(tmp_path):
    every = TIMES[::6]
    write(tmp_path / "a.nc", {"pr": (numbers(2.0, 20), "mm h-1")}, every)
    with pytest.raises(ValueError, match="'pr' comes 4 times a day, of which no 24 steps"):
        open_weather(tmp_path / "a.nc", step="1h")
    assert open_weather(tmp_path / "a.nc", step="12h").sizes["time"] == 10
    for wrong in ("7h", "2D", "hour", 1, "-1h", "0h"):
        with pytest.raises(ValueError, match="step is '1D', or a part of a day"):
            open_weather(tmp_path / "a.nc", step=wrong)
    uneven = TIMES + pd.to_timedelta(np.where(TIMES.hour == 5, 20, 0), "min")
    write(tmp_path / "b.nc", {"pr": (numbers(2.0), "mm h-1")}, uneven)
    with pytest.raises(ValueError, match=r"01:00:00 apart on 2001-01-01 \(5 such days\)"):
        open_weather(tmp_path / "b.nc", step="1h")


def test_weather_of_hours_is_a_forcing(tmp_path):
    """Read whole, and by the window; what evaporates is that of the day at all its hours."""
    rain, warm = numbers(1.0), 280 + numbers(8.0)
    write(tmp_path / "a.nc", {"pr": (rain, "mm h-1"), "tas": (warm, "K")})
    weather = open_weather(tmp_path / "a.nc", step="1h")
    codes = xr.DataArray([[1, 1, 1, 0]] * 3, coords=ROOM, dims=tuple(ROOM)).rio.write_crs(4326)
    domain = Domain.from_d8(codes.rename(latitude="y", longitude="x"), "esri")
    demand = pet_of(weather, "oudin")
    daily = pet_of(open_weather(tmp_path / "a.nc"), "oudin")
    np.testing.assert_allclose(demand.values.reshape(5, 24, *SHAPE).std(1), 0, atol=1e-6)
    np.testing.assert_allclose(demand[::24], daily, rtol=1e-4)
    hourly = column("hbv").stepped(24)
    given = weather.assign(potential_evapotranspiration=demand)
    read = Forcing.read(given, domain, hourly)
    assert read.steps_a_day == 24 and len(read.times) == 120
    opened = Forcing.open(weather, domain, hourly, pet="oudin")
    np.testing.assert_allclose(opened.block(slice(30, 50)), read.values[:, 30:50], rtol=1e-5)
    with pytest.raises(ValueError, match=r"has several times a day.*steps_a_day=24"):
        Forcing.read(given, domain, column("hbv"))
    some = Forcing.open(weather, domain, hourly, period=("2001-01-02", "2001-01-03"), pet="oudin")
    np.testing.assert_allclose(some.values[:], read.values[:, 24:72], rtol=1e-5)


def test_amounts_by_their_own_name_are_those_of_the_step_that_begins(tmp_path):
    rain = numbers(1e-3)
    write(tmp_path / "a.nc", {"rain": (rain, "m")})
    reading = Reading(names={"precipitation": "rain"}, accumulated=False)
    found = open_weather(tmp_path / "a.nc", reading=reading, step="1h")["precipitation"]
    np.testing.assert_allclose(found, 24000 * rain, rtol=1e-4)
