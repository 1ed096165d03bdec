"""River routing on the CPU: numba, cells in topological order, time innermost.

Time is cut into tiles of some days. Within a tile every cell runs through all sub-steps at once,
reading what its upstream cells left in `ring`, which holds one tile and stays in the cache.
Subtrees of the network are independent: the threads share them out, and the few cells on the large
rivers below them follow on one thread, tile by tile.
"""

from __future__ import annotations

import numpy as np
import torch

from .cache import cached
from .launch import pool, route_cpu_tile_days
from .route_tables import parts_by_thread


@cached(nogil=True)
def _forward(
    first, last, cells, upstream_start, upstream, instant, reservoirs, release, runoff, period,
    weight, transit, storage, slope, outflow, averages, slopes, sensitivity, ring, parts,
):  # fmt: skip
    substeps = np.int64(parts)
    y = np.empty(ring.shape[1], ring.dtype)
    dy = np.empty(ring.shape[1], ring.dtype)
    count = (last - first) * substeps
    for cell in cells:
        sent = ring[cell]
        sent[:count] = 0
        for edge in range(upstream_start[cell], upstream_start[cell + 1]):
            above = ring[upstream[edge]]
            for k in range(count):
                sent[k] += above[k]

        # what was sent arrives one sub-step later, or at once
        if instant[cell]:
            y[:count] = sent[:count]
            y[0] += storage[5, cell]
            storage[5, cell] = 0
        else:
            y[0] = storage[5, cell]
            y[1:count] = sent[: count - 1]
            storage[5, cell] = sent[count - 1]
            if transit and averages.size:  # on its way at the end of a day
                for day in range(first, last):
                    there = sent[(day - first + 1) * substeps - 1]
                    averages[period[day], cell] += there * weight[day]

        phi = release[cell]
        dy[:count] = 0
        for number in range(reservoirs[cell]):
            store = storage[number, cell]
            if sensitivity.size:
                d_store, k = slope[number, cell], 0
                for day in range(first, last):
                    for _ in range(substeps):
                        filled = store + y[k]
                        d_filled = d_store + dy[k]
                        y[k] = phi * filled
                        dy[k] = phi * d_filled + y[k]
                        store = filled - y[k]
                        d_store = d_filled - dy[k]
                        k += 1
                    if averages.size:
                        averages[period[day], cell] += store * weight[day]
                        slopes[period[day], cell] += d_store * weight[day]
                slope[number, cell] = d_store
            else:
                k = 0
                for day in range(first, last):
                    for _ in range(substeps):
                        filled = store + y[k]
                        y[k] = phi * filled
                        store = filled - y[k]
                        k += 1
                    if averages.size:
                        averages[period[day], cell] += store * weight[day]
            storage[number, cell] = store
        if sensitivity.size:
            sensitivity[cell, first * substeps : last * substeps] = dy[:count]

        k = 0
        for day in range(first, last):
            local = runoff[day, cell] / parts
            total = ring.dtype.type(0)
            for _ in range(substeps):
                sent[k] = y[k] + local
                total += sent[k]
                k += 1
            outflow[day, cell] = total


