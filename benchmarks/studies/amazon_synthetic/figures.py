"""Figures of the synthetic experiment on the Amazon."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.map_panel import draw, frame_of
from benchmarks.studies.amazon_synthetic.maps import Found
from benchmarks.studies.amazon_synthetic.study import CONFIGURATIONS, PERIODS
from gridhydro.domain.map_colours import Limits, colour_bar, quantity, title
from gridhydro.domain.map_frame import name_axes
from gridhydro.evaluation.plots import map_panels

COLOURS = dict(
    zip(CONFIGURATIONS, ("0.6", "tab:orange", "tab:blue", "tab:green", "k"), strict=True)
)
PLAIN, CORRECTED = "Hybrid(Q,S)", "Hybrid(Q,S)+"  # whose maps and whose correction are shown


def scores(found: Found) -> Figure:
    """Distributions of NSE: gauges of both splits in the test period, tiles."""
    panels = [("temporal", "gauges", None), ("temporal", "tiles", None)]
    if found.jobs["spatial"]:
        panels.append(("spatial", "gauges", "held out"))
    figure = Figure(figsize=(4.2 * len(panels), 3.6), layout="tight")
    axes = figure.subplots(1, len(panels), sharey=True)
    for axis, (split, kind, use) in zip(axes, panels, strict=True):
        for name, folder in found.jobs[split].items():
            table = pd.read_csv(folder / f"scores-{kind}.csv")
            table = table[table["period"] == "test"]
            values = np.sort(table["nse"] if use is None else table["nse"][table.gauge_use == use])
            fraction = np.arange(1, len(values) + 1) / len(values)
            axis.step(values, fraction, where="post", color=COLOURS[name], label=name)
        what = "storage of 3-degree tiles" if kind == "tiles" else f"{use or 'all'} gauges"
        axis.set(title=f"{what}, {'-'.join(PERIODS['test'])}", xlabel="NSE", xlim=(-0.2, 1))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("fraction of gauges or tiles below")
    axes[0].legend(fontsize=8, loc="upper left")
    return figure


def parameters(found: Found) -> Figure | None:
    """Maps that were learned beside the true ones."""
    if PLAIN not in found.jobs["temporal"]:
        return None
    truth, learned = found.truth, found.parameters(PLAIN)
    names = [name for name in truth if truth[name].ndim == 2]
    frame = frame_of(truth[names[0]])
    figure, panels = map_panels(frame, len(names), 2, 2)
    for number, (panel, name) in enumerate(zip(panels, names, strict=True)):
        limits = Limits.of(truth[name])
        told = str(truth[name].attrs.get("long_name", name))
        pairs = ((f"{told}, {PLAIN}", learned[name]), ("true", truth[name]))
        for axis, (what, values) in zip(panel, pairs, strict=True):
            image = draw(axis, values, limits, furniture=not number and what != "true")
            title(axis, what)
        label = quantity(str(name), str(truth[name].attrs.get("units", "1")))
        colour_bar(figure, image, list(panel), label, limits)
    name_axes(figure, frame)
    return figure


def demand(found: Found) -> Figure | None:
    """The error of Penman-Monteith, true and as found by the correction; monthly means."""
    if CORRECTED not in found.jobs["temporal"]:
        return None
    error, folder = found.true_pet_error, found.jobs["temporal"][CORRECTED]
    mean = error.mean("time")
    series = pd.read_csv(folder / "pet.csv", index_col=0, parse_dates=True)
    true = pd.Series(error.mean(error.dims[1:]).values, series.index) + series["penman_monteith"]
    figure = Figure(figsize=(12.5, 3.8), layout="constrained")
    axes = figure.subplots(1, 3)
    limits = Limits.of(mean, centre=0.0)
    for axis, values, what in zip(axes, (mean, found.pet_error()), ("true", "found"), strict=False):
        image = draw(axis, values, limits, "RdBu_r", furniture=what == "true")
        title(axis, f"mean error of Penman-Monteith, {what}")
        name_axes(axis, frame_of(values))
        colour_bar(figure, image, [axis], "mm d-1", limits)
    months = series.assign(true=true)
    for column, style in (("penman_monteith", ":"), ("corrected", "-"), ("true", "--")):
        monthly = months[column].groupby(months.index.month).mean()
        axes[2].plot(monthly, style, color="k" if column == "true" else None, label=column)
    axes[2].set(title="basin mean by month", xlabel="month", ylabel="mm d-1")
    axes[2].legend(fontsize=8)
    return figure
