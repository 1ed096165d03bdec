"""River routing as one differentiable operation, on the backend that fits the tensors."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from gridhydro.kernels import route_numba, route_reference
from gridhydro.kernels.operators import first_only
from gridhydro.kernels.periods import Periods
from gridhydro.kernels.reach_spec import reach_spec

BACKENDS = ("numba", "triton", "torch")


def route(
    reach, network, runoff, parameters, properties, states, transit, *, instant, substeps,
    depth=None, cells=None, backend=None, tile_days=None, averages=None, on_its_way=True,
):  # fmt: skip
    """`route_reference.route` by backend: numba on the CPU, Triton on CUDA, "torch" on request.

    Tensors are contiguous and of one floating dtype and device, `instant` is bool there too;
    parameters (P, N) and properties (K, N) in the order of the reach. `depth` (N,) is the volume of
    one unit of runoff, 1 if left out; `cells` (G,), each once, are those whose outflow is returned,
    all if left out. `tile_days` changes the
    speed, never the result.
    """
    backend = backend or ("triton" if runoff.is_cuda else "numba")
    if backend not in BACKENDS:
        raise ValueError(f"there is no routing backend '{backend}'; choose from {BACKENDS}")
    if backend == "numba" and runoff.device.type != "cpu":
        raise ValueError(f"the numba backend routes CPU tensors, these are on {runoff.device}")
    size = runoff.shape[1]
    cells = torch.arange(size, device=runoff.device) if cells is None else cells
    place = torch.full((size,), -1, dtype=torch.int32, device=runoff.device)
    place[cells] = torch.arange(len(cells), dtype=torch.int32, device=runoff.device)
    options = SimpleNamespace(
        depth=runoff.new_ones(size) if depth is None else depth,
        place=place,
        asked=len(cells),
        instant=instant,
        substeps=substeps,
        periods=Periods.of(averages, len(runoff), runoff),
        transit=on_its_way,
        tile_days=tile_days,
    )
    if backend == "torch":
        static = torch.cat([parameters, properties])
        return route_reference.route(reach, network, options, runoff, static, states, transit)
    kernels = _triton(runoff.device) if backend == "triton" else route_numba
    case = SimpleNamespace(kernels=kernels, reach=reach, network=network, options=options)
    return _Route.apply(runoff, parameters, properties, states, transit, case)


class _Route(torch.autograd.Function):
    @staticmethod
    def forward(ctx, runoff, parameters, properties, states, transit, case):
        static = torch.cat([parameters, properties])
        learned = ctx.needs_input_grad[1]
        spec = reach_spec(case.reach, case.options.substeps, str(runoff.dtype)[6:], learned)
        results = case.kernels.forward(
            spec, case.network, case.options, runoff, static, states, transit,
            any(ctx.needs_input_grad) and spec.again,
        )  # fmt: skip
        ctx.case, ctx.spec, ctx.parameters = case, spec, len(parameters)
        ctx.save_for_backward(results[1], runoff, static, *results[4:])
        return results[:4]

    @staticmethod
    def backward(ctx, d_outflow, d_states, d_transit, d_averages):
        final, runoff, static, *kept = ctx.saved_tensors
        case = ctx.case
        with torch.no_grad():
            d_runoff, d_static, d_states, d_transit = case.kernels.adjoint(
                ctx.spec, case.network, case.options, runoff, static, *kept,
                *(values.contiguous() for values in (d_outflow, d_states, d_transit, d_averages)),
            )  # fmt: skip
        d_parameters = d_static[: ctx.parameters] if ctx.needs_input_grad[1] else None
        return *first_only((d_runoff, d_parameters, None, d_states, d_transit), final), None


def _triton(device):
    # triton exists on Linux only: the CPU backend works without
    from triton import knobs

    from gridhydro.kernels import route_triton

    if device.type != "cuda" and not knobs.runtime.interpret:
        raise ValueError(
            f"the Triton backend routes CUDA tensors, these are on {device}; for its slow "
            "interpreter set TRITON_INTERPRET=1 before the start"
        )
    return route_triton
