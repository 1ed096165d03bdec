"""Scores and maps that the studies of surrogates left, and how maps agree."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

OUTLINE = ("method", "target", "seed", "gauge", "trained")  # columns of maps that are no parameters


@dataclass(frozen=True)
class Found:
    """A study's folder, its tables, and what its surrogate cost."""

    folder: Path
    fidelity: pd.DataFrame
    scores: pd.DataFrame
    maps: pd.DataFrame
    cost: dict

    @classmethod
    def read(cls, folder: Path) -> Found:
        scores, maps = (
            pd.read_csv(folder / f"{name}.csv", dtype={"gauge": str}, na_filter=False)
            for name in ("scores", "maps")
        )
        cost = json.loads((folder / "cost.json").read_text())
        return cls(folder, pd.read_csv(folder / "fidelity.csv"), scores, maps, cost)

    @property
    def name(self) -> str:
        return self.cost["label"]


def names_of(maps: pd.DataFrame) -> list[str]:
    """The parameters."""
    return [name for name in maps if name not in OUTLINE]


def by_output(scores: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds: a row for each target, method, run and group of gauges, NSE of each
    output."""
    scores = scores.assign(nse=scores["nse"].astype(float))
    keys = ["target", "method", "run", "gauges"]
    table = scores.groupby([*keys, "output"])["nse"].mean().unstack("output")
    return table.reset_index().rename_axis(columns=None)


def correlations(maps: pd.DataFrame) -> pd.DataFrame:
    """Of each parameter over all basins: between methods, with the truth, between seeds of a
    method."""
    names = names_of(maps)
    held = {
        key: part.set_index("gauge")[names].astype(float)
        for key, part in maps.groupby(["method", "target", "seed"])
    }
    hidden = held.pop(next(key for key in held if key[0] == "hidden"))
    rows = []
    for target in sorted({key[1] for key in held}):
        found = {(method, seed): v for (method, t, seed), v in held.items() if t == target}
        for label, pairs in _pairs(found, hidden).items():
            if pairs:
                r = {n: np.mean([np.corrcoef(a[n], b[n])[0, 1] for a, b in pairs]) for n in names}
                rows.append({"target": target, "between": label, **r})
    return pd.DataFrame(rows)


def _pairs(found: dict, hidden: pd.DataFrame) -> dict[str, list]:
    """What is compared -> pairs of maps, of (method, seed) -> map."""
    methods = sorted({method for method, _ in found})
    of = {method: [v for (m, _), v in found.items() if m == method] for method in methods}
    pairs = {f"{m} and truth": [(v, hidden) for v in of[m]] for m in methods}
    pairs |= {f"{m}, two seeds": list(pairwise(of[m])) for m in methods}
    if len(methods) == 2:
        pairs["surrogate and adjoint"] = [
            (found["surrogate", seed], v) for (m, seed), v in found.items() if m == "adjoint"
        ]
    return pairs
