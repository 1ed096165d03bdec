"""From a domain file to parameters searched at every basin: `gridhydro calibrate` from Python."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch

from gridhydro.config.build_model import make_split
from gridhydro.config.load import Setup, load
from gridhydro.config.score_domain import behind_warmup, finish
from gridhydro.config.train_domain import announce, begin
from gridhydro.observations.targets import Target
from gridhydro.training.batches import Batches
from gridhydro.training.calibration.calibrate import calibrate
from gridhydro.training.calibration.objective import refuse_rivers


def calibrate_domain(
    domain: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    method: str = "sceua",
    complexes: int = 7,
    max_runs: int = 5000,
    target: str | None = None,
    resume: bool = False,
    seed: int | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Search every basin of a domain file by itself, score both periods, export into `out`.

    Of the file count the data, the column and its scheme, `fixed`, the routing, the loss, the
    periods, the warm-up, and which gauges are trained on; networks, attributes and components do
    not. It is discharge that is fitted, or the file's `target` of this name, by its own loss. A
    seed takes the place of the file's. Returns the scores of discharge.
    """
    setup = load(domain, data)
    chosen = None if target is None else _named(setup, target)
    options, settings = setup.model, setup.training
    _refuse(setup, chosen)
    split = make_split(setup)
    period = settings.period if split is None else split.train_period
    gauges = setup.domain.gauges.index if split is None else split.train_gauges
    gauges = [gauge for gauge in gauges if gauge not in settings.held_out]
    spinup = settings.spinup
    if settings.batches is not None:
        spinup = Batches(**settings.batches).warmup
        period = behind_warmup(setup, period, setup.times)
    out = Path(out)
    begin(out, setup, {}, resume)
    if progress:
        fitted = f"each site by itself ({method}), fitted to {target or 'discharge'}"
        announce(setup, f"{options.column}, {fitted}")
    run = calibrate(
        setup.domain, options.column, setup.forcing,
        setup.discharge if chosen is None else None, target=chosen,
        loss=settings.loss if chosen is None else None, period=period, spinup=spinup,
        method=method, complexes=complexes, max_runs=max_runs,
        gauges=gauges if setup.domain.lumped else None, fixed=options.fixed,
        unit_hydrograph=options.routing.of if options.routing and setup.domain.lumped else None,
        scheme=options.scheme, device=device, out=out,
        properties=None if setup.land is None else setup.land.properties, resume=resume,
        seed=settings.seed if seed is None else seed, progress=progress,
    )  # fmt: skip
    return finish(run, setup, out)


def _named(setup: Setup, name: str) -> Target:
    """The target of the file that is called so."""
    for target in setup.targets:
        if target.name == name:
            return target
    raise ValueError(f"{setup.source} has no section [[targets]] of '{name}'")


def _refuse(setup: Setup, target: Target | None) -> None:
    """ValueError for what only training takes, and where there is nothing to fit."""
    if target is None and not setup.training.fit_discharge:
        there = ", ".join(one.name for one in setup.targets) or "none in it"
        raise ValueError(
            f"{setup.source}, [training]: fit_discharge is false, and a search fits one series: "
            f"name a target of the file ({there}) with --target, or take fit_discharge out"
        )
    if target is None:
        refuse_rivers(setup.domain)
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
