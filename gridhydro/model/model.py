"""The whole model as one torch module: attributes -> parameters -> column -> river -> gauges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import torch
import xarray as xr
from torch import Tensor

from gridhydro.base.arguments import fraction, names, one_of, whole
from gridhydro.base.quantities import SERIES
from gridhydro.columns import column as column_named
from gridhydro.columns.column import Column, Field
from gridhydro.columns.components import over_components
from gridhydro.domain.domain import Domain
from gridhydro.inputs.attributes import attribute_values, property_values
from gridhydro.inputs.history import History
from gridhydro.kernels import Scheme
from gridhydro.model import equilibrium
from gridhydro.model import unit_hydrograph as hydrograph
from gridhydro.model.river import SECONDS, River, flow_length
from gridhydro.model.simulate import simulate
from gridhydro.model.state import Simulation, State
from gridhydro.model.unit_hydrograph import ROUTED
from gridhydro.nets import WEIGHT, EmbeddedNetwork, SequenceParameterization
from gridhydro.nets.choice import PER_CELL, parameterization, sizes
from gridhydro.nets.correction import Correction, PETCorrection
from gridhydro.observations.averages import Averages

STORAGE = "total_storage"  # the output of a column that is all its water
# days on both sides that a correction may look at, in a run cut in two
REACH = 8


class Model(torch.nn.Module):
    """A domain with a column in every cell, whose parameters a network reads off attributes.

    domain      the cells, their river network and gauges
    column      "hbv" or a Column
    attributes  Dataset of rasters (y, x) on the domain's grid, or name -> (N,) values
    properties  Dataset or name -> (N,) of what the column and the river have to know of a cell
    network     "mlp" reads attributes; "conv2d" and "conv3d" those of the cells around as well, see
                `nets.raster`; "lstm" attributes and forcing; "gz" attributes and `history`, see
                `nets.history`; "free" has no network but a value for each cell to learn, and "none"
                nothing to learn: both start at `defaults`
    history     of "gz": what was seen of every cell, such as its forcing and observations of the
                training period. Parameters come from it whatever days are run. That of a gauge held
                out is read as well: it is gauged, though not trained on
    defaults    parameter -> (N,) or one value, of "free" and "none"; mid-range where left out
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
    correction  network that changes a forcing before the column sees it: "conv3d" for the error of
                Penman-Monteith from the six variables that it takes, or a `nets.Correction`
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
        properties: xr.Dataset | Mapping[str, object] | None = None,
        defaults: Mapping[str, object] | None = None,
        network: str = "mlp",
        history: History | None = None,
        hidden: int | Sequence[int] | None = None,
        components: int = 1,
        weights: str = "mean",
        dynamic: Sequence[str] = (),
        dynamic_dropout: float = 0.0,
        dropout: float = 0.0,
        log_attributes: Sequence[str] = (),
        fixed: Mapping[str, float] | None = None,
        river: River | None = None,
        correction: str | Correction | None = None,
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
        dynamic_dropout = fraction("dynamic_dropout", dynamic_dropout)
        self.components, self.unit_hydrograph = components, unit_hydrograph
        self.scheme = Scheme.of(scheme)
        fixed = {name: float(value) for name, value in (fixed or {}).items()}
        self.column.refuse({**(defaults or {}), **fixed})
        unknown = [n for n in dynamic if n not in [f.name for f in self.column.parameters]]
        if unknown:
            raise ValueError(f"'{unknown[0]}' is no parameter of the column '{self.column.name}'")
        fields = [*self.column.parameters, *self._routing_fields(fixed)]
        hidden = sizes(network, hidden)
        per_cell = network in PER_CELL and attributes is None
        values = {} if per_cell else attribute_values(domain, attributes)
        if history is not None and history.size != domain.size:
            raise ValueError(
                f"the history is of {history.size} cells, the domain has {domain.size}: make it "
                "with History.of(domain, ...)"
            )
        of_river = () if domain.lumped else self.river.properties
        of_cells = (*self.column.properties, *of_river)
        properties = property_values(domain, properties, of_cells)
        self.options = dict(
            column=self.column.name, network=network, hidden=hidden, components=components,
            weights=weights, dynamic=dynamic, dynamic_dropout=dynamic_dropout,
            dropout=dropout, log_attributes=log_attributes, fixed=fixed,
            river=asdict(self.river), unit_hydrograph=unit_hydrograph, scheme=str(self.scheme),
            seed=seed, correction=correction if isinstance(correction, str | None) else "own",
            history=None if history is None else history.about,
        )  # fmt: skip
        weighted = one_of("weights", weights, ("mean", "learned")) == "learned"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = parameterization(
                network, domain, values, fields, hidden=hidden, components=components, fixed=fixed,
                defaults=defaults or {}, forcings=self.column.forcings, dynamic=dynamic,
                dynamic_dropout=dynamic_dropout, weighted=weighted, dropout=dropout,
                log_attributes=log_attributes, past=None if history is None else history.fields,
            )  # fmt: skip
            networks = {n.name: EmbeddedNetwork(n) for n in self.column.networks}
            if isinstance(correction, str):
                one_of("correction", correction, ("conv3d",))
                correction = PETCorrection(domain, values, log_attributes=log_attributes)
        self.correction = correction
        self.embedded = torch.nn.ModuleDict(networks)  # inside the column's step, if it has any
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("attributes", self.network.matrix(values))
        self.register_buffer("history", None if history is None else history.values)
        if history is not None:
            self.network.trunk.fit(self.history)
        self.property_names = tuple(properties)
        rows = [torch.as_tensor(row, dtype=torch.float32) for row in properties.values()]
        self.register_buffer(
            "properties", torch.stack(rows) if rows else torch.empty(0, domain.size)
        )
        if correction is not None:
            self.register_buffer("correction_attributes", correction.inputs.matrix(values))
        self.register_buffer("area", torch.as_tensor(domain.area, dtype=torch.float32))
        length = torch.as_tensor(flow_length(domain), dtype=torch.float32)
        self.register_buffer("flow_length", length)
        self.register_buffer("gauge_cells", torch.as_tensor(domain.gauge_cells.copy()))

    def _routing_fields(self, fixed: dict[str, float]) -> list[Field]:
        """What the way to the gauge adds to the parameters."""
        if not self.domain.lumped:
            if self.unit_hydrograph is not None:
                raise ValueError("the unit hydrograph is for lumped basins: rasters have rivers")
            if self.river.velocity is not None:
                fixed[self.river.parameter.name] = self.river.velocity
            return [self.river.parameter]
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
    def forcings(self) -> tuple[Field, ...]:
        """What a forcing is made of: that of the column, then what a correction reads."""
        series = self.correction.series if self.correction is not None else ()
        own = [f.name for f in self.column.forcings]
        more = [n for n in series if n not in own]
        return (*self.column.forcings, *(_series(name) for name in more))

    @property
    def known(self) -> History | None:
        """The history of the cells, of a network that reads one."""
        about = self.options["history"]
        return None if self.history is None else History.again(self.history, about)

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
            self.network.trunk.fit(forcing[: len(self.column.forcings)])
        if self.history is not None:
            self.network.trunk.fit(self._past(cells))
        if self.correction is not None:
            self.correction.inputs.fit(self.correction_attributes)
            self.correction.fit(self._read_by_correction(forcing))

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
        if self.history is not None:
            return self.network(attributes, self._past(cells))
        own = len(self.column.forcings)
        forcing, before = (None if w is None else w[:own] for w in (forcing, before))
        return self.network(attributes, forcing, before)

    def _past(self, cells: Tensor | None) -> Tensor:
        """The history (V, P, N), of some cells or of all."""
        return self.history if cells is None else self.history[:, :, cells]

    def cell_properties(self, cells: Tensor | None = None) -> dict[str, Tensor]:
        """Property -> (N,), of some cells or of all."""
        rows = self.properties if cells is None else self.properties[:, cells]
        return dict(zip(self.property_names, rows, strict=True))

    def weather(self, forcing: Tensor) -> Tensor:
        """Forcing (F + V, T, N) as the column sees it, (F, T, N): with the correction."""
        own = forcing[: len(self.column.forcings)]
        if self.correction is None:
            return own
        place = [f.name for f in self.column.forcings].index(self.correction.forcing)
        series = self._read_by_correction(forcing)
        changed = self.correction.changed(own[place], series, self.correction_attributes)
        return torch.stack([changed if k == place else row for k, row in enumerate(own)])

    def _read_by_correction(self, forcing: Tensor) -> Tensor:
        places = [f.name for f in self.forcings]
        return forcing[[places.index(name) for name in self.correction.series]]

    def _weather_in_parts(self, before: Tensor | None, forcing: Tensor):
        """The same of the days before, without gradient, and of the days that follow."""
        if self.correction is None or before is None:
            early = None if before is None else self.weather(before)
            return early, self.weather(forcing)
        days, reach = before.shape[1], min(REACH, before.shape[1])
        with torch.no_grad():
            early = self.weather(torch.cat([before, forcing[:, :REACH]], dim=1))[:, :days]
        late = self.weather(torch.cat([before[:, days - reach :], forcing], dim=1))[:, reach:]
        return early.contiguous(), late.contiguous()

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

        state       where the run starts (the column's initial stores, empty rivers)
        outputs     names of fluxes and states to return daily; "routed_" before the name of a flow
                    is that flow behind the unit hydrograph
        parameters  replace those of the network
        cells       of lumped basins: which of them the forcing is for, in order
        before      forcing (F, W, N) of the days before, which only fill the stores: no gradient
        averages    periods over which the water in all stores and rivers is averaged
        routed      False: rivers of a raster are left out, and there is no discharge
        """
        if cells is not None and not self.domain.lumped:
            raise ValueError("cells of a raster belong together: only lumped basins can be chosen")
        if parameters is None:
            parameters = self.cell_parameters(forcing, cells, before)
        early, weather = self._weather_in_parts(before, forcing)
        if early is not None:
            days = early.shape[1]
            first = {n: p[:days] if p.ndim == 3 else p for n, p in parameters.items()}
            with torch.no_grad():
                state = self.run(early, state, outputs, first, cells, routed=routed).state
            parameters = {n: p[days:] if p.ndim == 3 else p for n, p in parameters.items()}
        return self.run(weather, state, outputs, parameters, cells, averages, routed)

    def run(
        self, forcing, state, outputs, parameters, cells, averages=None, routed=True
    ) -> Simulation:
        """As `forward`, with the forcing as the column sees it and its parameters given."""
        own = {f.name: parameters[f.name] for f in self.column.parameters}
        flow = self.column.runoff
        flowing = [flow] if flow else []
        flowing += [n.removeprefix(ROUTED) for n in outputs if n.startswith(ROUTED)]
        wanted = [*flowing, *(n for n in outputs if not n.startswith(ROUTED))]
        weights, separate = parameters.get(WEIGHT), self.unit_hydrograph == "components"
        properties = self.cell_properties(cells)
        stored = () if averages is None or STORAGE in wanted else (STORAGE,)
        fluxes, stores = simulate(
            self.column, forcing, own,
            properties={f.name: properties[f.name] for f in self.column.properties},
            initial=state.column if state else None, outputs=tuple(dict.fromkeys(wanted)),
            averages=averages, averaged=stored, storage=self.storage, backend=self.backend,
            scheme=self.scheme, mean=not separate, weights=None if separate else weights,
            networks=self.embedded,
        )  # fmt: skip
        flows, tails = {}, None
        if self.unit_hydrograph is not None:
            flows, tails = hydrograph.route(
                {name: fluxes[name] for name in flowing}, parameters, weights,
                self.unit_hydrograph, state.hydrograph if state else None,
            )  # fmt: skip
        averaged = {n: over_components(v, weights) for n, v in fluxes.items()}
        fluxes = averaged | flows
        storage = None
        if averages is not None:
            storage = fluxes[STORAGE] if stored else averages.means(fluxes[STORAGE])
        runoff = fluxes.get(f"{ROUTED}{flow}", fluxes.get(flow))
        area = self.area if cells is None else self.area[cells]
        if flow is None:  # nothing to be known of any gauge
            gauges = forcing.shape[2] if self.domain.lumped else len(self.gauge_cells)
            discharge, river = forcing.new_full((forcing.shape[1], gauges), torch.nan), None
        elif self.domain.lumped:  # a basin is its own gauge
            discharge, river = runoff * (area / 1000) / SECONDS, None
        elif not routed:
            discharge = river = None
        else:
            outflow, river, in_rivers = self.river.discharge(
                runoff, self.domain, area, self.flow_length, parameters, properties,
                state.river if state else None, self.backend, averages,
            )  # fmt: skip
            discharge = outflow[:, self.gauge_cells]
            storage = None if averages is None else storage + in_rivers
        kept = {name: fluxes[name] for name in outputs}
        return Simulation(discharge, kept, State(stores, river, tails), storage)

    def spin_up(
        self,
        forcing: Tensor,
        cycles: int = 1,
        state: State | None = None,
        outputs: Sequence[str] = (),
        until: float | None = None,
    ) -> State | None:
        """The state after `cycles` runs over this forcing; see `equilibrium.spin_up`."""
        return equilibrium.spin_up(self, forcing, cycles, state, outputs, until)

    def near_equilibrium(self, forcing: Tensor) -> State:
        """A state to start from, found over this forcing; see `equilibrium.near`."""
        return equilibrium.near(self, forcing)


def _series(name: str) -> Field:
    """A daily series of weather that a correction reads."""
    if name not in SERIES:
        raise ValueError(f"no weather is called '{name}'; there is {', '.join(SERIES)}")
    return Field(name, SERIES[name].unit, SERIES[name].long_name)
