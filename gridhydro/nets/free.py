"""Parameters without a network: a value per cell and parameter, free within its bounds or given."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from gridhydro.columns.column import Field
from gridhydro.columns.components import Components
from gridhydro.nets.base import WEIGHT, Inputs, Ranges
from gridhydro.nets.mlp import Parameterization

# fraction of the range at both ends where the sigmoid is too flat for a start
FLAT = 1e-3


class CellValues(Parameterization):
    """The base of parameters that every cell has for itself; arguments as of `FreeParameters`."""

    def __init__(self, fields, defaults, cells: int, components: Components, fixed, log=()):
        torch.nn.Module.__init__(self)
        self.inputs = CellNumbers(cells)
        self.ranges = Ranges(fields, components.count, fixed, log)
        self.weighted = components.weighted
        unknown = [name for name in defaults if name not in [f.name for f in self.fields]]
        if unknown:
            raise ValueError(f"the default '{unknown[0]}' is of no parameter of the model")

    def of_cells(self, attributes) -> torch.Tensor | slice:
        """The cells meant by their numbers (n, 1), as `matrix` gives them; anything else: all N."""
        return attributes[:, 0].long() if torch.is_tensor(attributes) else slice(None)


class FreeParameters(CellValues):
    """Every cell has its own raw value z, theta = low + (high - low) sigmoid(z).

    fields      the parameters, each a Field with bounds
    defaults    name -> (N,) values or one value, where the parameters start; those not named start
                at mid-range
    cells       number of cells N
    components  M parallel parameter sets per cell, which start apart; of learned weights these are
                handed out as well
    fixed       mapping name -> constant, for parameters that are not learned
    log         names of the parameters that are uniform in their logarithm

    Untrained, these are the defaults; a default outside its bounds is brought inside, with a
    warning. What the network reads as attributes (`matrix`) are numbers of cells, so that a choice
    of cells finds its values. Raises ValueError naming the parameter and the cell of a default
    that is not finite, and the parameter whose defaults have another shape.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        defaults: Mapping[str, object],
        cells: int,
        components: Components = Components(),
        fixed: Mapping[str, float] | None = None,
        log: Sequence[str] = (),
    ):
        super().__init__(fields, defaults, cells, components, fixed, log)
        if not self.learned:
            raise ValueError("there is no free field: all parameters are fixed")
        raw = torch.zeros(cells, self.rows, self.components)
        for row, field in enumerate(self.learned):
            if field.name in defaults:
                start = _fraction(field, defaults[field.name], cells, field.name in log)
                raw[:, row] = torch.logit(start)[:, None]
        if self.components > 1:
            raw += torch.randn_like(raw)
        self.raw = torch.nn.Parameter(raw)

    def forward(self, attributes=None, forcing=None, before=None) -> dict[str, torch.Tensor]:
        """Numbers of cells (n, 1) as `matrix` gives them -> name: (n, M); anything else: all N."""
        return self.named(self.raw[self.of_cells(attributes)])


