"""Columns and numbers at the edge of what the kernels take."""

import multiprocessing

import pytest
import torch

from gridhydro import Column, OutsideVocabulary, fields, simulate
from gridhydro.model.stepping import Stepping

backends = pytest.mark.parametrize("backend", ["torch", "numba", "triton"])


class Yesterday(Column):
    """A state that forgets what it was, and one that never changes."""

    name = "yesterday"
    states = fields("last mm = 1: rain of the day before", "fixed mm = 3: a constant")
    forcings = fields("precipitation mm d-1: precipitation")
    parameters = fields("fraction 1 [0, 1]: fraction")
    fluxes = fields("runoff mm d-1: runoff")

    def step(self, s, x, p):
        runoff = p.fraction * s.last + 0 * s.fixed
        return dict(last=x.precipitation, fixed=2.0), dict(runoff=runoff)


class Root(Column):
    """Functions of a number that may lie outside their domain."""

    name = "root"
    states = fields("water mm = 0: water")
    forcings = fields("precipitation mm d-1: precipitation")
    parameters = fields("power 1 [0, 1]: power")
    fluxes = fields("runoff mm d-1: power of the rain", "logarithm 1: logarithm of the rain")

    def step(self, s, x, p):
        runoff = x.precipitation**p.power
        return dict(water=s.water), dict(runoff=runoff, logarithm=torch.log(x.precipitation))


def leaf(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


@backends
def test_state_independent_of_its_past_has_right_gradients(backend):
    rain, fraction = leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), leaf([0.5, 0.25])
    outputs, final = simulate(
        Yesterday(), {"precipitation": rain}, {"fraction": fraction}, outputs=["runoff", "fixed"],
        scheme=Stepping(backend=backend),
    )  # fmt: skip
    expected = torch.tensor([[0.5, 0.25], [0.5, 0.5], [1.5, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(outputs["runoff"], expected)
    assert (final["fixed"] == 2).all() and (final["last"][:, 0] == rain[2]).all()
    outputs["runoff"].sum().backward()
    torch.testing.assert_close(fraction.grad, torch.tensor([5.0, 7.0], dtype=torch.float64))
    assert rain.grad.tolist() == [[0.5, 0.25], [0.5, 0.25], [0, 0]]


@backends
@pytest.mark.parametrize("real", [torch.float32, torch.float64], ids=str)
def test_functions_outside_their_domain_give_nan_and_infinity(backend, real):
    rain = torch.tensor([[-1.0, -1e-7, 0.0, torch.nan, 4.0]], dtype=real)
    outputs, _ = simulate(
        Root(), {"precipitation": rain}, {"power": torch.full((5,), 0.5, dtype=real)},
        outputs=["runoff", "logarithm"], scheme=Stepping(backend=backend),
    )  # fmt: skip
    runoff, logarithm = outputs["runoff"][0], outputs["logarithm"][0]
    assert torch.isnan(runoff).tolist() == [True, True, False, True, False]
    assert torch.isnan(logarithm).tolist() == [True, True, False, True, False]
    assert logarithm[2] == -torch.inf
    assert runoff[2] < 1e-18 and runoff[4] == pytest.approx(2, rel=1e-6)


def test_where_between_two_numbers_is_refused():
    class Choice(Yesterday):
        def step(self, s, x, p):
            return dict(last=s.last, fixed=s.fixed), dict(runoff=torch.where(s.last > 0, 0.1, 0.7))

    with pytest.raises(OutsideVocabulary, match="'where' between two numbers"):
        simulate(Choice(), {"precipitation": torch.ones(2, 3)}, {"fraction": torch.ones(3)})


def _total(queue):
    outputs, _ = simulate("hbv", *_ones())
    queue.put(outputs["runoff"].sum().item())


def _ones():
    from gridhydro import COLUMNS

    hbv = COLUMNS["hbv"]
    forcing = {f.name: torch.ones(5, 100) for f in hbv.forcings}
    return forcing, {f.name: torch.full((100,), sum(f.bounds) / 2) for f in hbv.parameters}


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_column_runs_in_a_forked_process():
    here = simulate("hbv", *_ones())[0]["runoff"].sum().item()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_total, args=(queue,))
    child.start()
    try:
        assert queue.get(timeout=60) == pytest.approx(here)
    finally:
        child.kill()


def test_column_without_a_step_is_refused_by_name():
    class Idle(Column):
        name = "idle"

    with pytest.raises(TypeError, match=r"the column Idle has no step\(s, x, p\)"):
        simulate(Idle(), {}, {})
