"""A time stamp is of one day, whatever wrote it, or is refused by a sentence that says the mend."""

import datetime

import cftime
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.periods import days

DAYS = pd.date_range("2000-03-24", periods=5)  # the clock goes forward in Europe within them
HOUR, DAY = pd.Timedelta("1h"), pd.Timedelta("1D")


def counted(units, values=None, **attrs):
    """The axis of a file that counts in `units`, as xarray opens it."""
    values = np.arange(5.0) if values is None else values
    return xr.decode_cf(xr.Dataset(coords={"time": ("time", values, {"units": units} | attrs)}))


def bounded(begin, end, stamps, **attrs):
    axis = xr.Dataset(coords={"time": ("time", stamps, {"bounds": "when"} | attrs)})
    return axis.assign(when=(("bound", "time"), np.stack([begin, end])))


@pytest.mark.parametrize(
    "units",
    [
        "days since 2000-03-24",
        "days since 2000-03-24T00:00:00Z",
        "days since 2000-03-24 00:00:00 +01:00",
        "days since 2000-03-24 +10:00",
        "days since 2000-03-24 00:00:00.0 -05:30",
        "days since 2000-03-24 00:00 -11",
        "days since 2000-03-24 00:00:00 +12:00",
        "days since 2000-03-24 12:00",
        "days since 2000-03-24 11:30",
        "days since 2000-03-24 23:59:59",
        "days since 2000-03-24 06:00 +06:00",
    ],
)
def test_counts_are_days_by_the_clock_of_their_place(units):
    data = counted(units)
    assert calendar.daily(data["time"], "the rain", data).equals(DAYS)
    assert calendar.daily(data["time"], "the rain").equals(DAYS)
    assert calendar.stamped(data["time"], "a.nc", data).equals(DAYS)


INDEXES = {
    "utc": DAYS.tz_localize("UTC"),
    "zone": DAYS.tz_localize("Europe/Berlin"),
    "offsets": pd.Index([pd.Timestamp(f"{d:%Y-%m-%d}T00:00+0{1 + i // 2}:00")
                         for i, d in enumerate(DAYS)], dtype=object),
    "dates": pd.Index([d.date() for d in DAYS]),
    "datetimes": pd.Index([d.to_pydatetime() for d in DAYS], dtype=object),
    "periods": DAYS.to_period("D"),
    "cftime": xr.CFTimeIndex([cftime.DatetimeGregorian(d.year, d.month, d.day) for d in DAYS]),
    "objects": pd.Index([cftime.DatetimeProlepticGregorian(d.year, d.month, d.day) for d in DAYS]),
    "end of the day": DAYS + DAY - pd.Timedelta("1ns"),
    "noise": DAYS + pd.Timedelta("1ms"),
    "seconds": DAYS.as_unit("s"),
}  # fmt: skip


@pytest.mark.parametrize("kind", INDEXES)
def test_dates_of_all_kinds_are_days(kind):
    assert (calendar.daily(INDEXES[kind], "the rain") == DAYS).all()
    assert (calendar.days_of_table(INDEXES[kind], "flow") == DAYS).all()


def test_texts_are_dates_by_the_clock_they_were_written_with():
    texts = ["2000-03-24T00:00:00Z", "2000-03-25 00:00 +01:00", "2000-03-26T00:00+0200",
             "2000/3/27", "20000328"]  # fmt: skip
    assert (calendar.written(texts) == DAYS).all()
    ends = calendar.written(["2000-03-24 24:00", "2000-03-25T24:00:00"])
    assert (calendar.days(ends, "flow") == DAYS[:2]).all()
    none = ["2000-03", "2000", "2000.5", "200003", "24.03.2000", "03/24/2000", "2000-02/24", "now",
            "2000-02-30", "2000-03-24 25:00", ""]  # fmt: skip
    assert calendar.written(none).isna().all()


