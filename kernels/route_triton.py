"""River routing on the GPU: Triton, launched along the diagonals of levels and time tiles.

A cell needs only what its upstream cells left, and those are all on the level before. So launch d
takes every cell of level l through time tile d - l: nearly all cells work in every launch, and
there are levels + tiles launches rather than levels x sub-steps. `ring` holds two tiles of every
cell: in launch d a level writes one while the next level reads the other. The last sub-step of
the tile before is never read from the ring, where it is being overwritten: each cell keeps what
is in transit itself. The adjoint takes the diagonals in the reverse order, downstream first.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from .launch import ROUTE_BLOCK, ROUTE_OPTIONS, route_gpu_tile_days
from .route_tables import diagonals, on_device, programs_by_level

# these differ from launch to launch: compiled once, whatever their value
_VARIES = ("first_program", "diagonal", "days", "tile_days")


@triton.jit
def _reservoir(store, y, phi, active):
    """Content and outflow of a reservoir after the inflow y; one not active lets y pass."""
    filled = store + y
    out = phi * filled
    return tl.where(active, filled - out, store), tl.where(active, out, y)


@triton.jit
def _reservoir_slope(store, slope, y, dy, phi, active):
    """The same with the derivatives to ln(phi) of all."""
    kept, out = _reservoir(store, y, phi, active)
    d_filled = slope + dy
    d_out = phi * d_filled + out
    return (
        kept,
        tl.where(active, d_filled - d_out, slope),
        out,
        tl.where(active, d_out, dy),
    )


@triton.jit
def _reservoir_adjoint(g_store, g, phi, active):
    filled = g_store + phi * (g - g_store)
    return tl.where(active, filled, g_store), tl.where(active, filled, g)


@triton.jit
def _content(r0, r1, r2, r3, r4, n):
    """Sum over the reservoirs that are active."""
    upper = tl.where(n > 0, r0, 0.0) + tl.where(n > 1, r1, 0.0) + tl.where(n > 2, r2, 0.0)
    return upper + tl.where(n > 3, r3, 0.0) + tl.where(n > 4, r4, 0.0)


@triton.jit
def _add(place, value, there):
    tl.store(place, tl.load(place, there, other=0.0) + value, there)


@triton.jit(do_not_specialize=_VARIES)
def forward_kernel(
    programs, upstream_start, upstream, instant, reservoirs, release, runoff, periods, weights,
    storage, slope, outflow, averages, slopes, sensitivity, ring, first_program, diagonal, size,
    days, tile_days, SUBSTEPS: tl.constexpr, WANTED: tl.constexpr, AVERAGED: tl.constexpr,
    TRANSIT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = programs + 4 * (first_program + tl.program_id(0))
    tile = diagonal - tl.load(row)
    cell = tl.load(row + 1) + tl.arange(0, BLOCK).to(tl.int64)
    inside = cell < tl.load(row + 2)
    degree = tl.load(row + 3)
    size = tl.cast(size, tl.int64)

    start = tl.load(upstream_start + cell, inside, other=0)
    inflows = tl.load(upstream_start + cell + 1, inside, other=0) - start
    at_once = tl.load(instant + cell, inside, other=0) != 0
    n = tl.load(reservoirs + cell, inside, other=0)
    phi = tl.load(release + cell, inside, other=1.0)
    r0 = tl.load(storage + cell, inside, other=0.0)
    r1 = tl.load(storage + size + cell, inside, other=0.0)
    r2 = tl.load(storage + 2 * size + cell, inside, other=0.0)
    r3 = tl.load(storage + 3 * size + cell, inside, other=0.0)
    r4 = tl.load(storage + 4 * size + cell, inside, other=0.0)
    transit = tl.load(storage + 5 * size + cell, inside, other=0.0)
    nothing = tl.zeros_like(phi)
    if WANTED:
        d0 = tl.load(slope + cell, inside, other=0.0)
        d1 = tl.load(slope + size + cell, inside, other=0.0)
        d2 = tl.load(slope + 2 * size + cell, inside, other=0.0)
        d3 = tl.load(slope + 3 * size + cell, inside, other=0.0)
        d4 = tl.load(slope + 4 * size + cell, inside, other=0.0)
    mean, d_mean = nothing, nothing

    first = tile * tile_days
    last = tl.minimum(first + tile_days, days)
    here = ring + (tile % 2) * tl.cast(tile_days, tl.int64) * SUBSTEPS * size
    for day in range(first, last):
        day_row = tl.cast(day, tl.int64) * size
        local = tl.load(runoff + day_row + cell, inside, other=0.0) / SUBSTEPS
        total = nothing
        for part in range(SUBSTEPS):
            slot = here + (tl.cast(day - first, tl.int64) * SUBSTEPS + part) * size
            sent = nothing
            for edge in range(degree):
                there = inside & (edge < inflows)
                above = tl.load(upstream + start + edge, there, other=0)
                sent += tl.load(slot + above, there, other=0.0)
            y = tl.where(at_once, transit + sent, transit)
            transit = tl.where(at_once, 0.0, sent)
            if WANTED:
                r0, d0, y, dy = _reservoir_slope(r0, d0, y, nothing, phi, n > 0)
                r1, d1, y, dy = _reservoir_slope(r1, d1, y, dy, phi, n > 1)
                r2, d2, y, dy = _reservoir_slope(r2, d2, y, dy, phi, n > 2)
                r3, d3, y, dy = _reservoir_slope(r3, d3, y, dy, phi, n > 3)
                r4, d4, y, dy = _reservoir_slope(r4, d4, y, dy, phi, n > 4)
                step = day_row * SUBSTEPS + part * size
                tl.store(sensitivity + step + cell, dy, inside)
            else:
                r0, y = _reservoir(r0, y, phi, n > 0)
                r1, y = _reservoir(r1, y, phi, n > 1)
                r2, y = _reservoir(r2, y, phi, n > 2)
                r3, y = _reservoir(r3, y, phi, n > 3)
                r4, y = _reservoir(r4, y, phi, n > 4)
            left = y + local
            tl.store(slot + cell, left, inside)
            total += left
        tl.store(outflow + day_row + cell, total, inside)
        if AVERAGED:
            period, weight = tl.load(periods + day), tl.load(weights + day)
            mean += _content(r0, r1, r2, r3, r4, n) * weight
            if TRANSIT:
                mean += transit * weight
            if WANTED:
                d_mean += _content(d0, d1, d2, d3, d4, n) * weight
            # a period may go on in the next tile, and began in the one before
            following = tl.load(periods + day + 1)
            following = tl.where(tl.cast(day, tl.int32) + 1 < last, following, -1)
            ends = inside & (following + tl.zeros_like(n) != period)
            place = tl.cast(period, tl.int64) * size + cell
            _add(averages + place, mean, ends)
            mean = tl.where(ends, 0.0, mean)
            if WANTED:
                _add(slopes + place, d_mean, ends)
                d_mean = tl.where(ends, 0.0, d_mean)

    tl.store(storage + cell, r0, inside)
    tl.store(storage + size + cell, r1, inside)
    tl.store(storage + 2 * size + cell, r2, inside)
    tl.store(storage + 3 * size + cell, r3, inside)
    tl.store(storage + 4 * size + cell, r4, inside)
    tl.store(storage + 5 * size + cell, transit, inside)
    if WANTED:
        tl.store(slope + cell, d0, inside)
        tl.store(slope + size + cell, d1, inside)
        tl.store(slope + 2 * size + cell, d2, inside)
        tl.store(slope + 3 * size + cell, d3, inside)
        tl.store(slope + 4 * size + cell, d4, inside)


@triton.jit(do_not_specialize=_VARIES)
def adjoint_kernel(
    programs, downstream, instant, reservoirs, release, periods, weights, g_outflow, g_averages,
    sensitivity, g_storage, ahead, g_runoff, g_release, ring, first_program, diagonal, size, days,
    tile_days, SUBSTEPS: tl.constexpr, WANTED: tl.constexpr, AVERAGED: tl.constexpr,
    TRANSIT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = programs + 4 * (first_program + tl.program_id(0))
    tile = diagonal - tl.load(row)
    cell = tl.load(row + 1) + tl.arange(0, BLOCK).to(tl.int64)
    inside = cell < tl.load(row + 2)
    size = tl.cast(size, tl.int64)

    below = tl.load(downstream + cell, inside, other=-1)
    drains = below >= 0
    at_once = tl.load(instant + below, drains, other=0) != 0
    n = tl.load(reservoirs + cell, inside, other=0)
    phi = tl.load(release + cell, inside, other=1.0)
    r0 = tl.load(g_storage + cell, inside, other=0.0)
    r1 = tl.load(g_storage + size + cell, inside, other=0.0)
    r2 = tl.load(g_storage + 2 * size + cell, inside, other=0.0)
    r3 = tl.load(g_storage + 3 * size + cell, inside, other=0.0)
    r4 = tl.load(g_storage + 4 * size + cell, inside, other=0.0)
    # cotangent of the downstream inflow one sub-step later
    later = tl.load(ahead + cell, inside, other=0.0)
    g_phi = tl.load(g_release + cell, inside, other=0.0)
    g = tl.zeros_like(phi)

    # this loop, like the next, counts up and is read backwards
    first = tile * tile_days
    last = tl.minimum(first + tile_days, days)
    here = ring + (tile % 2) * tl.cast(tile_days, tl.int64) * SUBSTEPS * size
    for back in range(last - first):
        day = tl.cast(last - 1 - back, tl.int64)
        g_out = tl.load(g_outflow + day * size + cell, inside, other=0.0)
        total = tl.zeros_like(phi)
        if AVERAGED:  # the content at the end of the day
            row_of_means = g_averages + tl.cast(tl.load(periods + day), tl.int64) * size
            weight = tl.load(weights + day)
            g_mean = tl.load(row_of_means + cell, inside, other=0.0) * weight
            if TRANSIT:  # and what arrives below in the next sub-step
                later += tl.load(row_of_means + below, drains, other=0.0) * weight
            r0 += tl.where(n > 0, g_mean, 0.0)
            r1 += tl.where(n > 1, g_mean, 0.0)
            r2 += tl.where(n > 2, g_mean, 0.0)
            r3 += tl.where(n > 3, g_mean, 0.0)
            r4 += tl.where(n > 4, g_mean, 0.0)
        for part_back in range(SUBSTEPS):
            part = SUBSTEPS - 1 - part_back
            slot = here + ((day - first) * SUBSTEPS + part) * size
            now = tl.load(slot + below, drains, other=0.0)
            g = g_out + tl.where(at_once, now, later)
            later = now
            total += g
            if WANTED:
                step = (day * SUBSTEPS + part) * size
                g_phi += g * tl.load(sensitivity + step + cell, inside, other=0.0)
            r4, g = _reservoir_adjoint(r4, g, phi, n > 4)
            r3, g = _reservoir_adjoint(r3, g, phi, n > 3)
            r2, g = _reservoir_adjoint(r2, g, phi, n > 2)
            r1, g = _reservoir_adjoint(r1, g, phi, n > 1)
            r0, g = _reservoir_adjoint(r0, g, phi, n > 0)
            tl.store(slot + cell, g, inside)
        tl.store(g_runoff + day * size + cell, total / SUBSTEPS, inside)

    tl.store(g_storage + cell, r0, inside)
    tl.store(g_storage + size + cell, r1, inside)
    tl.store(g_storage + 2 * size + cell, r2, inside)
    tl.store(g_storage + 3 * size + cell, r3, inside)
    tl.store(g_storage + 4 * size + cell, r4, inside)
    # each tile writes this row, the first in time last; the wrapper took the final one before
    tl.store(g_storage + 5 * size + cell, g, inside)
    tl.store(ahead + cell, later, inside)
    if WANTED:
        tl.store(g_release + cell, g_phi, inside)


def forward(
    runoff, release, storage, network, instant, reservoirs, substeps, periods, transit, wanted,
    tile_days=None,
):  # fmt: skip
    """As `route_numba.forward`, on tensors; the sensitivity is laid out (T substeps, N)."""
    days, size = runoff.shape
    programs, _, upstream_start, upstream = on_device(network, runoff.device, ROUTE_BLOCK)
    outflow, storage = torch.empty_like(runoff), storage.clone()
    sensitivity = runoff.new_empty((days * substeps, size) if wanted else (0, 0))
    slope = runoff.new_zeros((5, size) if wanted else (5, 0))
    averages = runoff.new_zeros((periods.count, size))
    slopes = torch.zeros_like(averages if wanted else averages[:0])
    tile_days, ring, launches = _tiles(runoff, network, substeps, tile_days)
    with torch.cuda.device_of(runoff):
        for diagonal, first, count in launches:
            forward_kernel[(count,)](
                programs, upstream_start, upstream, instant, reservoirs, release, runoff,
                periods.row, periods.weight, storage, slope, outflow, averages, slopes, sensitivity,
                ring, first, diagonal, size, days, tile_days, SUBSTEPS=substeps, WANTED=wanted,
                AVERAGED=periods.count > 0, TRANSIT=transit, BLOCK=ROUTE_BLOCK, **ROUTE_OPTIONS,
            )  # fmt: skip
    return outflow, storage, averages, sensitivity, slope, slopes


def adjoint(
    g_outflow, g_storage, g_averages, release, sensitivity, slope, slopes, network, instant,
    reservoirs, substeps, periods, transit, tile_days=None,
):  # fmt: skip
    """As `route_numba.adjoint`, on tensors."""
    days, size = g_outflow.shape
    programs, downstream, _, _ = on_device(network, g_outflow.device, ROUTE_BLOCK)
    wanted = sensitivity.numel() > 0
    g_runoff, g_release = torch.empty_like(g_outflow), torch.zeros_like(release)
    if wanted:
        g_release += (g_storage[:5] * slope).sum(0) + (g_averages * slopes).sum(0)
    ahead = torch.where(downstream >= 0, g_storage[5, downstream], 0)
    g_storage = g_storage.clone()
    tile_days, ring, launches = _tiles(g_outflow, network, substeps, tile_days)
    with torch.cuda.device_of(g_outflow):
        for diagonal, first, count in reversed(launches):
            adjoint_kernel[(count,)](
                programs, downstream, instant, reservoirs, release, periods.row, periods.weight,
                g_outflow, g_averages, sensitivity, g_storage, ahead, g_runoff, g_release, ring,
                first, diagonal, size, days, tile_days, SUBSTEPS=substeps, WANTED=wanted,
                AVERAGED=periods.count > 0, TRANSIT=transit, BLOCK=ROUTE_BLOCK, **ROUTE_OPTIONS,
            )  # fmt: skip
    return g_runoff, g_release / release, g_storage


def _tiles(series, network, substeps, tile_days):
    """Days of a tile, the ring of two tiles, and the launches."""
    days, size = series.shape
    _, level_programs = programs_by_level(network, ROUTE_BLOCK)
    tile_days = tile_days or route_gpu_tile_days(days, len(level_programs) - 1, substeps)
    tile_days = min(tile_days, days)
    ring = series.new_empty((2, tile_days * substeps, size))
    return tile_days, ring, diagonals(level_programs, days, tile_days)
