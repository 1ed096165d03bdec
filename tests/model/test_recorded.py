"""Steps of training as they are while a CUDA graph is recorded: nothing waits for the device."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.speed import routing, training
from gridhydro.evaluation import losses
from gridhydro.model import routing as rivers
from gridhydro.model import routing_values
from gridhydro.model.routing import route

# what asks whether launches are recorded
READERS = (rivers, routing_values, losses)


class Reads(TorchDispatchMode):
    """Refuses what waits for the device: reading a value, or copying one from the host."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        name = str(function)
        if any(word in name for word in ("_local_scalar", "nonzero", "lift_fresh")):
            raise AssertionError(f"{name} cannot be recorded")
        return function(*arguments, **(options or {}))


def test_a_step_of_training_can_be_recorded(monkeypatch):
    """Forward and loss on the CPU, as they would be while a CUDA graph is recorded."""
    domain = training.comb(2, 3)
    step = training.step(domain, 1, 2, "cpu")
    with pytest.raises(AssertionError, match="cannot be recorded"), Reads():
        step.forward()
    for module in READERS:
        monkeypatch.setattr(module, "recorded", lambda values: True)
    with Reads():
        step.forward()
        observed = torch.rand(2, 3)
        losses.loss("nse")(torch.rand(2, 3), observed)


@pytest.mark.parametrize("reservoirs", [2, torch.tensor([1, 2, 0, 3, 2])])
def test_rivers_route_alike_while_they_are_recorded(monkeypatch, reservoirs):
    network = routing.synthetic(5)
    runoff = torch.rand(6, 5, dtype=torch.float64)
    expected = route(runoff, network, 0.7, reservoirs)
    for module in READERS:
        monkeypatch.setattr(module, "recorded", lambda values: True)
    for found, one in zip(route(runoff, network, 0.7, reservoirs), expected, strict=True):
        torch.testing.assert_close(found, one, rtol=1e-12, atol=1e-14)


def test_values_are_looked_at_only_while_nothing_is_recorded(monkeypatch):
    """What is compiled or recorded has no value to look at, and the checks lie in an operator."""
    runoff = torch.full((2, 3), torch.nan)
    with pytest.raises(ValueError, match="runoff has a missing or infinite value"):
        route(runoff, routing.synthetic(3), 0.7, 1)
    for module in READERS:
        monkeypatch.setattr(module, "recorded", lambda values: True)
    assert route(runoff, routing.synthetic(3), 0.7, 1)[0].isnan().all()
