"""A parameterization to copy: from attributes of a cell to its parameters. See CONTRIBUTING.md."""

from gridhydro.nets.mlp import Parameterization


class BoundedAttributes(Parameterization):
    """Parameters from the departures of a cell's attributes from their means, bounded before the
    layers that all parameterizations have; everything else is inherited."""

    def forward(self, attributes, forcing=None, before=None):
        """Attributes (N, A) in their own units -> name: (N, M), strictly within bounds."""
        departures = self.inputs(attributes).tanh()
        raw = self.layers(departures)
        return self.named(raw.unflatten(-1, (-1, self.components)))
