"""Codes for missing values: told from values in either precision, declared, or refused."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.missing import codes_in, declare, masked
from gridhydro.base.quantities import SERIES, Quantity, quantity

RNG = np.random.default_rng(3)
AT = refuse.at(pd.date_range("2001-03-01", periods=400), lambda place: f"in cell {place}")
WRITTEN = (-99, -99.9, -999, -999.9, -9999, -99999, -32768, -2147483648, 9999, 99999, 32767, 1e15,
           1e20, 9.96921e36, 1e30)  # fmt: skip


def series(low, high, code=None, dtype="f8"):
    values = RNG.uniform(low, high, (400, 3)).astype(dtype)
    if code is not None:
        values[3, 1] = code
    return values


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("code", WRITTEN)
@pytest.mark.parametrize("span", [(0, 8), (-0.2, 1), (-30, 40), (100, 600)])
def test_a_code_apart_from_all_values_is_named_whatever_the_quantity(code, span, dtype):
    with pytest.raises(ValueError, match=r"x is .* okta on 2001-03-04 in cell 1, 1 of 1200"):
        refuse.codes("x", series(*span, code, dtype), AT, Quantity("okta", "x"))


@pytest.mark.parametrize(
    ("value", "span"),
    [(-99.0, (-300, 100)), (99999.0, (95e3, 102e3)), (-9999.0, (-2e4, 3e4)), (999.0, (0, 5e3))],
)
def test_a_number_among_its_like_is_a_value(value, span):
    assert not codes_in(series(*span, value, "f4")).any()


def test_a_place_with_nothing_but_codes_is_compared_with_the_others():
    values = series(0, 50)
    values[:, 2] = 9999
    assert codes_in(values)[:, 2].all() and codes_in(values).sum() == 400
    assert codes_in(np.full((40, 2), -9999.0)).all()
    assert not codes_in(np.full((1, 1), 999.0)).any()


@pytest.mark.parametrize(
    "name",
    ["temperature", "wind_speed", "shortwave_radiation", "discharge", "precipitation",
     "dewpoint_temperature", "relative_humidity"],
)  # fmt: skip
@pytest.mark.parametrize("code", [-99.0, -99.9, -999.9, -9999.0, 32767.0, 1e20])
def test_the_range_of_a_quantity_has_no_room_for_its_codes(name, code):
    one = SERIES[name]
    assert code < one.low or code > one.high


def test_a_code_within_the_range_is_doubted_where_values_are_not_rounded():
    rn, one = series(-150, 200, -99, "f4"), quantity("net_radiation", "W m-2")
    with pytest.warns(UserWarning, match=r"exactly -99 W m-2 on 2001-03-04 in cell 1, 1 of 1200"):
        refuse.codes("net_radiation", rn, AT, one)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refuse.codes("net_radiation", rn.round(), AT, one)
        refuse.codes("net_radiation", rn, AT, one, declared=True)


def test_declared_codes_are_missing_and_nothing_else_is():
    array = xr.DataArray(np.array([1, -99.9, 7, -5], "f4"), dims="time", name="x")
    found = masked(array.assign_attrs(missing_value=-99.9))
    np.testing.assert_array_equal(np.isnan(found), [False, True, False, False])
    np.testing.assert_array_equal(np.isnan(masked(array, [7, -5])), [False, False, True, True])
    assert masked(declare(array, [])).identical(declare(array, []))
    whole = xr.DataArray(np.array([1, -9999], "i2"), dims="time", attrs={"_FillValue": -9999})
    np.testing.assert_array_equal(np.isnan(masked(whole)), [False, True])
    with pytest.raises(ValueError, match=r"'x' declares .* which are no numbers"):
        masked(array.assign_attrs(missing_value="none"))


@pytest.mark.parametrize("text", ["x", "1,5", "", b"n/a", "1 000"])
def test_text_among_numbers_is_named_with_its_place(text):
    values = np.array([[1.0, 2], [3, text]], dtype=object)
    with pytest.raises(ValueError, match=r"q is .* on 2001-03-02 in cell 1, which is no number, 1"):
        refuse.numbers("q", values, AT)


def test_numbers_of_any_type_are_read():
    values = np.array([[1, "2.5"], [None, pd.NA], [True, b"-3"]], dtype=object)
    expected = [[1, 2.5], [np.nan, np.nan], [1, -3]]
    np.testing.assert_array_equal(refuse.numbers("q", values, AT), expected)
    assert refuse.numbers("q", np.ones((2, 2), "f4"), AT).dtype == np.float32
    for wrong, said in (("m8[s]", "durations"), ("M8[ns]", "dates"), ("c16", "complex")):
        with pytest.raises(ValueError, match=said):
            refuse.numbers("q", np.zeros((2, 2), wrong), AT)
