"""Scores of the finished jobs of `soil-moisture`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import jobs
from benchmarks.studies.soil_moisture.fit import METHODS
from benchmarks.studies.soil_moisture.world import DENSITIES, EASTWARD, NORTHWARD

JOB = ["method", "density", "seed"]
CURVE = ["epoch", "seconds", "median", "mean", "loss", *JOB]
FUNCTIONAL = 0.055  # of the RMSE, median over the cells: a model that is good enough


@dataclass(frozen=True)
class Found:
    """scores of every cell and job; curves of the error; jobs, what is told of each."""

    scores: pd.DataFrame
    curves: pd.DataFrame
    jobs: pd.DataFrame


def collect(runs: Path, shape: tuple[int, int]) -> Found:
    """What the finished jobs below a folder kept; `shape` of the world, rows and columns."""
    scores, curves, about = [], [], []
    for folder in jobs.finished(runs, "*/*/seed-*"):
        method, density, seed = folder.parts[-3:]
        name = dict(method=method, density=density, seed=int(seed[5:]))
        scores.append(pd.read_csv(folder / "scores.csv").assign(**name))
        if method != "default":
            curves.append(pd.read_csv(folder / "curve.csv").assign(**name))
        about.append(name | jobs.about(folder))
    if not scores:
        raise SystemExit(f"there is no finished job under {runs}")
    table = pd.concat(scores, ignore_index=True)
    table["row"], table["col"] = np.divmod(table["cell"], shape[1])
    # neighbours of a density's own cells, not only of those of the densest
    step = table["density"].map(DENSITIES)
    trained = table["where"].eq("trained")
    at = table[trained].drop_duplicates(["density", "cell"]).groupby("density")
    phase = {d: (t["row"].iloc[0] - NORTHWARD, t["col"].iloc[0] + EASTWARD) for d, t in at}
    down, across = (table["density"].map({d: p[k] for d, p in phase.items()}) for k in (0, 1))
    own = ((table["row"] - down) % step == 0) & ((table["col"] - across) % step == 0)
    table["own"] = ~trained & own
    order = dict(method=METHODS, density=tuple(DENSITIES))
    for key, values in order.items():
        table[key] = pd.Categorical(table[key], values, ordered=True)
    # where nothing but the defaults has run there are no curves
    curves = pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=CURVE)
    return Found(table, curves, pd.DataFrame(about))


def per_job(scores: pd.DataFrame) -> pd.DataFrame:
    """Of each job: scores over the trained cells, their own neighbours, and all neighbours."""
    parts = {
        "trained": scores["where"] == "trained",
        "own neighbours": scores["own"],
        "all neighbours": scores["where"] == "neighbour",
    }
    found = {}
    for part, chosen in parts.items():
        groups = scores[chosen].groupby(JOB, observed=True)
        found |= {
            (part, "RMSE"): groups["rmse"].median(),
            (part, "mean RMSE"): groups["rmse"].mean(),
            (part, "ubRMSE"): groups["ubrmse"].median(),
            (part, "correlation"): groups["correlation"].median(),
            (part, "spread of bias"): groups["bias"].std(),
            (part, "ET correlation"): groups[["et", "et_truth"]].apply(
                lambda t: t["et"].corr(t["et_truth"])
            ),
            (part, "ET RMSE"): groups[["et", "et_truth"]].apply(
                lambda t: np.sqrt(((t["et"] - t["et_truth"]) ** 2).mean())
            ),
            (part, "ET bias"): groups[["et", "et_truth"]].apply(
                lambda t: (t["et"] - t["et_truth"]).mean()
            ),
        }
    table = pd.DataFrame(found)
    table.columns = [f"{part}, {name}" for part, name in table.columns]
    return table


def over_seeds(table: pd.DataFrame, digits: int = 4) -> pd.DataFrame:
    """Mean of the seeds, with the range where there are several, as text."""

    def told(values):
        mean, low, high = (f"{v:.{digits}f}" for v in (values.mean(), values.min(), values.max()))
        return mean if low == high else f"{mean} ({low} to {high})"

    return table.groupby(["method", "density"], observed=True).agg(told)


def until(curves: pd.DataFrame, level: float, column: str = "epoch") -> pd.Series:
    """Epochs (or seconds) until the median RMSE is at most this, of each job; NaN if never."""
    below = curves[curves["median"] <= level]
    return below.groupby(JOB)[column].min()
