"""Instructions that a cell and day take in the printed GPU kernels of columns; no GPU is needed.

Kernels are compiled ahead of time and disassembled by what Triton brings along. A row of
gpu_loops.csv is a kernel: registers of a thread, bytes spilled, and instructions of its innermost
loop by kind. An adjoint that computes states again has two such loops, and a row for each.
"""

from __future__ import annotations

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from benchmarks import options
from benchmarks.machine import describe
from gridhydro.columns import column
from gridhydro.kernels import Spec
from gridhydro.kernels.launch import ColumnSettings

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
SHARES = ("float", "integer", "memory", "predicate", "move", "conversion", "control")
HEAD = ("column", "precision", "pass", "states", "way", "registers", "spilled", "instructions")


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--columns", nargs="+", choices=CASES, default=list(CASES), help="which, all by default"
    )
    parser.add_argument(
        "--precisions", nargs="+", choices=("float32", "float64"), default=["float32", "float64"],
        help="which, both by default",
    )  # fmt: skip
    parser.add_argument(
        "--capability", type=int, default=90, help="of the GPU: 80, 90 (%(default)s by default)"
    )
    parser.add_argument("--out", type=Path, default=options.RESULTS, help="folder for the results")


def rows(given: Namespace) -> Iterator[dict]:
    from gridhydro.kernels import column_triton

    for name in given.columns:
        for real in given.precisions:
            spec = Spec(column(name), (column(name).runoff,), real=real, **CASES[name])
            for direction, states, asked in PASSES:
                for way, how in WAYS.items():
                    if real == "float64" and way == "small grid":  # which then is no other kernel
                        continue
                    found = column_triton.usage(spec, direction, given.capability, **asked, **how)
                    if found.loops is None:
                        raise SystemExit("Triton came without cuobjdump: nothing can be counted")
                    spilled = found.spill_stores + found.spill_loads
                    for loop in found.loops:
                        values = (
                            name, real, direction, states, way, found.registers, spilled,
                            sum(loop.values()),
                        )  # fmt: skip
                        yield dict(zip(HEAD, values, strict=True)) | loop


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