@cached(nogil=True)
def _adjoint(
    first, last, cells, downstream, instant, reservoirs, release, period, weight, transit,
    g_outflow, g_averages, sensitivity, g_storage, ahead, g_runoff, g_release, ring, parts,
):  # fmt: skip
    substeps = np.int64(parts)
    count = (last - first) * substeps
    for cell in cells[::-1]:
        # cotangent of what leaves the cell: the outflow of its day, and the inflow of the
        # downstream cell, one sub-step later or at once
        g, below = ring[cell], downstream[cell]
        for k in range(count):
            g[k] = g_outflow[first + k // substeps, cell]
        if below >= 0 and instant[below]:
            for k in range(count):
                g[k] += ring[below, k]
        elif below >= 0:
            for k in range(count - 1):
                g[k] += ring[below, k + 1]
            g[count - 1] += ahead[cell]
            ahead[cell] = ring[below, 0]
            if transit and g_averages.size:  # what leaves last in a day is on its way at its end
                for day in range(first, last):
                    there = g_averages[period[day], below] * weight[day]
                    g[(day - first + 1) * substeps - 1] += there

        k = 0
        for day in range(first, last):
            total = ring.dtype.type(0)
            for _ in range(substeps):
                total += g[k]
                k += 1
            g_runoff[day, cell] = total / parts
        if sensitivity.size:
            total = ring.dtype.type(0)
            for k in range(count):
                total += g[k] * sensitivity[cell, first * substeps + k]
            g_release[cell] += total

        phi = release[cell]
        for number in range(reservoirs[cell] - 1, -1, -1):
            g_store, k = g_storage[number, cell], count - 1
            for day in range(last - 1, first - 1, -1):
                if g_averages.size:
                    g_store += g_averages[period[day], cell] * weight[day]
                for _ in range(substeps):
                    g_store += phi * (g[k] - g_store)
                    g[k] = g_store
                    k -= 1
            g_storage[number, cell] = g_store
        g_storage[5, cell] = g[0]


def forward(
    runoff, release, storage, network, instant, reservoirs, substeps, periods, transit, wanted,
    tile_days=None,
):  # fmt: skip
    """Outflow (T, N), final storage (6, N) and averages (R, N) of `route_reference.route`.

    With `wanted` also what the gradient to `release` needs, else three empty arrays: the derivative
    of every sub-step's outflow (N, T substeps), of the final reservoirs (5, N) and of the averages
    (R, N) to ln(release) for given inflow. All reservoirs of a cell have one release, so its
    derivative can run forward in time with the water, and the adjoint needs no trajectory.
    """
    days, size = runoff.shape
    outflow, storage = np.empty_like(runoff), storage.copy()
    sensitivity = np.empty((size, days * substeps) if wanted else (0, 0), runoff.dtype)
    slope = np.zeros((5, size) if wanted else (5, 0), runoff.dtype)
    averages = np.zeros((periods.count, size), runoff.dtype)
    slopes = np.zeros_like(averages if wanted else averages[:0])
    ring = _ring(runoff, substeps, tile_days)
    parts = runoff.dtype.type(substeps)
    _run(
        _forward, _tiles(days, ring, substeps), network, False,
        network.upstream_start, network.upstream, instant, reservoirs,
        release, runoff, periods.row.numpy(), periods.weight.numpy(), transit, storage, slope,
        outflow, averages, slopes, sensitivity, ring, parts,
    )  # fmt: skip
    return outflow, storage, averages, sensitivity, slope, slopes


def adjoint(
    g_outflow, g_storage, g_averages, release, sensitivity, slope, slopes, network, instant,
    reservoirs, substeps, periods, transit, tile_days=None,
):  # fmt: skip
    """Cotangents of runoff, release and initial storage from those of what `forward` gives."""
    g_runoff, g_release = np.empty_like(g_outflow), np.zeros_like(release)
    if sensitivity.size:
        g_release += (g_storage[:5] * slope).sum(axis=0) + (g_averages * slopes).sum(axis=0)
    ahead = np.where(network.downstream >= 0, g_storage[5, network.downstream], 0)
    ahead = ahead.astype(release.dtype)
    g_storage = g_storage.copy()
    ring = _ring(g_outflow, substeps, tile_days)
    parts = g_outflow.dtype.type(substeps)
    tiles = _tiles(len(g_outflow), ring, substeps)[::-1]
    _run(
        _adjoint, tiles, network, True, network.downstream, instant, reservoirs, release,
        periods.row.numpy(), periods.weight.numpy(), transit, g_outflow, g_averages, sensitivity,
        g_storage, ahead, g_runoff, g_release, ring, parts,
    )  # fmt: skip
    return g_runoff, g_release / release, g_storage


def _ring(series, substeps, tile_days):
    days, size = series.shape
    tile_days = tile_days or route_cpu_tile_days(size, substeps, series.itemsize)
    return np.empty((size, min(tile_days, days) * substeps), series.dtype)


def _tiles(days, ring, substeps):
    """First day and the day after the last of each tile."""
    length = ring.shape[1] // substeps
    return [(first, min(first + length, days)) for first in range(0, days, length)]


def _run(kernel, tiles, network, upwards, *arguments):
    """Take all cells through the tiles: the subtrees on all threads, the trunk below on one."""
    threads = torch.get_num_threads()
    subtrees, trunk = parts_by_thread(network, threads)
    stages = [subtrees, [trunk]] if trunk.size else [subtrees]
    for first, last in tiles:
        for parts in stages[::-1] if upwards else stages:
            work = [pool(threads).submit(kernel, first, last, p, *arguments) for p in parts]
            for part in work:
                part.result()
