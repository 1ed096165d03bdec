"""Minibatches for a loop of one's own: what `train` draws, and the losses that it has."""

import numpy as np
import pytest
import torch

import gridhydro as gh
from gridhydro.base import ranks
from tests.support import lumped
from tests.support.shared_training import PERIOD, own_steps, world

QUIET = gh.Session(progress=False, seed=3)


def in_a_loop(steps, epochs=2):
    """The mean loss of each epoch of a plain loop."""
    optimizer = torch.optim.SGD(steps.parameters(), lr=0.1)
    for number in range(epochs):
        losses = []
        for batch in steps.epoch(number):
            optimizer.zero_grad()
            loss = steps(batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield np.mean(losses)


@pytest.mark.parametrize("warmup", [60, "states"])
def test_a_plain_loop_over_rivers_learns_what_train_learns(monkeypatch, warmup):
    batches = gh.Batches(2, 60, warmup)
    found = list(in_a_loop(own_steps(batches)))
    options = gh.Optimizer(learning_rate=0.1, decay=False, clip=float("inf"))
    monkeypatch.setattr(gh.Optimizer, "of", lambda self, weights: torch.optim.SGD(weights, lr=0.1))
    domain, attributes, forcing, discharge, _ = world()
    model = gh.Model(domain, "hbv", attributes, network=gh.ParameterNetwork("mlp", hidden=(8,)))
    run = gh.train(
        model, forcing, discharge, period=PERIOD, epochs=2, optimizer=options, batches=batches,
        session=gh.Session(progress=False, seed=1),
    )  # fmt: skip
    np.testing.assert_allclose(found, run.history["loss"], rtol=1e-6)
    assert found[1] < found[0]


def test_basins_are_drawn_as_well_and_nothing_observed_is_no_loss():
    parts = lumped.basins()
    steps = gh.Minibatches(
        lumped.model("mlp"), parts.forcing, parts.discharge, period=lumped.PERIOD,
        batches=lumped.BATCHES, session=QUIET,
    )  # fmt: skip
    first, *_ = steps.epoch(0)
    again, other = next(steps.epoch(0)), next(steps.epoch(1))
    assert torch.equal(first.forcing, again.forcing) and not torch.equal(first.cells, other.cells)
    assert len(list(steps.epoch(0))) > 1 and steps(first) > 0
    with pytest.raises(ValueError, match=r"epoch: number is 0\.5, should be a whole number"):
        next(steps.epoch(0.5))
    nothing = steps(None)
    nothing.backward()
    assert nothing == 0
    assert all((p.grad == 0).all() for p in steps.parameters() if p.requires_grad)


def test_every_process_has_as_many_minibatches(monkeypatch):
    steps = own_steps(gh.Batches(1, 60, 60))
    alone = [batch.number for batch in steps.epoch(0)]
    found = []
    for number in range(4):
        monkeypatch.setattr(ranks, "count", lambda: 4)
        monkeypatch.setattr(ranks, "number", lambda number=number: number)
        found.append([None if one is None else one.number for one in steps.epoch(0)])
    assert len({len(one) for one in found}) == 1 and len(alone) % 4
    assert sorted(one for each in found for one in each if one is not None) == alone


def test_minibatches_without_batches_are_refused():
    with pytest.raises(ValueError, match="batches"):
        own_steps(None)
