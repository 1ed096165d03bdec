"""Prints the GPU kernels of a river reach, forward and adjoint.

One program takes a block of cells of one level through one tile of days, with the states in
registers. The forward kernel, run once more over a segment of the period, keeps what the adjoint
needs: the states before each group of sub-steps and what arrives in each.
"""

from __future__ import annotations

from collections.abc import Iterable

from gridhydro.kernels.packs_triton import FUNCTIONS, Pack, by_cell, packs
from gridhydro.kernels.print_numba import filled
from gridhydro.kernels.reach_spec import LATERAL, TOTAL, ReachSpec
from gridhydro.kernels.trace import Program, Symbol
from gridhydro.kernels.writer_triton import TANH, Writer, padded, value

_HEADER = '''"""{kind} kernel of the reach '{name}' for the GPU, printed by gridhydro.

Change the reach, not this file.

Arrays: programs (P, 5) of level, first cell, cell past the last, most inflows of a cell, and where
theirs begin in inflows: (most, BLOCK) cells upstream, N for none; static (K, N) parameters and
properties; runoff (T, N), of which depth (N,) is the volume of one unit; outflow (T, G) of cells
that have a place (N,) in it; series (F, T, J) and fluxes (E, T, J) of cells served (N,), J wide;
states (S, N), transit (N,) the water on its way to each cell, both
also before each segment of tiles; averages (R, N) over periods; ring (rows, N + 1, {ring_width}):
what leaves each cell in the sub-steps of a group, for some tiles, and 0 of cell N, in the adjoint
the cotangent of what arrives; kept, of some states in a row (T groups, N, states), are those before
each group of sub-steps; arrived (T groups, N, {ring_width}).

What lies beyond the last cell of a program repeats it, and stores nothing. Offsets within an array
are of the type INDEX, 32 bits wide where that is enough for all of them.
"""

import triton
import triton.language as tl

# these differ from launch to launch: compiled once, whatever their value
VARIES = ("first_program", "diagonal", "days", "tile_days", "ring_tiles", "segment_tiles", "asked",
          "series_width")
TOGETHER = tl.constexpr({together})  # sub-steps printed in a row, a group of them
RING_WIDTH = tl.constexpr({ring_width})  # numbers of a cell and group in the ring


{tanh}


{functions}


@triton.jit
def add(place, amount, there):
    tl.store(place, tl.load(place, there, other=0.0) + amount, there)

'''

