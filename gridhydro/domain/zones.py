"""How much of each cell of a grid lies in polygons: areas, found once for each grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gridhydro.base.damage import reason
from gridhydro.domain.grid import Grid, spacing
from gridhydro.domain.polygons import Polygons

if TYPE_CHECKING:
    import scipy.sparse

_SLIVER = 1e-9  # of a cell: less than that is rounding


@dataclass(frozen=True, eq=False)
class Zones:
    """The cells of a grid in each of N polygons.

    rows, cols  the window of the grid that they lie in
    cells       (K,) those of the window that lie in any of them, numbered row by row
    area        (N, K), m2 that a cell and a polygon share
    covered     (N,) the part of each polygon that the grid reaches
    """

    rows: slice
    cols: slice
    cells: np.ndarray
    area: scipy.sparse.csr_array
    covered: np.ndarray

    @classmethod
    def of(cls, polygons: Polygons, grid: Grid) -> Zones:
        """The zones of polygons in any reference system; ValueError where the grid reaches none.

        Part of a cell is that of its plane: of longitudes and latitudes, of the degrees of a cell,
        which has its area on the ellipsoid.
        """
        import scipy.sparse

        shapes = polygons.on(grid.crs)
        found = [shared(shape, grid) for shape in shapes]
        covered = np.array([fraction for *_, fraction in found])
        row, col, part = (np.concatenate([one[i] for one in found]) for i in range(3))
        if not row.size:
            raise ValueError(
                f"none of the polygons lies on the grid, which spans {grid.x.min():g} to "
                f"{grid.x.max():g} and {grid.y.min():g} to {grid.y.max():g} in {grid.crs.name}"
            )
        rows, cols = (slice(int(at.min()), int(at.max()) + 1) for at in (row, col))
        height = Grid(grid.y, grid.x[:2], grid.crs).cell_area()[:, 0]
        width = cols.stop - cols.start
        cells, cell = np.unique((row - rows.start) * width + col - cols.start, return_inverse=True)
        zone = np.repeat(np.arange(len(polygons)), [one[0].size for one in found])
        shape = len(polygons), cells.size
        area = scipy.sparse.coo_array((part * height[row], (zone, cell)), shape=shape).tocsr()
        return cls(rows, cols, cells, area, covered)

    @property
    def touched(self) -> np.ndarray:
        """The cells of the window that lie in a polygon by more than a sliver, by their numbers."""
        most = self.area.max(axis=1).toarray().ravel()
        zone = np.repeat(np.arange(most.size), np.diff(self.area.indptr))
        return self.cells[np.unique(self.area.indices[self.area.data > 1e-3 * most[zone]])]

    def mean(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means (..., N) by area of layers (..., cells of the window), NaN where a polygon has no
        data, and the part (..., N) of its area on the grid that has data."""
        # one copy, with the layers of a cell together, as the product goes through them
        flat = values.reshape(-1, values.shape[-1]).T[self.cells].astype(np.float64)
        valid = np.isfinite(flat)
        whole = np.asarray(self.area.sum(axis=1))
        if valid.all():
            total = (self.area @ flat).T
            there = np.broadcast_to(whole, total.shape)
        else:
            flat[~valid] = 0
            total, there = (self.area @ flat).T, (self.area @ valid.astype(np.float64)).T
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(there > _SLIVER * whole, total / there, np.nan)
            part = np.where(whole > 0, there / whole, 0)
        shape = *values.shape[:-1], len(whole)
        return mean.reshape(shape), part.reshape(shape)


def shared(shape, grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Row, column and part of each cell of a grid that lies in a shape in its reference system, and
    the part of the shape that the grid reaches.
    """
    found = list(by_turn(shape, grid))
    row, col, part = (
        np.concatenate([np.zeros(0, kind), *(one[i] for one in found)])
        for i, kind in enumerate((np.int64, np.int64, np.float64))
    )
    return row, col, part, min(sum(reached for *_, reached in found), 1.0)


def by_turn(shape, grid: Grid) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """As `shared`, for each turn of longitudes in which the shape lies on the grid."""
    import shapely

    box, whole = _box(grid), shapely.area(shape)
    for turn in _turns(shape, box, grid):
        moved = (
            shape if not turn else shapely.transform(shape, lambda p, t=turn: p + np.array([t, 0]))
        )
        west, south, east, north = moved.bounds
        if west < box[2] and east > box[0] and south < box[3] and north > box[1]:
            reached = float(shapely.area(shapely.clip_by_rect(moved, *box)) / whole)
            yield *_cells(moved, grid, box), reached


def _box(grid: Grid) -> tuple[float, float, float, float]:
    """The outer edges of a grid: west, south, east, north; once around the globe at most."""
    half = abs(spacing(grid.y)) / 2, abs(spacing(grid.x)) / 2
    west, south = grid.x.min() - half[1], grid.y.min() - half[0]
    east, north = grid.x.max() + half[1], grid.y.max() + half[0]
    if grid.geographic:
        around = round(360 / (2 * half[1])) * 2 * half[1]
        if grid.x[0] < grid.x[-1]:
            east = min(east, west + around)
        else:
            west = max(west, east - around)
    return west, south, east, north


def _turns(shape, box, grid: Grid) -> list[float]:
    """What is added to the longitudes of a shape so that it may lie on the grid."""
    if not grid.geographic:
        return [0.0]
    west, _, east, _ = shape.bounds
    first, after = np.floor((box[0] - east) / 360) + 1, np.ceil((box[2] - west) / 360)
    return [360.0 * turn for turn in range(int(first), int(after))]


def _cells(shape, grid: Grid, box) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and part of the cells within a shape, as exactextract finds them."""
    import shapely

    west, south, east, north = box
    rows, cols = grid.y.size, min(grid.x.size, round((east - west) / abs(spacing(grid.x))))
    tool = _exactextract()
    # no values are read of it, and none are held
    raster = tool.raster.NumPyRasterSource(
        np.broadcast_to(np.int8(0), (rows, cols)), xmin=west, ymin=south, xmax=east, ymax=north
    )
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shape)}
    source = tool.feature.JSONFeatureSource([feature])
    (said,) = tool.exact_extract(raster, source, ["cell_id", "coverage"])
    cell, part = (np.asarray(said["properties"][key]) for key in ("cell_id", "coverage"))
    inside = part > _SLIVER
    row, col = np.divmod(cell[inside].astype(np.int64), cols)  # from the north-west corner on
    if grid.y[0] < grid.y[-1]:
        row = rows - 1 - row
    if grid.x[0] > grid.x[-1]:
        col = cols - 1 - col
    return row, col, part[inside].astype(np.float64)


def _exactextract():
    try:
        import exactextract
        import exactextract.feature
        import exactextract.raster
    except ImportError as error:
        raise ImportError(
            f"means over polygons are made with exactextract, which is not here "
            f"({reason(error)}): pip install 'gridhydro[polygons]'"
        ) from error
    return exactextract
