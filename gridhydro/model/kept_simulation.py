"""One simulation of a run's record, and what is kept of it for all that is asked afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import pairwise

import pandas as pd
import torch
from torch import Tensor

from gridhydro.base import ranks
from gridhydro.base.arguments import required
from gridhydro.base.exchange import as_one
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.model.continued import Stops
from gridhydro.model.march import YEAR, years
from gridhydro.model.reduced import AtCells, Gathered, Wanted, name_of
from gridhydro.model.river_extras import UNMET, WITHDRAWN, tell_unmet
from gridhydro.model.shared_walk import SharedWalk
from gridhydro.model.state import Simulation, State
from gridhydro.observations.averages import Averages


def simulate_record(
    run,
    record: Forcing,
    outputs: Sequence[Wanted],
    averages: Averages | None = None,
    days: slice | None = None,
    state: State | None = None,
    stops: Stops | None = None,
) -> Simulation:
    """A run's model over a record, started as in its training; on the CPU, without the last state.

    Discharge (T, G), `outputs` (T, N), or what is asked for in their place, and with `averages` the
    water stored over its periods (R, N). With `days` the T are these alone, and those before them
    only fill the stores. It goes on from a `state`, where one is given, and keeps that of other
    days.
    It goes by blocks: only what is asked for is ever whole. Where processes share it each runs some
    of the cells, and all have what is asked for.
    """
    kept = Stops() if stops is None else stops
    walk = SharedWalk(run, record, [name_of(one) for one in outputs], state)
    first = 0 if days is None else days.start
    times = record.times if days is None else record.times[days]
    here = [walk.of_own(one) for one in outputs]
    flow = Gathered("discharge", times)
    gathered = [Gathered(one, times) for one, _ in here]
    storage: Tensor | None = None
    with as_one():
        kept.pass_by(walk, first)
        for part in kept.cut(parts_of(len(times), averages), first):
            means = None if averages is None else averages.part(part)
            there = slice(first + part.start, first + part.stop)
            one = walk.take(there, None if means is None else means[0])
            kept.keep_at(walk)
            flow.add(part, required("discharge", one.discharge))
            for each in gathered:
                each.add(part, one.outputs[name_of(each.wanted)])
            if averages is not None and means is not None:
                mean = required("storage", one.storage)
                if storage is None:
                    storage = mean.new_zeros(averages.count, mean.shape[1])
                if len(means[1]):
                    storage[means[1]] = mean
        kept.pass_by(walk, len(record.times))
    domain = run.model.domain
    discharge = _joined(flow.whole(), walk.own_gauges, len(domain.gauges))
    found = {}
    for wanted, each, (_, places) in zip(outputs, gathered, here, strict=True):
        size = len(wanted.cells) if isinstance(wanted, AtCells) else domain.size
        found[wanted] = _joined(each.whole(), places, size)
    if storage is not None:
        storage = _joined(storage, walk.own, domain.size)
    if {WITHDRAWN.name, UNMET.name} <= set(found):
        tell_unmet(found[WITHDRAWN.name].sum(0), found[UNMET.name].sum(0))
    return Simulation(discharge, found, None, storage)


def _joined(values: Tensor, own: Tensor, size: int) -> Tensor:
    """Series (L, size) of which this process has some columns."""
    return values if ranks.count() == 1 or not size else ranks.columns(values, own, size)


def parts_of(days: int, averages: Averages | None = None) -> list[slice]:
    """About a year each, of so many days: cut where no period of the averages is."""
    if averages is None or not days:
        return years(slice(0, days)) or [slice(0, 0)]
    cuts, edges = [*averages.cuts().tolist(), days], [0]
    for cut, following in zip(cuts, [*cuts[1:], None], strict=True):
        if following is None or following - edges[-1] > YEAR:
            edges.append(cut)
    return [slice(a, b) for a, b in pairwise(edges)]


@dataclass
class Kept:
    """The simulation of a run's own forcing and its scores, kept as long as the run is the same.

    mark    of the run as it was then; see `mark_of`
    scores  tables of `evaluate` by the name of their period
    periods first and last day of these periods
    """

    mark: object = None
    simulation: Simulation | None = None
    averages: Averages | None = None
    scores: dict[str, pd.DataFrame] = field(default_factory=dict)
    periods: dict[str, tuple[str, str]] = field(default_factory=dict)

    def at(self, mark) -> Kept:
        """The same, empty where the run is another than it was."""
        if mark != self.mark:
            self.mark, self.simulation, self.averages = mark, None, None
            self.scores, self.periods = {}, {}
        return self

    def lacking(self, outputs: Sequence[Wanted]) -> list[Wanted]:
        """Those of the outputs that are not kept."""
        there = {} if self.simulation is None else self.simulation.outputs
        return [name for name in outputs if name not in there]

    def has_means(self, averages: Averages | None) -> bool:
        """Whether the storage over these periods is kept, or none is asked for."""
        mine = self.averages
        return averages is None or (
            mine is not None
            and mine.count == averages.count
            and torch.equal(mine.row, averages.row.cpu())
            and torch.equal(mine.weight, averages.weight.cpu())
        )

    def add(self, more: Simulation, averages: Averages | None) -> None:
        """Keep further outputs, and the storage over the periods that were asked for last."""
        if averages is not None:
            self.averages = averages.to("cpu")
        if self.simulation is None:
            self.simulation = more
            return
        old = self.simulation
        storage = old.storage if more.storage is None else more.storage
        self.simulation = replace(old, outputs=old.outputs | more.outputs, storage=storage)

    def part(self, outputs: Sequence[Wanted], averages: Averages | None) -> Simulation:
        """The outputs that were asked for, of all that is kept; nothing is copied."""
        found = required("simulation yet", self.simulation)
        chosen = {name: found.outputs[name] for name in outputs}
        return replace(found, outputs=chosen, storage=found.storage if averages else None)

    def note(self, period: str, table: pd.DataFrame, days: tuple[str, str]) -> None:
        """Keep scores of a period, of these days, beside those of other gauges in it."""
        self.periods[period] = days
        if period in self.scores:
            before = self.scores[period]
            others = before[~before["gauge"].isin(table["gauge"])]
            table = pd.concat([others, table], ignore_index=True) if len(others) else table
        self.scores[period] = table


def mark_of(model: CellModel, forcing: Forcing | None, *settings) -> tuple:
    """All that a simulation depends on: a digest of the weights, the forcing, other settings."""
    digest = blake2b(digest_size=16)
    for name, values in model.state_dict().items():
        digest.update(name.encode())
        digest.update(values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest(), _Same(forcing), settings


class _Same:
    """Equal to another of the very same object, which it keeps alive."""

    def __init__(self, thing: object):
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.thing is self.thing
