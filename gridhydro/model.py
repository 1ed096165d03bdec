"""The whole model as one torch module: attributes -> parameters -> column -> river -> gauges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from gridhydro import hydrograph
from gridhydro.column import Column, Field
from gridhydro.columns import column as column_named
from gridhydro.domain import Domain
from gridhydro.given import names, one_of, share, whole
from gridhydro.hydrograph import ROUTED
from gridhydro.inputs import attribute_values
from gridhydro.kernels import Scheme
from gridhydro.nets import (
    WEIGHT,
    EmbeddedNetwork,
    Parameterization,
    SequenceParameterization,
)
from gridhydro.river import SECONDS, VELOCITY, River, flow_length
from gridhydro.routing import route
from gridhydro.simulate import simulate


@dataclass(frozen=True)
class State:
    """All water at one moment.

    column      stores by name (N, M) mm
    river       (6, N) m3; None for lumped basins
    hydrograph  flow -> (14, N) or (14, N, M) mm d-1 that has not all reached the gauge, if routed
    """

    column: dict[str, Tensor]
    river: Tensor | None
    hydrograph: dict[str, Tensor] | None = None


@dataclass(frozen=True)
class Simulation:
    """What a run gives: discharge (T, G) m3 s-1 at the gauges, outputs (T, N), the last state."""

    discharge: Tensor
    outputs: dict[str, Tensor]
    state: State


class Model(torch.nn.Module):
    """A domain with a column in every cell, whose parameters a network reads off attributes.

    domain      the cells, their river network and gauges
    column      "hbv" or a Column
    attributes  Dataset of rasters (y, x) on the domain's grid, or name -> (N,) values
    network     "mlp" reads attributes; "lstm" reads attributes and forcing
    hidden      sizes of the hidden layers of the network, or size of the LSTM; two or more sizes
                with "lstm": the LSTM's, and those of the layers that give the static parameters
                from attributes alone, of which the daily ones then are departures
    components  parallel parameter sets in each cell; fluxes are their mean
    weights     "mean", or "learned": the network gives each component a weight
    dynamic     names of parameters that change by day (with "lstm")
    dynamic_dropout  probability of a cell's daily parameter to be held constant in training
    dropout     share of hidden values dropped in training
    log_attributes  names of attributes that the network sees in logarithm
    fixed       parameters held at a constant, such as {"C": 0.0}
    river       routing options, for rasters
    unit_hydrograph  for lumped basins: None, "mean" (the mean of the components is routed by the
                gamma unit hydrograph) or "components" (each with its own)
    scheme      how time is stepped within the day: "sequential", "implicit", "explicit:24", ...
    storage, backend  see `gridhydro.simulate`
    seed        of the network's first weights
    """

    def __init__(
        self,
        domain: Domain,
        column: str | Column = "hbv",
        attributes: xr.Dataset | Mapping[str, object] | None = None,
        *,
        network: str = "mlp",
        hidden: int | Sequence[int] | None = None,
        components: int = 1,
        weights: str = "mean",
        dynamic: Sequence[str] = (),
        dynamic_dropout: float = 0.0,
        dropout: float = 0.0,
        log_attributes: Sequence[str] = (),
        fixed: Mapping[str, float] | None = None,
        river: River | None = None,
        unit_hydrograph: str | None = None,
        scheme: str = "sequential",
        storage: str | int = "auto",
        backend: str | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.domain, self.column = domain, column_named(column)
        self.river, self.storage, self.backend = river or River(), storage, backend
        components, seed = whole("components", components, 1), whole("seed", seed, 0)
        dynamic, log_attributes = names("dynamic", dynamic), names("log_attributes", log_attributes)
        dynamic_dropout = share("dynamic_dropout", dynamic_dropout)
        self.components, self.unit_hydrograph = components, unit_hydrograph
        self.scheme = Scheme.of(scheme)
        values = attribute_values(domain, attributes)
        fixed = {name: float(value) for name, value in (fixed or {}).items()}
        unknown = [n for n in dynamic if n not in [f.name for f in self.column.parameters]]
        if unknown:
            raise ValueError(f"'{unknown[0]}' is no parameter of the column '{self.column.name}'")
        fields = [*self.column.parameters, *self._routing_fields(fixed)]
        hidden = _hidden(network, hidden)
        self.options = dict(
            column=self.column.name, network=network, hidden=hidden, components=components,
            weights=weights, dynamic=dynamic, dynamic_dropout=dynamic_dropout,
            dropout=dropout, log_attributes=log_attributes, fixed=fixed,
            river=asdict(self.river), unit_hydrograph=unit_hydrograph, scheme=str(self.scheme),
            seed=seed,
        )  # fmt: skip
        log = [VELOCITY.name] if VELOCITY in fields else []
        more = dict(
            weighted=one_of("weights", weights, ("mean", "learned")) == "learned",
            dropout=dropout, log_attributes=log_attributes,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if network == "lstm":
                size, *layers = hidden
                if layers:
                    more |= dict(static="attributes", layers=layers)
                self.network = SequenceParameterization(
                    values, fields, size, components, fixed, log, dynamic=dynamic,
                    forcings=self.column.forcings, dynamic_dropout=dynamic_dropout, **more,
                )  # fmt: skip
            elif dynamic:
                raise ValueError(
                    f"{', '.join(dynamic)} cannot change by day with a network that reads "
                    "attributes only: take network='lstm'"
                )
            else:
                self.network = Parameterization(
                    values, fields, hidden, components, fixed, log, **more
                )
            networks = {n.name: EmbeddedNetwork(n) for n in self.column.networks}
        self.embedded = torch.nn.ModuleDict(networks)  # inside the column's step, if it has any
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("attributes", self.network.matrix(values))
        self.register_buffer("area", torch.as_tensor(domain.area, dtype=torch.float32))
        length = torch.as_tensor(flow_length(domain), dtype=torch.float32)
        self.register_buffer("flow_length", length)
        self.register_buffer("gauge_cells", torch.as_tensor(domain.gauge_cells.copy()))

    def _routing_fields(self, fixed: dict[str, float]) -> list[Field]:
        """What the way to the gauge adds to the parameters."""
        if self.domain.grid is not None:
            if self.unit_hydrograph is not None:
                raise ValueError("the unit hydrograph is for lumped basins: rasters have rivers")
            if self.river.velocity is not None:
                fixed[VELOCITY.name] = self.river.velocity
            return [VELOCITY]
        if self.unit_hydrograph is None:
            return []
        one_of("unit_hydrograph", self.unit_hydrograph, hydrograph.WAYS)
        return list(hydrograph.SHAPE)

    def __repr__(self) -> str:
        inputs, outputs = len(self.network.names), len(self.network.learned)
        daily = [field.name for field in self.network.daily]
        return (
            f"Model: {self.column.name} in each cell of {self.domain!r}\n"
            f"  {inputs} attributes -> {outputs} parameters x {self.components} components"
            + (f", by day: {', '.join(daily)}" if daily else "")
        )

    @property
    def fields(self) -> tuple[Field, ...]:
        """The parameters, learned and fixed, as exported."""
        return self.network.fields

    def output(self, name: str) -> Field:
        """The flux, state or routed flow called `name`."""
        if not name.startswith(ROUTED):
            return self.column.output(name)
        source = self.column.output(name.removeprefix(ROUTED))
        if self.unit_hydrograph is None:
            raise ValueError(f"'{name}' needs a model with a unit hydrograph")
        return Field(name, source.unit, f"{source.long_name}, routed by the unit hydrograph")

    def fit_inputs(self, forcing: Tensor, cells: Tensor | None = None) -> None:
        """Scale the network's inputs by the attributes of these cells and a sample of forcing."""
        attributes = self.attributes if cells is None else self.attributes[cells]
        if self.fitted:  # what was learned on one scale stays on it
            return
        self.fitted.fill_(True)
        self.network.inputs.fit(attributes)
        if isinstance(self.network, SequenceParameterization):
            self.network.trunk.fit(forcing)

    def cell_parameters(
        self,
        forcing: Tensor | None = None,
        cells: Tensor | None = None,
        before: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Parameter -> (N, M) within bounds, daily ones (W + T, N, M); of some cells, or of all.

        A network that reads the weather needs the forcing (F, T, N) of the same cells; `before`
        (F, W, N) is that of the days before, which pass without gradient.
        """
        attributes = self.attributes if cells is None else self.attributes[cells]
        return self.network(attributes, forcing, before)

    def forward(
        self,
        forcing: Tensor,
        state: State | None = None,
        outputs: Sequence[str] = (),
        parameters: Mapping[str, Tensor] | None = None,
        *,
        cells: Tensor | None = None,
        before: Tensor | None = None,
    ) -> Simulation:
        """Run over forcing (F, T, N), packed in the column's order and units.

        state       where the run starts (the column's initial stores, empty rivers)
        outputs     names of fluxes and states to return daily; "routed_" before the name of a flow
                    is that flow behind the unit hydrograph
        parameters  replace those of the network
        cells       of lumped basins: which of them the forcing is for, in order
        before      forcing (F, W, N) of the days before, which only fill the stores: no gradient
        """
        if cells is not None and self.domain.grid is not None:
            raise ValueError("cells of a raster belong together: only lumped basins can be chosen")
        if parameters is None:
            parameters = self.cell_parameters(forcing, cells, before)
        if before is not None:
            days = before.shape[1]
            early = {n: p[:days] if p.ndim == 3 else p for n, p in parameters.items()}
            with torch.no_grad():
                state = self._run(before, state, outputs, early, cells).state
            parameters = {n: p[days:] if p.ndim == 3 else p for n, p in parameters.items()}
        return self._run(forcing, state, outputs, parameters, cells)

    def _run(self, forcing, state, outputs, parameters, cells) -> Simulation:
        own = {f.name: parameters[f.name] for f in self.column.parameters}
        routed = [self.column.runoff, *(n for n in outputs if n.startswith(ROUTED))]
        routed = [name.removeprefix(ROUTED) for name in routed]
        wanted = [*routed, *(n for n in outputs if not n.startswith(ROUTED))]
        weights, separate = parameters.get(WEIGHT), self.unit_hydrograph == "components"
        fluxes, stores = simulate(
            self.column, forcing, own, initial=state.column if state else None,
            outputs=tuple(dict.fromkeys(wanted)), storage=self.storage, backend=self.backend,
            scheme=self.scheme, mean=not separate, weights=None if separate else weights,
            networks=self.embedded,
        )  # fmt: skip
        flows, tails = {}, None
        if self.unit_hydrograph is not None:
            flows, tails = hydrograph.route(
                {name: fluxes[name] for name in routed}, parameters, weights,
                self.unit_hydrograph, state.hydrograph if state else None,
            )  # fmt: skip
        averaged = {n: hydrograph.over_components(v, weights) for n, v in fluxes.items()}
        fluxes = averaged | flows
        discharge, river = self._discharge(fluxes, parameters, state, cells)
        kept = {name: fluxes[name] for name in outputs}
        return Simulation(discharge, kept, State(stores, river, tails))

    def _discharge(self, fluxes, parameters, state, cells) -> tuple[Tensor, Tensor | None]:
        """Discharge at the gauges, (T, G) m3 s-1, and the water in the rivers."""
        runoff = fluxes.get(ROUTED + self.column.runoff, fluxes[self.column.runoff])
        area = self.area if cells is None else self.area[cells]
        volume = runoff * (area / 1000)  # mm d-1 -> m3 d-1
        if self.domain.grid is None:  # a basin is its own gauge
            return volume / SECONDS, None
        outflow, river = route(
            volume, self.domain.network, self._lag(parameters[VELOCITY.name]),
            self.river.reservoirs, substeps=self.river.substeps, delay=self.river.delay,
            storage=state.river if state else None, backend=self.backend,
        )  # fmt: skip
        return outflow[:, self.gauge_cells] / SECONDS, river

    def _lag(self, velocity: Tensor) -> Tensor:
        """Residence time in each reservoir, (N,) d: a cell is passed in length / velocity."""
        return self.flow_length / velocity.mean(-1) / SECONDS / self.river.reservoirs

    @torch.no_grad()
    def spin_up(
        self,
        forcing: Tensor,
        cycles: int = 1,
        state: State | None = None,
        outputs: Sequence[str] = (),
    ) -> State | None:
        """The state after `cycles` runs over this forcing; without gradient.

        Flows that are to be routed afterwards are named in `outputs`, as there.
        """
        if forcing.shape[1] == 0:
            return state
        parameters = self.cell_parameters(forcing)
        for _ in range(cycles):
            state = self(forcing, state, outputs, parameters=parameters).state
        return state


def _hidden(network: str, hidden) -> list[int]:
    """Sizes of the layers, the LSTM first."""
    one_of("network", network, ("mlp", "lstm"))
    if hidden is None:
        return [256, 64, 16] if network == "mlp" else [64]
    sizes = hidden if np.ndim(hidden) else [hidden]
    return [whole("hidden", size, 1) for size in sizes]
