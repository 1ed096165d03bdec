"""Values at the door: the first that is wrong is named with variable, day, place and number."""

import re

import numpy as np
import pandas as pd
import pytest

from gridhydro.base import refuse
from gridhydro.base.quantities import CODES, Quantity

RAIN = Quantity("mm d-1", "rain", low=0, high=500)
AT = refuse.at(pd.date_range("2001-03-01", periods=3), lambda cell: f"in cell {cell}")


def series(value):
    values = np.ones((3, 4))
    values[1, 2:] = value
    return values


@pytest.mark.parametrize("value", [np.nan, 0.0, 500.0])
def test_values_within_the_range_and_missing_ones_pass(value):
    refuse.codes("rain", series(value), AT, RAIN)
    refuse.outside("rain", series(value), AT, RAIN)


@pytest.mark.parametrize("value", [*CODES, np.inf, -np.inf])
def test_codes_and_infinite_values_are_refused(value):
    number = re.escape(f"{value:.7g}")
    said = rf"^rain is {number} mm d-1 on 2001-03-02 in cell 2, 2 of 12 values in all: set what"
    with pytest.raises(ValueError, match=said):
        refuse.codes("rain", series(value), AT, RAIN)


def test_codes_of_single_precision_are_codes():
    with pytest.raises(ValueError, match=r"rain is -99999"):
        refuse.codes("rain", series(-99999.0).astype(np.float32), AT, RAIN)


@pytest.mark.parametrize("value", [-0.001, 500.1])
def test_values_outside_the_range_are_refused_with_it(value):
    said = rf"^rain is {value:g} mm d-1 on 2001-03-02 in cell 2, but 0 to 500 is possible; 2 of 12"
    with pytest.raises(ValueError, match=said):
        refuse.outside("rain", series(value), AT, RAIN)
    with pytest.raises(ValueError, match=r"0 and more is possible"):
        refuse.outside("rain", series(-1), AT, Quantity("1", "rain", low=0))


@pytest.mark.parametrize(("value", "what"), [(np.nan, "missing"), (np.inf, "inf")])
def test_missing_values_are_refused_where_there_have_to_be_some(value, what):
    refuse.missing("rain", series(3), AT, "fill them")
    with pytest.raises(
        ValueError, match=rf"^rain is {what} on 2001-03-02 in cell 2, 2 of 12 .*fill"
    ):
        refuse.missing("rain", series(value), AT, "fill them")
