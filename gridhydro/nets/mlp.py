"""From attributes of the cells to parameters of the column: a fully connected network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch

from gridhydro.column import Field

# share of the range kept free at both bounds, which a saturated sigmoid would touch
MARGIN = 1e-6


class Parameterization(torch.nn.Module):
    """Standardised attributes -> hidden layers -> theta = low + (high - low) sigmoid(z).

    attributes   mapping name -> (N,) values of the cells (a dict, a DataFrame, a Dataset); their
                 mean and standard deviation over these cells are kept with the weights
    fields       the parameters, each a Field with bounds
    hidden       sizes of the hidden layers
    components   M parallel parameter sets per cell
    fixed        mapping name -> constant, for parameters that are not learned
    log          names of the parameters that are uniform in their logarithm

    The last layer starts small, so that training starts near mid-range. Weights are drawn from
    torch's global generator: seed it. Raises ValueError naming the attribute and cell of a value
    that is not finite, or the parameter whose bounds or constant are wrong.
    """

    def __init__(
        self,
        attributes: Mapping[str, object],
        fields: Sequence[Field],
        hidden: Sequence[int] = (256, 64, 16),
        components: int = 1,
        fixed: Mapping[str, float] | None = None,
        log: Sequence[str] = (),
    ):
        super().__init__()
        self.names = tuple(str(name) for name in attributes)
        self.fields = tuple(fields)
        self.components = components
        self.fixed = {name: float(value) for name, value in (fixed or {}).items()}
        _check(self.fields, self.fixed, log)
        self.learned = tuple(field for field in self.fields if field.name not in self.fixed)
        if not self.learned or not self.names:
            raise ValueError("a parameterization needs at least one attribute and one free field")

        for name, values in _ranges(self.learned, log).items():
            self.register_buffer(name, torch.tensor(values))
        self.register_buffer("mean", torch.zeros(len(self.names)))
        self.register_buffer("std", torch.ones(len(self.names)))
        self.fit(attributes)

        sizes = [len(self.names), *hidden]
        layers = []
        for inputs, outputs in pairwise(sizes):
            layers += [torch.nn.Linear(inputs, outputs), torch.nn.SiLU()]
        last = torch.nn.Linear(sizes[-1], len(self.learned) * components)
        torch.nn.init.normal_(last.weight, std=0.1 / sizes[-1] ** 0.5)
        torch.nn.init.zeros_(last.bias)
        self.layers = torch.nn.Sequential(*layers, last)

    def fit(self, attributes: Mapping[str, object]) -> None:
        """Take mean and standard deviation (both (F,)) from these cells; a constant gets std 1."""
        values = self.matrix(attributes, dtype=torch.float64)
        constant = values.amax(0) == values.amin(0)
        self.mean.copy_(values.mean(0))
        self.std.copy_(torch.where(constant, 1.0, values.std(0, correction=0)))

    def matrix(self, attributes: Mapping[str, object], dtype=torch.float32) -> torch.Tensor:
        """The attributes of this network as one (N, F) tensor, in their own units, checked."""
        missing = [name for name in self.names if name not in attributes]
        if missing:
            given = ", ".join(map(str, attributes))
            raise ValueError(f"the attributes lack {', '.join(missing)}; given are {given}")
        columns = [np.asarray(attributes[name], dtype=np.float64) for name in self.names]
        for name, column in zip(self.names, columns, strict=True):
            if column.ndim != 1 or column.shape != columns[0].shape or not column.size:
                raise ValueError(
                    f"attribute '{name}' has shape {column.shape}, expected one value per cell "
                    f"like '{self.names[0]}' {columns[0].shape}"
                )
            wrong = np.flatnonzero(~np.isfinite(column))
            if wrong.size:
                raise ValueError(
                    f"attribute '{name}' is {column[wrong[0]]} at cell {wrong[0]}, "
                    f"{wrong.size} of {column.size} cells in all; fill it or mask these cells out"
                )
        return torch.tensor(np.stack(columns, axis=1), dtype=dtype)

    def forward(self, attributes) -> dict[str, torch.Tensor]:
        """Attributes (N, F) in their own units, or a mapping -> name: (N, M), strictly in bounds.

        Fixed parameters come as the constant, in the same shape.
        """
        if not torch.is_tensor(attributes):
            attributes = self.matrix(attributes).to(self.mean)
        raw = self.layers((attributes - self.mean) / self.std)
        share = torch.sigmoid(raw.view(-1, len(self.learned), self.components))
        theta = self.low + self.span * share
        # exp of a large linear range would be infinite, and its gradient NaN
        logarithm = torch.where(self.logarithmic, theta, 0.0)
        theta = torch.where(self.logarithmic, torch.exp(logarithm), theta)
        theta = torch.maximum(torch.minimum(theta, self.highest), self.lowest)

        parameters = {}
        for field in self.fields:
            if field.name in self.fixed:
                shape = (theta.shape[0], self.components)
                parameters[field.name] = theta.new_full(shape, self.fixed[field.name])
            else:
                parameters[field.name] = theta[:, self.learned.index(field)]
        return parameters


def _ranges(fields: Sequence[Field], log: Sequence[str]) -> dict[str, np.ndarray]:
    """Per parameter, (P, 1): where the range starts, its width, and the extremes allowed."""
    logarithmic = np.array([[field.name in log] for field in fields])
    low, high = (np.array([[field.bounds[end]] for field in fields]) for end in (0, 1))
    low, high = (np.log(b, out=b.copy(), where=logarithmic) for b in (low, high))
    lowest, highest = low + MARGIN * (high - low), high - MARGIN * (high - low)
    lowest, highest = (np.exp(b, out=b.copy(), where=logarithmic) for b in (lowest, highest))
    low, span, lowest, highest = (b.astype(np.float32) for b in (low, high - low, lowest, highest))
    # one float further inside: a range narrow for float32 would round onto its bounds
    lowest, highest = np.nextafter(lowest, highest), np.nextafter(highest, lowest)
    return dict(low=low, span=span, logarithmic=logarithmic, lowest=lowest, highest=highest)


def _check(fields: Sequence[Field], fixed: Mapping[str, float], log: Sequence[str]) -> None:
    bounds = {field.name: field.bounds for field in fields}
    unknown = [name for name in (*fixed, *log) if name not in bounds]
    if unknown:
        raise ValueError(f"no parameter is called {', '.join(unknown)}; there is {list(bounds)}")
    for name, value in bounds.items():
        if value is None:
            raise ValueError(f"the parameter '{name}' has no bounds")
        if name in fixed and not value[0] <= fixed[name] <= value[1]:
            raise ValueError(f"'{name}' is fixed at {fixed[name]}, outside its bounds {value}")
        if name in log and value[0] <= 0:
            raise ValueError(f"'{name}' starts at {value[0]}: a logarithmic range needs low > 0")
