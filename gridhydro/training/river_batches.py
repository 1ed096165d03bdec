"""Minibatches of a raster: all cells upstream of some gauges, or tiles, over a window of days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from gridhydro.base import ranks
from gridhydro.base.arguments import required
from gridhydro.model.march import March
from gridhydro.model.model import Model
from gridhydro.model.part import part_of
from gridhydro.model.state import State
from gridhydro.observations.discharge import spread
from gridhydro.training import draws
from gridhydro.training.batches import Batch, Epoch
from gridhydro.training.compared_storage import ComparedStorage
from gridhydro.training.data import TrainingData
from gridhydro.training.draws import Draw, Pool
from gridhydro.training.objective import Objective


class RiverBatches:
    """The minibatches of a training on a raster.

    Those compared with discharge are drawn from the gauges, those compared with water storage from
    the tiles, in any order; each counts so often that over an epoch both have their weights.
    ValueError where one of them does not fit into a minibatch, or there is nothing to draw.
    """

    def __init__(self, data: TrainingData, objective: Objective):
        self.data, self.options = data, required("batches", data.batches)
        if not isinstance(data.model, Model):
            raise ValueError(
                f"a {type(data.model).__name__} has no rivers, and no such minibatches"
            )
        self.model = data.model
        self.storage, self.variance = objective.storage, None
        if objective.storage is not None:
            self.variance = spread(objective.storage.observed)
        self.network = data.model.domain.network
        self.pools = _pools(data, objective)
        for pool in self.pools:
            pool.refuse_large(self.network, self.options.cells)

    @property
    def most(self) -> int:
        """Cells of a minibatch, at most."""
        counts = [
            min(
                self.network.upstream_count(np.concatenate(pool.mouths)),
                sum(sorted(map(self.network.upstream_count, pool.mouths))[-self.options.gauges :]),
            )
            for pool in self.pools
        ]
        return min(max(counts), self.options.cells or max(counts))

    def draws(self, seed: int) -> tuple[int, list[Draw]]:
        """The length of windows, and what the minibatches of an epoch are of; the seed decides."""
        steps = self.data.steps_a_day
        days = draws.whole_days(self.data.days, steps)
        length, drawn = draws.of_rivers(self.options, days, self.pools, self.network, seed)
        return length * steps, [replace(one, start=one.start * steps) for one in drawn]

    def epoch(self, seed: int, begun: Mapping[str, Tensor] | None = None) -> Epoch:
        """The minibatches of an epoch.

        begun  weights of the model by name, with which the states are found that windows begin
               with: before the first minibatch, for all that this process runs from there on
        """
        length, drawn = self.draws(seed)
        states: dict[int, State] | None = None

        def batch(number: int) -> Batch | None:
            nonlocal states
            if states is None:
                mine = drawn[number :: ranks.count()]
                with ranks.alone():
                    states = {} if begun is None else self._states(mine, begun)
            return self.batch(drawn[number], length, states.pop(number, None))

        return Epoch(len(drawn), batch)

    @torch.no_grad()
    def _states(self, drawn: list[Draw], begun: Mapping[str, Tensor]) -> dict[int, State]:
        """The state in the cells of each minibatch, by its number, on the day that its window
        begins, of one run over the record."""
        model, found, day = self.model, {}, 0
        with _weights(model, begun):
            march = March(model, self.data.forcing.block, self.data.days.stop)
            state = self.data.first_state()
            for draw in sorted(drawn, key=lambda one: one.start):
                state = march.passed(slice(day, draw.start), state)
                day = draw.start
                if state is not None:  # else it begins with the record
                    cells = self.network.subset(self.network.upstream_cells(draw.mouths))[1]
                    known = state.carrying(march.remembered(day), None)
                    here = known.at(torch.as_tensor(cells, device=model.area.device))
                    found[draw.number] = here.map(lambda store: store.cpu())
        return found

    def batch(self, draw: Draw, length: int, state: State | None = None) -> Batch | None:
        """The data of one of them; None where nothing is observed."""
        data, warmup = self.data, self.options.before * self.data.steps_a_day
        part, taken = part_of(self.model, self.network.upstream_cells(draw.mouths))
        cells = taken[: part.domain.size]
        scored = slice(draw.start, draw.start + length)
        # a correction that looks ahead sees the days after the window, as it does in the whole
        ahead = 0 if part.correction is None else part.correction.ahead or 0
        days = slice(draw.start - warmup, min(scored.stop + ahead, data.days.stop))
        first, rest = slice(days.start, draw.start), slice(draw.start, days.stop)
        before, forcing = (data.forcing.part(some, taken) for some in (first, rest))
        if state is not None:
            state = self._begun(state, draw.start, taken)
        chosen = draw.pool.numbers[draw.chosen]
        gauges = chosen if draw.pool.one == "gauge" else chosen[:0]
        batch = Batch(
            before, forcing, self._discharge(scored, gauges), gauges, cells, days.start,
            number=draw.number, part=part, of=draw.pool.of, scale=draw.scale, state=state,
            at=draws.among(cells, self.model.gauge_cells, gauges),
        )  # fmt: skip
        targets = [
            one.values[scored][:, batch.columns(one)[0]].to(cells.device) for one in data.targets
        ]
        storage = self._storage(scored, chosen, cells, days) if batch.of == "storage" else None
        if storage is None and all(v.isnan().all() for v in (batch.observed, *targets)):
            return None
        longer = (0, 0, 0, days.stop - scored.stop)
        observed, *targets = (pad(v, longer, value=torch.nan) for v in (batch.observed, *targets))
        return replace(batch, observed=observed, targets=tuple(targets), storage=storage)

    def _begun(self, state: State, start: int, cells: Tensor) -> State:
        """The state where the model is, with the days before on which a correction looks back."""
        state = state.map(lambda store: store.to(cells.device))
        correction = self.model.correction
        if correction is None or correction.back == 0:
            return state
        first = 0 if correction.back is None else max(start - correction.back, 0)
        early = self.data.forcing.part(slice(first, start), cells)
        return state.carrying(state.memory, early)

    def _discharge(self, days: slice, gauges: Tensor) -> Tensor:
        """Observations (L, G) of these gauges, mm d-1."""
        if self.data.discharge is None:
            return torch.full(
                (days.stop - days.start, len(gauges)), torch.nan, device=gauges.device
            )
        values = self.data.discharge.values
        return values[0, days][:, gauges.to(values.device)].to(gauges.device)

    def _storage(self, days: slice, tiles: Tensor, cells: Tensor, run: slice):
        """Storage on these tiles in the window, of those that have two solutions there or more;
        None without any. Anomalies are those from the means of the window."""
        times = self.data.forcing.times
        first, last = (f"{times[day]:%Y-%m-%d}" for day in (days.start, days.stop - 1))
        whole = required("storage", self.storage).observations
        number, there = tiles.cpu().numpy(), whole.lies_within(first, last)
        number = number[np.isfinite(whole.values[there][:, number]).sum(0) > 1]
        if not len(number):
            return None
        variance = required("variance", self.variance)[number]
        chosen = whole.only(number, cells.cpu().numpy())
        within = replace(chosen, baseline=(first, last)).within(first, last)
        shown = times[days.start : run.stop]
        return ComparedStorage(within, shown, self.data.model, variance)


@contextmanager
def _weights(model: Model, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Within it the model has these weights, and is not in training."""
    own, training = dict(model.named_parameters()), model.training
    now = {name: value.detach().clone() for name, value in own.items()}
    model.eval()
    try:
        for name, value in weights.items():
            own[name].copy_(value)
        yield
    finally:
        for name, value in now.items():
            own[name].copy_(value)
        model.train(training)


