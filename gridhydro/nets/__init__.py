"""Networks that give a column its parameters, and those inside its step."""

from typing import TYPE_CHECKING

from gridhydro.base.lazy import loader

# loaded when they are first asked for: a column with a small network inside its step needs no other
_HOMES = {
    "WEIGHT": "base",
    "Attributes": "base",
    "Correction": "correction",
    "EmbeddedNetwork": "embedded",
    "FreeParameters": "free",
    "GivenParameters": "free",
    "HistoryParameterization": "history",
    "PETCorrection": "correction",
    "ParameterNetwork": "options",
    "Parameterization": "mlp",
    "RasterParameterization": "raster",
    "SequenceParameterization": "lstm",
    "Trunk": "lstm",
}

__all__ = [
    "WEIGHT",
    "Attributes",
    "Correction",
    "EmbeddedNetwork",
    "FreeParameters",
    "GivenParameters",
    "HistoryParameterization",
    "PETCorrection",
    "ParameterNetwork",
    "Parameterization",
    "RasterParameterization",
    "SequenceParameterization",
    "Trunk",
]

if TYPE_CHECKING:
    from gridhydro.nets.base import WEIGHT, Attributes
    from gridhydro.nets.correction import Correction, PETCorrection
    from gridhydro.nets.embedded import EmbeddedNetwork
    from gridhydro.nets.free import FreeParameters, GivenParameters
    from gridhydro.nets.history import HistoryParameterization
    from gridhydro.nets.lstm import SequenceParameterization, Trunk
    from gridhydro.nets.mlp import Parameterization
    from gridhydro.nets.options import ParameterNetwork
    from gridhydro.nets.raster import RasterParameterization
else:
    __getattr__ = loader("gridhydro.nets", _HOMES)


def __dir__():
    return sorted(__all__)
