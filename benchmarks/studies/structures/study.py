"""Columns compared on a sample of basins: each trained once, with everything else alike.

    python -m benchmarks structures --data FOLDER --out RUNS --columns hbv gr4j
    python -m benchmarks structures-page --data FOLDER --runs RUNS

Parameters come from attributes by the domain file's network, components, loss and minibatches are
its own; runoff goes through the domain file's unit hydrograph where the column has none within.
Every column has a folder of its own under RUNS; a finished one is not done again.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

import torch

import gridhydro as gh
from benchmarks import jobs, options
from benchmarks.studies.camels.study import PERIODS
from gridhydro.columns.column import Column
from gridhydro.config.build_model import build_model
from gridhydro.config.load import Setup, load
from gridhydro.config.raster import HEIGHT
from gridhydro.io import export

# columns that delay their own runoff
ROUTED = ("gr4j", "gr6j")
# and those that are for the implicit scheme: by days the gradient grows without bounds
IMPLICIT = ("hbv_improved",)


def comparable() -> list[str]:
    """Columns of days that know no more of a basin than its elevation, and have no network."""
    known = {HEIGHT}
    return [
        name for name, kind in gh.COLUMNS.items()
        if {field.name for field in kind.properties} <= known and not kind.networks
        and name not in IMPLICIT
    ]  # fmt: skip


def setup_of(base: Setup, name: str, seed: int, epochs: int | None) -> Setup:
    """The domain file's setup with another column, all of whose parameters are learned."""
    changes: dict = {"column": name, "fixed": {}}
    if name in ROUTED:
        changes["routing"] = None
    training = replace(base.training, seed=seed, epochs=epochs or base.training.epochs)
    return replace(base, model=replace(base.model, **changes), training=training)


def run(folder: Path, setup: Setup, column: type[Column]) -> None:
    """Train one column, score it, and keep its discharge."""
    if not jobs.due(folder):
        return
    settings = setup.training
    torch.manual_seed(settings.seed)
    began = time.monotonic()
    trained = gh.train(
        build_model(setup, settings.seed), setup.forcing, setup.discharge,
        period=settings.period, epochs=settings.epochs, loss=settings.loss,
        optimizer=settings.optimizer, batches=settings.batches,
        checkpoints=gh.Checkpoints(folder, resume=True), session=gh.Session(seed=settings.seed),
    )  # fmt: skip
    seconds = time.monotonic() - began
    trained.save_model(folder)
    series = trained.simulate(outputs=())
    for name, period in PERIODS.items():
        scores = trained.evaluate(setup.discharge, period, name=name)
        scores.to_csv(folder / f"scores-{name}.csv", index=False)
    test = series.sel(time=slice(*PERIODS["test"]))
    export.write_dataset(folder / "discharge.nc", test[["discharge"]])
    jobs.finish(
        folder, seconds=round(seconds), epochs=settings.epochs,
        stores=len(column.states), parameters=len(column.parameters),
        loss=trained.history["loss"].round(4).tolist(),
    )  # fmt: skip


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    options.out(parser)
    parser.add_argument("--domain", default="camels_us_400", help="a domain file of basins")
    every = comparable()
    parser.add_argument(
        "--columns", nargs="+", choices=every, default=every, metavar="NAME",
        help=f"all by default: {', '.join(every)}",
    )  # fmt: skip
    options.seeds(parser, 0)
    options.epochs(parser)


def main(given: Namespace) -> None:
    base = load(given.domain, given.data)
    base = replace(base, forcing=base.forcing.load(), discharge=base.discharge.load())
    for seed in given.seeds:
        for name in given.columns:
            setup = setup_of(base, name, seed, given.epochs)
            run(given.out / name / f"seed-{seed}", setup, gh.COLUMNS[name])
