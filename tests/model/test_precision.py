"""A model in double precision knows its domain to all digits."""

import numpy as np
import pytest
import torch

import gridhydro as gh
from gridhydro.model.river import flow_length
from gridhydro.observations.discharge import per_area
from tests.support.hydropy_world import hydropy_model, hydropy_world
from tests.support.small_world import small_model


def test_areas_and_lengths_in_double_are_those_of_the_domain():
    model = small_model()
    single = model.area.clone()
    assert model.double() is model
    assert torch.equal(model.area, torch.as_tensor(model.domain.area))
    assert torch.equal(model.flow_length, torch.as_tensor(flow_length(model.domain)))
    assert per_area(model).dtype == torch.float64
    assert torch.equal(model.float().area, single)
    # and as a part of something else
    assert torch.equal(
        torch.nn.ModuleList([model]).double()[0].area, torch.as_tensor(model.domain.area)
    )


def test_properties_in_double_are_those_given():
    world = hydropy_world()
    model = hydropy_model(world.domain, world.land, network="none")
    lost = model.properties.double()
    model.double()
    assert not torch.equal(model.properties, lost)
    assert np.array_equal(model.properties.float(), lost.float())


@pytest.mark.parametrize("size", [123.456789123456, 1e-3 / 3, 7e6 / 9])
def test_discharge_in_double_is_exact(size):
    domain = gh.Domain.of_basins([size], ["x"])
    model = gh.Model(domain, "hbv", network="none").double()
    run = model(torch.full((3, 200, 1), 5.0, dtype=torch.float64), outputs=("runoff",))
    expected = run.outputs["runoff"] * size * 1e3 / 86400  # 1 mm d-1 on 1 km2 is 1000 m3 d-1
    torch.testing.assert_close(run.discharge, expected, rtol=1e-14, atol=0)