def test_bounds_go_before_stamps():
    cases = {
        "end": bounded(DAYS, DAYS + DAY, DAYS + DAY),
        "middle": bounded(DAYS, DAYS + DAY, DAYS + 12 * HOUR),
        "first and last hour": bounded(DAYS, DAYS + 21 * HOUR, DAYS + 10.5 * HOUR),
        "another hour": bounded(DAYS + 6 * HOUR, DAYS + 30 * HOUR, DAYS),
    }
    for data in cases.values():
        assert calendar.daily(data["time"], "the rain", data).equals(DAYS)
        array = xr.DataArray(np.ones(5), dims="time", coords={"time": data["time"]})
        by_bounds = calendar.by_bounds(array, data, "the rain")
        assert calendar.daily(by_bounds["time"], "the rain").equals(DAYS)
    months = bounded(DAYS, DAYS + 30 * DAY, DAYS)
    with pytest.raises(ValueError, match=r"^the rain, 'when', has values from 2000-03-24 00:00 to"):
        calendar.daily(months["time"], "the rain", months)


@pytest.mark.parametrize("link", [{}, {"bounds": "time_bnds"}])
def test_bounds_of_a_file_in_local_time(link):
    time = ("time", np.arange(1.0, 6), {"units": "days since 2000-03-24 00:00:00 +01:00"} | link)
    bounds = np.stack([np.arange(5.0), np.arange(1.0, 6)], 1)
    data = xr.Dataset({"time_bnds": (("time", "nv"), bounds)}, {"time": time})
    data = xr.decode_cf(data)
    assert calendar.daily(data["time"], "the rain", data).equals(DAYS)


@pytest.mark.parametrize(
    "attrs", [{"timereference": "right interval boundary"}, {"time_stamp_position": "end"}]
)
def test_stamps_at_the_end_are_of_the_day_before(attrs):
    data = xr.Dataset(coords={"time": DAYS + DAY}, attrs=attrs)
    assert calendar.daily(data["time"], "the rain", data).equals(DAYS)
    data = xr.Dataset(coords={"time": ("time", DAYS + DAY, {"long_name": "end of interval"})})
    assert calendar.daily(data["time"], "the rain").equals(DAYS)
    data = xr.Dataset(
        coords={"time": DAYS + DAY - HOUR / 60}, attrs=attrs
    )  # of its own day already
    assert calendar.daily(data["time"], "the rain", data).equals(DAYS)


