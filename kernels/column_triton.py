"""Launches a column's printed GPU kernels on torch tensors (CPU tensors in the interpreter)."""

from __future__ import annotations

import contextlib

import torch
import triton
import triton.language as tl

from gridhydro.kernels import build, embedded, emit_triton
from gridhydro.kernels.launch import (
    NETWORK_DAYS,
    NETWORK_ROWS,
    ColumnSettings,
    column_settings,
    offset_type,
)  # fmt: skip
from gridhydro.kernels.schemes import SEQUENTIAL
from gridhydro.kernels.spec import Spec


def forward(spec: Spec, every: int, periods, forcing, static, dynamic, initial, weights):
    """Outputs (O, T, N) or (O, T, N*M), averages (A, R, N) or (A, R, N*M), final states (S, N*M),
    the trajectory, and for implicit schemes the number of sub-steps that missed the solution
    (1, N*M), for others (0, N*M)."""
    (_, days, cells), lanes = forcing.shape, initial.shape[1]
    width = cells if spec.mean else lanes
    outputs = forcing.new_empty(len(spec.outputs), days, width)
    averages = forcing.new_zeros(len(spec.averaged), periods.count, width)
    final = torch.empty_like(initial)
    missed = forcing.new_empty(int(spec.scheme.implicit), lanes)
    trajectory = forcing.new_empty(spec.rows(days, every), len(spec.states), lanes)
    arrays = (
        forcing, static, dynamic, initial, weights, periods.row, periods.weight, outputs, averages,
        final, missed, trajectory,
    )  # fmt: skip
    choices = dict(DAILY=every == 1, SPACED=every > 1)
    _launch(spec, "forward", arrays, (cells, days, every, periods.count), choices, trajectory)
    return outputs, averages, final, trajectory, missed


def adjoint(
    spec: Spec, every: int, periods, forcing, static, dynamic, weights, trajectory, d_outputs,
    d_averages, d_final,
):  # fmt: skip
    """Gradients to forcing (None if not wanted), parameters, initial states and weights.

    A gradient of weights shared by all cells would take more registers than there are: the kernel
    hands out what goes into the networks, some days at a time, and torch makes it from that.
    """
    series: list[list[torch.Tensor]] = []
    d_static, d_weights = torch.zeros_like(static), torch.zeros_like(weights)
    d_states = d_final
    for first, last in reversed(network_days(spec, every, forcing.shape[1], d_final.shape[1])):
        days = slice(first, last)
        *daily, d_parameters, d_states, handed = _adjoint(
            spec, every, periods.row[days], periods.weight[days], forcing[:, days], static,
            dynamic[:, days], weights,
            trajectory[spec.rows(first, every) : spec.rows(last, every)], d_outputs[:, days],
            d_averages, d_states,
        )  # fmt: skip
        series.insert(0, daily)
        d_static += d_parameters
        d_weights += embedded.gradient(spec.column.networks, spec.step.calls, weights, handed)
    d_forcing, d_dynamic = (
        parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        for parts in zip(*series, strict=True)
    )
    return d_forcing if spec.forcing_gradient else None, d_static, d_dynamic, d_states, d_weights


