"""Prints the CPU kernels of a river reach, forward and adjoint.

A bundle of cells is taken through time tile by tile, within a tile block by block: ROUTE_LANES
cells side by side, some sub-steps at a time with their states in registers. The adjoint starts
each tile from the states that were kept of its start, goes through it forward again, keeping the
states before each such group of sub-steps, and then back.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from gridhydro.kernels import cells_numba, lanes_numba, vectors_numba
from gridhydro.kernels.launch import ROUTE_LANES
from gridhydro.kernels.print_numba import Layout, filled, function
from gridhydro.kernels.reach_spec import LATERAL, TOTAL, ReachSpec

_HEADER = '''"""{kind} kernel of the reach '{name}' for the CPU, {real}, printed by gridhydro.

Change the reach, not this file.

Days begins:ends of the period are computed, from the start of a tile on.
Arrays: blocks (B + 1,) of cells in topological order, `late` (cells,) in days where one follows
another of its block, `link` (cells,); static (K, N) parameters and properties; runoff (T, N), of
which share (1, N) is the volume that one unit brings in a sub-step; outflow (T, G) of cells that
have a place (N,) in it; series (F, T, J) and fluxes (E, T, J) of those that are served (N,);
states (S, N), transit (N,) the water on its way to each cell, both also before each tile; averages
(R, N) over periods: day t counts with weight[t] in period[t]; handed (rows, sub-steps): what other
bundles hand over and are handed. A ring has what leaves each cell of the bundle within a tile, in
the adjoint the cotangent of what arrives.
"""

import numpy as np
from numba import {real} as real, int64, njit as compile_cached

from gridhydro.kernels.cells_numba import (
    OPTIONS, njit,
    {cells},
)
from gridhydro.kernels.numba_math import maximum_of, minimum_of, select
from {lanes_module} import (
    {lanes},
)

LANES = {count}  # cells computed together
TOGETHER = {together}  # sub-steps with the states in registers
WIDE = {wide}  # sub-steps that are added up together

# rows of the workspace: one quantity each, LANES values a row
{rows}

'''

_FORWARD = """
def forward_bundle(
    tile_days, begins, ends, blocks, cells, late, link, slot, hands, upstream_start, sources,
    instant, parts, on_its_way, share, place, served, static, series, runoff, period, weight,
    states, transit, outflow, averages, fluxes, states_before, transit_before, handed,
):
    days, longest = runoff.shape[0], min(tile_days, runoff.shape[0]) * parts
    w = np.zeros(ROWS * LANES, np.{real})
    y = np.zeros((LANES, longest + most_of(late) * parts + 2 * WIDE), np.{real})
    ring = np.empty((cells.size, longest + WIDE), np.{real})
    rows = np.zeros((tile_days + most_of(late)) * LANES, np.{real})
    {room}
    for first in range(begins, ends, tile_days):
        last, before = min(first + tile_days, ends), first * parts
        count = (last - first) * parts
        for block in range(blocks.size - 1):
            begin, width = int64(blocks[block]), int64(blocks[block + 1] - blocks[block])
            wait = int64(late[begin + width - 1])
            if block + 2 < blocks.size:
                fetch_days(runoff, first, last, cells, blocks[block + 1], blocks[block + 2])
            load_cells(w, STATIC, static, cells, begin, width)
            load_cells(w, STATES, states, cells, begin, width)
            asked = any_of(place, cells, begin, width)
            fetch_asked(outflow, first, last, place, cells, begin, begin + width)
            if states_before.size:
                tile = first // tile_days
                for i in range(width):
                    cell = cells[begin + i]
                    transit_before[tile, cell] = transit[cell]
                store_cells(w, STATES, states_before[tile], cells, begin, 0, width)
            derive(w)
            if wait:
                clear_days(rows, last - first + wait)
            gather_cells(rows, runoff, first, last, share, cells, late, begin, width)
            {gather}
            inflows(
                y, ring, handed, before, slot, cells, late, begin, width, upstream_start, sources,
                instant, transit, parts, count,
            )
            k, begun, ended = 0, width, 0
            for day in range(first, last + wait):
                if wait:
                    begun = until(late, begin, width, day - first, begun)
                    ended = until(late, begin, width, day - last, ended)
                    load_lanes(
                        w, STATES, states, cells, begin,
                        until(late, begin, width, day - first - 1, begun), begun,
                    )
                    join(y, k, parts, TOGETHER, cells, late, link, instant, begin, ended, begun)
                bring_day(w, LATERAL, rows, day - first)
                {bring}
                clear(w, TOTAL, {sums})
                for _ in range(0, parts, TOGETHER):
                    to_lanes(y, k, w, INFLOW, TOGETHER)
                    steps(w)
                    to_series(w, OUTFLOW, y, k, TOGETHER)
                    k += TOGETHER
                keep_day(w, TOTAL, rows, day - first)
                {tell}
                if averages.size:
                    for i in range(ended, begun):
                        cell, held = cells[begin + i], real(0.0)
                        own = day - late[begin + i]
                        for row in range(STATES, STATES + states.shape[0]):
                            held += w[row * LANES + i]
                        if on_its_way and not instant[cell]:  # left upstream in the last sub-step
                            held += y[i, k]
                        averages[period[own], cell] += held * weight[own]
                if day >= last - 1:
                    done = until(late, begin, width, day + 1 - last, ended)
                    store_cells(w, STATES, states, cells, begin, ended, done)
                    settle(y, transit, cells, late, instant, begin, ended, done, parts, count)
            if asked:
                scatter_asked(rows, outflow, first, last, place, cells, late, begin, width)
            {scatter}
            store_series(
                y, ring, handed, before, slot, hands, cells, late, begin, width, parts, count
            )


