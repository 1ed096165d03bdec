"""Tables of the study of ungauged basins: curves over the fractions, and variants beside others."""

from __future__ import annotations

import pandas as pd

from benchmarks.studies.pub_scaling.nearest import NEAREST
from benchmarks.studies.pub_scaling.scores import METRICS, of_jobs, pooled, present

PAIRS = (
    ("27 attributes", "8 attributes"), ("8 attributes", "8 linear"),
    ("8 attributes", "no attributes"), ("8 attributes", NEAREST),
)  # fmt: skip


def curves(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per fraction, a column per variant and metric: median, and its spread over folds."""
    columns = {}
    for metric, label in METRICS.items():
        found = pooled(scores, metric)
        for variant in present(scores):
            some = found.xs(variant, level="variant")
            texts = map(spread, some["median"], some["sd"])
            columns[f"{label}, {variant}"] = pd.Series(list(texts), some.index)
    return in_percent(pd.DataFrame(columns))


def spread(value: float, sd: float, digits: str = ".3f") -> str:
    """A value and its spread, without it where there is one fold."""
    return f"{value:{digits}}" + (f" ± {sd:.3f}" if pd.notna(sd) else "")


def in_percent(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_axis([f"{value:g} %" for value in table.index]).rename_axis("fraction")


def differences(first: pd.DataFrame) -> pd.DataFrame | None:
    """What one variant has more than another in the same fold: mean, standard deviation over the
    folds, and in how many of them it is above zero."""
    medians = of_jobs(first)
    rows = {}
    for metric, label in METRICS.items():
        table = medians.groupby(["fraction", "fold", "variant"])[metric].mean().unstack("variant")
        for one, other in PAIRS:
            if {one, other} <= set(table):
                gain = (table[one] - table[other]).groupby("fraction")
                rows[f"{label}: {one} - {other}"] = gain.agg(
                    lambda g: f"{spread(g.mean(), g.std(), '+.3f')}, {(g > 0).sum()} of {len(g)}"
                )
    return in_percent(pd.DataFrame(rows)) if rows else None
