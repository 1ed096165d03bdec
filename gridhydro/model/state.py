"""The state of a model and the results of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from gridhydro.model import state_file
from gridhydro.model.state_file import Origin


@dataclass(frozen=True)
class State:
    """All that a model carries from one moment to the next: a run that goes on from it is as one
    that was never interrupted.

    column      stores by name (N, M) mm
    river       (6, N) m3; None for lumped basins
    hydrograph  flow -> (14, N) or (14, N, M) mm d-1 that has not all reached the gauge, if routed
    memory      "hidden" and "cell" (1, N, H) of an LSTM over the weather, if the model has one
    weather     (F, B, N), the last days of the forcing, which a correction looks back on, if any.
                What it made of them knew nothing of the days after: where it looks ahead, give the
                days around the cut as `before` instead
    begun       of a state that a `Run` keeps: the memory at the beginning of a tile of days, of
                which `weather` has those before the state
    steady      of a state that a `Run` keeps: parameters (N, M) that a network read off all the
                weather
    origin      of a state that a `Run` keeps: its day, its model and its cells

    `torch.save` may keep it too, by itself or among other things: `torch.load` reads it with
    `weights_only=True` wherever this module, as by any model, has been imported.
    """

    column: dict[str, Tensor]
    river: Tensor | None
    hydrograph: dict[str, Tensor] | None = None
    memory: dict[str, Tensor] | None = None
    weather: Tensor | None = None
    begun: dict[str, Tensor] | None = None
    steady: dict[str, Tensor] | None = None
    origin: Origin | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> State:
        """The same with another tensor in place of each, such as on another device."""
        return self._each(lambda name, value: change(value))

    def at(self, cells: Tensor) -> State:
        """All of it in some cells (B,)."""
        chosen = self._each(lambda name, v: v.index_select(self.axis_of_cells(name), cells))
        return replace(chosen, origin=None)

    def _each(self, change: Callable[[str, Tensor], Tensor]) -> State:
        changed: dict = {}
        for name, value in vars(self).items():
            if isinstance(value, dict):
                changed[name] = {key: change(f"{name}/{key}", one) for key, one in value.items()}
            else:
                changed[name] = change(name, value) if isinstance(value, Tensor) else value
        return State(**changed)

    @staticmethod
    def axis_of_cells(name: str) -> int:
        """The axis along which the cells are in the one of `tensors` with this name."""
        return state_file.axis_of_cells(name)

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, on the CPU, for a file; not its origin."""
        found: dict[str, Tensor] = {}
        for name, value in vars(self.map(lambda v: v.detach().cpu().contiguous())).items():
            if isinstance(value, dict):
                found |= {f"{name}/{key}": one.clone() for key, one in value.items()}
            elif isinstance(value, Tensor):
                found[name] = value.clone()
        return found

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor], origin: Origin | None = None) -> State:
        """The state of which these are the `tensors`."""
        found: dict = {"column": {}, "river": None}
        for key, value in tensors.items():
            name, inner, part = key.partition("/")
            if inner:
                found.setdefault(name, {})[part] = value
            else:
                found[name] = value
        return cls(**found, origin=origin)

    def to_file(self, path: str | Path) -> None:
        """Write it to one NetCDF file, which `from_file` reads: stores, rivers and the rest by name
        and cell, with units, and where a `Run` has kept it the day, the cells and a digest of the
        model. The file appears whole or not at all."""
        state_file.write(Path(path), self.tensors(), self.origin)

    @classmethod
    def from_file(cls, path: str | Path) -> State:
        """The state in a file that `to_file` wrote, to the last bit; its values may have been
        changed since. ValueError for a file that holds none, is damaged, or has gaps."""
        return cls.of_tensors(*state_file.read(Path(path)))

    def carrying(self, memory: dict[str, Tensor] | None, weather: Tensor | None) -> State:
        """The same with what networks keep in mind of the weather."""
        return replace(self, memory=memory, weather=weather)


@dataclass(frozen=True)
class Simulation:
    """The results of a run.

    discharge  (T, G) m3 s-1 at the gauges; None of a raster whose rivers were left out
    outputs    daily fluxes and states by name, (T, N); of a run by what was asked for
    state      all that a run goes on from, at the end
    storage    (R, N) mm, water in all stores and in the rivers as means over periods, if asked for
    """

    discharge: Tensor | None
    outputs: dict
    state: State | None
    storage: Tensor | None = field(default=None)


# only data: torch may make them of a file that is not trusted
torch.serialization.add_safe_globals([State, Simulation, Origin])
