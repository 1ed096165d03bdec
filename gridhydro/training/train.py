"""Training against what is observed: whole periods or minibatches, spin-up, exact resume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from gridhydro.base import ranks
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.model.run import Run
from gridhydro.observations.storage_target import StorageTarget
from gridhydro.observations.targets import Target
from gridhydro.training.batches import Batches
from gridhydro.training.options import Checkpoints, Optimizer, Session, SpinUp
from gridhydro.training.plan import Options, Plan
from gridhydro.training.prepare import prepare
from gridhydro.training.record import holding
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
    optimizer    a `gridhydro.Optimizer` (learning rate, decay, clip, and how the parts of the loss
                 are balanced, if not by their weights), or its name
    batches      minibatches of gauges x windows of days, `gridhydro.Batches`; None: each step sees
                 everything. On a raster those compared with discharge are drawn from the gauges,
                 those with water storage from the tiles, in any order: each step follows one of
                 them, scaled so that over an epoch both have their weights; storage anomalies are
                 then from the mean of the window. Targets are compared in the cells that are run
    checkpoints  a folder to keep the state of the training in, or `gridhydro.Checkpoints` to go on
                 from the last, with the same settings and data (`epochs` may be raised)
    session      how it is run and watched, see `gridhydro.Session`: seed, device, validation, ...

    Without `batches` an epoch is one step over the whole period. Processes that torchrun started,
    or that are in a group of torch.distributed, share the training: minibatches are dealt out to
    them, or whole rivers. All end with the same weights, to rounding those of one process with as
    many minibatches `together` (but for dropout where rivers are shared: it is drawn in each
    process for its own); the first keeps checkpoints and scores.

    Returns the run with the model, which is changed in place. Raises ValueError for input that does
    not fit together, for a folder that holds a training already or in which another process is at
    work, and for a step that needs more memory than there is; and NotFinite, naming the first bad
    cell, day and quantity, if training diverges.
    """
    plan = Plan(period, targets, loss, spinup, epochs, optimizer, batches, checkpoints, session)
    options = plan.options()
    with ranks.sharing(), holding(options.checkpoints):
        ready = prepare(model, forcing, discharge, plan, options)
        ready.loop.run(ready.record, options.epochs)
        about = ready.about | {"kept_epoch": ready.record.kept_epoch}
        if ranks.first():
            with ranks.alone():
                drift = ready.data.drift()
            if drift is not None:
                drift.warn(_remedy(options))
                about = about | {"storage_drift": drift.to_json()}
        return Run(model, ready.data.forcing, ready.record.table, about)


def _remedy(options: Options) -> str:
    """What helps against stores that are not settled."""
    if options.batches is not None:
        if options.batches.from_states:
            return "begin the period later, or take SpinUp(start='settled')"
        return "take a longer warm-up, Batches(warmup=...)"
    if options.spinup.settled:
        return "begin the period later, with more days of spin-up before it"
    return "take SpinUp(start='settled'), or more cycles"
