"""Layers of a map: rivers by the area upstream, and values of the cells."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap

from gridhydro.domain import reach_shapes
from gridhydro.domain.grid import transform
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
    network = domain.network
    area = network.accumulate(domain.area) / 1e6
    if minimum_km2 is None:
        minimum_km2 = round_up(np.sort(area)[-most]) if area.size > most else 0.0
    drawn_lines = None if domain.reaches is None else domain.reaches.lines
    last = network.downstream < 0 if drawn_lines is None else np.zeros(domain.size, bool)
    cells = np.flatnonzero(~last & (area >= minimum_km2))
    if drawn_lines is not None:
        return _lines(axis, domain, frame, cells, area, widths, colour, alpha)
    x, y = places(domain, frame)
    down = network.downstream[cells]
    near = np.abs(x[down] - x[cells]) < 0.5 * (frame.drawn[1] - frame.drawn[0])
    near |= not frame.crs.is_geographic  # the others go across the date line
    near &= np.isfinite(x[down] + x[cells])
    cells, down = cells[near], down[near]
    if not cells.size:
        return 0.0, 0.0
    low, high = float(area[cells].min()), float(area.max())
    order = np.argsort(area[cells], kind="stable")
    cells, down = cells[order], down[order]
    ends = np.stack([np.column_stack([x[c], y[c]]) for c in (cells, down)], axis=1)
    _draw(axis, list(ends), river_width(area[cells], low, high, widths), colour, alpha)
    return low, high


def _draw(axis, lines, width, colour: str, alpha: float) -> None:
    drawn = LineCollection(
        lines, linewidths=width, colors=colour, alpha=alpha, capstyle="round", zorder=2.6
    )
    axis.add_collection(drawn, autolim=False)


def _lines(axis, domain, frame: Frame, cells, area, widths, colour: str, alpha: float):
    """As `rivers`, by the lines of these reaches (K,)."""
    if not cells.size:
        return 0.0, 0.0
    low, high = max(float(area[cells].min()), 1e-6), max(float(area.max()), 1e-6)
    cells = cells[np.argsort(area[cells], kind="stable")]
    lines, number = reach_shapes.lines(domain.reaches, cells, frame.crs)
    width = river_width(np.maximum(area[cells], low), low, high, widths)[number]
    _draw(axis, lines, width, colour, alpha)
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
    """Draw values (N,) where the cells are: of a raster, or on unit basins, lines or points."""
    if domain.grid is None:
        return reach_shapes.draw(axis, domain, frame, values, limits, cmap)
    return axis.imshow(
        raster_of(domain, values), extent=frame.drawn, norm=limits.norm, cmap=cmap,
        interpolation="nearest", zorder=1,
    )  # fmt: skip


def outline(axis, domain, frame: Frame, colour: str = "0.35", width: float = 0.7) -> None:
    """Draw the edge between cells of the domain and what is none; nothing without a raster."""
    if domain.grid is None:
        return
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
    land(axis, domain, frame)
    outline(axis, domain, frame)
    rivers(axis, domain, frame, most=300, widths=(0.3, 1.8), alpha=0.7)


def land(axis, domain, frame: Frame) -> None:
    """Draw where the cells are, in the colour of land; of reaches only their unit basins."""
    if domain.reaches is None or domain.reaches.polygons is not None:
        cells(axis, domain, frame, np.zeros(domain.size), Limits(0, 1), ListedColormap([LAND]))


def gauge_places(domain, frame: Frame) -> np.ndarray:
    """x and y of all gauges as drawn, (2, G)."""
    if domain.reaches is not None:
        x, y = domain.gauges[["x", "y"]].to_numpy(float).T
        return np.array(transform(x, y, domain.crs, frame.crs)) * frame.unit
    return domain.gauges[["x", "y"]].to_numpy(float).T * frame.unit


def places(domain, frame: Frame) -> np.ndarray:
    """x and y of all cells as drawn, (2, N)."""
    if domain.grid is None:
        return np.array(domain.lonlat)
    grid = domain.raster_grid
    return np.array([grid.x[domain.col], grid.y[domain.row]]) * frame.unit
