"""Discharge and GRACE together on a sample of basins: what does training on storage change?

    python -m benchmarks camels-storage --data FOLDER --out RUNS --weights 0 0.5 1 --seeds 0 1
    python -m benchmarks camels-storage-page --data FOLDER --runs RUNS

The same model is trained with the weight w of storage in the loss (1 - w) x (1 - NSE of discharge)
+ w x (1 - NSE of storage anomalies), each a mean over the basins. Basins are domains of one cell;
what GRACE sees at their gauges is 300 km wide. Every job (weight, seed) has a folder of its own
under RUNS; a finished one is not done again.
"""

from __future__ import annotations

import time
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

import gridhydro as gh
from benchmarks import jobs, options
from benchmarks.studies.storage import middles
from gridhydro.config.build_model import build_model
from gridhydro.config.load import load
from gridhydro.evaluation import metrics
from gridhydro.io import read_grace

DOMAIN = "camels_us_400"
PERIODS = {"training": ("2003", "2008"), "test": ("2009", "2014")}
FIRST = "2001"  # of the weather: two years fill the stores
SPINUP = 730
EPOCHS, RATE = 200, 0.01
MEANS = ("actual_evapotranspiration", "runoff", "routed_baseflow")


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    options.out(parser)
    weights = [0.0, 0.5, 1.0]
    parser.add_argument("--weights", type=float, nargs="+", default=weights, help="of storage")
    options.seeds(parser, 0)
    options.epochs(parser, EPOCHS)


def main(given: Namespace) -> None:
    warnings.filterwarnings("ignore", message="the attribute")
    setup, storage = read(given.data)
    for seed in given.seeds:
        for weight in given.weights:
            job = folder(given.out, weight, seed)
            if jobs.due(job):
                run_job(job, setup, storage, weight, seed, given.epochs)


def folder(out: Path, weight: float, seed: int) -> Path:
    return out / f"weight-{weight:g}" / f"seed-{seed}"


def read(data: Path, periods: Mapping[str, tuple[str, str]] = PERIODS):
    """The setup of the domain file, its series cut to the days of use, and the storage."""
    setup = load(DOMAIN, data)
    days = dict(time=slice(FIRST, list(periods.values())[-1][1]))
    series = {n: getattr(setup, n).sel(days).load() for n in ("forcing", "discharge")}
    setup = replace(setup, **series)
    # the series at the gauges do not say which days their solutions are of, this file does
    solutions = read_grace(data / "grace")
    twsa = read_grace(data / DOMAIN / "grace_twsa.nc", windows=solutions)
    tiles = gh.Tiles.of_basins(setup.domain)
    # anomalies refer to the years of training: the test period is kept out of their mean
    return setup, gh.StorageObservations.on(tiles, setup.domain, twsa, periods["training"])


def run_job(job: Path, setup, storage, weight: float, seed: int, epochs: int) -> None:
    began = time.monotonic()
    run = gh.train(
        build_model(setup, seed), setup.forcing, setup.discharge, period=PERIODS["training"],
        targets=gh.StorageTarget(storage, weight) if weight else (), spinup=SPINUP, epochs=epochs,
        optimizer=gh.Optimizer(learning_rate=RATE), session=gh.Session(seed=seed),
        checkpoints=gh.Checkpoints(job, resume=True),
    )  # fmt: skip
    seconds = time.monotonic() - began
    gauges, series, means = score(run, setup, storage)
    gauges.to_csv(job / "scores-discharge.csv", index=False)
    series.round(2).to_csv(job / "storage.csv")
    means.round(5).to_csv(job / "means.csv")
    run.history.to_csv(job / "history.csv", index=False)
    jobs.finish(
        job, weight=weight, seed=seed, epochs=epochs, learning_rate=RATE, spinup=SPINUP,
        seconds=round(seconds),
    )  # fmt: skip


def score(run, setup, storage, periods: Mapping[str, tuple[str, str]] = PERIODS):
    """Scores of discharge in all periods, anomalies of storage (solutions x basins, mm), and for
    each basin its mean flows of the last period (mm d-1) and its parameters."""
    windows = storage.windows(run.forcing.times)
    names = list(setup.domain.gauges.index)
    simulation = run.simulation(MEANS, windows.averages)
    index = pd.DatetimeIndex(run.forcing.times, name="time")
    gauges = pd.concat(
        run.evaluate(setup.discharge, period, name=name) for name, period in periods.items()
    )
    found = storage.anomalies(simulation.storage.double(), windows).numpy()
    series = pd.DataFrame(found, middles(storage).rename("time"), names)
    days = slice(*index.slice_locs(*list(periods.values())[-1]))
    means = {name: values[days].mean(0) for name, values in simulation.outputs.items()}
    return gauges, series, pd.DataFrame(means | run.mean_parameters(), names).rename_axis("gauge")


def of_grace(setup, storage) -> pd.DataFrame:
    """Anomalies as GRACE has them (solutions x basins), mm."""
    days = pd.DatetimeIndex(setup.forcing["time"].values)
    values = storage.observed(storage.windows(days)).numpy()
    return pd.DataFrame(values, middles(storage), list(storage.tiles.names))


def score_storage(
    simulated: pd.DataFrame,
    observed: pd.DataFrame,
    periods: Mapping[str, tuple[str, str]] = PERIODS,
) -> pd.DataFrame:
    """Scores of anomalies of storage (solutions x basins) in all periods, a row for each basin.

    centred NSE, without the mean of the period; spread: the ratio of the standard deviations;
    departures: the correlation of what is left without the mean year, of droughts and wet years.
    """
    rows = []
    for name, period in periods.items():
        a, b = (frame.loc[slice(*period)] for frame in (simulated, observed))
        away = [f - f.groupby(f.index.month).transform("mean") for f in (a, b)]
        for gauge in b:
            s, o = a[gauge].to_numpy(), b[gauge].to_numpy()
            rows.append(
                {
                    "gauge": gauge, "period": name, "nse": metrics.nse(s, o),
                    "centred": metrics.nse(s - s.mean(), o - o.mean()),
                    "correlation": metrics.correlation(s, o), "rmse": metrics.rmse(s, o),
                    "spread": s.std() / o.std(),
                    "departures": metrics.correlation(away[0][gauge], away[1][gauge]),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)
