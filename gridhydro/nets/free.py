"""Parameters without a network: one value per cell and parameter, free within its bounds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from gridhydro.columns.column import Field
from gridhydro.columns.components import Components
from gridhydro.nets.base import Inputs, Ranges
from gridhydro.nets.mlp import Parameterization

# fraction of the range at both ends where the sigmoid is too flat for a start
FLAT = 1e-3


class FreeParameters(Parameterization):
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
        torch.nn.Module.__init__(self)
        self.inputs = CellNumbers(cells)
        self.ranges = Ranges(fields, components.count, fixed, log)
        self.weighted = components.weighted
        if not self.learned:
            raise ValueError("there is no free field: all parameters are fixed")
        unknown = [name for name in defaults if name not in [f.name for f in self.fields]]
        if unknown:
            raise ValueError(f"the default '{unknown[0]}' is of no parameter of the model")
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
        if not torch.is_tensor(attributes):
            return self.named(self.raw)
        return self.named(self.raw[attributes[:, 0].long()])


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


def _fraction(field: Field, values, cells: int, logarithmic: bool) -> torch.Tensor:
    """Where in its range each default is, (N,), in (0, 1)."""
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
    outside = np.flatnonzero((values < field.range[0]) | (values > field.range[1]))
    if outside.size:
        warnings.warn(
            f"the default of '{field.name}' is {values[outside[0]]:g} {field.unit} at cell "
            f"{outside[0]}, outside its bounds {field.bounds}, as in {outside.size} of {cells} "
            "cells: brought to the bound there",
            stacklevel=3,
        )
    scale = np.log if logarithmic else np.asarray
    low, high = scale(field.range[0]), scale(field.range[1])
    fraction = (scale(np.clip(values, *field.range)) - low) / (high - low)
    return torch.from_numpy(np.clip(fraction, FLAT, 1 - FLAT)).float()
