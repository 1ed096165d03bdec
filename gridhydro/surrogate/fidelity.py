"""Fidelity of an emulator: scores over runs that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.columns.column import Field
from gridhydro.evaluation import metrics
from gridhydro.surrogate.runs import Runs

SCORES = ("correlation", "nse", "rmse", "bias", "percent_bias")


def table(outputs: Sequence[Field], runs: Runs, found: xr.Dataset, warmup: int) -> pd.DataFrame:
    """One row an output: output, unit, runs, the medians of SCORES, and nse_90, the NSE that 90 %
    of the runs reach. Runs in which an output does not vary have no NSE and no correlation."""
    if warmup >= len(runs.times):
        raise ValueError(
            f"the runs have {len(runs.times)} days, of which {warmup} only warm the surrogate up: "
            "nothing is left to score"
        )
    rows = []
    for field in outputs:
        observed = runs.series(field)[warmup:].astype(float)
        simulated = found[field.name].values[warmup:].astype(float)
        there = np.flatnonzero(np.isfinite(observed).any(0))
        scores = {
            name: np.array([metrics.METRICS[name](simulated[:, k], observed[:, k]) for k in there])
            for name in SCORES
        }
        medians = {name: _of(np.nanmedian, values) for name, values in scores.items()}
        worst = _of(lambda v: np.nanquantile(v, 0.1), scores["nse"])
        rows.append(
            {"output": field.name, "unit": field.unit, "runs": len(there), **medians,
             "nse_90": worst}
        )  # fmt: skip
    return pd.DataFrame(rows)


def _of(statistic, values: np.ndarray) -> float:
    return float(statistic(values)) if np.isfinite(values).any() else np.nan
