"""The form in which every data set of basins arrives: its series, their units, days and gauges.

A "basins dataset" is an xarray.Dataset with the dimensions time (daily, at midnight) and gauge
(names), the coordinates latitude, longitude (degrees) and area (km2) of the gauges as far as the
source has them, series (time, gauge) in the units of `quantities.SERIES`, and attributes (gauge,).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.quantities import COORDINATES, SERIES, Quantity


def recognise(variables: Iterable[str], names: Mapping[str, str], where) -> dict[str, str]:
    """Our name -> the file's, of the series that it has; what `names` says goes before.

    ValueError for a name that is not there, and where several could be the same series.
    """
    theirs = [str(v) for v in variables]
    found = {ours: v for ours, v in names.items() if ours not in COORDINATES}
    absent = [v for v in found.values() if v not in theirs]
    if absent:
        raise ValueError(f"{where} has no series '{absent[0]}', but {', '.join(theirs)}")
    lower = {v.lower(): v for v in theirs if v not in found.values()}
    for ours in SERIES.keys() - found.keys():
        known = [lower[n] for n in (ours, *SERIES[ours].names) if n in lower]
        if len(known) > 1:
            raise ValueError(
                f"{where}: {' and '.join(known)} could both be {ours}: say which, "
                f"names={{'{ours}': '{known[0]}'}}"
            )
        found |= {ours: known[0]} if known else {}
    return {ours: found[ours] for ours in (*SERIES, *found) if ours in found}


def series_attrs(name: str, units: str | None = None) -> dict:
    """CF attributes of a series of the form; `units` for one that is not of it."""
    quantity = SERIES.get(name, Quantity(units or "1", name.replace("_", " ")))
    attrs = {"units": quantity.unit, "long_name": quantity.long_name}
    return attrs | ({"standard_name": quantity.standard_name} if quantity.standard_name else {})


def coordinate(name: str, values, gauges, where) -> xr.DataArray:
    """A coordinate (gauge,) of the form; ValueError for values that it cannot have."""
    quantity = COORDINATES[name]
    if name == "gauge_name":
        return xr.DataArray(text(values), dims="gauge", attrs={"long_name": quantity.long_name})
    values = np.asarray(values, float)
    wrong = ~((values >= quantity.low) & (values <= quantity.high))
    wrong |= (values == 0) if name == "area" else False
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{where}: {name} of {gauges[first]} is {values[first]:g} {quantity.unit}")
    attrs = {"units": quantity.unit, "long_name": quantity.long_name}
    attrs |= {"standard_name": quantity.standard_name} if quantity.standard_name else {}
    return xr.DataArray(values, dims="gauge", attrs=attrs)


def attribute(values, name: str, units: str | None = None, long_name: str = "") -> xr.DataArray:
    """An attribute (gauge,): numbers in `units` ("1" where unknown), anything else as text."""
    values = np.asarray(values)
    attrs = {"long_name": long_name or name.replace("_", " ")}
    if values.dtype.kind not in "fiub":
        return xr.DataArray(text(values), dims="gauge", attrs=attrs)
    return xr.DataArray(values.astype(float), dims="gauge", attrs=attrs | {"units": units or "1"})


def refuse_outside(name: str, values: np.ndarray, times, gauges, where) -> None:
    """ValueError for the first value (time, gauge) that a series cannot have; NaN may be."""
    quantity = SERIES.get(name)
    if quantity is None:
        return
    outside = (values < quantity.low) | (values > quantity.high)
    if outside.any():
        day, gauge = np.argwhere(outside)[0]
        raise ValueError(
            f"{where}: {name} of {gauges[gauge]} is {values[day, gauge]:g} {quantity.unit} on "
            f"{pd.Timestamp(times[day]):%Y-%m-%d} ({outside.sum()} such values): is it a code for "
            "missing values, or are the units not those that the file states?"
        )


def text(values) -> np.ndarray:
    """Names from bytes, numbers or strings, without blanks around them; ValueError for decimals."""
    values = np.asarray(values)
    if values.dtype.kind == "f":
        raise ValueError(f"{values[0]!r} is a decimal number where a name is needed")
    return np.array(
        [(v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v)).strip() for v in values]
    )


def wanted_basins(basins, found: Iterable[str], where) -> list[str]:
    """The gauges asked for: None (all), a list, or a text file with one a line.

    A name may leave out zeros on the left. ValueError naming those that are not in `found`.
    """
    found = list(found)
    if basins is None:
        return found
    if isinstance(basins, (str, Path)):
        lines = (line.split("#")[0].strip() for line in Path(basins).read_text().splitlines())
        basins = [line for line in lines if line]
    bare: Mapping[str, str] = {name.lstrip("0"): name for name in found}
    names = [str(b) if str(b) in found else bare.get(str(b).lstrip("0"), str(b)) for b in basins]
    lacking = [name for name in names if name not in set(found)]
    if lacking:
        raise ValueError(
            f"{where} has no basin {', '.join(lacking[:5])} ({len(lacking)} in all); "
            f"it has {', '.join(found[:5])}{' ...' if len(found) > 5 else ''}"
        )
    twice = pd.Index(names)[pd.Index(names).duplicated()]
    if len(twice) or not names:
        what = f"{twice[0]} is asked for twice" if len(twice) else "no basin is asked for"
        raise ValueError(f"{where}: {what}")
    return names


def days_between(times: pd.DatetimeIndex, period, where) -> slice:
    """The days of ("1990", "1992-06"), both ends included, or of None, all; ValueError if some
    are not among the daily `times`."""
    if period is None:
        return slice(0, len(times))
    try:
        first = pd.Period(str(period[0])).start_time
        last = pd.Period(str(period[1])).end_time.floor("D")
    except (ValueError, IndexError, TypeError):
        raise ValueError(
            f"a period is two dates, months or years such as ('1990', '1992-06'), not {period!r}"
        ) from None
    if not times[0] <= first <= last <= times[-1]:
        raise ValueError(
            f"{where} has the days {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}, not all of the "
            f"period {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
    return slice((first - times[0]).days, (last - times[0]).days + 1)


def common_days(days: Mapping[str, pd.DatetimeIndex], period, where) -> pd.DatetimeIndex:
    """The days of the period, which every basin must have, or without one those that all have.

    `days` are daily, by gauge; `where` names the file of each.
    """
    if period is not None:
        for gauge, own in days.items():
            chosen = own[days_between(own, period, where[gauge])]
        return chosen
    begins = max(days, key=lambda gauge: days[gauge][0])
    ends = min(days, key=lambda gauge: days[gauge][-1])
    first, last = days[begins][0], days[ends][-1]
    if first > last:
        raise ValueError(
            f"the basins have no day in common: {where[begins]} begins on {first:%Y-%m-%d}, "
            f"{where[ends]} ends on {last:%Y-%m-%d}: choose basins="
        )
    return pd.date_range(first, last)
