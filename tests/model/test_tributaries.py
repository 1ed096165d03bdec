"""Columns on a raster, rivers on a vector network: runoff of cells as water in reaches."""

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
import torch
import xarray as xr

import gridhydro as gh
from gridhydro import Domain
from gridhydro.domain.check import DomainWarning
from gridhydro.model.tributaries import Tributaries

SIDE, KM = 4, 1000.0


def raster() -> Domain:
    codes = np.full((SIDE, SIDE), 4)
    codes[-1] = 0
    coords = {"y": KM * (SIDE - 0.5 - np.arange(SIDE)), "x": KM * (np.arange(SIDE) + 0.5)}
    return Domain.from_d8(xr.DataArray(codes, coords, ("y", "x")).rio.write_crs(3035), "esri")


def network(*widths) -> Domain:
    """Unit basins side by side from the west, of these widths in km, draining eastwards."""
    edges = KM * np.cumsum([0, *widths])
    boxes = shapely.box(edges[:-1], 0, edges[1:], SIDE * KM)
    ids = np.arange(len(widths)) + 1
    made = {"id": ids, "to": [*ids[1:], 0], "length_km": 2.0}
    table = geopandas.GeoDataFrame(pd.DataFrame(made), geometry=boxes, crs=3035)
    columns = {"id": "id", "downstream": "to", "length": "length_km"}
    return Domain.from_network(table, columns=columns)


def test_water_of_cells_goes_to_the_unit_basins_that_they_lie_in():
    cells, rivers = raster(), network(1.5, 2.5)
    found = Tributaries.of(cells, rivers)
    runoff = torch.from_numpy(np.random.default_rng(0).random((3, cells.size)))
    volume = found.volume(runoff)
    # a loop apart: of the second column half goes to the west
    west = {0: 1.0, 1: 0.5, 2: 0.0, 3: 0.0}
    for reach, part in ((1, lambda c: west[c]), (2, lambda c: 1 - west[c])):
        expected = sum(
            runoff[:, n] * 1e6 / 1000 * part(int(cells.col[n])) for n in range(cells.size)
        )
        place = int(rivers.reaches.places([reach])[0])
        torch.testing.assert_close(volume[:, place], expected)
    torch.testing.assert_close(volume.sum(1), runoff.sum(1) * 1000)  # none is lost


def test_gradients_go_from_the_river_to_the_runoff_of_the_cells():
    cells, rivers = raster(), network(1.5, 2.5)
    found = Tributaries.of(cells, rivers)
    runoff = torch.rand((2, cells.size), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(found.volume, (runoff,))
    flow, stored = gh.route(found.volume(runoff), rivers.network, 0.3, 1, delay=0, backend="torch")
    out = flow[:, rivers.network.outlets].sum() + stored.sum()
    torch.testing.assert_close(out, runoff.sum() * 1000)
    out.backward()
    torch.testing.assert_close(runoff.grad, torch.full_like(runoff, 1000.0))


def test_means_of_parameters_over_what_drains_to_a_reach():
    cells, rivers = raster(), network(1, 3)
    found = Tributaries.of(cells, rivers).mean(torch.from_numpy(cells.col.astype(float)))
    order = rivers.reaches.places([1, 2])
    torch.testing.assert_close(found[order], torch.tensor([0.0, 2.0], dtype=torch.float64))


def test_cells_that_drain_to_no_reach_are_said():
    with pytest.warns(DomainWarning, match=r"50.0% of the area of the cells .* \(8 of 16 cells"):
        found = Tributaries.of(raster(), network(1, 1))
    assert found.volume(torch.ones(1, 16, dtype=torch.float64)).sum() == pytest.approx(8000)
    cells, rivers = raster(), network(4)
    with pytest.raises(ValueError, match=r"row 0, col 0 .* has 1 km2, and 2 of it would drain"):
        Tributaries.pairs([0, 0], [0, 0], [1e6, 1e6], cells, rivers)
    with pytest.raises(ValueError, match="a reach of each pair is a number from 0 to 0"):
        Tributaries.pairs([0], [1], [1e6], cells, rivers)
