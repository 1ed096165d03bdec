"""Evapotranspiration against the water balance of observations: ET = P - Q - dS.

P is what the model was given, Q the gauges' discharge, dS the change of GRACE's storage anomaly
over the region, as Wang et al. (2024, doi:10.1029/2023WR036170, section 3.2) take them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.analysis.budget import OBSERVED, derived, per_year
from gridhydro.analysis.regions import Regions
from gridhydro.base.arguments import fraction
from gridhydro.domain.domain import Domain
from gridhydro.evaluation import metrics
from gridhydro.model.river import SECONDS
from gridhydro.observations.discharge import discharge_table
from gridhydro.observations.storage import StorageObservations

# between the middles of two solutions: one that is missing is passed over, two are not
LONGEST_GAP = np.timedelta64(70, "D")
COMPARED = ("discharge", "evapotranspiration", "storage_change")


@dataclass(frozen=True, eq=False)
class Observed:
    """Observations of the terms of a water budget; either may be left out.

    discharge  days by gauges, as for `train`
    storage    a Dataset with `twsa` as `io.read_grace` gives it
    minimum    fraction of a month's days that have to be observed for the month's discharge
    """

    discharge: object = None
    storage: xr.Dataset | None = None
    minimum: float = 0.9

    def __post_init__(self):
        object.__setattr__(self, "minimum", fraction("minimum", self.minimum))
        if self.discharge is None and self.storage is None:
            raise ValueError("neither discharge nor storage is given: nothing is observed")


def with_observed(budget: xr.Dataset, domain: Domain, observed: Observed) -> xr.Dataset:
    """A budget by month with the observed terms beside: observed_discharge and so on, mm.

    Discharge is the mean of the days there are, NaN in months with too few. Anomalies of storage
    are taken as those in the middle of each solution, with straight lines to the ends of months,
    NaN where solutions are more than 70 days apart. With both there is
    observed_evapotranspiration = P - Q - dS too.
    """
    if "storage_start" not in budget:
        raise ValueError("observations go beside a budget in mm, as `water_budget` gives it")
    gauges = [str(gauge) for gauge in budget["gauge"].values]
    regions = Regions.of(domain, gauges, bool(budget.attrs["between"]))
    budget = budget.copy()
    dims = ("time", "gauge")
    if observed.discharge is not None:
        table = discharge_table(observed.discharge, domain)
        volumes = _volumes(table, domain, budget, observed.minimum)
        flows = np.stack([_outflow(regions, volume) for volume in volumes])
        budget[f"{OBSERVED}discharge"] = (dims, flows)
    if observed.storage is not None:
        # the baseline does not matter: changes are asked for
        solutions = StorageObservations.on(regions.tiles(domain), domain, observed.storage)
        edges = (budget["time"].values, budget["time_end"].values)
        for name, days in zip(("storage_start", "storage_end"), edges, strict=True):
            budget[OBSERVED + name] = (dims, _between_solutions(solutions, days))
    return derived(budget)


def _volumes(table: pd.DataFrame, domain: Domain, budget: xr.Dataset, minimum: float) -> np.ndarray:
    """Volume (R, G) m3 that passed each gauge in each period."""
    table = table.reindex(columns=[str(name) for name in domain.gauges.index])
    found = np.full((budget.sizes["time"], table.shape[1]), np.nan)
    for row, (start, days) in enumerate(
        zip(budget.indexes["time"], budget["days"].values, strict=True)
    ):
        part = table.loc[start : start + pd.Timedelta(int(days) - 1, "D")].to_numpy(float)
        there = np.isfinite(part).sum(0)
        mean = np.nansum(part, axis=0) / np.maximum(there, 1)
        found[row] = np.where(there >= max(minimum * days, 1), mean * days * SECONDS, np.nan)
    return found


def _outflow(regions: Regions, volume: np.ndarray) -> np.ndarray:
    known = np.isfinite(volume)
    # a gauge without observation only matters to the regions that it bounds
    lacking = abs(regions.gauges) @ (~known).astype(float) > 0
    return np.where(lacking, np.nan, regions.outflow(np.where(known, volume, 0)))


def _between_solutions(solutions: StorageObservations, days: np.ndarray) -> np.ndarray:
    """Anomalies (R, K) mm at the start of these days (R,)."""
    length = (solutions.end - solutions.start).astype("timedelta64[h]")
    middle = solutions.start.astype("datetime64[h]") + length / 2
    order = np.argsort(middle, kind="stable")
    found = np.full((len(days), solutions.tiles.size), np.nan)
    wanted = days.astype("datetime64[h]")
    for column in range(solutions.tiles.size):
        values = solutions.values[order, column]
        known = np.isfinite(values)
        at, values = middle[order][known], values[known]
        after = np.searchsorted(at, wanted)
        inside = (after > 0) & (after < at.size)
        right = np.clip(after, 1, max(at.size - 1, 1))
        if at.size < 2:
            continue
        gap = at[right] - at[right - 1]
        part = (wanted - at[right - 1]) / np.maximum(gap, np.timedelta64(1, "h"))
        line = values[right - 1] + part * (values[right] - values[right - 1])
        found[:, column] = np.where(inside & (gap <= LONGEST_GAP), line, np.nan)
    return found


def against_observed(budget: xr.Dataset) -> pd.DataFrame:
    """Scores of discharge, ET and storage change, a row for each gauge and term.

    Over the periods of the budget (months, or years as `total` makes them) that are observed:
    simulated and observed mean, bias (simulated minus observed) and rmse in mm yr-1, as the column
    `unit` says, correlation, and the number of periods.
    ValueError where nothing is observed.
    """
    terms = [term for term in COMPARED if OBSERVED + term in budget]
    if not terms:
        raise ValueError("the budget has nothing observed: see `with_observed`")
    rates, rows = per_year(budget), []
    for gauge in budget["gauge"].values:
        for term in terms:
            one = rates.sel(gauge=gauge)
            s, o = one[term].values, one[OBSERVED + term].values
            known = np.isfinite(o)
            s, o, days = s[known], o[known], budget["days"].values[known]
            means = [float((v * days).sum() / days.sum()) if o.size else np.nan for v in (s, o)]
            scores = metrics.rmse(s, o), metrics.correlation(s, o)
            rows.append((gauge, term, "mm yr-1", *means, means[0] - means[1], *scores, o.size))
    columns = ["gauge", "term", "unit", "simulated", "observed", "bias", "rmse", "correlation"]
    return pd.DataFrame(rows, columns=[*columns, "periods"])