class GivenParameters(CellValues):
    """Every cell has the values that it is given, beyond the bounds of learning too.

    None is learned. Arguments as of `FreeParameters`; parameters without a default are at
    mid-range. All components have the same values, and the same weight. Raises ValueError as there,
    and for values below 0 of a parameter that is learned above it.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        defaults: Mapping[str, object],
        cells: int,
        components: Components = Components(),
        fixed: Mapping[str, float] | None = None,
        log: Sequence[str] = (),
    ):
        super().__init__(fields, defaults, cells, components, fixed, log)
        given = self._of_raw(torch.zeros(cells, len(self.learned), self.components))
        for row, field in enumerate(self.learned):
            if field.name in defaults:
                values = _finite(field, defaults[field.name], cells)
                _refuse_negative(field, values)
                given[:, row] = torch.tensor(values)[:, None].to(given)
        # a parameter, so that it is kept and moved like those that are learned
        self.given = torch.nn.Parameter(given, requires_grad=False)

    def _of_raw(self, raw: torch.Tensor) -> torch.Tensor:
        """The values (N, P, M) for what a network puts out, which 0 has at mid-range."""
        if not self.learned:
            return raw
        return torch.stack([*self.ranges(raw, self.learned).values()], dim=1)

    def _load_from_state_dict(self, state_dict, prefix, *rest) -> None:
        if f"{prefix}raw" in state_dict:  # as earlier versions kept them
            raw = state_dict.pop(f"{prefix}raw")[:, : len(self.learned)]
            state_dict[f"{prefix}given"] = self._of_raw(raw.to(self.given))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, attributes=None, forcing=None, before=None) -> dict[str, torch.Tensor]:
        """Numbers of cells (n, 1) as `matrix` gives them -> name: (n, M); anything else: all N."""
        given = self.given[self.of_cells(attributes)]
        found = {field.name: given[:, row] for row, field in enumerate(self.learned)}
        like = given.new_zeros(len(given), self.components)
        found |= {name: torch.full_like(like, value) for name, value in self.fixed.items()}
        if self.weighted:
            found[WEIGHT] = torch.full_like(like, 1 / self.components)
        return found


class CellNumbers(Inputs):
    """In the place of `Attributes`: no attributes, but the numbers of the cells, (N, 1)."""

    def __init__(self, cells: int):
        super().__init__()
        self.cells = cells

    def matrix(self, attributes=None, dtype=torch.float32) -> torch.Tensor:
        """(N, 1), whatever the attributes are."""
        if self.cells > 2**24 and dtype == torch.float32:
            raise ValueError(f"{self.cells} cells: float32 counts exactly to {2**24}")
        return torch.arange(self.cells, dtype=dtype)[:, None]

    def fit(self, values: torch.Tensor) -> None:
        """Nothing to scale."""

    def typical(self) -> torch.Tensor:
        """Of no attributes: (0,)."""
        return torch.zeros(0)


def _finite(field: Field, values, cells: int) -> np.ndarray:
    """The defaults of a parameter, (N,); ValueError for another shape and missing values."""
    values = np.asarray(values, dtype=np.float64)
    if values.shape not in ((), (cells,)):
        raise ValueError(
            f"the defaults of '{field.name}' have shape {values.shape}: give one value, or one for "
            f"each of the {cells} cells"
        )
    values = np.broadcast_to(values, cells)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise ValueError(
            f"the default of '{field.name}' is {values[wrong[0]]} at cell {wrong[0]}, {wrong.size} "
            f"of {cells} cells in all: fill it"
        )
    return values


def _refuse_negative(field: Field, values: np.ndarray) -> None:
    """ValueError for values (N,) below 0 of a parameter that is learned above it."""
    wrong = np.flatnonzero(values < 0)
    if field.range[0] >= 0 and wrong.size:
        raise ValueError(
            f"the default of '{field.name}' is {values[wrong[0]]:g} {field.unit} at cell "
            f"{wrong[0]}, {wrong.size} of {len(values)} cells in all: it cannot be below 0"
        )


def _fraction(field: Field, values, cells: int, logarithmic: bool) -> torch.Tensor:
    """Where in its range each default is, (N,), in (0, 1)."""
    values = _finite(field, values, cells)
    outside = np.flatnonzero((values < field.range[0]) | (values > field.range[1]))
    if outside.size:
        warnings.warn(
            f"the default of '{field.name}' is {values[outside[0]]:g} {field.unit} at cell "
            f"{outside[0]}, outside its bounds {field.bounds}, as in {outside.size} of {cells} "
            "cells: brought to the bound there, within which it is learned",
            stacklevel=3,
        )
    scale = np.log if logarithmic else np.asarray
    low, high = scale(field.range[0]), scale(field.range[1])
    fraction = (scale(np.clip(values, *field.range)) - low) / (high - low)
    return torch.from_numpy(np.clip(fraction, FLAT, 1 - FLAT)).float()
