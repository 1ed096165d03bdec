"""The river of a domain: how long water is on its way, from the velocity or from the lag."""

import numpy as np
import pytest
import torch
import xarray as xr

from gridhydro.domain.domain import Domain
from gridhydro.model.river import SECONDS, River, flow_length

CELLS, DAYS, KILOMETRES = 4, 1500, 50


def line():
    """Two rows of cells, both with a river that runs east to an outlet."""
    codes = np.ones((2, CELLS), int)
    codes[:, -1] = 0
    coords = {"y": [1000.0 * KILOMETRES, 0.0], "x": 1000.0 * KILOMETRES * np.arange(CELLS)}
    return Domain.from_d8(xr.DataArray(codes, coords, ("y", "x")).rio.write_crs(3035), "esri")


def mean_way(river, **parameters):
    """Days, on average, from the rain of the first day on the first cell to the outlet."""
    domain = line()
    (first,), (last,) = (
        np.flatnonzero((domain.row == 0) & (domain.col == col)) for col in (0, CELLS - 1)
    )
    area = torch.as_tensor(domain.area)
    runoff = torch.zeros(DAYS, domain.size, dtype=torch.float64)
    runoff[0, first] = 1.0
    values = {
        n: torch.full((domain.size, 1), v, dtype=torch.float64) for n, v in parameters.items()
    }
    length = torch.as_tensor(flow_length(domain))
    flow, *_ = river.discharge(runoff, domain, area, length, values, {}, None, None)
    out = flow[:, last]
    torch.testing.assert_close(out.sum() * SECONDS, area[first] / 1000)  # all of it has come
    return float((out * torch.arange(DAYS)).sum() / out.sum())


@pytest.mark.parametrize("reservoirs", [1, 2, 5])
def test_river_velocity_is_that_of_the_water_for_any_number_of_reservoirs(reservoirs):
    """More reservoirs sharpen the wave and do not delay it: length / velocity, cell by cell.

    Runoff joins below the reservoirs of its own cell; those of all cells below delay it.
    """
    found = mean_way(River(reservoirs, substeps=8), river_velocity=0.05)
    distance = (CELLS - 1) * KILOMETRES * 1000
    assert found == pytest.approx(distance / 0.05 / SECONDS, rel=1e-6)


@pytest.mark.parametrize("reservoirs", [1, 3])
def test_river_lag_is_that_of_each_reservoir(reservoirs):
    river = River(reservoirs, substeps=8, learned="lag")
    found = mean_way(river, river_lag=4.0)
    assert found == pytest.approx((CELLS - 1) * 4.0 * reservoirs, rel=1e-6)
