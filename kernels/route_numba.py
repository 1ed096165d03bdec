"""River routing on the CPU: the printed kernels of a reach, level by level, tile by tile of days.

Time is cut into tiles of some days. Within a tile every block of cells runs through all sub-steps
at once, reading what its upstream cells left in `ring`, which holds one tile and stays in the
cache. Subtrees of the network are independent: the threads share them out, and the few cells on
the large rivers below them follow on one thread, tile by tile. The adjoint starts each tile from
the states that the forward pass kept of its first day, goes through it forward and then back.
"""

from __future__ import annotations

import numpy as np
import torch

from gridhydro.kernels import build, emit_reach_numba
from gridhydro.kernels.cells_numba import WIDE
from gridhydro.kernels.launch import ROUTE_LANES, large, pool, route_cpu_tile_days
from gridhydro.kernels.route_tables import blocks_by_thread, slots_by_thread


def forward(spec, network, options, runoff, static, states, transit, keep):
    """Outflow (T, N), final states (S, N), transit (N,) and averages (R, N), then two trajectories.

    spec      a `ReachSpec`
    options   `instant` (N,), `substeps`, `periods`, `transit`, `tile_days`
    runoff    (T, N) volume a day; static (K, N) parameters, then properties
    keep      whether to keep the states (tiles, S, N) and transit (tiles, N) before each tile,
              which the adjoint starts from; else empty
    """
    (days, size), tiles = runoff.shape, _tiles(runoff, options)
    outflow = large(torch.empty_like(runoff))
    states, transit = states.clone(), transit.clone()
    averages = runoff.new_zeros(options.periods.count, size)
    slot, rows = slots_by_thread(network, torch.get_num_threads())
    ring = runoff.new_empty(rows, _room(tiles, options))
    kept = len(tiles) if keep else 0
    trajectory = states.new_empty(kept, *states.shape), transit.new_empty(kept, size)
    arguments = _arrays(static, runoff, options.periods.row, options.periods.weight)
    changing = _arrays(states, transit, outflow, averages, ring)
    for number, tile in enumerate(tiles):
        if keep:
            for values, before in zip(trajectory, (states, transit), strict=True):
                values.numpy()[number] = before.numpy()
        _run(
            kernel(spec, "forward"), tile, network, False, network.upstream_start,
            network.upstream, options.instant.numpy(), options.substeps, options.transit,
            *arguments, *changing, slot,
        )  # fmt: skip
    return outflow, states, transit, averages, *trajectory


def adjoint(
    spec, network, options, runoff, static, trajectory, d_outflow, d_states, d_transit, d_averages
):
    """Cotangents of runoff, static quantities, initial states and transit."""
    size, tiles = runoff.shape[1], _tiles(runoff, options)
    d_runoff, d_static = large(torch.empty_like(runoff)), torch.zeros_like(static)
    downstream = torch.from_numpy(network.downstream)
    ahead = torch.where(downstream >= 0, d_transit[downstream], 0)
    d_states, d_transit = d_states.clone(), d_transit.clone()
    length = _room(tiles, options)
    slot, rows = slots_by_thread(network, torch.get_num_threads())
    ring, d_ring = runoff.new_empty(size, length), runoff.new_empty(rows, length)
    every = np.arange(size)  # the ring of the steps forward keeps a row for each cell
    nothing = runoff.new_empty(0, size)
    periods = _arrays(options.periods.row, options.periods.weight)
    given, network_of = _arrays(static, runoff), (network.upstream_start, network.upstream)
    fixed = (options.instant.numpy(), options.substeps, options.transit)
    changing = _arrays(
        d_outflow, d_averages, ahead, d_states, d_transit, d_static, d_runoff, d_ring
    )
    for number in range(len(tiles) - 1, -1, -1):
        states = transit = nothing
        if spec.again:
            states, transit = (values[number] for values in trajectory)
            _run(
                kernel(spec, "forward"), tiles[number], network, False, *network_of, *fixed,
                *given, *periods,
                *_arrays(states.clone(), transit.clone(), nothing, nothing, ring), every,
            )  # fmt: skip
            transit = transit.clone()
        _run(
            kernel(spec, "adjoint"), tiles[number], network, True, *network_of,
            network.downstream, *fixed, *given, *periods, *_arrays(states, transit, ring), every, *changing, slot,
        )  # fmt: skip
    return d_runoff, d_static, d_states, d_transit


def kernel(spec, direction: str):
    """The printed kernel of a spec, "forward" or "adjoint"."""
    return build.kernel(emit_reach_numba, "numba", spec, direction)


def _arrays(*tensors):
    return tuple(tensor.detach().numpy() for tensor in tensors)


def _tiles(runoff, options):
    """First day and the day after the last of each tile."""
    days, size = runoff.shape
    length = options.tile_days or route_cpu_tile_days(size, options.substeps, runoff.itemsize)
    return [(first, min(first + length, days)) for first in range(0, days, length)]


def _room(tiles, options):
    """Values in a row of the ring: the sub-steps of a tile, and what may be written behind."""
    first, last = tiles[0]
    return -(-(last - first) * options.substeps // WIDE) * WIDE + WIDE


def _run(function, tile, network, upwards, *arguments):
    """Take all cells through a tile: the subtrees on all threads, the trunk below on one."""
    threads = torch.get_num_threads()
    subtrees, trunk = blocks_by_thread(network, threads, ROUTE_LANES)
    if not function.signatures:  # compile, or read from the cache, once and on one thread
        nothing = np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64)
        function(*tile, *nothing, *arguments)
    stages = [subtrees, trunk]
    for parts in stages[::-1] if upwards else stages:
        work = [pool(threads).submit(function, *tile, *part, *arguments) for part in parts]
        for part in work:
            part.result()
