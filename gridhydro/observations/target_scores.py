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
    ValueError if nothing is observed in the period.
    """
    observed = target.values[days].cpu().numpy().astype(np.float64)
    modelled = target.of(torch.as_tensor(simulated[days]).to(target.scale)).cpu().numpy()
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
        rows.append(row | {"days": int((~np.isnan(o)).sum())})
    if not rows:
        raise ValueError(f"'{target.name}' is not observed from {period}: choose another period")
    return pd.DataFrame(rows)
