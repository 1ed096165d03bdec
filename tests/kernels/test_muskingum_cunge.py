"""Muskingum-Cunge: kernels, a loop as in the textbooks, waves of theory, and any discharge."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gridhydro.domain.network import Network
from gridhydro.kernels.vocabulary import OneConvention
from gridhydro.model.reach_routing import route_reach
from gridhydro.reaches.channel import SECONDS
from gridhydro.reaches.kinematic_wave import KinematicWave
from gridhydro.reaches.muskingum_cunge import MuskingumCunge
from tests.model.test_routing import forest
from tests.support.forks import Fork

NAMES = ("roughness", "width", "shape", "length", "slope")
# a step a day: of kernels for one sub-step there is little to compile
DAILY = dict(substeps=1)


def case(seed, days=4, size=30):
    """Network, runoff m3 d-1 with dry days, channels from creeks to flat rivers, and stores."""
    network = forest(seed, size)
    random = torch.Generator().manual_seed(seed)

    def between(low, high, *shape):
        share = torch.rand(*shape, generator=random, dtype=torch.float64)
        return low * (high / low) ** share

    runoff = between(1e2, 1e7, days, size)
    runoff = runoff * (torch.rand(runoff.shape, generator=random) < 0.7)
    values = {
        "roughness": between(0.015, 0.25, size), "width": between(1.0, 200.0, size),
        "shape": torch.rand(size, generator=random, dtype=torch.float64),
        "length": between(3e2, 2e5, size), "slope": between(1e-5, 1e-2, size),
    }  # fmt: skip
    storage = torch.zeros(6, size, dtype=torch.float64)
    storage[0] = between(1e2, 1e7, size) * (torch.arange(size) % 3 > 0)
    return network, runoff, values, storage


def routed(backend, network, runoff, values, storage, reach="muskingum_cunge", **options):
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    days = torch.arange(len(runoff))
    averages = (days // 2, torch.full((len(runoff),), 0.5).to(runoff), len(runoff))
    results = route_reach(
        reach, runoff.to(device), network, {n: v.to(device) for n, v in values.items()},
        storage=storage.to(device), backend=backend, averages=averages, **DAILY | options,
    )  # fmt: skip
    return [one.cpu() for one in results]


def textbook(network, runoff, values, storage):
    """Outflow (T, N) m3 d-1 and storage (N,) m3 by Courant and Reynolds numbers, cell by cell.

    The reference discharge is solved for, not approximated.
    """
    stored, flows = list(storage[0]), []
    for today in runoff:
        out = [None] * network.size
        for cell in range(network.size):
            above = np.flatnonzero(network.downstream == cell)
            inflow = sum((out[one] for one in above), today[cell] / 2)
            if network.sink[cell]:
                out[cell] = stored[cell] + inflow + today[cell] / 2
                stored[cell] = torch.zeros_like(inflow)
                continue
            n, width, shape, length, slope = (values[name][cell] for name in NAMES)
            leaves, stored[cell] = one_step(stored[cell], inflow, n, width, shape, length, slope)
            out[cell] = leaves + today[cell] / 2
        flows.append(torch.stack(out))
    return torch.stack(flows), torch.stack(stored)


def uniform(n, width, shape, slope):
    """Exponents and values at 1 m3 s-1 of depth and cross-section of uniform flow."""
    to_depth = 3 / (5 + 3 * shape)
    depth = (n * (1 + shape) / (width * slope**0.5)) ** to_depth
    return to_depth, depth, to_depth * (1 + shape), width * depth ** (1 + shape) / (1 + shape)


def one_step(stored, inflow, n, width, shape, length, slope, dt=SECONDS):
    to_depth, depth_1, b, area_1 = uniform(n, width, shape, slope)
    log_q = torch.log(torch.clamp(stored + inflow, min=1e-3) / dt)
    for _ in range(60):  # W = Q dt + L A
        passing, holding = torch.exp(log_q) * dt, length * area_1 * torch.exp(b * log_q)
        all_of_it = torch.clamp(stored + inflow, min=1e-3)
        rest = torch.log((passing + holding) / all_of_it)
        log_q = log_q - rest * (passing + holding) / (passing + b * holding)
    flow = torch.exp(log_q)
    area = area_1 * flow**b
    celerity, top = flow / area / b, width * (depth_1 * flow**to_depth) ** shape
    courant, secant = celerity * dt / length, flow / area * dt / length
    reynolds = torch.clamp(flow / (top * slope * celerity * length), max=1.0)
    reynolds = torch.maximum(reynolds, courant - 1) * (1 + secant) / (1 + courant)
    reynolds = torch.maximum(reynolds, 1 - secant)
    sent = 2 * secant * stored + (secant - 1 + reynolds) * inflow
    leaves = sent / (1 + secant + reynolds)
    return leaves, stored + inflow - leaves


def with_gradients(results, inputs):
    weights = torch.Generator().manual_seed(1)
    total = sum(
        (one / one.detach().max() * torch.rand(one.shape, generator=weights)).sum()
        for one in results
    )
    return [*results, *torch.autograd.grad(total, inputs)]


def learned(runoff, values, storage):
    return [runoff, *(values[name] for name in NAMES[:3]), storage]


@pytest.mark.parametrize(
    ("backend", "reach", "options"),
    [
        ("numba", MuskingumCunge(), {}),
        pytest.param("triton", MuskingumCunge(), {}, marks=pytest.mark.thorough),
        pytest.param("numba", KinematicWave(), {}, marks=pytest.mark.thorough),
        pytest.param("triton", KinematicWave(), {}, marks=pytest.mark.thorough),
        *(
            pytest.param(backend, MuskingumCunge(2), {"substeps": 4}, marks=pytest.mark.slow)
            for backend in ("numba", "triton")
        ),
    ],
)
def test_kernels_equal_the_step_in_plain_loops(backend, reach, options):
    network, runoff, values, storage = case(3)
    inputs = [one.requires_grad_() for one in learned(runoff, values, storage)]
    found, truth = (
        with_gradients(
            routed(one, network, runoff, values, storage, reach, tile_days=2, **options), inputs
        )
        for one in (backend, "torch")
    )
    for result, expected in zip(found, truth, strict=True):
        scale = float(expected.detach().abs().max())
        torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-12 * scale)
        assert scale > 0


def test_kernels_equal_the_textbook():
    """Within what one step of Newton's method leaves of the reference discharge."""
    network, runoff, values, storage = case(4)
    storage[0, torch.as_tensor(network.sink)] = 0
    inputs = [one.requires_grad_() for one in learned(runoff, values, storage)]
    outflow, after, *_ = routed("numba", network, runoff, values, storage)
    found = with_gradients([outflow, after[0]], inputs)
    truth = with_gradients(textbook(network, runoff, values, storage), inputs)
    found[-1], truth[-1] = found[-1][0], truth[-1][0]  # no water is on its way between cells
    for result, expected in zip(found, truth, strict=True):
        scale = float(expected.detach().abs().max())
        torch.testing.assert_close(result, expected, rtol=2e-3, atol=1e-3 * scale)


