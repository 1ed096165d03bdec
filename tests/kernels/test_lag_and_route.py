"""Lag and route: kernels, a loop with queues, and the mean delay."""

import numpy as np
import pytest
import torch

from gridhydro.domain.network import Network
from gridhydro.model.reach_routing import route_reach
from gridhydro.model.river import River
from tests.kernels.test_muskingum_cunge import with_gradients
from tests.model.test_routing import forest

DAY = 86400.0


def case(seed, days=6, size=25):
    """Network, runoff, storage and rivers whose time of travel is 0 to 5 sub-steps of a day."""
    network, random = forest(seed, size), torch.Generator().manual_seed(seed)
    runoff, velocity, lag, delay = (
        torch.rand(*shape, generator=random, dtype=torch.float64)
        for shape in ((days, size), (size,), (size,), (size,))
    )
    values = {"velocity": 0.1 + velocity, "lag": 0.1 + lag}
    values["length"] = 5 * delay * values["velocity"] * DAY
    storage = torch.rand(6, size, generator=random, dtype=torch.float64)
    storage[5] = 0
    return network, runoff, values, storage


def routed(backend, network, runoff, values, storage, **options):
    options = dict(substeps=1, tile_days=2) | options
    return route_reach(
        "lag_and_route", runoff, network, values, storage=storage, backend=backend, **options
    )


@pytest.mark.parametrize("backend", ["numba", pytest.param("triton", marks=pytest.mark.thorough)])
def test_kernels_equal_the_step_in_plain_loops(backend):
    network, runoff, values, storage = case(1)
    inputs = [runoff, values["velocity"], values["lag"], storage]
    for one in inputs:
        one.requires_grad_()
    values["length"] = values["length"].detach()
    found, truth = (
        with_gradients(routed(by, network, runoff, values, storage), inputs)
        for by in (backend, "torch")
    )
    for result, expected in zip(found, truth, strict=True):
        torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-11)
        assert expected.abs().max() > 1e-6
    before, after = storage.sum() + runoff.sum(), found[1].sum()
    left = found[0][:, network.outlets].sum()
    torch.testing.assert_close(after + left, before, rtol=1e-12, atol=0)


@pytest.mark.parametrize("delay", [0.0, 0.3, 2.0, 3.5])
def test_a_pulse_waits_and_is_spread_as_a_queue_and_a_reservoir_do(delay):
    """Against numpy: two shifted copies of the pulse, and the response of the reservoir."""
    days, velocity, lag = 60, 0.5, 0.7
    network = Network.from_downstream([1, -1])[0]
    runoff = torch.zeros(days, 2, dtype=torch.float64)
    runoff[0, 0] = 1.0
    length = torch.tensor([1e-9, max(delay, 1e-9) * velocity * DAY], dtype=torch.float64)
    values = {"velocity": velocity, "lag": torch.tensor([1e-12, lag]).double(), "length": length}
    outflow = routed("torch", network, runoff, values, torch.zeros(6, 2).double())[0][:, 1].numpy()
    release = 1 / (lag + 1)
    waits = np.zeros(days)
    whole = int(delay)
    waits[[whole, whole + 1]] = 1 - (delay - whole), delay - whole
    truth = np.convolve(waits, release * (1 - release) ** np.arange(days))[:days]
    np.testing.assert_allclose(outflow, truth, atol=1e-8)
    assert (outflow * np.arange(days)).sum() == pytest.approx(delay + lag, abs=1e-6)


def test_options_of_a_cascade_are_refused():
    names = [field.name for field in River(reach="lag_and_route").parameters]
    assert names == ["river_velocity", "river_lag"]
    for options in (dict(reservoirs=2), dict(velocity=1.0), dict(delay=1)):
        with pytest.raises(ValueError, match="is of a linear cascade, not of the reach 'lag_and"):
            River(reach="lag_and_route", **options)