forward = compile_cached(forward_bundle, cache=True, **OPTIONS)
"""

_AGAIN = """
# the tile forward once more, from the states before it
for block in range(blocks.size - 1):
    begin, width = int64(blocks[block]), int64(blocks[block + 1] - blocks[block])
    wait, tile = int64(late[begin + width - 1]), first // tile_days
    if block + 2 < blocks.size:
        fetch_days(runoff, first, last, cells, blocks[block + 1], blocks[block + 2])
    load_cells(w, STATIC, static, cells, begin, width)
    load_cells(w, STATES, states_before[tile], cells, begin, width)
    derive(w)
    if wait:
        clear_days(rows, last - first + wait)
    gather_cells(rows, runoff, first, last, share, cells, late, begin, width)
    {gather}
    inflows(
        y, ring, handed, before, slot, cells, late, begin, width, upstream_start, sources, instant,
        transit_before[tile], parts, count,
    )
    k, begun, ended = 0, width, 0
    for day in range(first, last + wait):
        if wait:
            begun = until(late, begin, width, day - first, begun)
            ended = until(late, begin, width, day - last, ended)
            load_lanes(
                w, STATES, states_before[tile], cells, begin,
                until(late, begin, width, day - first - 1, begun), begun,
            )
            join(y, k, parts, TOGETHER, cells, late, link, instant, begin, ended, begun)
        bring_day(w, LATERAL, rows, day - first)
        {bring}
        for _ in range(0, parts, TOGETHER):
            to_lanes(y, k, w, INFLOW, TOGETHER)
            keep(w, kept, groups, STATES, SAVED - STATES)
            steps_saving(w)
            keep(w, kept, groups, SAVED, STATIC - SAVED)
            to_series(w, OUTFLOW, y, k, TOGETHER)
            k += TOGETHER
            groups += 1
    store_series(y, ring, handed, before, slot, hands, cells, late, begin, width, parts, count)
