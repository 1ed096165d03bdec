"""Networks that give a column its parameters, and those inside its step."""

from gridhydro.nets.base import WEIGHT, Attributes
from gridhydro.nets.correction import Correction, PETCorrection
from gridhydro.nets.embedded import EmbeddedNetwork
from gridhydro.nets.free import FreeParameters
from gridhydro.nets.history import HistoryParameterization
from gridhydro.nets.lstm import SequenceParameterization, Trunk
from gridhydro.nets.mlp import Parameterization
from gridhydro.nets.raster import RasterParameterization

__all__ = [
    "WEIGHT",
    "Attributes",
    "Correction",
    "EmbeddedNetwork",
    "FreeParameters",
    "HistoryParameterization",
    "PETCorrection",
    "Parameterization",
    "RasterParameterization",
    "SequenceParameterization",
    "Trunk",
]
