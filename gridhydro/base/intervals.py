"""Intervals that values of a reference stand for, and means of daily series over them.

An interval is its first moment and the first one after it, as the bounds of CF are; a day belongs
to the interval that its midnight lies in.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhydro.base.calendar import DAY, daily, dates, days_of_each


def intervals(times: pd.DatetimeIndex, frequency: str | None, stamp: str = "start") -> np.ndarray:
    """(K, 2) datetime64: the intervals of a length that belong to K times.

    "month" is the calendar month that the time lies in. A number of days such as "1D" or "8D"
    begins at midnight of the time (`stamp` "start"), ends with its day ("end"), or is centred on
    the time itself ("middle"). "8D" from the start begins anew on 1 January, as the composites of
    MODIS do. ValueError for other frequencies and for months with several times.
    """
    times = dates(pd.Index(times), "the reference")
    if frequency == "month":
        months = times.to_period("M")
        if months.has_duplicates:
            twice = months[months.duplicated()][0]
            raise ValueError(
                f"several times of the reference lie in {twice}: give their bounds, or a length "
                "and where the time lies, for example frequency='30D', stamp='middle'"
            )
        return np.stack([months.to_timestamp(), (months + 1).to_timestamp()], axis=1)
    count = str(frequency).removesuffix("D")
    if not count.isdecimal() or int(count) == 0 or count == frequency:
        raise ValueError(
            f"frequency {frequency!r} is not known: 'month', or days such as '1D' and '8D'; or "
            "give the bounds of the intervals"
        )
    length, known = pd.Timedelta(int(count), "D"), ("start", "middle", "end")
    if stamp not in known:
        raise ValueError(f"stamp is one of {', '.join(known)}, not {stamp!r}")
    if stamp == "middle":
        first = times - length / 2
    else:
        first = days_of_each(times, "the reference")
        first = first if stamp == "start" else first + pd.Timedelta(DAY) - length
    after = first + length
    if frequency == "8D" and stamp == "start":
        new_year = (first.to_period("Y") + 1).to_timestamp()
        after = after.where(after < new_year, new_year)
    return np.stack([first, after], axis=1)


def checked(bounds, count: int) -> np.ndarray:
    """(K, 2) datetime64[ns]; ValueError where they are not `count`, or end before they begin."""
    bounds = np.asarray(bounds, "datetime64[ns]")
    if bounds.shape != (count, 2):
        raise ValueError(f"bounds of {count} intervals are ({count}, 2), not {bounds.shape}")
    wrong = np.flatnonzero(~(bounds[:, 0] < bounds[:, 1]))
    if wrong.size:
        first, after = bounds[wrong[0]]
        raise ValueError(f"interval {wrong[0]} goes from {first} to {after}: it has no length")
    return bounds


def lengths(bounds: np.ndarray) -> np.ndarray:
    """(K,) lengths in days."""
    return (bounds[:, 1] - bounds[:, 0]) / DAY


def interval_means(days: pd.DataFrame, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of daily values over those intervals that lie in the days.

    days    every day once, in order, by gauges or cells. A NaN makes the means of its intervals NaN
    bounds  (K, 2) datetime64, first day and the day after the last

    Returns (K,) bool, the intervals that lie in the days, and their means (intervals, gauges) in
    the unit of `days`. ValueError if none does, or one holds no day.
    """
    simulated = daily(days.index, "simulated")
    begin, end = simulated[0].to_datetime64(), simulated[-1].to_datetime64() + DAY
    inside = (bounds[:, 0] >= begin) & (bounds[:, 1] <= end)
    span = f"{simulated[0]:%Y-%m-%d} to {simulated[-1]:%Y-%m-%d}"
    if not inside.any():
        raise ValueError(
            f"no interval of the reference ({bounds.min()} to {bounds.max()}) lies in the "
            f"simulated days ({span})"
        )
    first, after = (simulated.searchsorted(bounds[inside, side]) for side in (0, 1))
    if (first == after).any():
        raise ValueError("an interval of the reference is shorter than the days simulated")
    values = days.to_numpy(float)
    pairs = zip(first, after, strict=True)
    return inside, np.stack([values[i:j].mean(0) for i, j in pairs])
