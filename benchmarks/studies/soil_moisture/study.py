"""Soil moisture of a generated world: parameters learned together, or calibrated cell by cell.

    python -m benchmarks soil-moisture --out RUNS --seeds 0 1 2
    python -m benchmarks soil-moisture-page --runs RUNS

HBV is fitted to soil wetness as a satellite might see it, of HydroPy's making, with one cell in
each patch of 16, 8 or 4 rows and columns: by a network of attributes (gA), by one that also reads
forcing and observations of the training years (gz), and by the shuffled complex evolution of each
cell alone (sceua). Every job (method, density, seed) has a folder of its own under RUNS; a finished
one is not done again.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace

from benchmarks import options
from benchmarks.studies.soil_moisture.fit import METHODS, RUNS, Job, Study
from benchmarks.studies.soil_moisture.world import DENSITIES, SHAPE, make_world


def arguments(parser: ArgumentParser) -> None:
    options.out(parser)
    parser.add_argument(
        "--densities", nargs="+", choices=DENSITIES, default=list(DENSITIES),
        help="one cell in each patch of so many rows and columns",
    )  # fmt: skip
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=list(METHODS), help="see above"
    )
    options.seeds(parser, 0)
    parser.add_argument("--world", type=int, default=0, help="seed of the world")
    parser.add_argument("--shape", type=int, nargs=2, default=SHAPE, help="rows and columns")
    options.epochs(parser)
    parser.add_argument("--runs", type=int, default=RUNS, help="most runs of a cell by sceua")


def main(given: Namespace) -> None:
    began = time.monotonic()
    densest = min(given.densities, key=DENSITIES.get)
    study = Study.of(make_world(given.world, tuple(given.shape)), densest)
    for seed in given.seeds:
        for density in given.densities:
            for method in given.methods:
                if method != "default" or seed == given.seeds[0]:
                    study.run(Job(method, density, seed), given.out, given.epochs, given.runs)
    print(f"{time.monotonic() - began:.0f} s in all")
