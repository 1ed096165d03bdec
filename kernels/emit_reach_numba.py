"""Prints the CPU kernels of a river reach, forward and adjoint.

A block of ROUTE_LANES cells of one level is taken through a tile of days, some sub-steps at a time
with its states in registers. The adjoint goes through the tile forward again, keeping the states
before each such group, and then back.
"""

from __future__ import annotations

import re
import textwrap

from gridhydro.kernels import cells_numba, lanes_numba
from gridhydro.kernels.launch import ROUTE_LANES
from gridhydro.kernels.print_numba import Layout, filled, function
from gridhydro.kernels.reach_spec import LATERAL, TOTAL, ReachSpec

_HEADER = '''"""{kind} kernel of the reach '{name}' for the CPU, {real}, printed by gridhydro: change the
reach, not this file.

Arrays: blocks (B + 1,) of cells, each of one level, in topological order; static (K, N) parameters
and properties; runoff, outflow (T, N); states (S, N), transit (N,) the water on its way to each
cell; averages (R, N) over periods: day t counts with weight[t] in period[t]; ring (N, sub-steps of
a tile): what leaves each cell, in the adjoint also the cotangent of what arrives.
"""

import numpy as np
from numba import {real} as real, int64, njit as compile_cached

from gridhydro.kernels.cells_numba import (
    {cells},
)
from gridhydro.kernels.numba_math import maximum_of, minimum_of, select
from {lanes_module} import (
    {lanes},
)

OPTIONS = dict(nogil=True, error_model="numpy", fastmath={{"nsz", "contract"}})
LANES = {count}  # cells computed together
TOGETHER = {together}  # sub-steps with the states in registers

# rows of the workspace: one quantity each, LANES values a row
{rows}


def njit(function):  # only called by other compiled functions: no doors for Python and C
    return compile_cached(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)

'''

_FORWARD = """
def forward_blocks(
    first, last, blocks, cells, upstream_start, upstream, instant, parts, on_its_way, static,
    runoff, period, weight, states, transit, outflow, averages, ring, slot,
):
    count, share = (last - first) * parts, real(1.0) / real(parts)
    w = np.zeros(ROWS * LANES, np.{real})
    y = np.zeros((LANES, ring.shape[1]), np.{real})
    for block in range(blocks.size - 1):
        begin, width = blocks[block], blocks[block + 1] - blocks[block]
        if block + 2 < blocks.size:
            fetch_days(runoff, first, last, cells[begin + width])
            if outflow.size:
                fetch_days(outflow, first, last, cells[begin + width])
        load_cells(w, STATIC, static, cells, begin, width)
        load_cells(w, STATES, states, cells, begin, width)
        derive(w)
        inflows(
            y, ring, slot, cells, begin, width, upstream_start, upstream, instant, transit, count
        )
        k = 0
        for day in range(first, last):
            load_cells_on(w, LATERAL, runoff, day, cells, begin, width)
            scale_row(w, LATERAL, share)
            clear(w, TOTAL, 1)
            for _ in range(0, parts, TOGETHER):
                to_lanes(y, k, w, INFLOW, TOGETHER)
                steps(w)
                to_series(w, OUTFLOW, y, k, TOGETHER)
                k += TOGETHER
            if outflow.size:
                store_cells_on(w, TOTAL, outflow, day, cells, begin, width)
            if averages.size:
                mean = period[day]
                for l in range(width):
                    cell, held = cells[begin + l], real(0.0)
                    for row in range(STATES, STATES + states.shape[0]):
                        held += w[row * LANES + l]
                    if on_its_way and not instant[cell]:  # left upstream in the last sub-step
                        held += y[l, k]
                    averages[mean, cell] += held * weight[day]
        store_cells(w, STATES, states, cells, begin, width)
        store_series(y, ring, slot, cells, begin, width, count)


forward = compile_cached(forward_blocks, cache=True, **OPTIONS)
"""

