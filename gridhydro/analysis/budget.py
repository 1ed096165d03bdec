"""The water budget of gauged regions: precipitation, discharge, evapotranspiration, storage.

    P - Q - ET - dS = residual

of a simulation, where the residual is rounding, and of observations beside it, where ET is what
P - Q - dS leaves (Wang et al. 2024, doi:10.1029/2023WR036170, section 3.2).
A column that exports water under the ground, or imports it, has a term for it, and so have rivers
that water is taken from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.analysis.regions import Regions
from gridhydro.base.periods import as_texts as period_of
from gridhydro.base.progress import progress_bar
from gridhydro.base.steps import steps_a_day
from gridhydro.columns.column import Column
from gridhydro.model.blocks import blocks
from gridhydro.model.river import SECONDS
from gridhydro.model.river_extras import WITHDRAWN
from gridhydro.model.run import Run

YEAR = 365.2425  # days
TERMS = {
    "precipitation": "precipitation",
    "discharge": "discharge at the gauge, less that of the gauges which flow in",
    "evapotranspiration": "actual evapotranspiration",
    "storage_change": "change of all water stored, rivers included",
    "export": "water lost to beyond the region by no river, below zero what is gained",
    "withdrawal": "water taken out of rivers, less what was put into them",
    "residual": "precipitation - discharge - evapotranspiration - export - withdrawal - storage "
    "change",
}
_EDGES = ("storage_start", "storage_end")
OBSERVED = "observed_"


def water_budget(
    run: Run,
    period: tuple[str, str],
    gauges: Sequence[str] | None = None,
    *,
    between: bool = False,
    forcing=None,
    progress: bool = True,
) -> xr.Dataset:
    """The budget of the regions of these gauges by month, (time, gauge) in mm over their land area.

    period   first and last day, month or year, all within the forcing
    gauges   names; all gauges of the domain if left out
    between  of the cells between a gauge and the next ones upstream, not all upstream
    forcing  as for `Run.simulate`, which gives the same days

    Variables precipitation, discharge, evapotranspiration, storage_change and residual, storage at
    start and end of each month, of a column that exports water `export`, and of rivers that it is
    taken from `withdrawal`; coordinates time (the first day), time_end (the first day after), days,
    and area in km2. `total` makes years of
    months, `table` a table, `per_year` mm yr-1. ValueError for a column without water balance, and
    for a period beyond the forcing.
    """
    column, regions = run.model.column, Regions.of(run.model.domain, gauges, between)
    rain, losses = _balance(column)
    record = run.record(forcing)
    parts, starts, days = _months(record.times, record.between(*period_of(period)))
    shape, day = (len(parts), len(regions.names)), run.model.dt  # of a step, whose rates are mm d-1
    exports = [name for name in losses if name == column.export]
    taken = [name for name in run.model.of_river if name == WITHDRAWN.name]
    own = [*list(TERMS)[:3], *_EDGES, *["export"] * len(exports), *["withdrawal"] * len(taken)]
    found = {name: np.zeros(shape) for name in own}
    area = run.model.domain.area
    walk = blocks(run, record, parts, [*losses, *taken])
    total = len(parts) if not run.model.domain.lumped else None
    for part in progress_bar(walk, desc="water budget", unit="month", total=total, shown=progress):
        fallen = part.forcing[rain].double().sum((0, 1)).cpu().numpy() * day
        depths = {"precipitation": fallen, "evapotranspiration": 0.0}
        for name in losses:
            term = "export" if name in exports else "evapotranspiration"
            lost = part.simulation.outputs[name].double().sum(0).cpu().numpy() * day
            depths[term] = depths.get(term, 0.0) + lost
        volumes = {
            **{term: depth * area[part.cells] / 1000 for term, depth in depths.items()},
            "storage_start": part.before,
            "storage_end": part.after,
        }
        for name in taken:  # of what was asked for, the last series, what is below 0 was put in
            rate = part.simulation.outputs[name] + torch.clamp(part.forcing[-1], max=0)
            volumes["withdrawal"] = rate.double().sum(0).cpu().numpy() * SECONDS * day
        for name, volume in volumes.items():
            found[name][part.index] += regions.depth(volume, part.cells)
        flow = part.simulation.discharge.double().sum(0).cpu().numpy() * SECONDS * day
        at = part.cells if run.model.domain.lumped else slice(None)
        found["discharge"][part.index] += regions.outflow(flow, at)
    return _dataset(found, regions, starts, days)


def _balance(column: Column) -> tuple[list[int], list[str]]:
    """Rows of the forcings that bring water, names of the fluxes that take it but by the river."""
    names = [field.name for field in column.forcings]
    losses = [name for name in column.water_out if name != column.runoff]
    if not column.states or not losses:
        raise ValueError(f"'{column.name}' stores and evaporates no water: it has no budget")
    return [names.index(name) for name in column.water_in], losses


def _months(times: pd.DatetimeIndex, days: slice):
    """The calendar months in these days: slices of the days, first days and lengths."""
    month = times[days].to_period("M")
    first = np.flatnonzero(np.append(True, month[1:] != month[:-1])) + days.start
    ends = np.append(first[1:], days.stop)
    parts = [slice(int(a), int(b)) for a, b in zip(first, ends, strict=True)]
    return parts, times[first], (ends - first) // steps_a_day(times)


def _dataset(found, regions: Regions, starts, days) -> xr.Dataset:
    ends = starts + pd.to_timedelta(days, "D")
    coords = {
        "time": ("time", starts, {"long_name": "first day"}),
        "time_end": ("time", ends, {"long_name": "first day after"}),
        "days": ("time", days),
        "gauge": ("gauge", regions.names),
        "area": ("gauge", regions.area / 1e6, {"units": "km2", "long_name": "land area"}),
    }
    attrs = {"title": "water budget", "between": int(regions.between)}
    return derived(xr.Dataset({n: (("time", "gauge"), v) for n, v in found.items()}, coords, attrs))


def derived(budget: xr.Dataset) -> xr.Dataset:
    """A budget with the terms that follow from the others, and attributes for all."""
    budget = budget.copy()
    for prefix in ("", OBSERVED):
        if f"{prefix}storage_end" in budget:
            change = budget[f"{prefix}storage_end"] - budget[f"{prefix}storage_start"]
            budget[f"{prefix}storage_change"] = change
    left = budget["precipitation"] - budget["discharge"] - budget["storage_change"]
    left = left - budget["evapotranspiration"]
    for term in ("export", "withdrawal"):
        left = left - budget[term] if term in budget else left
    budget["residual"] = left
    names = [f"{OBSERVED}{term}" for term in ("discharge", "storage_change")]
    if all(name in budget for name in names):
        left = budget["precipitation"] - budget[names[0]] - budget[names[1]]
        budget[f"{OBSERVED}evapotranspiration"] = left
    for name in map(str, budget.data_vars):
        bare = name.removeprefix(OBSERVED)
        long_name = TERMS.get(bare, f"{bare.replace('_', ' ')} of the period")
        meaning = long_name if bare == name else f"{long_name}, from observations"
        budget[name].attrs = {"units": "mm", "long_name": meaning}
    return budget


def total(budget: xr.Dataset, frequency: str | None = None) -> xr.Dataset:
    """The same budget over longer periods: "YS" (years), "YS-OCT" (years from October on), ...

    Any frequency of pandas, or None for all months in one. A year that the budget does not have
    whole is made of the months there are: `days` tells. An observed term is NaN where a month is.
    """
    months = pd.Series(np.arange(budget.sizes["time"]), budget.indexes["time"])
    groups = (
        [months]
        if frequency is None
        else [g for _, g in months.groupby(pd.Grouper(freq=frequency))]
    )
    groups = [group.to_numpy() for group in groups if len(group)]
    firsts, lasts = ([group[end] for group in groups] for end in (0, -1))
    found = budget.isel(time=firsts).drop_vars(["time_end", "days"])
    for name in map(str, budget.data_vars):
        if name.endswith("_end"):
            found[name] = (budget[name].dims, budget[name].values[lasts])
        elif not name.endswith("_start"):
            sums = [budget[name].values[group].sum(0) for group in groups]
            found[name] = (budget[name].dims, np.stack(sums))
    found = found.assign_coords(
        time_end=("time", budget["time_end"].values[lasts], budget["time_end"].attrs),
        days=("time", [int(budget["days"].values[group].sum()) for group in groups]),
    )
    return derived(found)


def per_year(budget: xr.Dataset) -> xr.Dataset:
    """The terms as rates in mm yr-1."""
    rates = budget.drop_vars([n for n in budget if str(n).endswith(("_start", "_end"))])
    for name in rates.data_vars:
        attrs = rates[name].attrs | {"units": "mm yr-1"}
        rates[name] = (rates[name] * (YEAR / rates["days"])).assign_attrs(attrs)
    return rates


def table(budget: xr.Dataset) -> pd.DataFrame:
    """A row for each gauge and period: gauge, start, end (the last day), days, every term in both
    units."""
    depths, rates = budget[list(per_year(budget))], per_year(budget)
    found = {
        "start": budget["time"].dt.strftime("%Y-%m-%d").values,
        "end": pd.DatetimeIndex(budget["time_end"].values - np.timedelta64(1, "D")).strftime(
            "%Y-%m-%d"
        ),
        "days": budget["days"].values,
    }
    rows = []
    for gauge in budget["gauge"].values:
        columns = {"gauge": gauge} | found
        for values in (depths, rates):
            one = values.sel(gauge=gauge)
            columns |= {f"{name} [{one[name].units}]": one[name].values for name in one.data_vars}
        rows.append(pd.DataFrame(columns))
    return pd.concat(rows, ignore_index=True)
