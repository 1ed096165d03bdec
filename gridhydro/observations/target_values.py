"""Observations of a target as people hold them, brought to the cells of a domain."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar, refuse, steps
from gridhydro.base.axes import gauge_axis
from gridhydro.base.quantities import quantity
from gridhydro.domain.domain import Domain
from gridhydro.domain.reaches import AXIS
from gridhydro.inputs.series import on_cells

_APART = 5  # days: rates that are observed less often are hardly those of single days


def series_of(target, domain: Domain, unit: str) -> xr.DataArray:
    """The observations as an array with the dimension time; lumped: all gauges, in order.

    A table that does not say its units is in `unit`.
    ValueError for other dimensions, a gauge twice, or no gauge of the domain.
    """
    observed = target.observed
    if isinstance(observed, pd.DataFrame):
        if domain.grid is not None:
            raise ValueError(
                f"'{target.name}' is a table, but cells of a raster are found by their "
                "coordinates: give a DataArray (time, y, x)"
            )
        attrs = {"units": unit} | observed.attrs
        dims = ("time", *domain.cell_axes)
        observed = xr.DataArray(observed, dims=dims, name=target.name, attrs=attrs)
    if "time" not in observed.dims:
        raise ValueError(
            f"the observations of '{target.name}' are over {', '.join(map(str, observed.dims))}: "
            "they need the dimension 'time'"
        )
    observed = observed.rename(observed.name or target.name)
    if not domain.lumped:
        return observed
    known = list(domain.gauges.index)
    axis = gauge_axis(observed, known)
    spare = [d for d in observed.dims if d not in ("time", axis) and observed.sizes[d] == 1]
    if axis is None or len(observed.dims) - len(spare) != 2:
        raise ValueError(
            f"the observations of '{target.name}' are over {', '.join(map(str, observed.dims))}: "
            "basins are observed over time and gauge"
        )
    observed = observed.squeeze(spare, drop=True).transpose("time", axis)
    observed = observed.rename({axis: "gauge"})
    names = [str(name) for name in observed["gauge"].values]
    if len(set(names)) < len(names):
        raise ValueError(f"'{target.name}' has a gauge twice: {max(names, key=names.count)}")
    if not set(names) & set(known):
        raise ValueError(
            f"'{target.name}' is observed at {', '.join(names[:5])}, none of which is in the "
            f"domain: {', '.join(known[:5])}"
        )
    return observed.assign_coords(gauge=names).reindex(gauge=known)


def values_on(
    name: str,
    array: xr.DataArray,
    unit: str | None,
    domain: Domain,
    times: pd.DatetimeIndex,
    over: int = 1,
):
    """Observations (T, K) float32 on these days, in `unit` or, with None, in their own, NaN where
    missing, and the cells (K,) they are of: all of lumped basins, of rasters those observed. Of
    times that are parts of days that of a day stands at all of them.

    ValueError for two on a day, none on these days, an axis too many, text, codes for missing
    values and what is beyond the range of the quantity; a warning for observed rates that are days
    apart, as means or sums over several days are, unless they are known to be means `over` several.
    """
    count = steps.steps_a_day(times)
    times = times[::count]
    days = calendar.days(array["time"], f"the target '{name}'")
    place = times.get_indexer(days)
    inside = place >= 0
    if not inside.any():
        raise ValueError(
            f"the observations of '{name}' go from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}, the "
            f"forcing from {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}"
        )
    rows = on_cells(domain, array.isel(time=inside), unit, days[inside], f"'{name}'", gaps=True)
    rows = rows.astype(np.float32)
    if unit is not None:
        where = refuse.at(days[inside], lambda cell: f"in {domain.name_cell(cell)}")
        refuse.outside(f"'{name}'", rows, where, quantity(name, unit))
    observed = np.isfinite(rows)
    if not observed.any():
        raise ValueError(f"no cell of the domain has an observation of '{name}'")
    if over == 1 and (unit or array.attrs.get("units", "")).endswith("d-1"):
        warn_apart(name, days[inside][observed.any(1)], stacklevel=5)
    cells = np.arange(domain.size) if domain.lumped else np.flatnonzero(observed.any(0))
    values = np.full((len(times), len(cells)), np.nan, np.float32)
    values[place[inside]] = rows[:, cells]
    return np.repeat(values, count, axis=0) if count > 1 else values, cells


def warn_apart(name: str, days: pd.DatetimeIndex, stacklevel: int) -> None:
    """A warning for rates that are observed days apart, as means or sums over several days are."""
    steps = np.diff(np.sort(days.to_numpy().astype("datetime64[D]"))).astype(int)
    apart = np.median(steps) if steps.size else 1
    if apart >= _APART:
        warnings.warn(
            f"'{name}' is observed every {apart:g} days: each value is compared with the day that "
            "it is stamped with, not with a mean or a sum over the days between: means are scored "
            "with days=N and weight=0",
            stacklevel=stacklevel,
        )


def per_cell(target, key: str, domain: Domain, cells: np.ndarray) -> np.ndarray:
    """Scale or offset of these cells, (K,); what has names of gauges is found by them.

    ValueError for another shape, a gauge without a value, or a value that is not usable.
    """
    given = getattr(target, key)
    if domain.reaches is not None and isinstance(given, pd.Series):
        given = xr.DataArray(given.to_numpy(), {AXIS: given.index.to_numpy()}, AXIS)
    if not domain.lumped and isinstance(given, xr.DataArray):
        given = domain.pack(given, gaps=True)
    elif isinstance(given, pd.Series | xr.DataArray):
        by_gauge = given if isinstance(given, pd.Series) else given.to_series()
        by_gauge = by_gauge.set_axis(by_gauge.index.astype(str))
        missing = [name for name in domain.gauges.index if name not in by_gauge.index]
        if missing:
            raise ValueError(f"the {key} of '{target.name}' lacks the gauge {missing[0]}")
        given = by_gauge[list(domain.gauges.index)]
    what = f"the {key} of '{target.name}'"
    values = refuse.numbers(what, given, lambda *cell: f"in place {cell[-1]}" if cell else "")
    if values.shape not in ((), (domain.size,)):
        raise ValueError(
            f"{what} has the shape {values.shape}: give one number, or one "
            f"for each of the {domain.size} cells"
        )
    values = np.broadcast_to(values, domain.size)[cells]
    wrong = np.flatnonzero(~np.isfinite(values) | ((values == 0) if key == "scale" else False))
    if wrong.size:
        where = domain.name_cell(int(cells[wrong[0]]))
        raise ValueError(f"{what} is {values[wrong[0]]:g} in {where}")
    return values
