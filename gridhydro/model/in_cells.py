"""Water in the cells: a run of the column, its components made one flow, the unit hydrograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from gridhydro.columns.components import over_components
from gridhydro.model import unit_hydrograph as hydrograph
from gridhydro.model.base import CellModel
from gridhydro.model.simulate import simulate
from gridhydro.model.state import State
from gridhydro.model.stepping import PeriodMeans
from gridhydro.model.unit_hydrograph import ROUTED
from gridhydro.nets import WEIGHT, EmbeddedNetwork
from gridhydro.observations.averages import Averages

STORAGE = "total_storage"  # the output of a column that is all its water


@dataclass(frozen=True, eq=False)
class InCells:
    """The results of a run of the column in every cell.

    outputs  fluxes and states by name (T, N), averaged over the components; with "routed_" before
             the name, flows behind the unit hydrograph; and parameters that change by day
    runoff   what leaves the cells, (T, N) mm d-1; None of a column without a flow
    storage  (R, N) mm, all water in the column and, with a unit hydrograph, of the runoff on its
             way to the gauge, as means over periods, if asked for
    spent    whether nobody but the routing reads the runoff: it is not handed out, and comes of a
             kernel, which does not need it for its gradient as operations of torch may
    stores   state -> (N, M), at the end
    tails    flow -> (14, N) or (14, N, M) mm d-1: what the unit hydrograph still holds; or None
    """

    outputs: dict[str, Tensor]
    runoff: Tensor | None
    storage: Tensor | None
    spent: bool
    stores: dict[str, Tensor]
    tails: dict[str, Tensor] | None


def in_cells(
    model: CellModel,
    forcing: Tensor,
    state: State | None,
    outputs: Sequence[str],
    parameters: Mapping[str, Tensor],
    cells: Tensor | None,
    averages: Averages | None,
) -> InCells:
    """Run the column over forcing (F, T, N) as it sees it; arguments as for `Model.run`."""
    forcing = forcing[: len(model.column.forcings)]
    own = {field.name for field in (*model.column.fluxes, *model.column.states)}
    by_day = [n for n in outputs if n not in own and n in parameters and parameters[n].ndim == 3]
    outputs = [name for name in outputs if name not in by_day]
    flow = model.column.runoff
    flowing = [flow] if flow else []
    flowing += [n.removeprefix(ROUTED) for n in outputs if n.startswith(ROUTED)]
    wanted = [*flowing, *(n for n in outputs if not n.startswith(ROUTED))]
    in_kernel = averages if STORAGE not in wanted else None
    weights, routing = parameters.get(WEIGHT), model.unit_hydrograph
    together = "mean" if weights is None else weights
    separate = routing is not None and routing.of == "components"
    properties = model.cell_properties(cells)
    found, stores = simulate(
        model.column, forcing, {f.name: parameters[f.name] for f in model.column.parameters},
        properties={f.name: properties[f.name] for f in model.column.properties},
        initial=state.column if state else None, outputs=tuple(dict.fromkeys(wanted)),
        means=None if in_kernel is None else PeriodMeans((STORAGE,), in_kernel),
        components="separate" if separate else together,
        networks={n: m for n, m in model.embedded.items() if isinstance(m, EmbeddedNetwork)},
        scheme=model.stepping,
    )  # fmt: skip
    flows: dict[str, Tensor] = {}
    tails = None
    if routing is not None:
        flows, tails = hydrograph.route(
            {name: found[name] for name in flowing}, parameters, weights, routing.of,
            state.hydrograph if state else None, model.steps_a_day,
        )  # fmt: skip
    fluxes = {n: over_components(v, weights) for n, v in found.items()} | flows
    # as the maps of parameters: the plain mean, of which no water is made
    fluxes |= {name: parameters[name].mean(-1) for name in by_day}
    storage = None
    if averages is not None:  # averaged in the kernel, unless it is wanted by day as well
        daily = in_kernel is None
        storage = averages.means(fluxes[STORAGE]) if daily else fluxes[STORAGE]
        if routing is not None and flow is not None:
            before = state.hydrograph[flow] if state and state.hydrograph else None
            coming = hydrograph.under_way(
                found[flow], parameters, weights, routing.of, before, model.steps_a_day
            )
            storage = storage + averages.means(coming)
    runoff = None if flow is None else fluxes.get(f"{ROUTED}{flow}", fluxes[flow])
    by_kernel = model.column.advance is None and model.stepping.backend != "torch"
    spent = by_kernel and routing is None and flow not in outputs
    return InCells(fluxes, runoff, storage, spent, stores, tails)
