"""The day that a time stamp is of: midnight is the day that begins then, noon its own day.

Daily values carry one stamp a day, but not all at midnight of their day: files of models stamp at
noon, others in UTC at the midnight of their country, others at the end of the day. Taking the date
of the stamp would move some of them to a neighbouring day, so any other hour is refused.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

_NOON, _SECOND = pd.Timedelta(hours=12), pd.Timedelta(seconds=1)
_NEAR_NOON = pd.Timedelta(minutes=30)  # the mean of the hours 0 to 23 is 11:30
_LAST = pd.Timedelta(hours=23, minutes=59)  # 23:59 or 23:59:59: the end of its own day
_RIGHT = re.compile(r"\b(right|end)\b|\bend(ing)?[ _-]+of\b|period[ _-]ending", re.IGNORECASE)


def plain(index: pd.DatetimeIndex) -> bool:
    """Whether every stamp is at midnight, around noon, or in the last minute of a day."""
    return not _odd(index).any()


def days_of(index: pd.DatetimeIndex, where, zone=None) -> pd.DatetimeIndex:
    """The day of each stamp, at midnight; `zone` is that of the stamps, where it is known.

    Stamps a month and more apart are of no single day, and of the date that they have.
    ValueError, with the mend, for stamps at other hours.
    """
    odd = np.flatnonzero(_odd(index))
    if odd.size and not _months_apart(index):
        raise ValueError(f"{where} {_wrong(index, int(odd[0]), zone)}")
    return index.floor("D")


def _months_apart(index: pd.DatetimeIndex) -> bool:
    steps = np.diff(np.unique(index.to_numpy()))
    return steps.size > 0 and bool(steps.min() >= np.timedelta64(28, "D"))


def at_end(said: str) -> bool:
    """Whether the words of a file say that its stamps are at the end of their interval."""
    return _RIGHT.search(said) is not None


def ahead_of_utc(units: str) -> pd.Timedelta:
    """Lead of local time over UTC, as in "days since 1900-01-01 00:00:00 +0100"."""
    found = re.search(r"\d[T ]+(?:[\d:.]+\s*)?([+-])(\d{1,2}):?(\d{2})?$", units.strip())
    if found is None:
        return pd.Timedelta(0)
    sign = -1 if found[1] == "-" else 1
    return sign * pd.Timedelta(hours=int(found[2]), minutes=int(found[3] or 0))


def _odd(index: pd.DatetimeIndex) -> np.ndarray:
    hours = index - index.floor("D")
    known = (hours < _SECOND) | (np.abs(hours - _NOON) <= _NEAR_NOON) | (hours >= _LAST)
    return ~np.asarray(known)


def _wrong(index: pd.DatetimeIndex, odd: int, zone) -> str:
    """What is wrong with stamps of which the one at `odd` is at no plain hour."""
    days, stamp = index.floor("D"), index[odd]
    of_day = index[days == days[odd]].unique().sort_values()
    if len(of_day) > 1:
        return (
            f"has several times a day ({of_day[0]:%Y-%m-%d %H:%M} and {of_day[1]:%H:%M}): bring "
            "them to days, with .resample(time='D').mean(), or .sum() of depths (of a table "
            ".resample('D'))"
        )
    hours = (index - days).round("min").unique().sort_values()
    if len(hours) == 1:
        ahead = 24 * 60 - hours[0] // pd.Timedelta(minutes=1)
        shift = ahead if ahead < 12 * 60 else ahead - 24 * 60  # to the nearest midnight
        amount = f"{shift / 60:.4g}h"
        known = f" in {zone}" if zone is not None else ""
        return (
            f"has every day at {stamp:%H:%M}{known} (first {stamp:%Y-%m-%d}), but a day is stamped "
            "at midnight or noon, or by bounds: where that is midnight of local time, add "
            f"pd.Timedelta('{amount}') to the times (read_basins takes shift='{amount}'); where it "
            "lies within its day, take .dt.floor('D') of them"
        )
    return (
        f"has {stamp:%Y-%m-%d %H:%M}, but other days at other hours, while a day is stamped at "
        "midnight or noon: where these are midnights of local time in UTC, bring the index to it "
        "with .tz_localize('UTC').tz_convert('Europe/Berlin').tz_localize(None), else average to "
        "days"
    )
