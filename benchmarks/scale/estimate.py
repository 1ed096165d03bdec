"""What one H200 would take for the year at 0.1 degrees: an estimate of limits, nothing is measured.

The instructions of a cell and day are counted in kernels compiled for sm_90 (as `gpu-loops` counts
them), the bytes are those that have to move; what they are divided by is what the data sheet has
the device do at best.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.gpu import limits
from benchmarks.speed import columns, routing
from gridhydro.columns import column
from gridhydro.domain.network import Network
from gridhydro.kernels.launch import route_gpu_tile_days

# of an H200 SXM by its data sheet: multiprocessors, threads that begin an instruction in a cycle,
# cycles a second; bytes a second of its memory, and of its link to the host in one direction
PROCESSORS, CYCLES, MEMORY, LINK = 132, 1.98e9, 4.8e12, 64e9
LAUNCH = 5e-6  # s, from one launch to the next, as is usual; a CUDA graph takes less
REACHES = {"hbv": (1, 0), "hydropy_ramp": (5, 1)}  # reservoirs and delay
NUMBER = 4  # bytes
HEAD = (
    "column", "pass", "cells", "days", "instructions", "river_instructions", "bytes",
    "instruction_s", "memory_s", "launch_s", "link_s", "at_least_s", "gigabytes",
)  # fmt: skip


def rows(network: Network, days: int) -> Iterator[dict]:
    """A row a column and pass, seconds for all cells and days."""
    steps = network.size * days
    levels = len(network.level_start) - 1
    tile = route_gpu_tile_days(days, levels, routing.SUBSTEPS)
    for name, (reservoirs, delay) in REACHES.items():
        problem = columns.Problem(1, 1, 1, of=name)
        known = routing.Problem(network, days, reservoirs, delay)
        counts = limits.of_columns(problem, 1, 90), limits.of_rivers(known, 90)
        for number, kind in enumerate(("forward", "forward + adjoint")):
            own, river = (count[number] for count in counts)
            moved, kept = _bytes(name, adjoint=bool(number))
            passes = 1 + 2 * number  # the adjoint of rivers runs forward once more
            found = {
                "instruction_s": steps * (own + river) / (PROCESSORS * limits.THREADS * CYCLES),
                "memory_s": steps * moved / MEMORY,
                "launch_s": LAUNCH * passes * (levels - (-days // tile)),
                "link_s": steps * NUMBER * len(column(name).forcings) / LINK,
            }
            # instructions and bytes are at best done side by side
            least = max(found["instruction_s"], found["memory_s"]) + found["launch_s"]
            yield {
                "column": name, "pass": kind, "cells": network.size, "days": days,
                "instructions": own, "river_instructions": river, "bytes": moved, **found,
                "at_least_s": least, "gigabytes": steps * kept / 1e9,
            }  # fmt: skip


def _bytes(name: str, adjoint: bool) -> tuple[int, int]:
    """Bytes of a cell and day that move through the device's memory, and that lie there.

    Forcing is read and runoff written; rivers read it, and write and read what leaves each cell in
    each sub-step. The adjoint writes and reads the states of each day, reads the forcing again,
    and takes the rivers forward once more and back with the gradient to the runoff.
    """
    of = column(name)
    forcing, states = len(of.forcings), len(of.states)
    river = 1 + 2 * routing.SUBSTEPS
    moved, kept = forcing + 1 + river, forcing + 1
    if adjoint:
        moved += 2 * states + forcing + 2 * river + 2
        kept += states + 1
    return NUMBER * moved, NUMBER * kept
