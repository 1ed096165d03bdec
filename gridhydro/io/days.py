"""The days and the names that the axes of a file of basins stand for."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.io.schema import text

_NAMES = ("station_id", "gauge_id", "basin_id", "catchment_id", "gauge", "basin", "station", "id")


def daily(time: xr.DataArray, where, reference: str = "", shift: str | None = None):
    """The days of a time axis, as a daily DatetimeIndex at midnight.

    Stamps at midnight are those of the day that begins then, stamps at noon those of their day.
    A file that counts in local time ("days since 1900-01-01 +0100") is taken back to local time
    from the UTC that xarray makes of it. `reference`, the file's statement, may say that stamps
    are at the end of their interval: then the day is the one before. `shift` ("1h") is added
    instead where a file says neither.
    Raises ValueError for other hours, gaps, days given twice and calendars that are not ours.
    """
    index = time.to_index()
    if not isinstance(index, pd.DatetimeIndex):
        calendar = getattr(index, "calendar", index.dtype)
        raise ValueError(f"{where}: '{time.name}' is no axis of dates of our calendar ({calendar})")
    if shift is not None:
        index = index + pd.Timedelta(shift)
    else:
        index = index + _zone(str(time.encoding.get("units", "")))
        if re.search(r"right|end", reference.lower()):
            index = index - pd.Timedelta(days=1)
    hours = (index - index.floor("D")) / pd.Timedelta(hours=1)
    if index.empty or index.hasnans:
        raise ValueError(f"{where}: '{time.name}' is empty or has missing dates")
    wrong = np.flatnonzero((hours != 0) & (hours != 12))
    if wrong.size or hours[0] != hours[-1]:
        first = index[wrong[0]] if wrong.size else index[-1]
        raise ValueError(
            f"{where}: '{time.name}' has {first:%Y-%m-%d %H:%M}, but a day is stamped at midnight "
            "or noon: average to days, or bring the stamps to midnight with shift=, such as '1h'"
        )
    days = index.floor("D").rename("time")
    jump = np.flatnonzero(np.diff(days) != np.timedelta64(1, "D"))
    if jump.size:
        raise ValueError(
            f"{where}: '{time.name}' is not daily without gaps: {days[jump[0]]:%Y-%m-%d} is "
            f"followed by {days[jump[0] + 1]:%Y-%m-%d} ({jump.size} such places)"
        )
    return days


def _zone(units: str) -> pd.Timedelta:
    """How far the local time of "days since 1900-01-01 00:00:00 +0100" is ahead of UTC."""
    found = re.search(r":\d\d(?:\.\d*)?\s*([+-])(\d{1,2}):?(\d{2})?$", units.strip())
    if found is None:
        return pd.Timedelta(0)
    sign = -1 if found[1] == "-" else 1
    return sign * pd.Timedelta(hours=int(found[2]), minutes=int(found[3] or 0))


def gauge_names(file: xr.Dataset, dim: str, where) -> list[np.ndarray]:
    """What names the gauges along `dim`: first the identifiers, then other unique names.

    Identifiers are the coordinate of the dimension, or the variable with the cf_role timeseries_id,
    or one of a common name. ValueError if there are none, or one twice.
    """
    along = [str(v) for v in file.variables if file[v].dims == (dim,)]
    chosen = [v for v in along if v == dim]
    chosen += [v for v in along if file[v].attrs.get("cf_role") == "timeseries_id"]
    chosen += [v for name in _NAMES for v in along if v.lower() == name]
    if not chosen:
        raise ValueError(
            f"{where} does not name the gauges along '{dim}': give it a coordinate or one of the "
            f"variables {', '.join(_NAMES)}"
        )
    names = text(file[chosen[0]].values)
    twice = pd.Index(names)[pd.Index(names).duplicated()]
    if len(twice):
        raise ValueError(f"{where}: '{chosen[0]}' names {twice[0]} twice")
    others = [file[v].values for v in along if file[v].dtype.kind in "SUOT" and v != chosen[0]]
    return [names, *(found for found in map(text, others) if len(set(found)) == len(found))]
