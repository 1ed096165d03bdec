"""Other routing codes: a plain numba loop of ours, and codes that are optional and only called."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit

from benchmarks.speed.contest import Contestant

EARTHKIT_DAYS = 30
SPARSE_DAYS = 5


def numba_loop(problem) -> Contestant:
    """What one writes first: days, sub-steps, cells from source to mouth, on one thread."""
    _cpu_only(problem)
    network = problem.network
    runoff = problem.runoff.detach().numpy()
    release = (1 / (problem.lag.detach() * 4 + 1)).numpy()
    arguments = (
        runoff, release, problem.reservoirs, network.upstream_start, network.upstream,
        network.sink | (problem.delay == 0),
    )  # fmt: skip

    def check():
        error = np.abs(_loop(*arguments) - problem.outflow().detach().numpy()).max()
        if not error < 1e-4 * runoff.sum(axis=1).max():
            raise ValueError(f"outflow is up to {error:.1e} away from gridhydro")

    return Contestant(
        "numba loop", problem.size, problem.steps, lambda: _loop(*arguments), None, check,
        note="the same scheme, days outermost, fastmath, one thread, no adjoint",
    )  # fmt: skip


@njit(fastmath=True)
def _loop(runoff, release, reservoirs, start, upstream, instant, substeps=4):
    days, cells = runoff.shape
    store = np.zeros((cells, reservoirs), runoff.dtype)
    before, left = np.zeros(cells, runoff.dtype), np.zeros(cells, runoff.dtype)
    outflow = np.zeros_like(runoff)
    for day in range(days):
        for _ in range(substeps):
            before, left = left, before
            for cell in range(cells):
                source = left if instant[cell] else before
                water = runoff.dtype.type(0)
                for edge in range(start[cell], start[cell + 1]):
                    water += source[upstream[edge]]
                for number in range(reservoirs):
                    content = store[cell, number] + water
                    water = content * release[cell]
                    store[cell, number] = content - water
                left[cell] = water + runoff[day, cell] / substeps
                outflow[day, cell] += left[cell]
    return outflow


def sparse_solve(problem) -> Contestant:
    """The network as a sparse triangular matrix, solved by torch in every sub-step."""
    _cpu_only(problem)
    network, days, substeps = problem.network, min(problem.days, SPARSE_DAYS), 4
    runoff, lag = problem.runoff.detach()[:days], problem.lag.detach()
    release = 1 / (lag * substeps + 1)
    instant = torch.as_tensor(network.sink | (problem.delay == 0))
    # of what arrives at once, the fraction that leaves at once: sinks have no reservoirs
    sink = torch.as_tensor(network.sink)
    reservoirs = torch.where(sink, 0, problem.reservoirs)
    through = release**reservoirs
    cell = torch.as_tensor(np.repeat(np.arange(network.size), np.diff(network.upstream_start)))
    upstream = torch.as_tensor(network.upstream)

    def matrix(cells, diagonal, weights):
        """Weights of the water that flows to some cells, and a diagonal."""
        kept = cells[cell]
        own = torch.arange(network.size)[:diagonal]
        rows, columns = torch.cat([cell[kept], own]), torch.cat([upstream[kept], own])
        values = torch.cat([weights[cell[kept]], torch.ones(len(own))])
        shape = (network.size, network.size)
        return torch.sparse_coo_tensor(torch.stack([rows, columns]), values, shape).to_sparse_csr()

    solved = matrix(instant, network.size, -through)
    before, at_once = (matrix(c, 0, torch.ones_like(lag)) for c in (~instant, instant))

    def forward():
        stores = [torch.zeros_like(lag) for _ in range(problem.reservoirs)]
        left, outflow = torch.zeros_like(lag), torch.zeros_like(runoff)
        for day in range(days):
            for _ in range(substeps):
                late = before @ left
                known = late
                for number, store in enumerate(stores):  # what leaves if nothing arrives at once
                    known = torch.where(reservoirs > number, release * (store + known), known)
                known = known + runoff[day] / substeps
                left = torch.triangular_solve(known[:, None], solved, upper=False)[0][:, 0]
                water = late + at_once @ left
                for number, store in enumerate(stores):
                    content = store + water
                    water = torch.where(reservoirs > number, content * release, content)
                    stores[number] = content - water
                outflow[day] += left
        return outflow

    def check():
        error = (forward() - problem.outflow().detach()[:days]).abs().max()
        if not error < 1e-4 * runoff.sum(dim=1).max():
            raise ValueError(f"outflow is up to {error:.1e} away from gridhydro")

    return Contestant(
        "torch sparse", f"{network.size:,} cells x {days} d x 4", network.size * days, forward,
        None, check, note="the same scheme, a sparse triangular solve a sub-step, no adjoint",
    )  # fmt: skip


def earthkit(problem) -> Contestant:
    """earthkit-hydro has no routing in time: a sum over all upstream cells once a day instead."""
    _cpu_only(problem)
    import earthkit.hydro as hydro
    from earthkit.hydro._readers._core import create_network
    from earthkit.hydro.data_structures import RiverNetwork

    network = problem.network
    size, days = network.size, min(problem.days, EARTHKIT_DAYS)
    cells = np.flatnonzero(network.downstream >= 0)
    storage = create_network(cells, network.downstream[cells], np.ones(size, bool), (1, size))
    rivers = RiverNetwork(storage)
    runoff = problem.runoff.detach()[:days].numpy().astype(np.float64)

    def accumulate():
        return hydro.upstream.array.sum(rivers, runoff, return_type="masked")

    def check():
        if not np.allclose(accumulate(), network.accumulate(runoff)):
            raise ValueError("its sums are not those of the network")

    return Contestant(
        "earthkit-hydro", f"{size:,} cells x {days} d x 1", size * days, accumulate, None, check,
        note="flow accumulation only: one pass a day, no reservoirs, float64",
    )  # fmt: skip


def diffroute(problem) -> Contestant:
    """Linear reservoirs as impulse responses along all paths; CUDA only, daily, at no delay."""
    import networkx
    import pandas as pd
    from diffroute import LTIRouter, RivTree

    if problem.device != "cuda":
        raise RuntimeError("runs on CUDA only")
    network = problem.network
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(network.size))
    cells = np.flatnonzero(network.downstream >= 0)
    edges = zip(cells.tolist(), network.downstream[cells].tolist(), strict=True)
    graph.add_edges_from(edges)
    lag = problem.lag.detach().cpu().numpy() * problem.reservoirs
    table = pd.DataFrame({"tau": lag}, index=range(network.size))
    tree = RivTree(graph, irf_fn="linear_storage", param_df=table).cuda()
    router = LTIRouter(max_delay=64, dt=1).cuda()
    order = torch.as_tensor(tree.nodes, device="cuda")
    runoff = problem.runoff.detach()[:, order].T[None].contiguous().requires_grad_()
    tau = tree.params.clone().requires_grad_()

    def gradient():
        outflow = router(runoff, tree, tau)
        return torch.autograd.grad(outflow.mean(), (runoff, tau))

    def forward():
        with torch.no_grad():
            return router(runoff, tree, tau)

    def check():
        outflow, rain = forward(), runoff.detach().sum()
        mouths = torch.as_tensor(network.downstream[tree.nodes] < 0, device="cuda")
        fraction = float(outflow[0, mouths].sum() / rain)
        if not 0.3 < fraction < 1.05:
            raise ValueError(f"{fraction:.2f} of the runoff reaches the mouths")

    return Contestant(
        "diffroute", f"{network.size:,} cells x {problem.days} d x 1", problem.steps, forward,
        gradient, check, note="one linear store a cell, daily impulse responses of 64 d",
    )  # fmt: skip


def _cpu_only(problem) -> None:
    if problem.device != "cpu":
        raise RuntimeError("runs on a CPU only")
