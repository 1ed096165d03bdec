"""River routing as one differentiable operation, on the backend that fits the tensors."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from . import route_numba, route_reference
from .operators import first_only
from .periods import Periods

BACKENDS = ("numba", "triton", "torch")


def route(
    runoff, release, storage, network, instant, reservoirs, substeps, backend=None, tile_days=None,
    averages=None, transit=True,
):  # fmt: skip
    """`route_reference.route` by backend: numba on the CPU, Triton on CUDA, "torch" on request.

    Tensors are contiguous and of one floating dtype and device; `instant` is bool and
    `reservoirs` int32 there too. `tile_days` changes the speed, never the result.
    """
    periods = Periods.of(averages, len(runoff), runoff)
    backend = backend or ("triton" if runoff.is_cuda else "numba")
    if backend not in BACKENDS:
        raise ValueError(f"there is no routing backend '{backend}'; choose from {BACKENDS}")
    if backend == "numba" and runoff.device.type != "cpu":
        raise ValueError(f"the numba backend routes CPU tensors, these are on {runoff.device}")
    if backend == "torch":
        return route_reference.route(
            runoff, release, storage, network, instant, reservoirs, substeps, periods, transit
        )
    options = SimpleNamespace(
        backend=_triton(runoff.device) if backend == "triton" else _NumbaOnTensors,
        fixed=(network, instant, reservoirs, substeps, periods, transit),
        tile_days=tile_days,
    )
    return _Route.apply(runoff, release, storage, options)


class _Route(torch.autograd.Function):
    @staticmethod
    def forward(ctx, runoff, release, storage, options):
        outflow, final, averages, sensitivity, *slopes = options.backend.forward(
            runoff, release, storage, *options.fixed, ctx.needs_input_grad[1], options.tile_days
        )
        ctx.options = options
        ctx.save_for_backward(release, final, sensitivity, *slopes)
        return outflow, final, averages

    @staticmethod
    def backward(ctx, g_outflow, g_final, g_averages):
        release, final, *slopes = ctx.saved_tensors
        with torch.no_grad():
            g_runoff, g_release, g_storage = ctx.options.backend.adjoint(
                g_outflow.contiguous(), g_final.contiguous(), g_averages.contiguous(), release,
                *slopes, *ctx.options.fixed, ctx.options.tile_days,
            )  # fmt: skip
        gradients = g_runoff, g_release if ctx.needs_input_grad[1] else None, g_storage
        return *first_only(gradients, final), None


class _NumbaOnTensors:
    """The numba backend behind the tensor interface of the Triton one."""

    @staticmethod
    def forward(*arguments):
        return _through_numpy(route_numba.forward, arguments)

    @staticmethod
    def adjoint(*arguments):
        return _through_numpy(route_numba.adjoint, arguments)


def _through_numpy(function, arguments):
    arrays = (a.detach().numpy() if isinstance(a, torch.Tensor) else a for a in arguments)
    return tuple(torch.from_numpy(array) for array in function(*arrays))


def _triton(device):
    # triton exists on Linux only: the CPU backend works without
    from triton import JITFunction

    from . import route_triton

    if device.type != "cuda" and isinstance(route_triton.forward_kernel, JITFunction):
        raise ValueError(
            f"the Triton backend routes CUDA tensors, these are on {device}; for its slow "
            "interpreter set TRITON_INTERPRET=1 before the start"
        )
    return route_triton