@pytest.mark.parametrize("backend", ["numba", pytest.param("triton", marks=pytest.mark.thorough)])
def test_gradcheck(backend):
    network, runoff, values, storage = case(5, days=2, size=7)
    runoff, storage = runoff + 1e4, storage + 1e4  # less than none would be a kink
    scale = [1e6, *[1.0] * 3, 1e6]  # so that all are of one size
    inputs = [one / s for one, s in zip(learned(runoff, values, storage), scale, strict=True)]

    def run(*inputs):
        runoff, *three, storage = (one * s for one, s in zip(inputs, scale, strict=True))
        given = values | dict(zip(NAMES[:3], three, strict=True))
        return tuple(one / 1e6 for one in routed(backend, network, runoff, given, storage))

    inputs = [one.requires_grad_() for one in inputs]
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True, rtol=1e-4)


@pytest.mark.parametrize("reach", [MuskingumCunge(), KinematicWave()], ids=lambda r: r.name)
@pytest.mark.parametrize("real", [torch.float32, torch.float64])
def test_any_discharge_leaves_positive_water_and_finite_gradients(real, reach):
    """From a drop to a flood beyond any, through channels from a millimetre to a continent."""
    random, size = torch.Generator().manual_seed(0), 20_000

    def powers(low, high):
        return 10 ** (low + (high - low) * torch.rand(size, generator=random, dtype=real))

    values = SimpleNamespace(
        roughness=powers(-3, 1), width=powers(-1, 4), slope=powers(-6, 0), length=powers(-3, 7),
        shape=torch.rand(size, generator=random, dtype=real), substeps=powers(0, 3).round(),
    )  # fmt: skip
    stored, inflow, lateral = (
        powers(-9, 12) * (torch.rand(size, generator=random) < 0.8) for _ in range(3)
    )
    inputs = [stored, inflow, values.roughness, values.width, values.shape]
    for one in inputs:
        one.requires_grad_()
    with OneConvention():
        after, outflow = reach.step(SimpleNamespace(part_1=stored), inflow, lateral, values)
    after = after["part_1"]
    supply = stored + inflow + lateral
    assert after.min() >= 0 and outflow.min() >= 0
    torch.testing.assert_close(after + outflow, supply, rtol=1e-6, atol=0)
    for gradient in torch.autograd.grad((outflow / supply.clamp(min=1e-9)).sum(), inputs):
        assert gradient.isfinite().all()


