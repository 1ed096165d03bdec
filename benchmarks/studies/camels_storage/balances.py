"""Discharge and GRACE together: which balance of the two in the loss costs discharge least?

    python -m benchmarks camels-balances --data FOLDER --out RUNS --choose
    python -m benchmarks camels-balances --data FOLDER --out RUNS --trainings weights:0 weights:0.1
    python -m benchmarks camels-balances-page --runs RUNS

The trainings of `camels-storage` with four components and larger steps, by a balance of
`gridhydro.Balance` and a weight of storage each. With --choose the years of training alone are
used: the model is trained on 2003-2006 and scored on 2007-2008. Every job has a folder of its own
under RUNS; a finished one is not done again.
"""

from __future__ import annotations

import time
import warnings
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

import gridhydro as gh
from benchmarks import jobs, options
from benchmarks.studies.camels_storage.study import (
    PERIODS,
    SPINUP,
    of_grace,
    read,
    score,
    score_storage,
)
from gridhydro.config.build_model import build_model

CHOICE = {"training": ("2003", "2006"), "validation": ("2007", "2008")}
PHASES = {"choice": CHOICE, "test": PERIODS}
TRAININGS = (
    "weights:0", "weights:0.1", "weights:0.2", "weights:0.5", "start:0.5", "uncertainty:0.5",
    "gradients:0.1", "gradients:0.5", "guarded:0.2", "guarded:0.5",
)  # fmt: skip
COMPONENTS, EPOCHS, RATE = 4, 200, 0.03


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    options.out(parser)
    parser.add_argument(
        "--choose", action="store_true", help="train and score within the years of training"
    )
    parser.add_argument(
        "--trainings", nargs="+", default=TRAININGS, metavar="BALANCE:WEIGHT",
        help="what to balance by, and the weight of storage",
    )  # fmt: skip
    options.seeds(parser, 0)
    options.epochs(parser, EPOCHS)


def main(given: Namespace) -> None:
    warnings.filterwarnings("ignore", message="the attribute")
    phase = "choice" if given.choose else "test"
    periods = PHASES[phase]
    setup, storage = read(given.data, periods)
    for seed in given.seeds:
        for training in given.trainings:
            by, weight = training.split(":")
            job = given.out / phase / f"{by}-{float(weight):g}" / f"seed-{seed}"
            if jobs.due(job):
                began = time.monotonic()
                run = trained(job, setup, storage, periods, by, float(weight), seed, given.epochs)
                about = dict(seconds=round(time.monotonic() - began), epochs=given.epochs)
                keep(job, run, setup, storage, periods)
                jobs.finish(job, phase=phase, by=by, weight=float(weight), seed=seed, **about)


def trained(
    job: Path, setup, storage, periods, by: str, weight: float, seed: int, epochs: int
) -> gh.Run:
    model = replace(setup.model, components=gh.Components(COMPONENTS))
    return gh.train(
        build_model(replace(setup, model=model), seed), setup.forcing, setup.discharge,
        period=periods["training"],
        targets=gh.StorageTarget(storage, weight) if weight else (), spinup=SPINUP, epochs=epochs,
        optimizer=gh.Optimizer(learning_rate=RATE, balance=by), session=gh.Session(seed=seed),
        checkpoints=gh.Checkpoints(job, resume=True),
    )  # fmt: skip


def keep(job: Path, run: gh.Run, setup, storage, periods) -> None:
    """Write scores of discharge and of storage, of every basin and period, and the history."""
    gauges, series, _ = score(run, setup, storage, periods)
    gauges.to_csv(job / "scores-discharge.csv", index=False)
    stored = score_storage(series, of_grace(setup, storage), periods)
    stored.to_csv(job / "scores-storage.csv", index=False)
    run.history.to_csv(job / "history.csv", index=False)
