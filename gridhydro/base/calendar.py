"""Time axes: what the stamps of an array, a table or a file are days of; the only place that reads
them.

`where` names the axis in every error: "the forcing", "discharge", "flow.nc: 'time'".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import xarray as xr

DAY = np.timedelta64(1, "D")


def dates(axis, where) -> pd.DatetimeIndex:
    """The dates of an axis (DataArray, index of a table, datetime64), as they are.

    ValueError for numbers and texts, for another calendar, a time zone, and missing dates.
    """
    index = axis.to_index() if isinstance(axis, xr.DataArray) else axis
    index = index if isinstance(index, pd.Index) else pd.Index(index)
    if not isinstance(index, pd.DatetimeIndex):
        calendar = index.calendar if isinstance(index, xr.CFTimeIndex) else index.dtype
        raise ValueError(
            f"{where} is no axis of dates of our calendar ({calendar}): decode the times, or "
            "bring them to it with .convert_calendar('standard')"
        )
    if index.tz is not None:
        raise ValueError(f"{where} is in the zone {index.tz}: take it off with .tz_localize(None)")
    if index.hasnans:
        raise ValueError(f"{where} has missing dates: leave them out")
    return index


def days(axis, where) -> pd.DatetimeIndex:
    """The days of an axis, at midnight, each once, in any order and with gaps."""
    return once(dates(axis, where).floor("D"), where)


def daily(axis, where) -> pd.DatetimeIndex:
    """The days of an axis, at midnight, one after the other."""
    return without_gaps(dates(axis, where).floor("D"), where)


def stamped(
    time: xr.DataArray, where, reference: str = "", shift: str | None = None
) -> pd.DatetimeIndex:
    """The days that the stamps of a file are of, at midnight, one after the other.

    Stamps at midnight are those of the day that begins then, stamps at noon those of their day.
    A file that counts in local time ("days since 1900-01-01 +0100") is taken back to local time
    from the UTC that xarray makes of it. `reference`, the file's statement, may say that stamps
    are at the end of their interval: then the day is the one before. `shift` ("1h") is added
    instead where a file says neither.
    Raises ValueError for other hours, gaps, days given twice and calendars that are not ours.
    """
    where = f"{where}: '{time.name}'"
    index = dates(time, where)
    if index.empty:
        raise ValueError(f"{where} is empty")
    if shift is not None:
        index = index + pd.Timedelta(shift)
    else:
        index = index + _ahead_of_utc(str(time.encoding.get("units", "")))
        if re.search(r"right|end", reference.lower()):
            index = index - DAY
    hours = (index - index.floor("D")) / pd.Timedelta(hours=1)
    wrong = np.flatnonzero((hours != 0) & (hours != 12))
    if wrong.size or hours[0] != hours[-1]:
        first = index[wrong[0]] if wrong.size else index[-1]
        raise ValueError(
            f"{where} has {first:%Y-%m-%d %H:%M}, but a day is stamped at midnight "
            "or noon: average to days, or bring the stamps to midnight with shift=, such as '1h'"
        )
    return without_gaps(index.floor("D").rename("time"), where)


def once(index: pd.DatetimeIndex, where) -> pd.DatetimeIndex:
    """The days as they are; ValueError where one is there twice."""
    twice = index[index.duplicated()]
    if len(twice):
        raise ValueError(
            f"{where} has several values on {twice[0]:%Y-%m-%d}: average them to one a day, "
            "for example with .resample('D').mean()"
        )
    return index


def without_gaps(index: pd.DatetimeIndex, where) -> pd.DatetimeIndex:
    """The days as they are; ValueError where they do not follow each other."""
    jump = np.flatnonzero(np.diff(index.to_numpy()) != DAY)
    if jump.size:
        before, after = index[jump[0]], index[jump[0] + 1]
        raise ValueError(
            f"{where} is not daily without gaps: {before:%Y-%m-%d} is followed by "
            f"{after:%Y-%m-%d} ({jump.size} such places): resample or fill it"
        )
    return index


def steps_of_days(times: pd.DatetimeIndex, where) -> tuple[pd.Timestamp, int, int]:
    """First day, number of days and times a day, of an axis with as many times on every day.

    ValueError where a day has more or fewer than the first, and for times that are not in order.
    """
    times = dates(times, where)
    if times.empty:
        raise ValueError(f"{where} is empty")
    by_day = times.floor("D")
    every = pd.date_range(by_day.min(), by_day.max())
    counts = by_day.value_counts().reindex(every, fill_value=0)
    uneven = counts[counts != counts.iloc[0]]
    if len(uneven):
        raise ValueError(
            f"{where} has {counts.iloc[0]} times on {every[0]:%Y-%m-%d}, but {uneven.iloc[0]} on "
            f"{uneven.index[0]:%Y-%m-%d} ({len(uneven)} such days): complete the days"
        )
    if not times.is_monotonic_increasing or times.has_duplicates:
        raise ValueError(f"{where} has times that are not in order, each once: sort them")
    return every[0], len(every), int(counts.iloc[0])


def counted(values, attrs: Mapping[str, str], where) -> np.ndarray:
    """datetime64[ns] from numbers that count from a date, by the `units` and `calendar` of CF.

    ValueError for missing dates and units that are no count from a date.
    """
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{where} has missing dates: leave them out")
    dims = [f"axis_{i}" for i in range(values.ndim)]
    try:
        decoded = xr.decode_cf(xr.Dataset({"when": (dims, values, dict(attrs))}))["when"].values
        return decoded.astype("datetime64[ns]")
    except (ValueError, TypeError, OverflowError):
        raise ValueError(
            f"{where} cannot be read as dates in '{attrs.get('units')}': days since a date are "
            "needed"
        ) from None


def written(texts: Iterable, *, day_only: bool = False) -> pd.DatetimeIndex:
    """Dates from texts that are written year first, NaT for all that is none: nothing is guessed.

    day_only  YYYY-MM-DD and nothing else
    """
    given = pd.Series(list(texts), dtype=object).astype(str).str.strip()
    dated = given.where(given.str.match(r"\d{4}-\d\d-\d\d$" if day_only else r"\d{4}"))
    return pd.DatetimeIndex(pd.to_datetime(dated, format="ISO8601", errors="coerce"))


def of_table(index: pd.Index, where) -> pd.DatetimeIndex:
    """The dates of a table's index, or of texts in it that are written year first.

    ValueError for any other index.
    """
    if isinstance(index, pd.DatetimeIndex) or not len(index):
        return dates(pd.DatetimeIndex(index), where)
    texts = all(isinstance(day, str) for day in index)
    found = written(index) if texts else None
    if found is None or found.hasnans:
        kind = f"of type {type(index[0]).__name__}"
        first = kind if found is None else f"'{index[int(np.argmax(found.isna()))]}'"
        raise ValueError(
            f"the index of {where} should be dates: read it with pandas.read_csv(..., index_col=0, "
            "parse_dates=True), and with dayfirst=True or date_format= where they are not written "
            f"year first (there is {first})"
        )
    return dates(found, where)


def of_columns(year, month, day) -> pd.DatetimeIndex:
    """Dates from numbers, NaT where they are no whole numbers or no date."""
    table = pd.DataFrame({"year": year, "month": month, "day": day})
    whole = (table % 1 == 0).all(axis=1)
    return pd.DatetimeIndex(pd.to_datetime(table.where(whole), errors="coerce"))


def _ahead_of_utc(units: str) -> pd.Timedelta:
    """Lead of local time over UTC, as in "days since 1900-01-01 00:00:00 +0100"."""
    found = re.search(r":\d\d(?:\.\d*)?\s*([+-])(\d{1,2}):?(\d{2})?$", units.strip())
    if found is None:
        return pd.Timedelta(0)
    sign = -1 if found[1] == "-" else 1
    return sign * pd.Timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
