"""The whole model as one torch module: attributes -> parameters -> column -> river -> gauges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from gridhydro.column import Column, Field
from gridhydro.columns import column as column_named
from gridhydro.domain import Domain
from gridhydro.nets import Parameterization
from gridhydro.river import SECONDS, VELOCITY, River, flow_length
from gridhydro.routing import route
from gridhydro.simulate import simulate


@dataclass(frozen=True)
class State:
    """All water at one moment: column stores by name (N, M) mm, river (6, N) m3."""

    column: dict[str, Tensor]
    river: Tensor


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
    hidden      sizes of the hidden layers of the parameterization network
    components  parallel parameter sets in each cell; fluxes are their mean
    fixed       parameters held at a constant, such as {"C": 0.0}
    river       routing options
    storage, backend  see `gridhydro.simulate`
    seed        of the network's first weights
    """

    def __init__(
        self,
        domain: Domain,
        column: str | Column = "hbv",
        attributes: xr.Dataset | Mapping[str, object] | None = None,
        *,
        hidden: Sequence[int] = (256, 64, 16),
        components: int = 1,
        fixed: Mapping[str, float] | None = None,
        river: River | None = None,
        storage: str | int = "auto",
        backend: str | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.domain, self.column = domain, column_named(column)
        self.river, self.storage, self.backend = river or River(), storage, backend
        self.components = components
        values = self._attribute_values(attributes)
        fields, fixed = list(self.column.parameters), dict(fixed or {})
        if domain.grid is not None:
            fields.append(VELOCITY)
            if self.river.velocity is not None:
                fixed[VELOCITY.name] = self.river.velocity
        self.options = dict(
            column=self.column.name, hidden=list(hidden), components=components, fixed=fixed,
            river=asdict(self.river), seed=seed,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            log = [VELOCITY.name] if VELOCITY in fields else []
            self.network = Parameterization(values, fields, hidden, components, fixed, log)
        self.register_buffer("attributes", self.network.matrix(values))
        self.register_buffer("area", torch.as_tensor(domain.area, dtype=torch.float32))
        length = torch.as_tensor(flow_length(domain), dtype=torch.float32)
        self.register_buffer("flow_length", length)
        self.register_buffer("gauge_cells", torch.as_tensor(domain.gauge_cells.copy()))

    def _attribute_values(self, attributes) -> dict[str, np.ndarray]:
        if attributes is None or not len(attributes):
            raise ValueError(
                "the model needs attributes: a Dataset of rasters on the domain's grid, or a dict "
                "of one value per cell, from which the network reads the parameters"
            )
        if isinstance(attributes, xr.DataArray):
            attributes = attributes.to_dataset(name=attributes.name or "attribute")
        if isinstance(attributes, xr.Dataset):  # without the grid mapping, bounds of time and so on
            maps = self.domain.maps(attributes)
            if not maps:
                raise ValueError(
                    f"none of {', '.join(map(str, attributes))} has a value for every cell: "
                    "attributes are rasters (y, x), or (gauge) for lumped basins"
                )
            return {str(name): self.domain.pack(maps[name]) for name in maps}
        return {str(name): self._one_attribute(name, attributes[name]) for name in attributes}

    def _one_attribute(self, name, values) -> np.ndarray:
        if isinstance(values, xr.DataArray):
            return self.domain.pack(values)
        if isinstance(values, pd.Series) and self.domain.grid is None:
            basins = list(self.domain.gauges.index)
            values = values.set_axis(values.index.map(str))
            missing = [b for b in basins if b not in values.index]
            if missing:
                raise ValueError(
                    f"the attribute '{name}' lacks the basins {', '.join(missing[:5])}: index the "
                    f"table by the names of the domain ({', '.join(basins[:3])}, ...)"
                )
            values = values[basins]
        return np.asarray(values)

    def __repr__(self) -> str:
        inputs, outputs = len(self.network.names), len(self.network.learned)
        return (
            f"Model: {self.column.name} in each cell of {self.domain!r}\n"
            f"  {inputs} attributes -> {outputs} parameters x {self.components} components"
        )

    @property
    def fields(self) -> tuple[Field, ...]:
        """The parameters, learned and fixed, as exported."""
        return self.network.fields

    def cell_parameters(self) -> dict[str, Tensor]:
        """Parameter -> (N, M) within bounds."""
        return self.network(self.attributes)

    def forward(
        self,
        forcing: Tensor,
        state: State | None = None,
        outputs: Sequence[str] = (),
        parameters: Mapping[str, Tensor] | None = None,
    ) -> Simulation:
        """Run over forcing (F, T, N), packed in the column's order and units.

        `state` is where the run starts (the column's initial stores, empty rivers), `outputs`
        names fluxes and states to return daily, `parameters` replaces those of the network.
        """
        parameters = dict(self.cell_parameters() if parameters is None else parameters)
        velocity = parameters.pop(VELOCITY.name, None)
        wanted = tuple(dict.fromkeys((self.column.runoff, *outputs)))
        fluxes, stores = simulate(
            self.column, forcing, parameters, initial=state.column if state else None,
            outputs=wanted, storage=self.storage, backend=self.backend,
        )  # fmt: skip
        volume = fluxes[self.column.runoff] * (self.area / 1000)  # mm d-1 -> m3 d-1
        outflow, river = route(
            volume, self.domain.network, self._lag(velocity, volume), self.river.reservoirs,
            substeps=self.river.substeps, delay=self.river.delay,
            storage=state.river if state else None, backend=self.backend,
        )  # fmt: skip
        discharge = outflow[:, self.gauge_cells] / SECONDS
        kept = {name: fluxes[name] for name in outputs}
        return Simulation(discharge, kept, State(stores, river))

    def _lag(self, velocity: Tensor | None, like: Tensor) -> Tensor:
        """Residence time in each reservoir, (N,) d: a cell is passed in length / velocity."""
        if velocity is None:
            return torch.zeros_like(like[0])
        return self.flow_length / velocity.mean(-1) / SECONDS / self.river.reservoirs

    @torch.no_grad()
    def spin_up(self, forcing: Tensor, cycles: int = 1, state: State | None = None) -> State | None:
        """The state after `cycles` runs over this forcing; without gradient."""
        if forcing.shape[1] == 0:
            return state
        parameters = self.cell_parameters()
        for _ in range(cycles):
            state = self(forcing, state, parameters=parameters).state
        return state