_FORWARD = """
@triton.jit(do_not_specialize=VARIES)
def forward(
    programs, inflows, instant, depth, place, served, static, series, runoff, periods, weights,
    states, transit, outflow, averages, fluxes, states_before, transit_before, kept, arrived, ring,
    first_program, diagonal, size, days, tile_days, ring_tiles, segment_tiles, asked, series_width,
    GROUPS: tl.constexpr,
    DAILY: tl.constexpr, AVERAGED: tl.constexpr, TRANSIT: tl.constexpr, STARTS: tl.constexpr,
    KEEP: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr,
):
    row = programs + 5 * (first_program + tl.program_id(0))
    tile = tl.cast(diagonal - tl.load(row), tl.int32)
    lane = tl.arange(0, BLOCK)
    lanes = tl.cast(tl.load(row + 1), tl.int32) + lane
    past = tl.cast(tl.load(row + 2), tl.int32)
    there = lanes < past
    cell = tl.cast(tl.minimum(lanes, past - 1), INDEX)
    degree = tl.cast(tl.load(row + 3), tl.int32)
    upstream = inflows + tl.load(row + 4) + lane
    cells, size = tl.cast(size, INDEX), tl.cast(size, tl.int64)

    at_once = tl.load(instant + cell) != 0
    share = tl.load(depth + cell) / (GROUPS * TOGETHER)
    {load_static}
    {derive}
    {load_states}
    arriving = tl.load(transit + cell)
    no_water = tl.zeros_like(arriving)
    if STARTS:
        if tile % segment_tiles == 0:
            segment = tl.cast(tile // segment_tiles, tl.int64) * size
            segment_states = states_before + {state_count} * segment
            {store_before}
            tl.store(transit_before + segment + cell, arriving, there)

    first = tile * tile_days
    last = tl.minimum(first + tile_days, days)
    at = tl.cast(first, INDEX) * cells + cell
    group_at = tl.cast(first * GROUPS, INDEX) * cells + cell
    ring_row = (size + 1) * RING_WIDTH
    slot = ring + (tile % ring_tiles) * tile_days * GROUPS * ring_row
    own = slot + tl.cast(cell, tl.int64) * RING_WIDTH
    if DAILY:
        column = tl.load(place + cell)
        shown = there & (column >= 0)
        shown_at = tl.cast(first, INDEX) * tl.cast(asked, INDEX) + tl.cast(column, INDEX)
    if KEEP:
        {kept_places}
    {series_places}
    if AVERAGED:
        held_mean = no_water
        this_period = tl.load(periods + first)
    for day in range(first, last):
        lateral_inflow = tl.load(runoff + at) * share
        left_today = no_water
        {bring}
        for group in range(GROUPS):
            {no_inflow}
            sources = upstream
            for edge in range(degree):
                above = tl.cast(tl.load(sources), tl.int64) * RING_WIDTH
                sources += BLOCK
                {gather}
            {arrive}
            if KEEP:
                {keep}
            {steps}
            {leave}
            slot += ring_row
            own += ring_row
            group_at += cells
            {next_states}
            {sum_up}
        at += cells
        if DAILY:
            tl.store(outflow + shown_at, left_today, shown)
            shown_at += tl.cast(asked, INDEX)
        {tell}
        if AVERAGED:
            weight, next_period = tl.load(weights + day), tl.load(periods + day + 1)
            held_mean += ({content}) * weight
            if TRANSIT:
                held_mean += arriving * weight
            # a period may go on in the next tile, and began in the one before
            if (next_period != this_period) | (day + 1 == last):
                mean = averages + tl.cast(this_period, tl.int64) * size
                add(mean + cell, held_mean, there)
                held_mean = no_water
                this_period = next_period

    {store_states}
    tl.store(transit + cell, arriving, there)
"""

