"""From attributes of the cells to parameters of the column: a fully connected network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch

from gridhydro.base.arguments import fraction
from gridhydro.columns.column import Field
from gridhydro.columns.components import Components
from gridhydro.nets.base import WEIGHT, Attributes, CellNetwork, Ranges, last_layer
from gridhydro.nets.options import ParameterNetwork
from gridhydro.nets.pieces import in_pieces


class Parameterization(CellNetwork):
    """Standardised attributes -> hidden layers -> theta = low + (high - low) sigmoid(z).

    attributes   mapping name -> (N,) values of the cells (a dict, a DataFrame, a Dataset)
    fields       the parameters, each a Field with bounds
    network      sizes of the hidden layers, dropout, and attributes taken in logarithm
    components   M parallel parameter sets per cell; of learned weights these are handed out as
                 well, positive and summing to 1
    fixed        mapping name -> constant, for parameters that are not learned
    log          names of the parameters that are uniform in their logarithm

    The last layer starts small, so that training starts near mid-range. Weights are drawn from
    torch's global generator: seed it. Raises ValueError naming the attribute and cell of a value
    that is not finite, or the parameter whose bounds or constant are wrong.
    """

    ranges: Ranges
    layers: torch.nn.Sequential
    weighted: bool

    def __init__(
        self,
        attributes: Mapping[str, object],
        fields: Sequence[Field],
        network: ParameterNetwork = ParameterNetwork(),
        components: Components = Components(),
        fixed: Mapping[str, float] | None = None,
        log: Sequence[str] = (),
    ):
        super().__init__()
        self.inputs = Attributes(attributes, network.log_attributes)
        self.ranges = Ranges(fields, components.count, fixed, log)
        self.weighted = components.weighted
        if not self.learned or not self.names:
            raise ValueError("a parameterization needs at least one attribute and one free field")
        outputs = self.rows * self.components
        self.layers = layers(
            len(self.names), network.sizes, outputs, self.components, network.dropout
        )

    @property
    def fields(self) -> tuple[Field, ...]:
        """All parameters."""
        return self.ranges.fields

    @property
    def learned(self) -> tuple[Field, ...]:
        return self.ranges.learned

    @property
    def rows(self) -> int:
        """Numbers that come of a cell for each component: its parameters, and a learned weight."""
        return len(self.learned) + self.weighted

    @property
    def fixed(self) -> dict[str, float]:
        """The parameters held at a constant."""
        return self.ranges.fixed

    @property
    def components(self) -> int:
        """Parallel parameter sets per cell."""
        return self.ranges.components

    def matrix(self, attributes, dtype=torch.float32) -> torch.Tensor:
        """See `Attributes.matrix`."""
        return self.inputs.matrix(attributes, dtype)

    def forward(self, attributes, forcing=None, before=None) -> dict[str, torch.Tensor]:
        """Attributes (N, F) in their own units, or a mapping -> name: (N, M), strictly in bounds.

        Fixed parameters come as the constant, in the same shape. The forcing has no say.
        """
        if not torch.is_tensor(attributes):
            attributes = self.matrix(attributes).to(self.ranges.low)
        drops = self.training and any(isinstance(m, torch.nn.Dropout) for m in self.layers)
        if drops:  # what is dropped has to be the same in the backward pass
            return self._by_name(self._values(attributes))
        return self._by_name(in_pieces(self._values, attributes, self.parameters()))

    def _values(self, attributes: torch.Tensor) -> torch.Tensor:
        """Attributes (N, F) -> static parameters, and learned weights last: (N, rows, M)."""
        raw = self.layers(self.inputs(attributes))
        return self._within(raw.unflatten(-1, (-1, self.components)))

    def named(self, raw: torch.Tensor) -> dict[str, torch.Tensor]:
        """Raw output (N, rows, M) of the last layer -> name: (N, M) of every static parameter."""
        return self._by_name(self._within(raw))

    @property
    def _static(self) -> list[Field]:
        return [field for field in self.learned if field not in self.daily]

    def _within(self, raw: torch.Tensor) -> torch.Tensor:
        """Raw output (N, rows, M) -> parameters within their bounds, weights with the sum 1."""
        raw = raw.to(self.ranges.low)  # half precision, as of autocast, ends here
        static = self._static
        values = self.ranges.within(raw[..., : len(static), :], static)
        if not self.weighted:
            return values
        return torch.cat([values, torch.softmax(raw[..., -1:, :], dim=-1)], dim=-2)

    def _by_name(self, values: torch.Tensor) -> dict[str, torch.Tensor]:
        names = [field.name for field in self._static] + [WEIGHT] * self.weighted
        found = dict(zip(names, values.unbind(-2), strict=True))
        like = values[..., 0, :]
        return found | {name: torch.full_like(like, value) for name, value in self.fixed.items()}


def layers(
    inputs: int, hidden: Sequence[int], outputs: int, components: int, dropout: float = 0.0
) -> torch.nn.Sequential:
    """Fully connected layers with a SiLU after each but the last."""
    sizes, found = [inputs, *hidden], []
    for before, after in pairwise(sizes):
        found += [torch.nn.Linear(before, after), torch.nn.SiLU()]
        found += [torch.nn.Dropout(dropout)] if fraction("dropout", dropout) else []
    return torch.nn.Sequential(*found, last_layer(sizes[-1], outputs, components))
