"""The upper Moselle with HydroPy's column beside HBV: same cells, weather, network, gauge, days.

    python -m benchmarks moselle --data FOLDER --out RUNS --seeds 0 1
    python -m benchmarks moselle-page --data FOLDER --runs RUNS

Both are trained as domains/moselle.toml says, a network reading the same attributes. HydroPy knows
its land surface beside that (`land.py` beside this file says from where), learns its eight
parameters and the lag of the river, and fills its stores by running over the record again and
again: the year before the training is short for its groundwater. "equilibrium" starts near
equilibrium instead, with a gradient through the start; "deep" is the same as "hydropy" with roots
of 2 m instead of 1 m, a guess that matters; "constants" is HydroPy with its own values instead of
learned ones. Every job has a folder under RUNS; a finished one is not done again.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

import pandas as pd

import gridhydro as gh
from benchmarks import jobs, options
from benchmarks.studies.moselle import land
from gridhydro.config.build_model import build_model
from gridhydro.config.load import load
from gridhydro.io import export

DOMAIN = "moselle"
COLUMN = "hydropy_ramp"
CYCLES = 3  # runs over the record before each step
KINDS = ("hbv", "hydropy", "hydropy equilibrium", "hydropy deep", "constants")
SPINUPS = {"hbv": {}, "hydropy equilibrium": {"start": "equilibrium"}}  # others: cycles
ROOTS = {"hydropy deep": 2.0}  # m
BUDGET = ("runoff", "actual_evapotranspiration", "total_storage")


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    options.out(parser)
    options.seeds(parser, 0, 1)
    options.epochs(parser)


def main(given: Namespace) -> None:
    setup = load(DOMAIN, given.data)
    for seed in given.seeds:
        for kind in KINDS:
            job = given.out / folder(kind) / f"seed-{seed}"
            learns = kind != "constants"
            if (learns or seed == given.seeds[0]) and jobs.due(job):
                run_job(job, kind, setup, seed, given.epochs if learns else 0)


def folder(kind: str) -> str:
    return kind.replace(" ", "-")


def parts(kind: str, setup, seed: int):
    """Model and forcing of one kind."""
    if kind == "hbv":
        return build_model(setup, seed), setup.forcing
    surface = land.surface(setup.domain, setup.data, ROOTS.get(kind, 1.0))
    # water passes many cells of 4 km a day: no delay from cell to cell, and one reservoir in each
    more = dict(column=COLUMN, properties=surface.properties, routing=gh.River(learned="lag"))
    if kind != "constants":
        network = replace(setup.model.network, seed=seed)
        more |= dict(attributes=setup.attributes, network=network)
    else:
        whole = {"river_lag": surface.defaults["river_lag"] * surface.reservoirs}
        more |= dict(network="none", defaults=surface.defaults | whole)
    weather = setup.forcing.dataset(setup.domain)
    forcing = weather.assign(surface.forcing(setup.times).data_vars)
    return gh.Model(setup.domain, **more), forcing


def run_job(job: Path, kind: str, setup, seed: int, epochs: int | None) -> None:
    model, forcing = parts(kind, setup, seed)
    given = setup.training
    epochs = given.epochs if epochs is None else epochs
    began = time.monotonic()
    run = gh.train(
        model, forcing, setup.discharge, period=given.period, loss=given.loss, epochs=epochs,
        spinup=replace(given.spinup, **SPINUPS.get(kind, {"cycles": CYCLES})),
        optimizer=given.optimizer, checkpoints=gh.Checkpoints(job, resume=True),
        session=gh.Session(seed=seed),
    )  # fmt: skip
    seconds = time.monotonic() - began
    series = run.simulate(outputs=BUDGET)
    simulated = series["discharge"].transpose("time", "gauge").to_pandas()
    scores = [
        run.evaluate(setup.discharge, period, name=name)
        for name, period in (("training", given.period), ("validation", given.validation))
    ]
    pd.concat(scores).to_csv(job / "scores.csv", index=False)
    simulated.round(3).to_csv(job / "discharge.csv")
    weights = setup.domain.area / setup.domain.area.sum()
    means = {name: setup.domain.pack(series[name]) @ weights for name in BUDGET}
    means["precipitation"] = setup.forcing.by_field()["precipitation"].values @ weights
    pd.DataFrame(means, simulated.index).round(4).to_csv(job / "budget.csv")
    run.history.to_csv(job / "history.csv", index=False)
    export.write_dataset(job / "parameters.nc", run.parameters)
    jobs.finish(job, kind=kind, seed=seed, epochs=epochs, seconds=round(seconds))
