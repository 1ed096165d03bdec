"""The state of a model and the results of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from gridhydro.base import files
from gridhydro.base.tensors import read_tensors

_GROUPS = ("column", "hydrograph", "memory")


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

    `torch.save` may keep it too, by itself or among other things: `torch.load` reads it with
    `weights_only=True` wherever this module, as by any model, has been imported.
    """

    column: dict[str, Tensor]
    river: Tensor | None
    hydrograph: dict[str, Tensor] | None = None
    memory: dict[str, Tensor] | None = None
    weather: Tensor | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> State:
        """The same with another tensor in place of each, such as on another device."""
        changed: dict = {}
        for name, value in vars(self).items():
            if isinstance(value, dict):
                changed[name] = {key: change(one) for key, one in value.items()}
            else:
                changed[name] = None if value is None else change(value)
        return State(**changed)

    def at(self, cells: Tensor) -> State:
        """Stores, river and memory of some cells (B,) of a raster."""
        river = None if self.river is None else self.river[:, cells]
        memory = self.memory and {name: part[:, cells] for name, part in self.memory.items()}
        column = {name: store[cells] for name, store in self.column.items()}
        return State(column, river, None, memory)

    @staticmethod
    def axis_of_cells(name: str) -> int:
        """The axis along which the cells are in the one of `tensors` with this name."""
        return 0 if name.startswith("column/") else 2 if name == "weather" else 1

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, on the CPU, for a file."""
        found: dict[str, Tensor] = {}
        for name, value in vars(self.map(lambda v: v.detach().cpu().contiguous())).items():
            if isinstance(value, dict):
                found |= {f"{name}/{key}": one.clone() for key, one in value.items()}
            elif value is not None:
                found[name] = value.clone()
        return found

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor], path: str | Path = "") -> State:
        """The state of which these are the `tensors`; ValueError, naming the file, for others."""
        found: dict = {"column": {}, "river": None}
        for key, value in tensors.items():
            name, inner, part = key.partition("/")
            if name not in cls.__dataclass_fields__ or bool(inner) != (name in _GROUPS):
                raise ValueError(f"{path} holds no state of a model: it has '{key}'")
            if inner:
                found.setdefault(name, {})[part] = value
            else:
                found[name] = value
        return cls(**found)

    def save(self, path: str | Path) -> None:
        """Write it to one file (safetensors), which `load` reads."""
        from safetensors.torch import save_file

        files.replace(Path(path), lambda beside: save_file(self.tensors(), beside))

    @classmethod
    def load(cls, path: str | Path) -> State:
        """The state in a file that `save` wrote; ValueError for a file that holds none."""
        tensors = read_tensors(Path(path), "save the state again", what="a state of a model")
        return cls.of_tensors(tensors, path)

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
torch.serialization.add_safe_globals([State, Simulation])
