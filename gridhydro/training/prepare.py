"""A training made ready: every door that its input passes before the first step.

`gridhydro.train` and `gridhydro.check` both come through here, so that what one refuses is what
the other reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gridhydro.base.report import STRICT, Doors
from gridhydro.model.base import CellModel
from gridhydro.training import data_digest
from gridhydro.training.data import TrainingData, read_data
from gridhydro.training.loop import Loop
from gridhydro.training.objective import Objective
from gridhydro.training.options import Checkpoints, Optimizer
from gridhydro.training.plan import Options, Plan
from gridhydro.training.record import Record, settings


@dataclass(frozen=True)
class Ready:
    """A training before its first step; about: its settings, and the digests of its data where it
    keeps checkpoints."""

    data: TrainingData
    loop: Loop
    record: Record
    about: dict


def prepare(
    model: CellModel, forcing, discharge, plan: Plan, options: Options, doors: Doors = STRICT
) -> Ready:
    """Read, check and pack all that a training takes; the arguments are those of `train`.

    Moves the model to its device and scales what its networks read. ValueError for what does not
    fit together; the folder of the checkpoints is to be held already.
    """
    if not isinstance(model, CellModel):
        raise ValueError(f"model is a gridhydro.Model, not a {type(model).__name__}")
    data = doors(read_data, model, forcing, discharge, plan, options, doors)
    objective = doors(Objective, data, plan.loss)
    doors(TrainingData.fit_inputs, data)
    weights = doors(_weights, model, options.optimizer, options.epochs)
    loop = doors(
        Loop, data, objective, options.optimizer, weights, options.session,
        doors(_folder, options.checkpoints),
    )  # fmt: skip
    return doors(_ready, data, objective, loop, options)


def _ready(data: TrainingData, objective: Objective, loop: Loop, options: Options) -> Ready:
    """With the record, gone on with where that is asked for."""
    kept, session = options.checkpoints, options.session
    about = settings(data, objective, options.optimizer, options.epochs, session)
    digests = {} if kept is None else data_digest.of_training(data, objective)
    record = Record(kept, about, digests, data.model, loop.weights, session, loop.balance)
    return Ready(data, loop, record, about | _told(digests))


def _told(digests: dict) -> dict:
    return {"data": data_digest.alone(digests)} if digests else {}


def _weights(model: CellModel, optimizer: Optimizer, epochs: int):
    """The optimizer of what is to be learned; ValueError where there is nothing, though epochs to
    learn in."""
    weights = [w for w in model.parameters() if w.requires_grad]
    if epochs and not weights:
        raise ValueError("this model has nothing to learn (network='none'): take epochs=0")
    return optimizer.of(weights or list(model.parameters()))


def _folder(checkpoints: Checkpoints | None) -> Path:
    """Where a case that diverges is kept."""
    return Path() if checkpoints is None else Path(checkpoints.folder)
