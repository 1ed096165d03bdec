"""A short sweep of lanes, warps, stages and reading ahead, kernel by kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from unittest import mock

import pandas as pd
import torch

from benchmarks.gpu.limits import spec_for
from benchmarks.gpu.place import Place
from benchmarks.machine import timed
from benchmarks.speed import routing
from gridhydro.kernels import column_triton, route_triton
from gridhydro.kernels.launch import ROUTE_BLOCK, ROUTE_OPTIONS, WARP, ColumnSettings

# cells of the columns and days; all multiples of 16, so that a kernel is compiled once for them
GRIDS = ((2000, 4384), (67_424, 368), (1_000_000, 96))
STAGES = 3  # of Triton's own pipeline, where nothing else is said
REPEATS = 3


@dataclass(frozen=True)
class Tried(ColumnSettings):
    """Settings with warps and stages of their own."""

    warps: int = 4
    stages: int = STAGES

    def options(self, all_registers: bool = False) -> dict:
        own = dict(num_warps=self.warps, num_stages=self.stages)
        return super().options(all_registers) | own


def tried(small: bool) -> list[Tried]:
    """What is tried, most likely first: a lane on each thread or two, days read ahead or not."""
    found = [Tried(n, ahead, n // WARP) for n in (128, 64, 32) for ahead in (False, True)]
    found += [Tried(128, False, 2), Tried(64, False, 1), Tried(128, False, 4, stages=1)]
    return found[3:5] if small else found


def run(place: Place) -> Iterator[dict]:
    """Seconds of each kernel alone by each setting, and those of the settings that are in use."""
    yield from sweep_columns(place, "hbv")
    yield from sweep_rivers(place)
    if not place.small:
        yield from sweep_columns(place, "hydropy")


def sweep_columns(place: Place, of: str) -> Iterator[dict]:
    grids = ((32, 2),) if place.small else GRIDS
    problems = [place.column(cells, 1, days, of=of) for cells, days in grids]
    for how in (None, *tried(place.small)):
        for problem in problems:
            leaves, device = list(problem.parameters.values()), problem.weather.device
            used = column_triton.settings(spec_for(problem), problem.cells, device)
            row = told(used, used.lanes // WARP) if how is None else told(how, how.warps)
            row["settings"] = "in use" if how is None else "tried"
            with launched(how):
                calls = passes(problem.runoff, leaves, problem.cotangent)
                for direction, call in calls.items():
                    about = dict(kernel=f"{of} {direction}", cells=problem.cells) | row
                    yield about | taken(place, call)


def sweep_rivers(place: Place) -> Iterator[dict]:
    network = routing.synthetic(4 if place.small else routing.CELLS)
    rivers = place.rivers(network, 2 if place.small else 365, 5, 1)
    leaves = [rivers.runoff, rivers.lag]
    tiles = (1,) if place.small else (4, 8, 16, 32)
    for block in (ROUTE_BLOCK,) if place.small else (ROUTE_BLOCK, 64, 256):
        for days in (None, *tiles):
            used = (block, days) == (ROUTE_BLOCK, None)
            row = told(ColumnSettings(block), block // WARP)
            row |= dict(settings="in use" if used else "tried", tile_days=days or "chosen")
            with routed(block):
                outflow = partial(rivers.outflow, tile_days=days)
                for direction, call in passes(outflow, leaves, rivers.cotangent).items():
                    about = dict(kernel=f"cascade of 5 {direction}", cells=network.size) | row
                    yield about | taken(place, call)


def told(how: ColumnSettings, warps: int) -> dict:
    """Settings as part of a row."""
    stages = getattr(how, "stages", STAGES)
    return dict(lanes=how.lanes, warps=warps, ahead=how.ahead, stages=stages)


def passes(run: Callable, leaves, cotangent) -> dict[str, Callable]:
    """The forward kernel, and the adjoint alone: of a run whose states are kept."""
    kept: list[torch.Tensor] = []

    def forward():
        with torch.no_grad():
            run()

    def adjoint():
        if not kept:  # in the first call, which is not timed
            kept.append(run())
        torch.autograd.grad(kept[0], leaves, cotangent, retain_graph=True)

    return {"forward": forward, "adjoint": adjoint}


@contextmanager
def launched(how: ColumnSettings | None) -> Iterator[None]:
    """Columns launched so; None: as they are."""
    if how is None:
        yield
    else:
        with mock.patch.object(column_triton, "settings", lambda *grid: how):
            yield


@contextmanager
def routed(block: int) -> Iterator[None]:
    """Rivers launched in programs of so many cells."""
    options = ROUTE_OPTIONS | dict(num_warps=block // WARP)
    with (
        mock.patch.object(route_triton, "ROUTE_BLOCK", block),
        mock.patch.object(route_triton, "ROUTE_OPTIONS", options),
    ):
        yield


def taken(place: Place, call: Callable) -> dict:
    """Seconds of the best of a few runs, or why there are none: more registers than there are."""
    try:
        call()
        repeats = 1 if place.small else REPEATS
        return dict(seconds=min(timed(call, place.device)[0] for _ in range(repeats)))
    except Exception as error:
        return dict(note=f"not measured: {type(error).__name__}: {error}"[:160])


def table(rows: list[dict]) -> str:
    """The best setting of each kernel and size of grid, to be put into kernels/launch.py."""
    measured = pd.DataFrame([row for row in rows if "seconds" in row])
    if measured.empty:
        return ""
    lines = ["# kernel, cells of the grid -> lanes, warps, ahead, stages, and days of a tile", "{"]
    for (kernel, cells), group in measured.groupby(["kernel", "cells"], sort=False):
        now = group.loc[group["settings"] == "in use", "seconds"].min()
        best = group.loc[group["seconds"].idxmin()]
        gain = f"# {now / best['seconds']:.2f} times as fast as now"
        if best["settings"] == "in use":
            lines.append(f'    ("{kernel}", {cells}): None,  # as it is')
            continue
        chosen = [int(best["lanes"]), int(best["warps"]), bool(best["ahead"]), int(best["stages"])]
        if kernel.startswith("cascade"):
            chosen.append(best["tile_days"])
        lines.append(f'    ("{kernel}", {cells}): {tuple(chosen)},  {gain}')
    return "\n".join([*lines, "}"])
