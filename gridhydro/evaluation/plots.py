"""Figures: parameter maps, hydrographs with their scores, the course of training.

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

OBSERVED, SIMULATED = "#333333", "#2a7fbf"
PANELS = 12  # hydrographs on one figure, at most


def save(figure: Figure, path: str | Path, dpi: int = 130) -> None:
    """Write a figure as what the suffix of `path` says (.png, .pdf, .svg)."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix.removeprefix(".")
    replace(path, lambda p: figure.savefig(p, format=kind, dpi=dpi))


def parameter_maps(
    domain: Domain,
    values: Mapping[str, np.ndarray],
    fields: Sequence[Field],
    truth: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """Maps of parameters from values name -> (N,), each with its unit.

    truth  the true values, name -> (N,): drawn beside the learned with the same colours, and the
           correlation of both in the title
    ValueError for lumped basins.
    """
    if domain.lumped:
        raise ValueError("lumped basins have no maps: plot their parameters as a table")
    pair = 1 if truth is None else 2
    across = min(len(fields), 5 if truth is None else 3)
    down = -(-len(fields) // across)
    extent, window = map_extent(domain)
    aspect = (extent[3] - extent[2]) / (extent[1] - extent[0])
    high = 2.4 * min(max(aspect, 0.5), 1.6) + 0.55
    figure = Figure(
        figsize=(across * (3.1 if pair == 1 else 5.4) + 0.4, down * high + 0.5),
        layout="constrained",
    )
    axes = figure.subplots(down, across * pair, squeeze=False, sharex=True, sharey=True)
    panels = axes.reshape(down * across, pair)
    for panel, field in zip(panels, fields, strict=False):
        shown = [values[field.name]] if truth is None else [values[field.name], truth[field.name]]
        low, top = min(v.min() for v in shown), max(v.max() for v in shown)
        titles = [field.name]
        if truth is not None:
            titles = [f"{field.name}, learned", f"true (r = {_correlation(*shown):.2f})"]
        for axis, vector, title in zip(panel, shown, titles, strict=True):
            raster = domain.unpack(vector, dims=()).values[window]
            image = axis.imshow(
                raster, extent=extent, vmin=low, vmax=top, cmap="viridis", interpolation="nearest"
            )
            axis.set_title(title, fontsize=10)
            axis.tick_params(labelsize=8)
            axis.xaxis.set_major_locator(MaxNLocator(3))
            axis.yaxis.set_major_locator(MaxNLocator(4))
        bar = figure.colorbar(image, ax=list(panel), shrink=0.8, pad=0.02)
        bar.set_label(field.unit if field.unit != "1" else "no unit", fontsize=9)
        bar.ax.tick_params(labelsize=8)
    for panel in panels[len(fields) :].ravel():
        panel.remove()
    for column in range(axes.shape[1]):  # above a panel that is missing, the axis is labelled too
        lowest = [axis for axis in axes[:, column] if axis.figure is not None][-1]
        lowest.xaxis.set_tick_params(labelbottom=True)
    x, y = ("longitude / degrees", "latitude / degrees")
    grid = domain.raster_grid
    if not grid.geographic:
        unit = "km" if grid.unit == "m" else grid.unit.replace("_", " ")
        x, y = f"easting / {unit}", f"northing / {unit}"
    figure.supxlabel(x, fontsize=10)
    figure.supylabel(y, fontsize=10)
    return figure


def map_extent(domain: Domain):
    """Outer edges (left, right, bottom, top) of the active cells, and their window, north up."""
    grid = domain.raster_grid
    scale = 1e-3 if grid.unit == "m" else 1.0
    edges, window = [], []
    for axis, places in ((grid.x, domain.col), (grid.y, domain.row)):
        first, last = places.min(), places.max()
        half = abs(axis[1] - axis[0]) / 2
        ends = sorted((axis[first], axis[last]))
        edges += [(ends[0] - half) * scale, (ends[1] + half) * scale]
        forward = (axis[1] > axis[0]) == (axis is grid.x)
        part = np.arange(first, last + 1)
        window.append(part if forward else part[::-1])
    return edges, np.ix_(window[1], window[0])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else np.nan


def hydrographs(
    observed: pd.DataFrame, simulated: pd.DataFrame, scores: pd.DataFrame | None = None
) -> Figure:
    """Observed and simulated discharge (days by gauges, m3 s-1), a panel for each gauge.

    scores  table of `Run.evaluate`, put into the titles. Of more than 12 gauges the first 12
            that have observations are drawn, and the figure says so.
    """
    names = [name for name in simulated if name in observed and observed[name].notna().any()]
    drawn = (names or list(simulated))[:PANELS]
    across = 1 if len(drawn) <= 4 else 2
    down = -(-len(drawn) // across)
    figure = Figure(figsize=(11 if across == 1 else 15, 2.5 * down + 0.6), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    for axis, name in zip(panels, drawn, strict=False):
        if name in observed:
            axis.plot(observed.index, observed[name], color=OBSERVED, lw=1.0, label="observed")
        axis.plot(simulated.index, simulated[name], color=SIMULATED, lw=0.9, label="simulated")
        axis.set_title(_title(name, scores), fontsize=10, loc="left")
        axis.set_ylim(bottom=0)
        axis.margins(x=0)
        dated(axis)
    one_legend(figure, panels, len(drawn))
    if len(simulated.columns) > len(drawn):
        note = f"{len(drawn)} of {len(simulated.columns)} gauges"
        figure.suptitle(note, fontsize=10, x=0.01, ha="left")
    figure.supylabel("discharge / m$^3$ s$^{-1}$", fontsize=10)
    return figure


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


def _title(name: str, scores: pd.DataFrame | None) -> str:
    if scores is None:
        return name
    parts, rows = [], scores[scores["gauge"].astype(str) == str(name)]
    for row in rows.to_dict("records"):
        parts.append(f"{row['period']}: NSE {row['nse']:.2f}, KGE {row['kge']:.2f}")
    use = set(rows["gauge_use"]) if "gauge_use" in rows else set()
    held_out = " (held out)" if use == {"held out"} else ""
    return f"{name}{held_out}   {'   '.join(parts)}"


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
