"""What one of several processes runs of a step over a whole domain: some of its rivers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gridhydro.base import ranks
from gridhydro.domain.shares import share_of
from gridhydro.model.model import Model
from gridhydro.model.part import part_of
from gridhydro.training import draws
from gridhydro.training.batches import Batch
from gridhydro.training.data import TrainingData


@dataclass(frozen=True, eq=False)
class Share:
    """The rivers of a process: the data of a training, cut down to them, and its step.

    The batch is compared with all that is observed: discharge and storage of the other processes
    come in on the way to the loss.
    """

    data: TrainingData
    batch: Batch


def whole_step(data: TrainingData) -> Share:
    """A step over the whole domain and period, or this process's share of it.

    ValueError where the model, or the domain, cannot be shared out.
    """
    if ranks.count() == 1:
        return Share(data, data.whole())
    model = data.model
    if not isinstance(model, Model):
        raise ValueError(f"a {type(model).__name__} is shared by processes in minibatches alone")
    rivers = share_of(model.domain.network)
    if not rivers.size:
        raise ValueError(
            f"{ranks.count()} processes share {model.domain.network.outlets.size} rivers, and each "
            "needs one: take fewer processes, or minibatches (Batches(gauges=...))"
        )
    part, taken = part_of(model, rivers)
    cells = taken[: part.domain.size]
    forcing = replace(data.forcing, values=data.forcing.values[:, :, taken])
    own = replace(data, model=part, forcing=forcing)
    mine = (draws.places(cells, model.gauge_cells[data.places]) >= 0).nonzero().squeeze(1)
    at = draws.among(cells, model.gauge_cells, data.places[mine])
    return Share(own, replace(own.whole(), at=at, own=mine, shared=cells))
