"""Where within its cell a coordinate lies: at the centre, or at one of the corners."""

from __future__ import annotations

import warnings

import numpy as np

from gridhydro.base.arguments import one_of
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.grid import Grid, spacing, spatial_dims

# where within its cell a coordinate of the raster lies, as fractions of it to the right and down
REFERENCES = {
    "center": (0.0, 0.0),
    "upper_left": (-0.5, -0.5),
    "lower_left": (-0.5, 0.5),
    "upper_right": (0.5, -0.5),
    "lower_right": (0.5, 0.5),
}


def centred(raster, cell_reference: str = "center"):
    """A DataArray or Dataset with coordinates of the centres of its cells.

    cell_reference  the point of a cell that its coordinates stand for: "center" (nothing changes),
                    "upper_left", "lower_left", "upper_right" or "lower_right", up being north
    ValueError for another reference.
    """
    right, down = REFERENCES[one_of("cell_reference", cell_reference, REFERENCES)]
    if cell_reference == "center":
        return raster
    y, x = spatial_dims(raster)
    # longitudes and latitudes (y, x) may be of other points, as in mHM's files of weather, where
    # they are those of the centres, but with the rows upside down
    raster = raster.drop_vars([c for c in raster.coords if raster[c].ndim > 1])
    moved = {}
    for dim, shift in ((x, -right), (y, down)):
        axis = np.asarray(raster[dim], dtype=np.float64)
        moved[dim] = (dim, axis + shift * abs(spacing(axis)), raster[dim].attrs)
    return raster.assign_coords(moved)


def suspect_corners(name, source: Grid, grid: Grid | None = None) -> None:
    """Warns of a source whose coordinates look like those of corners of its cells.

    grid  that of the domain; the source is half a cell off it on both axes, though its cells are as
          large, or a whole number of times smaller or larger
    A globe whose rows reach beyond one pole and not the other is suspected without it; one with a
    row of centres on either pole, as ERA5's, never is.
    """
    text = _beyond_a_pole(source)
    poles = source.geographic and min(source.y.max(), -source.y.min()) > 89.999
    if (
        text is None
        and not poles
        and grid is not None
        and source.crs.equals(grid.crs, ignore_axis_order=True)
    ):
        off = [_half_off(*axes) for axes in ((source.y, grid.y), (source.x, grid.x))]
        if all(off):
            text = (
                "its cells lie half a cell off those of the domain on both axes, which is right "
                "for values at the nodes of a grid and wrong where coordinates are those of corners"
            )
    if text is not None:
        corners = ", ".join(repr(one) for one in REFERENCES if one != "center")
        warnings.warn(
            f"'{name or 'the raster'}': {text}; its coordinates are taken as the centres of its "
            f"cells: if they are not, say cell_reference= one of {corners}",
            DomainWarning,
            stacklevel=4,
        )


def _beyond_a_pole(grid: Grid) -> str | None:
    step = abs(spacing(grid.y))
    if not grid.geographic or abs(step * grid.y.size - 180) > 1e-3 * step:
        return None
    edge = grid.y.max() + step / 2
    if abs(edge - 90) < 0.05 * step:
        return None
    return f"its rows cover 180 degrees, but from {edge - 180:g} to {edge:g}"


def _half_off(source: np.ndarray, axis: np.ndarray) -> bool:
    """Whether cells of two axes would share their edges if one moved by half a cell of its own."""
    steps = abs(spacing(source)), abs(spacing(axis))
    ratio = max(steps) / min(steps)
    if abs(ratio - round(ratio)) > 1e-3 * ratio:
        return False
    edges = [a.min() - s / 2 for a, s in zip((source, axis), steps, strict=True)]
    off = (edges[0] - edges[1]) / min(steps)
    return abs(abs(off - np.round(off)) - 0.5) < 0.02
