"""The purely data-driven rival: an LSTM from attributes and forcing straight to runoff."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import torch
from torch import Tensor

from gridhydro.base.arguments import names as names_of
from gridhydro.base.arguments import one_of
from gridhydro.base.quantities import SERIES
from gridhydro.columns import HBV
from gridhydro.columns.column import Column, Field, fields
from gridhydro.domain.domain import Domain
from gridhydro.inputs.attributes import attribute_values
from gridhydro.model import options
from gridhydro.model.base import CellModel
from gridhydro.model.model import Model
from gridhydro.model.river import SECONDS
from gridhydro.model.state import Simulation, State
from gridhydro.nets import Attributes, Trunk
from gridhydro.nets.base import CellNetwork
from gridhydro.nets.lstm import Memory
from gridhydro.nets.options import ParameterNetwork

_RAIN = "precipitation"
_DRY = "an LSTM holds no water to be averaged: train it on discharge alone"


class Streamflow(Column):
    """The LSTM as a column: its forcings and its runoff. It holds no water and has no balance.

    series  names of the forcings, precipitation among them; those of HBV if left out
    ValueError for a name that is no series of weather.
    """

    name = "lstm"
    forcings = HBV.forcings
    fluxes = fields("runoff mm d-1: water to the river")
    water_out = ("runoff",)

    def __init__(self, series: Sequence[str] = ()):
        series = names_of("forcings", series)
        for name in series:
            one_of("forcings: a name", name, SERIES)
        if series and _RAIN not in series:
            raise ValueError(
                f"forcings: an LSTM reads {_RAIN}, which gives the scale of its runoff"
            )
        if series:
            self.forcings = tuple(
                Field(name, SERIES[name].unit, SERIES[name].long_name) for name in series
            )

    def step(self, s, x, p):
        raise TypeError("the LSTM is no column of water: use gridhydro.LSTMModel")


class _Network(CellNetwork):
    """Runoff (T, N) mm d-1, above zero, on the scale of the rain."""

    reads_weather = True
    scale: Tensor

    def __init__(self, values, forcings, network: ParameterNetwork):
        super().__init__()
        (hidden,) = network.sizes
        self.trunk = Trunk(values, forcings, hidden, network.dropout, network.log_attributes)
        self.head = torch.nn.Linear(hidden, 1)
        self.rain = [field.name for field in forcings].index(_RAIN)
        self.register_buffer("scale", torch.ones(()))

    def fit_series(self, series: Tensor) -> None:
        """Take the scales from a sample of forcing (F, T, N)."""
        self.trunk.fit(series)
        rain = series[self.rain].mean()
        self.scale.copy_(torch.where(rain > 0, rain, 1.0))  # of a sample without rain

    # kept by the trunk, and not twice: the weights would be saved twice
    @property
    def inputs(self) -> Attributes:  # type: ignore[override]
        return self.trunk.attributes

    def forward(self, attributes, forcing, before=None, memory=None) -> tuple[Tensor, Memory]:
        hidden, memory = self.trunk(attributes, forcing, before, memory)
        late = hidden[len(hidden) - forcing.shape[1] :]
        runoff = torch.nn.functional.softplus(self.head(late).to(self.scale)).squeeze(-1)
        return runoff * self.scale, memory


class LSTMModel(CellModel):
    """An LSTM that gives the runoff of lumped basins; trained, scored and kept like a `Model`.

    Kratzert et al. (2019, doi:10.5194/hess-23-5089-2019), with attributes and forcing as inputs of
    every day.

    domain, attributes  as for `Model`
    network             "lstm", or a `ParameterNetwork` of this kind with one hidden size, of which
                        dropout, attributes in logarithm and the seed count as well
    forcings            names of the series that it reads; those of HBV if left out
    ValueError for a raster, and for options that it has no use for.
    """

    network: _Network

    def __init__(
        self,
        domain: Domain,
        attributes,
        network: str | ParameterNetwork = "lstm",
        forcings: Sequence[str] = (),
    ):
        if not domain.lumped:
            raise ValueError("the LSTM knows no rivers: it is for lumped basins")
        network = ParameterNetwork.of(network)
        refuse_unfit(network)
        super().__init__(domain, Streamflow(forcings))
        values = attribute_values(domain, attributes)
        self.options = options.to_json("lstm", network)
        if forcings:
            self.options["forcings"] = list(forcings)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(network.seed)
            self.network = _Network(values, self.column.forcings, network)
        self.embedded = torch.nn.ModuleDict()  # there is no step to be inside of
        self.register_buffer("attributes", self.network.inputs.matrix(values))

    def __repr__(self) -> str:
        inputs = len(self.network.names) + len(self.column.forcings)
        return f"LSTM of size {self.network.head.in_features}, {inputs} inputs, for {self.domain!r}"

    def _fit(self, forcing: Tensor, cells: Tensor | None) -> None:
        self.network.inputs.fit(self._attributes(cells))
        self.network.fit_series(forcing)

    def forward(
        self, forcing, state=None, outputs=(), parameters=None, *, cells=None, before=None,
        averages=None, routed=True,
    ) -> Simulation:  # fmt: skip
        """As `Model.forward`: forcing (F, T, N) -> discharge (T, N) m3 s-1.

        The state is what the LSTM remembers. ValueError for one of stores.
        """
        if state is not None and (state.memory is None or state.column):
            raise ValueError(
                "an LSTM starts from no stores: give it the state of its own run, or the days "
                "before"
            )
        if averages is not None:
            raise ValueError(_DRY)
        memory = None if state is None else state.memory
        runoff, memory = self.network(self._attributes(cells), forcing, before, memory)
        return self._to_gauges(runoff, outputs, cells, memory)

    def _to_gauges(self, runoff, outputs, cells, memory) -> Simulation:
        area = self.area if cells is None else self.area[cells]
        kept = {name: runoff for name in outputs}
        return Simulation(runoff * (area / 1000 / SECONDS), kept, State({}, None, memory=memory))

    def remembering(self, forcing, cells=None, before=None, memory=None):
        """Its runoff (T, N, 1) as the one daily parameter, and what it remembers at the end."""
        runoff, memory = self.network(self._attributes(cells), forcing, before, memory)
        return {"runoff": runoff[..., None]}, memory

    def run(self, forcing, state, outputs, parameters, cells, averages=None, routed=True):
        """As `forward`; with the runoff given as by `remembering`, it is not computed again."""
        if "runoff" not in parameters:
            return self(forcing, state, outputs, cells=cells, averages=averages)
        if averages is not None:
            raise ValueError(_DRY)
        return self._to_gauges(parameters["runoff"][..., 0], outputs, cells, None)

    def spin_up(self, forcing, cycles=1, state=None, outputs=(), until=None) -> NoReturn:
        """Refused: what an LSTM remembers is no water."""
        raise ValueError("an LSTM has no stores to spin up: give a warm-up instead")

    def settled(self, forcing, cells=None, routed=True) -> None:
        """None: it begins without a memory."""

    def near_equilibrium(self, forcing) -> NoReturn:
        """Refused, as `spin_up`."""
        self.spin_up(forcing)


def refuse_unfit(network: ParameterNetwork) -> None:
    """ValueError for options of a network that the LSTM has no use for."""
    if network.kind != "lstm":
        raise ValueError(f"LSTMModel is of network='lstm', not network='{network.kind}'")
    if network.dynamic or network.dynamic_dropout:
        raise ValueError("LSTMModel has no parameters: leave dynamic and dynamic_dropout out")
    if len(network.sizes) > 1:
        raise ValueError(f"hidden is one size of an LSTMModel, not {network.sizes}")


def make_model(domain: Domain, attributes, column="hbv", **arguments) -> CellModel:
    """An `LSTMModel` where the column is called "lstm", else a `Model`, of the same arguments."""
    if column == "lstm":
        return LSTMModel(domain, attributes, **arguments)
    return Model(domain, column, attributes, **arguments)
