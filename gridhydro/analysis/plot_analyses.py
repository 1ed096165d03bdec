"""Figures of the analyses: water budgets, evapotranspiration, methods of PET, expected gradients.

As in `gridhydro.evaluation.plots`, every function returns a Figure that `plots.save` writes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gridhydro.analysis.budget import OBSERVED, per_year
from gridhydro.analysis.importance import table
from gridhydro.domain.domain import Domain
from gridhydro.domain.map_colours import Limits, colour_bar, quantity, title
from gridhydro.domain.map_frame import Frame, dress, name_axes
from gridhydro.domain.map_layers import cells, places
from gridhydro.evaluation.plot_scores import COLOURS, DASHES
from gridhydro.evaluation.plots import map_panels

TERMS = {
    "precipitation": ("P", "#0072b2"),
    "discharge": ("Q", "#56b4e9"),
    "evapotranspiration": ("ET", "#009e73"),
    "storage_change": ("ΔS", "#e69f00"),
    "export": ("exported", "#cc79a7"),
}
PANELS = 12  # gauges on one figure, at most
_BARS = 16  # periods up to which each has bars; more are lines
_GAUGES = 40  # of which biases are drawn
_RATE = "mm yr$^{-1}$"


def budget(values: xr.Dataset) -> Figure:
    """The terms in mm yr-1, a panel for each of the first 12 gauges: bars, or lines for many
    periods.

    Black marks (broken lines) are observed. The title of a panel tells the largest residual.
    """
    rates, gauges = per_year(values), values["gauge"].values[:PANELS]
    figure, panels = _panels(len(gauges), 5.2 if len(gauges) > 1 else 8.0, 2.6)
    bars = values.sizes["time"] <= _BARS
    for axis, gauge in zip(panels, gauges, strict=False):
        one = rates.sel(gauge=gauge)
        (_draw_bars if bars else _draw_lines)(axis, one)
        axis.axhline(0, color="0.3", lw=0.8)
        largest = float(abs(values["residual"].sel(gauge=gauge)).max())
        title = f"{gauge}, {float(one['area']):.0f} km$^2$, |residual| < {_above(largest)} mm"
        axis.set_title(title, fontsize=9, loc="left")
    terms = _terms(values)
    handles = [Line2D([], [], color=colour, lw=4) for _, colour in terms.values()]
    labels = [label for label, _ in terms.values()]
    if any(str(name).startswith(OBSERVED) for name in values.data_vars):
        handles.append(Line2D([], [], color="k", ls="" if bars else "--", marker="_" * bars))
        labels.append("observed" if bars else "observed (broken)")
    _finish(figure, panels[: len(gauges)], handles, labels, values.sizes["gauge"])
    figure.supylabel(_RATE, fontsize=10)
    return figure


def _terms(values: xr.Dataset) -> dict[str, tuple[str, str]]:
    """Label and colour of the terms of a budget; not every column exports water."""
    return {name: drawn for name, drawn in TERMS.items() if name in values}


def _draw_bars(axis, one: xr.Dataset) -> None:
    labels, terms = _labels(one), _terms(one)
    place, width = np.arange(len(labels)), 0.8 / len(terms)
    for i, (name, (_, colour)) in enumerate(terms.items()):
        at = place + (i - (len(terms) - 1) / 2) * width
        axis.bar(at, one[name].values, width, color=colour)
        if OBSERVED + name in one:
            axis.plot(
                at,
                one[OBSERVED + name].values,
                ls="",
                marker="_",
                color="k",
                ms=70 * width / max(len(labels), 6) + 3,
                mew=1.6,
            )
    axis.set_xticks(place, labels, fontsize=8, rotation=90 if len(labels) > 10 else 0)


def _draw_lines(axis, one: xr.Dataset) -> None:
    for name, (_, colour) in _terms(one).items():
        axis.plot(one["time"].values, one[name].values, color=colour, lw=1.1)
        if OBSERVED + name in one:
            axis.plot(
                one["time"].values, one[OBSERVED + name].values, color=colour, lw=1.1, ls="--"
            )
    axis.margins(x=0)
    axis.xaxis.set_major_locator(AutoDateLocator())
    axis.xaxis.set_major_formatter(ConciseDateFormatter(axis.xaxis.get_major_locator()))


def _labels(one: xr.Dataset) -> list[str]:
    """Years and months by their numbers, anything else from its first to its last day."""
    starts = one.indexes["time"]
    ends = pd.DatetimeIndex(one["time_end"].values) - pd.Timedelta(1, "D")
    for part, style in (("Y", "%Y"), ("M", "%Y-%m")):
        periods = starts.to_period(part)
        if (periods == ends.to_period(part)).all() and not periods.has_duplicates:
            return list(starts.strftime(style))
    return [f"{a:%Y-%m}\nto {b:%Y-%m}" for a, b in zip(starts, ends, strict=True)]


def _above(value: float) -> str:
    """The power of ten above it."""
    return f"10$^{{{int(np.floor(np.log10(max(value, 1e-12)))) + 1}}}$"


def biases(scores: pd.DataFrame) -> Figure:
    """Simulated minus observed Q, ET and ΔS of the first 40 gauges, of `against_observed`."""
    gauges = scores["gauge"].unique()
    wide = scores.pivot(index="gauge", columns="term", values="bias").loc[gauges[:_GAUGES]]
    terms = [term for term in TERMS if term in wide]
    figure = Figure(figsize=(max(4.5, 0.5 * len(wide) + 2), 3.6), layout="constrained")
    axis = figure.subplots()
    place, width = np.arange(len(wide)), 0.8 / len(terms)
    for i, term in enumerate(terms):
        label, colour = TERMS[term]
        at = place + (i - (len(terms) - 1) / 2) * width
        axis.bar(at, wide[term], width, color=colour, label=label)
    axis.axhline(0, color="0.3", lw=0.8)
    axis.set_xticks(place, wide.index, fontsize=8, rotation=90 if len(wide) > 6 else 0)
    axis.set_ylabel(f"simulated - observed / {_RATE}")
    figure.legend(loc="outside upper right", ncols=3, fontsize=9, frameon=False)
    if len(gauges) > len(wide):
        axis.set_title(f"{len(wide)} of {len(gauges)} gauges", fontsize=9, loc="left")
    return figure


def evapotranspiration(values: xr.Dataset) -> Figure:
    """Simulated ET over that of the water balance, a point for each gauge and period."""
    rates = per_year(values)
    figure = Figure(figsize=(5.2, 4.8), layout="constrained")
    axis = figure.subplots()
    few = values.sizes["gauge"] <= len(COLOURS)
    for i, gauge in enumerate(values["gauge"].values):
        one = rates.sel(gauge=gauge)
        x, y = one[f"{OBSERVED}evapotranspiration"].values, one["evapotranspiration"].values
        if np.isfinite(x).any():
            colour, label = (COLOURS[i], str(gauge)) if few else (COLOURS[0], None)
            axis.plot(x, y, ls="", marker="o", ms=4.5, color=colour, label=label, alpha=0.8)
    low, high = (
        np.min([axis.get_xlim(), axis.get_ylim()]),
        np.max([axis.get_xlim(), axis.get_ylim()]),
    )
    axis.plot([low, high], [low, high], color="0.4", lw=0.9, zorder=0)
    axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axis.set_xlabel(f"P - Q - ΔS, observed / {_RATE}")
    axis.set_ylabel(f"evapotranspiration, simulated / {_RATE}")
    axis.grid(alpha=0.25)
    if few:
        figure.legend(loc="outside upper left", ncols=4, fontsize=8.5, frameon=False)
    return figure


def pet(comparison: xr.Dataset) -> Figure:
    """Climatology of every method by month, a panel for each of the first 12 gauges; annual totals
    stand beside the names where there is one gauge."""
    gauges = comparison["gauge"].values[:PANELS]
    figure, panels = _panels(len(gauges), 4.6 if len(gauges) > 1 else 7.0, 2.6)
    names = [str(name) for name in comparison["estimate"].values]
    for axis, gauge in zip(panels, gauges, strict=False):
        for i, name in enumerate(names):
            values = comparison["climatology"].sel(gauge=gauge, estimate=name).values
            axis.plot(np.arange(1, 13), values, color=COLOURS[i % 7], ls=DASHES[i % 4], lw=1.5)
        axis.set_title(str(gauge), fontsize=9, loc="left")
        axis.set_xticks(range(1, 13), list("JFMAMJJASOND"), fontsize=8)
        axis.set_ylim(bottom=0)
    handles = [Line2D([], [], color=COLOURS[i % 7], ls=DASHES[i % 4]) for i in range(len(names))]
    labels = [_readable(name) for name in names]
    if len(gauges) == 1:
        annual = comparison["annual"].sel(gauge=gauges[0]).values
        labels = [f"{text}, {v:.0f} {_RATE}" for text, v in zip(labels, annual, strict=True)]
    _finish(figure, panels[: len(gauges)], handles, labels, comparison.sizes["gauge"])
    figure.supylabel("potential evapotranspiration / mm d$^{-1}$", fontsize=10)
    return figure


def pet_maps(comparison: xr.Dataset, domain: Domain) -> Figure:
    """Maps of the annual totals of every method, in the same colours."""
    names, frame = comparison["estimate"].values, Frame.of(domain)
    figure, panels = map_panels(frame, len(names), most=3)
    values = domain.pack(comparison["map"])
    limits, occupied = Limits.of(values), places(domain, frame)
    axes = list(panels[:, 0])
    for number, (axis, name, vector) in enumerate(zip(axes, names, values, strict=True)):
        image = cells(axis, domain, frame, vector, limits)
        dress(axis, frame, occupied, furniture=number == 0)
        title(axis, _readable(str(name)))
    colour_bar(figure, image, axes, quantity("potential evapotranspiration", _RATE), limits)
    name_axes(figure, frame)
    return figure


def importance(values: xr.Dataset, most: int = 40) -> Figure:
    """Mean absolute expected gradients, attributes by parameters, the most important on top."""
    ranked = table(values)
    shown = ranked.head(most)
    size = (0.55 * shown.shape[1] + 4.0, 0.26 * len(shown) + 2.0)
    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(shown.to_numpy(), cmap="viridis", vmin=0, aspect="auto")
    axis.set_xticks(range(shown.shape[1]), shown.columns, rotation=90, fontsize=8)
    axis.set_yticks(range(len(shown)), shown.index, fontsize=8)
    top = image.get_clim()[1]
    middle, digits = top / 2, 2 if top < 0.1 else 1
    for (row, column), value in np.ndenumerate(shown.to_numpy()):
        colour = "w" if value < middle else "k"
        axis.text(
            column,
            row,
            f"{100 * value:.{digits}f}",
            ha="center",
            va="center",
            fontsize=6.5,
            color=colour,
        )
    bar = figure.colorbar(image, ax=axis)
    bar.set_label("mean |expected gradient| / fraction of the range", fontsize=8)
    title = "numbers in % of the range"
    if len(shown) < len(ranked):
        title = f"{len(shown)} of {len(ranked)} attributes, {title}"
    axis.set_title(title, fontsize=9, loc="left")
    return figure


def _readable(name: str) -> str:
    return name.replace("_", " ")


def _panels(count: int, wide: float, high: float):
    across = min(count, 2 if count <= 4 else 3)
    down = -(-count // across)
    figure = Figure(figsize=(wide * across, high * down + 0.7), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axis in panels[count:]:
        axis.remove()
    return figure, panels


def _finish(figure: Figure, panels, handles, labels, gauges: int) -> None:
    for axis in panels:
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.25, axis="y")
    ncols = min(len(labels), 6 if figure.get_figwidth() > 8.5 else 3)
    figure.legend(
        handles, labels, loc="outside upper right", ncols=ncols, fontsize=8.5, frameon=False
    )
    if gauges > len(panels):
        figure.suptitle(f"{len(panels)} of {gauges} gauges", fontsize=10, x=0.01, ha="left")
