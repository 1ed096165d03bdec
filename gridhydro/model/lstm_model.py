"""The purely data-driven rival: an LSTM from attributes and forcing straight to runoff."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gridhydro.base.arguments import names, whole
from gridhydro.columns import HBV
from gridhydro.columns.column import Column, Field, fields
from gridhydro.domain.domain import Domain
from gridhydro.inputs.attributes import attribute_values
from gridhydro.model.model import Model, Simulation, State
from gridhydro.model.river import SECONDS
from gridhydro.nets import Attributes, Trunk


class Streamflow(Column):
    """What the LSTM takes and gives, in a column's words: it holds no water and no balance."""

    name = "lstm"
    forcings = HBV.forcings
    fluxes = fields("runoff mm d-1: water to the river")
    water_out = ("runoff",)

    def step(self, s, x, p):
        raise TypeError("the LSTM is no column of water: use gridhydro.LSTMModel")


class _Network(torch.nn.Module):
    """Runoff (T, N) mm d-1, above zero, on the scale of the rain."""

    daily: tuple[Field, ...] = ()
    learned: tuple[Field, ...] = ()

    def __init__(self, values, forcings, hidden, dropout, log_attributes):
        super().__init__()
        self.trunk = Trunk(values, forcings, hidden, dropout, log_attributes)
        self.head = torch.nn.Linear(hidden, 1)
        self.rain = [field.name for field in forcings].index("precipitation")
        self.register_buffer("scale", torch.ones(()))

    def fit(self, forcing: Tensor) -> None:
        """Take the scales from a sample of forcing (F, T, N)."""
        self.trunk.fit(forcing)
        rain = forcing[self.rain].mean()
        self.scale.copy_(torch.where(rain > 0, rain, 1.0))  # of a sample without rain

    @property
    def inputs(self) -> Attributes:
        return self.trunk.attributes

    @property
    def names(self) -> tuple[str, ...]:
        return self.inputs.names

    def forward(self, attributes, forcing, before=None) -> Tensor:
        hidden = self.trunk(attributes, forcing, before)
        runoff = torch.nn.functional.softplus(self.head(hidden[-forcing.shape[1] :])).squeeze(-1)
        return runoff * self.scale


class LSTMModel(torch.nn.Module):
    """An LSTM that gives the runoff of lumped basins; trained, scored and kept like a `Model`.

    Kratzert et al. (2019, doi:10.5194/hess-23-5089-2019), with attributes and forcing as inputs of
    every day. domain, attributes, hidden, dropout, log_attributes and seed as for `Model`.
    """

    components = 1
    unit_hydrograph = None

    def __init__(
        self,
        domain: Domain,
        attributes,
        *,
        hidden: int = 64,
        dropout: float = 0.0,
        log_attributes: Sequence[str] = (),
        seed: int = 0,
    ):
        super().__init__()
        if not domain.lumped:
            raise ValueError("the LSTM knows no rivers: it is for lumped basins")
        self.domain, self.column = domain, Streamflow()
        hidden, seed = whole("hidden", hidden, 1), whole("seed", seed, 0)
        log_attributes = names("log_attributes", log_attributes)
        values = attribute_values(domain, attributes)
        self.options = dict(
            column="lstm", network="lstm", hidden=hidden, dropout=dropout,
            log_attributes=log_attributes, seed=seed,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = _Network(values, self.column.forcings, hidden, dropout, log_attributes)
        self.embedded = torch.nn.ModuleDict()  # there is no step to be inside of
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("attributes", self.network.inputs.matrix(values))
        self.register_buffer("area", torch.as_tensor(domain.area, dtype=torch.float32))

    def __repr__(self) -> str:
        inputs = len(self.network.names) + len(self.column.forcings)
        return f"LSTM of size {self.options['hidden']}, {inputs} inputs, for {self.domain!r}"

    @property
    def forcings(self) -> tuple[Field, ...]:
        """What a forcing is made of."""
        return self.column.forcings

    @property
    def fields(self) -> tuple[Field, ...]:
        """It has no parameters with a meaning."""
        return ()

    def output(self, name: str) -> Field:
        """The field called `name`."""
        return self.column.output(name)

    def fit_inputs(self, forcing: Tensor, cells: Tensor | None = None) -> None:
        """Scale the inputs by the attributes of these cells and a sample of forcing."""
        if self.fitted:
            return
        self.fitted.fill_(True)
        self.network.inputs.fit(self.attributes if cells is None else self.attributes[cells])
        self.network.fit(forcing)

    def cell_parameters(self, forcing=None, cells=None, before=None) -> dict[str, Tensor]:
        """None; for what goes over any model."""
        return {}

    def forward(
        self, forcing, state=None, outputs=(), parameters=None, *, cells=None, before=None,
        averages=None, routed=True,
    ) -> Simulation:  # fmt: skip
        """As `Model.forward`: forcing (F, T, N) -> discharge (T, N) m3 s-1."""
        if state is not None:
            raise ValueError("an LSTM starts from no stores: give it the days before instead")
        if averages is not None:
            raise ValueError("an LSTM holds no water to be averaged: train it on discharge alone")
        attributes, area = self.attributes, self.area
        if cells is not None:
            attributes, area = attributes[cells], area[cells]
        runoff = self.network(attributes, forcing, before)
        kept = {name: runoff for name in outputs}
        return Simulation(runoff * (area / 1000 / SECONDS), kept, State({}, None))

    def spin_up(self, forcing, cycles=1, state=None, outputs=()) -> None:
        """Refused: what an LSTM remembers is no water."""
        raise ValueError("an LSTM has no stores to spin up: give a warm-up instead")


def make_model(domain: Domain, attributes, column="hbv", **options):
    """An `LSTMModel` where the column is called "lstm", else a `Model`."""
    if column != "lstm":
        return Model(domain, column, attributes, **options)
    options.pop("network", None)
    return LSTMModel(domain, attributes, **options)