"""

_ADJOINT = """
def adjoint_bundle(
    tile_days, begins, ends, blocks, cells, late, link, slot, hands, upstream_start, sources,
    instant, parts, on_its_way, share, place, served, static, series, runoff, period, weight,
    downstream, states_before, transit_before, handed, d_outflow, d_averages, d_fluxes, ahead,
    d_states, d_transit, d_static, d_series, d_runoff, d_handed,
):
    days, longest = runoff.shape[0], min(tile_days, runoff.shape[0]) * parts
    w = np.zeros(ROWS * LANES, np.{real})
    y = np.zeros((LANES, longest + most_of(late) * parts + 2 * WIDE), np.{real})
    ring = np.empty((cells.size, longest + 2 * WIDE), np.{real})
    rows = np.zeros((tile_days + most_of(late)) * LANES, np.{real})
    more = np.zeros_like(rows)
    {room}
    # what the adjoint of each group of sub-steps needs, for all blocks of a tile
    kept = np.empty(({slots}, STATIC * LANES), np.{real})
    latest = begins + (ends - 1 - begins) // tile_days * tile_days
    for first in range(latest, begins - 1, -tile_days):
        last, before = min(first + tile_days, ends), first * parts
        count, groups = (last - first) * parts, 0
        {again}
        for block in range(blocks.size - 2, -1, -1):
            begin, width = int64(blocks[block]), int64(blocks[block + 1] - blocks[block])
            wait = int64(late[begin + width - 1])
            if block > 0:
                fetch_days(d_runoff, first, last, cells, blocks[block - 1], begin)
                fetch_asked(d_outflow, first, last, place, cells, blocks[block - 1], begin)
            asked = any_of(place, cells, begin, width)
            load_cells(w, STATIC, static, cells, begin, width)
            derive(w)
            if wait:
                clear_days(rows, last - first + wait)
                clear_days(more, last - first + wait)
            {lateral}
            {gather_back}
            if asked:
                gather_asked(rows, d_outflow, first, last, place, cells, late, begin, width)
            else:
                clear_days(rows, last - first + wait)
            cotangents_below(
                y, ring, d_handed, before, slot, hands, cells, late, begin, width, downstream,
                instant, ahead, parts, count,
            )
            if wait:  # nothing comes of lanes that are before or behind their days
                clear(w, D_STATES, D_INFLOW - D_STATES)
            else:
                load_cells(w, D_STATES, d_states, cells, begin, width)
            clear(w, D_STATIC, D_STATIC_END - D_STATIC)
            k, begun, ended = count + wait * parts, width, 0
            for day in range(last + wait - 1, first - 1, -1):
                if wait:
                    done = begun
                    begun = until(late, begin, width, day - first, begun)
                    clear_lanes(w, D_STATES, D_INFLOW - D_STATES, begun, done)
                    done = until(late, begin, width, day + 1 - last, ended)
                    ended = until(late, begin, width, day - last, ended)
                    load_lanes(w, D_STATES, d_states, cells, begin, ended, done)
                    look_ahead(y, ahead, cells, late, link, begin, ended, done, parts, count)
                    join_back(
                        y, k - parts, parts, TOGETHER, cells, late, link, instant, begin, width,
                        ended, begun,
                    )
                if d_averages.size:
                    for i in range(ended, begun):
                        cell = cells[begin + i]
                        below, own = downstream[cell], day - late[begin + i]
                        mean = period[own]
                        for row in range(D_STATES, D_STATES + d_states.shape[0]):
                            w[row * LANES + i] += d_averages[mean, cell] * weight[own]
                        if on_its_way and below >= 0 and not instant[below]:
                            y[i, k - 1] += d_averages[mean, below] * weight[own]
                bring_day(w, D_TOTAL, rows, day - first)
                {today}
                {bring_back}
                clear(w, D_LATERAL, {back_sums})
                for _ in range(0, parts, TOGETHER):
                    k -= TOGETHER
                    to_lanes(y, k, w, D_OUTFLOW, TOGETHER)
                    {kept}
                    steps_adjoint(w)
                    to_series(w, D_INFLOW, y, k, TOGETHER)
                keep_day(w, D_LATERAL, rows, day - first)
                {tell_back}
                if wait:
                    done = until(late, begin, width, day - 1 - first, begun)
                    store_cells(w, D_STATES, d_states, cells, begin, done, begun)
            scatter_cells(rows, d_runoff, first, last, share, cells, late, begin, width)
            {scatter_back}
            derive_adjoint(w)
            add_cells(w, D_STATIC, d_static, cells, begin, width)
            if wait:
                look_back(y, ahead, cells, late, link, begin, width, parts)
            else:
                store_cells(w, D_STATES, d_states, cells, begin, 0, width)
            store_cotangents(
                y, ring, d_handed, before, slot, cells, late, begin, width, upstream_start,
                sources, d_transit, parts, count,
            )


adjoint = compile_cached(adjoint_bundle, cache=True, **OPTIONS)


def no_gradient_of_bundle(d_runoff, begins, ends, cells):
    for day in range(begins, ends):
        for i in range(cells.size):
            d_runoff[day, cells[i]] = 0