def network_days(spec: Spec, every: int, days: int, lanes: int) -> list[tuple[int, int]]:
    """First and last day of the parts that the adjoint is taken in: all days without networks."""
    length = max(days, 1)
    if spec.handed:
        length = (
            max(NETWORK_DAYS, NETWORK_ROWS // (lanes * spec.scheme.substeps)) // every * every
            or every
        )
    return [(first, min(first + length, days)) for first in range(0, max(days, 1), length)]


def _adjoint(
    spec: Spec, every: int, period, weight, forcing, static, dynamic, weights, trajectory,
    d_outputs, d_averages, d_final,
):  # fmt: skip
    """Gradients to forcing, dynamic and static parameters, states, and what is handed out."""
    _, days, cells = forcing.shape
    d_forcing = torch.empty_like(forcing) if spec.forcing_gradient else forcing.new_empty(0, days)
    d_static, d_dynamic = torch.empty_like(static), torch.empty_like(dynamic)
    d_initial = torch.empty_like(d_final)
    recompute, substeps = spec.recomputes(every), spec.scheme.substeps
    handed = forcing.new_empty(len(spec.handed), days * substeps, d_final.shape[1])
    kept = forcing.new_empty(every * substeps if recompute else 0, *trajectory.shape[1:])
    inputs = (
        forcing, static, static, dynamic, weights, weights, trajectory, kept, period, weight,
        d_outputs, d_averages, d_final,
    )  # fmt: skip
    outputs = (d_forcing, d_static, d_dynamic, d_initial, handed)
    arrays = (*(a.contiguous() for a in inputs), *outputs)
    sizes = (cells, days, every, d_averages.shape[1])
    _launch(spec, "adjoint", arrays, sizes, dict(RECOMPUTE=recompute), trajectory, kept)
    return d_forcing, d_dynamic, d_static, d_initial, handed


def kernel(spec: Spec, direction: str):
    """The printed kernel of a spec, "forward" or "adjoint"."""
    return build.kernel(emit_triton, "triton", spec, direction)


def index_type(spec: Spec, cells: int, days: int, *states: torch.Tensor):
    """The type of offsets within a series: 32 bits if that is enough for the longest one.

    A quantity's series has one value a sub-step at most; `states` are arrays of all states' series.
    """
    longest = cells * days * spec.components * spec.scheme.substeps
    longest = max(longest, *(array.numel() for array in states))
    return getattr(tl, offset_type(longest))


def settings(spec: Spec, cells: int, device: torch.device) -> ColumnSettings:
    """How so many cells are launched on a device, or in the interpreter."""
    if device.type != "cuda":
        return ColumnSettings()
    processors = torch.cuda.get_device_properties(device).multi_processor_count
    return column_settings(cells * emit_triton.padded(spec.components), processors, spec.real)


def _launch(spec: Spec, direction: str, arrays, sizes, choices: dict, *states) -> None:
    function = kernel(spec, direction)
    if not arrays[0].is_cuda and isinstance(function, triton.JITFunction):
        raise ValueError(
            "the Triton backend needs CUDA tensors; on CPU tensors use backend='numba', or set "
            "TRITON_INTERPRET=1 before Python starts to run Triton's interpreter"
        )
    cells, days, every, count = sizes
    if not (choices.get("SPACED") or choices.get("RECOMPUTE")):
        every = max(days, 1)  # one segment of all days
    device = arrays[0].device
    how = settings(spec, cells, device)
    block = how.cells(emit_triton.padded(spec.components))
    choices |= dict(
        AHEAD=how.ahead, BLOCK=block,
        INDEX=index_type(spec, cells, days, *states),
    )  # fmt: skip
    guard = torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
    with guard:
        function[(triton.cdiv(cells, block),)](
            *(a.detach() for a in arrays), cells, days, every, count, **choices,
            **how.options(_large(spec, choices)),
        )  # fmt: skip


def _large(spec: Spec, choices: dict) -> bool:
    """Whether the assembler, left to itself, was found to spill to fit one more program: kernels of
    sub-steps and solvers, and those that take a network through a day a second time."""
    return spec.scheme != SEQUENTIAL or (bool(spec.handed) and choices.get("RECOMPUTE", False))


def usage(
    spec: Spec, direction: str, capability: int, recompute: bool = False, every: int = 1,
    index: str = "uint32", how: ColumnSettings | None = None,
):  # fmt: skip
    """Registers and spills of a printed kernel compiled for a compute capability such as 90.

    The forward kernel stores all states; none with `every` 0, or those of every `every`-th day.
    """
    from gridhydro.kernels.ahead import compile_for

    how = how or ColumnSettings()
    pointer = {"float32": "*fp32", "float64": "*fp64"}[spec.real]
    names = emit_triton.FORWARD_ARRAYS if direction == "forward" else emit_triton.ADJOINT_ARRAYS
    signature = dict.fromkeys(names, pointer) | dict.fromkeys(
        ("cells", "days", "every", "period_count"), "i32"
    )
    signature["period_of_day"] = "*i32"
    constants = dict(
        INDEX=getattr(tl, index), AHEAD=how.ahead,
        BLOCK=how.cells(emit_triton.padded(spec.components)),
    )  # fmt: skip
    if direction == "adjoint":
        constants["RECOMPUTE"] = recompute
    else:
        constants |= dict(DAILY=every == 1, SPACED=every > 1)
    options = how.options(_large(spec, constants))
    return compile_for(kernel(spec, direction), signature, constants, capability, options)
