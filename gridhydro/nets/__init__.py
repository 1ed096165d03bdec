"""Networks that give a column its parameters."""

from gridhydro.nets.base import WEIGHT, Attributes
from gridhydro.nets.lstm import SequenceParameterization, Trunk
from gridhydro.nets.mlp import Parameterization

__all__ = ["WEIGHT", "Attributes", "Parameterization", "SequenceParameterization", "Trunk"]
