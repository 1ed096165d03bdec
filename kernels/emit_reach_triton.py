"""Prints the GPU kernels of a river reach, forward and adjoint.

One program takes a block of cells of one level through one tile of days, with the states in
registers. The forward kernel, run once more over a segment of the period, keeps what the adjoint
needs: the states before each group of sub-steps and what arrives in each.
"""

from __future__ import annotations

from collections.abc import Iterable

from gridhydro.kernels.print_numba import filled
from gridhydro.kernels.reach_spec import LATERAL, TOTAL, ReachSpec
from gridhydro.kernels.trace import Program, Symbol
from gridhydro.kernels.writer_triton import TANH, Writer, value

_HEADER = '''"""{kind} kernel of the reach '{name}' for the GPU, printed by gridhydro.

Change the reach, not this file.

Arrays: programs (P, 4) of level, first cell, cell past the last, most inflows; static (K, N)
parameters and properties; runoff (T, N), of which depth (N,) is the volume of one unit; outflow
(T, G) of cells that have a place (N,) in it; states (S, N), transit (N,) the water on its way to
each cell, both also before each segment of tiles; averages (R, N) over periods; ring (rows, N):
what leaves each cell in each sub-step of some tiles, in the adjoint the cotangent of what arrives;
kept (T groups, S, N) states before each group of sub-steps, arrived (T sub-steps, N).
"""

import triton
import triton.language as tl

# these differ from launch to launch: compiled once, whatever their value
VARIES = ("first_program", "diagonal", "days", "tile_days", "ring_tiles", "segment_tiles", "asked")
TOGETHER = tl.constexpr({together})  # sub-steps printed in a row


{tanh}


@triton.jit
def add(place, amount, there):
    tl.store(place, tl.load(place, there, other=0.0) + amount, there)

'''

_FORWARD = """
@triton.jit(do_not_specialize=VARIES)
def forward(
    programs, upstream_start, upstream, instant, depth, place, static, runoff, periods, weights,
    states, transit, outflow, averages, states_before, transit_before, kept, arrived, ring,
    first_program, diagonal, size, days, tile_days, ring_tiles, segment_tiles, asked,
    GROUPS: tl.constexpr, DAILY: tl.constexpr,
    AVERAGED: tl.constexpr, TRANSIT: tl.constexpr, STARTS: tl.constexpr, KEEP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = programs + 4 * (first_program + tl.program_id(0))
    tile = diagonal - tl.load(row)
    cell = tl.load(row + 1) + tl.arange(0, BLOCK).to(tl.int64)
    there = cell < tl.load(row + 2)
    degree = tl.load(row + 3)
    size = tl.cast(size, tl.int64)
    steps_a_day = GROUPS * TOGETHER

    start = tl.load(upstream_start + cell, there, other=0)
    inflow_count = tl.load(upstream_start + cell + 1, there, other=0) - start
    at_once = tl.load(instant + cell, there, other=0) != 0
    share = tl.load(depth + cell, there, other=0.0) / steps_a_day
    column = tl.cast(tl.load(place + cell, there, other=-1), tl.int64)
    shown = column >= 0
    {load_static}
    {derive}
    {load_states}
    arriving = tl.load(transit + cell, there, other=0.0)
    no_water = tl.zeros_like(arriving)
    if STARTS:
        if tile % segment_tiles == 0:
            segment = tl.cast(tile // segment_tiles, tl.int64)
            {store_before}
            tl.store(transit_before + segment * size + cell, arriving, there)
    held_mean = no_water

    first = tile * tile_days
    last = tl.minimum(first + tile_days, days)
    here = ring + (tile % ring_tiles) * tl.cast(tile_days, tl.int64) * steps_a_day * size
    for day in range(first, last):
        day_row = tl.cast(day, tl.int64) * size
        lateral_inflow = tl.load(runoff + day_row + cell, there, other=0.0) * share
        left_today = no_water
        for group in range(GROUPS):
            slot = here + (tl.cast(day - first, tl.int64) * steps_a_day + group * TOGETHER) * size
            group_row = tl.cast(day, tl.int64) * GROUPS + group
            {no_inflow}
            for edge in range(degree):
                flows = there & (edge < inflow_count)
                upstream_cell = tl.load(upstream + start + edge, flows, other=0)
                {gather}
            {arrive}
            if KEEP:
                {keep}
            {steps}
            {leave}
            {next_states}
            left_today += {total}
        if DAILY:
            tl.store(outflow + tl.cast(day, tl.int64) * asked + column, left_today, shown)
        if AVERAGED:
            period, weight = tl.load(periods + day), tl.load(weights + day)
            held_mean += ({content}) * weight
            if TRANSIT:
                held_mean += arriving * weight
            # a period may go on in the next tile, and began in the one before
            following = tl.load(periods + day + 1)
            following = tl.where(tl.cast(day, tl.int32) + 1 < last, following, -1)
            ends = there & (following + tl.zeros_like(inflow_count) != period)
            add(averages + tl.cast(period, tl.int64) * size + cell, held_mean, ends)
            held_mean = tl.where(ends, 0.0, held_mean)

    {store_states}
    tl.store(transit + cell, arriving, there)
"""

