"""Networks inside a step: kernels against the loop, gradients of weights, water, training."""

import pytest
import torch

from gridhydro import Embedded, EmbeddedNetwork, simulate
from gridhydro.columns import column as column_named
from gridhydro.kernels import Spec, embedded
from gridhydro.kernels.launch import NETWORK_DAYS
from gridhydro.model.stepping import Stepping
from tests.kernels.test_column_backends import (
    DYNAMIC,
    SOME,
    TOLERANCE,
    numba_or_triton,
)
from tests.support.column_cases import assert_close, make_case, names, results
from tests.support.sponge import SPONGE, Sponge

pytestmark = pytest.mark.thorough

HBV_NN = column_named("hbv_nn")
# all outputs, for every test of this column as it stands: its kernels take longest to compile
ALL = names(HBV_NN)


def check(case, backend, storages, **choices):
    expected = results(case, backend="torch", **choices)
    some_weights = [name for name in expected if name.endswith("bias")]
    assert some_weights and all(expected[name].abs().max() > 0 for name in some_weights)
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    for storage in storages:
        found = results(case.to(device), backend=backend, storage=storage, **choices)
        assert_close(found, expected, TOLERANCE[case.forcing.dtype])


@pytest.mark.slow
@numba_or_triton
def test_learned_runoff_of_components_equals_the_loop(backend):
    case = make_case("hbv_nn", cells=23, days=7, components=3, dynamic=DYNAMIC["hbv"])
    check(case, backend, ("all", 4), outputs=SOME)


@numba_or_triton
def test_learned_runoff_equals_the_loop(backend):
    case = make_case("hbv_nn", cells=70, days=7).to(torch.float32)
    check(case, backend, ("all", 4), outputs=ALL, forcing_gradient=False)


@numba_or_triton
@pytest.mark.parametrize(
    "real", [torch.float64, pytest.param(torch.float32, marks=pytest.mark.slow)], ids=str
)
def test_several_networks_and_layers_equal_the_loop(backend, real):
    case = make_case(SPONGE, cells=70, days=7, ties=False).to(real)
    check(case, backend, ("all", 4, 7) if backend == "numba" else ("all", 4))


@pytest.mark.slow
@numba_or_triton
def test_networks_with_separate_components_equal_the_loop(backend):
    case = make_case(SPONGE, cells=5, days=6, components=16, dynamic=("size",), ties=False)
    check(case, backend, ("all", 4), components="separate", forcing_gradient=False)


@pytest.mark.parametrize("storage", ["all", 3])
def test_network_gradient_in_parts_equals_that_in_one_go(monkeypatch, storage):
    """The GPU's adjoint in parts is the adjoint in one go, but for rounding."""
    from gridhydro.kernels import column_triton

    case = make_case(SPONGE, cells=7, days=11, dynamic=("rate",), ties=False)
    case = case.to("cuda" if torch.cuda.is_available() else "cpu")
    spec = Spec(SPONGE, ("runoff",))
    assert column_triton.network_days(spec, 1, 11, 7) == [(0, 11)]
    expected = results(case, backend="triton", storage=storage)
    monkeypatch.setattr(column_triton, "NETWORK_ROWS", 30)
    monkeypatch.setattr(column_triton, "NETWORK_DAYS", 2)
    monkeypatch.setattr(embedded, "NETWORK_ROWS", 10)
    every = 1 if storage == "all" else storage
    assert len(column_triton.network_days(spec, every, 11, 7)) in (3, 4)
    assert column_triton.network_days(spec, 9, 11, 7) == [(0, 9), (9, 11)]
    assert column_triton.network_days(Spec(column_named("hbv"), ()), 1, 11, 7) == [(0, 11)]
    assert_close(results(case, backend="triton", storage=storage), expected, 1e-12)


def test_memory_of_the_network_adjoint_on_gpu_is_bounded():
    from gridhydro.kernels import column_triton

    for lanes in (1, 6400, 10**6):
        parts = column_triton.network_days(Spec(HBV_NN, ("runoff",)), 1, 10**4, lanes)
        longest = max(last - first for first, last in parts)
        assert longest * lanes <= max(column_triton.NETWORK_ROWS, NETWORK_DAYS * lanes)
        assert parts[0][0] == 0 and parts[-1][1] == 10**4


class Flat:
    """Weights as one leaf, where a module would have several."""

    def __init__(self, weights):
        self.weights = lambda: weights


@pytest.mark.parametrize("backend", ["numba", pytest.param("triton", marks=pytest.mark.slow)])
def test_gradcheck_of_networks(backend):
    case = make_case(SPONGE, cells=2, days=3, ties=False, seed=2)
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    case = case.to(device)

    def run(forcing, size, fraction, slowness):
        values, final = simulate(
            SPONGE,
            forcing,
            case.parameters | dict(size=size),
            initial=case.initial,
            outputs=names(SPONGE),
            networks=dict(fraction=Flat(fraction), slowness=Flat(slowness)),
            scheme=Stepping(backend=backend),
        )
        return values["runoff"], final["water"]

    weights = [module.weights().detach() for module in case.networks.values()]
    inputs = (case.forcing, case.parameters["size"], *weights)
    inputs = [v.clone().requires_grad_() for v in inputs]
    assert torch.autograd.gradcheck(
        run, inputs, eps=1e-5, atol=1e-6, rtol=1e-5, fast_mode=backend != "numba"
    )


