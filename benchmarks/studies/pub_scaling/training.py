"""HBV of the study of ungauged basins: its variants, how they are trained, what is kept."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from benchmarks import jobs
from benchmarks.studies.camels.study import PERIODS
from benchmarks.studies.pub_scaling.job import Job
from gridhydro.base.periods import days
from gridhydro.config.load import Setup, load
from gridhydro.training.splits import Split

DOMAIN = "camels_us_400"
SCORES = ["gauge", "period", "kge_2012", "nse", "kge", "correlation", "percent_bias"]

# nearest to the predictors of Beck et al. (2020, doi:10.1029/2019JD031485): humidity, mean
# precipitation, mean potential evaporation, NDVI, open water, slope, sand, clay
FEW = (
    "aridity", "p_mean", "pet_mean", "gvf_max", "open_water", "slope_mean", "sand_frac",
    "clay_frac",
)  # fmt: skip
# all that are numbers, have no gaps and are not fractions of classes that go unnamed
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


def read(data: Path) -> Setup:
    """The domain file with series up to the last test day, with the fraction of open water."""
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
    given = setup.model
    logs = [n for n in (*given.network.log_attributes, "open_water") if n in names]
    return gh.Model(
        setup.domain, given.column, {n: setup.attributes[n] for n in names} or None,
        network=gh.ParameterNetwork(network, hidden, log_attributes=logs, seed=seed),
        components=given.components, fixed=given.fixed, routing=given.routing,
    )  # fmt: skip


def fit(setup: Setup, model: gh.Model, period: Split | tuple[str, str], seed: int, epochs: int,
        optimizer: gh.Optimizer):  # fmt: skip
    torch.manual_seed(seed)
    return gh.train(
        model, setup.forcing, setup.discharge, period=period, epochs=epochs, optimizer=optimizer,
        loss=setup.training.loss, batches=setup.training.batches,
        session=gh.Session(seed=seed, progress=False),
    )  # fmt: skip


def epochs_for(steps: int, basins: int, setup: Setup) -> tuple[int, int]:
    """Epochs that come nearest to so many steps, and the steps that these are."""
    batches = setup.training.batches
    scored = setup.forcing.sel(time=slice(*setup.training.period)).sizes["time"] - batches.before
    each = max(1, round(basins * scored / (min(batches.gauges, basins) * batches.days)))
    epochs = max(1, round(steps / each))
    return epochs, epochs * each


def run_job(job: Job, setup: Setup, out: Path) -> None:
    """Train and keep the scores of the basins held out."""
    folder = job.folder(out)
    if not jobs.due(folder):
        return
    names, hidden = VARIANTS[job.variant]
    split = job.split(list(setup.domain.gauges.index), setup.training.period)
    epochs, steps = epochs_for(job.steps, len(split.train_gauges), setup)
    began = time.monotonic()
    model = make_model(setup, "mlp", job.draw, names, hidden)
    run = fit(setup, model, split, job.draw, epochs, setup.training.optimizer)
    keep(
        folder, run, setup, split.test_gauges, seconds=round(time.monotonic() - began, 1),
        basins=len(split.train_gauges), epochs=epochs, steps=steps,
        loss=round(run.history["loss"].iloc[-1], 4),
    )  # fmt: skip


def keep(folder: Path, run, setup: Setup, gauges, **about) -> None:
    """Scores of these gauges in both periods, and last what says that the job is done."""
    observed = setup.discharge.sel(gauge=list(gauges))
    scores = pd.concat(
        run.evaluate(observed, period, name=name) for name, period in PERIODS.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    scores[SCORES].round(5).to_csv(folder / "scores.csv", index=False)
    jobs.finish(folder, **about)
