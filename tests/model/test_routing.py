"""Routing as hydrology: the HydroPy reference, closed mass, and what must not change the result."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gridhydro.domain.network import Network
from gridhydro.model.routing import route


def route_on(backend, runoff, network, lag, reservoirs, storage=None, **options):
    """`route` by a backend, on the GPU where Triton has one; takes and gives CPU tensors."""
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    storage = None if storage is None else storage.to(device)
    lag = torch.as_tensor(lag, dtype=runoff.dtype).to(device)
    results = route(
        runoff.to(device), network, lag, reservoirs, storage=storage, backend=backend, **options
    )
    return tuple(values.cpu() for values in results)


def forest(seed, size=40, sinks=True):
    """A random braided forest of rivers in random order, with sinks at and above outlets."""
    random = np.random.default_rng(seed)
    near = np.arange(size) - random.integers(1, 6, size)
    downstream = np.where((near < 0) | (random.random(size) < 0.08), -1, near)
    shuffle = random.permutation(size)
    shuffled = np.empty(size, dtype=int)
    shuffled[shuffle] = np.where(downstream < 0, -1, shuffle[downstream])
    sink = random.random(size) < np.where(shuffled < 0, 0.4, 0.1) * sinks
    return Network.from_downstream(shuffled, sink)[0]


def problem(seed, days=4, size=24, dtype=torch.float64, sinks=True):
    """Network, runoff with dry days, lag (some 0), cascades of 0 to 5 and stores not empty."""
    network = forest(seed, size, sinks)
    random = np.random.default_rng(seed + 1)
    runoff = np.maximum(random.gamma(1, 2, (days, size)) - 1, 0)
    lag = random.uniform(0, 2, size) * (random.random(size) > 0.2)
    reservoirs = np.where(network.sink, 0, random.integers(0, 6, size))
    storage = random.gamma(1, 1, (6, size)) * (random.random((6, size)) > 0.3)
    tensors = (torch.tensor(values, dtype=dtype) for values in (runoff, lag, storage))
    runoff, lag, storage = tensors
    return network, runoff, lag, torch.tensor(reservoirs), storage


@pytest.mark.parametrize(("backend", "days"), [("torch", 60), ("numba", 60), ("triton", 2)])
def test_routing_equals_the_hydropy_reference(data, backend, days):
    with np.load(data("hydropy_reference/routing_2001.npz")) as file:
        ref = dict(file)
    shape = ref["sink"].shape
    target = np.ravel_multi_index((ref["rout_row"], ref["rout_col"]), shape).ravel()
    sink = target == np.arange(target.size)
    network, order = Network.from_downstream(np.where(sink, -1, target), sink)
    cells = {name: ref[name].ravel()[order] for name in ("lag_river", "ncasc", "landarea")}
    series = {
        name: ref[name].reshape(len(ref[name]), -1, target.size)[..., order]
        for name in ("qsl", "qg", "dis", "freshwater", "riverstor", "infl_subtime")
    }
    runoff = (series["qsl"] + series["qg"])[:, 0] * cells["landarea"] / 1000

    storage, lag = None, torch.tensor(cells["lag_river"])
    for day in range(days):
        today = torch.tensor(runoff[day : day + 1])
        outflow, storage = route_on(backend, today, network, lag, cells["ncasc"], storage)
        flow, stores = outflow[0].numpy() / 86400, storage.numpy()
        river = ~network.sink
        for ours, theirs in (
            (flow[river], series["dis"][day, 0, river]),
            (flow[~river], series["freshwater"][day, 0, ~river]),
            (stores[:5], series["riverstor"][day]),
            (stores[5], series["infl_subtime"][day, 0] / 4),
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12 * theirs.max())
    assert series["dis"][:days].max() > 100


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 2),
    size=st.integers(1, 60),
    delay=st.integers(0, 1),
    substeps=st.sampled_from([4, 8]),
)
def test_routing_conserves_mass_with_water_in_transit(seed, size, delay, substeps):
    network, runoff, lag, reservoirs, storage = problem(seed, days=9, size=size)
    outflow, final = route(
        runoff, network, lag, reservoirs, storage=storage, delay=delay, substeps=substeps
    )
    supplied = runoff.sum() + storage.sum()
    left = outflow[:, network.outlets].sum() + final.sum()
    assert abs(left - supplied) <= 1e-13 * supplied
    assert outflow.min() >= 0
    assert final.min() >= 0


@pytest.mark.parametrize("delay", [0, 1])
def test_routing_does_not_depend_on_the_order_of_cells(delay):
    network, runoff, lag, reservoirs, storage = problem(3)
    shuffle = np.random.default_rng(4).permutation(network.size)
    rank = np.append(np.argsort(shuffle), -1)
    other, order = Network.from_downstream(rank[network.downstream[shuffle]], network.sink[shuffle])
    order = torch.as_tensor(shuffle[order])
    assert not torch.equal(order, torch.arange(network.size))

    expected, expected_final = route(runoff, network, lag, reservoirs, storage=storage, delay=delay)
    outflow, final = route(
        runoff[:, order], other, lag[order], reservoirs[order], storage=storage[:, order],
        delay=delay,
    )  # fmt: skip
    torch.testing.assert_close(outflow, expected[:, order], rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(final, expected_final[:, order], rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("backend", ["torch", "numba", "triton"])
@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_routing_in_two_pieces_equals_one_run_bit_for_bit(backend, delay, dtype):
    network, runoff, lag, reservoirs, storage = problem(5, dtype=dtype)

    def run(days, storage):
        return route_on(backend, runoff[days], network, lag, reservoirs, storage, delay=delay)

    expected, expected_final = run(slice(None), storage)
    before, middle = run(slice(2), storage)
    after, final = run(slice(2, None), middle)
    assert torch.equal(torch.cat([before, after]), expected)
    assert torch.equal(final, expected_final)


@pytest.mark.parametrize("backend", ["torch", "numba", "triton"])
def test_routing_of_lumped_basins_returns_their_runoff(backend):
    network, _ = Network.from_downstream(np.full(7, -1))
    runoff = torch.rand(10, 7, dtype=torch.float64)
    outflow, storage = route_on(backend, runoff, network, 0.3, 5)
    torch.testing.assert_close(outflow, runoff, rtol=1e-15, atol=0)
    assert not storage.any()


def test_routing_travel_time_through_a_chain():
    """The mean delay of a pulse is known exactly: in each cell n lag and one sub-step."""
    network, _ = Network.from_downstream([1, 2, 3, -1])
    runoff = torch.zeros(400, 4, dtype=torch.float64)
    runoff[0, 0] = 1
    outflow, _ = route(runoff, network, 0.7, 2, substeps=1)
    delay = (outflow[:, 3] * torch.arange(400)).sum()
    assert delay.item() == pytest.approx(3 * (2 * 0.7 + 1), rel=1e-12)
    assert outflow[:, 3].sum().item() == pytest.approx(1, rel=1e-12)


def test_routing_with_lag_zero_and_no_delay_passes_water_the_same_day():
    network = forest(8, sinks=False)
    runoff = torch.rand(5, network.size, dtype=torch.float64)
    outflow, storage = route(runoff, network, 0, 5, delay=0)
    np.testing.assert_allclose(outflow, network.accumulate(runoff.numpy()), rtol=1e-14)
    assert not storage.any()


def test_routing_errors_say_where_and_how_to_mend():
    network, _ = Network.from_downstream([1, 2, -1])
    runoff, lag = torch.ones(4, 3), torch.ones(3)

    def refused(kind, match, *arguments, **options):
        with pytest.raises(kind, match=match):
            route(*arguments, **options)

    refused(ValueError, r"negative lag, -1.0, at cell 1 \(1 in all\)", runoff, network,
            torch.tensor([1, -1, 1]).float(), 1)  # fmt: skip
    refused(ValueError, "missing or infinite lag, nan, at cell 0", runoff, network,
            lag * torch.nan, 1)  # fmt: skip
    refused(ValueError, r"give 0, 1, 2, 3, 4 or 5", runoff, network, lag, [1, 6, 1])
    refused(
        ValueError, r"cascade that cannot be, 1.5, at cell 2", runoff, network, lag, [1, 1, 1.5]
    )
    refused(ValueError, r"lag is \(2,\), should be \(3,\)", runoff, network, lag[:2], 1)
    refused(
        ValueError, r"runoff is \(4, 2\), should be \(days, 3\)", runoff[:, :2], network, lag, 1
    )
    refused(ValueError, r"runoff is \(3,\)", runoff[0], network, lag, 1)
    refused(TypeError, "float32 or float64", runoff.numpy(), network, lag, 1)
    refused(TypeError, "float32 or float64", runoff.half(), network, lag, 1)
    refused(ValueError, r"storage is \(5, 3\), should be \(6, 3\)", runoff, network, lag, 1,
            storage=torch.zeros(5, 3))  # fmt: skip
    refused(TypeError, "convert one with", runoff, network, lag, 1,
            storage=torch.zeros(6, 3, dtype=torch.float64))  # fmt: skip
    refused(ValueError, "substeps is 0", runoff, network, lag, 1, substeps=0)
    refused(ValueError, "delay is 2", runoff, network, lag, 1, delay=2)
    refused(ValueError, "tile_days is 0", runoff, network, lag, 1, tile_days=0)
    refused(ValueError, "no routing backend 'cuda'", runoff, network, lag, 1, backend="cuda")
    runoff[2, 1] = torch.nan
    refused(ValueError, r"runoff has a missing .* at row 2, cell 1", runoff, network, lag, 1)
