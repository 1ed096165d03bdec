"""Time axes: what the stamps of an array, a table or a file are days of; the only place that reads
them.

Midnight stands for the day that begins then and noon for its day; bounds, where a Dataset has them,
and a zone or an offset from UTC go before the stamps (see `base.stamps`). All else is refused.
`where` names the axis in every error: "the forcing", "discharge", "flow.nc: 'time'".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import stamps

DAY = np.timedelta64(1, "D")
# calendars that are ours from 1582 on
_OURS = ("standard", "gregorian", "proleptic_gregorian")
_RANGE = pd.Timestamp.min.year + 1, pd.Timestamp.max.year - 1
# attributes in which files say where in its interval a stamp is
_REFERENCES = ("timereference", "hydts_timeRef", "time_reference", "time_stamp_position")


def dates(axis, where) -> pd.DatetimeIndex:
    """The dates of an axis (DataArray, index of a table, datetime64), as they are.

    Those of a zone are taken by its own clock. ValueError for numbers and texts, for another
    calendar, for missing dates and for those that a datetime64[ns] cannot hold.
    """
    index = _index(axis, where)
    if not isinstance(index, pd.DatetimeIndex):
        raise ValueError(_no_dates(index, axis, where))
    if index.hasnans:
        raise ValueError(f"{where} has missing dates: leave them out")
    index = index.tz_localize(None) if index.tz is not None else index
    _refuse_beyond(index, where)
    return index


def days_of_each(
    axis, where, data: xr.Dataset | None = None, shift: str | None = None
) -> pd.DatetimeIndex:
    """The day at midnight that each stamp of an axis is of, in any order and with repetitions.

    data   the Dataset that the axis is of, which may have bounds and say where stamps are
    shift  added to the stamps instead of all that the file says ("1h")
    A file that counts in local time ("days since 1900-01-01 +0100") is taken back to local time
    from the UTC that xarray makes of it.
    """
    time = axis if isinstance(axis, xr.DataArray) else None
    if shift is not None:
        return stamps.days_of(dates(axis, where) + _delta(shift), where)
    index, ahead = dates(axis, where), pd.Timedelta(0)
    if not len(index):
        return index
    if time is not None:
        ahead = stamps.ahead_of_utc(str(time.encoding.get("units") or time.attrs.get("units", "")))
    if data is not None and time is not None:
        bound = _days_of_bounds(data, time, where)
        if bound is not None:
            return bound
    index = index + ahead if stamps.plain(index + ahead) else index
    found = stamps.days_of(index, where, getattr(_index(axis, where), "tz", None))
    if time is not None and stamps.at_end(said_of(time, data)):
        # 23:59 is the end of its own day already
        found = found.where(index - found >= pd.Timedelta(hours=23), found - DAY)
    return pd.DatetimeIndex(found)


def days(axis, where, data: xr.Dataset | None = None) -> pd.DatetimeIndex:
    """The days of an axis, at midnight, each once, in any order and with gaps; see
    `days_of_each`."""
    return once(days_of_each(axis, where, data), where)


def daily(axis, where, data: xr.Dataset | None = None) -> pd.DatetimeIndex:
    """The days of an axis, at midnight, one after the other; see `days_of_each`."""
    return without_gaps(days_of_each(axis, where, data), where)


def stamped(
    time: xr.DataArray, where, data: xr.Dataset | None = None, shift: str | None = None
) -> pd.DatetimeIndex:
    """The days of the axis of a file, at midnight, one after the other; see `days_of_each`.

    ValueError for an empty one too.
    """
    where = f"{where}: '{time.name}'"
    if not time.size:
        raise ValueError(f"{where} is empty")
    found = days_of_each(time, where, data, shift)
    return without_gaps(found.rename("time"), where)


def by_bounds(array: xr.DataArray, data: xr.Dataset, where) -> xr.DataArray:
    """A variable of `data` with the days of the bounds of its times for stamps, where there are
    bounds of days; else as it is."""
    if "time" not in array.dims or "time" not in array.coords:
        return array
    found = _days_of_bounds(data, array["time"], where, other=True)
    return array if found is None else array.assign_coords(time=found)


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
        mend = "fill the days that are lacking, or resample to days"
        if before == after:
            mend = "average them to one a day, .resample(time='D').mean(), or keep one of them"
        elif not index.is_monotonic_increasing:
            mend = "sort it, with .sortby('time')"
        raise ValueError(
            f"{where} is not daily without gaps: {before:%Y-%m-%d} is followed by "
            f"{after:%Y-%m-%d} ({jump.size} such places): {mend}"
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
    if not by_day.has_duplicates:
        by_day = stamps.days_of(times, where)
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


def counted(values, attrs: Mapping[str, Any], where) -> np.ndarray:
    """datetime64[ns] from numbers that count from a date, by the `units` and `calendar` of CF; by
    the clock of its place where the unit has an offset from UTC.

    ValueError for missing dates, another calendar, and units that are no count of days, hours,
    minutes or seconds from a date.
    """
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{where} has missing dates: leave them out")
    units, calendar = str(attrs.get("units")), str(attrs.get("calendar", "standard"))
    if calendar.lower() not in _OURS:
        raise ValueError(_other_calendar(where, calendar))
    dims = [f"axis_{i}" for i in range(values.ndim)]
    said = {"units": units, "calendar": calendar}
    try:
        decoded = xr.decode_cf(xr.Dataset({"when": (dims, values, said)}))["when"].values
        if decoded.dtype.kind not in "MO":  # no count from a date: the numbers as they were
            raise TypeError(units)
        if decoded.dtype == object:
            raise ValueError(_beyond(where, decoded.flat[0].year))
        return decoded.astype("datetime64[ns]") + stamps.ahead_of_utc(units).to_timedelta64()
    except (ValueError, TypeError, OverflowError) as error:
        if str(error).startswith(str(where)):
            raise
        raise ValueError(
            f"{where} cannot be read as dates in '{units}': days, hours, minutes or seconds since "
            "a date are needed"
        ) from None


_WRITTEN = r"(?:\d{4}([-/.]?)\d\d\1\d\d|\d{4}[-/.]\d{1,2}[-/.]\d{1,2})"
_CLOCK = r"(?:[T ]+\d\d?:\d\d(?::\d\d(?:\.\d*)?)?\s*(?:Z|UTC|[+-]\d\d:?(?:\d\d)?)?)?"


def written(texts: Iterable, *, day_only: bool = False) -> pd.DatetimeIndex:
    """Dates from texts that are written year first, NaT for all that is none: nothing is guessed.

    Year, month and day are all needed: a month is no day. A zone or an offset is taken off: the
    clock is that of the place. 24:00 is the end of its day.
    day_only  YYYY-MM-DD and nothing else
    """
    given = pd.Series(list(texts), dtype=object).astype(str).str.strip()
    if day_only:
        dated = given.where(given.str.match(r"\d{4}-\d\d-\d\d$"))
    else:
        dated = given.where(given.str.fullmatch(_WRITTEN + _CLOCK))
        clocks = dated.str.contains(":", na=False)
        zones = r"(:\d\d(?:\.\d*)?)\s*(?:Z|UTC|[+-]\d\d:?(?:\d\d)?)$"
        dated = dated.where(~clocks, dated.str.replace(zones, r"\1", regex=True))
        dated = dated.str.replace(r"[T ]+24:00(?::00(?:\.0*)?)?$", " 23:59", regex=True)
    return pd.DatetimeIndex(pd.to_datetime(dated, format="ISO8601", errors="coerce"))


def of_table(index: pd.Index, where) -> pd.DatetimeIndex:
    """The dates of a table's index, or of texts in it that are written year first.

    ValueError for any other index.
    """
    if not len(index):
        return pd.DatetimeIndex(index)
    if not all(isinstance(day, str) for day in index):
        found = _index(index, where)
        if isinstance(found, pd.DatetimeIndex) or _calendar_of(found) is not None:
            return dates(found, where)
        first = f"of type {type(index[0]).__name__}"
    else:
        found = written(index)
        if not found.hasnans:
            return dates(found, where)
        first = f"'{index[int(np.argmax(found.isna()))]}'"
    raise ValueError(
        f"the index of {where} should be dates: read it with pandas.read_csv(..., index_col=0, "
        "parse_dates=True), and with dayfirst=True or date_format= where they are not written "
        f"year first (there is {first})"
    )


def days_of_table(index: pd.Index, where) -> pd.DatetimeIndex:
    """The days of a table's index, at midnight, each once; see `of_table` and `days_of_each`."""
    zone = getattr(index, "tz", None)
    return once(stamps.days_of(of_table(index, where), where, zone), where)


