"""What a step of training holds of days and cells: the forcing, one runoff, what gauges get."""

import pytest
import torch

from gridhydro.model.model import Model
from gridhydro.model.routing import Coupling, route
from gridhydro.model.stepping import Stepping
from tests.model.test_river import line
from tests.model.test_routing import problem

DAYS = 40  # more than the days between the states that are stored


def routed(spent, backend="numba", use=lambda runoff: 0.0):
    """A loss at two gauges, the runoff (T, N), not a leaf, and the leaves behind it."""
    network, runoff, lag, reservoirs, _ = problem(2, days=DAYS, size=9)
    leaves = runoff.requires_grad_(), (lag + 0.05).requires_grad_()
    runoff = leaves[0] * 1.0
    extra = use(runoff)
    coupling = Coupling(cells=torch.tensor([8, 3]), spent=spent)
    options = dict(tile_days=7, backend=backend, coupling=coupling)
    outflow = route(runoff, network, leaves[1], reservoirs, **options)[0]
    assert outflow.shape == (DAYS, 2)
    return outflow.square().sum() + extra, runoff, leaves


def gradients(loss, runoff, leaves, **options):
    """Those of the leaves, and whether that of the runoff took its place."""
    places = []
    runoff.register_hook(lambda gradient: places.append(gradient.data_ptr()))
    found = torch.autograd.grad(loss, leaves, **options)
    return found, places == [runoff.data_ptr()]


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_gradient_takes_the_place_of_spent_runoff(backend):
    expected, kept = gradients(*routed(False, backend))
    found, spent = gradients(*routed(True, backend))
    assert (kept, spent) == (False, backend == "numba")
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_runoff_of_a_graph_that_is_kept_is_not_spent():
    case = routed(True)
    first, spent = gradients(*case, retain_graph=True)
    second = torch.autograd.grad(case[0], case[2])
    assert not spent
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


def test_who_reads_spent_runoff_is_refused():
    case = routed(True, use=lambda runoff: runoff.square().sum())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(case[0], case[2])


def made(**options):
    domain = line()
    attributes = {"height": torch.arange(domain.size).double().numpy()}
    gauges = domain.gauges.reindex(["east"]).assign(cell=0, x=0.0, y=0.0)
    object.__setattr__(domain, "gauges", gauges)
    return Model(domain, attributes=attributes, **options)


def run(model, outputs=()):
    """A run, and what it keeps for a gradient beside the weather, one tensor for each storage."""
    random = torch.Generator().manual_seed(3)
    weather = 5 * torch.rand(3, DAYS, model.domain.size, generator=random)
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        simulation = model(weather, outputs=outputs)
    kept.pop(weather.untyped_storage().data_ptr(), None)
    return simulation, kept.values()


def test_a_step_keeps_one_series_of_the_cells():
    """Runoff, once; states before every 32nd day; nothing else of days and cells."""
    model = made()
    simulation, kept = run(model)
    cells = model.domain.size
    assert simulation.discharge.shape == (DAYS, 1)
    days = sorted(tuple(t.shape) for t in kept if cells in t.shape and DAYS in t.shape)
    assert days == [(DAYS, cells)]
    stored = [t for t in kept if t.shape[-1:] == (cells,) and t.ndim == 3]
    assert {len(t) for t in stored} == {2}  # two segments of 32 days, two tiles of rivers


def test_runoff_that_is_asked_for_is_not_written_over():
    steps = {}
    for outputs in ((), ("runoff",)):
        model = made()
        simulation, _ = run(model, outputs)
        before = {name: values.clone() for name, values in simulation.outputs.items()}
        simulation.discharge.square().sum().backward()
        for name, values in before.items():
            assert torch.equal(simulation.outputs[name], values)
        steps[outputs] = [weight.grad for weight in model.parameters()]
    for one, other in zip(*steps.values(), strict=True):
        assert torch.equal(one, other)


def test_runoff_of_plain_loops_is_never_spent():
    """Operations of torch may have kept it for their own gradient."""
    model = made(scheme=Stepping(backend="torch"))
    run(model)[0].discharge.square().sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())
