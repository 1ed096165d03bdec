"""A generated coast: hills that fall to a sea in the west, and the rivers that drain them."""

from __future__ import annotations

import numpy as np
import pyflwdir
from affine import Affine
from scipy.ndimage import label

from gridhydro.domain.domain import Domain
from gridhydro.synthetic.random_fields import smooth_map

# m: how far the land falls from east to west, and the standard deviation of its hills; with both,
# the sea has the lowest fifth of a tilted plain
FALL, HILLS, SEA = 1500.0, 300.0, 0.2


def coast(shape: tuple[int, int], spacing: float, seed: int = 0) -> Domain:
    """The rivers of a generated coast on a raster (rows, cols) of longitudes and latitudes.

    spacing  of the cells, degrees; the raster is centred on the equator and the prime meridian
    seed     of the hills; four fifths of the raster, roughly, are land
    """
    transform = Affine(spacing, 0, -spacing * shape[1] / 2, 0, -spacing, spacing * shape[0] / 2)
    rivers = pyflwdir.from_dem(
        heights(shape, seed), nodata=np.nan, transform=transform, latlon=True
    )
    return Domain.from_d8(rivers, crs="EPSG:4326")


def heights(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Elevation (rows, cols), m, float32: smooth noise on a tilted plane, NaN at sea."""
    inland = np.linspace(0, 1, shape[1]) - SEA
    height = FALL * inland + HILLS * smooth_map(shape, np.random.default_rng(seed))
    waters, _ = label(height < 0)
    # what lies low but apart from the western edge is a lake, which fills and flows over
    sea = np.isin(waters, np.setdiff1d(waters[:, 0], 0))
    return np.where(sea, np.nan, height).astype(np.float32)
