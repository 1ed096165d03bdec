"""The minibatches of a training for a loop of one's own: plain torch, Lightning, or any other."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gridhydro.base import ranks
from gridhydro.base.arguments import required, whole
from gridhydro.evaluation.losses import NothingObserved
from gridhydro.model.base import CellModel
from gridhydro.training.batches import Batch, Batches
from gridhydro.training.data import seed_of_epoch
from gridhydro.training.plan import Plan
from gridhydro.training.prepare import prepare


class Minibatches(torch.nn.Module):
    """The minibatches that `gridhydro.train` would draw, and as a module the loss of each.

    model, forcing, discharge  as for `train`, which they are checked and scaled for in the same way
    batches  how they are drawn; `together` says nothing here
    more     the other keywords of `train` that say what is compared: period, targets, loss, spinup,
             session
    Its weights are those of the model: optimizers, Lightning, `DistributedDataParallel` take it as
    any other module. What `train` does beside (balance, clipping, rates, checkpoints, validation)
    is the loop's business. ValueError as of `train`.
    """

    def __init__(
        self, model: CellModel, forcing, discharge=None, *, batches: Batches, **more
    ) -> None:
        super().__init__()
        plan = Plan(batches=required("batches", batches), **more).watched(False)
        loop = prepare(model, forcing, discharge, plan, plan.options()).loop
        self.model = model
        self._data, self._objective, self._rivers = loop.data, loop.objective, loop.rivers
        self._seed = loop.session.seed

    def epoch(self, number: int = 0) -> Iterator[Batch | None]:
        """The minibatches of an epoch, which its number and the seed of the session decide.

        In a group of torch.distributed each process has every so-manieth, all of them as many: None
        where nothing is observed in one, and where there is none left.
        """
        number = whole("epoch: number", number, 0)
        with ranks.sharing():
            count, me = ranks.count(), ranks.number()
        seed, begun = seed_of_epoch(self._seed, number), None
        if self._rivers is None:
            drawn = self._data.epoch(number, self._seed)
        else:
            if required("batches", self._data.batches).from_states:
                named = self.model.named_parameters()
                begun = {name: weights.detach().clone() for name, weights in named}
            drawn = self._rivers.epoch(seed, begun)
        for first in range(0, drawn.count, count):
            with ranks.sharing():
                batch = drawn.batch(first + me) if first + me < drawn.count else None
            yield batch

    def forward(self, batch: Batch | None) -> Tensor:
        """The loss of a minibatch; of None, and where nothing varies, 0 with gradients of 0."""
        if batch is not None:
            try:
                run = batch.simulate(self.model, self._data.state(batch), self._objective)
                return self._objective(run, batch)[0]
            except NothingObserved:
                pass
        return sum((weights.sum() * 0 for weights in self.parameters()), torch.tensor(0.0))
