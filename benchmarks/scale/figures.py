"""Figures of cost against cells and against days, beside a straight line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

COLOURS = {"forward": "#8fb8de", "forward + adjoint": "#1f5f99"}
PANELS = {"model_cpu": "CPU seconds of column and rivers", "peak_gb": "most memory, GB"}
ABOUT = {
    "cells": ("cells", "60 days"), "days": ("days", "30,000 cells")
}  # fmt: skip


def draw(folder: Path) -> None:
    """cells.png and days.png of a folder, of the tables that are there."""
    for case, (axis, what) in ABOUT.items():
        path = folder / f"globe-{case}.csv"
        if path.exists():
            table = pd.read_csv(path, comment="#")
            figure = scaling(table, axis, f"HBV with rivers, {what}")
            figure.savefig(folder / f"globe-{case}.png", dpi=110)


def scaling(table: pd.DataFrame, axis: str, title: str):
    """Time and memory against `axis`, on logarithms; dotted: in proportion to the largest."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, (column, label) in zip(panels, PANELS.items(), strict=True):
        for kind, rows in table.groupby("pass"):
            rows = rows.sort_values(axis)
            panel.plot(rows[axis], rows[column], "o-", color=COLOURS[str(kind)], label=kind)
            last = rows.iloc[-1]
            straight = last[column] * rows[axis] / last[axis]
            panel.plot(rows[axis], straight, ":", color=COLOURS[str(kind)], lw=1)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel(axis)
        panel.set_ylabel(label)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, title="dotted: in proportion")
    figure.suptitle(title, x=0.01, ha="left", size=9)
    return figure