no_gradient = compile_cached(no_gradient_of_bundle, cache=True, **OPTIONS)
"""


def forward(spec: ReachSpec) -> str:
    """Source of a module with `forward(tile_days, blocks, cells, ...)` over a bundle."""
    column = spec.column
    at = _layout(spec, OUTFLOW=column.outflows, TOTAL=[TOTAL], FLUXES=column.told)
    steps, outflows = spec.steps, at("OUTFLOW")
    functions = [
        function("derive", at, steps.derive, at("STATIC"), at("DERIVED")),
        function(
            "steps", at, steps.step, _inputs(at), at("STATES", "next_") | outflows,
            at("TOTAL") | at("FLUXES"),
        ),
    ]  # fmt: skip
    told = _Days("fluxes", column.told, "FLUXES")
    given = _Days("series", column.series, "SERIES")
    blocks = dict(
        room=given.room() + told.room(), gather=given.gather(), bring=given.bring(),
        tell=told.keep(), scatter=told.scatter(),
    )  # fmt: skip
    loop = filled(_FORWARD, blocks, real=spec.real, sums=1 + len(column.told))
    return _module(spec, "Forward", at, functions, loop)


def adjoint(spec: ReachSpec) -> str:
    """Source of a module with `adjoint(tile_days, blocks, cells, ...)` over a bundle."""
    steps, states = spec.steps, spec.steps.states
    at = _layout(
        spec,
        OUTFLOW=spec.column.outflows,
        D_OUTFLOW=spec.column.outflows,
        D_TOTAL=[TOTAL],
        D_FLUXES=spec.column.told,
        D_STATES=states,
        D_INFLOW=spec.column.inflows,
        D_LATERAL=[LATERAL],
        D_SERIES=spec.column.series,
        D_STATIC=steps.static,
        D_DERIVED=steps.derived,
        D_STATIC_END=[],
    )
    seeds = at("D_STATES", "d_next_") | at("D_OUTFLOW", "d_") | at("D_TOTAL", "d_")
    seeds |= at("D_FLUXES", "d_")
    summed = at("D_LATERAL", "d_") | at("D_SERIES", "d_")
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
    given = _Days("series", spec.column.series, "SERIES")
    d_told = _Days("d_fluxes", spec.column.told, "D_FLUXES")
    d_given = _Days("d_series", spec.column.series, "D_SERIES")
    again, lateral, today, kept = [], [], [], []
    if spec.again:
        results = at("STATES", "next_") | at("SAVED") | at("OUTFLOW")
        functions.insert(1, function("steps_saving", at, spec.steps_saving, _inputs(at), results))
        some = dict(gather=given.gather(), bring=given.bring())
        again = filled(_AGAIN, some).strip().splitlines()
        kept = ["groups -= 1", "bring_back(w, kept, groups, STATES, STATIC)"]
        if LATERAL in spec.step_adjoint.used():
            gathered = "gather_cells(more, runoff, first, last, share, cells, late, begin, width)"
            lateral, today = [gathered], ["bring_day(w, LATERAL, more, day - first)"]
    blocks = dict(
        room=[*given.room(), *d_told.room(), *d_given.room()], again=again, lateral=lateral,
        gather_back=[*given.gather(), *d_told.gather()], today=today,
        bring_back=[*given.bring(), *d_told.bring()], kept=kept, tell_back=d_given.keep(),
        scatter_back=d_given.scatter(),
    )  # fmt: skip
    slots = "groups_of(blocks, late, longest, parts) // TOGETHER" if spec.again else "0"
    back_sums = 1 + len(spec.column.series)
    loop = filled(_ADJOINT, blocks, real=spec.real, slots=slots, back_sums=back_sums)
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
        SERIES=spec.column.series,
        **more,
    )


@dataclass(frozen=True)
class _Days:
    """Lines that take days of series, an array (K, T, J), to rows of a workspace or back."""

    array: str
    names: list[str]
    row: str

    def _each(self, *lines: str) -> list[str]:
        count = range(len(self.names))
        return [
            one.format(days=f"{self.array}_{k}", one=f"{self.array}[{k}]", row=f"{self.row} + {k}")
            for k in count
            for one in lines
        ]

    def room(self) -> list[str]:
        return self._each("{days} = np.zeros_like(rows)")

    def gather(self) -> list[str]:
        where = "first, last, served, cells, late, begin, width"
        return self._each(
            "if wait:",
            "    clear_days({days}, last - first + wait)",
            f"gather_asked({{days}}, {{one}}, {where})",
        )

    def bring(self) -> list[str]:
        return self._each("bring_day(w, {row}, {days}, day - first)")

    def keep(self) -> list[str]:
        return self._each("keep_day(w, {row}, {days}, day - first)")

    def scatter(self) -> list[str]:
        where = "first, last, served, cells, late, begin, width"
        return self._each(f"scatter_asked({{days}}, {{one}}, {where})")


def _inputs(at: Layout) -> dict[str, int]:
    kept = at("STATES") | at("INFLOW") | at("SAVED")
    return kept | at("STATIC") | at("DERIVED") | at("LATERAL") | at("SERIES")


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
        wide=vectors_numba.WIDE,
        rows=at.source(),
    )
    return f"{header}\n{body}\n"