_ADJOINT = """
@triton.jit(do_not_specialize=VARIES)
def adjoint(
    programs, downstream, instant, depth, place, served, static, series, runoff, periods, weights,
    kept, arrived, d_outflow, d_averages, d_fluxes, ahead, d_states, d_transit, d_static, d_series,
    d_runoff, ring, first_program, diagonal, size, days, tile_days, asked, series_width,
    GROUPS: tl.constexpr, AVERAGED: tl.constexpr,
    TRANSIT: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr,
):
    row = programs + 5 * (first_program + tl.program_id(0))
    tile = tl.cast(diagonal - tl.load(row), tl.int32)
    lanes = tl.cast(tl.load(row + 1), tl.int32) + tl.arange(0, BLOCK)
    past = tl.cast(tl.load(row + 2), tl.int32)
    there = lanes < past
    cell = tl.cast(tl.minimum(lanes, past - 1), INDEX)
    cells, size = tl.cast(size, INDEX), tl.cast(size, tl.int64)

    below_cell = tl.load(downstream + cell)
    drains = below_cell >= 0
    at_once = tl.load(instant + below_cell, drains, other=0) != 0
    share = tl.load(depth + cell) / (GROUPS * TOGETHER)
    column = tl.load(place + cell)
    shown = column >= 0
    {load_static}
    {derive}
    {load_d_states}
    # cotangent of the downstream inflow one sub-step later
    later = tl.load(ahead + cell)
    no_water = tl.zeros_like(later)
    {no_sums}

    # this loop, like the next, counts up and is read backwards
    first = tile * tile_days
    last = tl.minimum(first + tile_days, days)
    at = tl.cast(last, INDEX) * cells + cell
    group_at = tl.cast(last * GROUPS, INDEX) * cells + cell
    shown_at = tl.cast(last, INDEX) * tl.cast(asked, INDEX) + tl.cast(column, INDEX)
    ring_row = cells + 1
    behind = tl.cast(((tile % 2) * tile_days + last - first) * GROUPS, INDEX) * ring_row
    own_at = behind + cell
    below_at = behind + tl.where(drains, tl.cast(below_cell, INDEX), cells)
    {kept_places}
    {series_places}
    if AVERAGED:
        this_period = tl.full([], -1, tl.int32)
        d_mean, d_mean_below = no_water, no_water
        day = last
    for back in range(last - first):
        at -= cells
        shown_at -= tl.cast(asked, INDEX)
        {lateral}
        {bring}
        d_outflow_today = tl.load(d_outflow + shown_at, shown, other=0.0)
        d_left_today = no_water
        if AVERAGED:  # the content at the end of the day
            day -= 1
            weight, next_period = tl.load(weights + day), tl.load(periods + day)
            if next_period != this_period:
                this_period = next_period
                means = d_averages + tl.cast(this_period, tl.int64) * size
                d_mean = tl.load(means + cell)
                if TRANSIT:
                    d_mean_below = tl.load(means + below_cell, drains & (at_once == 0), other=0.0)
            d_held = d_mean * weight
            if TRANSIT:  # and what arrives below in the next sub-step
                later += d_mean_below * weight
            {add_held}
        for group_back in range(GROUPS):
            own_at -= ring_row
            below_at -= ring_row
            group_at -= cells
            own = ring + tl.cast(own_at, tl.int64) * RING_WIDTH
            below = ring + tl.cast(below_at, tl.int64) * RING_WIDTH
            {d_below}
            {recall}
            {steps}
            {store_d_inflow}
            {next_d_states}
            {sum_up}
        tl.store(d_runoff + at, d_left_today * share, there)
        {tell}

    {derive_adjoint}
    {store_d_static}
    {store_d_states}
    # each tile writes this row, the first in time last; the wrapper took the final one before
    tl.store(d_transit + cell, d_first_inflow, there)
    tl.store(ahead + cell, later, there)
"""


def forward(spec: ReachSpec) -> str:
    """Source of a module with the kernel `forward`."""
    steps, column, program = spec.steps, spec.column, spec.steps.step
    states, together = steps.states, range(spec.together)
    arriving = packs([f"now_{k}" for k in together], spec.real)
    inflow = ["inflow_0 = tl.where(at_once, arriving + sent_0, arriving)"]
    inflow += [f"inflow_{k} = tl.where(at_once, sent_{k}, sent_{k - 1})" for k in together[1:]]
    blocks = dict(
        load_static=_loads(steps.derive.used() | program.used(), steps.static, "static"),
        derive=_lines(spec, steps.derive),
        load_states=_loads(states, states, "states"),
        store_before=_stores(states, "segment_states"),
        kept_places=_kept_places(spec),
        no_inflow=[f"sent_{k} = no_water" for k in together],
        gather=[
            *(pack.load(pack.within("slot + above")) for pack in arriving),
            *(f"sent_{k} += now_{k}" for k in together),
        ],
        arrive=[*inflow, f"arriving = tl.where(at_once, 0.0, sent_{together[-1]})"],
        keep=[
            "kept_at = tl.cast(group_at, tl.int64)",
            *(pack.store(place, pack.names) for pack, place in _kept(spec)),
        ],
        series_places=_series_places(spec, "first"),
        bring=[
            *_of_day("series", column.series, column.series),
            *(f"told_{name} = no_water" for name in column.told),
        ],
        steps=_lines(spec, program),
        leave=_into_ring(spec, [program.outputs[name] for name in column.outflows]),
        next_states=_assign(states, [program.outputs[f"next_{name}"] for name in states]),
        sum_up=[
            _of_today("left_today", program.outputs[TOTAL]),
            *(_of_today(f"told_{name}", program.outputs[name]) for name in column.told),
        ],
        tell=[
            *(["if not KEEP:"] if column.told else []),
            *(f"    {line}" for line in _tell("fluxes", "told_", column.told)),
            *_next_day(spec),
        ],
        store_states=_stores(states, "states"),
    )
    numbers = dict(
        content=" + ".join(states) or "no_water",
        state_count=len(states),
    )
    return _module(spec, "Forward", filled(_FORWARD, blocks, **numbers))


