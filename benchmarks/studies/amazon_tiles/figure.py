"""The tiles of the Amazon as a map, and the series of some of them."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmarks.studies.amazon_tiles.tiles import Found, examples, statistics
from benchmarks.studies.storage import middles

COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7")


def draw(found: Found) -> Figure:
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    colours = _map(left, found)
    figure.colorbar(colours, ax=left, label="range of the mean year / mm", shrink=0.8)
    _series(right, found)
    return figure


def _map(axis, found: Found):
    """Cells and tiles, coloured by the annual range, those of the series in frames."""
    lon, lat = found.domain.lonlat
    axis.scatter(lon, lat, s=3, color="0.8", marker="s", lw=0)
    ranges = statistics(found)["annual range mm"].to_numpy()
    norm, cmap = mpl.colors.Normalize(ranges.min(), ranges.max()), mpl.colormaps["viridis"]
    for (west, south, east, north), value in zip(found.tiles.bounds, ranges, strict=True):
        colour = (*cmap(norm(value))[:3], 0.75)
        axis.add_patch(
            Rectangle((west, south), east - west, north - south, facecolor=colour, ec="white")
        )
    for colour, name in zip(COLOURS, examples(found), strict=False):
        west, south, east, north = found.tiles.bounds[list(found.tiles.names).index(name)]
        axis.add_patch(
            Rectangle((west, south), east - west, north - south, fill=False, ec=colour, lw=2.5)
        )
    axis.set_aspect("equal")
    axis.set_xlim(lon.min() - 2, lon.max() + 2)
    axis.set_ylim(lat.min() - 2, lat.max() + 2)
    axis.set_xlabel("longitude / degrees")
    axis.set_ylabel("latitude / degrees")
    return mpl.cm.ScalarMappable(norm, cmap)


def _series(axis, found: Found) -> None:
    times = middles(found.storage)
    # a line over months without a solution would tell of what nobody observed
    gap = np.concatenate([[False], np.diff(times) > np.timedelta64(100, "D")])
    for colour, name in zip(COLOURS, examples(found), strict=False):
        series = found.storage.values[:, list(found.tiles.names).index(name)]
        axis.plot(times, np.where(gap, np.nan, series), color=colour, lw=1.1, label=name)
    basin = np.where(gap, np.nan, found.basin)
    axis.plot(times, basin, color="black", lw=1.6, label="mean of the tiles")
    axis.set_ylabel("anomaly of water storage / mm")
    axis.grid(alpha=0.25)
    axis.margins(x=0.01)
    axis.legend(ncols=3, fontsize=8.5, frameon=False, loc="upper left")
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.2 * (high - low))
