"""From a domain file to parameters searched at every basin: `gridhydro calibrate` from Python."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch

from gridhydro.batches import Batches
from gridhydro.calibration import calibrate
from gridhydro.config import Setup, load
from gridhydro.recipe import announce, begin, behind_warmup, evaluate, save
from gridhydro.recipe_model import make_split


def calibrate_domain(
    domain: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    method: str = "sceua",
    complexes: int = 7,
    max_runs: int = 5000,
    resume: bool = False,
    seed: int | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Search every basin of a domain file by itself, score both periods, export into `out`.

    Of the file count the data, the column and its scheme, `fixed`, `unit_hydrograph`, the loss, the
    periods, the warm-up, and which gauges are trained on; networks, attributes and components do
    not. A seed takes the place of the file's. Returns the scores of discharge.
    """
    setup = load(domain, data)
    options, settings = setup.model, setup.training
    _refuse(setup)
    out = Path(out)
    begin(out, setup, {}, resume)
    if progress:
        basins = f"{setup.domain.size} basins"
        announce(setup, f"{options.column}, parameters of {basins} searched one by one: {method}")
    split = make_split(setup)
    period = settings.period if split is None else split.train_period
    gauges = setup.domain.gauges.index if split is None else split.train_gauges
    spinup = settings.spinup
    if settings.batches is not None:
        spinup = Batches(**settings.batches).warmup
        times = pd.DatetimeIndex(setup.forcing["time"].to_index())
        period = behind_warmup(period, times, spinup)
    run = calibrate(
        setup.domain, options.column, setup.forcing, setup.discharge, period=period, spinup=spinup,
        method=method, loss=settings.loss, complexes=complexes, max_runs=max_runs,
        gauges=[gauge for gauge in gauges if gauge not in settings.held_out], fixed=options.fixed,
        unit_hydrograph=options.unit_hydrograph, scheme=options.scheme, device=device, out=out,
        resume=resume, seed=settings.seed if seed is None else seed, progress=progress,
    )  # fmt: skip
    scores = evaluate(run, setup)
    save(run, setup, out, scores)
    return scores


def _refuse(setup: Setup) -> None:
    """ValueError for what only training takes."""
    wrong = {
        "column": setup.model.column == "lstm" and "lstm",
        "correction": setup.model.correction,
        "spinup_cycles": setup.training.spinup_cycles,
        "start": setup.training.start != "empty" and setup.training.start,
    }
    for key, value in wrong.items():
        if value:
            raise ValueError(
                f"{setup.source}: {key} = {value!r} is not for a search at each site: take it out, "
                "or train"
            )
