"""Series of stations on the cells of a domain."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import gridhydro as gh
from gridhydro import Domain, Lapse, interpolate_stations

DAYS = pd.date_range("2001-01-01", periods=5, name="time")
LAT, LON = np.array([50.5, 49.5, 48.5]), np.array([5.5, 6.5, 7.5, 8.5])
STATIONS = pd.DataFrame(
    {"name": ["a", "b"], "lon": [5.5, 8.5], "lat": [49.5, 49.5], "elevation": [100.0, 900.0]}
)


@pytest.fixture(scope="module")
def domain():
    codes = xr.DataArray(np.full((3, 4), 4), {"lat": LAT, "lon": LON}, ("lat", "lon"))
    return Domain.from_d8(codes, "esri")


def table(a=2.0, b=8.0, units="mm") -> pd.DataFrame:
    found = pd.DataFrame({"b": np.full(5, b), "a": np.full(5, a)}, DAYS)
    found.attrs["units"] = units
    return found


def test_nearer_stations_count_more_by_the_inverse_square_of_distance(domain):
    found = interpolate_stations(domain, table(), STATIONS, "precipitation")
    row = found.sel(y=49.5).values
    # a degree and two degrees away on the same parallel, almost: weights 4 to 1
    assert row[:, 1] == pytest.approx(2 + 6 / 5, rel=1e-3)
    assert row[:, [0, 3]] == pytest.approx(np.tile([2.0, 8.0], (5, 1)), abs=1e-3)  # at a station
    linear = interpolate_stations(domain, table(), STATIONS, "precipitation", power=1)
    assert linear.sel(y=49.5, x=6.5).values == pytest.approx(2 + 6 / 3, rel=1e-3)
    assert found.min() >= 2 - 1e-6 and found.max() <= 8 + 1e-6
    window = found.isel(time=slice(1, 3), y=2, x=[3, 0]).values
    assert np.array_equal(window, found.values[1:3, 2][:, [3, 0]])


def test_meridians_lie_closer_together_towards_the_pole():
    far = Domain.of_basins([1.0], ["x"], [60.0], [10.0])
    around = pd.DataFrame({"name": ["a", "b"], "lon": [11.0, 10.0], "lat": [60.0, 61.0]})
    found = interpolate_stations(far, table(), around, "precipitation")
    # half a degree's length to the east: four times the weight
    assert found.values == pytest.approx(2 + 6 / 5, rel=2e-3)


def test_days_are_of_the_stations_that_have_a_value(domain):
    gaps = table()
    gaps.loc[DAYS[1], "b"] = np.nan
    found = interpolate_stations(domain, gaps, STATIONS, "precipitation")
    assert found.isel(time=1).values == pytest.approx(2)
    assert found.isel(time=2).max() > 7.9
    gaps.loc[DAYS[1], "a"] = np.nan
    with pytest.raises(ValueError, match="no station has precipitation on 2001-01-02"):
        interpolate_stations(domain, gaps, STATIONS, "precipitation")


def test_values_are_brought_to_the_height_of_the_cell(domain):
    heights = xr.DataArray(np.full((3, 4), 1100.0), {"lat": LAT, "lon": LON}, ("lat", "lon"))
    warm = table(a=283.15, b=283.15 - 0.0065 * 800, units="K")  # one air mass
    found = interpolate_stations(
        domain, warm, STATIONS, "temperature", elevation=heights, lapse=Lapse(-0.0065)
    )
    assert found.values == pytest.approx(10 - 6.5, abs=1e-4)
    by_cell = interpolate_stations(
        domain, warm, STATIONS, "temperature", elevation=np.full(12, 1100.0), lapse=Lapse(-0.0065)
    )
    assert np.array_equal(by_cell, found)
    wet = table(a=2.0, b=2.0)
    more = Lapse(0.0004, relative=True)
    found = interpolate_stations(
        domain, wet, STATIONS, "precipitation", elevation=heights, lapse=more
    )
    assert found.sel(y=49.5, x=5.5).values == pytest.approx(2 * 1.4, rel=1e-4)
    assert found.sel(y=49.5, x=8.5).values == pytest.approx(2 * 1.08, rel=1e-4)
    with pytest.raises(ValueError, match="the elevation of the cells is needed"):
        interpolate_stations(domain, wet, STATIONS, "precipitation", lapse=more)
    nameless = STATIONS.assign(elevation=[np.nan, 3.0])
    with pytest.raises(ValueError, match="station 'a' has no elevation"):
        interpolate_stations(domain, wet, nameless, "precipitation", elevation=heights, lapse=more)


def test_basins_take_them_as_a_forcing():
    lumped = Domain.of_basins([10.0, 20.0], ["x", "y"], [49.5, 49.5], [5.5, 7.0])
    found = interpolate_stations(lumped, table(), STATIONS, "precipitation")
    assert found.dims == ("time", "gauge")
    assert found.values == pytest.approx(np.tile([2.0, 5.0], (5, 1)), rel=1e-3)
    weather = xr.Dataset({"precipitation": found})
    for name in ("temperature", "potential_evapotranspiration"):
        units = "degC" if name == "temperature" else "mm d-1"
        weather[name] = interpolate_stations(lumped, table(units=units), STATIONS, name)
    assert gh.Forcing.read(weather, lumped, gh.COLUMNS["hbv"]).values.shape == (3, 5, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (table(a=-999.0), "-999"),
        (table(a=9000.0), "9000 mm d-1 on 2001-01-01 at station a"),
        (table().rename(columns={"a": "c"}), "no place of the station c"),
        (table().iloc[[0, 2, 3]], "not daily without gaps"),
        (table(units=""), "no units"),
        (table().rename(columns={"b": "a"}), "has 'a' twice: name each once"),
    ],
)
def test_what_is_wrong_is_refused_by_station(domain, values, message):
    with pytest.raises(ValueError, match=message):
        interpolate_stations(domain, values, STATIONS, "precipitation")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(power=-2), "power is -2, should be a number, 0 or more"),
        (dict(lapse=-0.0065, elevation=np.zeros(12)), r"a lapse rate is a gridhydro\.Lapse"),
    ],
)
def test_faulty_options_are_refused(domain, options, message):
    with pytest.raises(ValueError, match=message):
        interpolate_stations(domain, table(), STATIONS, "precipitation", **options)
