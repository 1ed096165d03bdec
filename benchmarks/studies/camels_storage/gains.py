"""What a weight of storage in the loss brings, and what it costs."""

from __future__ import annotations

import pandas as pd

NAMES = {0.0: "discharge alone", 0.5: "both, 0.5", 1.0: "storage alone"}  # others: "both, weight"
SNOW = 0.3  # of the precipitation


def label(weight: float) -> str:
    return NAMES.get(weight, f"both, {weight:g}")


def gains(jobs, weight: float, seed: int, period: str = "test") -> pd.DataFrame:
    """What each basin gains in NSE of discharge and of storage (centred) by this weight."""
    job, base = jobs[weight, seed], jobs[0.0, seed]
    parts = {"discharge": ("discharge", "nse"), "storage": ("storage", "centred")}
    differences = {
        name: job[kind].loc[period, metric] - base[kind].loc[period, metric]
        for name, (kind, metric) in parts.items()
    }
    return pd.DataFrame(differences).dropna()