def of_columns(year, month, day) -> pd.DatetimeIndex:
    """Dates from numbers, NaT where they are no whole numbers or no date of our times."""
    table = pd.DataFrame({"year": year, "month": month, "day": day})
    whole = (table % 1 == 0).all(axis=1) & table["year"].between(*_RANGE)
    return pd.DatetimeIndex(pd.to_datetime(table.where(whole), errors="coerce"))


def _index(axis, where) -> pd.Index:
    """The index of an axis; dates of any kind in it as a DatetimeIndex, if they are of ours."""
    if isinstance(axis, xr.DataArray):
        if axis.ndim != 1:
            raise ValueError(f"{where} has the axes {axis.dims}, but times are along one axis")
        axis = axis.to_index()
    index = axis if isinstance(axis, pd.Index) else pd.Index(axis)
    if isinstance(index, pd.PeriodIndex) and index.freqstr == "D":
        return index.to_timestamp()
    if index.dtype == object and len(index):
        first = index[0]
        if hasattr(first, "calendar") and not isinstance(index, xr.CFTimeIndex):
            index = xr.CFTimeIndex(index)
        elif all(isinstance(day, date) for day in index):  # NaT is one too
            clocks = (pd.Timestamp(day) for day in index)  # each by the clock of its own zone
            return pd.DatetimeIndex([day.replace(tzinfo=None) for day in clocks])
    if isinstance(index, xr.CFTimeIndex) and index.calendar in _OURS and len(index):
        _refuse_beyond(index, where)
        return index.to_datetimeindex(unsafe=True, time_unit="ns")
    return index


