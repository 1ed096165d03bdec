"""The generated coast: land in the east, all of it drained, the same for a seed."""

import numpy as np

from gridhydro.synthetic.coast import coast, heights

SHAPE = (30, 40)


def test_coast_is_drained_land_behind_a_sea():
    domain = coast(SHAPE, 0.04, seed=3)
    land = np.isfinite(heights(SHAPE, seed=3))
    assert domain.size == land.sum() and 0.6 < land.mean() < 0.95
    assert not land[:, 0].any() and land[:, -1].all()
    assert np.allclose(np.diff(domain.grid.x), 0.04) and domain.crs.to_epsg() == 4326
    # rivers join: the largest drains more than a row of the raster, and ends at the sea or an edge
    network = domain.network
    largest = np.bincount(network.basin).argmax()
    row, col = domain.row[largest], domain.col[largest]
    around = np.pad(land, 1)[row : row + 3, col : col + 3]
    assert np.bincount(network.basin).max() > SHAPE[1] and not around.all()


def test_coast_is_that_of_its_seed():
    one, same, other = (heights(SHAPE, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same, equal_nan=True)
    assert not np.array_equal(one, other, equal_nan=True)
