"""One simulation of a run's record, and what is kept of it for all that is asked afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import pandas as pd
import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.model.basin_groups import basin_groups
from gridhydro.model.state import Simulation
from gridhydro.observations.averages import Averages


@torch.no_grad()
def simulate_record(
    run, record: Forcing, outputs: Sequence[str], averages: Averages | None = None
) -> Simulation:
    """A run's model over a record, started as in its training; on the CPU, without the last state.

    Discharge (T, G), `outputs` (T, N), and with `averages` the water stored over its periods (R, N)
    """
    model = run.model.eval()
    averages = None if averages is None else averages.to(model.area.device)
    if run.whole:
        values, state = record.values.to(model.area.device), None
        if run.cycles:
            until = run.trained_until(record)
            state = model.spin_up(values[:, :until], run.cycles, outputs=outputs)
        elif run.balanced:
            state = run.near_equilibrium(values)
        elif run.settled:
            state = model.settled(values[:, : run.trained_until(record)])
        return _on_cpu(model(values, state, outputs, averages=averages))
    found = None
    for cells, weather in basin_groups(model, record):
        until = run.trained_until(record) if run.settled else 0
        state = model.settled(weather[:, :until], cells)
        part = _on_cpu(model(weather, state, outputs, cells=cells, averages=averages))
        found = _room_for(part, record.size) if found is None else found
        for whole, values in zip(_tensors(found), _tensors(part), strict=True):
            whole[:, cells.cpu()] = values
    return required("cell to simulate", found)


def _on_cpu(simulation: Simulation) -> Simulation:
    storage = simulation.storage
    return Simulation(
        required("discharge", simulation.discharge).cpu(),
        {name: values.cpu() for name, values in simulation.outputs.items()},
        None,
        None if storage is None else storage.cpu(),
    )


def _room_for(part: Simulation, cells: int) -> Simulation:
    """A simulation of all cells that is filled group by group: the parts are not held beside it."""

    def room(values: Tensor) -> Tensor:
        return values.new_empty(len(values), cells)

    outputs = {name: room(values) for name, values in part.outputs.items()}
    discharge = required("discharge", part.discharge)
    storage = None if part.storage is None else room(part.storage)
    return Simulation(room(discharge), outputs, None, storage)


def _tensors(simulation: Simulation) -> list[Tensor]:
    rest = [] if simulation.storage is None else [simulation.storage]
    return [required("discharge", simulation.discharge), *simulation.outputs.values(), *rest]


@dataclass
class Kept:
    """The simulation of a run's own forcing and its scores, kept as long as the run is the same.

    mark    of the run as it was then; see `mark_of`
    scores  tables of `evaluate` by the name of their period
    """

    mark: object = None
    simulation: Simulation | None = None
    averages: Averages | None = None
    scores: dict[str, pd.DataFrame] = field(default_factory=dict)

    def at(self, mark) -> Kept:
        """The same, empty where the run is another than it was."""
        if mark != self.mark:
            self.mark, self.simulation, self.averages, self.scores = mark, None, None, {}
        return self

    def lacking(self, outputs: Sequence[str]) -> list[str]:
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

    def part(self, outputs: Sequence[str], averages: Averages | None) -> Simulation:
        """The outputs that were asked for, of all that is kept; nothing is copied."""
        found = required("simulation yet", self.simulation)
        chosen = {name: found.outputs[name] for name in outputs}
        return replace(found, outputs=chosen, storage=found.storage if averages else None)

    def note(self, period: str, table: pd.DataFrame) -> None:
        """Keep scores of a period beside those of other gauges in it."""
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