@pytest.mark.parametrize("real", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [1, 100, 1e6])
def test_learned_runoff_conserves_mass_for_any_weights(real, size):
    """However large they are: fractions at 0 and 1, and gradients that stay finite."""
    case = make_case("hbv_nn", cells=64, days=200, seed=6).to(real)
    random = torch.Generator().manual_seed(int(size))
    count = embedded.count(HBV_NN.networks[0])
    weights = (size * torch.randn(count, generator=random, dtype=real)).requires_grad_()
    v, final = simulate(
        "hbv_nn", case.forcing, case.parameters, initial=case.initial, outputs=ALL,
        networks=dict(runoff_share=Flat(weights)),
    )  # fmt: skip
    if real == torch.float32:  # in double precision fewer numbers are not finite, if any
        v["runoff"].sum().backward()
        assert weights.grad.isfinite().all()
    liquid = v["rainfall"] + v["infiltration"]
    assert (v["recharge"] >= 0).all() and (v["recharge"] <= liquid).all()
    came = case.forcing[0].double().sum(0)
    left = (v["runoff"].detach().double() + v["actual_evapotranspiration"].double()).sum(0)
    start, end = (
        torch.stack(list(states.values())).double().sum((0, 2)) for states in (case.initial, final)
    )
    error = (start + came - left - end.detach()).abs() / (start + came)
    assert error.max() < {torch.float32: 1e-6, torch.float64: 1e-12}[real]


def test_network_module_gives_the_fraction_that_the_kernel_uses():
    case = make_case("hbv_nn", cells=20, days=30, seed=8)
    module, p = case.networks["runoff_share"], case.parameters
    v, _ = simulate(
        "hbv_nn", case.forcing, p, initial=case.initial, outputs=ALL, networks=case.networks
    )
    soil = torch.cat([case.initial["soil_moisture"].T, v["soil_moisture"][:-1]])
    FC, beta, liquid = p["FC"][:, 0], p["beta"][:, 0], v["rainfall"] + v["infiltration"]
    fraction = module(FC, beta, soil, soil / FC, liquid)
    assert fraction.std() > 0.01
    torch.testing.assert_close(fraction * liquid, v["recharge"], rtol=1e-10, atol=1e-10)


@pytest.mark.slow
def test_training_through_the_kernel_finds_the_runoff_response():
    """From runoff alone: the fraction (soil_moisture / FC) ** beta that made it, within 0.05."""
    truth = make_case("hbv", cells=64, days=730, ties=False, seed=1).to(torch.float32)
    v, _ = simulate("hbv", truth.forcing, truth.parameters, outputs=names(truth.column))
    soil, liquid = v["soil_moisture"][:-1], (v["rainfall"] + v["infiltration"])[1:]
    FC, beta = (truth.parameters[n][:, 0].expand_as(soil) for n in ("FC", "beta"))
    fraction = (soil / FC).clamp(0, 1) ** beta
    wet = liquid > 0.1
    assert fraction[wet].std() > 0.2

    torch.manual_seed(0)
    module, steps = EmbeddedNetwork(HBV_NN.networks[0]), 400
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        found, _ = simulate(
            "hbv_nn", truth.forcing, truth.parameters, outputs=ALL,
            networks=dict(runoff_share=module),
        )  # fmt: skip
        (found["runoff"] - v["runoff"]).square().mean().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        error = (module(FC, beta, soil, soil / FC, liquid) - fraction)[wet].square().mean().sqrt()
    print(f"root mean square error of the fraction: {error:.3f}")
    assert error < 0.05


@pytest.mark.parametrize(
    "column, networks, message",
    [
        ("hbv_nn", None, "missing: runoff_share"),
        ("hbv", dict(runoff_share=Flat(torch.ones(113))), r"\(none\).*unknown: runoff_share"),
        ("hbv_nn", dict(runoff_share=Flat(torch.ones(7))), "113 weights .* 7 in the module"),
    ],
)
def test_wrong_networks_are_refused(column, networks, message):
    case = make_case(column, cells=6, days=4)
    with pytest.raises(ValueError, match=message):
        simulate(column, case.forcing, case.parameters, networks=networks)


@pytest.mark.parametrize(
    "declaration, message",
    [
        (("a fraction", (1.0,)), "a Python name, not 'a fraction'"),
        (("fraction", ()), "above 0 for each input"),
        (("fraction", (1.0, -2.0)), "above 0 for each input"),
        (("fraction", (1.0,), (0,)), "hidden layers"),
        (("fraction", (1.0,), (2.5,)), "hidden layers"),
    ],
)
def test_network_without_valid_scales_and_layers_is_refused(declaration, message):
    with pytest.raises(ValueError, match=message):
        Embedded(*declaration)


@pytest.mark.parametrize(
    "network, error, message, backend",
    [
        (Embedded("fraction", (1.0,)), TypeError, "takes 1 inputs.*calls it with 2", "numba"),
        (Embedded("fraction", (1.0,)), TypeError, "takes 1 inputs.*calls it with 2", "torch"),
        (Embedded("size", (1.0, 1.0)), ValueError, "two parameters .* named 'size'", "numba"),
        (Embedded("days", (1.0, 1.0)), ValueError, "'days'.*longer", "numba"),
    ],
)
def test_network_that_does_not_fit_its_step_is_refused(network, error, message, backend):
    class Wrong(Sponge):
        networks = (network, *Sponge.networks[1:])

    case = make_case(Wrong(), cells=3, days=2, ties=False)
    with pytest.raises(error, match=message):
        results(case, backend=backend)
