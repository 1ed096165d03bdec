"""The column as one torch operation with a gradient, on the backend that the tensors live on."""

from __future__ import annotations

import warnings
from types import ModuleType

import torch
from torch.autograd.function import once_differentiable

from gridhydro.kernels import column_numba, column_reference
from gridhydro.kernels.launch import SEGMENT, SOLVED_BYTES
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
    periods = Periods.of(averages, forcing.shape[1], forcing)
    backend = backend or ("triton" if forcing.is_cuda else "numba")
    if backend == "torch":
        outputs, final, missed = column_reference.run(
            spec, forcing, static, dynamic, initial, weights
        )
        _warn(spec, forcing, missed)
        daily, rest = outputs[: len(spec.outputs)], outputs[len(spec.outputs) :]
        return (*daily.unbind(0), *averaged(rest, periods).unbind(0)), final
    tensors = tuple(t.contiguous() for t in (forcing, static, dynamic, initial, weights))
    learning = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    every = checkpoint_interval(storage, forcing, initial, spec.scheme) if learning else 0
    *outputs, final, missed = _Column.apply(spec, _launcher(backend), every, periods, *tensors)
    _warn(spec, forcing, missed)
    return tuple(outputs), final


class NotConverged(RuntimeWarning):
    """Newton's method did not find the states at the end of some sub-steps."""


def _warn(spec: Spec, forcing, missed) -> None:
    """Say how many sub-steps missed the solution; without an implicit scheme, `missed` is empty."""
    if not missed.numel() or not missed.any():
        return
    total = forcing.shape[1] * spec.scheme.substeps * missed.shape[1]
    lane = int(missed[0].nonzero()[0])
    where = f"cell {lane // spec.components}"
    if spec.components > 1:
        where += f", component {lane % spec.components}"
    warnings.warn(
        f"Newton's method did not converge within {spec.scheme.iterations} iterations in "
        f"{int(missed.sum())} of {total:,} sub-steps of '{spec.column.name}', first in {where}. "
        "The water balance is closed there, but the fluxes are not those of the end of the "
        "sub-step: take more sub-steps, such as "
        f"scheme='implicit:{4 * spec.scheme.substeps}'",
        NotConverged,
        stacklevel=4,  # who called simulate
    )


def _launcher(backend: str) -> ModuleType:
    if backend == "numba":
        return column_numba
    if backend == "triton":
        from gridhydro.kernels import column_triton

        return column_triton
    raise ValueError(f"there is no backend '{backend}'; there is {', '.join(BACKENDS)}")


def checkpoint_interval(storage, forcing, initial, scheme: Scheme = SEQUENTIAL) -> int:
    """Days between stored states: 1 for "all", K for an int, the quickest that fits for "auto"."""
    days = max(forcing.shape[1], 1)
    if storage == "all":
        return 1
    if storage == "auto":
        size = days * initial.numel() * initial.element_size()
        if scheme.implicit:
            size *= scheme.substeps
        if not forcing.is_cuda:
            if scheme.implicit and size <= SOLVED_BYTES:
                return 1
            # on a CPU recomputing in the cache beats streaming
            return min(max(SEGMENT // scheme.substeps, 1 + scheme.implicit), days)
        free, _ = torch.cuda.mem_get_info(forcing.device)
        # blocks that torch holds for later use are free too
        free += torch.cuda.memory_reserved(forcing.device)
        free -= torch.cuda.memory_allocated(forcing.device)
        # storage and recomputation buffer are smallest together at the square root
        return 1 if size <= free / 4 else round(days**0.5)
    if isinstance(storage, int) and storage >= 1:
        return min(storage, days)
    raise ValueError(f"storage is 'all', 'auto' or a number of days >= 1, not {storage!r}")


class _Column(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spec, launcher, every, periods, forcing, static, dynamic, initial, weights):
        outputs, averages, final, trajectory, missed = launcher.forward(
            spec, every, periods, forcing, static, dynamic, initial, weights
        )
        ctx.save_for_backward(forcing, static, dynamic, weights, trajectory)
        ctx.spec, ctx.launcher, ctx.every, ctx.periods = spec, launcher, every, periods
        ctx.mark_non_differentiable(missed)
        # one tensor an output: a gradient to a single one then comes back without a copy
        return *outputs.unbind(0), *averages.unbind(0), final, missed

    @staticmethod
    @once_differentiable
    def backward(ctx, *cotangents):
        forcing, static, dynamic, weights, trajectory = ctx.saved_tensors
        spec = ctx.spec.with_forcing_gradient(ctx.needs_input_grad[4])
        *results, d_final, _ = cotangents
        daily, averages = results[: len(spec.outputs)], results[len(spec.outputs) :]
        gradients = ctx.launcher.adjoint(
            spec, ctx.every, ctx.periods, forcing, static, dynamic, weights, trajectory,
            _stacked(daily, forcing), _stacked(averages, forcing), d_final.contiguous(),
        )  # fmt: skip
        return None, None, None, None, *gradients


def _stacked(cotangents, like):
    if not cotangents:
        return like.new_empty(0, *like.shape[1:])
    return cotangents[0][None].contiguous() if len(cotangents) == 1 else torch.stack(cotangents)
