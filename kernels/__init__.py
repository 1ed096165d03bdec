"""The compute layer: column and routing kernels behind differentiable torch operations."""

from gridhydro.kernels.column_op import BACKENDS, column_op
from gridhydro.kernels.spec import Spec
from gridhydro.kernels.trace import OutsideVocabulary

__all__ = ["BACKENDS", "OutsideVocabulary", "Spec", "column_op"]
