"""The LSTM that stands for a model: forcing and parameters -> outputs, day by day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gridhydro.columns.column import Field
from gridhydro.nets import Trunk


class Emulator(torch.nn.Module):
    """Forcing (F, T, L) and parameters (P, L), in their own units -> outputs (T, L, O).

    parameters  each with the range that it is sampled in, which is scaled to [-1, 1] (as its
                logarithm where `log`)
    hidden      size of the LSTM

    Outputs that are nowhere below zero (`fit` finds out) leave through a softplus and stay so: its
    slope never dies, as that of a cut at zero would where the model is dry.
    """

    # buffers
    log: Tensor
    low: Tensor
    span: Tensor
    mean: Tensor
    std: Tensor
    positive: Tensor

    def __init__(
        self,
        forcings: Sequence[Field],
        parameters: Sequence[Field],
        outputs: Sequence[Field],
        hidden: int,
    ):
        super().__init__()
        # values in [-1, 1] are the attributes of a lane: scaled already
        ends = {field.name: np.array([-1.0, 1.0]) for field in parameters}
        self.trunk = Trunk(ends, forcings, hidden)
        self.head = torch.nn.Linear(hidden, len(outputs))
        self.register_buffer("log", torch.tensor([f.log for f in parameters])[:, None])
        low, high = torch.tensor([f.range for f in parameters]).T[..., None]
        low, high = (torch.where(self.log, torch.log(b.clamp(min=1e-30)), b) for b in (low, high))
        self.register_buffer("low", low)
        self.register_buffer("span", high - low)
        for name, value in (("mean", 0.0), ("std", 1.0), ("positive", 0.0)):
            self.register_buffer(name, torch.full((len(outputs),), value))

    def fit(self, forcing: Tensor, outputs: Tensor) -> None:
        """Take the scales from forcing (F, T, C) and outputs (T, R, O) with gaps."""
        self.trunk.fit(forcing)
        for k, values in enumerate(outputs.unbind(-1)):
            values = values[torch.isfinite(values)]
            spread = values.std(correction=0)
            self.mean[k], self.positive[k] = values.mean(), values.min() >= -1e-5 * spread
            self.std[k] = torch.where(spread > 1e-6 * values.abs().max(), spread, 1.0)
        with torch.no_grad():  # start at the mean
            ratio = (self.mean / self.std).clamp(min=1e-3)
            self.head.bias.copy_(torch.where(self.positive > 0, torch.expm1(ratio).log(), 0.0))

    def scaled(self, parameters: Tensor) -> Tensor:
        """(P, L) in their own units -> (L, P) in [-1, 1]."""
        positive = torch.where(self.log, parameters, 1.0)
        values = torch.where(self.log, torch.log(positive), parameters)
        return (2 * (values - self.low) / self.span - 1).T

    def forward(self, forcing: Tensor, parameters: Tensor, state=None):
        """Outputs (T, L, O), and the LSTM's state after the last day."""
        trunk = self.trunk
        place = trunk.from_attributes(trunk.attributes(self.scaled(parameters)))
        hidden, state = trunk.advance(forcing, place, state)
        raw = self.head(hidden)
        above = torch.nn.functional.softplus(raw) * self.std
        return torch.where(self.positive > 0, above, self.mean + raw * self.std), state
