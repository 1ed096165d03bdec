"""From a domain file to parameters of every basin alone: `gridhydro calibrate` from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from gridhydro.base.periods import days
from gridhydro.config.build_model import make_split, properties_of
from gridhydro.config.load import Setup, load
from gridhydro.config.score_domain import behind_warmup, finish, refuse_unscored
from gridhydro.config.train_domain import announce, begun
from gridhydro.model.model import Model
from gridhydro.nets.options import ParameterNetwork
from gridhydro.observations.targets import Target
from gridhydro.training.calibration.calibrate import calibrate
from gridhydro.training.calibration.objective import refuse_rivers
from gridhydro.training.options import Checkpoints, Session
from gridhydro.training.splits import Split


def calibrate_domain(
    domain: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    target: str | None = None,
    resume: bool = False,
    seed: int | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Calibrate every basin of a domain file by itself, score both periods, export into `out`.

    Of the file count the data, the column and its scheme, `fixed`, the routing, the loss, the
    periods, the warm-up, which gauges are trained on, and the section [calibration], with the keys
    of `gridhydro.SCEUA`; networks, attributes and components do not. `changes` take the place of
    keys of that section. It is discharge that is fitted, or the file's `target` of this name, by
    its own loss. A seed takes the place of the file's. Returns the scores of discharge.
    """
    setup = load(domain, data)
    chosen = None if target is None else _named(setup, target)
    out = Path(out)
    asked = keywords(setup, chosen, changes=changes, seed=seed, device=device, progress=progress)
    refuse_unscored(setup)
    with begun(out, setup, {}, resume) as files:
        if progress:
            fitted = f"fitted to {target or 'discharge'}"
            what = f"{setup.model.column}, each basin or cell by itself (SCE-UA), {fitted}"
            announce(setup, what)
        run = calibrate(
            free_model(setup, asked["session"].seed),
            setup.forcing,
            setup.discharge if chosen is None else None,
            checkpoints=Checkpoints(out, resume, **setup.training.checkpoints),
            **asked,
        )
        return finish(run, setup, out, files)


def keywords(
    setup: Setup,
    target: Target | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    seed: int | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """The keywords of `gridhydro.calibrate` that a domain file stands for, see
    `calibrate_domain`; ValueError for what only training takes."""
    _refuse(setup, target)
    settings = setup.training
    changes = {name: value for name, value in (changes or {}).items() if value is not None}
    period, spinup = _scored(setup)
    return dict(
        target=target, period=period, spinup=spinup,
        loss=settings.loss if target is None else None,
        method=replace(setup.calibration, **changes),
        session=Session(
            seed=settings.seed if seed is None else seed,
            device=device or settings.device,
            progress=progress,
        ),
    )  # fmt: skip


def _scored(setup: Setup) -> tuple[tuple[str, str] | Split, int]:
    """The period that is scored, of rasters without a choice of gauges, and the days before it."""
    settings, split = setup.training, make_split(setup)
    period = settings.period if split is None else split.train_period
    spinup = settings.spinup.days
    if settings.batches is not None:
        spinup = settings.batches.before
        period = behind_warmup(setup, period, setup.times)
    if split is None or not setup.domain.lumped:
        return period, spinup
    return replace(split, train_period=days(period)), spinup


def free_model(setup: Setup, seed: int) -> Model:
    """The model of the file with free parameters in each cell."""
    options = setup.model
    return Model(
        setup.domain, options.column, network=ParameterNetwork("free", seed=seed),
        fixed=options.fixed, routing=options.routing, scheme=setup.stepping,
        properties=properties_of(setup),
    )  # fmt: skip


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
            f"{setup.source}, [training]: fit_discharge is false, and a calibration fits one "
            f"series: name a target of the file ({there}) with --target, or take fit_discharge out"
        )
    if target is None:
        refuse_rivers(setup.domain)
    wrong = {
        "column": setup.model.column == "lstm" and "lstm",
        "correction": setup.model.correction,
        "spinup: cycles": setup.training.spinup.cycles,
        "spinup: start": setup.training.spinup.near_equilibrium and setup.training.spinup.start,
    }
    for key, value in wrong.items():
        if value:
            raise ValueError(
                f"{setup.source}: {key} = {value!r} is not for a calibration of each cell: take it "
                "out, or train"
            )
