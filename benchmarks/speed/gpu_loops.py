"""Instructions that a cell and day take in the printed GPU kernels; no GPU is needed.

Kernels are compiled ahead of time and disassembled by what Triton brings along. A row of
gpu_loops.csv is a kernel: registers of a thread, bytes spilled, and instructions of its innermost
loop by kind. A column's adjoint that computes states again has two such loops, and a row for each.
So has a river's forward kernel: a day, with what takes up to three inflows, and four more inflows.
"""

from __future__ import annotations

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import options
from benchmarks.machine import describe
from gridhydro.columns import column
from gridhydro.kernels import Spec
from gridhydro.kernels.launch import ColumnSettings
from gridhydro.kernels.reach_spec import reach_spec
from gridhydro.reaches.linear_cascade import LinearCascade

# as plain as can be, and HydroPy as it is trained on storage and with corrected forcing
CASES = {
    "hbv": {},
    "hydropy_ramp": {},
    "hydropy": dict(averaged=("total_storage",), forcing_gradient=True),
}
# pass, what it does with states, and how `column_triton.usage` is asked for it
PASSES = (
    ("forward", "stores none", dict(every=0)),
    ("forward", "stores every day", dict(every=1)),
    ("adjoint", "reads every day", dict()),
    ("adjoint", "makes them again", dict(recompute=True)),
)
WAYS = {
    "large grid": dict(),
    "small grid": dict(how=ColumnSettings(32, ahead=True)),
    "64-bit offsets": dict(index="int64"),
}
# the same of rivers, a cascade of five reservoirs and four sub-steps, by `route_triton.usage`
RIVER = "linear_cascade"
RIVER_PASSES = (
    ("forward", "stores none", ("DAILY",)),
    ("forward", "stores every day", ("KEEP",)),
    ("forward", "stores, averages and all", None),
    ("adjoint", "reads every day", ()),
    ("adjoint", "reads every day, averages", None),
)
RIVER_WAYS = {"large grid": dict(), "64-bit offsets": dict(index="int64")}
SHARES = ("float", "integer", "memory", "predicate", "move", "conversion", "control")
HEAD = (
    "column", "precision", "pass", "states", "way", "loop", "registers", "spilled", "instructions"
)  # fmt: skip


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--columns", nargs="+", choices=[*CASES, RIVER], default=[*CASES, RIVER],
        help="which, and the river; all by default",
    )  # fmt: skip
    parser.add_argument(
        "--precisions", nargs="+", choices=("float32", "float64"), default=["float32", "float64"],
        help="which, both by default",
    )  # fmt: skip
    parser.add_argument(
        "--capability", type=int, default=90, help="of the GPU: 80, 90 (%(default)s by default)"
    )
    parser.add_argument("--out", type=Path, default=options.RESULTS, help="folder for the results")


def rows(given: Namespace) -> Iterator[dict]:
    for name in given.columns:
        for real in given.precisions:
            counted = _river(real, given) if name == RIVER else _column(name, real, given)
            for direction, states, way, found in counted:
                if found.loops is None:
                    raise SystemExit("Triton came without cuobjdump: nothing can be counted")
                spilled = found.spill_stores + found.spill_loads
                inner = "four inflows" if found.around else "day"
                loops = [("day", loop) for loop in found.around or ()]
                for kind, loop in loops + [(inner, loop) for loop in found.loops]:
                    values = (
                        name, real, direction, states, way, kind, found.registers, spilled,
                        sum(loop.values()),
                    )  # fmt: skip
                    yield dict(zip(HEAD, values, strict=True)) | loop


def _column(name: str, real: str, given: Namespace) -> Iterator[tuple]:
    """Pass, what it does with states, the way of launching, and what was counted."""
    from gridhydro.kernels import column_triton

    spec = Spec(column(name), (column(name).runoff,), real=real, **CASES[name])
    for direction, states, asked in PASSES:
        for way, how in WAYS.items():
            if real == "float64" and way == "small grid":  # which then is no other kernel
                continue
            usage = column_triton.usage(spec, direction, given.capability, **asked, **how)
            # days run by in a loop, and in another around it where they are made again
            yield direction, states, way, replace(usage, around=())


def _river(real: str, given: Namespace) -> Iterator[tuple]:
    """The same of rivers."""
    from gridhydro.kernels import route_triton

    spec = reach_spec(LinearCascade(5), 4, real)
    for direction, states, choices in RIVER_PASSES:
        asked = {} if choices is None else dict(choices=choices)
        for way, how in RIVER_WAYS.items():
            usage = route_triton.usage(spec, direction, given.capability, **asked, **how)
            yield direction, states, way, usage


def main(given: Namespace) -> list[dict]:
    header = {"command": given.command, "target": f"sm_{given.capability}"} | describe("cpu")
    kept, columns = [], (*HEAD, *SHARES)
    given.out.mkdir(parents=True, exist_ok=True)
    with open(given.out / "gpu_loops.csv", "w", newline="") as file:
        for key, value in header.items():
            file.write(f"# {key}: {value}\n")
        writer = csv.DictWriter(file, columns, restval=0, lineterminator="\n")
        writer.writeheader()
        for row in rows(given):
            kept.append(row)
            writer.writerow(row)
            print(", ".join(f"{row.get(name, 0)}" for name in HEAD), flush=True)
    return kept
