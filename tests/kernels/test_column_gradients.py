"""The adjoint kernels against differences of the forward ones: gradcheck, dot product, Taylor."""

from itertools import pairwise

import pytest
import torch

from gridhydro.kernels import launch
from gridhydro.model.simulate import simulate
from gridhydro.model.stepping import Stepping
from tests.support.column_cases import TWO_STORE, make_case, names

pytestmark = pytest.mark.thorough


def packed(case):
    """The case as a function of three tensors: forcing, stacked parameters, stacked states."""

    def run(forcing, parameters, initial, backend="numba", outputs=None, scheme="sequential"):
        values, final = simulate(
            case.column,
            forcing,
            dict(zip(case.parameters, parameters, strict=True)),
            properties=case.properties,
            initial=dict(zip(case.initial, initial, strict=True)),
            outputs=outputs or names(case.column),
            scheme=Stepping(scheme, storage="all", backend=backend),
        )
        return torch.stack(list(values.values())), torch.stack(list(final.values()))

    inputs = (
        case.forcing,
        torch.stack(list(case.parameters.values())),
        torch.stack(list(case.initial.values())),
    )
    return run, inputs


def directions(inputs, seed=5):
    """A random change of each input, in proportion to its size."""
    random = torch.Generator().manual_seed(seed)
    return [v * torch.randn(v.shape, generator=random, dtype=v.dtype) for v in inputs]


every_backend = pytest.mark.parametrize("backend", ["numba", "triton", "torch"])


