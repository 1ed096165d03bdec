"""Units are converted by their `units`, whatever their spelling, or refused."""

import numpy as np
import pytest
import xarray as xr

from gridhydro.base.units import conversions, depth_of_flow, to_unit


def array(values, units=None, name="precip"):
    return xr.DataArray(values, dims="time", name=name, attrs={"units": units} if units else {})


@pytest.mark.parametrize(
    ("units", "factor"),
    [
        ("mm d-1", 1), ("mm/day", 1), ("mm d**-1", 1), ("mm day^-1", 1), ("mm", 1),
        ("millimeters per day", 1), ("kg m-2 s-1", 86400), ("kg/m2/s", 86400), ("m d-1", 1000),
        ("kg m**-2 s**-1", 86400), ("mm h-1", 24), ("mm/hr", 24), ("m s-1", 86.4e6), ("m", 1000),
    ],
)  # fmt: skip
def test_rates_of_water_become_mm_a_day(units, factor):
    converted = to_unit(array([1e-8, 3e-8], units), "mm d-1")
    np.testing.assert_allclose(converted, np.array([1e-8, 3e-8]) * factor, rtol=1e-12)
    assert converted.attrs["units"] == "mm d-1"


@pytest.mark.parametrize(
    ("units", "value"),
    [("K", 283.15), ("kelvin", 283.15), ("degC", 10), ("°C", 10), ("celsius", 10),
     ("degrees C", 10), ("degree_Celsius", 10), ("degF", 50)],
)  # fmt: skip
def test_temperatures_become_degrees_celsius(units, value):
    np.testing.assert_allclose(to_unit(array([value], units), "degC"), 10, atol=1e-9)


@pytest.mark.parametrize(
    ("units", "value"),
    [("m3 s-1", 2), ("m3/s", 2), ("m³ s⁻¹", 2), ("cumecs", 2), ("l s-1", 2000), ("L/s", 2000),
     ("ft3 s-1", 2 / 0.028316846592), ("cfs", 2 / 0.028316846592), ("m3 d-1", 172800)],
)  # fmt: skip
def test_discharge_becomes_cubic_metres_a_second(units, value):
    np.testing.assert_allclose(to_unit(array([value], units), "m3 s-1"), 2, rtol=1e-12)


def test_stores_and_what_weather_needs_are_converted_too():
    np.testing.assert_allclose(to_unit(array([2.5], "cm"), "mm"), 25)
    np.testing.assert_allclose(to_unit(array([8.64], "MJ m-2 d-1"), "W m-2"), 100)
    assert conversions("degC")["K"] == (1, -273.15) and conversions("m s-1") == {"m s-1": (1, 0)}
    with pytest.raises(ValueError, match=r"'mm d-1', which is not known as a unit for 'mm'"):
        to_unit(array([1.0], "mm d-1"), "mm")


def test_a_flow_over_an_area_is_a_depth():
    volume = 3.0 * 86400  # m3 in a day
    np.testing.assert_allclose(
        3.0 * depth_of_flow(np.array([1.0, 50.0])), [volume / 1e3, volume / 5e4]
    )


def test_absent_units_are_refused_naming_variable_and_remedy():
    with pytest.raises(ValueError, match=r"'precip' has no units.*attrs\['units'\] = 'mm d-1'"):
        to_unit(array([1.0, 2.0]), "mm d-1")


def test_units_given_override_those_of_the_array():
    np.testing.assert_allclose(to_unit(array([2.0], "m"), "mm d-1", units="mm d-1"), 2)


def test_a_temperature_without_units_is_told_from_its_values_unless_it_could_be_either():
    np.testing.assert_allclose(to_unit(array([280.0, 290.0]), "degC"), [6.85, 16.85])
    np.testing.assert_allclose(to_unit(array([-5.0, 15.0]), "degC"), [-5, 15])
    with pytest.raises(ValueError, match=r"has no units"):
        to_unit(array([60.0, 70.0]), "degC")  # could be Fahrenheit


@pytest.mark.parametrize(("units", "value"), [("degC", 280.0), ("K", 10.0)])
def test_temperatures_that_cannot_be_in_their_unit_are_refused(units, value):
    with pytest.raises(ValueError, match=rf"'t2m' says '{units}'.*median.*mend its units"):
        to_unit(array([value, value + 1], units, "t2m"), "degC")


def test_rain_that_cannot_be_in_its_unit_is_refused():
    with pytest.raises(ValueError, match=r"says 'm'"):
        to_unit(array([2.0, 3.0], "m"), "mm d-1")


@pytest.mark.parametrize("units", ["mm/month", "W m-2", "inches"])
def test_unknown_units_are_refused_with_those_that_are_known(units):
    with pytest.raises(ValueError, match=rf"'precip' is in '{units}'.*known are mm d-1"):
        to_unit(array([1.0], units), "mm d-1")


def test_cf_files_of_era5(data):
    """The Rhine in January 2000: a few mm a day, around freezing to mild."""
    folder = "ewatercycle/OBS6_ERA5_reanaly_1_day_{}_2000-2000.nc"
    with xr.open_dataset(data(folder.format("pr"))) as rain:
        assert rain["pr"].attrs["units"] == "kg m-2 s-1"
        assert 0.5 < float(to_unit(rain["pr"], "mm d-1").mean()) < 8
    with xr.open_dataset(data(folder.format("tas"))) as air:
        converted = to_unit(air["tas"], "degC")
        np.testing.assert_allclose(converted, air["tas"] - 273.15)
        assert converted.attrs["standard_name"] == "air_temperature"


def test_dates_and_text_are_in_no_unit():
    for values in (np.array(["1", "2"]), np.array(["2001-01-01"], "M8[ns]"), np.array([True])):
        array = xr.DataArray(values, dims="x", name="twsa", attrs={"units": "mm"})
        with pytest.raises(ValueError, match=r"'twsa' is of type .*, not numbers in a unit"):
            to_unit(array, "mm")
