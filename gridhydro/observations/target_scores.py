"""Scores of a simulation against a target, of each cell that is observed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from gridhydro.domain.domain import Domain
from gridhydro.evaluation import metrics
from gridhydro.observations.target_series import TargetSeries

SCORES = ("bias", "percent_bias", "correlation", "ubrmse", "rmse", "nse", "kge")


def scores(
    target: TargetSeries, simulated: np.ndarray, domain: Domain, days: slice, period: str
) -> pd.DataFrame:
    """Table of `SCORES` (bias, ubrmse and rmse in the unit of the observations), a row for each
    cell with observations in these days, named in the column `cell`, or `gauge` of lumped basins.

    simulated  (T, K) of the column, on the cells and days of the target
    residual_cv is the standard deviation of the errors over the observed mean, as in Feng et al.
    (2024, doi:10.5194/gmd-17-7181-2024); days counts observations, of which each may be a mean over
    several days.
    ValueError if nothing is observed in the period.
    """
    observed, simulated = composites(target, np.asarray(simulated, np.float64))
    observed, simulated = observed[days], simulated[days]
    modelled = target.of(torch.as_tensor(simulated).to(target.scale)).cpu().numpy()
    lon, lat = domain.lonlat
    rows = []
    for k, cell in enumerate(target.cells.tolist()):
        o, s = observed[:, k], modelled[:, k].astype(np.float64)
        if np.isnan(o).all():
            continue
        name = domain.gauges.index[cell] if domain.lumped else domain.name_cell(cell)
        row = {"gauge" if domain.lumped else "cell": name}
        row |= {"period": period, "target": target.name, "unit": target.unit}
        row |= {"lon": float(lon[cell]), "lat": float(lat[cell])}
        row |= {name: metrics.METRICS[name](s, o) for name in SCORES}
        row["residual_cv"] = metrics.residual_cv(s, o)
        rows.append(row | {"days": int((~np.isnan(o)).sum())})
    if not rows:
        raise ValueError(f"'{target.name}' is not observed from {period}: choose another period")
    return pd.DataFrame(rows)


def composites(target: TargetSeries, simulated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Observations (T, K), NaN where there are none, and what is compared with each: the simulation
    of its day or, of means over several days, the mean over these, on the first of them.

    A mean that would end behind the record is left out.
    """
    observed = target.values.cpu().numpy().astype(np.float64)
    length = target.target.days
    if length == 1:
        return observed, simulated
    begin = np.flatnonzero(np.isfinite(observed).any(1))
    end = np.minimum(begin + length, np.append(begin[1:], len(observed) + length))
    kept = end <= len(observed)
    total = np.concatenate([np.zeros((1, simulated.shape[1])), np.cumsum(simulated, 0)])
    means = np.full(simulated.shape, np.nan)
    begin, end = begin[kept], end[kept]
    means[begin] = (total[end] - total[begin]) / (end - begin)[:, None]
    return np.where(np.isfinite(means), observed, np.nan), means
