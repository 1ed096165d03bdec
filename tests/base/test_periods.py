"""Periods are parsed in one place, and mean the same at every door."""

import datetime

import numpy as np
import pandas as pd
import pytest

from gridhydro.base import periods
from gridhydro.observations.storage import StorageObservations
from gridhydro.training.splits import temporal

DAYS = pd.date_range("1990-01-01", "1992-12-31")


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        (("1990", "1992"), "1990-01-01", "1992-12-31"),
        ((1990, 1992), "1990-01-01", "1992-12-31"),
        (("1990", "1992-02"), "1990-01-01", "1992-02-29"),
        (["1990-05", "1990-05"], "1990-05-01", "1990-05-31"),
        (("1990-05-03", "1990-05-03"), "1990-05-03", "1990-05-03"),
        ((datetime.date(1990, 5, 3), "1991"), "1990-05-03", "1991-12-31"),
        ((pd.Timestamp("1990-05-03 12:00"), np.datetime64("1991-02-01")), "1990-05-03",
         "1991-02-01"),
        (np.array(["1990", "1991"], "datetime64[Y]"), "1990-01-01", "1991-01-01"),
    ],
)  # fmt: skip
def test_period_ends_are_its_first_and_last_day(period, first, last):
    assert periods.days(period) == (first, last)
    assert periods.ends(period) == (pd.Timestamp(first), pd.Timestamp(last))
    every = periods.every_day(period)
    assert every[0] == pd.Timestamp(first) and every[-1] == pd.Timestamp(last)
    assert len(every) == (pd.Timestamp(last) - pd.Timestamp(first)).days + 1


def test_period_ends_are_kept_as_written():
    assert periods.as_texts(("1990", "1992-06")) == ("1990", "1992-06")
    assert periods.as_texts((pd.Timestamp("1990-05-03"), 1992)) == ("1990-05-03", "1992")


@pytest.mark.parametrize(
    "period",
    ["1990", None, 1990, ("1990",), ("1990", "1991", "1992"), ("1990", None), ("1990", pd.NaT),
     ("once", "1990"), ("1990-13", "1991"), ("1990-02-30", "1991")],
)  # fmt: skip
def test_wrong_periods_are_refused_everywhere(period):
    for read in (periods.ends, periods.days, periods.every_day):
        with pytest.raises(ValueError, match=r"^a period is two dates, months or years such as"):
            read(period)
    with pytest.raises(ValueError, match=r"^a baseline is two dates"):
        periods.days(period, "baseline")
    if period is not None:
        with pytest.raises(ValueError, match=r"^a period is two dates"):
            periods.within(DAYS, period, "the record")
    with pytest.raises(ValueError, match=r"^a train period is two dates"):
        temporal(["a"], period, ("2001-01-01", "2001-12-31"))


def test_a_period_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match=r"1991 to 1990 ends on 1990-12-31, before it begins on"):
        periods.ends(("1991", "1990"))


@pytest.mark.parametrize("end", ["1990", "1990-05"])
def test_days_alone_are_asked_for_where_a_month_could_be_meant_otherwise(end):
    assert periods.days(("1990-05-01", "1990-05-31"), by_day=True) == ("1990-05-01", "1990-05-31")
    with pytest.raises(ValueError, match=rf"write '{end}' as YYYY-MM-DD"):
        periods.days(("1990-01-01", end), by_day=True)


def test_the_days_of_a_period_within_a_record():
    assert periods.within(DAYS, None, "the record") == slice(0, len(DAYS))
    found = DAYS[periods.within(DAYS, ("1990-12", "1991-01"), "the record")]
    assert found.equals(pd.date_range("1990-12-01", "1991-01-31"))
    assert DAYS[periods.within(DAYS, ("1990", "1992"), "the record")].equals(DAYS)
    for outside in (("1989-12-31", "1991"), ("1991", "1993-01-01"), ("1980", "1981")):
        said = (
            f"{outside[0]} to {outside[1]} is not all in the record, which goes from 1990-01-01 to"
        )
        with pytest.raises(ValueError, match=said):
            periods.within(DAYS, outside, "the record")
    with pytest.raises(ValueError, match=r"is not all in the record, which is empty"):
        periods.within(DAYS[:0], ("1990", "1991"), "the record")


def test_days_that_all_gauges_have():
    own = {"a": DAYS[:500], "b": DAYS[100:]}
    where = {"a": "a.nc", "b": "b.nc"}
    assert periods.common_days(own, None, where).equals(DAYS[100:500])
    assert periods.common_days(own, ("1990-06", "1990-07"), where).equals(
        pd.date_range("1990-06-01", "1990-07-31")
    )
    with pytest.raises(ValueError, match=r"not all in b.nc"):
        periods.common_days(own, ("1990-01", "1990-07"), where)
    with pytest.raises(ValueError, match=r"no day in common: b.nc begins on 1990-04-11, a.nc ends"):
        periods.common_days({"a": DAYS[:50], "b": DAYS[100:]}, None, where)


def test_periods_overlap_where_they_have_a_day_in_common():
    assert periods.overlap(("1990", "1991"), ("1991-12-31", "1992"))
    assert not periods.overlap(("1990", "1991"), ("1992-01-01", "1992-01-01"))


def test_solutions_of_grace_are_chosen_by_the_same_periods():
    start = np.array(["2004-01-01", "2004-02-01", "2004-03-01"], "datetime64[D]")

    class Tiles:
        size, names = 1, ["a"]

    end = np.append(start[1:], np.datetime64("2004-04-01"))
    storage = StorageObservations(Tiles(), start, end, np.ones((3, 1)))
    assert len(storage.within("2004-01", "2004-02").start) == 2
    assert len(storage.within("2004-01-02", "2004").start) == 2
