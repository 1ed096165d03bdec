"""Lines and unit basins of reaches as they are drawn on a map."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection

from gridhydro.domain.grid import transform
from gridhydro.domain.reaches import Reaches


def lines(reaches: Reaches, cells: np.ndarray, crs) -> tuple[list[np.ndarray], np.ndarray]:
    """The lines of some reaches (K,) in a reference system, one behind the other, and which of them
    each is of."""
    import shapely

    if reaches.lines is None:
        return [], np.zeros(0, int)
    return _parts(shapely.get_parts(reaches.lines[cells], return_index=True), reaches.crs, crs)


def draw(axis, domain, frame, values: np.ndarray, limits, cmap):
    """Draw values (N,) on the unit basins of reaches, on their lines, or at their places."""
    import shapely

    reaches = domain.reaches
    style = {"norm": limits.norm, "cmap": cmap, "zorder": 1}
    if reaches is None or (reaches.lines is None and reaches.polygons is None):
        x, y = domain.lonlat
        return axis.scatter(x * frame.unit, y * frame.unit, s=14, c=values, **style)
    if reaches.polygons is None:
        found, number = lines(reaches, np.arange(len(reaches)), frame.crs)
        drawn: LineCollection | PolyCollection = LineCollection(found, linewidths=1.2, **style)
    else:
        parts, number = shapely.get_parts(reaches.polygons, return_index=True)
        rings = shapely.get_exterior_ring(parts), number
        found, number = _parts(rings, reaches.crs, frame.crs)
        drawn = PolyCollection(found, linewidths=0.1, edgecolors="face", **style)
    drawn.set_array(np.asarray(values, float)[number])
    axis.add_collection(drawn, autolim=False)
    return drawn


def _parts(parts, source, crs) -> tuple[list[np.ndarray], np.ndarray]:
    """Coordinates of lines, each (P, 2), in another reference system, and their numbers."""
    import shapely

    shapes, number = parts
    points, of = shapely.get_coordinates(shapes, return_index=True)
    x, y = transform(points[:, 0], points[:, 1], source, crs)
    edges = np.flatnonzero(np.diff(of)) + 1
    return np.split(np.column_stack([x, y]), edges), number
