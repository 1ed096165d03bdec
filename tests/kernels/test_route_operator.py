"""Routing as an operator of torch: torch's own check, compiled, differentiated once only."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from gridhydro.domain.network import Network
from gridhydro.kernels.reach_spec import reach_spec
from gridhydro.kernels.route_operator import NETWORKS, network_key
from gridhydro.model.routing import route
from gridhydro.reaches.linear_cascade import LinearCascade
from tests.kernels.test_column_operator import (
    Calls,
    assert_same,
    device_of,
    numba_or_triton,
    with_gradients,
)
from tests.kernels.test_reach import case as reach_case
from tests.kernels.test_reach import routed
from tests.kernels.test_routing_backends import periods
from tests.model.test_routing import forest, problem

pytestmark = pytest.mark.thorough

DAYS = 3
REST = [("numba", False, 0), ("triton", False, 0), ("triton", True, 1)]


def case(backend, seed=0, size=9):
    """Cascades of 0 to 5 and no lag of 0, on the device of the backend."""
    network, runoff, lag, reservoirs, storage = problem(seed, days=DAYS, size=size)
    tensors = (t.to(device_of(backend)) for t in (runoff, lag + 0.05, storage, reservoirs))
    return network, *tensors


def routing(network, backend, reservoirs, **options):
    """Squares of all that comes out, of runoff, lag and storage: gradients differ."""

    def run(runoff, lag, storage):
        found = route(
            runoff, network, lag, reservoirs, storage=storage, backend=backend, tile_days=2,
            **options,
        )  # fmt: skip
        return sum(values.square().sum() for values in found)

    return run


def compiled(function, **options):
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend="aot_eager", **options)


@numba_or_triton
@pytest.mark.parametrize(
    ("learned", "averages"),
    [pytest.param(True, periods(DAYS), marks=pytest.mark.slow), (False, None)],
)
def test_operators_pass_torchs_own_check(backend, learned, averages):
    """Schema, registered gradient, shapes without data, and a trace with sizes left open."""
    network, runoff, lag, storage, _ = case(backend)
    lag.requires_grad_(learned)
    with Calls() as calls:
        routing(network, backend, 5, averages=averages)(runoff.requires_grad_(), lag, storage)
        routing(network, backend, 5, averages=averages)(runoff, lag, storage).backward()
    made = [function._opname for function, _ in calls.made]
    assert made == ["river_cascade", "route"] * 2 + ["route_adjoint"]
    for function, arguments in calls.made[2:]:
        floats = [torch.is_tensor(a) and a.is_floating_point() for a in arguments]
        name, wanted = function._opname, [False] * len(arguments)
        if name == "route_adjoint":
            wanted = floats
        elif name == "route":
            wanted = [True, learned, False, *floats[3:5], *wanted[5:]]
        arguments = tuple(
            a.detach().clone().requires_grad_(w) if torch.is_tensor(a) else a
            for a, w in zip(arguments, wanted, strict=True)
        )
        # an adjoint refuses to be differentiated, which the last check, a gradient, would do
        checks = ("test_schema", "test_autograd_registration", "test_faketensor")
        checks = checks if name == "route_adjoint" else (*checks, "test_aot_dispatch_dynamic")
        torch.library.opcheck(function, arguments, test_utils=checks)


@pytest.mark.parametrize(
    ("backend", "dynamic", "delay"),
    [
        ("numba", True, 1),
        *(pytest.param(*some, marks=pytest.mark.slow) for some in REST),
    ],
)
def test_compiled_routing_equals_eager(backend, dynamic, delay):
    """Of cascades that differ, of which a trace sees no length, and of one length given."""
    network, *tensors, reservoirs = case(backend, seed=1)
    for given in (reservoirs, 5):
        run = routing(network, backend, given, delay=delay, averages=periods(DAYS))
        found = with_gradients(compiled(run, dynamic=dynamic), *tensors)
        assert_same(found, with_gradients(run, *tensors))


@pytest.mark.slow
def test_compiled_routing_of_short_cascades_equals_eager():
    """Compiled, five reservoirs are computed where it is not said that there are fewer."""
    network, *tensors, _ = case("numba")
    run = routing(network, "numba", torch.full((network.size,), 3))
    value, *gradients = with_gradients(compiled(run), *tensors)
    expected, *others = with_gradients(run, *tensors)
    assert torch.equal(value, expected)
    # more reservoirs are other code, which may round otherwise
    torch.testing.assert_close(gradients, others, rtol=1e-13, atol=1e-13)


def test_compiled_routing_is_that_of_its_network_and_options():
    def run(network, tensors, substeps, delay):
        return routing(network, "triton", 5, substeps=substeps, delay=delay)(*tensors)

    whole, values = compiled(run), []
    for seed in (2, 3):
        network, *tensors, _ = case("triton", seed)
        for options in ((4, 0), (8, 1)):
            found = whole(network, tensors, *options)
            assert torch.equal(found, run(network, tensors, *options))
            values.append(found)
    assert len({value.item() for value in values}) == 4


def test_compiled_routing_of_more_days_equals_eager():
    network, *tensors, reservoirs = case("numba")
    run = routing(network, "numba", reservoirs)
    whole = compiled(run)
    for days in (DAYS, 2, 4, 5):
        some = tensors[0].repeat(2, 1)[:days], *tensors[1:]
        assert_same(with_gradients(whole, *some), with_gradients(run, *some))


@pytest.mark.parametrize(
    ("what", "value", "message"),
    [
        ("runoff", torch.nan, r"runoff has a missing or infinite value, nan, at row 2, cell 1 \(1"),
        ("lag", -1.0, r"lag has a negative lag, -1.0, at cell 1 \(1 in all\): give days, 0 or"),
        ("lag", torch.inf, "lag has a missing or infinite lag, inf, at cell 1"),
        ("storage", torch.nan, "storage has a missing or infinite value, nan, at row 2, cell 1"),
        ("reservoirs", 6, "reservoirs has a cascade that cannot be, 6, at cell 1"),
    ],
)
def test_compiled_routing_refuses_values_as_eager(what, value, message):
    network, runoff, lag, storage, reservoirs = case("numba")

    def run(runoff, lag, storage, reservoirs):
        return route(runoff, network, lag, reservoirs, storage=storage)[0]

    given = dict(runoff=runoff, lag=lag, storage=storage, reservoirs=reservoirs)
    whole = compiled(run)
    assert torch.equal(whole(**given), run(**given))
    given[what] = given[what].clone()
    given[what][(2, 1) if given[what].ndim == 2 else 1] = value
    for one in (run, whole):
        with pytest.raises(ValueError, match=message):
            one(**given)


def test_compiled_routing_refuses_periods_out_of_order():
    network, runoff, lag, _, _ = case("numba")
    row, *others = torch.tensor([0, 0, 1]), torch.ones(DAYS), 2

    def run(row):
        return route(runoff, network, lag, 5, averages=(row, *others))[2]

    whole = compiled(run)
    assert torch.equal(whole(row), run(row))
    for one in (run, whole):
        with pytest.raises(ValueError, match="the periods of days are 0 to 1, in order of time"):
            one(row.flip(0))


def test_second_derivative_of_compiled_routing_is_refused():
    network, runoff, lag, storage, _ = case("numba")
    loss = compiled(routing(network, "numba", 5))(runoff, lag.requires_grad_(), storage)
    (gradient,) = torch.autograd.grad(loss, lag, create_graph=True)
    with pytest.raises(RuntimeError, match="double backward"):
        (loss + gradient.square().sum()).backward()


@numba_or_triton
@pytest.mark.parametrize("wanted", ["nothing", "runoff", "lag"])
def test_routing_keeps_what_its_gradient_reads(backend, wanted):
    """Nothing without one, nor for the one to the runoff of a linear reach: not the runoff, too."""
    network, runoff, lag, storage, _ = case(backend)
    leaf = dict(runoff=runoff, lag=lag).get(wanted)
    if leaf is not None:
        leaf.requires_grad_()
    with Calls() as calls:
        route(runoff, network, lag, 5, storage=storage, backend=backend, tile_days=2)
    (arguments,) = (a for f, a in calls.made if f._opname == "route")
    every = arguments[-5]
    results = torch.ops.gridhydro.route(
        *(a.detach() if torch.is_tensor(a) else a for a in arguments)
    )
    assert (every > 0) == any(r.numel() for r in results[4:]) == (wanted == "lag")
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        kept = []
        routing(network, backend, 5)(runoff, lag, storage)
    days = [t for t in kept if t.shape[:1] == (DAYS,) and t.shape[1:] == (network.size,)]
    assert any(t.data_ptr() == runoff.data_ptr() for t in days) == (wanted == "lag")


@pytest.mark.parametrize("learning", [True, False])
def test_a_reach_that_is_not_linear_keeps_its_states_for_any_gradient(learning):
    network, height, inputs = reach_case(3)
    with Calls() as calls, torch.set_grad_enabled(learning):
        routed("numba", network, height, [inputs[0].requires_grad_(), *inputs[1:]])
    ((_, arguments),) = calls.made
    assert (arguments[-5] > 0) == learning


def test_gradient_outlives_the_network():
    """The backward pass holds it."""
    network, *tensors, _ = case("numba", seed=4)
    expected = with_gradients(routing(network, "numba", 5), *tensors)
    key, leaves = network_key(network), [t.requires_grad_() for t in tensors]
    value = routing(network, "numba", 5)(*leaves)
    del network
    gc.collect()
    assert_same((value, *torch.autograd.grad(value, leaves)), expected)
    del value
    gc.collect()
    with pytest.raises(RuntimeError, match="keep the network"):
        NETWORKS[key]


def test_networks_that_are_equal_have_one_key():
    """By it one of them is found for as long as any lives."""
    first, second = forest(5), forest(5)
    key = network_key(first)
    assert network_key(second) == key and NETWORKS[key] is first
    del first
    gc.collect()
    assert (NETWORKS[key].downstream == second.downstream).all()
    del second
    gc.collect()
    with pytest.raises(RuntimeError, match="it stands for a river network"):
        NETWORKS[key]


def test_networks_that_differ_have_other_keys():
    networks = [Network.from_downstream(d)[0] for d in ([1, -1], [-1, -1], [1, 2, -1], [2, 2, -1])]
    assert len({network_key(network) for network in networks}) == 4


def test_reaches_that_differ_have_other_keys():
    specs = [
        reach_spec(LinearCascade(most), substeps, real, learned)
        for most in (1, 2)
        for substeps in (3, 4)
        for real in ("float32", "float64")
        for learned in (False, True)
    ]
    assert len({spec.key for spec in specs}) == len(specs)
    assert reach_spec(LinearCascade(2), 8, "float64").key == specs[-1].key  # the same kernels


def test_autocast_changes_no_bit_of_routing():
    network, *tensors, _ = case("numba")
    found = []
    for on in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=on):
            found.append(with_gradients(routing(network, "numba", 5), *tensors))
    assert_same(*found)


def test_threads_that_route_equal_networks_agree():
    _, *tensors, _ = case("numba", seed=6)
    expected = with_gradients(routing(forest(6, size=9), "numba", 5), *tensors)

    def run(_):
        return with_gradients(routing(forest(6, size=9), "numba", 5), *tensors)

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(run, range(32)):
            assert_same(found, expected)
