"""The five configurations of Wang et al. (2024) on the generated Amazon: train, score, keep.

    python -m benchmarks amazon-synthetic --data FOLDER --out RUNS --configurations HydroPyNN
    python -m benchmarks amazon-synthetic --data FOLDER --out RUNS --alike --epochs 20 --seeds 0 1 2
    python -m benchmarks amazon-synthetic-page --runs RUNS

Every job (split, configuration, seed) has a folder of its own under RUNS; a finished one is not
done again. The data are those of RUNS/world, a folder that `gridhydro synthetic amazon` writes; it
is written where it is not there.
"""

from __future__ import annotations

import resource
import time
import warnings
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from benchmarks import jobs, options
from benchmarks.studies.storage import middles
from gridhydro.config.load import Setup, load
from gridhydro.evaluation import metrics
from gridhydro.io import export
from gridhydro.synthetic.amazon_folder import write_amazon
from gridhydro.synthetic.amazon_observations import COLUMN, SPINUP

PERIODS = {"training": ("2003", "2012"), "test": ("2013", "2016")}
FOLDS = 4
ALIKE = "alike"  # the folder of the temporal split with as many epochs for each configuration
# network, whether storage is trained on, correction, epochs, learning rate; the correction starts
# with the parameterization of the configuration before it, for an epoch with it takes long
CONFIGURATIONS = {
    "HydroPyNN": ("none", False, None, 0, 0.0),
    "HydroPyNN(Q,S)": ("free", True, None, 100, 0.03),
    "Hybrid(Q)": ("mlp", False, None, 100, 0.005),
    "Hybrid(Q,S)": ("mlp", True, None, 100, 0.005),
    "Hybrid(Q,S)+": ("mlp", True, "conv3d", 25, 0.001),
}
STARTS_FROM = {"Hybrid(Q,S)+": "Hybrid(Q,S)"}
# of a network with its correction, from the beginning
ALIKE_RATE = {"Hybrid(Q,S)+": 0.005}


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    options.out(parser)
    parser.add_argument("--split", choices=("temporal", "spatial"), default="temporal",
                        help="held out: later years, or every fourth gauge too")  # fmt: skip
    parser.add_argument("--fold", type=int, default=0, help=f"of {FOLDS}, of the spatial split")
    every = list(CONFIGURATIONS)
    parser.add_argument("--configurations", nargs="+", choices=every, default=every, metavar="NAME",
                        help=", ".join(every))  # fmt: skip
    parser.add_argument("--epochs", type=int, help="at most, of those of each configuration")
    parser.add_argument(
        "--alike",
        action="store_true",
        help="as many --epochs for each, and none begins where another ended",
    )
    options.seeds(parser, 0)


def main(given: Namespace) -> None:
    if given.alike and (given.epochs is None or given.split != "temporal"):
        raise SystemExit("--alike takes --epochs, and the temporal split")
    warnings.simplefilter("ignore")
    folder = given.out / "world"
    if not folder.exists():
        write_amazon(folder, given.data)
    setup = read(folder)
    split = ALIKE if given.alike else given.split
    for seed in given.seeds:
        for name in given.configurations:
            job = job_folder(given.out, split, name, seed, given.fold)
            if jobs.due(job):
                run_job(job, name, seed, setup, given)


def read(folder: Path) -> Setup:
    """What the domain file makes of the folder, with the weather that the correction reads too, but
    for the attributes: their climate is that of all years, not of the training."""
    setup = load("amazon-synthetic", folder, {"configuration": "Hybrid(Q,S)+"})
    with xr.open_dataset(folder / "attributes.nc") as file:
        attributes = file.load().drop_vars("spatial_ref", errors="ignore")
    return replace(setup, attributes=attributes)


def job_folder(out: Path, split: str, name: str, seed: int, fold: int) -> Path:
    plain = name.translate(str.maketrans({"(": "-", ")": "", ",": "", "+": "-plus"}))
    return out / split / plain / (f"seed-{seed}" + (f"-fold-{fold}" if split == "spatial" else ""))


