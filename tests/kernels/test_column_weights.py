"""Component weights: a weighted mean on every backend, differentiable in the weights."""

from functools import partial

import pytest
import torch

from gridhydro.model.simulate import simulate
from tests.kernels.test_column_backends import TOLERANCE, numba_or_triton
from tests.support.column_cases import TWO_STORE, assert_close, make_case, names
from tests.support.options import stepped

SOME = ("runoff", "snowfall", "soil_moisture")  # a flux, one of the forcing alone, a state


def weighted_run(case, weights, outputs=SOME, **choices):
    """Outputs and, of a fixed random sum of them, the gradients to parameters and weights."""
    weights = weights.clone().requires_grad_()
    parameters = {n: p.clone().requires_grad_() for n, p in case.parameters.items()}
    values, final = simulate(
        case.column, case.forcing, parameters, initial=case.initial, outputs=outputs,
        components=weights, **stepped(**choices),
    )  # fmt: skip
    random = torch.Generator().manual_seed(1)
    total = sum(final.values()).square().mean()
    for value in values.values():
        factors = torch.rand(value.shape, generator=random, dtype=torch.float64)
        total = total + (value * factors.to(value)).sum()
    total.backward()
    gradients = {f"d_{n}": p.grad for n, p in parameters.items()} | dict(d_weights=weights.grad)
    found = values | {f"final_{n}": value for n, value in final.items()} | gradients
    return {name: value.detach() for name, value in found.items()}


def some_weights(case, seed=3):
    shape = next(iter(case.initial.values())).shape
    random = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=random, dtype=torch.float64).softmax(-1).to(case.forcing)


@numba_or_triton
def test_weighted_components_of_kernels_equal_the_loop(backend):
    """In the precision of trainings; the tests below are in double precision."""
    real = torch.float32
    case = make_case("hbv", cells=23, days=7, components=3, dynamic=("beta",)).to(real)
    weights = some_weights(case)
    expected = weighted_run(case, weights, backend="torch")
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    for storage in ("all", 4):
        moved = case.to(device)
        found = weighted_run(moved, weights.to(device), backend=backend, storage=storage)
        assert_close(found, expected, TOLERANCE[real])


@pytest.mark.slow
def test_weighted_output_is_the_weighted_sum_of_the_components():
    """Against the components returned one by one and summed by torch."""
    case = make_case(TWO_STORE, cells=9, days=7, components=3, ties=False)
    weights = some_weights(case)
    outputs = names(case.column)
    found = weighted_run(case, weights, outputs)

    one_by_one, _ = simulate(
        case.column, case.forcing, case.parameters, initial=case.initial, outputs=outputs,
        components="separate",
    )  # fmt: skip
    random, slope = torch.Generator().manual_seed(1), torch.zeros_like(weights)
    for name, value in one_by_one.items():
        torch.testing.assert_close(found[name], (value * weights).sum(-1), rtol=1e-12, atol=1e-12)
        factors = torch.rand(value.shape[:2], generator=random, dtype=torch.float64)
        slope += (value * factors[..., None]).sum(0)
    torch.testing.assert_close(found["d_weights"], slope, rtol=1e-11, atol=1e-11)


@pytest.mark.slow
def test_equal_component_weights_give_the_mean():
    case = make_case(TWO_STORE, cells=9, days=7, components=16)
    run = partial(simulate, TWO_STORE, case.forcing, case.parameters, outputs=("signal", "upper"))
    plain, _ = run()
    equal, _ = run(components=torch.full((9, 16), 1 / 16))
    assert all(torch.equal(plain[name], equal[name]) for name in plain)


@pytest.mark.slow  # its gradients are those of the loop, in the test before
def test_gradcheck_of_component_weights():
    case = make_case(TWO_STORE, cells=2, days=3, components=3, ties=False, seed=2)
    rate = case.parameters["rate"].clone().requires_grad_()

    def runoff(weights, rate):
        parameters = case.parameters | dict(rate=rate)
        values, _ = simulate(
            TWO_STORE, case.forcing, parameters, outputs=names(TWO_STORE), components=weights
        )
        return values["runoff"]

    inputs = (some_weights(case).requires_grad_(), rate)
    assert torch.autograd.gradcheck(runoff, inputs, eps=1e-5, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "weights, message",
    [
        (torch.ones(6, 3), r"shape \(6, 3\).*6 cells x 2 components"),
        (torch.ones(6), r"shape \(6,\)"),
        ("best", "components is one of 'mean', 'separate'"),
    ],
)
def test_wrong_component_weights_are_refused(weights, message):
    case = make_case("hbv", cells=6, days=4, components=2)
    with pytest.raises(ValueError, match=message):
        simulate("hbv", case.forcing, case.parameters, components=weights)
