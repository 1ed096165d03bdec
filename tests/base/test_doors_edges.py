"""Where a door draws its line: both sides of each limit."""

import datetime

import numpy as np
import pandas as pd
import pytest

from gridhydro.base import calendar, refuse
from gridhydro.base.damage import reading
from gridhydro.base.missing import codes_in, equal
from gridhydro.base.report import REFUSED, Doors, Report
from gridhydro.base.units import conversion
from gridhydro.observations.discharge import discharge_table


@pytest.mark.parametrize(
    ("code", "span", "found"),
    [
        (-99.0, (-95, 300), False),  # a hundredth of the span below the rest
        (-999.0, (-800, 300), False),
        (-999.0, (-770, 300), True),
        (999.0, (0, 505), False),
        (999.0, (0, 490), True),
    ],
)
def test_how_far_apart_a_code_lies_goes_by_the_span_of_the_rest(code, span, found):
    values = np.linspace(*span, 400)[:, None]
    values[7] = code
    assert codes_in(values).any() == found


def test_a_place_with_nothing_but_a_code_is_missing_if_the_record_is_long_enough():
    assert codes_in(np.full((30, 1), 9999.0)).all()
    assert not codes_in(np.full((29, 1), 9999.0)).any()


@pytest.mark.parametrize(
    "code",
    [-99, -99.9, -99.99, -999, -999.9, -999.99, -8888, -9999, -9999.9, -9999.99, -99999, -99999.9,
     -99999.99, -999999, -9999999, -32767, -32768, -2147483647, -2147483648, 999, 999.9, 999.99,
     9999, 9999.9, 9999.99, 99999, 99999.9, 99999.99, 999999, 9999999, 32766, 32767, 32768, 65535,
     2147483647, 1e15, -1e15, np.inf],
)  # fmt: skip
def test_every_code_is_known(code):
    values = np.linspace(0, 20, 100)[:, None]
    values[7] = code
    found = np.argwhere(codes_in(values)).tolist()
    assert found == [[7, 0]]


@pytest.mark.parametrize(
    ("units", "factor"),
    [("cal cm-2 d-1", 41_840 / 86_400), ("kcal m-2 d-1", 4184 / 86_400),
     ("ly d-1", 41_840 / 86_400), ("Wh m-2 d-1", 1 / 24), ("kWh m-2 d-1", 1000 / 24),
     ("J cm-2 d-1", 1e4 / 86_400)],
)  # fmt: skip
def test_radiation_in_other_units_of_energy(units, factor):
    assert conversion("radiation", units, "W m-2")[0] == pytest.approx(factor)


@pytest.mark.parametrize(
    ("units", "target", "factor"),
    [("atm", "Pa", 101_325), ("mmHg", "Pa", 133.322), ("bar", "Pa", 1e5), ("kn", "m s-1", 0.514444),
     ("mph", "m s-1", 0.44704), ("km h-1", "m s-1", 1 / 3.6), ("acre", "km2", 0.0040468564),
     ("MCM d-1", "m3 s-1", 1e6 / 86_400), ("cfd", "m3 s-1", 0.3048**3 / 86_400)],
)  # fmt: skip
def test_units_that_have_a_name_of_their_own(units, target, factor):
    assert conversion("it", units, target)[0] == pytest.approx(factor, rel=1e-5)


@pytest.mark.parametrize("flow", [1_000_001.0, 1.9e6])
def test_no_river_carries_more_than_a_million_cubic_metres_a_second(flow):
    days = pd.date_range("2001-01-01", periods=3)
    assert discharge_table(pd.DataFrame({"a": [1e6, 2, 3]}, days))["a"].max() == 1e6
    with pytest.raises(ValueError, match=r"but 0 to 1e\+06 is possible"):
        discharge_table(pd.DataFrame({"a": [flow, 2, 3]}, days))


def test_a_date_that_is_missing_among_dates_of_python_is_called_missing():
    index = pd.Index([datetime.date(2001, 1, 1), pd.NaT], dtype=object)
    with pytest.raises(ValueError, match="flow has missing dates: leave them out"):
        calendar.dates(index, "flow")


class Foreign(Exception):
    """Of a library; what it is called is told by its module."""


@pytest.mark.parametrize("library", ["zarr.errors", "rasterio._err", "xarray.core", "safetensors"])
def test_errors_of_libraries_become_a_sentence_and_faults_of_ours_do_not(tmp_path, library):
    of_library = type("LibraryError", (Foreign,), {"__module__": library})
    with (
        pytest.raises(ValueError, match=r"is not a map, or is damaged \(cut off\)"),
        reading(tmp_path / "a", "a map"),
    ):
        raise of_library("cut off")
    with pytest.raises(Foreign), reading(tmp_path / "a", "a map"):
        raise Foreign("a fault of ours")


def test_a_report_says_all_of_its_kinds_in_order():
    report = Report(["bad"], ["odd"], ["so"])
    assert str(report) == "error: bad\nwarning: odd\nnote: so"
    assert str(Report()) == "nothing to report"


def refusing(*given):
    raise ValueError("no")


def test_doors_behind_a_refusal_are_passed_by_and_all_is_said_once():
    report = Report()
    doors = Doors(report)
    refused = doors(refusing)
    assert refused is REFUSED and doors(refusing) is REFUSED
    assert report.errors == ["no"]
    assert doors(lambda *given: 1, refused) is REFUSED
    assert doors(lambda *given, other: 1, 5, other=refused) is REFUSED
    assert doors(lambda *given: 1, 5) == 1
    assert report.errors == ["no"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([True, False]), "holds true and false, not numbers: is it a mask"),
        (np.array([1j, 2]), "holds complex numbers: give its real part"),
        (np.array(["2001"], "M8[D]"), "holds dates, not numbers"),
        (np.array([1], "m8[D]"), "holds durations, not numbers"),
    ],
)
def test_kinds_of_values_that_are_no_numbers(values, said):
    with pytest.raises(ValueError, match=f"flow {said}"):
        refuse.numbers("flow", values, lambda *at: "")


def test_texts_of_numbers_are_numbers():
    found = refuse.numbers("flow", np.array(["1.5", " 2", "nan", "None"]), lambda *at: "")
    np.testing.assert_array_equal(found, [1.5, 2, np.nan, np.nan])
    assert refuse.numbers("flow", np.array([3], "i2"), lambda *at: "").dtype == np.float64


def test_codes_of_any_kind_are_found_in_values_of_any_kind():
    values = np.array([np.inf, -np.inf, 7.0, np.nan])
    assert equal(values, [np.inf]).tolist() == [True, False, False, False]
    assert equal(values, [np.inf, 7.0, -np.inf]).tolist() == [True, True, True, False]
    assert equal(np.zeros((0, 3)), [1.0]).shape == (0, 3)
    assert not equal(np.array(["1"]), [1.0]).any()
    assert equal(np.array([7, 8]), [7.0]).tolist() == [True, False]
