"""River routing as one differentiable operation, on the backend that fits the tensors."""

from __future__ import annotations

from functools import lru_cache
from operator import index
from types import SimpleNamespace

import torch

from gridhydro.kernels import route_reference
from gridhydro.kernels.operators import constant, in_full_precision, key_of, traced
from gridhydro.kernels.periods import Periods
from gridhydro.kernels.reach_spec import reach_spec
from gridhydro.kernels.route_operator import ASKED, REACHES, launcher, network_key
from gridhydro.kernels.route_operator import route as route_by_kernels

BACKENDS = ("numba", "triton", "torch")


def route(
    reach, network, runoff, parameters, properties, states, transit, *, instant, substeps,
    depth=None, cells=None, backend=None, tile_days=None, averages=None, on_its_way=True,
    spent=False, series=None, served=None,
):  # fmt: skip
    """`route_reference.route` by backend: numba on the CPU, Triton on CUDA, "torch" on request.

    Tensors are of one floating dtype and device, `instant` is bool there too; parameters (P, N) and
    properties (K, N) in the order of the reach. `depth` (N,) is the volume of one unit of runoff, 1
    if left out; `cells` (G,) are those whose outflow is returned, all if left out. `tile_days`
    changes the speed, never the result. `spent`: nobody else reads the runoff, so that the gradient
    to it may take its place in memory. `series` (F, T, J) are those of the reach at the cells
    `served` (J,), no cell twice; the fluxes (E, T, J) of a reach that has any are returned last.
    """
    backend = backend or ("triton" if runoff.is_cuda else "numba")
    if backend not in BACKENDS:
        raise ValueError(f"there is no routing backend '{backend}'; choose from {BACKENDS}")
    if backend == "numba" and runoff.device.type != "cpu":
        raise ValueError(f"the numba backend routes CPU tensors, these are on {runoff.device}")
    periods = Periods.unchecked(averages, len(runoff), runoff)
    told, gates = bool(reach.fluxes), _gates(reach, served, transit)
    if series is None:
        count = 0 if served is None else len(served)
        series = runoff.new_zeros(len(reach.series), len(runoff), count)
    tensors = (runoff, parameters, properties, states, transit, series)
    depth = torch.ones_like(transit) if depth is None else depth
    place, asked = _places(cells, transit)
    if backend == "torch":
        results = _loop(
            *tensors, depth, place, asked, gates, reach, network, instant, substeps, periods,
            on_its_way,
        )  # fmt: skip
        return _shown(results[0], cells, place), *results[1 : 4 + told]
    # plain numbers where torch traces for any size, too. On a CPU tiles do not depend on the days
    substeps, days = index(substeps), index(len(runoff)) if backend == "triton" else 0
    learning = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    learned = learning and parameters.requires_grad
    found = _constants(
        reach, network, substeps, str(runoff.dtype)[6:], learned, backend, runoff.device, days,
        index(tile_days or 0),
    )  # fmt: skip
    reach_key, key, chosen, every = found
    above = "" if cells is None or backend != "numba" else _asked_key(cells)
    results = route_by_kernels(
        *tensors, instant, periods.row, periods.weight, depth.detach(), place, gates,
        periods.count, asked, reach_key, key, backend, substeps, chosen, every if learning else 0,
        on_its_way, spent, above, True,
    )  # fmt: skip
    return _shown(results[0], cells, place), *results[1 : 4 + told]


def _places(cells, transit):
    """The column of each cell (N,) int32 in the outflow, -1 for none, and how many columns."""
    size, device = len(transit), transit.device
    if cells is None:
        return torch.arange(size, dtype=torch.int32, device=device), size
    place = torch.full((size,), -1, dtype=torch.int32, device=device)
    place[cells] = torch.arange(len(cells), dtype=torch.int32, device=device)
    return place, len(cells)


def _gates(reach, served, transit):
    """The place of each cell (N,) int32 in the series and fluxes of the reach, -1 for none."""
    if served is None or not (reach.series or reach.fluxes):
        return torch.full((len(transit),), -1, dtype=torch.int32, device=transit.device)
    return _places(served, transit)[0]


def _asked_key(cells) -> str:
    """The key of the cells that are asked for; none in a trace, which sees no values."""
    if traced([cells]):
        return ""
    asked = tuple(cells.tolist())
    return ASKED.hold(key_of(f"{len(asked)} cells", asked), asked)


def _shown(outflow, cells, place):
    """Each cell's column: of a cell that is asked for twice only one is filled."""
    return outflow if cells is None else outflow[:, place[cells].long()]


@constant
def _constants(
    reach, network, substeps, real, learned, backend, device, days, tile_days
) -> tuple[str, str, int, int]:  # fmt: skip
    """Keys of the reach and the network, the days of a tile, and the days between what is kept for
    a gradient, 0 where nothing is."""
    spec, key = _spec(reach, substeps, real, learned)
    kernels = launcher(backend, device)
    chosen, every = kernels.stretches(spec, network, substeps, days, tile_days)
    return key, network_key(network), chosen, every if spec.again else 0


@lru_cache
def _spec(reach, substeps, real, learned):
    spec = reach_spec(reach, substeps, real, learned)
    return spec, REACHES.hold(spec.key, spec)


@in_full_precision
def _loop(
    runoff, parameters, properties, states, transit, series, depth, place, asked, served, reach,
    network, instant, substeps, periods, on_its_way,
):  # fmt: skip
    """The plain loops in the place of the operator."""
    periods.check()
    options = SimpleNamespace(
        instant=instant,
        substeps=substeps,
        periods=periods,
        transit=on_its_way,
        depth=depth,
        place=place,
        asked=asked,
        served=served,
    )
    static = torch.cat([parameters, properties])
    return route_reference.route(reach, network, options, runoff, static, states, transit, series)