def test_gradcheck_of_hbv():
    run, inputs = packed(make_case(cells=2, days=3, ties=False, seed=2))
    inputs = [v.clone().requires_grad_() for v in inputs]
    assert torch.autograd.gradcheck(run, inputs, eps=1e-5, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("components", ["mean", pytest.param("separate", marks=pytest.mark.slow)])
def test_cells_without_cotangents_have_no_gradient_and_all_others_have(components):
    """As of cells above no gauge: blocks of them are left out, unless one day or state counts."""
    width = launch.LANES // 2  # cells of a block
    case = make_case(TWO_STORE, cells=3 * width, days=4, components=2, ties=False, seed=2)
    leaves = [v.requires_grad_() for v in (case.forcing, *case.parameters.values())]
    outputs, final = simulate(
        case.column, leaves[0], case.parameters, initial=case.initial,
        outputs=names(case.column), components=components,
    )  # fmt: skip

    def with_gradient(result):
        forcing, *parameters = torch.autograd.grad(result, leaves, retain_graph=True)
        found = [forcing.flatten(0, 1).any(0), *(one.any(1) for one in parameters)]
        return torch.stack(found).any(0).nonzero().flatten().tolist()

    for name, series in outputs.items():
        one_day = series[0, 5] + series[0, 2 * width]
        assert with_gradient(one_day.sum()) == [5, 2 * width], name
    for name, state in final.items():
        assert with_gradient(state[-1, 1]) == [3 * width - 1], name


QUICK = [("explicit:2", "numba")]  # the others equal the loop, gradients too


@pytest.mark.parametrize(
    ("scheme", "backend"),
    [
        *QUICK,
        *(
            pytest.param(scheme, backend, marks=pytest.mark.slow)
            for scheme in ("explicit:2", "rk4", "implicit", "implicit:2")
            for backend in ("numba", "triton", "torch")
            if (scheme, backend) not in QUICK
        ),
    ],
)  # fmt: skip
def test_gradcheck_of_every_scheme(scheme, backend):
    # of two stores: with five, more is compiled and the plain loop runs long through Newton's
    # iterations
    run, inputs = packed(make_case(TWO_STORE, cells=2, days=3, ties=False, seed=2))
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    choices = dict(scheme=scheme, backend=backend)
    inputs = [v.clone().to(device).requires_grad_() for v in inputs]
    assert torch.autograd.gradcheck(
        lambda *v: run(*v, **choices), inputs, eps=1e-5, atol=1e-6, rtol=1e-5,
        fast_mode=backend != "numba",
    )  # fmt: skip


@pytest.mark.parametrize(
    "backend", [pytest.param("numba", marks=pytest.mark.slow), "triton", "torch"]
)
def test_gradcheck_of_hydropy(backend):
    """Drainage on its ramp in the first cell; there is rain on all days, for none is a kink."""
    case = make_case("hydropy_ramp", cells=3, days=3, ties=False, seed=2)
    case.forcing[0] += 0.5
    low = case.parameters["drainage_low"][0]
    case.initial["soil_moisture"][0] = (low + 0.005) * case.properties["soil_capacity"][0]
    run, inputs = packed(case)
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    inputs = [v.clone().to(device).requires_grad_() for v in inputs]
    assert torch.autograd.gradcheck(
        lambda *v: run(*v, backend=backend), inputs, eps=1e-5, atol=1e-6, rtol=1e-5,
        fast_mode=backend != "numba",
    )  # fmt: skip


@pytest.mark.parametrize("backend", [pytest.param("numba", marks=pytest.mark.slow), "triton"])
def test_gradcheck_of_gr6j(backend):
    """Also where less is in the exponential store than nothing, and more than is curved."""
    case = make_case("gr6j", cells=3, days=3, ties=False, seed=2)
    case.initial["exponential_store"] *= torch.tensor([[-1.0], [1.0], [10.0]])
    run, inputs = packed(case)
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    inputs = [v.clone().to(device).requires_grad_() for v in inputs]
    assert torch.autograd.gradcheck(
        lambda *v: run(*v, backend=backend), inputs, eps=1e-5, atol=1e-6, rtol=1e-5,
        fast_mode=True,
    )  # fmt: skip


@pytest.mark.parametrize("backend", [pytest.param("numba", marks=pytest.mark.slow), "triton"])
def test_gradcheck_of_sac_sma(backend):
    """Snow that comes, melts and is rained on, by eight steps a day."""
    case = make_case("sac_sma", cells=3, days=2, ties=False, seed=1)
    case.forcing[0] += 0.5
    run, inputs = packed(case)
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    inputs = [v.clone().to(device).requires_grad_() for v in inputs]
    assert torch.autograd.gradcheck(
        lambda *v: run(*v, backend=backend, outputs=("runoff", "snow_water_equivalent")), inputs,
        eps=1e-6, atol=1e-5, rtol=1e-4, fast_mode=True,
    )  # fmt: skip


def test_adjoint_passes_the_dot_product_test():
    """<J v, u> by forward derivatives of the plain loop is <v, J' u> by the adjoint kernel."""
    run, inputs = packed(make_case(cells=30, days=20, ties=False))
    changes = directions(inputs)
    values, along = torch.func.jvp(
        lambda *v: run(*v, backend="torch"), tuple(inputs), tuple(changes)
    )
    weights = [torch.randn_like(v) for v in values]
    forward = sum((a * w).sum() for a, w in zip(along, weights, strict=True))

    inputs = [v.clone().requires_grad_() for v in inputs]
    gradients = torch.autograd.grad(run(*inputs), inputs, weights)
    backward = sum((v * g).sum() for v, g in zip(changes, gradients, strict=True))
    torch.testing.assert_close(forward, backward, rtol=1e-11, atol=0)


def test_taylor_remainder_falls_with_the_square():
    """|J(x + h v) - J(x) - h J'(x) v| over halved h: slope 2 when the gradient is right."""
    case = make_case(cells=6, days=12, ties=False, seed=4)
    run, inputs = packed(case)
    changes = [1e-5 * v for v in directions(inputs)]
    leaves = [v.clone().requires_grad_() for v in inputs]
    start = run(*leaves)[0].square().sum()
    gradients = torch.autograd.grad(start, leaves)
    slope = sum((g * v).sum() for g, v in zip(gradients, changes, strict=True))
    remainders = []
    for k in range(4):
        h = 0.5**k
        moved = [v + h * change for v, change in zip(inputs, changes, strict=True)]
        remainders.append(abs(run(*moved)[0].square().sum() - start.detach() - h * slope))
    rates = [torch.log2(a / b) for a, b in pairwise(remainders)]
    assert all(1.9 < rate < 2.1 for rate in rates), rates