_ADJOINT = """
@triton.jit(do_not_specialize=VARIES)
def adjoint(
    programs, downstream, instant, depth, place, static, runoff, periods, weights, kept, arrived,
    d_outflow, d_averages, ahead, d_states, d_transit, d_static, d_runoff, ring, first_program,
    diagonal, size, days, tile_days, asked, GROUPS: tl.constexpr, AVERAGED: tl.constexpr,
    TRANSIT: tl.constexpr, BLOCK: tl.constexpr,
):
    row = programs + 4 * (first_program + tl.program_id(0))
    tile = diagonal - tl.load(row)
    cell = tl.load(row + 1) + tl.arange(0, BLOCK).to(tl.int64)
    there = cell < tl.load(row + 2)
    size = tl.cast(size, tl.int64)
    steps_a_day = GROUPS * TOGETHER

    below_cell = tl.load(downstream + cell, there, other=-1)
    drains = below_cell >= 0
    at_once = tl.load(instant + below_cell, drains, other=0) != 0
    share = tl.load(depth + cell, there, other=0.0) / steps_a_day
    column = tl.cast(tl.load(place + cell, there, other=-1), tl.int64)
    shown = column >= 0
    {load_static}
    {derive}
    {load_d_states}
    # cotangent of the downstream inflow one sub-step later
    later = tl.load(ahead + cell, there, other=0.0)
    no_water = tl.zeros_like(later)
    {no_sums}

    # this loop, like the next, counts up and is read backwards
    first = tile * tile_days
    last = tl.minimum(first + tile_days, days)
    here = ring + (tile % 2) * tl.cast(tile_days, tl.int64) * steps_a_day * size
    for back in range(last - first):
        day = tl.cast(last - 1 - back, tl.int64)
        {lateral}
        d_outflow_today = tl.load(d_outflow + day * asked + column, shown, other=0.0)
        d_left_today = no_water
        if AVERAGED:  # the content at the end of the day
            row_of_means = d_averages + tl.cast(tl.load(periods + day), tl.int64) * size
            weight = tl.load(weights + day)
            d_held = tl.load(row_of_means + cell, there, other=0.0) * weight
            if TRANSIT:  # and what arrives below in the next sub-step
                d_below = tl.load(row_of_means + below_cell, drains, other=0.0)
                later += tl.where(at_once, 0.0, d_below * weight)
            {add_held}
        for group_back in range(GROUPS):
            group = GROUPS - 1 - group_back
            slot = here + ((day - first) * steps_a_day + group * TOGETHER) * size
            group_row = day * GROUPS + group
            {d_below}
            {recall}
            {steps}
            {store_d_inflow}
            {next_d_states}
            {sum_up}
        tl.store(d_runoff + day * size + cell, d_left_today * share, there)

    {derive_adjoint}
    {store_d_static}
    {store_d_states}
    # each tile writes this row, the first in time last; the wrapper took the final one before
    tl.store(d_transit + cell, d_first_inflow, there)
    tl.store(ahead + cell, later, there)
"""


def forward(spec: ReachSpec) -> str:
    """Source of a module with the kernel `forward`."""
    steps, column = spec.steps, spec.column
    states, together = steps.states, range(spec.together)
    program = steps.step
    blocks = dict(
        load_static=_loads(steps.derive.used() | program.used(), steps.static, "static", "1.0"),
        derive=_lines(spec, steps.derive),
        load_states=_loads(states, states, "states"),
        store_before=_stores(states, f"states_before + segment * {len(states)} * size"),
        no_inflow=[f"sent_{k} = no_water" for k in together],
        gather=[
            f"sent_{k} += tl.load(slot + {k} * size + upstream_cell, flows, other=0.0)"
            for k in together
        ],
        arrive=[
            text
            for k in together
            for text in (
                f"inflow_{k} = tl.where(at_once, arriving + sent_{k}, arriving)",
                f"arriving = tl.where(at_once, 0.0, sent_{k})",
            )
        ],
        keep=[
            *_stores(states, f"kept + group_row * {len(states)} * size"),
            *_stores(column.inflows, "arrived + group_row * TOGETHER * size"),
        ],
        steps=_lines(spec, program),
        leave=_stores([value(program.outputs[name]) for name in column.outflows], "slot"),
        next_states=_assign(states, [program.outputs[f"next_{name}"] for name in states]),
        store_states=_stores(states, "states"),
    )
    total, content = value(program.outputs[TOTAL]), " + ".join(states) or "no_water"
    return _module(spec, "Forward", filled(_FORWARD, blocks, total=total, content=content))


