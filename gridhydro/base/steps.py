"""Axes of equal parts of days: hours, or 3, 6 or 12 of them, one after the other, whole days.

As a day is stamped with its beginning, so is a step; bounds, words of the file that say where in
its step a stamp is, and a zone go before. A stamp in the middle of its step is known by its clock.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar, stamps

_DAY = pd.Timedelta(calendar.DAY)


def steps_a_day(times: pd.DatetimeIndex) -> int:
    """How many steps a day an axis has that `of_axis` gave: 1 of days."""
    return 1 if len(times) < 2 else max(1, round(_DAY / (times[1] - times[0])))


def length_of(times: pd.DatetimeIndex) -> pd.Timedelta:
    """The length of a step of an axis that `of_axis` gave."""
    return _DAY / steps_a_day(times)


def unit_of(times: pd.DatetimeIndex) -> tuple[str, pd.Timedelta]:
    """What times are counted in, in whole numbers: days, hours or minutes, and how long one is."""
    step = length_of(times)
    for unit, length in (("days", _DAY), ("hours", pd.Timedelta("1h"))):
        if step % length == pd.Timedelta(0):
            return unit, length
    return "minutes", pd.Timedelta("1min")


def of_axis(axis, where, count: int, data: xr.Dataset | None = None) -> pd.DatetimeIndex:
    """Beginnings of the steps of an axis with `count` steps a day: of 1 as `calendar.daily`.

    ValueError for an axis of another step, with gaps, or of days that are not whole.
    """
    if count == 1:
        return calendar.daily(axis, where, data)
    index = calendar.dates(axis, where)
    step = _DAY / count
    if len(index) < 2 or not _several(index):
        raise ValueError(
            f"{where} is daily, not of {count} steps a day: give weather of such steps, or leave "
            "steps_a_day out"
        )
    if index.has_duplicates or not index.is_monotonic_increasing:
        raise ValueError(f"{where} has times that are not in order, each once: sort them")
    return _whole_days(_beginnings(axis, index, step, where, data), count, where)


def found_in(axis, where, data: xr.Dataset | None = None) -> tuple[pd.DatetimeIndex, int]:
    """Beginnings of the steps of an axis, and how many a day has, whatever they are."""
    index = calendar.dates(axis, where)
    count = _counted(index, where) if _several(index) else 1
    return of_axis(axis, where, count, data), count


def of_each(axis, where, count: int) -> pd.DatetimeIndex:
    """Beginnings of the steps, `count` a day, that the stamps of an axis are of, each once, in any
    order and with gaps. ValueError for stamps at other moments."""
    index, step = calendar.dates(axis, where), _DAY / count
    if isinstance(axis, xr.DataArray):
        units = str(axis.encoding.get("units") or axis.attrs.get("units", ""))
        index = index + stamps.ahead_of_utc(units)
    off = (index - index.floor("D")) % step
    if len(index) and (off == step / 2).all():
        index = index - step / 2
    elif off.astype("int64").any():
        odd = index[int(np.argmax(off != pd.Timedelta(0)))]
        raise ValueError(
            f"{where} has {odd:%Y-%m-%d %H:%M}, which begins no step of {step} from midnight on: "
            "average to such steps, for example with .resample, or to days"
        )
    elif isinstance(axis, xr.DataArray) and stamps.at_end(calendar.said_of(axis, None)):
        index = index - step
    twice = index[index.duplicated()]
    if len(twice):
        raise ValueError(f"{where} has several values at {twice[0]:%Y-%m-%d %H:%M}: keep one")
    return index


def several_a_day(axis, where) -> bool:
    """Whether an axis, or the index of a table, is of parts of days."""
    given = calendar.of_table(axis, where) if isinstance(axis, pd.Index) else axis
    return _several(calendar.dates(given, where)) if len(axis) else False


def day_means(values, count: int):
    """Means (T / count, ...) over the days of a tensor or an array (T, ...)."""
    return values.reshape(-1, count, *values.shape[1:]).mean(1) if count > 1 else values


def _several(index: pd.DatetimeIndex) -> bool:
    """Whether an axis is of parts of days: a day that is there twice has the same stamp twice."""
    return index.unique().floor("D").has_duplicates and len(index.unique()) > 1


def _counted(index: pd.DatetimeIndex, where) -> int:
    """The steps a day of an axis, by the shortest distance that it has more than once, or once."""
    lengths = pd.Series(np.diff(index.unique().sort_values())).value_counts()
    step = pd.Timedelta(lengths.index[0])
    count = round(_DAY / step)
    if step * count != _DAY or count < 2:
        raise ValueError(
            f"{where} has times {step} apart, which is no part of a day: bring them to hours or to "
            "days, for example with .resample(time='1h').mean()"
        )
    return count


def _beginnings(axis, index, step: pd.Timedelta, where, data) -> pd.DatetimeIndex:
    time = axis if isinstance(axis, xr.DataArray) else None
    if time is not None:
        units = str(time.encoding.get("units") or time.attrs.get("units", ""))
        index = index + stamps.ahead_of_utc(units)
    uneven = np.flatnonzero(np.diff(index.to_numpy()) != step.to_timedelta64())
    if uneven.size:
        before, after = index[uneven[0]], index[uneven[0] + 1]
        raise ValueError(
            f"{where} is not in steps of {step} without gaps: {before:%Y-%m-%d %H:%M} is followed "
            f"by {after:%Y-%m-%d %H:%M} ({uneven.size} such places): fill the steps that are "
            "lacking; where a zone changes its clock, take times in UTC or in winter time"
        )
    if time is not None and data is not None:
        bound = calendar.begins_of_bounds(data, time, where)
        if bound is not None and (np.diff(bound.to_numpy()) == step.to_timedelta64()).all():
            index = bound
    off = (index[0] - index[0].floor("D")) % step
    if off == step / 2:
        index = index - off
    elif off:
        raise ValueError(
            f"{where} has its first time at {index[0]:%Y-%m-%d %H:%M}, which neither begins nor "
            f"halves a step of {step} from midnight on: add to the times what brings them to it, "
            "as pd.Timedelta('-15min')"
        )
    elif time is not None and stamps.at_end(calendar.said_of(time, data)):
        index = index - step
    return index.rename("time")


def _whole_days(index: pd.DatetimeIndex, count: int, where) -> pd.DatetimeIndex:
    step = _DAY / count
    first, after = index[0], index[-1] + step
    if first == first.floor("D") and after == after.floor("D"):
        return index
    if first == first.floor("D") + step and after == after.floor("D") + step:
        raise ValueError(
            f"{where} goes from {first:%Y-%m-%d %H:%M} to {index[-1]:%Y-%m-%d %H:%M}: where these "
            f"stamps end their steps, take pd.Timedelta('{step}') off, or say so, "
            ".assign_attrs(comment='end of interval') of the times; else begin at midnight"
        )
    whole = first.ceil("D"), after.floor("D") - step
    raise ValueError(
        f"{where} goes from {first:%Y-%m-%d %H:%M} to {index[-1]:%Y-%m-%d %H:%M}, but whole days "
        f"are needed: take .sel(time=slice('{whole[0]:%Y-%m-%d %H:%M}', '{whole[1]:%Y-%m-%d %H:%M}"
        "'))"
    )
