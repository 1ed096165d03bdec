"""Lakes, reservoirs and withdrawals: kernels, level pools solved otherwise, and any water."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from gridhydro.kernels import route_op
from gridhydro.kernels.vocabulary import OneConvention
from gridhydro.reaches.kinematic_wave import KinematicWave
from gridhydro.reaches.lakes import DEAD, HIGHEST, WithLakes
from gridhydro.reaches.linear_cascade import LinearCascade
from gridhydro.reaches.withdrawals import WithWithdrawals
from tests.model.test_routing import forest
from tests.support.forks import Fork

ALL = WithWithdrawals(WithLakes(LinearCascade(1), reservoirs=True))
DAY = 86400.0


def case(seed, days=5, size=30):
    """Network; runoff, parameters, stores, transit and series; properties; cells that are served.

    A third of the cells are lakes and a third reservoirs. Of what is asked for some is more than
    there is, some is put in.
    """
    network = forest(seed, size)
    random = torch.Generator().manual_seed(seed)

    def between(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=random, dtype=torch.float64)

    served = torch.randperm(size, generator=random)[: size * 2 // 3]
    parameters = torch.stack(
        [between(0.05, 2, size), between(0.01, 1, size), between(1, 3, size), between(1, 5, size)]
    )  # lag, rate, exponent, flood
    kind = torch.arange(size) % 3
    capacity = between(1, 20, size) * (kind > 0)
    properties = torch.stack(
        [torch.ones(size).double(), torch.ones(size).double(), capacity, (kind == 2).double()]
    )  # reservoirs in a row, sub-steps a day, capacity, regulated
    target = between(0.2, 0.9, days, len(served))
    asked = between(-1, 5, days, len(served)) / DAY
    inputs = [
        between(0, 3, days, size), parameters, between(0, 10, 1, size), between(0, 1, size),
        torch.stack([target, asked]),
    ]  # fmt: skip
    return network, inputs, properties, served


def routed(backend, network, inputs, properties, served, reach=ALL, substeps=1, **options):
    runoff, parameters, states, transit, series = inputs
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    parameters, properties, runoff, states, transit, series, served = (
        one.to(device) for one in (parameters, properties, runoff, states, transit, series, served)
    )
    properties = torch.cat(
        [properties[:1], torch.full_like(transit, substeps)[None], properties[2:]]
    )
    averages = (torch.arange(len(runoff)) // 2, torch.full((len(runoff),), 0.5).to(runoff), 10)
    results = route_op.route(
        reach, network, runoff, parameters, properties, states, transit, series=series,
        served=served, instant=torch.as_tensor(network.sink, device=device), substeps=substeps,
        backend=backend, averages=averages, **options,
    )  # fmt: skip
    return [one.cpu() for one in results]


@pytest.mark.parametrize(
    ("backend", "substeps"),
    [
        ("numba", 1),
        pytest.param("triton", 1, marks=pytest.mark.thorough),
        pytest.param("numba", 4, marks=pytest.mark.slow),
        pytest.param("triton", 4, marks=pytest.mark.slow),
    ],
)
def test_kernels_equal_the_step_in_plain_loops(backend, substeps):
    network, inputs, properties, served = case(3)
    for one in inputs:
        one.requires_grad_()
    found = []
    for by in ("torch", backend):
        results = routed(by, network, inputs, properties, served, substeps=substeps, tile_days=2)
        weights = torch.Generator().manual_seed(1)
        total = sum(
            (r * torch.randn(r.shape, generator=weights, dtype=r.dtype)).sum() for r in results
        )
        found.append([*results, *torch.autograd.grad(total, inputs)])
    for result, truth in zip(*found, strict=True):
        torch.testing.assert_close(result, truth, rtol=1e-9, atol=1e-11)
        assert truth.abs().max() > 1e-4
    withdrawn, asked = found[0][4][1], inputs[4][1] * DAY
    short = withdrawn < asked - 1e-9
    assert 0 < short.sum() < (asked > 0).sum()  # some is met and some is not


@pytest.mark.parametrize("backend", ["numba", pytest.param("triton", marks=pytest.mark.thorough)])
def test_gradcheck(backend):
    network, inputs, properties, served = case(4, days=2, size=8)
    inputs[4] = inputs[4] * torch.tensor([1.0, DAY])[:, None, None].double()
    for one in inputs:
        one.requires_grad_()

    def run(*inputs):
        series = inputs[4] * torch.tensor([1.0, 1 / DAY])[:, None, None].double()
        return tuple(routed(backend, network, [*inputs[:4], series], properties, served))

    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


def test_water_is_conserved_with_what_is_taken_and_put_in():
    network, inputs, properties, served = case(5, days=20)
    runoff, _, states, transit, series = inputs
    outflow, after, arriving, _, (held, withdrawn) = routed(
        "numba", network, inputs, properties, served
    )
    put_in = torch.clamp(-series[1] * DAY, min=0).sum()
    came = states.sum() + transit.sum() + runoff.sum() + put_in
    left = outflow[:, network.outlets].sum() + after.sum() + arriving.sum() + withdrawn.sum()
    torch.testing.assert_close(left, came, rtol=1e-12, atol=0)
    assert after.min() >= 0 and withdrawn.min() >= 0
    lakes = properties[2, served] > 0
    torch.testing.assert_close(held[-1, lakes], after[0, served[lakes]], rtol=1e-12, atol=0)
    assert (withdrawn <= torch.clamp(series[1] * DAY, min=0) * (1 + 1e-12)).all()


def values(**given):
    usual = dict(lag=1.0, reservoirs=1.0, substeps=1.0, lake_rate=0.01, lake_exponent=2.5)
    usual |= dict(lake_capacity=1e6, lake_regulated=0.0, lake_flood=5.0, lake_target=0.6)
    return SimpleNamespace(
        **{n: torch.as_tensor(v, dtype=torch.float64) for n, v in (usual | given).items()}
    )


def one_step(reach, stored, inflow, p):
    stored, inflow = (torch.as_tensor(v, dtype=torch.float64) for v in (stored, inflow))
    with OneConvention():
        states, outflow, *_ = reach.step(SimpleNamespace(reservoir_1=stored), inflow, 0 * inflow, p)
    return states["reservoir_1"], outflow


@pytest.mark.parametrize(("rate", "exponent"), [(0.01, 2.5), (0.2, 1.5), (0.05, 1.0)])
def test_a_lake_is_the_level_pool_that_scipy_integrates(rate, exponent):
    """A flood and its recession; the scheme is of first order: half the step, half the error."""
    days, capacity = 40, 1e6
    inflow = lambda t: 5e3 + 8e4 * np.exp(-(((t - 8) / 3) ** 2))  # noqa: E731  m3 d-1

    def change(t, stored):
        return inflow(t) - rate * capacity * (np.maximum(stored, 0) / capacity) ** exponent

    truth = solve_ivp(
        change, (0, days), [2e5], t_eval=np.arange(days + 1), rtol=1e-10, atol=1e-3
    ).y[0]
    errors = []
    for substeps in (16, 32):
        p = values(lake_rate=rate, lake_exponent=exponent, substeps=substeps)
        stored, found = torch.tensor(2e5).double(), [2e5]
        for k in range(days * substeps):
            comes = inflow((k + 0.5) / substeps) / substeps
            stored, _ = one_step(WithLakes(LinearCascade(1)), stored, comes, p)
            if (k + 1) % substeps == 0:
                found.append(stored.item())
        errors.append(np.abs(np.array(found) / truth - 1).max())
    assert errors[0] < 5e-3 and errors[1] < 0.6 * errors[0]


def test_steady_lakes_hold_what_their_outflow_asks_for():
    p, stored = values(lake_rate=0.05, lake_exponent=1.5), torch.zeros(()).double()
    for _ in range(3000):
        stored, outflow = one_step(WithLakes(LinearCascade(1)), stored, 3e3, p)
    assert outflow.item() == pytest.approx(3e3, rel=1e-9)
    assert stored.item() == pytest.approx(1e6 * (3e3 / (0.05 * 1e6)) ** (1 / 1.5), rel=1e-4)


@pytest.mark.parametrize("target", [0.05, 0.6, 0.999])
def test_a_reservoir_releases_by_its_zones(target):
    """Against the balance at the end of the sub-step, solved by halving; what it cannot hold
    spills."""
    capacity, rate, flood = 1e6, 0.02, 6.0
    p = values(lake_regulated=1.0, lake_rate=rate, lake_flood=flood, lake_target=target)
    held = min(max(target, DEAD), HIGHEST)

    def release(stored):  # of a day, m3
        knots = capacity * np.array([DEAD, max(held, DEAD + 1e-12), 1.0])
        return np.interp(stored, knots, rate * capacity * np.array([0, 1.0, flood]))

    supply = torch.linspace(0, 1.5e6, 301, dtype=torch.float64)
    after, outflow = one_step(WithLakes(LinearCascade(1), reservoirs=True), supply, 0 * supply, p)
    low, high = np.zeros(301), supply.numpy().copy()
    for _ in range(100):
        middle = (low + high) / 2
        over = middle + release(middle) > supply.numpy()
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    truth = np.minimum(low, capacity)
    np.testing.assert_allclose(after, truth, rtol=1e-6, atol=1e-3)
    assert outflow[0] == 0 and after.max() == pytest.approx(capacity)


@pytest.mark.parametrize("real", [torch.float32, torch.float64])
@pytest.mark.parametrize("reach", [LinearCascade(1), KinematicWave()], ids=lambda r: r.name)
def test_any_water_stays_positive_with_finite_gradients(real, reach):
    random, size = torch.Generator().manual_seed(0), 20_000

    def powers(low, high):
        return 10 ** (low + (high - low) * torch.rand(size, generator=random, dtype=real))

    part = torch.rand(size, generator=random, dtype=real)
    p = SimpleNamespace(
        lag=powers(-2, 2), reservoirs=torch.ones(size, dtype=real), substeps=powers(0, 3).round(),
        roughness=powers(-2, 0), width=powers(0, 2), slope=powers(-6, -1), length=powers(0, 6),
        shape=part, lake_capacity=powers(2, 12) * (part < 0.7),
        lake_regulated=(part < 0.35).to(real), lake_rate=powers(-4, 0), lake_exponent=1 + 2 * part,
        lake_flood=1 + 19 * part, lake_target=1.2 * part, river_withdrawal=powers(-6, 5) - 1e3,
    )  # fmt: skip
    some = torch.rand(3, size, generator=random) < 0.8
    stored, inflow, lateral = (powers(-9, 12) * one for one in some)
    inputs = [stored, inflow, p.lake_rate, p.lake_exponent, p.lake_flood, p.lake_target]
    for one in inputs:
        one.requires_grad_()
    whole = WithWithdrawals(WithLakes(reach, reservoirs=True))
    first = whole.states[0].name
    with OneConvention():
        after, outflow, told = whole.step(SimpleNamespace(**{first: stored}), inflow, lateral, p)
    put_in = torch.clamp(-p.river_withdrawal * DAY / p.substeps, min=0)
    parts = after[first], outflow, told["withdrawn"]
    came = stored + inflow + lateral + put_in
    assert all(one.min() >= 0 for one in parts)
    torch.testing.assert_close(sum(parts), came, rtol=2e-6, atol=0)
    for gradient in torch.autograd.grad((outflow / came.clamp(min=1e-9)).sum(), inputs):
        assert gradient.isfinite().all()


def test_a_river_without_lakes_is_as_it_was_to_the_last_bit():
    network, inputs, properties, served = case(6)
    properties[2] = 0
    lakes, series = WithLakes(LinearCascade(1)), inputs[4][:0]
    plain = [inputs[0], inputs[1][:1], *inputs[2:4], series]
    found = routed(
        "torch", network, [inputs[0], inputs[1][:3], *plain[2:]], properties[:3], served, lakes
    )
    truth = routed("torch", network, plain, properties[:2], served, LinearCascade(1))
    assert all(map(torch.equal, found[:4], truth))


# in a process of its own, since this one may run Triton's interpreter
SCRIPT = """
import json
from gridhydro.kernels import route_triton
from gridhydro.kernels.reach_spec import reach_spec
from gridhydro.reaches import REACHES
from gridhydro.reaches.lakes import WithLakes
from gridhydro.reaches.linear_cascade import LinearCascade
from gridhydro.reaches.withdrawals import WithWithdrawals

found = []
for inner in (LinearCascade(1), LinearCascade(5), *list(REACHES.values())[1:]):
    for reach in (inner, WithLakes(inner), WithWithdrawals(inner),
                  WithWithdrawals(WithLakes(inner, reservoirs=True))):
        for direction in ("forward", "adjoint"):
            for capability in (80, 90):
                usage = route_triton.usage(reach_spec(reach, 4, "float32"), direction, capability)
                spilled = usage.spill_stores + usage.spill_loads
                found.append([reach.name, len(reach.states), direction, capability, spilled])
print(json.dumps(found))
"""


@pytest.mark.slow
def test_kernels_compile_for_gpu_without_spills():
    pytest.importorskip("triton")
    found = json.loads(Fork("-c", SCRIPT, TRITON_INTERPRET=None).printed())
    assert len(found) == 80
    assert [kernel for kernel in found if kernel[-1]] == []
