"""Scores of a run as tables on the terminal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gridhydro.base.damage import reading
from gridhydro.config.score_domain import report
from gridhydro.evaluation.tables import place_of
from gridhydro.io.csv_tables import read_table


def print_scores(out: Path, scores: pd.DataFrame, files: str) -> None:
    """Scores of discharge, and of storage and targets where the run folder has them."""
    tables = [report(scores)]
    storage = out / "storage_metrics.csv"
    if storage.exists():
        files = f"storage_metrics.csv, {files}"
        tables.append(storage_table(storage))
    others = out / "target_metrics.csv"
    if others.exists():
        files = f"target_metrics.csv, {files}"
        tables.append(target_table(others))
    print("\n\n".join([*tables, f"written to {out}: metrics.csv, {files}"]))


def storage_table(path: Path) -> str:
    """Medians over the tiles of storage_metrics.csv, by period."""
    scores = ["nse", "correlation", "rmse"]
    table = read_table(path, ("period",), scores).groupby("period", sort=False)
    medians = table[scores].median().assign(tiles=table.size())
    text = medians.to_string(float_format=lambda v: f"{v:.3f}")
    return f"water storage, median over the tiles (rmse in mm)\n{text}"


def target_table(path: Path) -> str:
    """Medians over cells or gauges of target_metrics.csv, by target and period."""
    scores = ["rmse", "ubrmse", "bias", "correlation", "nse", "kge"]
    table = read_table(path, ("target", "unit", "period"), scores)
    keys = ["target", "unit", "period", *(["gauge_use"] if "gauge_use" in table else [])]
    with reading(path, "a table of scores", "score the run again"):
        places = f"{place_of(table)}s"
    table = table.groupby(keys, sort=False)
    medians = table[scores].median().assign(**{places: table.size()})
    text = medians.to_string(float_format=lambda v: f"{v:.3f}")
    return f"other targets, median over the {places} (rmse, ubrmse and bias in their unit)\n{text}"
