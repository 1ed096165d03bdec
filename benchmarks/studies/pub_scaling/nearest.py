"""Parameters of the nearest basin: calibrated there, carried over, no learning across basins."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import gridhydro as gh
from benchmarks import jobs
from benchmarks.studies.pub_scaling.job import Job
from benchmarks.studies.pub_scaling.training import fit, keep, make_model
from gridhydro.config.load import Setup

NEAREST = "nearest basin"
DONOR_EPOCHS, DONOR_OPTIMIZER = 30, gh.Optimizer(learning_rate=0.03)


def calibrated(setup: Setup, out: Path):
    """Parameters of every basin from its own discharge alone: a run, kept under `out`."""
    folder = out / "calibrated"
    if jobs.due(folder):
        began = time.monotonic()
        names = setup.domain.gauges.index
        model, period = make_model(setup, "free", 0), setup.training.period
        run = fit(setup, model, period, 0, DONOR_EPOCHS, DONOR_OPTIMIZER)
        run.save_model(folder)
        keep(folder, run, setup, names, seconds=round(time.monotonic() - began, 1))
    return gh.load(folder, setup.forcing)


def run_nearest(job: Job, setup: Setup, run, out: Path) -> None:
    """Every basin held out takes the parameters of the nearest one trained on."""
    folder = job.folder(out)
    if not jobs.due(folder):
        return
    gauges = list(setup.domain.gauges.index)
    split = job.split(gauges, setup.training.period)
    donors = nearest(setup.domain.lonlat, [gauges.index(g) for g in split.train_gauges])
    own = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.model.load_state_dict(own | {"network.raw": own["network.raw"][donors]})
    keep(folder, run, setup, split.test_gauges, basins=len(split.train_gauges), steps=0)
    run.model.load_state_dict(own)


def nearest(lonlat, among: list[int]) -> list[int]:
    """For each place the one nearest on the sphere among these places."""
    longitude, latitude = (np.radians(values) for values in lonlat)
    points = np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude),
         np.sin(latitude)], axis=1,
    )  # fmt: skip
    return [among[i] for i in (points @ points[among].T).argmax(1)]
