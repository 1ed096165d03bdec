"""Ungauged basins against the fraction of basins that a network was trained on.

    python -m benchmarks pub-scaling --data FOLDER --out RUNS --folds 0 1 2 3 4
    python -m benchmarks pub-scaling-page --data FOLDER --runs RUNS

HBV on 400 basins of CAMELS-US, a tenth of them held out by each fold, trained on 2 to 90 % of all.
Every job (variant, fraction, fold, draw of the basins) has a folder of its own under RUNS; a
finished one is not done again. With --choose the held-out basins are a tenth of those that a fold
trains on: choices are made there.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from benchmarks import options
from benchmarks.studies.pub_scaling.job import FOLDS, FRACTIONS, STEPS, draws
from benchmarks.studies.pub_scaling.nearest import NEAREST, calibrated, run_nearest
from benchmarks.studies.pub_scaling.training import VARIANTS, read, run_job


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    options.out(parser)
    every = [*VARIANTS, NEAREST]
    parser.add_argument(
        "--variants", nargs="+", choices=every, default=every, metavar="VARIANT",
        help=f"all by default: {', '.join(every)}",
    )  # fmt: skip
    parser.add_argument(
        "--fractions", type=float, nargs="+", choices=FRACTIONS, default=list(FRACTIONS),
        metavar="PERCENT", help=f"of all basins to train on: {', '.join(map(str, FRACTIONS))}",
    )  # fmt: skip
    parser.add_argument(
        "--folds", type=int, nargs="+", default=range(5), choices=range(FOLDS), metavar="FOLD",
        help=f"of {FOLDS}, the first five by default",
    )  # fmt: skip
    parser.add_argument("--choose", action="store_true", help="hold out basins trained on instead")
    parser.add_argument("--steps", type=int, nargs="+", default=[STEPS], help="of the optimizer")


def main(given: Namespace) -> None:
    if len(given.steps) > 1 and not given.choose:
        raise SystemExit("--steps: several numbers of steps are for --choose")
    setup = read(given.data)
    trained = [v for v in given.variants if v != NEAREST]
    if given.choose:
        for fold in given.folds:
            for job in draws(trained, fold, given.fractions, True, given.steps):
                run_job(job, setup, given.out)
        return
    donors = calibrated(setup, given.out) if NEAREST in given.variants else None
    for fold in given.folds:  # there is a whole curve after each
        for job in draws(trained, fold, given.fractions, steps=given.steps):
            run_job(job, setup, given.out)
        for job in draws([NEAREST], fold, given.fractions) if donors else ():
            run_nearest(job, setup, donors, given.out)