def run_job(job: Path, name: str, seed: int, setup: Setup, given: Namespace) -> None:
    network, stored, correction, epochs, rate = CONFIGURATIONS[name]
    if given.alike and epochs:
        epochs, rate = given.epochs, ALIKE_RATE.get(name, rate)
    elif given.epochs is not None:
        epochs = min(given.epochs, epochs)
    domain, land, weather = setup.domain, setup.land, setup.forcing
    model = gh.Model(
        domain, COLUMN, setup.attributes, properties=land.properties, defaults=land.defaults,
        network=gh.ParameterNetwork(network, seed=seed), correction=correction,
        routing=gh.River.hydropy(),
    )  # fmt: skip
    if name in STARTS_FROM and not given.alike:
        first = job_folder(given.out, given.split, STARTS_FROM[name], seed, given.fold)
        model.network.load_state_dict(gh.load(first).model.network.state_dict())
    record = gh.Forcing(weather.times, weather.values[: len(model.forcings)])
    discharge, storage = setup.discharge, setup.storage
    names = list(domain.gauges.index)
    held_out, period = [], PERIODS["training"]
    if given.split == "spatial":
        held_out = names[given.fold :: FOLDS]
        period = gh.splits.hold_out(names, held_out, period)
    began = time.perf_counter()
    run = gh.train(
        model, record, discharge, period=period, epochs=epochs,
        targets=gh.StorageTarget(storage, 0.5) if stored else (),
        spinup=gh.SpinUp(SPINUP, start="equilibrium"),
        optimizer=gh.Optimizer(learning_rate=rate), checkpoints=gh.Checkpoints(job, resume=True),
        session=gh.Session(seed=seed),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    run.save_model(job)
    cost = {"epochs": epochs, "seconds": round(seconds), "peak_gb": _peak()}
    tables = score(run, discharge, storage)
    for kind, table in tables.items():
        table.to_csv(job / f"scores-{kind}.csv", index=False)
    run.history.to_csv(job / "history.csv", index=False)
    export.write_dataset(job / "parameters.nc", run.parameters)
    if correction:
        demand = model.weather(record.values)[2].detach()
        error = (demand - record.values[2]).mean(0).numpy()
        maps = xr.Dataset({"pet_error": domain.unpack(error, "pet_error", {"units": "mm d-1"})})
        export.write_dataset(job / "pet_error.nc", maps)
        days = {"corrected": demand.mean(1), "penman_monteith": record.values[2].mean(1)}
        pd.DataFrame(days, index=weather.times).to_csv(job / "pet.csv")
    jobs.finish(job, **cost, configuration=name, held_out=held_out, learning_rate=rate)


@torch.no_grad()
def score(run, discharge, storage) -> dict[str, pd.DataFrame]:
    """NSE of each gauge and each tile in both periods."""
    windows = storage.windows(run.forcing.times)
    simulation = run.simulation((), windows.averages)
    gauges = [run.evaluate(discharge, period, name=name) for name, period in PERIODS.items()]
    found, observed = storage.anomalies(simulation.storage, windows), storage.observed(windows)
    tiles = score_tiles(storage, found.numpy(), observed.numpy())
    return {"gauges": pd.concat(gauges, ignore_index=True), "tiles": tiles}


def score_tiles(storage, found: np.ndarray, observed: np.ndarray) -> pd.DataFrame:
    """Scores of anomalies (solutions x tiles) in both periods, a row per tile and period."""
    rows, year = [], middles(storage).year
    for name, (first, last) in PERIODS.items():
        inside = (year >= int(first)) & (year <= int(last))
        series = zip(storage.tiles.names, found[inside].T, observed[inside].T, strict=True)
        for tile, a, b in series:
            rows.append(
                {
                    "tile": tile, "period": name, "nse": metrics.nse(a, b),
                    "correlation": metrics.correlation(a, b), "rmse": metrics.rmse(a, b),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _peak() -> float:
    """Largest memory of this process so far, GB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
