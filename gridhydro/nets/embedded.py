"""The weights of a network inside a column's step, as a torch module."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from gridhydro.columns.column import Embedded
from gridhydro.kernels import embedded


class EmbeddedNetwork(torch.nn.Module):
    """Inputs divided by their scales -> layers of tanh -> a value in [0, 1].

    network   as the column declares it, such as `column.networks[0]`

    Handed to `simulate(..., networks={network.name: module})`, it is computed by the column's
    kernels and its parameters get their gradients from them. Weights are drawn from torch's global
    generator: seed it.
    """

    scales: Tensor

    def __init__(self, network: Embedded):
        super().__init__()
        self.network = network
        widths = embedded.sizes(network)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(*pair) for pair in pairwise(widths))
        self.register_buffer("scales", torch.tensor(network.scales), persistent=False)

    def weights(self) -> Tensor:
        """All weights in one vector, as the kernels take them: for inputs in their own units."""
        parts = []
        linear = [layer for layer in self.layers if isinstance(layer, torch.nn.Linear)]
        for layer in linear:
            matrix = layer.weight / self.scales if layer is linear[0] else layer.weight
            parts += [matrix.flatten(), layer.bias]
        return torch.cat(parts)

    def forward(self, *inputs: Tensor) -> Tensor:
        """One tensor for each input, in its own unit -> their common shape, in [0, 1]."""
        return embedded.evaluate(self.network, self.weights(), inputs)
