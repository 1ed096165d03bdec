"""Observed discharge: its unit, axes and codes, and its mean against precipitation."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import gridhydro as gh
from gridhydro.base.units import depth_of_flow
from gridhydro.observations import runoff_ratio
from gridhydro.observations.discharge import discharge_table
from tests.support.lumped import basins, model
from tests.support.small_world import small_world

SAME = dict(check_freq=False, check_names=False, check_index_type=False)
DAYS = pd.date_range("2001-01-01", periods=40)


def table(names=("a", "b"), dtype="f8"):
    values = np.random.default_rng(0).gamma(2, 20, (len(DAYS), len(names))).astype(dtype)
    return pd.DataFrame(values, DAYS, list(names))


def array(observed, **attrs):
    coords = {"time": observed.index, "gauge": list(observed)}
    return xr.DataArray(observed.to_numpy(), coords, ("time", "gauge"), attrs=attrs)


@pytest.mark.parametrize(
    ("units", "factor"),
    [("m3 s-1", 1), ("cfs", 0.3048**3), ("L/s", 1e-3), ("ML/day", 1e3 / 86400),
     ("km3 yr-1", 1e9 / 365.25 / 86400), ("m**3 s**-1", 1)],
)  # fmt: skip
def test_the_unit_of_discharge_is_that_of_its_attributes_or_the_argument(units, factor):
    observed, expected = table(), table() * factor
    stated = observed.copy()
    stated.attrs["units"] = units
    for found in (
        discharge_table(observed, units=units),
        discharge_table(stated),
        discharge_table(array(observed, units=units)),
        discharge_table(array(observed, units="degC"), units=units),
    ):
        pd.testing.assert_frame_equal(found, expected, **SAME)


@pytest.mark.parametrize(("units", "depth"), [("mm d-1", 1), ("l s-1 km-2", 0.0864), ("mm/h", 24)])
def test_depths_are_over_the_area_of_each_gauge(units, depth):
    domain = gh.Domain.of_basins([100.0, 400.0], ["a", "b"])
    found = gh.discharge_table(table() / 100, domain, units=units)
    expected = table() / 100 * depth / depth_of_flow(np.array([100.0, 400.0]))
    pd.testing.assert_frame_equal(found, expected, **SAME)
    with pytest.raises(ValueError, match="a depth over the basin, whose area is not known"):
        gh.discharge_table(table(), units=units)
    with pytest.raises(ValueError, match="'furlong', which is not known as a unit for 'm3 s-1'"):
        gh.discharge_table(table(), domain, units="furlong")


def test_axes_of_discharge_in_any_order_and_no_other():
    given = array(table())
    for one in (given.T, given.expand_dims(member=[1]), given.rename(gauge="station")):
        pd.testing.assert_frame_equal(discharge_table(one), table(), **SAME)
    for wrong in (given.expand_dims(member=[1, 2]), given.isel(gauge=0, drop=True),
                  given.isel(gauge=[0]).expand_dims(member=[1, 2])):  # fmt: skip
        with pytest.raises(ValueError, match="it is over time and one axis of gauges"):
            discharge_table(wrong)
    with pytest.raises(ValueError, match="discharge is a dict: give a table"):
        discharge_table({"a": [1.0]})
    with pytest.raises(ValueError, match="discharge has the gauge a twice"):
        discharge_table(table(("a", "a")))


@pytest.mark.parametrize("dtype", ["f4", "f8", "O"])
@pytest.mark.parametrize("value", [-99.9, -0.5, 9999, 32767, 1e20, 1e30, 2e6, np.inf, -np.inf])
def test_values_that_no_river_has_are_named(value, dtype):
    observed = table(dtype=dtype)
    observed.iloc[7, 1] = value
    with pytest.raises(ValueError, match=r"discharge is .* m3 s-1 on 2001-01-08 at gauge b.* 1 of"):
        discharge_table(observed)
    with pytest.raises(ValueError, match=r"on 2001-01-08 at gauge b"):
        discharge_table(array(observed))


def test_codes_are_declared_and_text_is_refused():
    observed = table()
    observed.iloc[7, 1] = 9999
    assert np.isnan(discharge_table(observed, missing=9999).iloc[7, 1])
    assert discharge_table(observed, missing=[]).iloc[7, 1] == 9999
    assert np.isnan(discharge_table(array(observed, missing_value=9999)).iloc[7, 1])
    texts = observed.astype(object)
    texts.iloc[7, 1] = "12,5"
    with pytest.raises(ValueError, match=r"discharge is '12,5' on 2001-01-08 at gauge b, which"):
        discharge_table(texts)


def checked(factor, discharge=None):
    parts = basins()
    discharge = parts.discharge if discharge is None else discharge
    return gh.check(parts.domain, parts.forcing, discharge=discharge * factor)


def flow():
    return discharge_table(basins().discharge, basins().domain)


@pytest.mark.parametrize(
    ("factor", "likely"),
    [(1 / 0.3048**3, "in ft3 s-1"), (86.4, "in ML d-1"), (365.25 * 86400 / 1e9, "in km3 yr-1")],
)
def test_another_unit_shows_against_precipitation_and_is_proposed(factor, likely):
    found = checked(factor, flow())
    assert found.good and any(
        "times the precipitation" in w and likely in w for w in found.warnings
    )
    assert checked(1, flow()).warnings == basins().domain.report.warnings
    found = checked(1000, flow())
    assert any("times the precipitation of its basin" in error for error in found.errors)


def test_training_warns_of_what_is_suspicious_and_refuses_the_impossible():
    parts = basins()
    options = dict(period=("2001", "2001"), epochs=0, session=gh.Session(progress=False))
    with pytest.warns(UserWarning, match=r"gauge b\d+ is .* times the precipitation .*in ft3 s-1"):
        gh.train(model(), parts.forcing, flow() / 0.3048**3, **options)
    with pytest.raises(ValueError, match=r"times the precipitation .*in l s-1 it would be"):
        gh.train(model(), parts.forcing, flow() * 1000, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gh.train(model(), parts.forcing, flow(), **options)


def test_runoff_of_nested_gauges_is_compared_with_what_falls_upstream():
    domain, _, weather, discharge = small_world()
    assert not [w for w in gh.check(domain, weather, discharge=discharge).warnings if "times" in w]
    inner = next(name for name in domain.gauges.index)
    wrong = discharge.copy()
    wrong[inner] *= 1 / 0.3048**3
    told = [w for w in gh.check(domain, weather, discharge=wrong).warnings if "times" in w]
    assert len(told) == 1 and f"gauge {inner} is" in told[0]
    assert f"(1 such gauges of {len(domain.gauges)})" in told[0]


def test_days_without_observations_and_short_records_are_not_compared():
    parts = basins()
    some = flow()
    some.iloc[:, 0] = np.nan
    some.iloc[30:, 1] = np.nan
    some.iloc[:30, 1] *= 3
    told = gh.check(parts.domain, parts.forcing, discharge=some).warnings
    assert told == parts.domain.report.warnings
    assert runoff_ratio.report(None, None, [], ("precipitation",), parts.domain, slice(0, 1)).good
