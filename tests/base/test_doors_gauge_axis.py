"""The axis of the gauges is found whatever it is called, and not guessed."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import gridhydro as gh
from gridhydro.base.axes import gauge_axis
from gridhydro.columns import column
from gridhydro.observations.discharge import discharge_table


def array(**axes):
    """Over axes of so many values, or of names."""
    sizes = {dim: one if isinstance(one, int) else len(one) for dim, one in axes.items()}
    named = {dim: one for dim, one in axes.items() if not isinstance(one, int)}
    return xr.DataArray(np.zeros(tuple(sizes.values())), named, tuple(sizes))


@pytest.mark.parametrize(
    ("axes", "found"),
    [
        (dict(time=3, gauge=1, member=2), "gauge"),
        (dict(gauge=["x"], station=["a"], time=3), "gauge"),
        (dict(time=3, height=[2.0], station=["a"]), "station"),
        (dict(time=3, station=["a"], member=2), "station"),
        (dict(time=3, height=1, place=4), "place"),
        (dict(time=3, place=1), "place"),
        (dict(time=3, place=4, member=2), None),
        (dict(time=3, place=1, member=1), None),
        (dict(time=3, one=["a"], other=["a", "b"]), None),
        (dict(time=3), None),
    ],
)
def test_the_axis_of_the_gauges(axes, found):
    assert gauge_axis(array(**axes), ["a", "b"]) == found


def test_names_that_are_numbers_are_found():
    assert gauge_axis(array(time=3, id=[398], height=[2]), ["398"]) == "id"
    assert gauge_axis(array(id=[398], height=[2]), ["398"], lead=()) == "id"


DAYS = pd.date_range("2001-01-01", periods=50, name="time")


@pytest.mark.parametrize("axes", [("height", "time", "id"), ("id", "time", "height")])
def test_the_only_gauge_of_a_series_is_found_beside_a_height(axes):
    domain = gh.Domain.of_basins([86.4], ["7"])
    one = xr.DataArray(np.arange(50.0), {"time": DAYS}, "time", attrs={"units": "mm d-1"})
    both = one.expand_dims(id=[7], height=[2.0]).transpose(*axes)
    weather = {field.name: both.assign_attrs(units=field.unit) for field in column("hbv").forcings}
    read = gh.Forcing.read(xr.Dataset(weather), domain, column("hbv")).values
    assert (read[0, :, 0].numpy() == np.arange(50)).all()
    assert (discharge_table(both, domain)["7"] == np.arange(50)).all()
    with pytest.raises(ValueError, match=r"discharge is over .*: it is over time and one axis"):
        discharge_table(both)  # nothing says which
