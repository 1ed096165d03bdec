"""Parameters of every gauge or cell by itself: the classical baseline of learning them together."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch
import xarray as xr

from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.observations.targets import Target
from gridhydro.training import data_digest
from gridhydro.training.calibration.objective import put
from gridhydro.training.calibration.prepare import prepare
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
    if checkpoints is not None:
        checkpoints = as_options(Checkpoints, checkpoints)
    with holding(checkpoints):
        ready = prepare(
            model, forcing, discharge, target=target, period=period, spinup=spinup, loss=loss,
            method=method, session=session,
        )  # fmt: skip
        observed, losses, about = ready.observed, ready.losses, ready.about
        low = torch.zeros(len(losses.rows), device=session.place)
        digests = {}
        if checkpoints is not None:
            digests = data_digest.of_calibration(
                model, ready.forcing, ready.days, ready.spinup, observed
            )
        with Record(checkpoints, about, digests, session.progress, low.device) as record:
            found = minimize(
                losses, low, low + 1, method, streams=observed.cells, seed=session.seed,
                state=record.state, each=record.note,
            )  # fmt: skip
        losses.refuse_infinite(found.lowest[-1])
        put(model, observed.cells, losses.rows, found.best[-1])
        history = pd.DataFrame(record.history)
        return Calibration(
            model.eval(), ready.forcing, history, about, found, observed.cells, losses.rows
        )
