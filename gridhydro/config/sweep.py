"""The weight of storage beside discharge: a run for each, and what each is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from gridhydro.base import ranks
from gridhydro.base.arguments import fraction
from gridhydro.config.train_domain import train_ensemble, train_unless_finished
from gridhydro.evaluation import plots
from gridhydro.evaluation.plot_scores import COLOURS, DASHES
from gridhydro.io.csv_tables import read_table, write_table


def train_weights(
    domain: str | Path,
    data: str | Path | None,
    out: str | Path,
    weights: Sequence[float],
    seeds: int | None = None,
    seed: int | None = None,
    **options,
) -> pd.DataFrame:
    """Train with each storage weight into out/weight-W; finished ones are not trained again;
    processes of torchrun train with one each.

    seeds    runs with each weight, whose mean is scored; one run if left out, of the `seed`
    options  as for `train_domain`
    Returns, and writes to weights.csv and a figure, the medians over gauges and over tiles:
    storage_weight, period, gauge_use, discharge_nse, storage_nse, storage_correlation,
    storage_rmse (mm).
    ValueError without [grace].
    """
    weights = [fraction("storage_weight", weight) for weight in weights]
    out, tables = Path(out), []
    changes = options.pop("changes", None) or {}
    folders = {weight: out / f"weight-{weight:g}" for weight in weights}
    for weight, folder in ranks.own(list(folders.items())):
        more = options | {"changes": changes | {"storage_weight": weight}}
        with ranks.alone():
            if seeds is not None:
                train_ensemble(domain, data, folder, seeds, **more)
            else:
                train_unless_finished(domain, data, folder, seed=seed, **more)
    ranks.wait()
    if not ranks.leads():
        return pd.DataFrame()
    for weight, folder in folders.items():
        storage = folder / "storage_metrics.csv"
        if not storage.exists():
            raise ValueError(f"{domain} has no [grace]: there is nothing to weigh beside discharge")
        scores = read_table(folder / "metrics.csv", ("period", "gauge_use"), ("nse",))
        of_storage = read_table(storage, ("period",), ("nse", "correlation", "rmse"))
        tables.append(_medians(weight, scores, of_storage))
    table = pd.concat(tables, ignore_index=True)
    write_table(out / "weights.csv", table)
    plots.save(figure(table), out / "figures" / "weights.png")
    return table


def _medians(weight: float, discharge: pd.DataFrame, storage: pd.DataFrame) -> pd.DataFrame:
    of_gauges = discharge.groupby(["period", "gauge_use"], sort=False)["nse"].median()
    of_tiles = storage.groupby("period", sort=False)[["nse", "correlation", "rmse"]].median()
    table = of_gauges.rename("discharge_nse").reset_index()
    table = table.join(of_tiles.add_prefix("storage_"), on="period")
    table.insert(0, "storage_weight", weight)
    return table


def figure(table: pd.DataFrame) -> Figure:
    """Median NSE of discharge and of storage against the weight, a curve for each period."""
    shown = Figure(figsize=(6.2, 4.2), layout="constrained")
    axis = shown.subplots()
    groups = list(table.groupby(["period", "gauge_use"], sort=False))
    for colour, ((period, use), rows) in zip(COLOURS, groups, strict=False):
        rows = rows.sort_values("storage_weight")
        for dash, what in zip(DASHES, ("discharge", "storage"), strict=False):
            label = f"{what}, {period}" + (f", {use} gauges" if what == "discharge" else "")
            axis.plot(
                rows["storage_weight"], rows[f"{what}_nse"], dash, color=colour, marker=".",
                label=label,
            )  # fmt: skip
    axis.set_xlabel("weight of storage / no unit")
    axis.set_ylabel("median NSE / no unit")
    axis.grid(alpha=0.25)
    shown.legend(loc="outside upper left", fontsize=8.5, frameon=False, ncols=2)
    return shown
