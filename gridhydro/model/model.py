"""The whole model as one torch module: attributes -> parameters -> column -> river -> gauges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from gridhydro.base import notebook
from gridhydro.base.arguments import number, one_of, required
from gridhydro.columns import column as column_named
from gridhydro.columns.column import Column, Field
from gridhydro.columns.components import Components
from gridhydro.domain.domain import Domain
from gridhydro.inputs.attributes import attribute_values, given_by_cell, property_values
from gridhydro.inputs.history import History
from gridhydro.kernels import Scheme
from gridhydro.model import corrected, options
from gridhydro.model.base import CellModel
from gridhydro.model.bed_slope import with_slope
from gridhydro.model.checks import refuse_unfit, refuse_unfit_steps, routing_of
from gridhydro.model.in_cells import in_cells
from gridhydro.model.river import SECONDS, Ends, River, flow_length
from gridhydro.model.state import Simulation, State
from gridhydro.model.stepping import Stepping
from gridhydro.model.unit_hydrograph import ROUTED, UnitHydrograph
from gridhydro.nets import EmbeddedNetwork
from gridhydro.nets.choice import parameterization
from gridhydro.nets.correction import Correction, PETCorrection
from gridhydro.nets.lstm import Memory, SequenceParameterization
from gridhydro.nets.mlp import Parameterization
from gridhydro.nets.options import ParameterNetwork, PastSeries
from gridhydro.observations.averages import Averages


class Model(CellModel):
    """A domain with a column in every cell, whose parameters a network reads off attributes.

    domain      the cells, their river network and gauges
    column      "hbv" or a Column
    attributes  Dataset of rasters (y, x) on the domain's grid, or name -> (N,) values
    properties  Dataset or name -> (N,) of what the column and the river have to know of a cell
    defaults    parameter -> (N,), a raster or one value: where the network "free" starts, within
                the bounds, and what "none" has, beyond them too; mid-range where left out
    fixed       parameters held at a constant, such as {"C": 0.0}
    network     what gives the parameters: a kind, such as "mlp", or a `ParameterNetwork` with more
                options
    components  parallel parameter sets in each cell, whose fluxes are averaged: a number, or
                `Components`, which may have learned weights
    routing     of rasters a `River` (None: the usual one); of lumped basins a `UnitHydrograph`, or
                None, and their discharge is the runoff of the day
    correction  network that changes a forcing before the column sees it: "conv3d" for the error of
                Penman-Monteith from the six variables that it takes, or a `nets.Correction`
    scheme      how time is stepped within the day: "sequential", "implicit", "explicit:24", ..., or
                a `Stepping` that also says what is kept for the gradient, which backend runs, and
                how many steps a day the forcing has, if not one

    ValueError names what is missing, or does not fit the domain, the column or the network.
    """

    network: Parameterization
    properties: Tensor
    correction_attributes: Tensor
    flow_length: Tensor
    gauge_cells: Tensor
    component: int | None = None  # the only one of the parameter sets that is run

    def __init__(
        self,
        domain: Domain,
        column: str | Column = "hbv",
        attributes: xr.Dataset | Mapping[str, object] | None = None,
        *,
        properties: xr.Dataset | Mapping[str, object] | None = None,
        defaults: Mapping[str, object] | None = None,
        fixed: Mapping[str, float] | None = None,
        network: str | ParameterNetwork = "mlp",
        components: int | Components = 1,
        routing: River | UnitHydrograph | None = None,
        correction: str | Correction | None = None,
        scheme: str | Scheme | Stepping = "sequential",
    ):
        stepping = Stepping.of(scheme)
        super().__init__(domain, stepping.column(column_named(column)))
        stepping = replace(stepping, steps_a_day=self.steps_a_day)
        network, components = ParameterNetwork.of(network), Components.of(components)
        self.components, self.stepping = components.count, stepping
        self.routing = routing_of(domain, routing)
        defaults = given_by_cell(domain, defaults or {})
        fixed = self._fixed(fixed or {}, defaults)
        refuse_unfit(network, self.column, domain)
        if stepping.steps_a_day > 1:
            reads_weather = network.kind == "lstm"
            refuse_unfit_steps(self.column, reads_weather, correction, self.stepping)
        values = {}
        if attributes is not None or not network.per_cell:
            values = attribute_values(domain, attributes)
        self._take_properties(properties)
        self.options = options.to_json(
            self.column.name, network, components, fixed, self.routing, correction, self.stepping
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(network.seed)
            self.network = parameterization(
                domain, values, self._fields_of_cells(), network, components, fixed=fixed,
                defaults=defaults, forcings=self.column.forcings,
            )  # fmt: skip
            networks = {n.name: EmbeddedNetwork(n) for n in self.column.networks}
            if isinstance(correction, str):
                one_of("correction", correction, ("conv3d",))
                log = network.log_attributes
                correction = PETCorrection(domain, values, log_attributes=log)
        self.embedded = torch.nn.ModuleDict(networks)  # inside the column's step, if it has any
        self.correction = correction
        self._take_inputs(values, network.history)

    def _fixed(self, fixed: Mapping[str, float], defaults: Mapping[str, object]) -> dict:
        """The parameters that are held, a river's velocity among them."""
        fixed = {name: number(f"the fixed '{name}'", value) for name, value in fixed.items()}
        self.column.refuse({**defaults, **fixed})
        if self.river is not None and self.river.velocity is not None:
            fixed[self.river.parameter.name] = self.river.velocity
        return fixed

    def _fields_of_cells(self) -> list[Field]:
        """The parameters of the column and of the routing."""
        return [*self.column.parameters, *(self.routing.parameters if self.routing else ())]

    def _take_properties(self, properties) -> None:
        """Keep what the column and the river have to know of the cells."""
        wanted = (*self.column.properties, *(self.routing.properties if self.routing else ()))
        properties = with_slope(self.domain, properties, wanted)
        found = property_values(self.domain, properties, wanted)
        self.property_names = tuple(found)
        rows = [np.asarray(row, np.float64) for row in found.values()]
        self._properties = np.stack(rows) if rows else np.empty((0, self.domain.size))
        self.register_buffer("properties", torch.as_tensor(self._properties, dtype=torch.float32))

    def exact(self) -> dict[str, np.ndarray]:
        """As in the base, with the lengths of the rivers and the properties of the cells."""
        own = {"flow_length": flow_length(self.domain), "properties": self._properties}
        return super().exact() | own

    def _take_inputs(self, values: Mapping[str, object], history: PastSeries | None) -> None:
        """Keep what the networks read of the cells, and where the gauges are."""
        self.register_buffer("attributes", self.network.matrix(values))
        if history is not None:
            self.history = history.values
            self.network.fit_series(history.values)
        if self.correction is not None:
            self.register_buffer("correction_attributes", self.correction.inputs.matrix(values))
        length = torch.as_tensor(flow_length(self.domain), dtype=torch.float32)
        self.register_buffer("flow_length", length)
        self.register_buffer("gauge_cells", torch.as_tensor(self.domain.gauge_cells.copy()))

    def __repr__(self) -> str:
        inputs, outputs = len(self.network.names), len(self.network.learned)
        daily = [field.name for field in self.network.daily]
        return (
            f"Model: {self.column.name} in each cell of {self.domain!r}\n"
            f"  {inputs} attributes -> {outputs} parameters x {self.components} components"
            + (f", by day: {', '.join(daily)}" if daily else "")
        )

    def _repr_html_(self) -> str:
        learned = {field.name for field in self.network.learned}
        rows = [
            (f.name, f.long_name, f.unit, notebook.between(f.bounds),
             "learned" if f.name in learned else "held")
            for f in self.fields
        ]  # fmt: skip
        kind, weights = self.options["network"]["kind"], sum(w.numel() for w in self.parameters())
        about = [
            ("column", self.column.name), ("scheme", self.options["scheme"]),
            ("network", f"{kind}, {weights:,} weights"),
            ("attributes", ", ".join(map(str, self.network.names))),
            ("components", self.components), ("routing", self.routing),
            ("correction", self.options["correction"]),
        ]  # fmt: skip
        heads = ("name", "what it is", "unit", "bounds", "")
        return notebook.titled(
            f"Model: {self.column.name} in each cell of {self.domain!r}",
            notebook.table([row for row in about if row[1] not in (None, "")]),
            notebook.folded(f"{len(rows)} parameters", notebook.table(rows, heads, 40)),
        )

    @property
    def forcings(self) -> tuple[Field, ...]:
        """The series of a forcing: those of the column, then those that a correction reads, then
        those of the river."""
        return (*corrected.forcings_of(self.column, self.correction), *self.to_river)

    @property
    def known(self) -> History | None:
        """The history of the cells, of a network that reads one."""
        about = self.options["network"]["history"]
        return None if self.history is None else History.again(self.history, about)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The parameters, learned and fixed, as exported."""
        return self.network.fields

    def output(self, name: str) -> Field:
        """The flux, state, routed flow or daily parameter called `name`."""
        own = {field.name for field in (*self.column.fluxes, *self.column.states)}
        daily = {field.name: field for field in getattr(self.network, "daily", ())}
        if name in daily and name not in own:
            return daily[name]
        if name not in own and any(field.name == name for field in self.fields):
            raise ValueError(
                f"the parameter '{name}' does not change by day, so there is no series of it: "
                "`Run.parameters` has its map"
            )
        if name in self.of_river:
            return self.of_river[name]
        if not name.startswith(ROUTED):
            return self.column.output(name)
        source = self.column.output(name.removeprefix(ROUTED))
        if self.unit_hydrograph is None:
            raise ValueError(f"'{name}' needs a model with a unit hydrograph")
        return Field(name, source.unit, f"{source.long_name}, routed by the unit hydrograph")

    def _fit(self, forcing: Tensor, cells: Tensor | None) -> None:
        self.network.inputs.fit(self._attributes(cells))
        if self.network.reads_weather:
            self.network.fit_series(forcing[: len(self.column.forcings)])
        if self.history is not None:
            self.network.fit_series(_past(self.history, cells))
        if self.correction is not None:
            self.correction.inputs.fit(self.correction_attributes)
            self.correction.fit(corrected.read_by(self.correction, self.forcings, forcing))

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
        attributes = self._attributes(cells)
        if self.history is not None:
            return self._sets(self.network(attributes, _past(self.history, cells)))
        forcing, before = (None if w is None else self._own(w) for w in (forcing, before))
        return self._sets(self.network(attributes, forcing, before))

    def _sets(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of all parameter sets those that are run; where the mean of the components is routed,
        one is routed as the mean is."""
        one, routing = self.component, self.routing
        if one is None:
            return parameters
        apart = isinstance(routing, UnitHydrograph) and routing.of == "components"
        shared = {f.name for f in routing.parameters} if routing and not apart else set()
        return {
            name: values.mean(-1, keepdim=True) if name in shared else values[..., one : one + 1]
            for name, values in parameters.items()
        }

    def _own(self, forcing: Tensor) -> Tensor:
        """Of a forcing the series of the column, in the cells of the domain: a part of a model
        takes that of cells around them too, after them, for its correction."""
        return forcing[: len(self.column.forcings), :, : self.domain.size]

    def cell_properties(self, cells: Tensor | None = None) -> dict[str, Tensor]:
        """Property -> (N,), of some cells or of all."""
        rows = self.properties if cells is None else self.properties[:, cells]
        return dict(zip(self.property_names, rows, strict=True))

    def weather(self, forcing: Tensor) -> Tensor:
        """Forcing (F + V + R, T, N) as column and river see it, (F + R, T, N): with the
        correction."""
        own, last = self._own(forcing), len(forcing) - len(self.to_river)
        if self.correction is not None:
            attributes = self.correction_attributes
            own = corrected.corrected(self.correction, self.forcings, own, forcing, attributes)
        if not self.to_river:
            return own
        return torch.cat([own, forcing[last:, :, : self.domain.size]])

    def forward(
        self,
        forcing: Tensor,
        state: State | None = None,
        outputs: Sequence[str] = (),
        parameters: Mapping[str, Tensor] | None = None,
        *,
        cells: Tensor | None = None,
        before: Tensor | None = None,
        averages: Averages | None = None,
        routed: bool = True,
    ) -> Simulation:
        """Run over forcing (F, T, N), packed in the order and units of `forcings`.

        state       where the run starts (the column's initial stores, empty rivers); that of the
                    days before goes on as if nothing had been cut
        outputs     names of fluxes, states and parameters that change by day, to return daily;
                    "routed_" before the name of a flow is that flow behind the unit hydrograph
        parameters  replace those of the network
        cells       of lumped basins: which of them the forcing is for, in order
        before      forcing (F, W, N) of the days before, which only fill the stores: no gradient
        averages    periods over which the water in all stores and rivers is averaged
        routed      False: rivers of a raster are left out, and there is no discharge
        """
        if cells is not None and not self.domain.lumped:
            raise ValueError("cells of rivers belong together: only lumped basins can be chosen")
        earlier = None if state is None else state.weather
        memory = None  # of a network that did not read these days
        if parameters is None:
            memory = None if state is None else state.memory
            parameters, memory = self.remembering(forcing, cells, before, memory)
        seen = corrected.looked_back_on(self, before, forcing, earlier)
        early, weather = corrected.in_parts(self, before, forcing, earlier)
        if early is not None:
            days = early.shape[1]
            first = {n: p[:days] if p.ndim == 3 else p for n, p in parameters.items()}
            with torch.no_grad():
                state = self.run(early, state, outputs, first, cells, routed=routed).state
            parameters = {n: p[days:] if p.ndim == 3 else p for n, p in parameters.items()}
        found = self.run(weather, state, outputs, parameters, cells, averages, routed)
        carried = required("state", found.state).carrying(memory, seen)
        return replace(found, state=carried)

    def remembering(
        self,
        forcing: Tensor,
        cells: Tensor | None = None,
        before: Tensor | None = None,
        memory: Memory | None = None,
    ) -> tuple[dict[str, Tensor], Memory | None]:
        """`cell_parameters`, and what an LSTM over the weather remembers at the end."""
        if not isinstance(self.network, SequenceParameterization):
            return self.cell_parameters(forcing, cells, before), None
        early = None if before is None else self._own(before)
        own = self._own(forcing)
        found, after = self.network.remembering(self._attributes(cells), own, early, memory)
        return self._sets(found), after

    def run(
        self,
        forcing: Tensor,
        state: State | None,
        outputs: Sequence[str],
        parameters: Mapping[str, Tensor],
        cells: Tensor | None,
        averages: Averages | None = None,
        routed: bool = True,
    ) -> Simulation:
        """As `forward`, with the forcing as the column sees it and its parameters given."""
        of_cells = [name for name in outputs if name not in self.of_river]
        water = in_cells(self, forcing, state, of_cells, parameters, cells, averages)
        discharge, river, in_rivers, told = self._to_gauges(
            water.runoff, forcing, state, parameters, cells, averages, routed, water.spent,
            [name for name in outputs if name in self.of_river],
        )  # fmt: skip
        storage = water.storage
        if storage is not None and in_rivers is not None:
            storage = storage + in_rivers
        found = water.outputs | told
        kept = {name: found[name] for name in outputs}
        return Simulation(discharge, kept, State(water.stores, river, water.tails), storage)

    def _to_gauges(
        self,
        runoff: Tensor | None,
        forcing: Tensor,
        state: State | None,
        parameters: Mapping[str, Tensor],
        cells: Tensor | None,
        averages: Averages | None,
        routed: bool,
        spent: bool,
        outputs: Sequence[str],
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, dict[str, Tensor]]:
        """Discharge (T, G) m3 s-1, the water in the rivers at the end (6, N) m3, as means over the
        periods of `averages` (R, N) mm, None for what there is not, and fluxes of the river by name
        (T, N) m3 s-1. `spent`: see `InCells`."""
        if runoff is None:  # nothing to be known of any gauge
            gauges = forcing.shape[2] if self.domain.lumped else len(self.gauge_cells)
            return forcing.new_full((forcing.shape[1], gauges), torch.nan), None, None, {}
        area = self.area if cells is None else self.area[cells]
        if self.domain.lumped:  # a basin is its own gauge
            return runoff * (area / 1000) / SECONDS, None, None, {}
        if not routed and outputs:
            raise ValueError(f"{', '.join(outputs)}: of rivers, which are left out here")
        if not routed:
            return None, None, None, {}
        return required("river", self.river).discharge(
            runoff, self.domain, area, self.flow_length, parameters, self.cell_properties(cells),
            state.river if state else None, self.stepping.backend, averages,
            Ends(
                self.gauge_cells, spent, forcing[len(self.column.forcings) :], tuple(outputs),
                self.steps_a_day,
            ),
        )  # fmt: skip


def _past(history: Tensor, cells: Tensor | None) -> Tensor:
    """The history (V, P, N), of some cells or of all."""
    return history if cells is None else history[:, :, cells]
