"""The five configurations of Wang et al. (2024) on the generated Amazon: train, score, keep.

    python -m benchmarks.rehearsal --data FOLDER --out OUT --split temporal --configurations ...

Every job (split, configuration, seed) has a folder of its own under OUT; a finished one is not
done again. `python -m benchmarks.rehearsal_page` makes tables and figures of what is there.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings
from pathlib import Path

import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from benchmarks.machine import describe
from gridhydro.evaluation import metrics
from gridhydro.io import export
from gridhydro.synthetic.amazon import generate, make_rehearsal
from gridhydro.synthetic.amazon_observations import COLUMN, SPINUP, forcing, surface

PERIODS = {"training": ("2003", "2012"), "test": ("2013", "2016")}
FOLDS = 4
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", choices=("temporal", "spatial"), default="temporal")
    parser.add_argument("--fold", type=int, default=0, help=f"of {FOLDS}, of the spatial split")
    parser.add_argument("--configurations", nargs="+", default=list(CONFIGURATIONS))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = options.out / "world"
    made = (folder / "twsa.nc").exists()
    world = make_rehearsal(options.data) if made else generate(folder, options.data)
    land = surface(world)
    weather = forcing(world, land)
    for name in options.configurations:
        job = _folder(options.out, options.split, name, options.seed, options.fold)
        if (job / "job.json").exists():
            continue
        print(job, flush=True)
        run_job(job, name, world, land, weather, folder, options)


def _folder(out: Path, split: str, name: str, seed: int, fold: int) -> Path:
    plain = name.translate(str.maketrans({"(": "-", ")": "", ",": "", "+": "-plus"}))
    return out / split / plain / (f"seed-{seed}" + (f"-fold-{fold}" if split == "spatial" else ""))


def run_job(job: Path, name: str, world, land, weather, folder: Path, options) -> None:
    network, stored, correction, epochs, rate = CONFIGURATIONS[name]
    epochs = epochs if options.epochs is None else min(options.epochs, epochs)
    domain = world.domain
    model = gh.Model(
        domain, COLUMN, world.attributes, properties=land.properties, defaults=land.defaults,
        network=network, correction=correction, river=gh.River.hydropy(), seed=options.seed,
    )  # fmt: skip
    if name in STARTS_FROM:
        first = _folder(options.out, options.split, STARTS_FROM[name], options.seed, options.fold)
        model.network.load_state_dict(gh.load(first).model.network.state_dict())
    record = gh.Forcing(weather.times, weather.values[: len(model.forcings)])
    discharge = pd.read_csv(folder / "discharge.csv", index_col=0, parse_dates=True)
    tiles = gh.Tiles.of(domain)
    with xr.open_dataset(folder / "twsa.nc") as file:
        storage = gh.StorageObservations.on(tiles, domain, file.load())
    names = list(domain.gauges.index)
    held_out = names[options.fold :: FOLDS] if options.split == "spatial" else []
    began = time.perf_counter()
    run = gh.train(
        model, record, discharge, period=PERIODS["training"], spinup=SPINUP, epochs=epochs,
        learning_rate=rate, held_out=held_out, storage=storage if stored else None,
        start="equilibrium", seed=options.seed, out=job, resume=True,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    run.save_model(job)
    checkpoint = {"epochs": epochs, "seconds": round(seconds), "peak_gb": _peak()}
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
    content = checkpoint | {
        "threads": torch.get_num_threads(), "machine": describe("cpu"), "configuration": name,
        "held_out": held_out, "learning_rate": rate,
    }  # fmt: skip
    (job / "job.json").write_text(json.dumps(content, indent=1, default=str))


@torch.no_grad()
def score(run, discharge, storage) -> dict[str, pd.DataFrame]:
    """NSE of each gauge and each tile in both periods."""
    windows = storage.windows(run.forcing.times)
    simulation = run.simulation((), windows.averages)
    gauges = [run.evaluate(discharge, period, name=name) for name, period in PERIODS.items()]
    found, seen = storage.anomalies(simulation.storage, windows), storage.observed(windows)
    middle = pd.DatetimeIndex(storage.start + (storage.end - storage.start) / 2)
    tiles = []
    for name, (first, last) in PERIODS.items():
        inside = (middle.year >= int(first)) & (middle.year <= int(last))
        a, b = found[inside].numpy(), seen[inside].numpy()
        tiles += [
            {
                "tile": tile, "period": name, "nse": metrics.nse(a[:, k], b[:, k]),
                "correlation": metrics.correlation(a[:, k], b[:, k]),
                "rmse": metrics.rmse(a[:, k], b[:, k]),
            }
            for k, tile in enumerate(storage.tiles.names)
        ]  # fmt: skip
    return {"gauges": pd.concat(gauges, ignore_index=True), "tiles": pd.DataFrame(tiles)}


def _peak() -> float:
    """Largest memory of this process so far, GB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


if __name__ == "__main__":
    main()
