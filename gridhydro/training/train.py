"""Training against what is observed: whole periods or minibatches, spin-up, exact resume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from gridhydro.base.arguments import whole
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.model.run import Run
from gridhydro.observations.storage_target import StorageTarget
from gridhydro.observations.targets import Target
from gridhydro.training import data_digest
from gridhydro.training.batches import Batches
from gridhydro.training.data import read_data
from gridhydro.training.loop import Loop
from gridhydro.training.objective import Objective
from gridhydro.training.options import Checkpoints, Optimizer, Session, SpinUp, as_options
from gridhydro.training.record import Record, holding, settings
from gridhydro.training.splits import Split


def train(
    model: CellModel,
    forcing: xr.Dataset | Forcing,
    discharge: pd.DataFrame | xr.DataArray | None = None,
    *,
    period: tuple[str, str] | Split,
    targets: Target | StorageTarget | Sequence[Target | StorageTarget] = (),
    loss: str | Callable = "nse",
    spinup: SpinUp | int = SpinUp(),
    epochs: int = 150,
    optimizer: Optimizer | str = Optimizer(),
    batches: Batches | None = None,
    checkpoints: Checkpoints | str | Path | None = None,
    session: Session = Session(),
) -> Run:
    """Fit the model's network to what is observed: discharge, water storage, and other targets.

    forcing      Dataset (time, y, x) of the column's forcings on the domain's grid
    discharge    m3 s-1 (or a DataArray with units, mm d-1 too), one column per gauge of the domain;
                 NaN is a missing day; may be left out where there is something else to fit
    period       first and last day (or month, or year) that are scored, both included; or a
                 `gridhydro.Split`, which says as well which gauges are trained on, and is kept
    targets      observed series of other outputs of the column, `gridhydro.Target`s, and of water
                 storage on tiles, a `gridhydro.StorageTarget`; the loss is the mean of all parts by
                 their weights, of which discharge has 1, or 1 less that of storage
    loss         of discharge: "nse", "rmse_lowflow", "kge" or a function (simulated, observed),
                 mm d-1, (T, G); one that also takes `variance` gets, for minibatches, that of each
                 gauge's period
    spinup       a `gridhydro.SpinUp`, or its days before the period (without batches)
    optimizer    a `gridhydro.Optimizer` (learning rate, decay, clip), or its name
    batches      minibatches of lumped basins x windows of days; None: each step sees everything
    checkpoints  a folder to keep the state of the training in, or `gridhydro.Checkpoints` to go on
                 from the last, with the same settings and data (`epochs` may be raised)
    session      how it is run and watched, see `gridhydro.Session`: seed, device, validation, ...

    Without `batches` an epoch is one step over the whole period. Returns the run with the model,
    which is changed in place. Raises ValueError for input that does not fit together, for a folder
    that holds a training already or in which another process is at work, and NotFinite, naming
    the first bad cell, day and quantity, if training diverges.
    """
    epochs, spinup = whole("epochs", epochs, 0), as_options(SpinUp, spinup)
    optimizer = as_options(Optimizer, optimizer)
    if checkpoints is not None:
        checkpoints = as_options(Checkpoints, checkpoints)
    with holding(checkpoints):
        data = read_data(model, forcing, discharge, targets, period, spinup, batches, session)
        objective = Objective(data, loss)
        data.fit_inputs()
        weights = optimizer.of(_learned(model, epochs))
        folder = Path() if checkpoints is None else Path(checkpoints.folder)
        loop = Loop(data, objective, optimizer, weights, session, folder)

        about = settings(data, objective, optimizer, epochs, session.seed)
        digests = {} if checkpoints is None else data_digest.of_training(data, objective)
        record = Record(checkpoints, about, digests, model, weights, session)
        loop.run(record, epochs)
        if digests:
            about |= {"data": data_digest.alone(digests)}
        drift = data.drift()
        if drift is not None:
            drift.warn(
                "take SpinUp(start='settled'), or more cycles"
                if batches is None
                else "take a longer warm-up, Batches(warmup=...)"
            )
            about |= {"storage_drift": drift.to_json()}
        return Run(model, data.forcing, record.table, about)


def _learned(model: CellModel, epochs: int) -> list:
    """The weights to learn; ValueError where there are none, though epochs to learn in."""
    weights = [w for w in model.parameters() if w.requires_grad]
    if epochs and not weights:
        raise ValueError("this model has nothing to learn (network='none'): take epochs=0")
    return weights or list(model.parameters())