def adjoint(spec: ReachSpec) -> str:
    """Source of a module with the kernel `adjoint`."""
    steps, column, program = spec.steps, spec.column, spec.step_adjoint_on_gpu
    states, used = steps.states, program.used()
    given = [*steps.static, *steps.derived] if spec.learned else []
    summed = [name for name in given if isinstance(program.outputs[f"d_{name}"], Symbol)]
    back = steps.derive_adjoint if spec.learned else Program()
    d_states = [f"d_next_{name}" for name in states]
    below = [
        text
        for k in reversed(range(spec.together))
        for text in (
            f"now = tl.load(slot + {k} * size + below_cell, drains, other=0.0)",
            f"d_outflow_{k} = tl.where(at_once, now, later)",
            "later = now",
        )
    ]
    recall = []
    for name, base, number in (
        *((n, f"kept + group_row * {len(states)} * size", k) for k, n in enumerate(states)),
        *((n, "arrived + group_row * TOGETHER * size", k) for k, n in enumerate(column.inflows)),
    ):
        if name in used:
            recall.append(f"{name} = tl.load({base} + {number} * size + cell, there, other=0.0)")
    results_back = {name: program.outputs[f"d_{name}"] for name in (*states, *column.inflows)}
    lateral = f"d_{LATERAL}"
    blocks = dict(
        load_static=_loads(steps.derive.used() | used | back.used(), steps.static, "static", "1.0"),
        derive=_lines(spec, steps.derive),
        load_d_states=_loads(d_states, d_states, "d_states"),
        no_sums=[*(f"sum_d_{name} = no_water" for name in summed), "d_first_inflow = no_water"],
        lateral=["lateral_inflow = tl.load(runoff + day * size + cell, there, other=0.0) * share"]
        * (LATERAL in used),
        add_held=[f"{name} += d_held" for name in d_states] or ["pass"],
        d_below=[*below, "d_total_outflow = d_outflow_today"],
        recall=recall,
        steps=_lines(spec, program),
        store_d_inflow=[
            *_stores([value(results_back[n]) for n in column.inflows], "slot"),
            f"d_first_inflow = {value(results_back[column.inflows[0]])} + no_water",
        ],
        next_d_states=_assign(d_states, [results_back[name] for name in states]),
        sum_up=[
            f"d_left_today += {value(program.outputs[lateral])}",
            *(f"sum_d_{name} += {value(program.outputs[f'd_{name}'])}" for name in summed),
        ],
        derive_adjoint=[
            *(f"d_{name} = sum_d_{name}" for name in steps.derived if name in summed),
            *_lines(spec, back),
        ],
        store_d_static=[
            f"add(d_static + {number} * size + cell, {' + '.join(parts)}, there)"
            for number, name in enumerate(steps.static)
            if (parts := _parts(back.outputs.get(f"d_{name}"), name in summed and f"sum_d_{name}"))
        ]
        or ["pass"],
        store_d_states=_stores(d_states, "d_states"),
    )
    return _module(spec, "Adjoint", filled(_ADJOINT, blocks))


def _parts(through_derived, direct) -> list[str]:
    """What the cotangent of a static quantity is the sum of."""
    parts = [value(through_derived)] if isinstance(through_derived, Symbol) else []
    return [*parts, *[direct] * bool(direct)]


def _loads(wanted: Iterable[str], names: list[str], array: str, other: str = "0.0") -> list[str]:
    wanted = set(wanted)
    return [
        f"{name} = tl.load({array} + {k} * size + cell, there, other={other})"
        for k, name in enumerate(names)
        if name in wanted
    ]


def _stores(values: list[str], base: str) -> list[str]:
    return [
        f"tl.store({base} + {k} * size + cell, {text}, there)" for k, text in enumerate(values)
    ] or ["pass"]


def _assign(names: list[str], results) -> list[str]:
    """New values of all names at once: one may be made of another's old one."""
    if not names:
        return ["pass"]
    values = (f"{value(result)} + no_water" if isinstance(result, float) else value(result)
              for result in results)  # fmt: skip
    return [f"{', '.join(names)} = {', '.join(values)}"]


def _lines(spec: ReachSpec, program: Program) -> list[str]:
    writer = Writer(spec.steps)
    writer.lines(program)
    return [text.strip() for text in writer.text] or ["pass"]


def _module(spec: ReachSpec, kind: str, body: str) -> str:
    header = _HEADER.format(kind=kind, name=spec.reach.name, together=spec.together, tanh=TANH)
    return f"{header}\n{body.strip()}\n"
