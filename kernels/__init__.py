"""The compute layer: column and routing kernels behind differentiable torch operations."""

from gridhydro.kernels.column_op import BACKENDS, NotConverged, column_op
from gridhydro.kernels.schemes import Scheme
from gridhydro.kernels.spec import Spec
from gridhydro.kernels.trace import OutsideVocabulary

__all__ = ["BACKENDS", "NotConverged", "OutsideVocabulary", "Scheme", "Spec", "column_op"]
