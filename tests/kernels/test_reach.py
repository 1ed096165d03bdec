"""A river reach of one's own: kernels printed from its step equal the step in plain loops."""

import ast
from types import SimpleNamespace

import pytest
import torch

from gridhydro.columns.column import fields
from gridhydro.kernels import emit_reach_numba, emit_reach_triton, route_op
from gridhydro.kernels.reach_spec import reach_spec, together
from gridhydro.reaches.linear_cascade import LinearCascade
from gridhydro.reaches.reach import Reach
from tests.model.test_routing import forest


class Weir(Reach):
    """A pool that spills over a weir: the more it holds, the larger the fraction that leaves."""

    name = "weir"
    states = fields("pool m3: water behind the weir", "bed m3: water in the bed below it")
    parameters = fields("rate 1: spill at a pool of 1 m3", "loss 1: fraction that enters the bed")
    properties = fields("height m3: what the weir holds back")

    def step(self, s, inflow, lateral_inflow, p):
        pool = s.pool + inflow + lateral_inflow
        above = torch.clamp(pool - p.height, min=0.0)
        spill = above - above / (1.0 + p.rate * torch.sqrt(above + 1.0))
        seeps = p.loss * spill
        drains = 0.25 * s.bed
        states = {"pool": pool - spill, "bed": s.bed + seeps - drains}
        return states, spill - seeps + drains


def case(seed, days=3, size=30):
    network = forest(seed, size)
    random = torch.Generator().manual_seed(seed)

    def numbers(*shape):
        return torch.rand(*shape, generator=random, dtype=torch.float64)

    inputs = [
        3 * numbers(days, size), numbers(2, size) * 0.8 + 0.1, numbers(2, size), numbers(size)
    ]  # fmt: skip
    return network, numbers(1, size), inputs


def routed(backend, network, height, inputs, substeps=4, tile_days=None):
    runoff, parameters, states, transit = inputs
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    results = route_op.route(
        Weir(), network, *(x.to(device) for x in (runoff, parameters, height, states, transit)),
        instant=torch.as_tensor(network.sink, device=device), substeps=substeps, backend=backend,
        tile_days=tile_days,
        averages=(torch.arange(len(runoff)) // 2, torch.full((len(runoff),), 0.5).double(), 10),
    )  # fmt: skip
    return [values.cpu() for values in results]


@pytest.mark.thorough
@pytest.mark.parametrize("backend", ["numba", "triton"])
@pytest.mark.parametrize("substeps", [pytest.param(3, marks=pytest.mark.slow), 4, 8])
def test_a_reach_that_is_not_linear_equals_the_loop(backend, substeps):
    network, height, inputs = case(3)
    for values in inputs:
        values.requires_grad_()
    found = []
    for one in ("torch", backend):
        results = routed(one, network, height, inputs, substeps, tile_days=2)
        weights = torch.Generator().manual_seed(1)
        total = sum(
            (r * torch.randn(r.shape, generator=weights, dtype=r.dtype)).sum() for r in results
        )
        found.append([*results, *torch.autograd.grad(total, inputs)])
    for result, truth in zip(*found, strict=True):
        torch.testing.assert_close(result, truth, rtol=1e-10, atol=1e-12)
    assert found[0][5].abs().max() > 1e-3  # the parameters matter


@pytest.mark.thorough
@pytest.mark.parametrize("backend", ["numba", pytest.param("triton", marks=pytest.mark.slow)])
def test_gradcheck_of_a_reach_that_is_not_linear(backend):
    network, height, inputs = case(4, days=2, size=7)
    for values in inputs:
        values.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda *values: tuple(routed(backend, network, height, values)), inputs, fast_mode=True
    )


def test_a_reach_conserves_mass():
    network, height, (runoff, parameters, states, transit) = case(5, days=20)
    outflow, after, arriving, _ = routed(
        "numba", network, height, (runoff, parameters, states, transit)
    )
    before = states.sum() + transit.sum()
    left = outflow[:, network.outlets].sum() + after.sum() + arriving.sum()
    torch.testing.assert_close(left, before + runoff.sum(), rtol=1e-12, atol=0)


def test_substeps_printed_together_divide_the_day():
    assert [together(n) for n in (1, 2, 3, 4, 6, 7, 24, 48)] == [1, 2, 3, 4, 3, 1, 4, 4]


@pytest.mark.parametrize("emitter", [emit_reach_numba, emit_reach_triton])
def test_printed_reaches_speak_of_their_quantities(emitter):
    spec = reach_spec(LinearCascade(2), 4, "float32")
    for text in (emitter.forward(spec), emitter.adjoint(spec)):
        assert "linear_cascade" in text and "reservoir_2" in text and "lateral_inflow" in text


def test_an_adjoint_without_parameters_of_a_linear_reach_needs_no_states():
    assert reach_spec(LinearCascade(2), 4, "float32").again
    assert not reach_spec(LinearCascade(2), 4, "float32", False).again
    assert reach_spec(Weir(), 4, "float32", False).again


def test_a_reach_without_a_step_says_so():
    nothing = SimpleNamespace()
    with pytest.raises(NotImplementedError, match="the reach 'empty' has no step"):
        type("Empty", (Reach,), {"name": "empty"})().step(nothing, 0.0, 0.0, nothing)


def test_no_field_is_called_as_a_variable_of_the_gpu_kernels():
    """Whatever these are called: a reach without states or parameters has only theirs."""
    spec = reach_spec(LinearCascade(0), 4, "float32")
    programs = spec.steps.step, spec.step_adjoint_on_gpu
    own = {name for program in programs for name in program.inputs}
    own |= {line.name for program in programs for line in program.lines}
    for printed in (emit_reach_triton.forward(spec), emit_reach_triton.adjoint(spec)):
        *helpers, kernel = (n for n in ast.parse(printed).body if isinstance(n, ast.FunctionDef))
        names = {node.id for node in ast.walk(kernel) if isinstance(node, ast.Name)}
        names |= {helper.name for helper in helpers}
        names = {name for name in names - own - {"tl"} if not name.isupper()}
        assert len(names) > 40
        for name in names:
            field = type("Field", (Weir,), {"properties": fields(f"{name} 1: as the kernels say")})
            with pytest.raises(ValueError, match=f"has a field '{name}', a name that"):
                reach_spec(field(), 4, "float32").steps.step  # noqa: B018


def test_a_field_that_the_kernels_need_for_themselves_is_refused():
    class Ring(Weir):
        properties = fields("ring m3: what the weir holds back")

    with pytest.raises(ValueError, match="the reach 'weir' has a field 'ring'"):
        reach_spec(Ring(), 4, "float32").steps.step  # noqa: B018
