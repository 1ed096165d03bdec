"""Tiles of a domain, and means over them."""

import numpy as np
import pytest
import torch
import xarray as xr

from gridhydro import Domain, Tiles
from tests.support.tile_domains import amazon, raster


def test_tiles_of_the_amazon_are_the_56_published(data):
    """Three degrees and half of a tile make the 56 tiles of Wang et al. (2024, WRR)."""
    domain = amazon(data("ddm30/ddm30_global_30min.nc"))
    tiles = Tiles.of(domain)
    assert tiles.size == 56
    assert repr(tiles) == "Tiles: 56, over 1844 of 1946 cells"
    assert (tiles.fraction >= 0.5).all() and (tiles.fraction <= 1).all()
    assert Tiles.of(domain, minimum=0).size > 56 > Tiles.of(domain, minimum=0.9).size
    # every cell is in one tile at most, and where the bounds say
    assert np.unique(tiles.matrix.indices).size == tiles.matrix.nnz
    lon, lat = domain.lonlat
    for k, (west, south, east, north) in enumerate(tiles.bounds):
        cells = tiles.matrix[[k]].indices
        assert (lon[cells] > west).all() and (lon[cells] < east).all()
        assert (lat[cells] > south).all() and (lat[cells] < north).all()
        area = domain.area[cells]
        np.testing.assert_allclose(tiles.matrix[[k]].data, area / area.sum(), rtol=1e-12)
    assert "4.5S 61.5W" in tiles.names


def test_tile_weights_are_areas_and_fractions_are_of_the_whole_tile():
    domain = raster(0.0, 0.0, (4, 8), 1.0)
    tiles = Tiles.of(domain, 3.0, minimum=0)
    assert list(tiles.names) == [
        "1.5N 1.5E", "1.5N 4.5E", "1.5N 7.5E", "4.5N 1.5E", "4.5N 4.5E", "4.5N 7.5E"
    ]  # fmt: skip
    np.testing.assert_allclose(tiles.fraction, [1, 1, 2 / 3, 1 / 3, 1 / 3, 2 / 9], atol=2e-3)
    np.testing.assert_allclose(tiles.fraction[0], 1, rtol=1e-12)
    assert Tiles.of(domain, 3.0, minimum=0.5).size == 3


def test_a_cell_on_an_edge_belongs_to_both_tiles():
    # cells of two degrees: the second column lies from 2 to 4, across the edge at 3
    domain = raster(0.0, 0.0, (3, 3), 2.0)
    tiles = Tiles.of(domain, 3.0, minimum=0.9)
    np.testing.assert_allclose(tiles.fraction, 1, rtol=2e-3)
    column = xr.DataArray(domain.col.astype(float))
    mean = tiles.mean(torch.from_numpy(column.values))
    np.testing.assert_allclose(mean, [1 / 3, 5 / 3] * 2, rtol=1e-12)


def test_tiles_across_the_date_line_and_on_a_projected_raster():
    east = raster(0.0, 177.0, (6, 12), 0.5)  # from 177 E to 177 W
    tiles = Tiles.of(east, 3.0)
    assert list(tiles.names) == ["1.5N 178.5W", "1.5N 178.5E"]
    values = torch.from_numpy((east.lonlat[0] % 360 > 180).astype(float))
    np.testing.assert_allclose(tiles.mean(values), [1, 0], rtol=1e-12, atol=0)
    y, x = (np.arange(n) * 20e3 for n in (30, 30))
    codes = xr.DataArray(np.zeros((30, 30)), {"y": 2.6e6 + y, "x": 4.0e6 + x}, ("y", "x"))
    laea = Domain.from_d8(codes, "watergap", crs="EPSG:3035")
    found = Tiles.of(laea, 1.0, minimum=0.99)
    assert found.size > 10
    # cells of 400 km2 in tiles of about 8,000: fractions come out right to a few per cent
    assert Tiles.of(laea, 1.0, minimum=0).fraction.max() <= 1
    np.testing.assert_allclose(found.matrix.sum(axis=1), 1, rtol=1e-12)


def test_lumped_basins_are_their_own_tiles():
    domain = Domain.of_basins([10.0, 20], ["a", "b"])
    tiles = Tiles.of_basins(domain)
    values = torch.tensor([[1.0, 2], [3, 4]])
    assert torch.equal(tiles.mean(values), values)
    assert list(tiles.names) == ["a", "b"] and repr(tiles) == "Tiles: 2, over 2 of 2 cells"


@pytest.mark.filterwarnings("error")
def test_tile_means_have_gradients_and_leave_out_other_cells():
    tiles = Tiles.of(raster(0.0, 0.0, (4, 4), 1.0), 3.0, minimum=0.9)
    values = torch.rand(3, 16, dtype=torch.float64, requires_grad=True)
    expected = values.detach().numpy() @ tiles.matrix.toarray().T
    np.testing.assert_allclose(tiles.mean(values).detach(), expected, rtol=1e-14)
    assert torch.autograd.gradcheck(tiles.mean, values)
    outside = torch.ones(16)
    outside[np.setdiff1d(np.arange(16), tiles.matrix.indices)] = torch.nan
    np.testing.assert_allclose(tiles.mean(outside), [1.0], rtol=1e-6)
    with pytest.raises(ValueError, match=r"values are \(R, 16\) for these tiles, not \(3, 4\)"):
        tiles.mean(torch.ones(3, 4))


def test_impossible_tiles_are_refused():
    domain = raster(0.0, 0.0, (2, 2), 1.0)
    with pytest.raises(ValueError, match="covers at most 44% of a tile of 3 degrees"):
        Tiles.of(domain)
    with pytest.raises(ValueError, match=r"tiles of 2\.7 degrees do not divide the globe"):
        Tiles.of(domain, 2.7)
    with pytest.raises(ValueError, match="tiles of 0 degrees"):
        Tiles.of(domain, 0)
    with pytest.raises(ValueError, match=r"use Tiles\.of_basins"):
        Tiles.of(Domain.of_basins([1.0], ["a"]))
    with pytest.raises(ValueError, match=r"is a raster: use Tiles\.of"):
        Tiles.of_basins(domain)