REFUSED = {
    "noleap": (xr.date_range("2000-03-24", periods=5, calendar="noleap", use_cftime=True),
               r"our calendar \(noleap\): .*convert_calendar\('standard'\).*interpolate"),
    "360_day": (xr.date_range("2000-03-24", periods=5, calendar="360_day", use_cftime=True),
                r"\(360_day\): .*align_on='year'"),
    "julian": (xr.date_range("2000-03-24", periods=5, calendar="julian", use_cftime=True),
               r"\(julian\)"),
    "objects of noleap": (pd.Index([cftime.DatetimeNoLeap(2000, 1, 1)]), r"\(noleap\)"),
    "counts": (np.arange(5), r"no axis of dates of our calendar \(int64\)|should be dates"),
    "decimal years": (2000 + np.arange(5) / 365, r"\(float64\).*decimal years|should be dates"),
    "months": (DAYS.to_period("M").unique(), r"\(period\[M\]\)|should be dates"),
    "local midnight": (DAYS - HOUR, r"every day at 23:00 .*Timedelta\('1h'\)"),
    "local midnight of the west": (DAYS + 5 * HOUR, r"every day at 05:00 .*Timedelta\('-5h'\)"),
    "half hours": (DAYS - 5.5 * HOUR, r"every day at 18:30 .*Timedelta\('5.5h'\)"),
    "summer time": (DAYS.tz_localize("Europe/Berlin").tz_convert("UTC").tz_localize(None),
                    r"2000-03-23 23:00, but other days at other hours.*tz_convert"),
    "zone": (DAYS[:2].tz_localize("Asia/Tokyo").tz_convert("UTC"), r"every day at 15:00 in UTC"),
    "hours": (pd.date_range("2000-03-24", periods=48, freq="h"), r"several times a day .*resample"),
    "half days": (pd.date_range("2000-03-24", periods=4, freq="12h"), "resample"),
    "missing": (DAYS.insert(1, pd.NaT), "missing dates: leave them out"),
    "year 9999": (pd.DatetimeIndex(np.array(["2000-03-24", "9999-12-31"], "M8[s]")),
                  "the year 9999, .*code for a missing date"),
    "year 1": (xr.date_range("0001-01-01", periods=2, calendar="standard", use_cftime=True),
               "the year 1, but dates lie between"),
    "twice": (DAYS[[0, 0, 1]], "2000-03-24"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_day_is_refused_with_the_mend(kind):
    index, message = REFUSED[kind]
    for read in (calendar.days, calendar.daily):
        with pytest.raises(ValueError, match=rf"^the rain .*({message})"):
            read(index, "the rain")
    with pytest.raises(ValueError, match=rf"discharge .*({message})"):
        calendar.days_of_table(pd.Index(index), "discharge")


def test_the_mend_of_a_year_without_leap_days_is_one():
    noleap = xr.date_range("2000-02-27", periods=5, calendar="noleap", use_cftime=True)
    mended = xr.Dataset({"rain": ("time", np.arange(5.0))}, {"time": noleap})
    mended = mended.convert_calendar("standard").resample(time="D").interpolate("linear")
    assert len(calendar.daily(mended["time"], "the rain")) == 6
    assert mended["rain"].sel(time="2000-02-29") == 1.5


@pytest.mark.parametrize("index", [DAYS[::-1], DAYS[[0, 2, 1]]])
def test_days_out_of_order_are_told_apart_from_gaps(index):
    with pytest.raises(ValueError, match=r"sort it, with \.sortby\('time'\)"):
        calendar.daily(index, "the rain")
    with pytest.raises(ValueError, match="fill the days that are lacking"):
        calendar.daily(DAYS.delete(1), "the rain")
    assert calendar.days(index, "the rain").equals(index)


def test_stamps_of_months_keep_their_date():
    ends = pd.date_range("1990-01-31", periods=12, freq="ME")
    assert calendar.days(ends + 23 * HOUR, "the target").equals(ends)


def test_counts_that_are_no_days_name_their_units():
    months = xr.Dataset(coords={"time": ("time", np.arange(5), {"units": "months since 1950"})})
    with pytest.raises(ValueError, match=r"\(int64, 'months since 1950'\)"):
        calendar.daily(months["time"], "the rain", months)
    for units, kind, message in (
        ("months since 1950-01-01", "standard", "cannot be read as dates in 'months since"),
        ("decimal years", "standard", "cannot be read as dates in 'decimal years'"),
        ("day as %Y%m%d.%f", "standard", "cannot be read as dates in 'day as"),
        ("", "standard", "cannot be read as dates in ''"),
        ("days since 2000-01-01", "noleap", r"our calendar \(noleap\)"),
        ("days since 9998-12-31", "standard", "the year 9998"),
    ):
        with pytest.raises(ValueError, match=rf"^a\.nc .*{message}"):
            calendar.counted([0, 1], {"units": units, "calendar": kind}, "a.nc")


def test_once_a_day_of_files_goes_by_the_same_rule():
    with pytest.raises(ValueError, match=r"every day at 23:00"):
        calendar.steps_of_days(DAYS - HOUR, "a.nc")
    assert calendar.steps_of_days(DAYS + 12 * HOUR, "a.nc") == (DAYS[0], 5, 1)


@pytest.mark.parametrize(
    "end", ["01/02/1996", "1.2.1996", "Feb 1996", "96", "199602", "1996-02-01 18:00", "2/1996",
            "1990.0", "now", "1996-W05", "1996-02/01"],
)  # fmt: skip
def test_periods_are_written_year_first(end):
    with pytest.raises(ValueError, match=rf"'{end}' is not written YYYY-MM-DD, YYYY-MM or YYYY"):
        days((end, "1997"))


def test_periods_year_first_are_taken_however_they_are_parted():
    for text in ("1996-02-01", "1996/2/1", "1996.02.01", "19960201", " 1996-02-01",
                 "1996-02-01T00:00:00", datetime.date(1996, 2, 1)):  # fmt: skip
        assert days((text, "1996Q1")) == ("1996-02-01", "1996-03-31")