def adjoint(spec: ReachSpec) -> str:
    """Source of a module with the kernel `adjoint`."""
    steps, column, program = spec.steps, spec.column, spec.step_adjoint_on_gpu
    states, used, summed = steps.states, program.used(), spec.summed
    back = steps.derive_adjoint if spec.learned else Program()
    d_states = [f"d_next_{name}" for name in states]
    results_back = {name: program.outputs[f"d_{name}"] for name in (*states, *column.inflows)}
    recall = [pack.load(place) for pack, place in _kept(spec) if used & set(pack.names)]
    lateral = f"d_{LATERAL}"
    blocks = dict(
        load_static=_loads(steps.derive.used() | used | back.used(), steps.static, "static"),
        derive=_lines(spec, steps.derive),
        load_d_states=_loads(d_states, d_states, "d_states"),
        no_sums=[*(f"d_{name} = no_water" for name in summed), "d_first_inflow = no_water"],
        kept_places=_kept_places(spec) if recall else [],
        lateral=["lateral_inflow = tl.load(runoff + at) * share"] * (LATERAL in used),
        series_places=_series_places(spec, "last"),
        bring=[
            *_next_day(spec, "-="),
            *_of_day("series", column.series, [n if n in used else None for n in column.series]),
            *_of_day("d_fluxes", column.told, [f"d_{name}" for name in column.told]),
            *(f"told_d_{name} = no_water" for name in column.series),
        ],
        tell=_tell("d_series", "told_d_", column.series),
        add_held=[f"{name} += d_held" for name in d_states] or ["pass"],
        d_below=_from_below(spec),
        recall=["kept_at = tl.cast(group_at, tl.int64)", *recall] if recall else [],
        steps=_lines(spec, program),
        store_d_inflow=[
            *_into_ring(spec, [results_back[name] for name in column.inflows]),
            f"d_first_inflow = {by_cell(results_back[column.inflows[0]])}",
        ],
        next_d_states=_assign(d_states, [results_back[name] for name in states]),
        sum_up=[
            _of_today("d_left_today", program.outputs[lateral]),
            *(_of_today(f"told_d_{name}", program.outputs[f"d_{name}"]) for name in column.series),
            *(f"d_{name} = {value(program.outputs[f'd_{name}'])}" for name in summed),
        ],
        derive_adjoint=[
            *(f"sum_d_{name} = d_{name}" for name in steps.static if name in summed),
            *(f"d_{name} = no_water" for name in steps.derived if name not in summed),
            *_lines(spec, back),
        ],
        store_d_static=[
            f"add({_row('d_static', number)} + cell, {' + '.join(parts)}, there)"
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


def _of_today(name: str, result) -> str:
    """Add what a group gives to that of the day, unless it is all of it."""
    return f"{name} = {by_cell(result)} if GROUPS == 1 else {name} + {by_cell(result)}"


def ring_width(spec: ReachSpec) -> int:
    """Numbers of a cell and group in the ring, so that those moved at once begin where they may."""
    return padded(spec.together)


def _into_ring(spec: ReachSpec, results) -> list[str]:
    """Each cell's own numbers of this group, into the ring."""
    return [
        pack.store(pack.within("own"), pack.chosen(results))
        for pack in packs(spec.column.outflows, spec.real)
    ]


def _from_below(spec: ReachSpec) -> list[str]:
    """Cotangents of what leaves: of the inflow downstream, at once or one sub-step later."""
    numbers = range(spec.together)
    below = packs([f"below_{k}" for k in numbers], spec.real)
    following = [*(f"below_{k}" for k in numbers[1:]), "later"]
    return [
        *(pack.load(pack.within("below")) for pack in below),
        *(
            f"d_outflow_{k} = tl.where(at_once, below_{k}, {one})"
            for k, one in zip(numbers, following, strict=True)
        ),
        "later = below_0",
        "d_total_outflow = d_outflow_today",
    ]


def _kept_places(spec: ReachSpec) -> list[str]:
    """Where the states kept of a segment begin, pack by pack."""
    return [
        "rows = GROUPS * days * size",
        *(
            f"kept_{pack.first} = {pack.within('kept', 'rows')}"
            for pack in packs(spec.steps.states, spec.real)
        ),
    ]


def _kept(spec: ReachSpec) -> list[tuple[Pack, str]]:
    """What is kept of a group, states and inflows, and where."""
    states, inflows = (packs(n, spec.real) for n in (spec.steps.states, spec.column.inflows))
    return [
        *(
            (pack, f"kept_{pack.first} + kept_at" + f" * {pack.width}" * (pack.width > 1))
            for pack in states
        ),
        *((pack, pack.within("arrived + kept_at * RING_WIDTH")) for pack in inflows),
    ]


def _series_places(spec: ReachSpec, day: str) -> list[str]:
    """Where the series and fluxes of this day are, if the reach has any."""
    if not (spec.column.series or spec.column.told):
        return []
    return [
        "series_column = tl.load(served + cell)",
        "given = there & (series_column >= 0)",
        "series_rows = tl.cast(days, INDEX) * tl.cast(series_width, INDEX)",
        f"series_at = tl.cast({day}, INDEX) * tl.cast(series_width, INDEX)",
        "series_at += tl.cast(series_column, INDEX)",
    ]


def _next_day(spec: ReachSpec, sign: str = "+=") -> list[str]:
    there = spec.column.series or spec.column.told
    return [f"series_at {sign} tl.cast(series_width, INDEX)"] if there else []


def _of_day(array: str, names: list[str], into: list) -> list[str]:
    """Those of the series of an array that are wanted `into` something, of this day."""
    return [
        f"{name} = tl.load({array} + ({k} * series_rows + series_at), given, other=0.0)"
        for k, name in zip(range(len(names)), into, strict=True)
        if name
    ]


def _tell(array: str, prefix: str, names: list[str]) -> list[str]:
    return [
        f"tl.store({array} + ({k} * series_rows + series_at), {prefix}{name}, given)"
        for k, name in enumerate(names)
    ]


def _row(array: str, k: int) -> str:
    """Where a row of values by cell begins."""
    return f"{array} + {k} * size" if k else array


def _loads(wanted: Iterable[str], names: list[str], array: str) -> list[str]:
    wanted = set(wanted)
    return [
        f"{name} = tl.load({_row(array, k)} + cell)"
        for k, name in enumerate(names)
        if name in wanted
    ]


def _stores(values: list[str], array: str) -> list[str]:
    return [
        f"tl.store({_row(array, k)} + cell, {text}, there)" for k, text in enumerate(values)
    ] or ["pass"]


def _assign(names: list[str], results) -> list[str]:
    """New values of all names at once: one may be made of another's old one."""
    if not names:
        return ["pass"]
    return [f"{', '.join(names)} = {', '.join(map(by_cell, results))}"]


def _lines(spec: ReachSpec, program: Program) -> list[str]:
    writer = Writer(spec.steps)
    writer.lines(program)
    return [text.strip() for text in writer.text] or ["pass"]


def _module(spec: ReachSpec, kind: str, body: str) -> str:
    header = _HEADER.format(
        kind=kind, name=spec.reach.name, together=spec.together, ring_width=ring_width(spec),
        tanh=TANH, functions=FUNCTIONS,
    )  # fmt: skip
    return f"{header}\n{body.strip()}\n"
