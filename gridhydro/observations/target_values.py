"""Observations of a target as people hold them, brought to the cells of a domain."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import MISSING
from gridhydro.domain.domain import Domain

_APART = 5  # days: rates that are observed less often are hardly those of single days


def series_of(target, domain: Domain, unit: str) -> xr.DataArray:
    """The observations as an array with the dimension time; lumped: all gauges, in order.

    A table that does not say its units is in `unit`.
    """
    observed = target.observed
    if isinstance(observed, pd.DataFrame):
        if not domain.lumped:
            raise ValueError(
                f"'{target.name}' is a table, but cells of a raster are found by their "
                "coordinates: give a DataArray (time, y, x)"
            )
        attrs = {"units": unit} | observed.attrs
        observed = xr.DataArray(observed, dims=("time", "gauge"), name=target.name, attrs=attrs)
    if "time" not in observed.dims:
        raise ValueError(
            f"the observations of '{target.name}' are over {', '.join(map(str, observed.dims))}: "
            "they need the dimension 'time'"
        )
    if not isinstance(observed.indexes.get("time"), pd.DatetimeIndex):
        raise ValueError(f"the times of '{target.name}' are no dates: decode them first")
    observed = observed.rename(observed.name or target.name)
    if not domain.lumped:
        return observed
    other = [dim for dim in observed.dims if dim != "time"]
    if len(other) != 1:
        raise ValueError(
            f"the observations of '{target.name}' are over {', '.join(map(str, observed.dims))}: "
            "sites are seen over time and gauge"
        )
    observed = observed.transpose("time", *other).rename({other[0]: "gauge"})
    names = [str(name) for name in observed["gauge"].values]
    if len(set(names)) < len(names):
        raise ValueError(f"'{target.name}' has a site twice: {max(names, key=names.count)}")
    known = list(domain.gauges.index)
    if not set(names) & set(known):
        raise ValueError(
            f"'{target.name}' is observed at {', '.join(names[:5])}, none of which is in the "
            f"domain: {', '.join(known[:5])}"
        )
    return observed.assign_coords(gauge=names).reindex(gauge=known)


def values_on(name: str, array: xr.DataArray, domain: Domain, times: pd.DatetimeIndex):
    """Observations (T, K) float32 on these days, NaN where missing, and the cells (K,) they are of:
    all of lumped basins, of rasters those that are observed.

    ValueError for two on a day, none on these days, codes for missing values and infinite ones; a
    warning for observed rates that are days apart, as means or sums over several days are.
    """
    days = array.indexes["time"]
    if days.tz is not None:
        raise ValueError(f"the times of '{name}' are in the zone {days.tz}: take it off, UTC say")
    days = days.floor("D")
    twice = days[days.duplicated()]
    if len(twice):
        raise ValueError(
            f"'{name}' is observed twice on {twice[0]:%Y-%m-%d}: average to one a day, "
            "for example with .resample(time='D').mean()"
        )
    place = times.get_indexer(days)
    inside = place >= 0
    if not inside.any():
        raise ValueError(
            f"the observations of '{name}' go from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}, the "
            f"forcing from {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}"
        )
    rows = domain.pack(array.isel(time=inside), gaps=True).astype(np.float32)
    wrong = np.argwhere(np.isinf(rows) | np.isin(rows, MISSING))
    if len(wrong):
        day, cell = wrong[0]
        raise ValueError(
            f"'{name}' is {rows[day, cell]:g} in {domain.name_cell(int(cell))} on "
            f"{days[inside][day]:%Y-%m-%d}, as are {len(wrong)} of {rows.size} values: set what is "
            "missing to NaN"
        )
    seen = np.isfinite(rows)
    if not seen.any():
        raise ValueError(f"no cell of the domain has an observation of '{name}'")
    apart = np.median(np.diff(np.sort(place[inside][seen.any(1)]))) if seen.any(1).sum() > 1 else 1
    if apart >= _APART and array.attrs.get("units", "").endswith("d-1"):
        warnings.warn(
            f"'{name}' is observed every {apart:g} days: each value is compared with the day that "
            "it is stamped with, not with a mean or a sum over the days between",
            stacklevel=4,
        )
    cells = np.arange(domain.size) if domain.lumped else np.flatnonzero(seen.any(0))
    values = np.full((len(times), len(cells)), np.nan, np.float32)
    values[place[inside]] = rows[:, cells]
    return values, cells


def per_cell(target, key: str, domain: Domain, cells: np.ndarray) -> np.ndarray:
    """Scale or offset of these cells, (K,); what has names of sites is found by them."""
    given = getattr(target, key)
    if not domain.lumped and isinstance(given, xr.DataArray):
        given = domain.pack(given, gaps=True)
    elif isinstance(given, pd.Series | xr.DataArray):
        by_site = given if isinstance(given, pd.Series) else given.to_series()
        by_site.index = by_site.index.astype(str)
        missing = [name for name in domain.gauges.index if name not in by_site.index]
        if missing:
            raise ValueError(f"the {key} of '{target.name}' lacks the site {missing[0]}")
        given = by_site[list(domain.gauges.index)]
    values = np.asarray(given, np.float64)
    if values.shape not in ((), (domain.size,)):
        raise ValueError(
            f"the {key} of '{target.name}' has the shape {values.shape}: give one number, or one "
            f"for each of the {domain.size} cells"
        )
    values = np.broadcast_to(values, domain.size)[cells]
    wrong = np.flatnonzero(~np.isfinite(values) | ((values == 0) if key == "scale" else False))
    if wrong.size:
        where = domain.name_cell(int(cells[wrong[0]]))
        raise ValueError(f"the {key} of '{target.name}' is {values[wrong[0]]:g} in {where}")
    return values
