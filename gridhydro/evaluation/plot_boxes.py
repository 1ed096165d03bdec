"""Distributions of scores as boxes: model beside model, over all gauges or by group.

Boxes go from the first to the third quartile, with a line at the median; whiskers reach the last
score within 1.5 times that distance, and what lies beyond is not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from gridhydro.evaluation.plot_scores import COLOURS, label_of
from gridhydro.evaluation.tables import place_of

BOXES = ("nse", "kge", "flv", "fhv")  # that are drawn where nothing else is said


def boxes(tables: Mapping[str, pd.DataFrame], metrics: Sequence[str]) -> Figure:
    """A panel for each score, a box in it for each model; those without a score have no box.

    ValueError if no score is known.
    """
    known = [m for m in metrics if any(m in t and t[m].notna().any() for t in tables.values())]
    if not known:
        raise ValueError(f"no {', '.join(metrics)} is known: there is nothing to draw")
    across = min(len(known), 4)
    down = -(-len(known) // across)
    figure = Figure(figsize=(2.3 * across + 0.3, 2.9 * down + 0.9), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axis, metric in zip(panels, known, strict=False):
        for place, table in enumerate(tables.values()):
            _box(axis, table.get(metric), place, place, 0.6)
        axis.set_ylabel(label_of(metric, *tables.values()))
        axis.set_xticks([])
        axis.set_xlim(-0.6, len(tables) - 0.4)
        axis.grid(alpha=0.25, axis="y")
    for axis in panels[len(known) :]:
        axis.remove()
    _legend(figure, tables)
    return figure


def boxes_by(
    tables: Mapping[str, pd.DataFrame], group: str, metric: str, what: str | None = None
) -> Figure:
    """A box for each group and model, of the groups of a column of the tables, which tell how many
    gauges they have.

    what  the groups are, below them
    ValueError without any group.
    """
    first = next(iter(tables.values()))
    names = sorted(first[group].dropna().unique(), key=str)
    if not names:
        raise ValueError(f"no {place_of(first)} has a {group}: there is nothing to draw")
    figure = Figure(
        figsize=(max(4.5, 0.45 * len(names) * (len(tables) + 1) + 1), 3.9), layout="constrained"
    )
    axis, wide = figure.subplots(), 0.8 / len(tables)
    for number, table in enumerate(tables.values()):
        for place, name in enumerate(names):
            at = place + (number - (len(tables) - 1) / 2) * wide
            _box(axis, table.loc[table[group] == name, metric], at, number, 0.8 * wide)
    counts = [int((first[group] == name).sum()) for name in names]
    axis.set_xticks(
        range(len(names)), [f"{name}\n({n})" for name, n in zip(names, counts, strict=True)]
    )
    axis.set_xlim(-0.6, len(names) - 0.4)
    axis.set_xlabel(f"{what or group} (number of {place_of(first)}s)")
    axis.set_ylabel(label_of(metric, *tables.values()))
    axis.grid(alpha=0.25, axis="y")
    _legend(figure, tables)
    return figure


def _box(axis, values: pd.Series | None, at: float, number: int, width: float) -> None:
    known = np.array([]) if values is None else values.dropna().to_numpy(float)
    if not known.size:
        return
    axis.boxplot(
        known, positions=[at], widths=[width], showfliers=False, patch_artist=True,
        boxprops=dict(facecolor=COLOURS[number % len(COLOURS)], alpha=0.65, lw=0.8),
        medianprops=dict(color="black", lw=1.3), manage_ticks=False,
    )  # fmt: skip


def _legend(figure: Figure, tables: Mapping[str, pd.DataFrame]) -> None:
    """The colours of the models; of more than there are colours they repeat, from left to right."""
    marks = [
        Patch(facecolor=COLOURS[i % len(COLOURS)], alpha=0.65, label=name)
        for i, name in enumerate(tables)
    ]
    figure.legend(
        handles=marks, loc="outside upper left", ncols=min(3, len(marks)), fontsize=8.5,
        frameon=False,
    )  # fmt: skip
