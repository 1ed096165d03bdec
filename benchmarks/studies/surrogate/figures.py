"""Figures of the studies of surrogates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.dates import DateFormatter, MonthLocator
from matplotlib.figure import Figure

from benchmarks.studies.surrogate.maps import names_of
from gridhydro.surrogate import Runs, load

COLOURS = {"hidden": "0.3", "surrogate": "#c8553d", "adjoint": "#1f5f99"}
RUNS = 3  # shown as series


def parameters(maps: pd.DataFrame) -> Figure:
    """What was learned at each basin against the truth: a column a parameter, a row a training."""
    names = names_of(maps)
    hidden = maps[maps["method"] == "hidden"].set_index("gauge")
    targets = [t for t in maps["target"].unique() if t]
    figure = Figure(figsize=(2.1 * len(names), 2.3 * len(targets) + 0.4), layout="constrained")
    panels = figure.subplots(len(targets), len(names), squeeze=False)
    for row, target in zip(panels, targets, strict=True):
        for panel, name in zip(row, names, strict=True):
            for method in ("adjoint", "surrogate"):
                part = maps[(maps["method"] == method) & (maps["target"] == target)]
                part = part[part["seed"].astype(int) == 0].set_index("gauge")
                if len(part):
                    panel.plot(hidden[name], part.loc[hidden.index, name], ".", ms=3.5,
                               color=COLOURS[method], label=method)  # fmt: skip
            ends = [hidden[name].min(), hidden[name].max()]
            panel.plot(ends, ends, color="0.6", lw=0.8, zorder=0)
            panel.tick_params(labelsize=7)
            panel.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel(f"learned from\n{target}", size=8)
    for panel, name in zip(panels[0], names, strict=True):
        panel.set_title(name, size=8, loc="left")
    panels[0, 0].legend(fontsize=7, frameon=False)
    figure.supxlabel("hidden", size=8)
    return figure


def series(folder: Path) -> Figure:
    """Runs that the surrogate was not fitted to, beside the model: good, median and poor."""
    emulator, runs = load(folder / "surrogate"), Runs.read(folder / "runs.nc")
    _, others = runs.split(0.1, 0)
    others = others.select(np.arange(min(60, others.size)))
    found = emulator.predict(others)
    days = slice(730, 730 + 730)
    figure = Figure(figsize=(11, 2.1 * len(emulator.fluxes)), layout="constrained")
    panels = figure.subplots(len(emulator.fluxes), RUNS, squeeze=False, sharex=True)
    for row, field in zip(panels, emulator.fluxes, strict=True):
        truth, ours = others.series(field)[days], found[field.name].values[days]
        error = ((ours - truth) ** 2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)
        order = np.argsort(error)
        chosen = order[np.round(np.array([0.1, 0.5, 0.9]) * (len(order) - 1)).astype(int)]
        for panel, k, which in zip(row, chosen, ("good", "median", "poor"), strict=True):
            panel.plot(others.times[days], truth[:, k], color="0.3", lw=0.9, label="model")
            panel.plot(others.times[days], ours[:, k], color=COLOURS["surrogate"], lw=0.8,
                       label="surrogate")  # fmt: skip
            panel.set_title(
                f"{field.name}, {which} run: NSE {1 - error[k]:.2f}", size=8, loc="left"
            )
            panel.tick_params(labelsize=7)
            panel.xaxis.set_major_locator(MonthLocator([1, 7]))
            panel.xaxis.set_major_formatter(DateFormatter("%Y-%m"))
            panel.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel(field.unit, size=8)
    panels[0, 0].legend(fontsize=7, frameon=False)
    return figure
