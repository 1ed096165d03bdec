"""The base of parameterization networks: standardised attributes, parameters kept in bounds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from gridhydro.base.arguments import number
from gridhydro.columns.column import Field

# fraction of the range kept free at both bounds, which a saturated sigmoid would touch
MARGIN = 1e-6
# the name under which a network hands out the weights of the components
WEIGHT = "component_weight"


class Inputs(torch.nn.Module):
    """The attributes (N, A) that a network reads of each cell, standardised when it is called."""

    names: tuple[str, ...] = ()

    def fit(self, values: torch.Tensor) -> None:
        """Take the scales from these cells (N, A)."""

    def typical(self) -> torch.Tensor:
        """The values (A,), in their own units, that are 0 when standardised."""
        raise NotImplementedError

    def matrix(self, attributes: Mapping[str, object], dtype=torch.float32) -> torch.Tensor:
        """One tensor (N, A) of these attributes, in their own units, checked."""
        raise NotImplementedError


class Attributes(Inputs):
    """Attributes of cells (N, F) in their own units, standardised by the cells they were fitted to.

    log  names of the attributes taken as log(1 + x / median): fractions and depths spread over
         orders of magnitude. They must not be below zero.
    Mean and standard deviation (F,) are kept with the weights.
    """

    unit: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor
    logarithmic: torch.Tensor

    def __init__(self, attributes: Mapping[str, object], log: Sequence[str] = ()):
        super().__init__()
        self.names = tuple(str(name) for name in attributes)
        unknown = [name for name in log if name not in self.names]
        if unknown:
            raise ValueError(f"no attribute is called {', '.join(unknown)}: {list(self.names)}")
        self.log = tuple(log)
        for name, value in (("unit", 1.0), ("mean", 0.0), ("std", 1.0)):
            self.register_buffer(name, torch.full((len(self.names),), value))
        logarithmic = torch.tensor([name in self.log for name in self.names], dtype=torch.bool)
        self.register_buffer("logarithmic", logarithmic)
        self.fit(self.matrix(attributes, dtype=torch.float64))

    def fit(self, values: torch.Tensor) -> None:
        """Take the scales (each (F,)) from these cells (N, F); a constant gets 1."""
        values = values.double()
        low = values.amin(0)
        for name, lowest in zip(self.names, low.tolist(), strict=True):
            if name in self.log and lowest < 0:
                raise ValueError(f"attribute '{name}' goes down to {lowest:g}: no log of it")
        median = values.median(0).values
        self.unit.copy_(torch.where(self.logarithmic & (median > 0), median, 1.0))
        values = self._shaped(values, self.unit.double())
        constant = values.amax(0) == values.amin(0)
        self.mean.copy_(values.mean(0))
        self.std.copy_(torch.where(constant, 1.0, values.std(0, correction=0)))

    def typical(self) -> torch.Tensor:
        """The values (F,), in their own units, that are 0 when standardised."""
        return torch.where(self.logarithmic, self.unit * torch.expm1(self.mean), self.mean)

    def _shaped(self, values, unit):
        logarithm = torch.log1p(torch.where(self.logarithmic, values / unit, 0.0).clamp(min=0))
        return torch.where(self.logarithmic, logarithm, values)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """(N, F) in their own units -> (N, F) standardised."""
        return (self._shaped(values, self.unit) - self.mean) / self.std

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


class CellNetwork(torch.nn.Module):
    """A network that a model has for its cells.

    inputs         the attributes, standardised
    daily          parameters that change by day
    reads_weather  whether what it gives depends on the forcing of the days that are run
    reach          rows and columns around a cell that what it gives there depends on; one that has
                   a reach has a `Box`, `box`
    """

    inputs: Inputs
    daily: tuple[Field, ...] = ()
    reads_weather = False
    reach = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes."""
        return self.inputs.names

    @property
    def learned(self) -> tuple[Field, ...]:
        """The parameters that are not fixed."""
        return ()

    def fit_series(self, series: torch.Tensor) -> None:
        """Take the scales of the daily series that it reads, if any, from a sample (F, T, N)."""


