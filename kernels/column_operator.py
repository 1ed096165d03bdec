"""The column as an operator of torch, and its adjoint as another: see `operators.py`."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType

import torch

from gridhydro.kernels.operators import Interned, cotangents, operator
from gridhydro.kernels.periods import Periods
from gridhydro.kernels.spec import Spec

# as long as the process: specs are few, and their kernels live as long
SPECS: Interned[Spec] = Interned(
    "it stands for a column and the outputs asked of it. Compiled code that comes from another "
    "process needs one run of the same column, with the same outputs, in this one before it"
)


class NotConverged(RuntimeWarning):
    """Newton's method did not find the states at the end of some sub-steps."""


def warn(spec: Spec, forcing, missed) -> None:
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
        stacklevel=_outside(),
    )


def _outside() -> int:
    """The level in the stack of whoever asks, of the first function outside gridhydro and torch."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("gridhydro", "torch"):
            break
        level, frame = level + 1, frame.f_back
    return level


def _launcher(backend: str) -> ModuleType:
    # each is loaded when it first runs: numba takes a fifth as long as torch
    if backend == "numba":
        from gridhydro.kernels import column_numba

        return column_numba
    if backend == "triton":
        from gridhydro.kernels import column_triton

        return column_triton
    raise ValueError(f"there is no backend '{backend}'; there is numba, triton, torch")


def _forward(
    forcing, static, dynamic, initial, weights, row, weight, periods, key, backend, every
):  # fmt: skip
    """Outputs, averages, final states and the trajectory, as `column_numba.forward` says."""
    spec, over = SPECS[key], Periods(row, weight, periods)
    over.check()
    if bool(spec.averaged) != bool(periods):
        raise ValueError(f"means of {list(spec.averaged)} are asked for, over {periods} periods")
    tensors = (t.contiguous() for t in (forcing, static, dynamic, initial, weights))
    *results, missed = _launcher(backend).forward(spec, every, over, *tensors)
    warn(spec, forcing, missed)
    return tuple(results)


def _forward_like(
    forcing, static, dynamic, initial, weights, row, weight, periods, key, backend, every
):  # fmt: skip
    spec = SPECS[key]
    (_, days, cells), lanes = forcing.shape, initial.shape[1]
    width = cells if spec.mean else lanes
    return (
        forcing.new_empty(len(spec.outputs), days, width),
        forcing.new_empty(len(spec.averaged), periods, width),
        torch.empty_like(initial),
        forcing.new_empty(spec.rows(days, every), len(spec.states), lanes),
    )


def _keep(ctx, inputs, output):
    forcing, static, dynamic, _, weights, row, weight, *options = inputs
    *_, final, trajectory = output
    # the trajectory is a result: it carries what the adjoint is not given, the initial states
    ctx.save_for_backward(forcing, static, dynamic, weights, trajectory, row, weight)
    ctx.options, ctx.final = options, final.shape
    ctx.set_materialize_grads(False)  # there is none to the trajectory, which is large


def _backward(ctx, d_daily, d_averages, d_final, _):
    forcing, *others, row, weight = ctx.saved_tensors
    periods, key, backend, every = ctx.options
    if not every:
        raise RuntimeError(
            f"the run of '{SPECS[key].column.name}' kept no states for a gradient: its arguments "
            "wanted none when it was run"
        )
    found = _cotangents(SPECS[key], ctx.final, periods, forcing, d_daily, d_averages, d_final)
    wanted = ctx.needs_input_grad[0]
    d_forcing, *gradients = column_adjoint(
        forcing, *others, *found, row, weight, periods, key, backend, every, wanted
    )
    return d_forcing if wanted else None, *gradients, *[None] * 6


def _cotangents(spec, final, periods, forcing, *given):
    """Cotangents of outputs, averages and final states, zeros where there are none."""
    days, width = forcing.shape[1], forcing.shape[2] if spec.mean else final[1]
    shapes = (len(spec.outputs), days, width), (len(spec.averaged), periods, width), final
    return cotangents(forcing, shapes, given)


def _adjoint(
    forcing, static, dynamic, weights, trajectory, d_daily, d_averages, d_final, row, weight,
    periods, key, backend, every, wanted,
):  # fmt: skip
    """Gradients to forcing (of no series if not wanted), parameters, initial states and weights."""
    tensors = (forcing, static, dynamic, weights, trajectory, d_daily, d_averages, d_final)
    d_forcing, *gradients = _launcher(backend).adjoint(
        SPECS[key].with_forcing_gradient(wanted), every, Periods(row, weight, periods),
        *(t.contiguous() for t in tensors),
    )  # fmt: skip
    return d_forcing if wanted else forcing.new_empty(0, *forcing.shape[1:]), *gradients


def _adjoint_like(
    forcing, static, dynamic, weights, trajectory, d_daily, d_averages, d_final, row, weight,
    periods, key, backend, every, wanted,
):  # fmt: skip
    d_forcing = forcing.new_empty(len(forcing) if wanted else 0, *forcing.shape[1:])
    return d_forcing, *(torch.empty_like(t) for t in (static, dynamic, d_final, weights))


column = operator(
    "column(Tensor forcing, Tensor static, Tensor dynamic, Tensor initial, Tensor weights, "
    "Tensor row, Tensor weight, SymInt periods, str spec, str backend, SymInt every) "
    "-> (Tensor daily, Tensor averages, Tensor final, Tensor trajectory)",
    _forward, _forward_like, _keep, _backward,
)  # fmt: skip
column_adjoint = operator(
    "column_adjoint(Tensor forcing, Tensor static, Tensor dynamic, Tensor weights, "
    "Tensor trajectory, Tensor d_daily, Tensor d_averages, Tensor d_final, Tensor row, "
    "Tensor weight, SymInt periods, str spec, str backend, SymInt every, bool forcing_gradient) "
    "-> (Tensor d_forcing, Tensor d_static, Tensor d_dynamic, Tensor d_initial, Tensor d_weights)",
    _adjoint, _adjoint_like,
)  # fmt: skip
