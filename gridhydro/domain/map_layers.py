"""Layers of a map: rivers by the area upstream, and values of the cells."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap

from gridhydro.domain.map_colours import LAND, Limits
from gridhydro.domain.map_frame import Frame

RIVER = "#2a6db0"
LEAST = 500  # cells of which rivers are drawn, of those with the largest area upstream


def rivers(
    axis, domain, frame: Frame, minimum_km2: float | None = None, most: int | None = None,
    widths: tuple[float, float] = (0.35, 2.6), colour: str = RIVER, alpha: float = 1.0,
) -> tuple[float, float]:  # fmt: skip
    """Draw the river network, wider with the area upstream; returns the smallest and the largest
    area drawn, km2, both 0 where there is no river.

    minimum_km2  area that a river drains to be drawn; where left out that of the `most` largest
                 cells, a round number: 500 cells, of large domains a twelfth
    """
    most = max(LEAST, domain.size // 12) if most is None else most
    network, grid = domain.network, domain.raster_grid
    area = network.accumulate(domain.area) / 1e6
    if minimum_km2 is None:
        minimum_km2 = round_up(np.sort(area)[-most]) if area.size > most else 0.0
    cells = np.flatnonzero((network.downstream >= 0) & (area >= minimum_km2))
    x, y = grid.x[domain.col] * frame.unit, grid.y[domain.row] * frame.unit
    down = network.downstream[cells]
    near = np.abs(x[down] - x[cells]) < 0.5 * (frame.drawn[1] - frame.drawn[0])
    near |= not frame.crs.is_geographic  # the others go across the date line
    cells, down = cells[near], down[near]
    if not cells.size:
        return 0.0, 0.0
    low, high = float(area[cells].min()), float(area.max())
    order = np.argsort(area[cells], kind="stable")
    cells, down = cells[order], down[order]
    ends = np.stack([np.column_stack([x[c], y[c]]) for c in (cells, down)], axis=1)
    drawn = LineCollection(
        list(ends), linewidths=river_width(area[cells], low, high, widths), colors=colour,
        alpha=alpha, capstyle="round", zorder=2.6,
    )  # fmt: skip
    axis.add_collection(drawn, autolim=False)
    return low, high


def river_width(area, low: float, high: float, widths: tuple[float, float] = (0.35, 2.6)):
    """Points of width of a river that drains an area: it grows with the area's logarithm."""
    part = np.log(np.asarray(area) / low) / max(np.log(high / low), 1e-9)
    return widths[0] + (widths[1] - widths[0]) * part**1.5


def round_up(value: float) -> float:
    """The next number 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= value * (1 - 1e-9))


def raster_of(domain, values: np.ndarray) -> np.ndarray:
    """Values (N,) as a raster of the frame of the domain, north up, NaN where there is no cell."""
    grid = domain.raster_grid
    col, row = domain.col - domain.col.min(), domain.row - domain.row.min()
    found = np.full((row.max() + 1, col.max() + 1), np.nan)
    found[row, col] = values
    return found[:: 1 if grid.y[-1] < grid.y[0] else -1, :: 1 if grid.x[-1] > grid.x[0] else -1]


def cells(axis, domain, frame: Frame, values: np.ndarray, limits: Limits, cmap="viridis"):
    """Draw values (N,) where the cells are."""
    return axis.imshow(
        raster_of(domain, values), extent=frame.drawn, norm=limits.norm, cmap=cmap,
        interpolation="nearest", zorder=1,
    )  # fmt: skip


def outline(axis, domain, frame: Frame, colour: str = "0.35", width: float = 0.7) -> None:
    """Draw the edge between cells of the domain and what is none."""
    inside = np.isfinite(raster_of(domain, np.zeros(domain.size)))
    left, right, bottom, top = frame.drawn
    x = np.linspace(left, right, inside.shape[1] + 1)
    y = np.linspace(top, bottom, inside.shape[0] + 1)
    padded = np.pad(inside, 1)
    row, col = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    across = np.stack([np.column_stack([x[col + end], y[row]]) for end in (0, 1)], axis=1)
    row, col = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    up = np.stack([np.column_stack([x[col], y[row + end]]) for end in (0, 1)], axis=1)
    width = width if domain.size < 10_000 else width / 2
    edges = LineCollection(
        [*across, *up], colors=colour, linewidths=width, zorder=2.5,
        capstyle="projecting",
    )  # fmt: skip
    axis.add_collection(edges, autolim=False)


def ground(axis, domain, frame: Frame) -> None:
    """Draw the area of a domain, its edge and its rivers, for points that lie on them."""
    cells(axis, domain, frame, np.zeros(domain.size), Limits(0, 1), ListedColormap([LAND]))
    outline(axis, domain, frame)
    rivers(axis, domain, frame, most=300, widths=(0.3, 1.8), alpha=0.7)


def gauge_places(domain, frame: Frame) -> np.ndarray:
    """x and y of all gauges as drawn, (2, G)."""
    return domain.gauges[["x", "y"]].to_numpy(float).T * frame.unit


def places(domain, frame: Frame) -> np.ndarray:
    """x and y of all cells as drawn, (2, N)."""
    if domain.lumped:
        return np.array(domain.lonlat)
    grid = domain.raster_grid
    return np.array([grid.x[domain.col], grid.y[domain.row]]) * frame.unit
