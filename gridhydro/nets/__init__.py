"""Networks that give a column its parameters."""

from gridhydro.nets.base import WEIGHT
from gridhydro.nets.lstm import SequenceParameterization, Trunk
from gridhydro.nets.mlp import Parameterization

__all__ = ["WEIGHT", "Parameterization", "SequenceParameterization", "Trunk"]
