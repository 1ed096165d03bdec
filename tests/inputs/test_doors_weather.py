"""Weather of which other things are made: codes in it are refused before they are averaged."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.inputs.climate import climate_means
from gridhydro.inputs.pet import pet_of

DAYS = pd.date_range("2001-01-01", "2001-12-31")


def weather():
    rng = np.random.default_rng(0)
    known = dict(
        temperature=(rng.normal(8, 5, (365, 2)), "degC"),
        precipitation=(rng.gamma(0.5, 6, (365, 2)), "mm d-1"),
        potential_evapotranspiration=(rng.gamma(2, 1, (365, 2)), "mm d-1"),
    )
    series = {
        name: (("time", "gauge"), values.astype("f4"), {"units": unit})
        for name, (values, unit) in known.items()
    }
    coords = {"time": DAYS, "gauge": ["a", "b"], "latitude": ("gauge", [40.0, 50])}
    return xr.Dataset(series, coords)


@pytest.mark.parametrize("code", [-99.0, -9999.0, 9999.0, 1e20])
def test_codes_in_weather_are_refused_or_declared(code):
    data = weather()
    data["temperature"][40, 1] = code
    for made in (lambda: pet_of(data, "oudin"), lambda: climate_means(data)):
        with pytest.raises(ValueError, match=r"temperature is .* degC on 2001-02-10 at gauge b"):
            made()
    data["temperature"].attrs["_FillValue"] = code
    assert np.isnan(pet_of(data, "oudin")).sum() == 1
    assert 5 < climate_means(data)["temp_avg"][1] < 11


def test_weather_as_it_should_be_is_taken_in_any_order():
    data = weather()
    kelvin = (data["temperature"] + 273.15).assign_attrs(units="K")
    for other in (data.transpose("gauge", "time"), data.assign(temperature=kelvin)):
        np.testing.assert_allclose(
            pet_of(other, "oudin").transpose("time", "gauge"), pet_of(data, "oudin"), atol=1e-4
        )
    with pytest.raises(ValueError, match="'temperature' has the axis 'member'"):
        pet_of(data.assign(temperature=kelvin.expand_dims(member=[1, 2])), "oudin")


@pytest.mark.parametrize(
    ("latitude", "said"),
    [
        ([40.0, 95], "latitude is 95 degrees_north at gauge b, but -90 to 90"),
        ([-9999.0, 50], "latitude is -9999 degrees_north at gauge a"),
        ([40, np.nan], "latitude is missing at gauge b"),
        (["40N", "50N"], "latitude is '40N' at gauge a, which is no number"),
    ],
)
def test_latitudes_that_there_are_not_are_refused(latitude, said):
    data = weather().assign_coords(latitude=("gauge", latitude))
    with pytest.raises(ValueError, match=said):
        pet_of(data, "oudin")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_axis_of_one_value_is_no_axis_of_the_weather(place):
    data = weather()
    one = data.assign(temperature=data["temperature"].expand_dims(height=[2.0], axis=place))
    np.testing.assert_array_equal(pet_of(one, "oudin"), pet_of(data, "oudin"))


@pytest.mark.parametrize("given", [5, weather().to_dataframe(), weather()["temperature"]])
def test_what_is_no_weather_is_refused_by_a_sentence(given):
    with pytest.raises(ValueError, match="the weather is an xarray Dataset, not a"):
        pet_of(given, "oudin")
