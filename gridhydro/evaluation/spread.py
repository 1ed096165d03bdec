"""Scores of an ensemble against what is observed: how near its members are, and how far apart.

Members (M, T) and observations (T,) have one unit. Days without an observation (NaN) count nowhere;
a NaN member on an observed day makes the scores NaN.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

LEVEL = 0.9  # of the central interval whose coverage and width are told
SPREAD = ("crps", "coverage_90", "width_90")
IN_UNIT = ("crps", "width_90")  # of them those in the unit of the series


def crps(members, observed) -> float:
    """Continuous ranked probability score, unit of the series: the mean distance of a member from
    the observation less half the mean distance of two members (Gneiting & Raftery 2007,
    doi:10.1198/016214506000001437, eq. 21). Of one member it is the mean absolute error.
    """
    x, o = _pairs(members, observed)
    if not o.size:
        return np.nan
    count = len(x)
    apart = np.sort(x, axis=0)
    # the sum over pairs of |x_i - x_j| by ranks: each value counts as often as it is the larger
    # one of a pair, less as often as it is the smaller one
    rank = (2 * np.arange(1, count + 1) - count - 1)[:, None]
    half = (rank * apart).sum(0) / count**2
    return float((np.abs(x - o).mean(0) - half).mean())


def interval(members, observed, level: float = LEVEL) -> tuple[float, float]:
    """The central interval of the members: the fraction of the observations within it, `level`
    where the spread is right, less where the ensemble is too sure of itself; and its mean width on
    days with an observation, unit of the series."""
    x, o = _pairs(members, observed)
    tail = (1 - level) / 2
    low, high = np.quantile(x, [tail, 1 - tail], axis=0)
    if not o.size or np.isnan(low).any():
        return np.nan, np.nan
    return float(((o >= low) & (o <= high)).mean()), float((high - low).mean())


def table(members: np.ndarray, observed: pd.DataFrame) -> pd.DataFrame:
    """`SPREAD` of each gauge (column) of the observations, from members (M, T, G) in their order:
    gauge, crps and width_90 in their unit, coverage_90 as a fraction."""
    rows = []
    for k, gauge in enumerate(observed.columns):
        one = members[:, :, k], observed[gauge].to_numpy(float)
        values = (crps(*one), *interval(*one))
        rows.append({"gauge": gauge, **dict(zip(SPREAD, values, strict=True))})
    return pd.DataFrame(rows, columns=["gauge", *SPREAD])


def _pairs(members, observed) -> tuple[np.ndarray, np.ndarray]:
    x, o = np.asarray(members, float), np.asarray(observed, float)
    if x.ndim != 2 or x.shape[1:] != o.shape or not len(x):
        raise ValueError(f"members (M, T) and observations (T,), please: {x.shape} and {o.shape}")
    there = ~np.isnan(o)
    return x[:, there], o[there]
