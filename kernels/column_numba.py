"""Launches a column's printed CPU kernels on torch tensors."""

from __future__ import annotations

import torch

from gridhydro.kernels import build, emit_numba
from gridhydro.kernels.launch import LANES, large, over_blocks
from gridhydro.kernels.spec import Spec


def forward(spec: Spec, every: int, periods, forcing, static, dynamic, initial, weights):
    """Outputs (O, T, N) or (O, T, N*M), averages (A, R, N) or (A, R, N*M), final states (S, N*M),
    the trajectory, and for implicit schemes the number of sub-steps that missed the solution
    (1, N*M), for others (0, N*M)."""
    (_, days, cells), lanes = forcing.shape, initial.shape[1]
    width = cells if spec.mean else lanes
    outputs = large(forcing.new_empty(len(spec.outputs), days, width))
    averages = forcing.new_zeros(len(spec.averaged), periods.count, width)
    final = torch.empty_like(initial)
    missed = forcing.new_empty(int(spec.scheme.implicit), lanes)
    trajectory = large(forcing.new_empty(spec.rows(days, every), len(spec.states), lanes))
    _launch(
        "forward", spec, cells, every, forcing, static, dynamic, initial, weights, periods.row,
        periods.weight, outputs, averages, final, missed, trajectory,
    )  # fmt: skip
    return outputs, averages, final, trajectory, missed


def adjoint(
    spec: Spec, every: int, periods, forcing, static, dynamic, weights, trajectory, d_outputs,
    d_averages, d_final,
):  # fmt: skip
    """Gradients to forcing (None if not wanted), parameters, initial states and weights."""
    planes = len(forcing) if spec.forcing_gradient else 0
    d_forcing = large(forcing.new_empty(planes, *forcing.shape[1:]))
    d_static, d_dynamic = torch.empty_like(static), torch.empty_like(dynamic)
    d_initial = torch.empty_like(d_final)
    d_weights = weights.new_empty(_blocks(spec, forcing.shape[2]), len(weights))
    _launch(
        "adjoint", spec, forcing.shape[2], every, forcing, static, dynamic, weights, trajectory,
        periods.row, periods.weight, d_outputs, d_averages, d_final, d_forcing, d_static, d_dynamic,
        d_initial, d_weights,
    )  # fmt: skip
    wanted = d_forcing if spec.forcing_gradient else None
    return wanted, d_static, d_dynamic, d_initial, d_weights.sum(0)


def kernel(spec: Spec, direction: str):
    """The printed kernel of a spec, "forward" or "adjoint"."""
    return build.kernel(emit_numba, "numba", spec, direction)


def _launch(direction: str, spec: Spec, cells: int, every: int, *tensors: torch.Tensor) -> None:
    arrays = [tensor.detach().contiguous().numpy() for tensor in tensors]
    function = kernel(spec, direction)
    if not function.signatures:  # compile, or read from the cache, once and on one thread
        function(0, 0, every, *arrays)
    over_blocks(function, _blocks(spec, cells), every, *arrays)


def _blocks(spec: Spec, cells: int) -> int:
    return -(-cells // (LANES // spec.components))
