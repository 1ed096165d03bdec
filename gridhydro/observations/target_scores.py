"""Scores of a simulation against a target, of each cell that is observed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from gridhydro.domain.domain import Domain
from gridhydro.evaluation import metrics
from gridhydro.observations.target_series import TargetSeries

SCORES = {
    "bias": lambda s, o: float(np.nanmean(s - o)),
    "correlation": metrics.correlation,
    "ubrmse": metrics.ubrmse,
    "rmse": metrics.rmse,
    "nse": metrics.nse,
    "kge": metrics.kge,
}


def scores(
    target: TargetSeries, simulated: np.ndarray, domain: Domain, days: slice, period: str
) -> pd.DataFrame:
    """Table of `SCORES` (bias, ubrmse and rmse in the unit of the observations), a row a cell with
    observations in these days.

    simulated  (T, K) of the column, on the cells and days of the target
    """
    observed = target.values[days].cpu().numpy().astype(np.float64)
    modelled = target.of(torch.as_tensor(simulated[days]).to(target.scale)).cpu().numpy()
    lon, lat = domain.lonlat
    rows = []
    for k, cell in enumerate(target.cells.tolist()):
        o, s = observed[:, k], modelled[:, k].astype(np.float64)
        if np.isnan(o).all():
            continue
        site = domain.gauges.index[cell] if domain.lumped else domain.name_cell(cell)
        row = {"site": site, "period": period, "target": target.name, "unit": target.unit}
        row |= {"lon": float(lon[cell]), "lat": float(lat[cell])}
        rows.append(
            row | {n: f(s, o) for n, f in SCORES.items()} | {"days": int((~np.isnan(o)).sum())}
        )
    if not rows:
        raise ValueError(f"'{target.name}' is not observed from {period}: choose another period")
    return pd.DataFrame(rows)