def chain(cells):
    return Network.from_downstream([*range(1, cells), -1])[0]


def river(cells, **values):
    return {n: torch.full((cells,), v, dtype=torch.float64) for n, v in values.items()}


def test_steady_flow_fills_the_channel_to_the_depth_of_manning():
    """Whatever the length of a sub-step against the time of travel; half joins at the head."""
    cells, lateral = 12, 30.0
    values = river(cells, roughness=0.04, width=20.0, shape=0.4, slope=5e-4, length=1.0)
    values["length"] = torch.logspace(2, 5.5, cells, dtype=torch.float64)
    runoff = torch.full((400, cells), lateral * SECONDS, dtype=torch.float64)
    storage = torch.zeros(6, cells, dtype=torch.float64)
    outflow, after, *_ = routed("numba", chain(cells), runoff, values, storage)
    flow = lateral * (torch.arange(cells, dtype=torch.float64) + 1)
    torch.testing.assert_close(outflow[-1] / SECONDS, flow, rtol=1e-6, atol=0)
    _, _, b, area = uniform(0.04, 20.0, 0.4, 5e-4)
    full = values["length"] * area * (flow - lateral / 2) ** b
    torch.testing.assert_close(after[0], full, rtol=1e-4, atol=0)
    lost = runoff.sum() - outflow[:, -1].sum() - after.sum()
    assert abs(lost) <= 1e-12 * runoff.sum()


