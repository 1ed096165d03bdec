"""The daily series that a history is made of: found, brought to days and cells, averaged."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base import calendar, refuse
from gridhydro.base.quantities import SERIES, quantity
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.series import in_unit, on_cells

CELL = "cell"  # the dimension of what is of the domain's cells already


def by_name(domain: Domain, series) -> dict[str, xr.DataArray]:
    """Every series with a value for each cell, by name.

    ValueError for a name given twice and for anything but a Dataset.
    """
    found: dict[str, xr.DataArray] = {}
    for one in [series] if isinstance(series, xr.Dataset | Forcing) else series:
        if isinstance(one, Forcing):
            one = one.by_field()
        elif not isinstance(one, xr.Dataset):
            raise ValueError(
                f"a history is made of xarray Datasets, not of a {type(one).__name__}: of a "
                "DataArray make one with .to_dataset(name=...)"
            )
        maps = one if CELL in one.dims else domain.maps(one)
        daily = {str(name): maps[name] for name in maps if "time" in maps[name].dims}
        if daily:
            days = calendar.days_of_each(one["time"], f"the history of {', '.join(daily)}", one)
            daily = {name: array.assign_coords(time=days) for name, array in daily.items()}
        twice = sorted(set(daily) & set(found))
        if twice:
            raise ValueError(f"the series '{twice[0]}' of the history is given twice: rename one")
        found |= daily
    return found


def unit_of(array: xr.DataArray) -> str:
    """The unit in which a series is kept: ours where it is known, else its own.

    ValueError without units.
    """
    if array.name in SERIES:
        return SERIES[array.name].unit
    unit = str(array.attrs.get("units", "")).strip()
    if not unit:
        raise ValueError(
            f"the series '{array.name}' of the history has no units: set "
            f"dataset['{array.name}'].attrs['units'], '1' for a fraction"
        )
    return unit


def daily(domain: Domain, array: xr.DataArray, unit: str, days) -> np.ndarray:
    """A series (D, N) on the days of the history, NaN where it has none.

    ValueError if it has none of these days.
    """
    name, series = array.name, f"the series '{array.name}'"
    times = calendar.dates(array["time"], series)
    place = days.get_indexer(times)
    inside = np.flatnonzero(place >= 0)
    if not inside.size:
        span = f"{times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}" if len(times) else "none"
        raise ValueError(
            f"{series} (days: {span}) has no day of the history, which goes from "
            f"{days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}"
        )
    calendar.once(times[inside], series)
    part = array.isel(time=inside)
    if CELL in part.dims:  # of a forcing, whose values have been looked at
        given = in_unit(part.transpose("time", CELL).values, part, unit)
    else:
        given = on_cells(domain, part, unit, times[inside], str(name))
        where = refuse.at(times[inside], lambda cell: f"in {domain.name_cell(cell)}")
        refuse.outside(str(name), given, where, quantity(str(name), unit))
    values = np.full((len(days), domain.size), np.nan, dtype=np.float32)
    values[place[inside]] = given
    return values


def means_of(values: np.ndarray, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Means (P, N) of `every` days of a series (D, N), and the fraction that was observed."""
    values = values[len(values) % every :]  # what counts is the end
    values = values.reshape(-1, every, values.shape[1])
    there = np.isfinite(values)
    count = there.sum(axis=1)
    total = np.where(there, values, 0).sum(axis=1, dtype=np.float64)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means.astype(np.float32), (count / every).astype(np.float32)