def _calendar_of(index: pd.Index) -> str | None:
    return index.calendar if isinstance(index, xr.CFTimeIndex) else None


def _no_dates(index: pd.Index, axis, where) -> str:
    calendar = _calendar_of(index)
    if calendar is not None:
        return _other_calendar(where, calendar)
    units = str(getattr(axis, "attrs", {}).get("units", ""))
    told = f"{index.dtype}, '{units}'" if units else str(index.dtype)
    return (
        f"{where} is no axis of dates of our calendar ({told}): decode days since a date with "
        "xarray.decode_cf, and make dates of other numbers or texts (decimal years, months since "
        "a date) with pandas"
    )


def _other_calendar(where, calendar: str) -> str:
    align = ", align_on='year'" if calendar == "360_day" else ""
    return (
        f"{where} is no axis of dates of our calendar ({calendar}): bring the times to it with "
        f".convert_calendar('standard'{align}), and give the days that it has besides values, for "
        "example with .resample(time='D').interpolate('linear')"
    )


def _refuse_beyond(index, where) -> None:
    years = np.asarray(index.year)
    wrong = years[(years < _RANGE[0]) | (years > _RANGE[1])]
    if wrong.size:
        raise ValueError(_beyond(where, wrong[0]))


def _beyond(where, year: int) -> str:
    return (
        f"{where} has the year {year}, but dates lie between {_RANGE[0]} and {_RANGE[1]}: is it a "
        "code for a missing date? Leave such days out"
    )


def _delta(shift) -> pd.Timedelta:
    try:
        if not isinstance(shift, str | timedelta | np.timedelta64):
            raise ValueError(shift)  # a number would count nanoseconds
        return pd.Timedelta(shift)
    except ValueError:
        raise ValueError(f"shift is a time such as '1h' or '-30min', not {shift!r}") from None


def said_of(time: xr.DataArray, data: xr.Dataset | None) -> str:
    """The words in which a file says where in its interval a stamp is."""
    known = [time.attrs] if data is None else [time.attrs, data.attrs]
    words = [str(attrs[name]) for attrs in known for name in _REFERENCES if name in attrs]
    plain = [str(time.attrs.get(name, "")) for name in ("long_name", "comment", "description")]
    found = (re.search(r"(?i)\b(end|right)[ _-].*(interval|period|day)\b", w) for w in plain)
    return " ".join([*words, *(f"end of {m[2]}" for m in found if m)])


def _days_of_bounds(
    data: xr.Dataset, time: xr.DataArray, where, other: bool = False
) -> pd.DatetimeIndex | None:
    """The days that the bounds of an axis are of; None where there are no bounds in the Dataset.

    None, too, for bounds that begin at another hour: they leave it to the stamp to name the day.
    ValueError for those longer than a day, with `other` None.
    """
    found = _bounds_of(data, time, where)
    if found is None:
        return None
    begin, end, place = found
    length = end - begin
    wrong = np.flatnonzero(length > pd.Timedelta(hours=25))
    if wrong.size and not other:
        first = wrong[0]
        raise ValueError(
            f"{place} has values from {begin[first]:%Y-%m-%d %H:%M} to "
            f"{end[first]:%Y-%m-%d %H:%M}: values of single days are needed"
        )
    # means of hourly values may be bound by the first and the last hour of the day
    return begin if (begin == begin.floor("D")).all() and not wrong.size else None


def begins_of_bounds(data: xr.Dataset, time: xr.DataArray, where) -> pd.DatetimeIndex | None:
    """What the bounds of an axis begin with; None where there are none in the Dataset."""
    found = _bounds_of(data, time, where)
    return None if found is None else found[0]


def _bounds_of(
    data: xr.Dataset, time: xr.DataArray, where
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex, str] | None:
    """Begin and end of the bounds of an axis, and what to call them; None where there are none."""
    said = time.attrs.get("bounds") or time.encoding.get("bounds")
    names = [said] if said else [f"{time.name}_bnds", f"{time.name}_bounds"]
    name = next((n for n in names if n in data.variables), None)
    if name is None or data[name].ndim != 2 or time.dims[0] not in data[name].dims:
        return None
    bounds, place = data[name].transpose(time.dims[0], ...), f"{where}, '{name}',"
    if bounds.dtype.kind in "iuf":
        attrs = {**time.encoding, **time.attrs, **bounds.attrs}
        if "units" not in attrs:
            return None
        counts = counted(bounds.values, attrs, place)
        begin, end = (pd.DatetimeIndex(counts[:, side]) for side in (0, 1))
    else:
        ahead = stamps.ahead_of_utc(str(time.encoding.get("units", "")))
        begin, end = (dates(pd.Index(bounds.values[:, side]), place) + ahead for side in (0, 1))
    return (begin, end, place) if (end > begin).all() else None
