"""Every routing backend against the plain loops: numbers, gradients, any tiles, no stray memory."""

import numpy as np
import pytest
import torch

from gridhydro.domain.network import Network
from gridhydro.kernels import launch, route_numba, route_tables, route_triton
from gridhydro.kernels.reach_spec import together
from gridhydro.kernels.route_tables import bundles
from gridhydro.model.routing import Coupling, route
from tests.model.test_routing import forest, problem, route_on

BACKENDS = ["numba", "triton"]
NAMES = ("outflow", "storage", "averages", "g_runoff", "g_lag", "g_storage")


def gradients(backend, network, runoff, lag, reservoirs, storage, **options):
    """Outflow, final storage, averages, and the gradients of a weighted sum of all."""
    inputs = [values.clone().requires_grad_() for values in (runoff, lag, storage)]
    results = route_on(
        backend, inputs[0], network, inputs[1], reservoirs, inputs[2], **options,
        averages=periods(len(runoff)),
    )  # fmt: skip
    weights = torch.Generator().manual_seed(0)
    total = sum(
        (values * torch.randn(values.shape, generator=weights, dtype=torch.float64)).sum()
        for values in results
    )
    return [*(values.detach() for values in results), *torch.autograd.grad(total, inputs)]


def periods(days):
    """Periods of two days, one of none, a day that does not count, and uneven weights."""
    row = torch.arange(days) // 2 + (torch.arange(days) > 3)
    weight = torch.linspace(0.2, 1.0, days, dtype=torch.float64)
    weight[days // 2] = 0.0
    return row, weight, int(row[-1]) + 2


def assert_all_close(results, expected, tolerance, of=NAMES):
    for name, result, truth in zip(of, results, expected, strict=True):
        error = (result.double() - truth.double()).abs().max() / truth.abs().max()
        assert error <= tolerance, f"{name} is off by {error:.1e}"


@pytest.mark.parametrize(
    ("backend", "seed"),
    [("numba", 0), ("numba", 1), ("triton", 0), pytest.param("triton", 1, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(("delay", "transit"), [(0, True), (1, True), (1, False)])
def test_routing_and_gradients_equal_the_loop(backend, delay, transit, seed):
    case = problem(seed, days=3)
    expected = gradients("torch", *case, delay=delay, transit=transit)
    results = gradients(backend, *case, delay=delay, tile_days=2, transit=transit)
    assert_all_close(results, expected, 1e-10)


@pytest.mark.thorough
@pytest.mark.parametrize("backend", BACKENDS)
def test_routing_in_single_precision_equals_the_loop(backend):
    case = problem(2, days=3)
    expected = gradients("torch", *case)
    results = gradients(
        backend, case[0], *(values.float() for values in case[1:3]), case[3], case[4].float()
    )
    assert all(result.dtype == torch.float32 for result in results)
    assert_all_close(results, expected, 1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_time_tiles_of_routing_change_no_bit(backend):
    case = problem(3, size=12)
    expected = gradients(backend, *case, tile_days=4)
    for tile_days in (1, 3):
        results = gradients(backend, *case, tile_days=tile_days)
        for name, result, truth in zip(NAMES, results, expected, strict=True):
            # sums over time are added up tile by tile
            rtol = 1e-13 if name in ("averages", "g_lag") else 0
            torch.testing.assert_close(result, truth, rtol=rtol, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("substeps", [1, 3])
@pytest.mark.parametrize("backend", BACKENDS)
def test_routing_with_other_substeps_equals_the_loop(backend, substeps):
    case = problem(4, days=3)
    expected = gradients("torch", *case, substeps=substeps)
    results = gradients(backend, *case, substeps=substeps)
    assert_all_close(results, expected, 1e-10)


def test_routing_of_levels_over_several_gpu_programs(monkeypatch):
    monkeypatch.setattr(route_triton, "ROUTE_BLOCK", 4)
    case = problem(6, days=3)
    assert np.diff(case[0].level_start).max() > 4
    expected = gradients("torch", *case)
    assert_all_close(gradients("triton", *case, tile_days=2), expected, 1e-10)


@pytest.mark.parametrize("delay", [0, 1])
def test_routing_in_bundles_of_few_cells_equals_the_loop(delay, monkeypatch):
    """Bundles hand over to one another; of a small network there would be one."""
    monkeypatch.setattr(route_numba, "route_bundle", lambda _: 5)
    case = problem(8, days=3, size=60)
    table = bundles(case[0], launch.ROUTE_LANES, 5)
    assert len(table.all) > 5 and table.below.size > 3
    expected = gradients("torch", *case, delay=delay)
    assert_all_close(gradients("numba", *case, delay=delay, tile_days=2), expected, 1e-10)


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("delay", [0, 1])
def test_routing_of_chains_equals_the_loop(parallel, delay):
    """Where there is nothing else to compute beside it, a cell follows the one above by a day."""
    case = chains(parallel, 50)
    (bundle,) = bundles(case[0], launch.ROUTE_LANES, launch.ROUTE_BUNDLE).all
    assert bundle.blocks.size - 1 == -(-50 // launch.ROUTE_LANES)
    assert bundle.late.max() >= launch.ROUTE_LANES // parallel - 1
    expected = gradients("torch", *case, delay=delay)
    for tile_days in (2, 5):
        results = gradients("numba", *case, delay=delay, tile_days=tile_days)
        assert_all_close(results, expected, 1e-10)


def chains(parallel, size, days=5):
    """Rivers side by side without tributaries, and a case like `problem` on them."""
    below = np.arange(size) + parallel
    network, _ = Network.from_downstream(np.where(below < size, below, -1))
    _, *case = problem(17, days=days, size=size)
    return network, *case


@pytest.mark.parametrize("least", [1, 7, 40, 1000])
def test_bundles_have_every_cell_once_and_what_drains_to_them_before(least):
    network = forest(9, size=300)
    table = bundles(network, 4, least)
    cells = np.concatenate([bundle.cells for bundle in table.all])
    np.testing.assert_array_equal(np.sort(cells), np.arange(network.size))
    where = np.empty(network.size, dtype=int)
    for number, bundle in enumerate(table.all):
        where[bundle.cells] = number
        np.testing.assert_array_equal(table.slot[bundle.cells], np.arange(bundle.cells.size))
        for start, stop in zip(bundle.blocks[:-1], bundle.blocks[1:], strict=True):
            block, late = bundle.cells[start:stop], bundle.late[start:stop]
            assert 0 < block.size <= 4 and late[0] == 0 and (np.diff(late) >= 0).all()
            link = np.where(bundle.link[start:stop] < 0, -1, block[bundle.link[start:stop]])
            for cell, sender, days in zip(block, link, late, strict=True):
                above = network.upstream[slice(*network.upstream_start[cell : cell + 2])]
                within = [upper for upper in above if upper in block]
                assert within == [sender] * int(days > 0)  # at most one, and it is ahead by a day
                assert not within or days == 1 + late[block == sender]
        assert all(upper < number for upper in bundle.above)
    for cell in range(network.size):
        for edge in range(network.upstream_start[cell], network.upstream_start[cell + 1]):
            upper, source = network.upstream[edge], table.sources[edge]
            if where[upper] == where[cell]:
                assert source == table.slot[upper] and table.handed[upper] == -1
            else:
                assert where[upper] in table.all[where[cell]].above
                assert source == -1 - table.handed[upper] and table.below[-1 - source] == cell


@pytest.mark.parametrize("substeps", [3, 8])
def test_wide_offsets_of_routing_change_no_bit(substeps, monkeypatch):
    """As the launch chooses where an array has 2^32 values; with 3 sub-steps, few lie together."""
    numbers, types, chosen = [], [], route_triton.index_type

    def index_type(*given):
        numbers.append(given)
        types.append(chosen(*given).name)
        return chosen(*given)

    monkeypatch.setattr(route_triton, "index_type", index_type)
    case, options = problem(5, days=3, size=12), dict(tile_days=2, substeps=substeps)
    expected = gradients("triton", *case, **options)
    # forward, once more and back: values by day and group, outflow, two tiles with a cell more
    groups = substeps // together(substeps)
    assert numbers == [(3 * groups * 12, 3 * 12, 2 * 2 * groups * 13)] * 3
    monkeypatch.setattr(launch, "NARROW", 0)
    assert all(map(torch.equal, gradients("triton", *case, **options), expected))
    assert types == ["uint32"] * 3 + ["int64"] * 3


def test_offsets_of_routing_are_as_wide_as_needed():
    assert route_triton.index_type(5, 2**32 - 1).name == "uint32"
    assert route_triton.index_type(2**32, 5).name == "int64"


def test_inflows_of_programs_are_those_of_the_network():
    network = forest(3, size=300)
    programs, _ = route_tables.programs_by_level(network, 16)
    inflows = route_tables.inflows_by_program(network, 16)
    assert inflows.size == (programs[:, 3] * 16).sum() and len(programs) > 20
    for _, first, past, most, begin in programs:
        table = inflows[begin : begin + most * 16].reshape(most, 16)
        for cell, found in enumerate(table.T, start=first):
            bounds = network.upstream_start[cell : cell + 2] if cell < past else (0, 0)
            above = network.upstream[slice(*bounds)].tolist()
            assert found.tolist() == above + [network.size] * (most - len(above))


def test_routing_in_segments_of_the_gpu_equals_the_loop(monkeypatch):
    """The adjoint goes through a period segment by segment; a short one would be one of them."""
    monkeypatch.setattr(route_triton, "ROUTE_SEGMENT", 1)
    case = problem(10, days=5, size=12)
    expected = gradients("torch", *case)
    assert_all_close(gradients("triton", *case, tile_days=2), expected, 1e-10)


@pytest.mark.parametrize("backend", ["torch", *BACKENDS])
def test_outflow_of_chosen_cells_and_runoff_as_depth(backend):
    """As outflow of all cells from volumes; a cell may be asked for twice."""
    network, runoff, lag, reservoirs, storage = problem(16, days=2)
    depth = torch.linspace(0.5, 3.0, network.size, dtype=torch.float64)
    cells = torch.tensor([5, 20, 5, 0])
    found = []
    for chosen in (True, False):
        runoff = runoff.detach().requires_grad_()
        lag = lag.detach().requires_grad_()
        volume = runoff if chosen else runoff * depth
        device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
        options = {}
        if chosen:
            options = dict(coupling=Coupling(depth.to(device), cells.to(device)))
        outflow, final = route_on(backend, volume, network, lag, reservoirs, storage, **options)
        outflow = outflow if chosen else outflow[:, cells]
        gradients = torch.autograd.grad(outflow.square().sum() + final.sum(), [runoff, lag])
        found.append([outflow, final, *gradients])
    for some, of_all in zip(*found, strict=True):
        torch.testing.assert_close(some, of_all, rtol=1e-12, atol=1e-12)


def with_gauges(cells, *case, storage=False, **options):
    """Outflow at some cells and final storage, and the gradients of the first, or of both."""
    network, runoff, lag, reservoirs, start = case
    leaves = [values.clone().requires_grad_() for values in (runoff, lag + 0.1, start)]
    coupling = Coupling(cells=torch.tensor(cells))
    outflow, final = route(
        *leaves[:1], network, leaves[1], reservoirs, storage=leaves[2], coupling=coupling, **options
    )
    weight = torch.linspace(0.5, 2, outflow.numel(), dtype=outflow.dtype).view_as(outflow)
    loss = (outflow * weight).sum() + (final.square().sum() if storage else 0)
    return outflow, final, *torch.autograd.grad(loss, leaves)


@pytest.mark.parametrize("storage", [False, True])
@pytest.mark.parametrize("delay", [0, 1])
def test_cells_above_no_gauge_are_routed_and_have_no_gradient_of_discharge(
    delay, storage, monkeypatch
):
    monkeypatch.setattr(route_numba, "route_bundle", lambda _: 8)
    case, options = problem(19, days=5, size=120), dict(delay=delay, tile_days=2)
    cells = case[0].downstream[case[0].downstream >= 0][[10, 30]].tolist()
    table = bundles(case[0], launch.ROUTE_LANES, 8, tuple(cells))
    seen = case[0].upstream_cells(cells)
    apart = np.concatenate([table.all[n].cells for n in sorted(table.unseen)])
    np.testing.assert_array_equal(np.sort(np.append(apart, seen)), np.arange(120))
    assert seen.size > len(cells) and table.unseen_rows.size
    expected = with_gauges(cells, *case, storage=storage, backend="torch", **options)
    found = with_gauges(cells, *case, storage=storage, **options)
    assert_all_close(found, expected, 1e-10, [name for name in NAMES if name != "averages"])
    if not storage:
        assert not found[2][:, apart].any() and not found[3][apart].any()


def test_cuts_at_gauges_do_not_pile_up():
    network = forest(9, size=50)
    for cell in range(20):
        bundles(network, launch.ROUTE_LANES, 1000, (cell,))
    assert len(route_tables._tables(network, launch.ROUTE_LANES, 1000)) <= route_tables.CUTS + 1


def test_a_gradient_of_routing_keeps_less_than_the_runoff():
    network = forest(12, size=5000)
    runoff = torch.rand(120, network.size)
    lag = torch.full((network.size,), 0.3, requires_grad=True)
    outflow, _ = route(runoff, network, lag, 5)
    (context,) = {
        node for node in _graph(outflow.grad_fn) if type(node).__name__ == "routeBackward"
    }
    kept = [kept for kept in context.saved_tensors if kept.data_ptr() != runoff.data_ptr()]
    assert kept and sum(values.nbytes for values in kept) <= runoff.nbytes


def _graph(node):
    yield node
    for above, _ in node.next_functions:
        if above is not None:
            yield from _graph(above)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_of_routing_change_no_bit(threads, monkeypatch):
    """Nor do spans of days, in which bundles follow one another."""
    monkeypatch.setattr(route_numba, "route_bundle", lambda _: 20)
    case = problem(7, days=9, size=200)
    expected = gradients("numba", *case, tile_days=2)
    monkeypatch.setattr(route_numba, "route_cpu_spans", lambda *_: 2 * threads)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        results = gradients("numba", *case, tile_days=2)
    finally:
        torch.set_num_threads(before)
    assert all(map(torch.equal, results, expected))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "backend", ["torch", "numba", pytest.param("triton", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("delay", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_gradcheck_of_routing(backend, delay):
    network, runoff, lag, reservoirs, storage = problem(11, days=2, size=9)
    assert network.sink.any()
    # away from lag 0, where differences would reach negative lags
    inputs = [values.requires_grad_() for values in (runoff, lag + 0.05, storage)]

    def run(runoff, lag, storage):
        return route_on(
            backend, runoff, network, lag, reservoirs, storage, delay=delay, tile_days=1
        )

    assert torch.autograd.gradcheck(run, inputs, fast_mode=backend != "numba")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("of", ["runoff", "lag", "storage"])
def test_second_derivative_of_routing_is_refused(backend, of):
    """Of a sum too, whose weights have no gradient and leave no trace of themselves."""
    network, runoff, lag, reservoirs, storage = problem(12, days=2, size=12)
    given = dict(runoff=runoff, lag=lag + 0.05, storage=storage)
    leaf = given[of].requires_grad_()
    outflow, _ = route_on(backend, given["runoff"], network, given["lag"], reservoirs, storage)
    (first,) = torch.autograd.grad(outflow.sum(), leaf, create_graph=True)
    assert first.requires_grad
    with pytest.raises(RuntimeError, match="there is no second derivative"):
        torch.autograd.grad(first.square().sum(), leaf)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("delay", [0, 1])
def test_routing_adjoint_passes_the_dot_product_test(backend, delay):
    """Routing is linear in runoff and storage: <A x, w> = <x, A* w>, without the reference."""
    network, runoff, lag, reservoirs, storage = problem(13, days=3)
    runoff.requires_grad_(), storage.requires_grad_()
    outflow, final = route_on(backend, runoff, network, lag, reservoirs, storage, delay=delay)
    w_outflow, w_final = torch.randn_like(outflow), torch.randn_like(final)
    forward = (outflow * w_outflow).sum() + (final * w_final).sum()
    g_runoff, g_storage = torch.autograd.grad(forward, [runoff, storage])
    adjoint = (runoff * g_runoff).sum() + (storage * g_storage).sum()
    assert abs(forward - adjoint) <= 1e-13 * (outflow * w_outflow).abs().sum()


@pytest.mark.parametrize("backend", BACKENDS)
def test_routing_gradient_to_runoff_alone(backend):
    """Without a gradient to the lag nothing is kept, and the rest is the same to the last bit."""
    network, runoff, lag, reservoirs, storage = problem(14, days=3)
    runoff.requires_grad_()
    given = []
    for lag_too in (lag, lag.clone().requires_grad_()):
        outflow, _ = route_on(backend, runoff, network, lag_too, reservoirs, storage)
        given.append((outflow, *torch.autograd.grad(outflow.square().sum(), [runoff])))
    assert all(map(torch.equal, *given))


@pytest.mark.parametrize("backend", BACKENDS)
def test_routing_never_reads_uninitialised_memory(backend, monkeypatch):
    case = problem(15, days=3)
    expected = gradients(backend, *case, tile_days=2)  # compiles before numpy is tampered with

    def poisoned(make):
        def made(*arguments, **options):
            values = make(*arguments, **options)
            floats = values.dtype in (torch.float64, np.float64)
            if floats and isinstance(values, torch.Tensor):
                values.fill_(torch.nan)
            elif floats:
                values[...] = np.nan
            return values

        return made

    for owner, name in (
        (np, "empty"), (np, "empty_like"), (torch, "empty_like"), (torch.Tensor, "new_empty"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, poisoned(getattr(owner, name)))
    results = gradients(backend, *case, tile_days=2)
    assert all(map(torch.equal, results, expected))


def test_routing_on_the_global_ddm30_network(data):
    """A month on the global network."""
    xarray = pytest.importorskip("xarray")

    with xarray.open_dataset(data("ddm30/ddm30_global_30min.nc")) as file:
        code = file["flow_direction"].values
    active = np.isfinite(code)
    number = np.full(code.shape, -1)
    number[active] = np.arange(active.sum())
    row, column = np.nonzero(active)
    code = code[active].astype(int)
    flows = (code >= 1) & (code <= 9) & (code != 5)
    # keypad: 8 is north, 6 is east; row 0 of the file is the northernmost
    row, column = row + 1 - (code - 1) // 3, (column + (code - 1) % 3 - 1) % active.shape[1]
    downstream = np.where(flows, number[np.where(flows, row, 0), column], -1)
    network, _ = Network.from_downstream(downstream)
    assert network.size == 67420

    runoff = torch.rand(30, network.size, dtype=torch.float64).requires_grad_()
    lag = torch.rand(network.size, dtype=torch.float64).requires_grad_()
    outflow, final = route(runoff, network, lag, 3)
    supplied, left = runoff.sum(), outflow[:, network.outlets].sum() + final.sum()
    assert abs(left - supplied) <= 1e-12 * supplied
    # all water ends at an outlet or in storage: its gradient is one everywhere, to the lag zero
    left.backward()
    torch.testing.assert_close(runoff.grad, torch.ones_like(runoff), rtol=1e-12, atol=0)
    assert lag.grad.abs().max() <= 1e-10


@pytest.mark.parametrize(("cells", "least"), [(794, 300), (16_000, 1600), (67_420, 6000)])
def test_large_networks_are_cut_for_several_cores(cells, least):
    assert launch.route_bundle(cells) == least
