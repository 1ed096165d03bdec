"""River routing on the GPU: the printed kernels of a reach along diagonals of levels and tiles.

A cell needs only what its upstream cells left, and those are all on the level before. So launch d
takes every cell of level l through time tile d - l: nearly all cells work in every launch, and
there are levels + tiles launches rather than levels x sub-steps. `ring` holds two tiles of every
cell: in launch d a level writes one while the next level reads the other. The last sub-step of
the tile before is never read from the ring, where it is being overwritten: each cell keeps what
is in transit itself.

The adjoint takes the diagonals in the reverse order, downstream first, segment by segment of the
period: each segment runs forward once more from the states kept of its start, then back.
"""

from __future__ import annotations

import torch
import triton.language as tl

from gridhydro.kernels import build, emit_reach_triton
from gridhydro.kernels.launch import (
    ROUTE_BLOCK,
    ROUTE_OPTIONS,
    ROUTE_SEGMENT,
    offset_type,
    route_gpu_tile_days,
)
from gridhydro.kernels.periods import Periods
from gridhydro.kernels.route_tables import diagonals, on_device, programs_by_level


def forward(spec, network, options, runoff, static, states, transit, series):
    """As `route_numba.forward`; what the adjoint starts from are the states (segments, S, N) and
    transit (segments, N) before each segment of tiles, `options.every` days."""
    days, size = runoff.shape
    tiles = _Tiles(network, options, runoff)
    outflow, states = runoff.new_empty(days, options.asked), states.clone()
    transit = transit.clone()
    averages = runoff.new_zeros(options.periods.count, size)
    fluxes = runoff.new_empty(len(spec.column.told), days, series.shape[2])
    segments = -(-days // options.every) if options.every else 0
    before = states.new_empty(segments, *states.shape), transit.new_empty(segments, size)
    none = runoff.new_empty(0)
    ring = tiles.ring(spec, 2)
    _forward(
        spec, options, tiles, runoff, static, series, options.periods, states, transit, outflow,
        averages, fluxes, *before, none, none, ring, ring_tiles=2,
    )  # fmt: skip
    return outflow, states, transit, averages, fluxes, *before, runoff.new_empty(0, 0)


def adjoint(
    spec, network, options, runoff, static, states_before, transit_before, series, _, d_outflow,
    d_states, d_transit, d_averages, d_fluxes,
):  # fmt: skip
    """As `route_numba.adjoint`, on tensors."""
    days, size = runoff.shape
    tiles = _Tiles(network, options, runoff)
    length = options.every if spec.again else days
    d_runoff, d_static = torch.empty_like(runoff), torch.zeros_like(static)
    d_series = torch.zeros_like(series)
    downstream = tiles.tables[2].long()
    ahead = torch.where(downstream >= 0, d_transit[downstream], 0)
    d_states, d_transit = d_states.clone(), d_transit.clone()
    ring = tiles.ring(spec, 2)
    kept = arrived = runoff.new_empty(0)
    for index, first in reversed(list(enumerate(range(0, days, length)))):
        part = slice(first, min(first + length, days))
        within, given = runoff[part].contiguous(), series[:, part].contiguous()
        d_given = torch.zeros_like(given)
        row, weight = options.periods.row[part.start : part.stop + 1], options.periods.weight[part]
        if spec.again:
            groups = len(within) * options.substeps // spec.together
            kept = runoff.new_empty(groups * d_states.numel())
            arrived = runoff.new_empty(groups, size, emit_reach_triton.ring_width(spec))
            count = -(-len(within) // tiles.days)
            none = runoff.new_empty(0)
            _forward(
                spec, options, tiles, within, static, given, Periods(row, weight, 0),
                states_before[index].clone(), transit_before[index].clone(), none, none, none, none,
                none, kept, arrived, tiles.ring(spec, count), ring_tiles=count,
            )  # fmt: skip
        _adjoint(
            spec, options, tiles, static, given, within, row, weight, kept, arrived,
            d_outflow[part], d_averages, d_fluxes[:, part].contiguous(), ahead, d_states, d_transit,
            d_static, d_given, d_runoff[part], ring,
        )  # fmt: skip
        d_series[:, part] = d_given
    return d_runoff, d_static, d_states, d_transit, d_series


def stretches(spec, network, substeps, days, tile_days) -> tuple[int, int]:
    """Days of a tile, those asked for or (0) the quickest; days of a segment, whole tiles, of about
    as much memory as ROUTE_SEGMENT allows."""
    size = network.downstream.size
    levels = len(programs_by_level(network, ROUTE_BLOCK)[1]) - 1
    chosen = tile_days or route_gpu_tile_days(days, levels, substeps)
    tile = max(1, min(chosen, days))
    a_group = len(spec.steps.states) + 2 * emit_reach_triton.ring_width(spec)
    a_day = a_group * substeps // spec.together * size
    itemsize = getattr(torch, spec.real).itemsize
    return tile, max(1, ROUTE_SEGMENT // (a_day * itemsize) // tile) * tile


def handed_shape(network, options, days) -> tuple[int, int]:
    """Nothing is handed over: there are no bundles."""
    return 0, 0


def kernel(spec, direction: str):
    """The printed kernel of a spec, "forward" or "adjoint"."""
    return build.kernel(emit_reach_triton, "triton", spec, direction)


def index_type(*numbers: int):
    """The type of offsets within arrays of these numbers of values: 32 bits if that is enough."""
    return getattr(tl, offset_type(max(numbers)))


_INTEGERS = {
    "programs": "*i64", "inflows": "*i32", "downstream": "*i32", "instant": "*i1",
    "periods": "*i32", "place": "*i32", "served": "*i32", "series_width": "i32",
    **dict.fromkeys(
        ("first_program", "diagonal", "size", "days", "tile_days", "ring_tiles", "asked"), "i32"
    ),
    "segment_tiles": "i32",
}  # fmt: skip
_CHOICES = ("DAILY", "AVERAGED", "TRANSIT", "STARTS", "KEEP")


def usage(
    spec, direction: str, capability: int, groups: int = 1, choices=_CHOICES, index: str = "uint32"
):
    """Registers, spills and loops of a printed kernel compiled for a compute capability such as 90.

    groups   of sub-steps a day; choices  of what there is to choose, all that it does
    """
    from gridhydro.kernels.ahead import compile_for

    function, pointer = kernel(spec, direction), f"*fp{spec.real.removeprefix('float')}"
    signature = {name: _INTEGERS.get(name, pointer) for name in function.arg_names}
    chosen = {name: name in choices for name in _CHOICES if name in function.arg_names}
    constants = dict(GROUPS=groups, INDEX=getattr(tl, index), BLOCK=ROUTE_BLOCK) | chosen
    return compile_for(function, signature, constants, capability, ROUTE_OPTIONS)


class _Tiles:
    """Tiles of a period, the tables of the network, and the launches."""

    def __init__(self, network, options, runoff):
        self.like, self.size = runoff, runoff.shape[1]
        _, self.level_programs = programs_by_level(network, ROUTE_BLOCK)
        self.tables = on_device(network, runoff.device, ROUTE_BLOCK)
        self.days, self.substeps = options.tile_days, options.substeps

    def launches(self, days: int):
        return diagonals(self.level_programs, days, self.days)

    def ring(self, spec, tiles: int) -> torch.Tensor:
        """Room for what leaves each cell in so many tiles; of the cell past the last, nothing."""
        rows = tiles * self.days * self.substeps // spec.together
        ring = self.like.new_empty(rows, self.size + 1, emit_reach_triton.ring_width(spec))
        ring[:, -1] = 0
        return ring

    def choices(self, spec, options, days: int, ring, series) -> dict:
        """What both kernels are compiled for."""
        told = max(len(series), len(spec.column.told)) * days * series.shape[2]
        groups = self.substeps // spec.together
        index = index_type(
            days * groups * self.size,
            days * options.asked,
            len(ring) * (self.size + 1),
            *([told] if told else []),
        )
        return dict(GROUPS=groups, TRANSIT=options.transit, INDEX=index, BLOCK=ROUTE_BLOCK)


def _forward(
    spec, options, tiles, runoff, static, series, periods, states, transit, outflow, averages,
    fluxes, states_before, transit_before, kept, arrived, ring, ring_tiles,
):  # fmt: skip
    function, days = kernel(spec, "forward"), len(runoff)
    programs, inflows, _ = tiles.tables
    segment_tiles = max(1, options.every // tiles.days)
    choices = tiles.choices(spec, options, days, ring, series) | dict(
        DAILY=outflow.numel() > 0, AVERAGED=periods.count > 0, STARTS=states_before.numel() > 0,
        KEEP=arrived.numel() > 0,
    )  # fmt: skip
    with torch.cuda.device_of(runoff):
        for diagonal, first, count in tiles.launches(days):
            function[(count,)](
                programs, inflows, options.instant, options.depth, options.place, options.served,
                static, series, runoff, periods.row, periods.weight, states, transit, outflow,
                averages, fluxes, states_before, transit_before, kept, arrived, ring, first,
                diagonal, tiles.size, days, tiles.days, ring_tiles, segment_tiles, options.asked,
                series.shape[2], **choices, **ROUTE_OPTIONS,
            )  # fmt: skip


def _adjoint(
    spec, options, tiles, static, series, runoff, row, weight, kept, arrived, d_outflow,
    d_averages, d_fluxes, ahead, d_states, d_transit, d_static, d_series, d_runoff, ring,
):  # fmt: skip
    function, days = kernel(spec, "adjoint"), len(runoff)
    programs, _, downstream = tiles.tables
    choices = tiles.choices(spec, options, days, ring, series)
    choices["AVERAGED"] = len(d_averages) > 0
    with torch.cuda.device_of(runoff):
        for diagonal, first, count in reversed(tiles.launches(days)):
            function[(count,)](
                programs, downstream, options.instant, options.depth, options.place, options.served,
                static, series, runoff, row, weight, kept, arrived, d_outflow, d_averages, d_fluxes,
                ahead, d_states, d_transit, d_static, d_series, d_runoff, ring, first, diagonal,
                tiles.size, days, tiles.days, options.asked, series.shape[2], **choices,
                **ROUTE_OPTIONS,
            )  # fmt: skip
