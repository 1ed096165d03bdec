"""The steps of a variable in its files, one file after the other, and the days that they make."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar
from gridhydro.domain.grid import spatial_dims
from gridhydro.io.chain import Chain, Link
from gridhydro.io.day_rasters import day_of

_DAY = pd.Timedelta(1, "D")
_SLACK = np.timedelta64(1, "m")  # by which times in a file may be rounded
_WITHOUT_LEAP_DAYS = ("noleap", "365_day")
# ECMWF's amounts are those until the time that they are stamped with
_ECMWF = (
    "tp", "ssrd", "strd", "ssr", "str", "total_precipitation", "surface_solar_radiation_downwards",
    "surface_thermal_radiation_downwards",
)  # fmt: skip
_SAMPLES, _SIDE = 8, 16  # blocks of days and cells that tell sums from accumulations
_ENOUGH = 100  # amounts above zero that tell it


@dataclass(frozen=True)
class Steps:
    """A variable of one file: its axis `time` of `times`, days where there is one a day."""

    path: str
    variable: str
    time: str
    space: tuple[str, str]
    times: pd.DatetimeIndex
    daily: bool
    attrs: Mapping


@dataclass(frozen=True)
class Days:
    """How steps make days: `first` and, of each day, its place in `records` (-1: not there); steps
    `a_day` after `skip`."""

    first: pd.Timestamp
    records: np.ndarray
    a_day: int
    skip: int


def steps_of(array: xr.DataArray, data: xr.Dataset, path: str, shift: str | None) -> Steps:
    """The steps of a variable in an open file; ValueError for axes and times that do not fit."""
    space = spatial_dims(array)
    others = [d for d in array.dims if d not in space]
    long = [d for d in others if array.sizes[d] != 1]
    dated = [d for d in others if d in array.coords and _is_dated(array[d])]
    if len(dated) != 1 or set(long) - set(dated):
        over = ", ".join(f"{d} ({n})" for d, n in array.sizes.items())
        raise ValueError(
            f"{path}: '{array.name}' is over {over}: rows, columns and one axis of times are "
            "needed; choose one value of any other"
        )
    where, axis = f"{path}: '{dated[0]}'", array[dated[0]]
    index = axis.to_index()
    plain: xr.Dataset | None = data
    if getattr(index, "calendar", None) in _WITHOUT_LEAP_DAYS:
        # each of its dates is one of ours
        index = pd.DatetimeIndex([pd.Timestamp(t.isoformat()) for t in index])
        axis = xr.DataArray(index, dims=axis.dims, name=axis.name)
        axis.encoding["units"] = array[dated[0]].encoding.get("units", "")
        plain = None
    times = calendar.dates(axis, where)
    daily = not times.floor("D").has_duplicates
    if daily:
        times = calendar.days_of_each(axis, where, plain, shift)
    elif shift is not None:
        times = times + pd.Timedelta(shift)
    if not times.is_monotonic_increasing or times.has_duplicates:
        raise ValueError(f"{where} has times that are not in order, each once: sort them")
    return Steps(path, str(array.name), str(dated[0]), space, times, daily, array.attrs)


def on_day(alike: Steps, path: str) -> Steps:
    """The steps of a raster of another day of the same variable, which is not opened."""
    moved = alike.times[0] - day_of(alike.path)
    return replace(alike, path=path, times=pd.DatetimeIndex([day_of(path) + moved]))


def links_of(name: str, steps: list[Steps]) -> tuple[tuple[Link, ...], list[Steps]]:
    """The files in the order of their times; ValueError where two have the same times."""
    steps = sorted(steps, key=lambda one: one.times[0])
    for before, after in pairwise(steps):
        if after.times[0] <= before.times[-1]:
            raise ValueError(
                f"{before.path} and {after.path} both have {name} on {after.times[0]:%Y-%m-%d}: "
                "leave one of them out"
            )
        if before.daily != after.daily and after.times.size > 1 and before.times.size > 1:
            raise ValueError(f"{before.path} and {after.path} have other steps of time")
    starts = np.cumsum([0, *(one.times.size for one in steps)])
    links = [
        Link(one.path, one.variable, one.time, one.space, int(start), one.times.size)
        for one, start in zip(steps, starts[:-1], strict=True)
    ]
    return tuple(links), steps


def days_of(name: str, steps: list[Steps], amount: bool) -> Days:
    """The whole days of the steps; ValueError where some are lacking between them.

    amount  whether the values are amounts, those of ECMWF until their stamp
    Steps before the first whole day and after the last one are left out, with a warning.
    """
    times = pd.DatetimeIndex(np.concatenate([one.times.to_numpy() for one in steps]))
    where = f"{steps[0].path}: the times of {name}"
    if all(one.daily for one in steps):
        return _without_gaps(where, name, times, 1, 0)
    lengths = pd.Series(np.diff(times)).value_counts()
    length = pd.Timedelta(lengths.index[0])
    a_day = round(_DAY / length)
    if length * a_day != _DAY or a_day < 2:
        raise ValueError(f"{where} are {length} apart, which are no parts of a day")
    begins = times - length if amount and until_stamp(steps[0]) else times
    skip = int(np.searchsorted(begins, begins[0].ceil("D")))
    count = (times.size - skip) // a_day
    if not count:
        raise ValueError(f"{where} make no whole day")
    whole = begins[skip : skip + count * a_day].floor("D")
    days = whole[::a_day]
    uneven = np.flatnonzero(
        (whole.to_numpy().reshape(count, a_day) != days.to_numpy()[:, None]).any(1)
    )
    if uneven.size:
        raise ValueError(
            f"{where} have more or fewer than {a_day} on {days[uneven[0]]:%Y-%m-%d}: complete the "
            "days"
        )
    apart = np.diff(begins[skip : skip + count * a_day].to_numpy().reshape(count, a_day), axis=1)
    odd = np.flatnonzero((np.abs(apart - length.to_timedelta64()) > _SLACK).any(1))
    if odd.size:
        raise ValueError(
            f"{where} are not all {length} apart on {days[odd[0]]:%Y-%m-%d} ({odd.size} such "
            "days): complete the days, or bring them to equal steps"
        )
    left = times.size - count * a_day
    if left:
        warnings.warn(
            f"{where}: {left} at the ends make no whole day and are left out; the days are "
            f"{days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}",
            stacklevel=5,
        )
    return _without_gaps(where, name, days, a_day, skip)


def _without_gaps(where: str, name: str, days: pd.DatetimeIndex, a_day: int, skip: int) -> Days:
    """Every day from the first on; those that a calendar without leap days lacks are said."""
    every = pd.date_range(days[0], days[-1])
    records = days.get_indexer(every)
    lacking = every[records < 0]
    leap = lacking.is_leap_year & (
        ((lacking.month == 2) & (lacking.day == 29)) | ((lacking.month == 12) & (lacking.day == 31))
    )
    if not leap.all():
        first = lacking[~leap][0]
        raise ValueError(
            f"{where} lack {first:%Y-%m-%d} ({int((~leap).sum())} such days): add the file that "
            "has them, or fill them"
        )
    if lacking.size:
        warnings.warn(
            f"{where} lack the {lacking[0]:%d %B} of {lacking.size} leap years: {name} of these "
            "days is the mean of the days around them",
            stacklevel=5,
        )
    return Days(days[0], records, a_day, skip)


def accumulates(chain: Chain, name: str, shape: tuple[int, int]) -> bool:
    """Whether the amounts of a day count from its beginning on, and never fall before its end.

    Told by what follows an amount that is above zero, which hardly ever is as much again hour after
    hour; ValueError where there are too few of these.
    """
    rows, cols = (slice(max(0, n // 2 - _SIDE), n // 2 + _SIDE) for n in shape)
    kept, fallen = 0, 0
    for first in np.unique(np.linspace(0, max(chain.count - 5, 0), _SAMPLES).astype(int)):
        values = chain.read(slice(int(first), int(first) + 5), rows, cols)
        most = np.nanmax(values, initial=0)
        before, change = values[:, :-1], np.diff(values, axis=1)
        fallen += int((change < -1e-3 * most).sum())
        kept += int(((before > 1e-3 * most) & (change >= -1e-3 * most)).sum())
        if kept + fallen >= _ENOUGH:
            return fallen < 1e-3 * kept
    raise ValueError(
        f"{chain.path}: '{chain.variable}' comes several times a day, and its values do not tell "
        f"whether those of {name} count from the beginning of the day on: say accumulated="
    )


def _is_dated(axis: xr.DataArray) -> bool:
    return axis.dtype.kind == "M" or hasattr(axis.to_index(), "calendar")


def until_stamp(steps: Steps) -> bool:
    """Whether an amount is that until the time that it is stamped with."""
    grib = any(str(key).startswith("GRIB_") for key in steps.attrs)
    return grib or steps.variable.lower() in _ECMWF
