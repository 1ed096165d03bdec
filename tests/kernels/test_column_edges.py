"""Columns and numbers at the edge of what the kernels take."""

import multiprocessing
import warnings

import pytest
import torch

from gridhydro import Column, OutsideVocabulary, fields, simulate
from gridhydro.kernels import NotConverged
from gridhydro.model.stepping import Stepping
from tests.support.column_cases import make_case, names

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


class Extremes(Column):
    """The lower and higher of two series, and a series within bounds, plain and given."""

    name = "extremes"
    states = fields("water mm = 0: water")
    forcings = fields("a mm d-1: one series", "b mm d-1: another")
    parameters = fields("bound mm d-1 [0, 9]: a bound")
    fluxes = fields(
        "lower mm d-1: lower", "higher mm d-1: higher", "clamped mm d-1: within plain bounds",
        "limited mm d-1: below a given bound", "positive mm d-1: above zero",
    )  # fmt: skip

    def step(self, s, x, p):
        return dict(water=s.water), dict(
            lower=torch.minimum(x.a, x.b), higher=torch.maximum(x.a, x.b),
            clamped=torch.clamp(x.a, min=0.1, max=2.3), limited=x.a.clamp(max=p.bound),
            positive=x.b.relu(),
        )  # fmt: skip


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


@backends
@pytest.mark.parametrize(
    "real", [pytest.param(torch.float32, marks=pytest.mark.slow), torch.float64], ids=str
)
def test_the_lower_and_higher_of_what_is_missing_are_missing(backend, real):
    nan, infinite = torch.nan, torch.inf
    a = torch.tensor([[1.0, nan, 1.0, nan, -infinite, infinite, 0.1, 3.0, 2.0]], dtype=real)
    b = torch.tensor([[2.0, 2.0, nan, nan, nan, 4.0, -1.0, 3.0, -0.0]], dtype=real)
    bound = torch.tensor([1.5, 1.5, 1.5, 1.5, 1.5, nan, 1.5, 3.0, 1.5], dtype=real)
    a.requires_grad_(), b.requires_grad_(), bound.requires_grad_()
    outputs, _ = simulate(
        Extremes(), {"a": a, "b": b}, {"bound": bound}, scheme=Stepping(backend=backend),
        outputs=("lower", "higher", "clamped", "limited", "positive"),
    )  # fmt: skip
    expected = dict(
        lower=torch.minimum(a, b), higher=torch.maximum(a, b), clamped=a.clamp(0.1, 2.3),
        limited=torch.minimum(a, bound), positive=b.relu(),
    )  # fmt: skip
    for name, values in expected.items():
        torch.testing.assert_close(outputs[name], values, rtol=0, atol=0, equal_nan=True)
    # ties: the second of the two, and the bound, take all of the gradient
    (outputs["lower"] + 10 * outputs["limited"])[:, [0, 6, 7, 8]].sum().backward()
    assert a.grad[0, [0, 6, 7, 8]].tolist() == [11, 10, 0, 0]
    assert b.grad[0, [0, 6, 7, 8]].tolist() == [0, 1, 1, 1]
    assert bound.grad[[0, 6, 7, 8]].tolist() == [0, 0, 10, 10]


@pytest.mark.parametrize(
    "backend, scheme",
    [
        ("torch", "sequential"), ("torch", "explicit:4"), ("torch", "rk4"), ("torch", "implicit"),
        ("numba", "explicit:4"), ("numba", "implicit"), ("triton", "implicit"),
    ],
)  # fmt: skip
def test_a_missing_value_leaves_all_later_values_missing(backend, scheme):
    """And those of the same day; each cell lacks another series, the last none."""
    case = make_case("hbv", cells=4, days=8, ties=False)
    for cell in range(3):
        case.forcing[cell, 3, cell] = torch.nan
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error", NotConverged)
        found, _ = simulate(
            case.column, case.forcing, case.parameters, initial=case.initial,
            outputs=names(case.column),
            scheme=Stepping(scheme, backend=backend),
        )  # fmt: skip
    missing = found["total_storage"].isnan()
    assert missing[3:, :3].all() and not missing[:3].any() and not missing[:, 3].any()
    assert found["runoff"].isnan()[5:, :3].all()


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
