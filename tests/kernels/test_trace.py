"""Tracing: one convention at kinks, the whole vocabulary, and errors that name the physics line."""

import math

import pytest
import torch

from gridhydro.columns import column
from gridhydro.columns.column import Column, fields
from gridhydro.kernels import OutsideVocabulary, Spec
from gridhydro.kernels.trace import trace
from gridhydro.kernels.vocabulary import OPERATIONS, OneConvention
from tests.support.column_cases import TWO_STORE


def gradients(function, *numbers):
    leaves = [torch.tensor(float(n), requires_grad=True) for n in numbers]
    with OneConvention():
        value = function(*leaves)
    return value.item(), [g.item() for g in torch.autograd.grad(value, leaves)]


@pytest.mark.parametrize(
    "function, at, value, slopes",
    [
        (torch.minimum, (2, 2), 2, [0, 1]),
        (torch.maximum, (2, 2), 2, [0, 1]),
        (torch.minimum, (1, 2), 1, [1, 0]),
        (torch.maximum, (1, 2), 2, [0, 1]),
        (lambda x: torch.clamp(x, min=0, max=1), (0,), 0, [0]),
        (lambda x: torch.clamp(x, 0, 1), (1,), 1, [0]),
        (lambda x: x.clip(0, 1), (0.5,), 0.5, [1]),
        (lambda x: x.clamp_min(0), (0,), 0, [0]),
        (lambda x: x.clamp_max(0), (0,), 0, [0]),
        (torch.relu, (0,), 0, [0]),
        (torch.nn.functional.relu, (0,), 0, [0]),
        (abs, (0,), 0, [1]),
        (torch.abs, (-2,), 2, [-1]),
    ],
)
def test_on_a_tie_the_second_argument_or_the_bound_wins(function, at, value, slopes):
    assert gradients(function, *at) == (value, slopes)


def test_nan_stays_nan_in_kinked_functions():
    nan = torch.tensor(torch.nan)
    with OneConvention():
        assert torch.clamp(nan, 0, 1).isnan() and nan.relu().isnan() and nan.abs().isnan()
        assert torch.minimum(nan, torch.ones(())).isnan()


def test_two_store_uses_every_operation():
    spec = Spec(TWO_STORE, tuple(f.name for f in TWO_STORE.fluxes))
    used = {line.operation for program in (spec.derive, spec.step) for line in program.lines}
    assert set(OPERATIONS) - used == {"quick_tanh"}  # of networks alone


def test_static_quantities_leave_the_time_loop():
    derive, step = trace(column("hbv"))
    assert {"inverse_FC"} <= set(derive.outputs)
    assert "div" not in {line.operation for line in step.lines}
    derive, _ = trace(column("hbv"), [f.name for f in column("hbv").parameters])
    assert not derive.lines


def column_with(step, name="broken"):
    """A column of one store whose step is the function given."""

    class Broken(Column):
        states = fields("store mm: water")
        forcings = fields("precipitation mm d-1: precipitation")
        parameters = fields("rate d-1 [0, 1]: rate")
        fluxes = fields("runoff mm d-1: water to the river")

    Broken.name, Broken.step = name, lambda self, s, x, p: step(s, x, p)
    return Broken()


def good(s, x, p, store=None):
    flow = p.rate * s.store if store is None else p.rate * store
    return dict(store=s.store + x.precipitation - flow), dict(runoff=flow)


OUTSIDE = {
    "cumsum": lambda s, x, p: good(s, x, p, torch.cumsum(s.store, 0)),
    "sum": lambda s, x, p: good(s, x, p, s.store.sum()),
    "'where' of 1 arg": lambda s, x, p: good(s, x, p, torch.where(s.store > 0)),
    "a branch on a value": lambda s, x, p: good(s, x, p, s.store if s.store > 1 else p.rate),
    "a plain number": lambda s, x, p: good(s, x, p, math.exp(s.store)),
    "works in place": lambda s, x, p: good(s, x, p, s.store.clamp_(min=0)),
    "with alpha": lambda s, x, p: good(s, x, p, torch.add(s.store, p.rate, alpha=2)),
    "a value of type Tensor": lambda s, x, p: good(s, x, p, s.store + torch.ones(3)),
    "detach": lambda s, x, p: good(s, x, p, s.store.detach()),
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_operations_outside_the_vocabulary_are_refused_by_file_and_line(what):
    step = OUTSIDE[what]
    line = step.__code__.co_firstlineno
    with pytest.raises(OutsideVocabulary) as refused:
        trace(column_with(step))
    assert f"{__file__}:{line}: " in str(refused.value)
    assert what in str(refused.value)


def test_fluxes_and_states_must_be_those_declared():
    def undeclared(s, x, p):
        states, fluxes = good(s, x, p)
        return states, fluxes | dict(leak=s.store)

    def forgotten(s, x, p):
        return {}, good(s, x, p)[1]

    with pytest.raises(ValueError, match=r"not declared: \['leak'\]"):
        trace(column_with(undeclared))
    with pytest.raises(ValueError, match=r"each state: not returned: \['store'\]"):
        trace(column_with(forgotten))


def test_a_field_may_not_take_a_name_of_the_kernels():
    broken = column_with(good)
    broken.forcings = fields("day d: day of the year")
    with pytest.raises(ValueError, match=r"'day'.*longer"):
        trace(broken)


def test_the_method_where_keeps_its_order_of_arguments():
    found = column_with(lambda s, x, p: good(s, x, p, s.store.where(s.store > 1, p.rate)))
    _, step = trace(found)
    (line,) = [line for line in step.lines if line.operation == "where"]
    assert [a.operation for a in line.arguments] == ["gt", "input", "input"]
    assert [a.name for a in line.arguments[1:]] == ["store", "rate"]
