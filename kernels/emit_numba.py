"""Prints a column's forward and adjoint kernels for the CPU.

A block of 64 lanes (cells, or cells x components) is taken through the whole series. All its
quantities are rows of one small workspace, so the lane loop touches a single array at constant
offsets: LLVM sees that lanes are independent and vectorises it without checks.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from gridhydro.kernels import lanes_numba, newton_numba
from gridhydro.kernels.launch import AHEAD, LANES
from gridhydro.kernels.print_numba import Layout, filled, function, indented
from gridhydro.kernels.spec import Spec

_HEADER = '''"""{title}, printed by gridhydro: change the column, not this file.

Arrays: forcing (F, T, N); static (K, N*M), dynamic (D, T, N*M) parameters; initial and final
(S, N*M) states; outputs (O, T, {last}); averages (A, R, {last}) over periods: day t counts with
share[t] in the mean of period[t]; trajectory {trajectory}.
N cells, M = {components} components, last axis fastest; weights of embedded networks, and their
gradients by block of cells, flat.
"""

import numpy as np
from numba import {real} as real, int32, int64, njit as compile_cached

from gridhydro.kernels.numba_math import maximum_of, minimum_of, select
from {lanes_module} import (
    {imported},
)

OPTIONS = dict(nogil=True, error_model="numpy", fastmath={{"nsz", "contract"}})
LANES = {lanes}  # values computed together
COMPONENTS = {components}
CELLS = LANES // COMPONENTS  # cells in one block of lanes
AHEAD = {ahead}  # days between asking for a row and using it

# rows of the workspace: one quantity each, LANES values a row; typed, for a plain number would have
# numba compile what it is handed to anew for each value
{rows}


def njit(function):  # only called by other compiled functions: no doors for Python and C
    return compile_cached(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)

'''

_FORWARD = """
def forward_blocks(
    first, last, every, forcing, static, dynamic, initial, weights, period, share, outputs,
    averages, final, missed, trajectory,
):
    days, cells = forcing.shape[1], forcing.shape[2]
    w = np.zeros(ROWS * LANES + weights.size, np.{real})
    load_weights(w, ROWS, weights)
    for block in range(first, last):
        cell = block * CELLS
        width = min(CELLS, cells - cell)
        load(w, STATES, initial, cell, width)
        load(w, STATIC, static, cell, width)
        derive(w)
        {begin}
        for t in range(days):
            if every > {least} and t % every == 0:
                store(w, STATES, trajectory[t // every], cell, width)
            fetch_ahead(forcing, t + AHEAD, cell, cell + width)
            fetch_ahead(outputs, t + AHEAD, cell, cell + width)
            load_shared(w, FORCING, forcing, t, cell, width, real(1.0))
            load_day(w, DYNAMIC, dynamic, t, cell, width)
            {day}
            {write}
        store(w, STATES, final, cell, width)
        {end}


forward = compile_cached(forward_blocks, cache=True, **OPTIONS)
"""

_ADJOINT = """
def adjoint_blocks(
    first, last, every, forcing, static, dynamic, weights, trajectory, period, share, d_outputs,
    d_averages, d_final, d_forcing, d_static, d_dynamic, d_initial, d_weights,
):
    days, cells = forcing.shape[1], forcing.shape[2]
    w = np.zeros(ROWS * LANES + weights.size, np.{real})
    load_weights(w, ROWS, weights)
    # within one segment: the states before each day, and what else of the day is worth keeping
    kept = np.empty(({slots}, STATIC * LANES), np.{real})
    for block in range(first, last):
        cell = block * CELLS
        width = min(CELLS, cells - cell)
        load(w, STATIC, static, cell, width)
        derive(w)
        w[D_DYNAMIC * LANES : ROWS * LANES] = real(0.0)
        load(w, D_STATES, d_final, cell, width)
        if zeros(w, D_STATES, d_final.shape[0]) and {unseen}:  # as of cells that no gauge sees
            for t in range(days):
                store_sum(w, D_FORCING, d_forcing, t, cell, width, real(1.0))
                store_day(w, D_DYNAMIC, d_dynamic, t, cell, width)
            store(w, D_STATIC, d_static, cell, width)
            store(w, D_STATES, d_initial, cell, width)
            store_total(w, D_WEIGHTS, d_weights[block], width)
            continue
        for index in range((days + every - 1) // every - 1, -1, -1):
            start, stop = index * every, min((index + 1) * every, days)
            {again}
            for t in range(stop - 1, start - 1, -1):
                {day}
                store_sum(w, D_FORCING, d_forcing, t, cell, width, real(1.0))
                store_day(w, D_DYNAMIC, d_dynamic, t, cell, width)
        derive_adjoint(w)
        store(w, D_STATIC, d_static, cell, width)
        store(w, D_STATES, d_initial, cell, width)
        store_total(w, D_WEIGHTS, d_weights[block], width)


adjoint = compile_cached(adjoint_blocks, cache=True, **OPTIONS)
"""


def _layout(spec: Spec, saved: Sequence[str] = (), **more: Sequence[str]) -> Layout:
    return Layout(
        spec.weights,
        LANES,
        STATES=spec.states,
        SAVED=list(saved),
        STATIC=spec.static,
        DYNAMIC=spec.dynamic,
        FORCING=spec.forcings,
        DERIVED=spec.derived,
        **more,
    )


def _inputs(at: Layout) -> dict[str, int]:
    return at("STATES") | at("STATIC") | at("DYNAMIC") | at("FORCING") | at("DERIVED")


def forward(spec: Spec) -> str:
    """Source of a module with `forward(first, last, every, ...)` over blocks of cells."""
    solver = newton_numba.rows(spec.newton) if spec.scheme.implicit else {}
    at = _layout(spec, OUTPUTS=spec.results, **solver)
    day, begin, end = ["step(w)"], [], []
    if spec.scheme.implicit:
        row = _substep_of(spec, "t")
        day += [
            "if every == 1:",
            f"    fetch_lanes(trajectory, {row} + AHEAD, cell, width)",
            f"    store(w, STATES, trajectory[{row}], cell, width)",
        ]
        begin, end = ["clear(w, MISSED, 1)"], ["store(w, MISSED, missed, cell, width)"]
    day = _each_substep(spec, day)
    if spec.scheme.substeps > 1:
        day.insert(0, f"clear(w, OUTPUTS, {len(spec.results)})")
    write = [
        "store_sum(w, OUTPUTS, outputs, t, cell, width, real(1.0 / COMPONENTS))"
        if spec.mean
        else "store_day(w, OUTPUTS, outputs, t, cell, width)"
    ]
    if spec.averaged:
        where = f"w, OUTPUTS + {len(spec.outputs)}, averages, period[t], cell, width"
        write.append(
            f"add_sum({where}, share[t] / real(COMPONENTS))"
            if spec.mean
            else f"add_day({where}, share[t])"
        )
    blocks = dict(begin=begin, day=day, write=write, end=end)
    loop = filled(_FORWARD, blocks, real=spec.real, least=int(spec.scheme.implicit))
    derive = function("derive", at, spec.derive, at("STATIC"), at("DERIVED"))
    return _module(spec, "Forward", at, [derive, *_step(spec, at)], loop)


def adjoint(spec: Spec) -> str:
    """Source of a module with `adjoint(first, last, every, ...)` over blocks of cells."""
    implicit, substeps = spec.scheme.implicit, spec.scheme.substeps
    at = _layout(
        spec,
        spec.saved,
        SEEDS=spec.results,
        D_STATES=spec.states,
        D_DYNAMIC=spec.dynamic,
        D_FORCING=spec.forcings if spec.forcing_gradient else [],
        D_STATIC=spec.static,
        D_DERIVED=spec.derived,
        D_WEIGHTS=spec.weights,
        **(newton_numba.rows(spec.newton_again) if implicit else {}),
    )
    seeds = at("D_STATES", "d_next_") | at("SEEDS", "d_")
    daily = at("D_DYNAMIC", "d_") | at("D_FORCING", "d_")
    summed = at("D_STATIC", "d_") | at("D_WEIGHTS", "d_")
    if substeps > 1:
        daily, summed = {}, summed | daily
    functions = [
        function("derive", at, spec.derive, at("STATIC"), at("DERIVED")),
        *_advance(spec, at),
        function(
            "step_adjoint",
            at,
            spec.step_adjoint_saved,
            _inputs(at) | at("SAVED") | seeds,
            at("D_STATES", "d_") | daily,
            summed | at("D_DERIVED", "d_"),
        ),
        function(
            "derive_adjoint",
            at,
            spec.derive_adjoint_saved,
            at("STATIC") | at("D_DERIVED", "d_"),
            {},
            at("D_STATIC", "d_") | at("D_WEIGHTS", "d_"),
        ),
    ]
    blocks = dict(again=_again(spec), day=_day_back(spec))
    loop = filled(_ADJOINT, blocks, real=spec.real, slots=_slots(spec), unseen=_unseen(spec))
    return _module(spec, "Adjoint", at, functions, loop)


def _step(spec: Spec, at: Layout) -> list[str]:
    """The functions that take the states through one sub-step and give its outputs."""
    outputs, sums = at("STATES", "next_") | at("OUTPUTS"), {}
    if spec.scheme.substeps > 1:
        sums = {name: outputs.pop(name) for name in spec.rates}
    if spec.scheme.implicit:
        return _solver(spec, "step", spec.newton, at, outputs, sums)
    return [function("step", at, spec.step, _inputs(at), outputs, sums)]


def _advance(spec: Spec, at: Layout) -> list[str]:
    """The same, for days that are only computed again."""
    states = at("STATES", "next_")
    if spec.scheme.implicit:
        return _solver(spec, "advance", spec.newton_again, at, states, {})
    return [function("advance", at, spec.advance_saving, _inputs(at), states | at("SAVED"))]


def _solver(spec: Spec, name: str, newton, at: Layout, outputs, sums) -> list[str]:
    parts = newton_numba.functions(newton, at, _inputs(at), outputs, sums)
    loop = newton_numba.LOOP.format(name=name, iterations=spec.scheme.iterations)
    functions = [function(name, at, *rest) for name, *rest in parts]
    return [*functions, loop.strip() + "\n"]


def _again(spec: Spec) -> list[str]:
    """The states of the days of a segment, computed again from those before it."""
    slot = _substep_of(spec, "t - start")
    if spec.scheme.implicit:  # kept are the states after each sub-step
        body = ["advance(w)", f"move(w, kept[{slot}], STATES * LANES, {len(spec.states)} * LANES)"]
    else:
        body = [
            f"move(w, kept[{slot}], STATES * LANES, (SAVED - STATES) * LANES)",
            "advance(w)",
            f"move(w, kept[{slot}], SAVED * LANES, (STATIC - SAVED) * LANES)",
        ]
    days = [
        "load(w, STATES, trajectory[index], cell, width)",
        "for t in range(start, stop):",
        "    fetch_ahead(forcing, t + AHEAD, cell, cell + width)",
        "    load_shared(w, FORCING, forcing, t, cell, width, real(1.0))",
        "    load_day(w, DYNAMIC, dynamic, t, cell, width)",
        *indented(_each_substep(spec, body)),
    ]
    return ["if every > 1:", *indented(days)] if spec.scheme.implicit else days


def _day_back(spec: Spec) -> list[str]:
    slot = _substep_of(spec, "t - start")
    body = [f"move(kept[{slot}], w, STATES * LANES, STATIC * LANES)"]
    if spec.scheme.implicit:
        row = _substep_of(spec, "t")
        body = [
            "if every > 1:",
            *indented(body),
            "else:",
            f"    fetch_lanes(trajectory, {row} - AHEAD, cell, width)",
            f"    load(w, STATES, trajectory[{row}], cell, width)",
        ]
    body.append("step_adjoint(w)")
    clear = []
    if spec.scheme.substeps > 1:
        # what counts at the end of the day has been seen by the last sub-step, the first here
        at_end = [k for k, name in enumerate(spec.results) if name not in spec.rates]
        body += [f"clear(w, SEEDS + {k}, 1)" for k in at_end]
        clear = ["clear(w, D_DYNAMIC, D_STATIC - D_DYNAMIC)"]
    read = [
        "load_shared(w, SEEDS, d_outputs, t, cell, width, real(1.0 / COMPONENTS))"
        if spec.mean
        else "load_day(w, SEEDS, d_outputs, t, cell, width)"
    ]
    if spec.averaged:
        first = f"SEEDS + {len(spec.outputs)}"
        where = f"w, {first}, d_averages, period[t], cell, width"
        read += (
            [f"load_shared({where}, share[t] / real(COMPONENTS))"]
            if spec.mean
            else [f"load_day({where})", f"scale(w, {first}, {len(spec.averaged)}, share[t])"]
        )
    return [
        "fetch_ahead(d_outputs, t - AHEAD, cell, cell + width)",
        "load_shared(w, FORCING, forcing, t, cell, width, real(1.0))",
        "load_day(w, DYNAMIC, dynamic, t, cell, width)",
        *read,
        *clear,
        *_each_substep(spec, body, backwards=True),
    ]


def _unseen(spec: Spec) -> str:
    """Whether there is no cotangent of any result of a block."""
    lanes = "cell, width" if spec.mean else "cell * COMPONENTS, width * COMPONENTS"
    series = ["d_outputs", *["d_averages"] * bool(spec.averaged)]
    return " and ".join(f"nothing_in({one}, {lanes})" for one in series)


def _each_substep(spec: Spec, lines: list[str], backwards: bool = False) -> list[str]:
    n = spec.scheme.substeps
    if n == 1:
        return lines
    return [f"for j in range({f'{n - 1}, -1, -1' if backwards else n}):", *indented(lines)]


def _substep_of(spec: Spec, day: str) -> str:
    n = spec.scheme.substeps
    return day if n == 1 else f"({day}) * {n} + j"


def _slots(spec: Spec) -> str:
    """Sub-steps of one segment."""
    if spec.scheme.implicit:
        return f"every * {spec.scheme.substeps} if every > 1 else 0"
    return "every" if spec.scheme.substeps == 1 else f"every * {spec.scheme.substeps}"


def _module(spec: Spec, kind: str, at: Layout, functions: list[str], loop: str) -> str:
    body = "\n\n".join([*functions, loop.strip()])
    lanes = lanes_numba.load(spec.real, LANES, spec.components)
    used = [name for name in lanes_numba.functions(lanes) if re.search(rf"\b{name}\(", body)]
    header = _HEADER.format(
        title=f"{kind} kernel of {spec.title} for the CPU, {spec.real}",
        trajectory=spec.trajectory,
        last="N" if spec.mean else "N*M",
        components=spec.components,
        real=spec.real,
        lanes=LANES,
        ahead=AHEAD,
        rows=at.source(),
        lanes_module=lanes.__name__,
        imported=textwrap.fill(", ".join(used), 92, subsequent_indent="    "),
    )
    return f"{header}\n{body}\n"
