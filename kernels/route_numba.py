"""River routing on the CPU: the printed kernels of a reach, bundle by bundle.

A network is cut into bundles of some thousand cells that fit into a core's cache; each goes through
all days before those below it. What the last cell of a bundle hands over is kept for all sub-steps;
of all other cells only within a tile of days. The adjoint takes the bundles the other way round.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import torch

from gridhydro.kernels import build, emit_reach_numba
from gridhydro.kernels.launch import (
    ROUTE_LANES,
    large,
    pool,
    route_bundle,
    route_cpu_spans,
    route_cpu_tile_days,
    threads,
)  # fmt: skip
from gridhydro.kernels.route_schedule import in_order, spans
from gridhydro.kernels.route_tables import bundles
from gridhydro.kernels.vectors_numba import WIDE


def forward(spec, network, options, runoff, static, states, transit, series):
    """Outflow (T, G), final states (S, N), transit (N,), averages (R, N) and fluxes (E, T, J); what
    `adjoint` needs.

    spec      a `ReachSpec`
    options   `instant` (N,), `substeps`, `periods`, `transit`, `tile_days`; `depth` (N,) the volume
              of one unit of runoff; `place` (N,) int32, the column of a cell in the outflow, -1 for
              none, and `asked`, how many columns there are; `every`: the days of a tile where what
              the adjoint starts from is kept: the states (tiles, S, N) and transit (tiles, N)
              before each, what bundles handed over (rows, T substeps + some); 0: empty; `above`:
              the cells that are asked for, if the network is cut there; `others`: whether anything
              but their outflow has a cotangent
    runoff    (T, N) a day; static (K, N) parameters, then properties; series (F, T, J) of cells
              that have a place in them, `options.served` (N,) int32, -1 for none
    """
    days, size = runoff.shape
    table = _bundles(network, options)
    outflow = large(runoff.new_empty(days, options.asked))
    averages = runoff.new_zeros(options.periods.count, size)
    fluxes = runoff.new_empty(len(spec.column.told), days, series.shape[2])
    states, transit = states.clone(), transit.clone()
    tiles = -(-days // options.every) if options.every else 0
    states_before = large(states.new_empty(tiles, *states.shape))
    transit_before = transit.new_empty(tiles, size)
    handed = _handed(table, runoff, options)
    _run(
        kernel(spec, "forward"), table, False, options.tile_days, days,
        _network(network, table, options),
        *_arrays(
            static, series, runoff, options.periods.row, options.periods.weight, states, transit,
            outflow, averages, fluxes, states_before, transit_before, handed,
        ),
    )  # fmt: skip
    kept = handed if options.every else handed.new_empty(0, 0)
    return outflow, states, transit, averages, fluxes, states_before, transit_before, kept


def adjoint(
    spec, network, options, runoff, static, states_before, transit_before, series, handed,
    d_outflow, d_states, d_transit, d_averages, d_fluxes,
):  # fmt: skip
    """Cotangents of runoff, static quantities, initial states, transit and series.

    That of the runoff takes its place in memory where `options.spent` says that nothing reads the
    runoff any more: a tile of a bundle has read its own days and cells before it writes them.
    """
    days, spent = len(runoff), options.spent and options.every
    table, downstream = _bundles(network, options), network.downstream
    d_runoff = runoff.detach() if spent else large(torch.empty_like(runoff))
    if spent:  # torch refuses whoever comes to read it all the same
        torch.autograd.graph.increment_version(runoff)
    d_static, d_series = torch.zeros_like(static), torch.zeros_like(series)
    ahead = torch.where(torch.from_numpy(downstream) >= 0, d_transit[downstream], 0)
    d_handed = _handed(table, runoff, options)
    d_handed[:, days * options.substeps] = d_transit[table.below]
    d_states, d_transit = d_states.clone(), d_transit.clone()
    function, unseen = kernel(spec, "adjoint"), None
    if not options.others and table.unseen:  # no gradient comes of where no gauge is below
        d_handed[table.unseen_rows] = 0
        unseen = partial(sys.modules[function.py_func.__module__].no_gradient, d_runoff.numpy())
    _run(
        function, table, True, options.tile_days, days,
        _network(network, table, options),
        *_arrays(static, series, runoff, options.periods.row, options.periods.weight), downstream,
        *_arrays(
            states_before, transit_before, handed, d_outflow, d_averages, d_fluxes, ahead, d_states,
            d_transit, d_static, d_series, d_runoff, d_handed,
        ), unseen=unseen,
    )  # fmt: skip
    return d_runoff, d_static, d_states, d_transit, d_series


def kernel(spec, direction: str):
    """The printed kernel of a spec, "forward" or "adjoint"."""
    return build.kernel(emit_reach_numba, "numba", spec, direction)


def _arrays(*tensors):
    return tuple(tensor.detach().numpy() for tensor in tensors)


def _network(network, table, options):
    return (
        table.slot, table.handed, network.upstream_start, table.sources, options.instant.numpy(),
        options.substeps, options.transit, (options.depth / options.substeps)[None].numpy(),
        options.place.numpy(), options.served.numpy(),
    )  # fmt: skip


def stretches(spec, network, substeps, days, tile_days) -> tuple[int, int]:
    """Days of a tile, those asked for or (0) the quickest, and days between what is kept."""
    tile_days = tile_days or route_cpu_tile_days(substeps)
    return tile_days, tile_days


def handed_shape(network, options, days) -> tuple[int, int]:
    """The shape of what bundles handed over, as `forward` returns it."""
    return _shape(_bundles(network, options), options, days) if options.every else (0, 0)


def _bundles(network, options):
    return bundles(network, ROUTE_LANES, route_bundle(network.size), options.above)


def _shape(table, options, days):
    """A row for what each bundle hands over in every sub-step, with room behind to be read over."""
    return table.below.size, days * options.substeps + 2 * WIDE


def _handed(table, runoff, options):
    return runoff.new_empty(_shape(table, options, len(runoff)))


def _run(function, table, upwards, tile_days, days, network, *arguments, unseen=None):
    """Call a kernel for every bundle and span of days, on all threads, each after what is before it
    in time and above it, or (upwards) after what is later and below it; `unseen` for those."""
    arguments = (*network, *arguments)
    if not function.overloads:  # compile, or read from the cache, once and on one thread
        nothing = [np.zeros(size, dtype=np.int32) for size in (1, 0, 0, 0)]
        function(tile_days, 0, 0, *nothing, *arguments)
    size = table.slot.size
    count = threads()
    parts = spans(days, tile_days, route_cpu_spans(size * days, len(table.all), count))

    def call(number, span):
        if unseen is not None and number in table.unseen:
            unseen(*parts[span], table.all[number].cells)
        else:
            function(tile_days, *parts[span], *table.all[number].arrays, *arguments)

    in_order(call, table, upwards, len(parts), pool(count), count)
