"""Time axes are read in one place: days rightly, or a sentence that names the axis."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.base import calendar

DAYS = pd.date_range("2000-02-27", periods=5)


def axis(times, **encoding):
    array = xr.DataArray(times, dims="time", name="time", coords={"time": times})
    array.encoding = encoding
    return array


@pytest.mark.parametrize("make", [lambda d: d, lambda d: axis(d), lambda d: d.to_numpy()])
@pytest.mark.parametrize("hours", [0, 12])
def test_days_of_an_axis_are_at_midnight(make, hours):
    stamps = make(DAYS + pd.Timedelta(hours=hours))
    for read in (calendar.days, calendar.daily):
        assert read(stamps, "the rain").equals(DAYS)


WRONG = {
    "noleap": (
        xr.date_range("2000-02-27", periods=3, calendar="noleap", use_cftime=True),
        r"^the rain is no axis of dates of our calendar \(noleap\)",
    ),
    "numbers": (np.arange(3), r"^the rain is no axis of dates of our calendar \(int64\)"),
    "texts": (["2000-01-01"], "^the rain is no axis of dates"),
    "missing": (DAYS.where(DAYS[1] != DAYS), "^the rain has missing dates"),
    "twice": (DAYS[[0, 1, 1]], "on 2000-02-28|2000-02-28 is followed by 2000-02-28"),
}


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("read", [calendar.days, calendar.daily])
def test_wrong_time_axes_are_refused(read, fault):
    times, message = WRONG[fault]
    with pytest.raises(ValueError, match=message):
        read(times, "the rain")


def test_time_axis_with_gaps_passes_only_where_allowed():
    shuffled = DAYS[[3, 0, 4]]
    assert calendar.days(shuffled, "the rain").equals(shuffled)
    with pytest.raises(ValueError, match=r"the rain is not daily without gaps: 2000-03-01 is fol"):
        calendar.daily(shuffled, "the rain")
    with pytest.raises(ValueError, match=r"2000-02-28 is followed by 2000-03-01 \(1 such places\)"):
        calendar.daily(DAYS.delete(2), "the rain")


@pytest.mark.parametrize(
    ("stamps", "options", "first"),
    [
        (DAYS, {}, "2000-02-27"),
        (DAYS + pd.Timedelta("12h"), {}, "2000-02-27"),
        (DAYS, {"data": xr.Dataset(attrs={"timereference": "right interval"})}, "2000-02-26"),
        (DAYS - pd.Timedelta("1h"), {"shift": "1h"}, "2000-02-27"),
    ],
)
def test_stamps_of_files_are_days(stamps, options, first):
    assert calendar.stamped(axis(stamps), "a.nc", **options)[0] == pd.Timestamp(first)


def test_local_time_is_taken_back_to_local_time():
    units = "days since 2000-02-27 00:00:00 +01:00"
    stamps = axis(DAYS - pd.Timedelta("1h"), units=units)
    assert calendar.stamped(stamps, "a.nc").equals(DAYS.rename("time"))


def test_stamps_at_other_hours_are_refused():
    with pytest.raises(
        ValueError, match=r"^a.nc: 'time' has every day at 06:00 \(first 2000-02-27\)"
    ):
        calendar.stamped(axis(DAYS + pd.Timedelta("6h")), "a.nc")
    with pytest.raises(ValueError, match=r"^a.nc: 'time' is empty"):
        calendar.stamped(axis(DAYS[:0]), "a.nc")


def test_texts_are_dates_where_they_are_written_year_first():
    found = calendar.written(["2000-02-27", " 2000-02-28", "28/02/2000", "now", "2000-02-30", "x"])
    assert found[:2].equals(DAYS[:2]) and found[2:].isna().all()
    found = calendar.written(["2000-02-27", "2000-02-28 12:00", "2000"], day_only=True)
    assert list(found.isna()) == [False, True, True]


def test_the_index_of_a_table_is_dates_or_texts():
    for index in (DAYS, DAYS.strftime("%Y-%m-%d")):
        assert calendar.of_table(index, "flow").equals(DAYS)
    for index in (DAYS.strftime("%d/%m/%Y"), pd.RangeIndex(5)):
        with pytest.raises(ValueError, match=r"^the index of flow should be dates: read it with"):
            calendar.of_table(index, "flow")


def test_columns_and_counts_are_dates():
    found = calendar.of_columns([2000, 2000, 2001], [2, 2.5, 2], [29, 1, 29])
    assert found[0] == pd.Timestamp("2000-02-29") and found[1:].isna().all()
    attrs = {"units": "days since 2002-01-01"}
    found = calendar.counted([[0, 31.5]], attrs, "a.nc: 'time'")
    assert found.dtype == "datetime64[ns]" and found[0, 1] == np.datetime64("2002-02-01T12")
    for values, units, message in (
        ([0, np.nan], "days since 2002-01-01", "^a.nc: 'time' has missing dates"),
        (
            [0, 1],
            "days since the flood",
            "^a.nc: 'time' cannot be read as dates in 'days since the",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            calendar.counted(values, {"units": units}, "a.nc: 'time'")


def test_several_times_a_day_are_days_where_all_have_as_many():
    hours = pd.date_range("2000-02-27", periods=16, freq="3h")
    assert calendar.steps_of_days(hours, "a.nc") == (pd.Timestamp("2000-02-27"), 2, 8)
    with pytest.raises(ValueError, match=r"a.nc has 8 times on 2000-02-27, but 7 on 2000-02-28"):
        calendar.steps_of_days(hours[:-1], "a.nc")
    with pytest.raises(ValueError, match=r"a.nc has times that are not in order, each once"):
        calendar.steps_of_days(hours[[1, 0, *range(2, 16)]], "a.nc")
