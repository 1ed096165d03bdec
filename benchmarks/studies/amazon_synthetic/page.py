"""Tables and figures of `python -m benchmarks.rehearsal`, for its folder of results.

python -m benchmarks.rehearsal_page --runs OUT --results benchmarks/results/amazon_rehearsal
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.rehearsal import CONFIGURATIONS, PERIODS, _folder

COLOURS = dict(
    zip(CONFIGURATIONS, ("0.6", "tab:orange", "tab:blue", "tab:green", "k"), strict=True)
)
PLAIN = "Hybrid(Q,S)"  # whose maps are shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    jobs = {split: _jobs(options.runs, split) for split in ("temporal", "spatial")}
    jobs = {split: found for split, found in jobs.items() if found}
    scores = {split: _scores(found) for split, found in jobs.items()}
    for split, table in scores.items():
        table.to_csv(options.results / f"scores-{split}.csv", float_format="%.3f")
        print(split, table.to_string(float_format="%.3f"), sep="\n")
    recovery = _recovery(jobs["temporal"], options.runs / "world")
    recovery.to_csv(options.results / "parameters.csv", float_format="%.3f")
    print(recovery.to_string(float_format="%.2f"))
    cost = {name: _about(folder) for name, folder in jobs["temporal"].items()}
    print(pd.DataFrame(cost).T.to_string())
    pd.DataFrame(cost).T.to_csv(options.results / "cost.csv")
    draw_scores(options.results, jobs)
    draw_parameters(options.results, jobs["temporal"], options.runs / "world")
    draw_demand(options.results, jobs["temporal"], options.runs / "world")


def _jobs(runs: Path, split: str) -> dict[str, Path]:
    """Configuration -> folder of its finished job, of the first seed and fold."""
    folders = {name: _folder(runs, split, name, 0, 0) for name in CONFIGURATIONS}
    return {name: folder for name, folder in folders.items() if (folder / "job.json").exists()}


def _about(folder: Path) -> dict:
    content = json.loads((folder / "job.json").read_text())
    kept = {key: content[key] for key in ("epochs", "seconds", "peak_gb", "threads")}
    return kept | {"seconds_an_epoch": round(kept["seconds"] / max(kept["epochs"], 1), 1)}


def _scores(jobs: dict[str, Path]) -> pd.DataFrame:
    """Median NSE of gauges by their use, and of tiles, in both periods."""
    rows = {}
    for name, folder in jobs.items():
        gauges = pd.read_csv(folder / "scores-gauges.csv")
        tiles = pd.read_csv(folder / "scores-tiles.csv")
        row = gauges.groupby(["gauge_use", "period"])["nse"].median().to_dict()
        row |= {("tiles", p): v for p, v in tiles.groupby("period")["nse"].median().items()}
        rows[name] = {f"{use}, {period}": value for (use, period), value in row.items()}
    return pd.DataFrame(rows).T.rename_axis("configuration")


def _recovery(jobs: dict[str, Path], world: Path) -> pd.DataFrame:
    """Correlation of learned and true maps over the cells, by parameter."""
    with xr.open_dataset(world / "truth_parameters.nc") as file:
        truth = file.load()
    rows = {}
    for name, folder in jobs.items():
        with xr.open_dataset(folder / "parameters.nc") as file:
            found = file.load()
        rows[name] = {p: _correlation(found[p], truth[p]) for p in truth if p in found}
    return pd.DataFrame(rows).rename_axis("parameter").dropna(how="all")


def _correlation(found, truth) -> float:
    a, b = (np.asarray(v, float).ravel() for v in (found, truth))
    there = np.isfinite(a) & np.isfinite(b)
    if not there.any() or np.ptp(a[there]) == 0:
        return np.nan
    return float(np.corrcoef(a[there], b[there])[0, 1])


def draw_scores(results: Path, jobs: dict[str, dict[str, Path]]) -> None:
    """Distributions of NSE: gauges of both splits in the test period, tiles."""
    panels = [("temporal", "gauges", None), ("temporal", "tiles", None)]
    if "spatial" in jobs:
        panels.append(("spatial", "gauges", "held out"))
    figure, axes = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.6), sharey=True)
    for axis, (split, kind, use) in zip(axes, panels, strict=True):
        for name, folder in jobs[split].items():
            table = pd.read_csv(folder / f"scores-{kind}.csv")
            table = table[table["period"] == "test"]
            values = np.sort(table["nse"] if use is None else table["nse"][table.gauge_use == use])
            share = np.arange(1, len(values) + 1) / len(values)
            axis.step(values, share, where="post", color=COLOURS[name], label=name)
        what = "storage of 3-degree tiles" if kind == "tiles" else f"{use or 'all'} gauges"
        axis.set(title=f"{what}, {'-'.join(PERIODS['test'])}", xlabel="NSE", xlim=(-0.2, 1))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("share of gauges or tiles below")
    axes[0].legend(fontsize=8, loc="upper left")
    _save(figure, results / "scores.png")


def draw_parameters(results: Path, jobs: dict[str, Path], world: Path) -> None:
    """True maps above those that were learned."""
    if PLAIN not in jobs:
        return
    with xr.open_dataset(world / "truth_parameters.nc") as file:
        truth = file.load()
    with xr.open_dataset(jobs[PLAIN] / "parameters.nc") as file:
        found = file.load()
    names = [name for name in truth if truth[name].ndim == 2]
    figure, axes = plt.subplots(2, len(names), figsize=(1.7 * len(names), 3.4))
    for column, name in zip(axes.T, names, strict=True):
        low, high = np.nanpercentile(truth[name], (2, 98))
        for axis, values, what in zip(
            column, (truth[name], found[name]), ("true", PLAIN), strict=True
        ):
            image = axis.imshow(values, vmin=low, vmax=high, cmap="viridis")
            axis.set_axis_off()
            axis.set_title(f"{name}\n{what}" if what == "true" else what, fontsize=7)
        bar = figure.colorbar(image, ax=list(column), orientation="horizontal", fraction=0.05)
        bar.ax.tick_params(labelsize=6)
        bar.set_label(truth[name].attrs.get("units", ""), fontsize=6)
    _save(figure, results / "parameters.png", tight=False)


def draw_demand(results: Path, jobs: dict[str, Path], world: Path) -> None:
    """The error of Penman-Monteith, true and as found by the correction; monthly means."""
    name = "Hybrid(Q,S)+"
    if name not in jobs:
        return
    with xr.open_dataset(world / "truth_pet_error.nc") as file:
        error = file["pet_error"].load()
    with xr.open_dataset(jobs[name] / "pet_error.nc") as file:
        found = file["pet_error"].load()
    mean = error.mean("time")
    series = pd.read_csv(jobs[name] / "pet.csv", index_col=0, parse_dates=True)
    true = pd.Series(error.mean(error.dims[1:]).values, series.index) + series["penman_monteith"]
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6))
    span = float(np.nanmax(np.abs(mean)))
    for axis, values, what in zip(axes, (mean, found), ("true", "found"), strict=False):
        image = axis.imshow(values, vmin=-span, vmax=span, cmap="RdBu_r")
        axis.set_title(f"mean error of Penman-Monteith, {what}", fontsize=9)
        axis.set_axis_off()
        figure.colorbar(image, ax=axis, label="mm d-1", fraction=0.04)
    months = series.assign(true=true)
    for column, style in (("penman_monteith", ":"), ("corrected", "-"), ("true", "--")):
        monthly = months[column].groupby(months.index.month).mean()
        axes[2].plot(monthly, style, color="k" if column == "true" else None, label=column)
    axes[2].set(title="basin mean by month", xlabel="month", ylabel="mm d-1")
    axes[2].legend(fontsize=8)
    _save(figure, results / "demand.png")
    correlation = _correlation(found, mean)
    print(f"mean error of Penman-Monteith: correlation of found and true map {correlation:.2f}")


def _save(figure, path: Path, tight: bool = True) -> None:
    if tight:
        figure.tight_layout()
    figure.savefig(path, dpi=80, bbox_inches="tight")
    plt.close(figure)


if __name__ == "__main__":
    main()
