"""Ungauged basins against the share of basins that a network was trained on.

    python -m benchmarks.pub_scaling --data FOLDER --out RUNS --folds 0 1 2 3 4

HBV on 400 basins of CAMELS-US, a tenth of them held out by each fold, trained on 2 to 90 % of all.
Every job (variant, share, fold, draw of the basins) has a folder of its own under RUNS; a finished
one is not done again. With --choose the held-out basins are a tenth of those that a fold trains on:
choices are made there. `python -m benchmarks.pub_scaling_page` makes tables and figures.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from benchmarks.camels import PERIODS
from benchmarks.machine import describe
from gridhydro.base.periods import days
from gridhydro.config.load import Setup, load
from gridhydro.training import splits
from gridhydro.training.batches import Batches

DOMAIN, FOLDS = "camels_us_400", 10
# share of all basins to train on, %, and how many draws of them each fold has
SHARES = {2: 3, 5: 2, 12.5: 1, 25: 1, 50: 1, 90: 1}
STEPS = 1200  # of the optimizer, whatever the share; chosen with --choose
DONOR_EPOCHS, DONOR_RATE = 30, 0.03
SCORES = ["gauge", "period", "kge_2012", "nse", "kge", "correlation", "percent_bias"]

# nearest to the predictors of Beck et al. (2020, doi:10.1029/2019JD031485): humidity, mean
# precipitation, mean potential evaporation, NDVI, open water, slope, sand, clay
FEW = (
    "aridity", "p_mean", "pet_mean", "gvf_max", "open_water", "slope_mean", "sand_frac",
    "clay_frac",
)  # fmt: skip
# all that are numbers, have no gaps and are not shares of classes that go unnamed
MANY = (
    "p_mean", "pet_mean", "p_seasonality", "frac_snow", "aridity", "high_prec_freq",
    "high_prec_dur", "low_prec_freq", "low_prec_dur", "elev_mean", "slope_mean", "area_gages2",
    "frac_forest", "lai_max", "lai_diff", "gvf_max", "gvf_diff", "soil_depth_pelletier",
    "soil_depth_statsgo", "soil_porosity", "soil_conductivity", "max_water_content", "sand_frac",
    "silt_frac", "clay_frac", "carbonate_rocks_frac", "geol_permeability",
)  # fmt: skip
# attributes and hidden layers; without these the map through the sigmoid is linear
VARIANTS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "27 attributes": (MANY, (64, 32)),
    "8 attributes": (FEW, (64, 32)),
    "8 linear": (FEW, ()),
    "no attributes": (("constant",), ()),
}
NEAREST = "nearest basin"  # parameters calibrated there, no learning across basins


@dataclass(frozen=True)
class Job:
    variant: str
    share: float
    fold: int
    draw: int = 0
    steps: int = STEPS
    choosing: bool = False

    def folder(self, out: Path) -> Path:
        kind = f"choice-{self.steps}-steps" if self.choosing else "held-out"
        place = out / kind / self.variant.replace(" ", "-") / f"share-{self.share:g}"
        return place / f"fold-{self.fold}-draw-{self.draw}"

    def split(self, gauges: list[str], period) -> splits.Split:
        """The gauges of this draw to train on; those of a smaller share are among them."""
        found = splits.pub(gauges, period, FOLDS)[self.fold]
        if self.choosing:
            found = splits.pub(found.train_gauges, period, FOLDS)[0]
        among = list(found.train_gauges)
        random.Random(f"{self.fold}/{self.draw}").shuffle(among)
        count = max(1, round(self.share / 100 * len(gauges)))
        return replace(found, train_gauges=tuple(among[:count]))


def read(data: Path) -> Setup:
    """The domain file with series up to the last test day, and share of open water beside."""
    setup = load(DOMAIN, data)
    until = dict(time=slice(None, PERIODS["test"][1]))
    with xr.open_dataset(data / DOMAIN / "timeseries.nc") as file:
        lakes = file["hydroatlas"].sel(hydroatlas_attribute="lka_pc_sse").to_pandas()
    names = setup.domain.gauges.index
    more = dict(open_water=lakes.loc[names].to_numpy(), constant=np.ones(len(names)))
    return replace(
        setup, forcing=setup.forcing.sel(until).load(),
        discharge=setup.discharge.sel(until).load(), attributes=setup.attributes | more,
        training=replace(setup.training, period=days(setup.training.period)),
    )  # fmt: skip


def make_model(setup: Setup, network: str, seed: int, names=(), hidden=None) -> gh.Model:
    """HBV as the domain file has it, with another network."""
    options = setup.model
    logs = [n for n in (*options.log_attributes, "open_water") if n in names]
    return gh.Model(
        setup.domain, options.column, {n: setup.attributes[n] for n in names} or None,
        network=network, hidden=hidden, components=options.components, log_attributes=logs,
        fixed=options.fixed, unit_hydrograph=options.unit_hydrograph, seed=seed,
    )  # fmt: skip


def fit(setup: Setup, model: gh.Model, names, seed: int, epochs: int, rate: float):
    torch.manual_seed(seed)
    return gh.train(
        model, setup.forcing, setup.discharge, period=setup.training.period, gauges=list(names),
        epochs=epochs, learning_rate=rate, loss=setup.training.loss, seed=seed,
        batches=Batches(**setup.training.batches), progress=False,
    )  # fmt: skip


def epochs_for(steps: int, basins: int, setup: Setup) -> tuple[int, int]:
    """Epochs that come nearest to so many steps, and the steps that these are."""
    batches = Batches(**setup.training.batches)
    scored = setup.forcing.sel(time=slice(*setup.training.period)).sizes["time"] - batches.warmup
    each = max(1, round(basins * scored / (min(batches.basins, basins) * batches.days)))
    epochs = max(1, round(steps / each))
    return epochs, epochs * each


def run_job(job: Job, setup: Setup, out: Path) -> None:
    """Train and keep the scores of the basins held out."""
    folder = job.folder(out)
    if (folder / "job.json").exists():
        return
    print(folder, flush=True)
    names, hidden = VARIANTS[job.variant]
    split = job.split(list(setup.domain.gauges.index), setup.training.period)
    epochs, steps = epochs_for(job.steps, len(split.train_gauges), setup)
    began = time.monotonic()
    model = make_model(setup, "mlp", job.draw, names, hidden)
    run = fit(setup, model, split.train_gauges, job.draw, epochs, setup.training.learning_rate)
    about = dict(
        seconds=round(time.monotonic() - began, 1), basins=len(split.train_gauges), epochs=epochs,
        steps=steps, threads=torch.get_num_threads(), loss=round(run.history["loss"].iloc[-1], 4),
        machine=describe("cpu"),
    )  # fmt: skip
    keep(folder, run, setup, split.test_gauges, about)


def keep(folder: Path, run, setup: Setup, gauges, about: dict) -> None:
    """Scores of these gauges in both periods, and last what says that the job is done."""
    observed = setup.discharge.sel(gauge=list(gauges))
    scores = pd.concat(
        run.evaluate(observed, period, name=name) for name, period in PERIODS.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    scores[SCORES].round(5).to_csv(folder / "scores.csv", index=False)
    (folder / "job.json").write_text(json.dumps(about, indent=1))


def calibrated(setup: Setup, out: Path):
    """Parameters of every basin from its own discharge alone: a run, kept under `out`."""
    folder = out / "calibrated"
    if not (folder / "job.json").exists():
        print(folder, flush=True)
        began = time.monotonic()
        names = setup.domain.gauges.index
        run = fit(setup, make_model(setup, "free", 0), names, 0, DONOR_EPOCHS, DONOR_RATE)
        run.save_model(folder)
        about = dict(seconds=round(time.monotonic() - began, 1), machine=describe("cpu"))
        keep(folder, run, setup, names, about)
    return gh.load(folder, setup.forcing)


def run_nearest(job: Job, setup: Setup, run, out: Path) -> None:
    """Every basin held out takes the parameters of the nearest one trained on."""
    folder = job.folder(out)
    if (folder / "job.json").exists():
        return
    print(folder, flush=True)
    gauges = list(setup.domain.gauges.index)
    split = job.split(gauges, setup.training.period)
    donors = nearest(setup.domain.lonlat, [gauges.index(g) for g in split.train_gauges])
    own = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.model.load_state_dict(own | {"network.raw": own["network.raw"][donors]})
    keep(folder, run, setup, split.test_gauges, dict(basins=len(split.train_gauges), steps=0))
    run.model.load_state_dict(own)


def nearest(lonlat, among: list[int]) -> list[int]:
    """For each place the one nearest on the sphere among these places."""
    longitude, latitude = (np.radians(values) for values in lonlat)
    points = np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude),
         np.sin(latitude)], axis=1,
    )  # fmt: skip
    return [among[i] for i in (points @ points[among].T).argmax(1)]


def jobs(variants, fold: int, shares, choosing=False, steps=(STEPS,)) -> Iterator[Job]:
    for share in shares:
        for draw in range(SHARES[share]):
            for variant in variants:
                for number in steps:
                    yield Job(variant, share, fold, draw, number, choosing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for runs, resumable")
    every = [*VARIANTS, NEAREST]
    parser.add_argument("--variants", nargs="+", choices=every, default=every)
    parser.add_argument("--shares", type=float, nargs="+", choices=SHARES, default=list(SHARES))
    parser.add_argument("--folds", type=int, nargs="+", default=range(5), choices=range(FOLDS))
    parser.add_argument("--choose", action="store_true", help="hold out basins trained on instead")
    parser.add_argument("--steps", type=int, nargs="+", default=[STEPS])
    options = parser.parse_args()
    if len(options.steps) > 1 and not options.choose:
        parser.error("several numbers of steps are for --choose")
    setup = read(options.data)
    trained = [v for v in options.variants if v != NEAREST]
    if options.choose:
        for fold in options.folds:
            for job in jobs(trained, fold, options.shares, True, options.steps):
                run_job(job, setup, options.out)
        return
    at_sites = calibrated(setup, options.out) if NEAREST in options.variants else None
    for fold in options.folds:  # there is a whole curve after each
        for job in jobs(trained, fold, options.shares, steps=options.steps):
            run_job(job, setup, options.out)
        for job in jobs([NEAREST], fold, options.shares) if at_sites else ():
            run_nearest(job, setup, at_sites, options.out)


if __name__ == "__main__":
    main()
