"""Water along the river network: public, differentiable routing."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gridhydro.domain.network import Network
from gridhydro.kernels import route_op
from gridhydro.kernels.launch import recorded, undisturbed
from gridhydro.kernels.route_tables import once_per_network
from gridhydro.model import routing_values
from gridhydro.model.routing_values import RESERVOIRS
from gridhydro.reaches.linear_cascade import LinearCascade

CASCADES = tuple(LinearCascade(most) for most in range(1, RESERVOIRS + 1))


@dataclass(frozen=True)
class Coupling:
    """How the routing is joined to columns above it and to gauges below.

    depth  (N,) the volume in U of one unit of runoff: for runoff in mm d-1 and U of m3 the area of
           the cell in m2 / 1000. No gradient to it. None: runoff is a volume
    cells  (G,) integers: the cells whose outflow is returned; None: all
    series  (F, T, J) of the `series` of a reach that has any, and the J cells that it serves
    spent  whether the runoff is read by nobody else: a backward pass on a CPU that keeps no graph
           then writes the gradient over it, and holds one series (T, N) instead of two
    steps_a_day  of the runoff: 24 by the hour, in which volumes and `depth` are then those of an
           hour, and sub-steps those within it
    """

    depth: torch.Tensor | None = None
    cells: torch.Tensor | None = None
    spent: bool = False
    series: tuple[torch.Tensor, torch.Tensor] | None = None
    steps_a_day: int = 1

    def of(self, series: torch.Tensor) -> torch.Tensor:
        """A series (T, N) at the cells that are wanted, a copy."""
        return series.clone() if self.cells is None else series[:, self.cells]


@undisturbed
def route(
    runoff: torch.Tensor,
    network: Network,
    lag,
    reservoirs,
    *,
    substeps: int = 4,
    delay: int = 1,
    storage: torch.Tensor | None = None,
    tile_days: int | None = None,
    backend: str | None = None,
    averages: tuple[torch.Tensor, torch.Tensor, int] | None = None,
    transit: bool = True,
    coupling: Coupling | None = None,
) -> tuple[torch.Tensor, ...]:
    """Route daily runoff through a cascade of linear reservoirs in every cell.

    runoff      (T, N) float32 or float64 tensor: volume per day, U d-1, in any unit U (say m3)
    network     the `Network` of the N cells
    lag         (N,) or one number: mean residence time in each reservoir, d; 0 passes water on
    reservoirs  (N,) integers or one: length of the cascade, 0 to 5; sinks have none in any case.
                Code made by `torch.compile` is quickest for one integer: of (N,) it knows no values
    substeps    steps per day
    delay       1: a cell receives what left upstream in the sub-step before; 0: in the same one.
                Sinks always receive it in the same one
    storage     (6, N) in U: the final storage of an earlier run; empty rivers if left out
    tile_days   days treated in one go; changes the speed, never the result
    backend     "numba", "triton" or "torch" (plain loops); by default by the device of `runoff`
    averages    periods of days, row (T,), weight (T,), their number R; see `gridhydro.Averages`
    coupling    the volume of a unit of runoff, if it is given as a depth, and the cells whose
                outflow is wanted, see `Coupling`; if left out, runoff is volume and all are
    transit     whether these averages count the water in transit; False: the reservoirs alone

    Returns outflow (T, N) or (T, G), the water leaving each cell in U d-1 (at outlets and sinks:
    leaving the network), and the storage at the end (6, N): rows 0-4 are the reservoirs, row 5 is
    the water in transit towards the cell; of no days, rivers stay as they are. With `averages`,
    third, the water in the river of each cell at the end of a day, all that `in_rivers` counts of
    the storage then, averaged over each period (R, N), in U. A period cut in two gives the same
    numbers as one run.
    Gradients reach runoff, lag and storage; at lag 0 it is the one from above. For the one to
    the lag the backward pass keeps the states before each tile of some days, and goes through each
    tile forward once more; the others keep nothing.

    The scheme is the river routing of HydroPy 1.0.2 (Stacke and Hagemann 2021), after the
    Hydrological Discharge model (Hagemann and Dümenil 1997): in each of `substeps` steps of
    dt = 1 / substeps days a reservoir hands on the fraction dt / (lag + dt) of its content, and
    local runoff joins the river below the reservoirs of its own cell: see `LinearCascade`.

    Raises ValueError or TypeError, naming cells, for anything that does not fit. While launches are
    recorded as a CUDA graph no value can be read: they are as good as those that warmed it up.
    """
    check_options(runoff, network, substeps, delay, tile_days)
    coupling = coupling or Coupling()
    size = network.size
    lag = per_cell(lag, "lag", size, runoff, dtype=runoff.dtype)
    given, reservoirs = reservoirs, per_cell(reservoirs, "reservoirs", size, runoff)
    storage = storage_to_start(storage, size, runoff)
    sink = sinks(network, runoff.device)
    cascade = routing_values.cascade(runoff, lag, reservoirs, storage, sink)
    if not len(runoff):
        return nothing_routed(runoff, storage, coupling, averages)
    # what lies in reservoirs that a cell does not have stays there
    number = torch.arange(1, RESERVOIRS + 1, device=runoff.device)[:, None]
    stores = torch.where(number <= cascade, storage[:RESERVOIRS], 0)
    properties = torch.stack([cascade, torch.full_like(cascade, substeps)]).to(runoff.dtype)
    return through(
        CASCADES[_most(given, cascade) - 1], network, runoff, lag[None], properties, storage,
        stores, coupling, averages, instant=sink if delay else torch.ones_like(sink),
        substeps=int(substeps), backend=backend, tile_days=tile_days, on_its_way=transit,
    )  # fmt: skip


def through(
    reach, network, runoff, parameters, properties, storage, stores, coupling, averages, **options
):
    """What `route` returns, of any reach; the values are checked already.

    parameters (P, N) and properties (K, N) in the order of the reach; of the storage (6, N) that
    there is, `stores` (5, N) are those that take part, of which the reach has the first. The other
    options are those of `route_op.route`.
    """
    depth, count = coupling.depth, len(reach.states)
    series, served = coupling.series or (None, None)
    outflow, final, arriving, means, *fluxes = route_op.route(
        reach,
        network,
        runoff.contiguous(),
        parameters.contiguous(),
        properties,
        stores[:count].contiguous(),
        storage[RESERVOIRS].contiguous(),
        depth=None
        if depth is None
        else per_cell(depth, "depth", network.size, runoff, runoff.dtype),
        cells=coupling.cells,
        averages=averages,
        spent=coupling.spent,
        series=series,
        served=served,
        **options,
    )
    idle = storage[:RESERVOIRS] - stores
    final = torch.cat([idle[:count] + final, idle[count:], arriving[None]])
    found = (outflow, final) if averages is None else (outflow, final, means)
    return *found, *fluxes


def nothing_routed(runoff, storage, coupling, averages):
    """What `route` returns of no day: what is in the rivers stays there."""
    means = () if averages is None else (runoff.new_zeros(averages[2], runoff.shape[1]),)
    return coupling.of(runoff), storage, *means


def sinks(network: Network, device: torch.device) -> torch.Tensor:
    """(N,) whether a cell is a sink; outside a trace copied to the device once."""
    if torch.compiler.is_compiling():
        return torch.as_tensor(network.sink, device=device)
    return _kept_sinks(network, device)


@once_per_network
def _kept_sinks(network: Network, device: torch.device) -> torch.Tensor:
    return torch.as_tensor(network.sink, device=device)


def _most(given, cascade: torch.Tensor) -> int:
    """Reservoirs of the longest cascade, at least one: so many are computed.

    A trace or a recording sees no values: there they are as many as a number `given` for all cells
    says, else all that there can be. Those that a cell lacks let all water pass, and the result is
    the same.
    """
    if torch.compiler.is_compiling() or recorded(cascade):
        return max(1, min(given, RESERVOIRS)) if isinstance(given, int) else RESERVOIRS
    return max(1, int(cascade.max())) if len(cascade) else 1


def in_rivers(storage: torch.Tensor) -> torch.Tensor:
    """All water (N,) in the river of each cell, from the storage (6, N) that `route` returns.

    What is in transit counts in the cell that it flows to.
    """
    return storage.sum(0)


def check_options(runoff, network, substeps, delay, tile_days):
    """TypeError or ValueError for runoff and options that do not fit."""
    if not isinstance(runoff, torch.Tensor) or runoff.dtype not in (torch.float32, torch.float64):
        kind = runoff.dtype if isinstance(runoff, torch.Tensor) else type(runoff).__name__
        raise TypeError(f"runoff is {kind}, should be a torch tensor of float32 or float64")
    if runoff.ndim != 2 or runoff.shape[1] != network.size:
        raise ValueError(
            f"runoff is {tuple(runoff.shape)}, should be (days, {network.size}): the cells in the "
            "order of the network"
        )
    if int(substeps) != substeps or substeps < 1:
        raise ValueError(f"substeps is {substeps}, should be a whole number, 1 or more")
    if delay not in (0, 1):
        raise ValueError(f"delay is {delay}, should be 1 (one sub-step) or 0 (none)")
    if tile_days is not None and (int(tile_days) != tile_days or tile_days < 1):
        raise ValueError(f"tile_days is {tile_days}, should be a whole number, 1 or more, or None")


def storage_to_start(storage: torch.Tensor | None, size: int, runoff: torch.Tensor) -> torch.Tensor:
    """The storage to start with, (6, N)."""
    if storage is None:
        storage = runoff.new_zeros((RESERVOIRS + 1, size))
    if storage.shape != (RESERVOIRS + 1, size):
        raise ValueError(
            f"storage is {tuple(storage.shape)}, should be ({RESERVOIRS + 1}, {size}): five "
            "reservoirs and the water in transit, as `route` returns it"
        )
    if storage.dtype != runoff.dtype or storage.device != runoff.device:
        raise TypeError(
            f"storage is {storage.dtype} on {storage.device}, runoff {runoff.dtype} on "
            f"{runoff.device}: convert one with .to()"
        )
    return storage


def per_cell(values, name, size, like, dtype=None):
    """Values (N,), of one number too; ValueError for another shape."""
    if isinstance(values, int | float):  # filled on the device, not copied to it
        values = torch.full((), values, dtype=dtype, device=like.device)
    values = torch.as_tensor(values, dtype=dtype, device=like.device)
    if values.ndim == 0:
        values = values.expand(size)
    if values.shape != (size,):
        raise ValueError(
            f"{name} is {tuple(values.shape)}, should be ({size},): one value for every cell of "
            "the network, in its order"
        )
    return values