_AGAIN = """
# the tile forward once more
load_cells(w, STATES, states, cells, begin, width)
inflows(
    y, ring, slot, cells, begin, width, upstream_start, upstream, instant, transit, count
)
k = 0
for day in range(first, last):
    load_cells_on(w, LATERAL, runoff, day, cells, begin, width)
    scale_row(w, LATERAL, share)
    for _ in range(0, parts, TOGETHER):
        to_lanes(y, k, w, INFLOW, TOGETHER)
        move(w, kept[k // TOGETHER], STATES * LANES, (SAVED - STATES) * LANES)
        advance(w)
        move(w, kept[k // TOGETHER], SAVED * LANES, (STATIC - SAVED) * LANES)
        k += TOGETHER
"""

_ADJOINT = """
def adjoint_blocks(
    first, last, blocks, cells, upstream_start, upstream, downstream, instant, parts, on_its_way,
    static, runoff, period, weight, states, transit, ring, slot, d_outflow, d_averages, ahead,
    d_states, d_transit, d_static, d_runoff, d_ring, d_slot,
):
    count, share = (last - first) * parts, real(1.0) / real(parts)
    w = np.zeros(ROWS * LANES, np.{real})
    y = np.zeros((LANES, ring.shape[1]), np.{real})
    kept = np.empty(({slots}, STATIC * LANES), np.{real})
    for block in range(blocks.size - 2, -1, -1):
        begin, width = blocks[block], blocks[block + 1] - blocks[block]
        if block > 0:
            {fetch}
            fetch_days(d_outflow, first, last, cells[blocks[block - 1]])
            fetch_days(d_runoff, first, last, cells[blocks[block - 1]])
        load_cells(w, STATIC, static, cells, begin, width)
        derive(w)
        {again}
        cotangents_below(
            y, d_ring, d_slot, cells, begin, width, downstream, instant, ahead, count
        )
        load_cells(w, D_STATES, d_states, cells, begin, width)
        clear(w, D_STATIC, D_STATIC_END - D_STATIC)
        k = count
        for day in range(last - 1, first - 1, -1):
            if d_averages.size:
                mean = period[day]
                for l in range(width):
                    cell = cells[begin + l]
                    below = downstream[cell]
                    for row in range(D_STATES, D_STATES + states.shape[0]):
                        w[row * LANES + l] += d_averages[mean, cell] * weight[day]
                    if on_its_way and below >= 0 and not instant[below]:
                        y[l, k - 1] += d_averages[mean, below] * weight[day]
            load_cells_on(w, D_TOTAL, d_outflow, day, cells, begin, width)
            {lateral}
            clear(w, D_LATERAL, 1)
            for _ in range(0, parts, TOGETHER):
                k -= TOGETHER
                to_lanes(y, k, w, D_OUTFLOW, TOGETHER)
                {kept}
                steps_adjoint(w)
                to_series(w, D_INFLOW, y, k, TOGETHER)
            scale_row(w, D_LATERAL, share)
            store_cells_on(w, D_LATERAL, d_runoff, day, cells, begin, width)
        derive_adjoint(w)
        add_cells(w, D_STATIC, d_static, cells, begin, width)
        store_cells(w, D_STATES, d_states, cells, begin, width)
        store_series(y, d_ring, d_slot, cells, begin, width, count)
        for l in range(width):
            d_transit[cells[begin + l]] = y[l, 0]


adjoint = compile_cached(adjoint_blocks, cache=True, **OPTIONS)
"""


def forward(spec: ReachSpec) -> str:
    """Source of a module with `forward(first, last, blocks, ...)` over a tile of days."""
    at = _layout(spec, OUTFLOW=spec.column.outflows, TOTAL=[TOTAL])
    steps, outflows = spec.steps, at("OUTFLOW")
    functions = [
        function("derive", at, steps.derive, at("STATIC"), at("DERIVED")),
        function(
            "steps", at, steps.step, _inputs(at), at("STATES", "next_") | outflows, at("TOTAL")
        ),
    ]
    return _module(spec, "Forward", at, functions, filled(_FORWARD, {}, real=spec.real))


