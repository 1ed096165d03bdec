"""Networks that give a column its parameters."""

from gridhydro.nets.mlp import Parameterization

__all__ = ["Parameterization"]