def _pools(data: TrainingData, objective: Objective) -> list[Pool]:
    """What minibatches are drawn from: gauges to train on and tiles, as the loss has parts of them;
    all gauges where it has neither, but targets on cells."""
    pools, domain = [], data.model.domain
    device, known = data.places.device, list(domain.gauges.index)
    if "discharge" in objective.weights:
        pools.append(_of_gauges(domain, "discharge", data.places))
    if "storage" in objective.weights:
        tiles = required("storage", objective.storage).observations.tiles
        rows = np.split(tiles.matrix.indices, tiles.matrix.indptr[1:-1])
        mouths = [domain.network.outermost(cells) for cells in rows]
        numbers = torch.arange(tiles.size, device=device)
        pools.append(Pool("storage", "tile", list(tiles.names), numbers, mouths))
    if not pools and known:
        pools.append(_of_gauges(domain, None, torch.arange(len(known), device=device)))
    if not pools:
        raise ValueError(
            "minibatches of a raster are drawn by its gauges, and the domain has none: give "
            "gauges, or train without batches"
        )
    return pools


def _of_gauges(domain, of: str | None, places: Tensor) -> Pool:
    numbers = places.tolist()
    names = [domain.gauges.index[i] for i in numbers]
    cells = domain.gauge_cells
    return Pool(of, "gauge", names, places, [cells[i : i + 1] for i in numbers])
