"""Terrain of the generated catchment: a tilted fractal, lifted and eroded until rivers drain it."""

from __future__ import annotations

import numpy as np
import pyflwdir
from affine import Affine
from scipy.ndimage import gaussian_filter

from gridhydro.synthetic.catchment_grid import CELL, CORNER, NOWHERE, SHAPE
from gridhydro.synthetic.random_fields import smooth_map

UPLIFTS, EROSION = 15, 0.05


def terrain(rng):
    """Elevation (m), PCRaster directions of the largest catchment, and all rivers."""
    rows, cols = np.indices(SHAPE)
    # a ring of mountains, higher in the east, with one gap in the west where the river leaves
    ring = np.hypot((rows - 19.5) / 14, (cols - 25) / 20)
    ring = ring + 0.1 * smooth_map(SHAPE, rng, power=2.5)
    gap = np.exp(-((rows - 19.5) ** 2) / 30) * (cols < 20)
    rise = np.exp(-(((ring - 1) / 0.5) ** 2)) * (1 - gap) * (0.4 + 0.6 * cols / SHAPE[1])
    height = 100 + 6 * cols + 650 * rise + (100 + 200 * rise) * smooth_map(SHAPE, rng, power=1.5)
    weakness = np.exp(0.6 * smooth_map(SHAPE, rng, power=1.3))  # of the rock
    for _ in range(UPLIFTS):
        height, rivers = _drained(height)
        height = _eroded(gaussian_filter(height, 0.4) + 10 + 55 * rise, rivers, weakness)
    height, rivers = _drained(height)
    catchments = rivers.basins()
    inside = catchments == np.bincount(catchments.ravel()).argmax()
    ldd = np.where(inside, rivers.to_array("ldd"), NOWHERE).astype(np.uint8)
    return height.astype(float), ldd, rivers


def _drained(height):
    """Height with its depressions filled, and the rivers on it."""
    height, directions = pyflwdir.dem.fill_depressions(height.astype(np.float32))
    transform = Affine(CELL, 0, CORNER[0], 0, -CELL, CORNER[1])
    return height, pyflwdir.from_array(directions, ftype="d8", transform=transform)


def _eroded(height, rivers, weakness):
    """One implicit step of stream power incision, which cuts valleys (Braun & Willett 2013)."""
    height = height.ravel().copy()
    incision = EROSION * (weakness * np.sqrt(rivers.upstream_area("cell"))).ravel()
    for cell in rivers.idxs_seq:  # from the outlets up
        below = rivers.idxs_ds[cell]
        height[cell] = (height[cell] + incision[cell] * height[below]) / (1 + incision[cell])
    return height.reshape(SHAPE)