def adjoint(spec: ReachSpec) -> str:
    """Source of a module with `adjoint(first, last, blocks, ...)` over a tile of days."""
    steps, states = spec.steps, spec.steps.states
    at = _layout(
        spec,
        D_OUTFLOW=spec.column.outflows,
        D_TOTAL=[TOTAL],
        D_STATES=states,
        D_INFLOW=spec.column.inflows,
        D_LATERAL=[LATERAL],
        D_STATIC=steps.static,
        D_DERIVED=steps.derived,
        D_STATIC_END=[],
    )
    seeds = at("D_STATES", "d_next_") | at("D_OUTFLOW", "d_") | at("D_TOTAL", "d_")
    summed = at("D_LATERAL", "d_")
    if spec.learned:
        summed |= at("D_STATIC", "d_") | at("D_DERIVED", "d_")
    functions = [
        function("derive", at, steps.derive, at("STATIC"), at("DERIVED")),
        function(
            "steps_adjoint", at, spec.step_adjoint, _inputs(at) | seeds,
            at("D_STATES", "d_") | at("D_INFLOW", "d_"), summed,
        ),
        function(
            "derive_adjoint", at, steps.derive_adjoint_saved,
            at("STATIC") | at("D_DERIVED", "d_"), {}, at("D_STATIC", "d_"),
        ),
    ]  # fmt: skip
    again, lateral, kept, fetch = [], [], [], []
    if spec.again:
        program = steps.advance_saving if spec.saved else steps.advance
        results = at("STATES", "next_") | at("SAVED")
        functions.insert(1, function("advance", at, program, _inputs(at), results))
        again = _AGAIN.strip().splitlines()
        fetch = ["fetch_days(runoff, first, last, cells[blocks[block - 1]])"]
        kept = ["move(kept[k // TOGETHER], w, STATES * LANES, STATIC * LANES)"]
        if LATERAL in spec.step_adjoint.used():
            lateral = [
                "load_cells_on(w, LATERAL, runoff, day, cells, begin, width)",
                "scale_row(w, LATERAL, share)",
            ]
    blocks = dict(fetch=fetch, again=again, lateral=lateral, kept=kept)
    slots = "count // TOGETHER" if spec.again else "0"
    loop = filled(_ADJOINT, blocks, real=spec.real, slots=slots)
    return _module(spec, "Adjoint", at, functions, loop)


def _layout(spec: ReachSpec, **more) -> Layout:
    return Layout(
        [],
        ROUTE_LANES,
        STATES=spec.steps.states,
        INFLOW=spec.column.inflows,
        SAVED=spec.saved,
        STATIC=spec.steps.static,
        DERIVED=spec.steps.derived,
        LATERAL=[LATERAL],
        **more,
    )


def _inputs(at: Layout) -> dict[str, int]:
    kept = at("STATES") | at("INFLOW") | at("SAVED")
    return kept | at("STATIC") | at("DERIVED") | at("LATERAL")


def _module(spec: ReachSpec, kind: str, at: Layout, functions: list[str], loop: str) -> str:
    body = "\n\n".join([*functions, loop.strip()])
    lanes = lanes_numba.load(spec.real, ROUTE_LANES, 1)

    def used(names):
        called = [name for name in names if re.search(rf"\b{name}\(", body)]
        return textwrap.fill(", ".join(called), 92, subsequent_indent="    ")

    header = _HEADER.format(
        kind=kind,
        name=spec.reach.name,
        real=spec.real,
        cells=used(lanes_numba.functions(cells_numba)),
        lanes_module=lanes.__name__,
        lanes=used(lanes_numba.functions(lanes)),
        count=ROUTE_LANES,
        together=spec.together,
        rows=at.source(),
    )
    return f"{header}\n{body}\n"
