"""The column as one torch operation with a gradient, on the backend that the tensors live on."""

from __future__ import annotations

import torch

from gridhydro.kernels import column_reference
from gridhydro.kernels.column_operator import SPECS, column, warn
from gridhydro.kernels.launch import SEGMENT, SOLVED_BYTES
from gridhydro.kernels.operators import constant, in_full_precision
from gridhydro.kernels.periods import Periods, averaged
from gridhydro.kernels.schemes import SEQUENTIAL, Scheme
from gridhydro.kernels.spec import Spec

BACKENDS = ("numba", "triton", "torch")


def column_op(
    spec: Spec, forcing, static, dynamic, initial, storage="auto", backend=None, weights=None,
    averages=None,
):  # fmt: skip
    """Run a column over a series of days.

    Parameters
    ----------
    spec : a Spec, or the key by which `SPECS` holds it, which a trace can follow.
    forcing : (F, T, N), static : (K, N*M), dynamic : (D, T, N*M), initial : (S, N*M)
        tensors of one dtype and device; M is `spec.components`.
    weights : (W,) of the networks inside the step, in the order of `spec.weights`, if it has any.
    averages : (row, weight, count), if `spec.averaged` names outputs to be averaged over periods:
        row (T,) int32, never falling, is the period of a day and weight (T,) what it counts in the
        mean; there are `count` periods.
    storage : "all", "auto" or an int K
        what the backward pass reads: every day's states, or those before every K-th day with the
        days between computed again. "auto" is the quickest: every 32 days on a CPU (all up to
        1 GiB of an implicit scheme), "all" on a GPU while that fits a quarter of its free memory.
    backend : None, "numba", "triton" or "torch"
        None: Triton for CUDA tensors, numba for CPU tensors. "torch" is the reference loop.

    Returns
    -------
    outputs, a tuple of (T, N), or (T, N*M) without the mean, followed by the averages (R, N) or
    (R, N*M), and final states (S, N*M).
    """
    weights = forcing.new_empty(0) if weights is None else weights
    periods = Periods.unchecked(averages, forcing.shape[1], forcing)
    backend = backend or ("triton" if forcing.is_cuda else "numba")
    if backend == "torch":
        return _loop(forcing, static, dynamic, initial, weights, spec, periods)
    key = SPECS.hold(spec.key, spec) if isinstance(spec, Spec) else spec
    tensors = tuple(t.contiguous() for t in (forcing, static, dynamic, initial, weights))
    learning = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    every = _interval(storage, forcing, initial, *_substeps(key)) if learning else 0
    daily, means, final, _ = column(
        *tensors, periods.row, periods.weight, periods.count, key, backend, every
    )
    return (*_apart(daily), *_apart(means)), final


@constant
def _substeps(key: str) -> tuple[int, bool]:
    scheme = SPECS[key].scheme
    return scheme.substeps, scheme.implicit


def _apart(results: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Results (O, ...) one by one; the gradient to a single one comes back without a copy."""
    return (results.squeeze(0),) if len(results) == 1 else results.unbind(0)


@in_full_precision
def _loop(forcing, static, dynamic, initial, weights, spec, periods):
    """The plain loop in the place of the operator."""
    periods.check()
    outputs, final, missed = column_reference.run(spec, forcing, static, dynamic, initial, weights)
    warn(spec, forcing, missed)
    daily, rest = outputs[: len(spec.outputs)], outputs[len(spec.outputs) :]
    return (*daily.unbind(0), *averaged(rest, periods).unbind(0)), final


def checkpoint_interval(storage, forcing, initial, scheme: Scheme = SEQUENTIAL) -> int:
    """Days between stored states: 1 for "all", K for an int, the quickest that fits for "auto"."""
    return _interval(storage, forcing, initial, scheme.substeps, scheme.implicit)


def _interval(storage, forcing, initial, substeps: int, implicit: bool) -> int:
    days = max(forcing.shape[1], 1)
    if storage == "all":
        return 1
    if storage == "auto":
        size = days * initial.numel() * initial.element_size()
        if implicit:
            size *= substeps
        if not forcing.is_cuda:
            if implicit and size <= SOLVED_BYTES:
                return 1
            # on a CPU recomputing in the cache beats streaming
            return min(max(SEGMENT // substeps, 1 + implicit), days)
        # storage and recomputation buffer are smallest together at the square root
        return 1 if size <= _free(forcing.device) / 4 else round(days**0.5)
    if isinstance(storage, int) and storage >= 1:
        return min(storage, days)
    raise ValueError(f"storage is 'all', 'auto' or a number of days >= 1, not {storage!r}")


@constant  # in compiled code, what was free when it was compiled
def _free(device: torch.device) -> int:
    free, _ = torch.cuda.mem_get_info(device)
    # blocks that torch holds for later use are free too
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
