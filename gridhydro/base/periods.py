"""Periods: two days, months or years, both ends included; the only place that parses them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd

from gridhydro.base.steps import steps_a_day

Period = tuple[str, str]
# year first, so that no day is taken for a month: a day (its clock passed over where it is
# midnight), a month, a quarter, or a year
_WRITTEN = re.compile(
    r"\d{4}|\d{4}-?Q[1-4]|\d{4}[-/]\d{1,2}|\d{8}"
    r"|\d{4}([-/.])\d{1,2}\1\d{1,2}([ T]00:00(:00(\.0*)?)?)?",
    re.ASCII,
)


def ends(period, what: str = "period") -> tuple[pd.Timestamp, pd.Timestamp]:
    """Midnight of the first and of the last day: ("1990", "1992-06") ends on 30 June 1992.

    Ends are texts, dates, Timestamps or datetime64. ValueError for what is no period and for one
    that ends before it begins; `what` names it.
    """
    texts = _texts(period, what)
    try:
        for text in texts:
            if _WRITTEN.fullmatch(text) is None:
                raise ValueError(f"'{text}' is not written YYYY-MM-DD, YYYY-MM or YYYY")
        spans = [pd.Period(text) for text in texts]
        first, last = spans[0].start_time.floor("D"), spans[1].end_time.floor("D")
    except ValueError as error:
        raise ValueError(f"{_wanted(period, what)}: {error}") from None
    if first > last:
        raise ValueError(
            f"the {what} {texts[0]} to {texts[1]} ends on {last:%Y-%m-%d}, before it begins on "
            f"{first:%Y-%m-%d}"
        )
    return first, last


def as_texts(period, what: str = "period") -> Period:
    """Both ends as they were written, to be kept; dates and Timestamps become days.

    ValueError if it is no period, as for `ends`.
    """
    ends(period, what)
    return _texts(period, what)


def days(period, what: str = "period", *, by_day: bool = False) -> Period:
    """First and last day, YYYY-MM-DD; `by_day` refuses ends that are a month or a year."""
    first, last = (f"{day:%Y-%m-%d}" for day in ends(period, what))
    for text, day in zip(as_texts(period, what), (first, last), strict=True):
        if by_day and text != day:
            raise ValueError(
                f"the {what} is {period!r}, not a first and a last day: write {text!r} as "
                "YYYY-MM-DD"
            )
    return first, last


def every_day(period, what: str = "period") -> pd.DatetimeIndex:
    """All days of a period, at midnight."""
    return pd.date_range(*ends(period, what), name="time")


def overlap(one: Period, other: Period) -> bool:
    """Whether two periods have a day in common."""
    (a, b), (c, d) = ends(one), ends(other)
    return a <= d and c <= b


def within(times: pd.DatetimeIndex, period, where, what: str = "period") -> slice:
    """The days of a period, or of None all, among the daily `times`, which `where` names; or the
    steps, where days have several.

    ValueError where some of them are not there.
    """
    if period is None:
        return slice(0, len(times))
    first, last = ends(period, what)
    count = steps_a_day(times)
    if not len(times) or first < times[0] or last > times[-1]:
        there = (
            f"goes from {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}" if len(times) else "is empty"
        )
        raise ValueError(
            f"the {what} {' to '.join(as_texts(period))} is not all in {where}, which {there}"
        )
    return slice((first - times[0]).days * count, ((last - times[0]).days + 1) * count)


def common_days(days: Mapping[str, pd.DatetimeIndex], period, where) -> pd.DatetimeIndex:
    """The days of the period, which every gauge must have, or without one those that all have.

    `days` are daily, by gauge; `where` names the file of each.
    ValueError if they have no day in common.
    """
    if period is not None:
        for gauge, own in days.items():
            chosen = own[within(own, period, where[gauge])]
        return chosen
    begins = max(days, key=lambda gauge: days[gauge][0])
    ends_first = min(days, key=lambda gauge: days[gauge][-1])
    first, last = days[begins][0], days[ends_first][-1]
    if first > last:
        raise ValueError(
            f"the basins have no day in common: {where[begins]} begins on {first:%Y-%m-%d}, "
            f"{where[ends_first]} ends on {last:%Y-%m-%d}: choose basins="
        )
    return pd.date_range(first, last)


def _texts(period, what: str) -> Period:
    try:
        given = () if isinstance(period, str) else tuple(period)
    except TypeError:
        given = ()
    if len(given) != 2 or any(pd.isna(end) for end in given):
        raise ValueError(_wanted(period, what))
    first, last = (
        f"{pd.Timestamp(end):%Y-%m-%d}"
        if isinstance(end, (date, np.datetime64))
        else str(end).strip()
        for end in given
    )
    return first, last


def _wanted(period, what: str) -> str:
    return f"a {what} is two dates, months or years such as ('1990', '1992-06'), not {period!r}"
