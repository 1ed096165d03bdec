"""The compute layer: column and routing kernels behind differentiable torch operations."""

from gridhydro.kernels.column_op import BACKENDS, column_op
from gridhydro.kernels.column_operator import SPECS, NotConverged
from gridhydro.kernels.schemes import Scheme
from gridhydro.kernels.spec import Spec
from gridhydro.kernels.trace import OutsideVocabulary

__all__ = [
    "BACKENDS", "SPECS", "NotConverged", "OutsideVocabulary", "Scheme", "Spec", "column_op",
]  # fmt: skip
