"""Check of all that a training takes, before it is begun: what it would refuse, all at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import xarray as xr

from gridhydro.base.lock import Lock
from gridhydro.base.report import REFUSED, Doors, Report
from gridhydro.columns import column as column_named
from gridhydro.columns.column import Column
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.observations import runoff_ratio
from gridhydro.observations.discharge import discharge_table, observations
from gridhydro.training.data import read_data
from gridhydro.training.objective import Objective
from gridhydro.training.options import Checkpoints
from gridhydro.training.plan import Plan
from gridhydro.training.prepare import prepare
from gridhydro.training.record import holding


def check(
    domain: Domain | CellModel,
    forcing: xr.Dataset | Forcing,
    column: str | Column = "hbv",
    discharge=None,
    **training,
) -> Report:
    """Report of the domain's own findings, and of all that `gridhydro.train` would refuse.

    domain     or the model that is to be trained, which is left as it is; its column counts then
    forcing    Dataset (time, y, x), of lumped basins (time, gauge), as for `gridhydro.train`; or a
               `Forcing`, whose values were checked when it was read
    discharge  observed, as for `gridhydro.train`
    training   its other keywords: period, targets, spinup, batches, loss, session, ...; without
               any, what hangs on the period is passed over: discharge may be of some gauges only

    The input goes through the doors of `gridhydro.train` up to its first step; errors are what it
    would refuse with, of several parts at once, and its warnings are those of the report. Without
    a model what it needs of a network is passed over. Nothing is run. TypeError for keywords that
    `train` does not have.
    """
    report = Report()
    doors = Doors(report)
    model = doors(_model, domain, column)
    if model is REFUSED:
        return report
    if training:
        doors(_whole, model, forcing, discharge, Plan(**training).watched(False), doors)
    else:
        _in_short(model, forcing, discharge, doors)
    return model.domain.report + report


def _model(domain, column) -> CellModel:
    """A model to be checked with: a copy, or one of a domain without a network."""
    if isinstance(domain, Domain):
        return CellModel(domain, column_named(column))
    if isinstance(domain, CellModel):
        same = (domain.domain, domain.column)  # nothing changes these
        return copy.deepcopy(domain, {id(one): one for one in same})
    raise ValueError(
        f"check(domain, ...) is of a gridhydro.Domain or a model, not of a {type(domain).__name__}"
    )


def _whole(model: CellModel, forcing, discharge, plan: Plan, doors: Doors) -> None:
    """Through all doors of a training."""
    options = plan.options(doors)
    with ExitStack() as stack:
        if options.checkpoints is not None:
            doors(stack.enter_context, doors(_held, options.checkpoints))
        if hasattr(model, "network"):
            prepare(model, forcing, discharge, plan, options, doors)
            return
        data = doors(read_data, model, forcing, discharge, plan, options, doors)
        doors(Objective, data, plan.loss)
        if plan.batches is None and data is not REFUSED:
            doors(data.whole)


@contextmanager
def _held(checkpoints: Checkpoints) -> Iterator[None]:
    """The folder of the checkpoints, as a training holds it; what was made for that goes again."""
    with _left_as_it_is(checkpoints.state), holding(checkpoints):
        yield


@contextmanager
def looked_at(folder: Path) -> Iterator[None]:
    """The folder of a run, locked as for a training."""
    with _left_as_it_is(folder), Lock(folder):
        yield


@contextmanager
def _left_as_it_is(folder: Path) -> Iterator[None]:
    """Where the folder was not there it goes again."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()


def _in_short(model: CellModel, forcing, discharge, doors: Doors) -> None:
    """What holds for every training: the forcing, and discharge of some gauges against it."""
    weather = doors(Forcing.read, forcing, model.domain, model, doors=doors)
    if discharge is None:
        return
    table = doors(_of_some_gauges, discharge, model.domain)
    if weather is REFUSED:
        return
    observed = doors(observations, table, weather.times, model, [], "cpu", None)
    days = slice(0, len(weather.times))
    doors(runoff_ratio.refuse, observed, weather, model, days)


def _of_some_gauges(discharge, domain: Domain):
    """The table of discharge; ValueError where it has none of the domain's gauges."""
    table, gauges = discharge_table(discharge, domain), list(domain.gauges.index)
    if not set(gauges) & set(table.columns):
        raise ValueError(
            f"there is no discharge of the gauges {', '.join(gauges[:5])}; it has "
            f"{', '.join(table.columns[:5])}: name them alike"
        )
    return table
