"""Options as people give them, made what the rest of the code and a JSON file can take."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd

# numbers that files write where there is none
MISSING = (-999.0, -9999.0, -99999.0)


def whole(name: str, value, least: int) -> int:
    """A whole number, numpy's too, as an int; ValueError for any other and one below `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ValueError(f"{name} is {value!r}, should be a whole number, {least} or more")
    return number


def fraction(name: str, value) -> float:
    """A number from 0 to 1; ValueError for any other."""
    if not 0 <= value <= 1:  # NaN is none either
        raise ValueError(f"{name} is a number from 0 to 1, not {value!r}")
    return float(value)


def names(name: str, values: Iterable[str]) -> list[str]:
    """Names as a list; ValueError for a single text, whose letters would be taken for them."""
    if isinstance(values, str):
        raise ValueError(f"{name} is a list of names, such as ['{values}'], not '{values}'")
    return [str(value) for value in values]


def one_of(name: str, value, known: Iterable):
    """The value; ValueError where it is not among those that are known."""
    if value not in known:
        raise ValueError(f"{name} is one of {', '.join(map(repr, known))}, not {value!r}")
    return value


def period(given) -> tuple[str, str]:
    """First and last day, month or year as texts; dates and Timestamps become days."""
    ends = () if isinstance(given, str) else tuple(given)
    if len(ends) != 2 or any(pd.isna(end) for end in ends):
        raise ValueError(f"a period is two dates, months or years, not {given!r}")
    first, last = (
        f"{pd.Timestamp(end):%Y-%m-%d}" if isinstance(end, (date, np.datetime64)) else str(end)
        for end in ends
    )
    return first, last


def days(period: tuple[str, str]) -> tuple[str, str]:
    """First and last day, YYYY-MM-DD, of a period given in days, months or years."""
    first, last = (pd.Period(part) for part in period)
    return str(first.start_time.date()), str(last.end_time.date())
