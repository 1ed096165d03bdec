"""The options of a parameterization network: its kind, and what goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Protocol

import numpy as np
import torch

from gridhydro.base.arguments import fraction, names, one_of, seed_of, whole
from gridhydro.columns.column import Field

KINDS = ("mlp", "lstm", "gz", "conv2d", "conv3d", "free", "none")
# of these the parameters are values per cell, whatever its attributes
PER_CELL = ("free", "none")
_SIZES = {
    "mlp": (256, 64, 16), "lstm": (64,), "gz": (64,), "conv2d": (64, 32, 16),
    "conv3d": (64, 32, 16),
}  # fmt: skip


class PastSeries(Protocol):
    """A history as a network needs it; `gridhydro.History` is one."""

    @property
    def values(self) -> torch.Tensor:
        """(F, P, N), NaN where nothing was observed."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The F series."""

    @property
    def about(self) -> dict:
        """All but the values, for a JSON file."""

    @property
    def size(self) -> int:
        """Number of cells N."""


@dataclass(frozen=True)
class ParameterNetwork:
    """The network that gives the parameters of every cell.

    kind        "mlp" reads attributes; "conv2d" and "conv3d" those of the cells around as well, see
                `nets.raster`; "lstm" attributes and forcing; "gz" attributes and `history`, see
                `nets.history`; "free" has no network but a value for each cell to learn, and "none"
                nothing to learn: both start at the model's `defaults`
    hidden      sizes of the hidden layers (or one size), the LSTM's first; None: the usual ones of
                the kind. Two or more sizes with "lstm": those after the first are of the layers
                that give the static parameters from attributes alone, of which the daily ones are
                departures
    dropout     fraction of hidden values dropped in training
    log_attributes  names of attributes that the network (and a correction) sees in logarithm
    dynamic     names of parameters that change by day, with "lstm"
    dynamic_dropout  probability of a cell's daily parameter to be held constant in training
    history     of "gz", a `gridhydro.History`: what was observed of every cell, such as its forcing
                and observations of the training period. Parameters come from it whatever days are
                run. That of a gauge held out is read as well: it is gauged, though not trained on
    seed        of the first weights

    Raises ValueError naming the option that is wrong, or that the kind has no use for.
    """

    kind: str = "mlp"
    hidden: int | tuple[int, ...] | None = None
    dropout: float = 0.0
    log_attributes: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = ()
    dynamic_dropout: float = 0.0
    history: PastSeries | None = field(default=None, compare=False)
    seed: int = 0

    def __post_init__(self):
        one_of("network", self.kind, KINDS)
        self._set(
            hidden=self._hidden(), dropout=fraction("dropout", self.dropout),
            log_attributes=tuple(names("log_attributes", self.log_attributes)),
            dynamic=tuple(names("dynamic", self.dynamic)),
            dynamic_dropout=fraction("dynamic_dropout", self.dynamic_dropout),
            seed=seed_of(self.seed),
        )  # fmt: skip
        if self.dynamic and self.kind != "lstm":
            raise ValueError(
                f"{', '.join(self.dynamic)} cannot change by day with network='{self.kind}', which "
                "does not read the weather of the day: take network='lstm'"
            )
        if self.history is not None and self.kind != "gz":
            raise ValueError(
                f"network='{self.kind}' reads no history: leave it out, or take network='gz'"
            )
        unused = {
            "dropout": self.per_cell and self.dropout,
            "dynamic_dropout": self.kind != "lstm" and self.dynamic_dropout,
        }
        for name, value in unused.items():
            if value:
                raise ValueError(f"'{name}' is not used by network='{self.kind}': leave it out")

    @classmethod
    def of(cls, given: str | ParameterNetwork) -> ParameterNetwork:
        """This network, or that of a kind with all else as usual."""
        if isinstance(given, ParameterNetwork):
            return given
        if isinstance(given, str):
            return cls(given)
        raise ValueError(
            f"network is a kind ({', '.join(map(repr, KINDS))}) or a gridhydro.ParameterNetwork("
            f"kind, ...), not {given!r}"
        )

    @property
    def per_cell(self) -> bool:
        """Whether parameters are values per cell, whatever its attributes."""
        return self.kind in PER_CELL

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the hidden layers, the LSTM's first."""
        return _SIZES.get(self.kind, ()) if self.hidden is None else _listed(self.hidden)

    def to_json(self) -> dict:
        """All of it for a JSON file, of a history what `History.about` tells."""
        kept = {n: getattr(self, n) for n in (f.name for f in fields(self) if f.name != "history")}
        kept = {n: list(v) if isinstance(v, tuple) else v for n, v in kept.items()}
        about = None if self.history is None else self.history.about
        return kept | {"hidden": list(self.sizes), "history": about}

    def _set(self, **values) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _hidden(self) -> tuple[int, ...] | None:
        if self.hidden is None:
            return None
        sizes = _listed(self.hidden)
        if self.per_cell:
            if sizes:
                raise ValueError(f"network='{self.kind}' has no hidden layers: leave hidden out")
            return None
        return tuple(whole("hidden", size, 1) for size in sizes)


def _listed(hidden: int | Sequence[int]) -> tuple[int, ...]:
    """Sizes of layers, of one layer as well."""
    return tuple(hidden) if isinstance(hidden, Sequence | np.ndarray) else (hidden,)
