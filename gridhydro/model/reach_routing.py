"""Water through reaches of any kind along the river network: differentiable routing in m3."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gridhydro.base.arguments import required
from gridhydro.domain.network import Network
from gridhydro.kernels.launch import undisturbed
from gridhydro.model import routing_values
from gridhydro.model.routing import (
    Coupling,
    check_options,
    nothing_routed,
    per_cell,
    sinks,
    storage_to_start,
    through,
)
from gridhydro.model.routing_values import RESERVOIRS
from gridhydro.reaches import REACHES
from gridhydro.reaches.reach import Reach


@undisturbed
def route_reach(
    reach: str | Reach,
    runoff: Tensor,
    network: Network,
    values: Mapping[str, Tensor | float],
    *,
    substeps: int = 4,
    storage: Tensor | None = None,
    tile_days: int | None = None,
    backend: str | None = None,
    averages: tuple[Tensor, Tensor, int] | None = None,
    coupling: Coupling | None = None,
    delay: int = 0,
    transit: bool = True,
) -> tuple[Tensor, ...]:
    """Route daily runoff through a reach in every cell, such as "muskingum_cunge".

    runoff    (T, N) float32 or float64 tensor of m3 d-1, or a depth with its `Coupling`; of parts
              of a day m3 of each
    network   the `Network` of the N cells
    values    parameters and properties of the reach by name, in its units: (N,) or one number each
    substeps  steps per day, or of the parts of a day that runoff is of by its `Coupling`; within
              each, water may pass any number of cells, or with a `delay` of 1 one cell, as
              `gridhydro.route` has it
    storage   (6, N) m3: the final storage of an earlier run; empty rivers if left out

    The other arguments, and what is returned, are those of `gridhydro.route`: outflow m3 d-1, the
    storage at the end, whose first rows are the states of the reach, and means of the storage; last
    the fluxes (E, T, J) of a reach that has any, m3 d-1.
    Sinks have a reach without length. Gradients reach runoff, parameters and storage. Raises
    ValueError or TypeError, naming cells, for anything that does not fit.
    """
    check_options(runoff, network, substeps, delay, tile_days)
    reach = REACHES[reach] if isinstance(reach, str) else reach
    coupling, size = coupling or Coupling(), network.size
    given = {**values, "substeps": float(substeps * coupling.steps_a_day)}

    def rows(fields) -> Tensor:
        return torch.stack(
            [
                per_cell(required(f.name, given.get(f.name)), f.name, size, runoff, runoff.dtype)
                for f in fields
            ]
        )

    parameters, properties = rows(reach.parameters), rows(reach.properties)
    storage = storage_to_start(storage, size, runoff)
    sink = sinks(network, runoff.device)
    names = ",".join(map(_named, (*reach.parameters, *reach.properties)))
    properties = routing_values.channels(runoff, parameters, properties, storage, sink, names)
    if not len(runoff):
        count = len(coupling.series[1]) if coupling.series else 0
        none = [runoff.new_zeros(len(reach.fluxes), 0, count)] * bool(reach.fluxes)
        return *nothing_routed(runoff, storage, coupling, averages), *none
    return through(
        reach, network, runoff, parameters, properties, storage, storage[:RESERVOIRS], coupling,
        averages, instant=sink if delay else torch.ones_like(sink), substeps=int(substeps),
        backend=backend, tile_days=tile_days, on_its_way=transit,
    )  # fmt: skip


def _named(field) -> str:
    """The name, marked where 0 is none of the values that the reach takes."""
    bounds = field.bounds or (0.0,)
    return field.name + "*" * (bounds[0] > 0)
