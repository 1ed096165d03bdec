"""The days that GRACE solutions stand for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.calendar import DAY, counted
from gridhydro.base.intervals import checked

_BOUNDS = ("time_bounds", "time_bnds")
# what mascon files count in, should their time axis not say so
_TIME = {"units": "days since 2002-01-01", "calendar": "standard"}
_NEAR = pd.Timedelta(days=2)


def solutions(data: xr.Dataset, path, windows: xr.Dataset | None = None) -> dict:
    """Coordinates time (the middle), time_start and time_end of the solutions of an open file.

    The file's own bounds, those of `windows` for the same times, or months. ValueError for times
    that cannot be read and for bounds without length.
    """
    times = _dates(data, "time", path)
    named = [str(data["time"].attrs.get("bounds", "")), *_BOUNDS]
    name = next((n for n in named if n in data.variables), None)
    if name is not None:
        bounds = _dates(data, name, path, like="time")
        if bounds.shape != (len(times), 2):
            raise ValueError(f"{path}: '{name}' has the shape {bounds.shape}, not (times, 2)")
        bounds = _whole_days(bounds)
    elif {"time_start", "time_end"} <= set(data.variables):
        parts = [_dates(data, n, path, like="time") for n in ("time_start", "time_end")]
        bounds = _whole_days(np.stack(parts, axis=1))
    elif windows is not None:
        bounds = _same_times(times, windows, path)
    else:
        bounds = _months(pd.DatetimeIndex(times))
    try:
        bounds = checked(bounds, len(times))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    twice = np.flatnonzero(pd.DataFrame(bounds).duplicated())
    if twice.size:
        first, after = (f"{pd.Timestamp(edge):%Y-%m-%d}" for edge in bounds[twice[0]])
        raise ValueError(
            f"{path} has the solution from {first} to {after} twice: keep one of them, for example "
            "with .drop_duplicates('time')"
        )
    return coordinates(bounds[:, 0], bounds[:, 1])


def coordinates(start: np.ndarray, end: np.ndarray) -> dict:
    """Coordinates of solutions from their first days and the first days after them."""
    start, end = (np.asarray(a, "datetime64[ns]") for a in (start, end))
    attrs = {"time_start": "first day of the solution", "time_end": "first day after the solution"}
    found = {"time": ("time", start + (end - start) / 2, {"long_name": "middle of the solution"})}
    for name, values in (("time_start", start), ("time_end", end)):
        found[name] = ("time", values, {"long_name": attrs[name]})
    return found


def attribute(item, name: str) -> str | None:
    """An attribute, also one spelt "Units", which xarray does not heed."""
    return next((str(v) for k, v in item.attrs.items() if k.lower() == name), None)


def _dates(data: xr.Dataset, name: str, path, like: str | None = None) -> np.ndarray:
    """A variable of a file opened without decoding as datetime64[ns]."""
    if name not in data.variables:
        raise ValueError(f"{path} has no '{name}'")
    variable = data[name].variable
    if np.issubdtype(variable.dtype, np.datetime64):
        return variable.values.astype("datetime64[ns]")

    sources = (variable, *([data[like].variable] if like else []))
    said = {key: next(filter(None, (attribute(s, key) for s in sources)), None) for key in _TIME}
    if said["units"] is None and np.size(variable) > 1:
        found = np.sort(variable.values.astype(float), axis=None)
        if np.nanmax(np.diff(found)) < 1:
            raise ValueError(
                f"{path}: '{name}' states no units and counts from {found[0]:.6g} to "
                f"{found[-1]:.6g}, which are no {_TIME['units']}: write it in days since a date, "
                "with units"
            )
    attrs = {key: said[key] or default for key, default in _TIME.items()}
    return counted(variable.values, attrs, f"{path}: '{name}'")


def _whole_days(bounds: np.ndarray) -> np.ndarray:
    """Bounds from midnight to midnight, the second one the first day after the solution.

    Some products name the last day instead. Most solutions are whole months: what most of those
    end on tells.
    """
    start = bounds[:, 0].astype("datetime64[D]")
    days = -((-bounds[:, 1].astype(np.int64)) // 86_400_000_000_000)
    end = days.astype("datetime64[D]")
    day, after = pd.DatetimeIndex(end).day, pd.DatetimeIndex(end + DAY).day
    if (after == 1).sum() > (day == 1).sum():
        end = end + DAY
    return np.stack([start, end], axis=1)


def _same_times(times: np.ndarray, windows: xr.Dataset, path) -> np.ndarray:
    theirs = windows["time"].values.astype("datetime64[ns]")
    away = np.abs(times[:, None] - theirs)
    nearest = away.argmin(axis=1)
    far = np.flatnonzero(away.min(axis=1) > DAY)
    if far.size:
        raise ValueError(
            f"{path}: no solution of `windows` is at {pd.Timestamp(times[far[0]]):%Y-%m-%d} "
            f"({far.size} of {len(times)} times): they are of other solutions"
        )
    return np.stack([windows[n].values[nearest] for n in ("time_start", "time_end")], axis=1)


def _months(times: pd.DatetimeIndex) -> np.ndarray:
    """Calendar months, or 30 days around times that are far from the middle of theirs."""
    months = times.to_period("M")
    first, after = months.to_timestamp(), (months + 1).to_timestamp()
    stamped = bool((times.day == 1).all() or times.is_month_end.all())
    if months.has_duplicates or not stamped:
        near = np.abs(times - (first + (after - first) / 2)) <= _NEAR
        around = (times - pd.Timedelta(days=15)).floor("D")
        first = first.where(near, around)
        after = after.where(near, around + pd.Timedelta(days=30))
    return np.stack([first, after], axis=1)