class Ranges(torch.nn.Module):
    """Raw network output -> theta = low + (high - low) sigmoid(z), strictly inside the bounds.

    fields      the parameters, each a Field with bounds
    components  M parallel parameter sets per cell
    fixed       mapping name -> constant, for parameters that are not learned
    log         names of the parameters that are uniform in their logarithm
    Raises ValueError naming the parameter whose bounds or constant are wrong.
    """

    low: torch.Tensor
    span: torch.Tensor
    logarithmic: torch.Tensor
    lowest: torch.Tensor
    highest: torch.Tensor

    def __init__(
        self,
        fields: Sequence[Field],
        components: int = 1,
        fixed: Mapping[str, float] | None = None,
        log: Sequence[str] = (),
    ):
        super().__init__()
        self.fields, self.components = tuple(fields), components
        self.fixed = {
            name: number(f"the fixed '{name}'", value) for name, value in (fixed or {}).items()
        }
        _check(self.fields, self.fixed, log)
        self.learned = tuple(field for field in self.fields if field.name not in self.fixed)
        for name, values in _ranges(self.learned, log).items():
            self.register_buffer(name, torch.tensor(values))

    def forward(self, raw: torch.Tensor, learned: Sequence[Field]) -> dict[str, torch.Tensor]:
        """raw (..., P, M) for P of the learned fields -> name: (..., M)."""
        theta = self.within(raw, learned)
        return dict(zip((field.name for field in learned), theta.unbind(-2), strict=True))

    def within(self, raw: torch.Tensor, learned: Sequence[Field]) -> torch.Tensor:
        """The same as one tensor (..., P, M)."""
        places = {field.name: row for row, field in enumerate(self.learned)}
        rows = [places[field.name] for field in learned]
        whole = rows == [*range(len(self.learned))]
        low, span, logarithmic, lowest, highest = (
            # places in a list would be copied to the device every time
            buffer if whole else buffer[rows]
            for buffer in (self.low, self.span, self.logarithmic, self.lowest, self.highest)
        )
        # a parameter wants more digits than autocast leaves
        theta = low + span * torch.sigmoid(raw.to(low))
        # exp of a large linear range would be infinite, and its gradient NaN
        logarithm = torch.where(logarithmic, theta, 0.0)
        theta = torch.where(logarithmic, torch.exp(logarithm), theta)
        return torch.maximum(torch.minimum(theta, highest), lowest)


def last_layer(inputs: int, outputs: int, components: int) -> torch.nn.Linear:
    """A layer that starts near zero: parameters start near mid-range.

    Components start apart, for what is alike in all of them stays alike.
    """
    with warnings.catch_warnings():  # torch warns of a layer without outputs, such as no daily ones
        warnings.filterwarnings("ignore", message="Initializing zero-element tensors")
        layer = torch.nn.Linear(inputs, outputs)
    torch.nn.init.normal_(layer.weight, std=0.1 / inputs**0.5)
    if components > 1:
        torch.nn.init.normal_(layer.bias)
    else:
        torch.nn.init.zeros_(layer.bias)
    return layer


def _ranges(fields: Sequence[Field], log: Sequence[str]) -> dict[str, np.ndarray]:
    """Per parameter, (P, 1): where the range starts, its width, and the extremes allowed."""
    logarithmic = np.array([[field.name in log] for field in fields], dtype=bool).reshape(-1, 1)
    low, high = (
        np.array([[field.range[end]] for field in fields]).reshape(-1, 1) for end in (0, 1)
    )
    low, high = (np.log(b, out=b.copy(), where=logarithmic) for b in (low, high))
    lowest, highest = low + MARGIN * (high - low), high - MARGIN * (high - low)
    lowest, highest = (np.exp(b, out=b.copy(), where=logarithmic) for b in (lowest, highest))
    low, span, lowest, highest = (b.astype(np.float32) for b in (low, high - low, lowest, highest))
    # one float further inside: a range narrow for float32 would round onto its bounds
    lowest, highest = np.nextafter(lowest, highest), np.nextafter(highest, lowest)
    return dict(low=low, span=span, logarithmic=logarithmic, lowest=lowest, highest=highest)


def _check(fields: Sequence[Field], fixed: Mapping[str, float], log: Sequence[str]) -> None:
    known = [field.name for field in fields]
    unknown = [name for name in (*fixed, *log) if name not in known]
    if unknown:
        raise ValueError(
            f"no parameter is called {', '.join(unknown)}; there is {', '.join(known)}"
        )
    for name, value in ((field.name, field.range) for field in fields):
        if name in fixed and not value[0] <= fixed[name] <= value[1]:
            raise ValueError(f"'{name}' is fixed at {fixed[name]}, outside its bounds {value}")
        if name in log and value[0] <= 0:
            raise ValueError(f"'{name}' starts at {value[0]}: a logarithmic range needs low > 0")
