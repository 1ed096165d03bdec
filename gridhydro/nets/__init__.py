"""Networks that give a column its parameters, or take part in its step."""

from gridhydro.nets.embedded import EmbeddedNetwork
from gridhydro.nets.mlp import Parameterization

__all__ = ["EmbeddedNetwork", "Parameterization"]
