"""Figures of water storage: how well it fits on every tile, and the series of some of them.

As in `gridhydro.evaluation.plots`, every function returns a Figure that `plots.save` writes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from gridhydro.domain.grid import known_crs
from gridhydro.domain.map_colours import Limits, colour_bar
from gridhydro.domain.map_frame import Frame, dress, name_axes
from gridhydro.evaluation.plot_scores import LABELS
from gridhydro.evaluation.plots import OBSERVED, SIMULATED, dated, one_legend

TILES = 8  # series on one figure, at most


def tile_map(pairs: xr.Dataset, table: pd.DataFrame, metric: str = "nse") -> Figure:
    """Tiles coloured by a score from 0 to 1; those without a score are hollow.

    pairs  Dataset of `Run.storage`; table: scores of one period, by tile
    """
    edges = [pairs[n].values for n in ("west", "south", "east", "north")]
    west, south, east, north = edges
    frame = Frame(
        (west.min() - 0.5, east.max() + 0.5, south.min() - 0.5, north.max() + 0.5),
        known_crs("EPSG:4326"),
    )
    wide, high = frame.size(5.8, 6.4)
    figure = Figure(figsize=(wide + 1.5, high + 0.9), layout="constrained")
    axis = figure.subplots()
    values = table.set_index("tile")[metric].reindex(pairs["tile"].values.astype(str)).to_numpy()
    known = values[np.isfinite(values)]
    limits = Limits.of(known if known.size else [0.0], (0.0, 1.0))
    norm = limits.norm
    image = axis.scatter([], [], c=[], cmap="viridis", norm=norm)
    for left, bottom, right, top, value in zip(*edges, values, strict=True):
        size = right - left, top - bottom
        fill = image.cmap(norm(value)) if np.isfinite(value) else "none"
        axis.add_patch(Rectangle((left, bottom), *size, facecolor=fill, edgecolor="0.4", lw=0.6))
        if np.isfinite(value):
            shade = "white" if norm(value) < 0.6 else "black"
            centre = left + size[0] / 2, bottom + size[1] / 2
            axis.text(*centre, f"{value:.2f}", ha="center", va="center", fontsize=7, color=shade)
    dress(axis, frame, ((west + east) / 2, (south + north) / 2))
    name_axes(axis, frame)
    middle = f"median {np.median(known):.2f}, " if known.size else ""
    title = f"{table['period'].iloc[0]}: {middle}{len(values)} tiles"
    axis.set_title(title, fontsize=10, loc="left")
    colour_bar(figure, image, axis, f"{LABELS.get(metric, metric)} of storage anomalies", limits)
    return figure


def tile_series(pairs: xr.Dataset, tables: pd.DataFrame | None = None) -> Figure:
    """Modelled and observed anomalies of 8 tiles at most, from the best to the worst fit.

    tables  scores of one or more periods: their NSE stand in the titles, the last orders the tiles
    """
    names, drawn = _chosen(pairs, tables)
    across = 1 if len(drawn) < 3 else 2
    down = -(-len(drawn) // across)
    figure = Figure(figsize=(7.5 * across, 2.1 * down + 0.6), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    time = pairs["solution"].values
    for axis, name in zip(panels, drawn, strict=False):
        part = pairs.sel(tile=name)
        axis.plot(time, part["modelled"], color=SIMULATED, lw=1.8, alpha=0.8, label="modelled")
        axis.plot(
            time, part["observed"], color=OBSERVED, lw=0.8, marker=".", ms=3, label="observed"
        )
        axis.set_title(_title(name, tables), fontsize=10, loc="left")
        axis.margins(x=0.01)
        axis.yaxis.set_major_locator(MaxNLocator(5))
        dated(axis)
    one_legend(figure, panels, len(drawn))
    if len(drawn) < len(names):
        note = f"{len(drawn)} of {len(names)} tiles, best to worst"
        figure.suptitle(note, fontsize=10, x=0.01, ha="left")
    figure.supylabel("anomaly of water storage / mm", fontsize=10)
    return figure


def seasons(pairs: xr.Dataset, tables: pd.DataFrame | None = None) -> Figure:
    """Mean anomalies of the calendar months, modelled and observed, of the tiles of `tile_series`;
    the ground is where the middle 80 % of the years lie. Solutions with both count."""
    names, drawn = _chosen(pairs, tables)
    across = min(len(drawn), 4)
    down = -(-len(drawn) // across)
    figure = Figure(figsize=(3.2 * across + 0.6, 2.3 * down + 0.6), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    month = pd.DatetimeIndex(pairs["solution"].values).month
    for axis, name in zip(panels, drawn, strict=False):
        part = pairs.sel(tile=name)
        table = pd.DataFrame({n: part[n].values for n in ("modelled", "observed")}).dropna()
        by_month = table.groupby(month[table.index])
        mean = by_month.mean().reindex(range(1, 13))
        low, high = (by_month.quantile(q).reindex(range(1, 13)) for q in (0.1, 0.9))
        for which, colour in (("modelled", SIMULATED), ("observed", OBSERVED)):
            axis.fill_between(mean.index, low[which], high[which], color=colour, alpha=0.13, lw=0)
            wide = 2.0 if which == "modelled" else 1.1
            axis.plot(mean.index, mean[which], color=colour, lw=wide, marker=".", label=which)
        axis.axhline(0, color="0.7", lw=0.7, zorder=0)
        axis.set_title(name, fontsize=9, loc="left")
        axis.set_xticks(range(1, 13), list("JFMAMJJASOND"))
        axis.tick_params(labelsize=8, labelbottom=True)
        axis.grid(alpha=0.25)
    one_legend(figure, panels, len(drawn))
    if len(drawn) < len(names):
        note = f"{len(drawn)} of {len(names)} tiles, best to worst"
        figure.suptitle(note, fontsize=10, x=0.01, ha="left")
    figure.supylabel("anomaly of water storage / mm", fontsize=10)
    return figure


def _chosen(pairs: xr.Dataset, tables: pd.DataFrame | None) -> tuple[list[str], list[str]]:
    """All tiles, from the best to the worst fit of the last period, and those that are drawn."""
    names = [str(name) for name in pairs["tile"].values]
    if tables is not None:
        last = tables[tables["period"] == tables["period"].iloc[-1]].set_index("tile")["nse"]
        names.sort(key=lambda name: -np.nan_to_num(last.get(name, np.nan), nan=-np.inf))
    chosen = np.unique(np.linspace(0, len(names) - 1, min(TILES, len(names))).round().astype(int))
    return names, [names[place] for place in chosen]


def _title(name: str, tables: pd.DataFrame | None) -> str:
    if tables is None:
        return name
    rows = tables[tables["tile"] == name]
    parts = [f"{row.period}: NSE {row.nse:.2f}" for row in rows.itertuples()]
    return f"{name}   {'   '.join(parts)}"
