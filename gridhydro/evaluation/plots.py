"""Figures: maps of what the cells have, the course of training; what other figures share.

Every function returns a matplotlib Figure that is not tied to a window; `save` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gridhydro.base.files import replace
from gridhydro.columns.column import Field
from gridhydro.domain.domain import Domain
from gridhydro.domain.map_colours import Limits, colour_bar, quantity, title
from gridhydro.domain.map_frame import Frame, dress, name_axes
from gridhydro.domain.map_layers import cells, places, rivers

OBSERVED, SIMULATED = "#333333", "#2a7fbf"


def save(figure: Figure, path: str | Path, dpi: int = 130) -> None:
    """Write a figure as what the suffix of `path` says (.png, .pdf, .svg)."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix.removeprefix(".")
    replace(path, lambda p: figure.savefig(p, format=kind, dpi=dpi))


def cell_maps(
    domain: Domain,
    values: Mapping[str, np.ndarray],
    fields: Sequence[Field],
    truth: Mapping[str, np.ndarray] | None = None,
    called: str = "learned",
) -> Figure:
    """Maps of parameters or fluxes from values name -> (N,), with their long names and units.

    truth   the true values, name -> (N,): drawn beside with the same colours, and the correlation
            of both in the title
    called  what the values are, beside a truth
    Colours end where few values lie beyond, which the colour bar says.
    ValueError for lumped basins.
    """
    if domain.lumped:
        raise ValueError("lumped basins have no maps: plot their parameters as a table")
    pair = 1 if truth is None else 2
    frame = Frame.of(domain)
    figure, panels = map_panels(frame, len(fields), pair, 4 if truth is None else 2)
    occupied = places(domain, frame)
    for number, (panel, field) in enumerate(zip(panels, fields, strict=False)):
        shown = [values[field.name]] if truth is None else [values[field.name], truth[field.name]]
        limits = Limits.of(np.concatenate(shown))
        titles = [field.long_name]
        if truth is not None:
            titles = [f"{field.long_name}, {called}", f"true (r = {_correlation(*shown):.2f})"]
        for axis, vector, text in zip(panel, shown, titles, strict=True):
            image = cells(axis, domain, frame, vector, limits)
            rivers(axis, domain, frame, most=120, widths=(0.2, 1.0), colour="0.1", alpha=0.5)
            dress(axis, frame, occupied, furniture=number == 0 and axis is panel[0])
            title(axis, text)
        colour_bar(figure, image, list(panel), quantity(field.name, field.unit), limits)
    name_axes(figure, frame)
    return figure


def map_panels(frame: Frame, count: int, pair: int = 1, most: int = 4) -> tuple[Figure, np.ndarray]:
    """A figure for so many maps of one frame, each of `pair` panels: (count, pair) axes; at most
    `most` maps beside each other."""
    across = min(count, most)
    down = -(-count // across)
    wide, high = frame.size(2.7, 3.4)
    size = (across * (pair * wide + 1.1) + 0.5, down * (high + 0.75) + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(down, across * pair, squeeze=False, sharex=True, sharey=True)
    panels = axes.reshape(down * across, pair)
    for panel in panels[count:].ravel():
        panel.remove()
    for column in range(axes.shape[1]):  # above a panel that is missing, the axis is labelled too
        lowest = [axis for axis in axes[:, column] if axis.figure is not None][-1]
        lowest.xaxis.set_tick_params(labelbottom=True)
    return figure, panels[:count]


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else np.nan


def dated(axis) -> None:
    """Axes of a small panel with a series over time."""
    axis.xaxis.set_major_locator(AutoDateLocator())
    axis.xaxis.set_major_formatter(ConciseDateFormatter(axis.xaxis.get_major_locator()))
    axis.xaxis.set_tick_params(labelbottom=True, labelsize=8)
    axis.yaxis.set_tick_params(labelsize=8)
    axis.grid(alpha=0.25)


def one_legend(figure: Figure, panels, drawn: int) -> None:
    """The legend of the first panel for all, and no panels beyond those drawn."""
    for axis in panels[drawn:]:
        axis.remove()
    # above the panels, where it covers no curve and no title
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, fontsize=9, frameon=False)


def training_curve(history: pd.DataFrame) -> Figure:
    """Loss against epoch, from a table with these two columns."""
    figure = Figure(figsize=(6.5, 3.6), layout="constrained")
    axis = figure.subplots()
    loss = history["loss"]
    axis.plot(history["epoch"], loss, color=SIMULATED, lw=1.4, marker="." * (len(loss) < 40))
    if loss.min() > 0 and loss.max() > 5 * loss.min():
        axis.set_yscale("log")
    axis.set_xlabel("epoch")
    axis.set_ylabel("loss / no unit")
    axis.set_title(f"lowest {loss.min():.4f}, last {loss.iloc[-1]:.4f}", fontsize=10, loc="left")
    axis.grid(alpha=0.25, which="both")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
