"""Launches a column's printed GPU kernels on torch tensors (CPU tensors in the interpreter)."""

from __future__ import annotations

import contextlib

import torch
import triton

from gridhydro.kernels import build, emit_triton
from gridhydro.kernels.launch import COLUMN_OPTIONS, triton_cells
from gridhydro.kernels.spec import Spec


def forward(spec: Spec, every: int, forcing, static, dynamic, initial):
    """Outputs (O, T, N) or (O, T, N*M), final states (S, N*M), the trajectory, and for implicit
    schemes the number of sub-steps that missed the solution (1, N*M), for others (0, N*M)."""
    (_, days, cells), lanes = forcing.shape, initial.shape[1]
    width = cells if spec.mean else lanes
    outputs = forcing.new_empty(len(spec.outputs), days, width)
    final = torch.empty_like(initial)
    missed = forcing.new_empty(int(spec.scheme.implicit), lanes)
    trajectory = forcing.new_empty(spec.rows(days, every), len(spec.states), lanes)
    arrays = (forcing, static, dynamic, initial, outputs, final, missed, trajectory)
    _launch(kernel(spec, "forward"), spec, arrays, (cells, days, every))
    return outputs, final, trajectory, missed


def adjoint(spec: Spec, every: int, forcing, static, dynamic, trajectory, d_outputs, d_final):
    """Gradients to forcing (None if not wanted), static and dynamic parameters, initial states."""
    _, days, cells = forcing.shape
    d_forcing = torch.empty_like(forcing) if spec.forcing_gradient else forcing.new_empty(0)
    d_static, d_dynamic = torch.empty_like(static), torch.empty_like(dynamic)
    d_initial = torch.empty_like(d_final)
    recompute = spec.recomputes(every)
    slots = every * spec.scheme.substeps if recompute else 0
    kept = forcing.new_empty(slots, *trajectory.shape[1:])
    arrays = (
        forcing, static, dynamic, trajectory, kept, d_outputs, d_final,
        d_forcing, d_static, d_dynamic, d_initial,
    )  # fmt: skip
    _launch(kernel(spec, "adjoint"), spec, arrays, (cells, days, every), RECOMPUTE=recompute)
    return d_forcing if spec.forcing_gradient else None, d_static, d_dynamic, d_initial


def kernel(spec: Spec, direction: str):
    """The printed kernel of a spec, "forward" or "adjoint"."""
    return build.kernel(emit_triton, "triton", spec, direction)


def _launch(function, spec: Spec, arrays, sizes, **constants) -> None:
    if not arrays[0].is_cuda and isinstance(function, triton.JITFunction):
        raise ValueError(
            "the Triton backend needs CUDA tensors; on CPU tensors use backend='numba', or set "
            "TRITON_INTERPRET=1 before Python starts to run Triton's interpreter"
        )
    block = triton_cells(emit_triton.padded(spec.components))
    device = arrays[0].device
    guard = torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
    with guard:
        function[(triton.cdiv(sizes[0], block),)](
            *(a.detach() for a in arrays), *sizes, **constants, BLOCK=block,
            **COLUMN_OPTIONS,
        )  # fmt: skip


def usage(spec: Spec, direction: str, capability: int, recompute: bool = False):
    """Registers and spills of a printed kernel compiled for a compute capability such as 90."""
    from gridhydro.kernels.ahead import compile_for

    pointer = {"float32": "*fp32", "float64": "*fp64"}[spec.real]
    names = emit_triton.FORWARD_ARRAYS if direction == "forward" else emit_triton.ADJOINT_ARRAYS
    signature = dict.fromkeys(names, pointer) | dict.fromkeys(("cells", "days", "every"), "i32")
    constants = {"BLOCK": triton_cells(emit_triton.padded(spec.components))}
    if direction == "adjoint":
        constants["RECOMPUTE"] = recompute
    return compile_for(kernel(spec, direction), signature, constants, capability, COLUMN_OPTIONS)
