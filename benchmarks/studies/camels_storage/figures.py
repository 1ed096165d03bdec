"""Figures of the study of discharge and GRACE together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.studies.camels_storage.gains import NAMES, gains, label
from benchmarks.studies.camels_storage.study import PERIODS
from gridhydro.evaluation import plots
from gridhydro.evaluation.plot_scores import COLOURS, DASHES


def distributions(found) -> Figure:
    """Distributions of both NSE over the basins, and what one gains against the other."""
    figure = Figure(figsize=(12.5, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    seed = min(seed for _, seed in found.jobs)
    shown = {w: job for (w, s), job in found.jobs.items() if s == seed}
    panels = ((left, "discharge", "nse", "NSE of discharge"),
              (middle, "storage", "centred", "NSE of storage, centred"))  # fmt: skip
    for axis, kind, metric, title in panels:
        for i, (weight, job) in enumerate(sorted(shown.items())):
            values = np.sort(job[kind].loc["test", metric].dropna())
            percent = np.arange(1, values.size + 1) / values.size * 100
            name = f"{label(weight)}: {np.median(values):.2f}"
            axis.step(values, percent, where="post", color=COLOURS[i], ls=DASHES[i], label=name)
        axis.set_xlim(-0.5, 1)
        axis.set_ylim(0, 100)
        axis.set_xlabel(title)
        axis.set_ylabel("basins / %")
        axis.grid(alpha=0.25)
        axis.legend(fontsize=8, frameon=False, loc="upper left", title="median")
    if {(0.0, seed), (0.5, seed)} <= set(found.jobs):
        gain = gains(found.jobs, 0.5, seed)
        right.axhline(0, color="0.6", lw=0.8)
        right.axvline(0, color="0.6", lw=0.8)
        right.scatter(*gain[["discharge", "storage"]].clip(-0.5, 0.5).T.to_numpy(), s=9, alpha=0.6)
        right.set_xlabel("gain in NSE of discharge, both, 0.5")
        right.set_ylabel("gain in centred NSE of storage, both, 0.5")
        right.set_title("cut to -0.5 and 0.5", fontsize=9, loc="right")
        right.grid(alpha=0.25)
    return figure


def series(found) -> Figure | None:
    """Storage of two basins: those with the median, and nearly the largest gain (90 %)."""
    seed = min(seed for _, seed in found.jobs)
    if not {(0.0, seed), (0.5, seed)} <= set(found.jobs):
        return None
    order = gains(found.jobs, 0.5, seed)["storage"].sort_values()
    gauges = [order.index[int(q * (len(order) - 1))] for q in (0.5, 0.9)]
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    for axis, gauge in zip(axes, gauges, strict=True):
        _draw_basin(axis, found, gauge, seed)
    start = pd.Timestamp(PERIODS["test"][0])
    axes[-1].annotate(" test", (start, 0.96), xycoords=("data", "axes fraction"), va="top")
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=4, frameon=False)
    figure.supylabel("anomaly of water storage / mm", fontsize=10)
    return figure


def _draw_basin(axis, found, gauge: str, seed: int) -> None:
    """Anomalies of GRACE and of each weight at a basin, with their scores above."""
    title = found.setup.discharge["gauge_name"].to_series()[gauge]
    observed = found.observed[gauge]
    axis.plot(observed.index, observed, color=plots.OBSERVED, lw=1.8, label="GRACE")
    told = []
    for i, weight in enumerate(w for w in NAMES if (w, seed) in found.jobs):
        job = found.jobs[weight, seed]
        values = job["series"][gauge]
        axis.plot(values.index, values, color=COLOURS[i], lw=1.2, label=NAMES[weight])
        pairs = (("discharge", "nse"), ("storage", "centred"))
        q, s = (job[kind].loc[("test", gauge), metric] for kind, metric in pairs)
        told.append(f"{NAMES[weight]}: {q:.2f}, {s:.2f}")
    scores = "NSE of discharge, centred NSE of storage (test) - " + "; ".join(told)
    axis.set_title(f"{gauge} {title}   {scores}", fontsize=8.5, loc="left")
    axis.axvline(pd.Timestamp(PERIODS["test"][0]), color="0.4", lw=0.8, ls=":")
    axis.grid(alpha=0.25)
    axis.margins(x=0.01)
