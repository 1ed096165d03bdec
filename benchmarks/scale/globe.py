"""The generated globe at 0.1 degrees: a year forward, forward and adjoint, and what they cost.

HBV with rivers, and HydroPy's column with its own, in blocks of days; forward and adjoint over
whole basins in groups of at most so many cells; then cost against cells and against days. Each row
is a process of its own: seconds of wall and of all threads' CPU by part (prepare: network, land and
model; weather: generated; model: column, rivers and loss), and the most memory it had. The network
is DDM30's from the data folder, and finer ones that follow it. The case h200 is an estimate: what
one H200 could do at best, by the instructions of the printed kernels and by what it can move.
"""

from __future__ import annotations

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import options
from benchmarks.machine import describe
from benchmarks.scale import estimate, figures, units
from benchmarks.scale.apart import apart
from benchmarks.scale.units import BLOCK, Work
from gridhydro.synthetic.amazon import DDM30

COLUMNS = ("hbv", "hydropy_ramp")
FINE, FINEST, COARSE = 0.1, 0.5 / 7, 0.5
UNIT = 50_000  # cells of a group of basins
HEAD = (
    "case", "column", "pass", "resolution", "cells", "days", "units", "model_s", "model_cpu",
    "weather_s", "weather_cpu", "prepare_s", "prepare_cpu", "peak_gb", "mcells_cpu", "others",
)  # fmt: skip
Row = tuple[str, Callable, Work, int]


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    parser.add_argument(
        "--cases",
        nargs="+",
        choices=[*CASES, "h200"],
        default=[*CASES, "h200"],
        help="which, all by default",
    )
    parser.add_argument("--threads", type=int, default=2, help="%(default)s by default")
    parser.add_argument("--quick", action="store_true", help="the coarse network and few days")
    out = options.RESULTS / "scale"
    parser.add_argument("--out", type=Path, default=out, help="folder for the results")


def _year(network: str, quick: bool) -> Iterator[Row]:
    resolution, days = (COARSE, 3) if quick else (FINE, 365)
    for column in COLUMNS:
        work = Work(network, resolution, column, days)
        yield "a year forward", units.forward, work, BLOCK
    for column in COLUMNS:
        work = Work(network, resolution, column, days)
        yield "a year, basins", units.learning, work, UNIT


def _cells(network: str, quick: bool) -> Iterator[Row]:
    sizes = (1000, 5000) if quick else (1000, 10_000, 100_000, 1_000_000, 2_000_000)
    for size in sizes:
        resolution = COARSE if quick else FINEST if size > 1_600_000 else FINE
        work = Work(network, resolution, "hbv", 3 if quick else 60, size)
        yield "cells", units.forward, work, BLOCK
        if size <= 100_000:
            yield "cells", units.learning, work, UNIT


def _days(network: str, quick: bool) -> Iterator[Row]:
    for days in (3, 6) if quick else (30, 90, 365, 1095, 3650):
        yield "days", units.forward, Work(network, COARSE, "hbv", days, 30_000), BLOCK
        if days <= 1095:
            yield "days", units.learning, Work(network, COARSE, "hbv", days, 30_000), UNIT


CASES = {"year": _year, "cells": _cells, "days": _days}


def main(given: Namespace) -> list[dict]:
    network = str(given.data / DDM30)
    given.out.mkdir(parents=True, exist_ok=True)
    told = given.command.replace(str(given.data), "FOLDER").replace(str(given.out), "OUT")
    header = {"command": told} | describe("cpu")
    header["threads"] = f"{given.threads} of torch and of numba in each row"
    kept: list[dict] = []
    for case in given.cases:
        head = estimate.HEAD if case == "h200" else HEAD
        with open(given.out / f"globe-{case}.csv", "w", newline="") as file:
            file.writelines(f"# {key}: {value}\n" for key, value in header.items())
            writer = csv.DictWriter(file, head, restval="", lineterminator="\n")
            writer.writeheader()
            for row in _rows(case, network, given):
                row = {key: f"{v:.4g}" if isinstance(v, float) else v for key, v in row.items()}
                kept.append(row)
                writer.writerow(row)
                file.flush()
                print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    figures.draw(given.out)
    return kept


def _rows(case: str, network: str, given: Namespace) -> Iterator[dict]:
    if case == "h200":
        world = Work(network, COARSE if given.quick else FINE, "hbv", 365).world()
        yield from estimate.rows(world.domain.network, 365)
        return
    for name, call, work, size in CASES[case](network, given.quick):
        yield _row(name, call, work, apart(call, work, size, threads=given.threads))


def _row(name: str, call: Callable, work: Work, found: dict) -> dict:
    known = {
        "case": name, "column": work.column, "days": work.days,
        "pass": "forward" if call is units.forward else "forward + adjoint",
        "resolution": work.resolution,
    }  # fmt: skip
    found |= {"mcells_cpu": found["cells"] * work.days / found["model_cpu"] / 1e6}
    return {**known, **{key: value for key, value in found.items() if key in HEAD}}
