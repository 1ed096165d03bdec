"""Parameters of every gauge or cell by itself: the classical baseline of learning them together."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
import xarray as xr

from gridhydro.base.arguments import one_of
from gridhydro.base.periods import as_texts as period_of
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.observations.targets import Target
from gridhydro.training import data_digest
from gridhydro.training.calibration.losses import LOSSES
from gridhydro.training.calibration.objective import CellLosses, Observed, free, put
from gridhydro.training.calibration.record import Record
from gridhydro.training.calibration.result import Calibration
from gridhydro.training.calibration.sceua import SCEUA, minimize
from gridhydro.training.options import Checkpoints, Session, SpinUp, as_options
from gridhydro.training.record import holding
from gridhydro.training.splits import Split


def calibrate(
    model: CellModel,
    forcing: xr.Dataset | Forcing,
    discharge: pd.DataFrame | xr.DataArray | None = None,
    *,
    target: Target | None = None,
    period: tuple[str, str] | Split,
    spinup: SpinUp | int = SpinUp(),
    loss: str | None = None,
    method: SCEUA = SCEUA(),
    checkpoints: Checkpoints | str | Path | None = None,
    session: Session = Session(),
) -> Calibration:
    """Fit the parameters of every gauge or cell alone, all side by side; returns a `Run`.

    model        with network="free", on lumped basins, or with a target on any cells; changed in
                 place
    discharge    of lumped basins, as for `gridhydro.train`
    target       a `gridhydro.Target` instead: a flux or state that is observed on cells
    period       days that are scored; or a `gridhydro.Split`, whose other gauges keep what the
                 model has
    spinup       a `gridhydro.SpinUp`, or its days before the period: a calibration has neither its
                 cycles nor its start, every run of it begins with empty stores
    loss         "nse" (of discharge; of a target its own), "kge", "rmse" or "rmse_lowflow"
    method       a `gridhydro.SCEUA`: complexes, largest number of runs, variant
    checkpoints  a folder to keep the state in, at shuffles, or `gridhydro.Checkpoints` to go on
                 from the last, to the numbers of an unbroken calibration
    session      how it is run: its seed, device and progress; see `gridhydro.Session`

    Ranges are searched as the networks see them, those with `log` in logarithm. Where the data says
    nothing of a parameter (a river's, for cells) it stays what it is. ValueError for input that
    does not fit together, and naming the cells where nothing varies or no run is finite.
    """
    spinup = _days_before(spinup)
    if checkpoints is not None:
        checkpoints = as_options(Checkpoints, checkpoints)
    with holding(checkpoints):
        _refuse(model, method, session)
        model.to(session.place)
        forcing = Forcing.read(forcing, model.domain, model, device=session.place)
        split = period if isinstance(period, Split) else None
        period = period_of(period) if split is None else split.train_period
        days = _days(forcing, period, spinup)
        observed = _observed(discharge, target, model, forcing, days, split)
        loss = one_of("loss", loss or ("nse" if target is None else target.loss), LOSSES)
        losses = CellLosses(model, forcing, observed, days, spinup, loss)

        about = model.options | dict(
            method="sceua", **asdict(method), period=list(period), spinup=spinup, loss=loss,
            target=observed.about, seed=session.seed, gauges=list(observed.gauges),
            cells=len(observed.cells), pet=forcing.method,
            split=None if split is None else split.to_json(),
            fitted=["discharge" if target is None else target.name],
        )  # fmt: skip
        low = torch.zeros(len(losses.rows), device=session.place)
        digests = {}
        if checkpoints is not None:
            digests = data_digest.of_calibration(model, forcing, days, spinup, observed)
        with Record(checkpoints, about, digests, session.progress, low.device) as record:
            found = minimize(
                losses, low, low + 1, method, streams=observed.cells, seed=session.seed,
                state=record.state, each=record.note,
            )  # fmt: skip
        losses.refuse_infinite(found.lowest[-1])
        put(model, observed.cells, losses.rows, found.best[-1])
        history = pd.DataFrame(record.history)
        return Calibration(
            model.eval(), forcing, history, about, found, observed.cells, losses.rows
        )


def _days_before(spinup: SpinUp | int) -> int:
    """The days of a spin-up; ValueError for what only a training does."""
    spinup = as_options(SpinUp, spinup)
    if spinup.cycles or spinup.near_equilibrium:
        raise ValueError("a calibration spins up by days alone: leave cycles and start out")
    return spinup.days


def _refuse(model: CellModel, method: SCEUA, session: Session) -> None:
    """ValueError for a model whose cells cannot be calibrated alone, and for unused options."""
    if not isinstance(method, SCEUA):
        raise ValueError(f"method is a gridhydro.SCEUA(complexes=..., ...), not {method!r}")
    if model.column.networks:
        raise ValueError(
            f"the column '{model.column.name}' has a network that all cells share: train it"
        )
    network = free(model)
    if model.components > 1 or network.weighted or model.correction is not None:
        raise ValueError(
            "one set of parameters is calibrated in every cell: make the model without components, "
            "their weights and a correction, or train it"
        )
    Session.of(session)
    for name in ("cache", "validation", "each"):
        if getattr(session, name) is not None:
            raise ValueError(f"a calibration has no use for {name}: leave it out of the session")


def _days(forcing: Forcing, period: tuple[str, str], spinup: int) -> slice:
    """The days that are scored; ValueError where the spin-up does not fit before them."""
    days = forcing.between(*period)
    if days.start < spinup:
        raise ValueError(
            f"the spin-up needs {spinup} days before {forcing.times[days.start]:%Y-%m-%d}, the "
            f"forcing has {days.start}: begin the period later, or take spinup={days.start}"
        )
    return days


def _observed(discharge, target, model, forcing, days: slice, split: Split | None) -> Observed:
    if (target is None) == (discharge is None):
        raise ValueError("one series is fitted in each cell: give either discharge or a target")
    if target is None:
        return Observed.discharge(discharge, model, forcing, days, split)
    return Observed.target(target, model, forcing, days, split)