@pytest.mark.parametrize("length, spread", [(100e3, 1.0), (8e3, None)])
def test_a_broad_wave_travels_at_the_kinematic_celerity(length, spread):
    """And spreads by the diffusion Q / (2 B S) where sub-step and length fit the wave; in short
    reaches by what the sub-step allows."""
    cells, days, base = 20, 120, 500.0
    values = river(cells, roughness=0.035, width=100.0, shape=0.0, slope=1e-4, length=length)
    _, _, b, area = uniform(0.035, 100.0, 0.0, 1e-4)
    celerity = base ** (1 - b) / (area * b)
    diffusion = base / (2 * 100.0 * 1e-4)
    days_ago = torch.arange(days, dtype=torch.float64)
    wave = base * 1e-3 * torch.exp(-0.5 * ((days_ago - 30) / 5) ** 2)
    storage = torch.zeros(6, cells, dtype=torch.float64)
    storage[0] = length * area * base**b
    flows = []
    for more in (0, wave):  # it comes to the first reach as to all others, from above
        runoff = torch.zeros(days, cells + 1, dtype=torch.float64)
        runoff[:, 0] = (base + more) * SECONDS
        with_source = {n: torch.cat([v[:1], v]) for n, v in values.items()}
        with_source["length"][0] = 0  # all passes
        start = torch.cat([storage[:, :1] * 0, storage], 1)
        outflow, *_ = routed("numba", chain(cells + 1), runoff, with_source, start)
        flows.append(outflow[:, [0, -1]] / SECONDS)
    above, below = (flows[1] - flows[0]).T

    def moments(flow):
        mean = (flow * days_ago).sum() / flow.sum()
        return mean, (flow * (days_ago - mean) ** 2).sum() / flow.sum()

    (began, narrow), (ended, broad) = moments(above), moments(below)
    assert below.sum().item() == pytest.approx(above.sum().item(), rel=1e-6)
    travel = (ended - began).item() * SECONDS
    assert travel == pytest.approx(cells * length / celerity, rel=2e-3)
    if spread:
        found = (broad - narrow).item() * SECONDS**2
        expected = 2 * diffusion * cells * length / celerity**3
        assert found == pytest.approx(expected, rel=spread * 2e-2)


# in a process of its own, since this one may run Triton's interpreter
SCRIPT = """
import json
from gridhydro.kernels import route_triton
from gridhydro.kernels.reach_spec import reach_spec
from gridhydro.reaches.kinematic_wave import KinematicWave
from gridhydro.reaches.muskingum_cunge import MuskingumCunge

found = []
for reach, parts, real in (
    (MuskingumCunge, 1, "float32"), (MuskingumCunge, 1, "float64"), (MuskingumCunge, 2, "float64"),
    (MuskingumCunge, 5, "float32"), (KinematicWave, 1, "float32"), (KinematicWave, 1, "float64"),
):
    for direction in ("forward", "adjoint"):
        for capability in (80, 90):
            spec = reach_spec(reach(parts), 4, real)
            usage = route_triton.usage(spec, direction, capability)
            found.append(
                [reach.name, parts, real, direction, usage.spill_stores + usage.spill_loads]
            )
print(json.dumps(found))
"""


@pytest.mark.slow
def test_kernels_compile_for_gpu_without_spills():
    """With more than two parts in float64, which is for gradcheck, some registers are spilled."""
    pytest.importorskip("triton")
    found = json.loads(Fork("-c", SCRIPT, TRITON_INTERPRET=None).printed())
    assert len(found) == 24
    assert [kernel for kernel in found if kernel[-1]] == []


def test_the_kinematic_wave_is_the_implicit_scheme():
    """Sub-step by sub-step against Q dt + length A(Q) = all water, solved by halving."""
    _, runoff, values, storage = case(6)
    stored, inflow = storage[0], runoff[0]
    given = {n: one for n, one in values.items()} | {"substeps": torch.ones(30).double()}
    with OneConvention():
        after, outflow = KinematicWave().step(
            SimpleNamespace(part_1=stored), inflow, 0 * inflow, SimpleNamespace(**given)
        )
    n, width, shape, length, slope = (values[name] for name in NAMES)
    _, _, b, area = uniform(n, width, shape, slope)
    low, high = 0 * inflow, (stored + inflow) / SECONDS
    for _ in range(200):
        flow = (low + high) / 2
        above = flow * SECONDS + length * area * flow**b > stored + inflow
        low, high = torch.where(above, low, flow), torch.where(above, flow, high)
    wet = stored + inflow > 1
    torch.testing.assert_close(outflow[wet] / SECONDS, flow[wet], rtol=2e-4, atol=0)
    torch.testing.assert_close(after["part_1"] + outflow, stored + inflow, rtol=1e-12, atol=0)
