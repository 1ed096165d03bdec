"""The base of all models: what training, runs and folders may ask of any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from gridhydro.columns.column import Column, Field
from gridhydro.domain.domain import Domain
from gridhydro.inputs.history import History
from gridhydro.model import equilibrium
from gridhydro.model.river import River
from gridhydro.model.state import Simulation, State
from gridhydro.model.stepping import Stepping
from gridhydro.model.unit_hydrograph import UnitHydrograph
from gridhydro.nets.base import CellNetwork
from gridhydro.nets.correction import Correction
from gridhydro.nets.lstm import Memory
from gridhydro.observations.averages import Averages


class CellModel(torch.nn.Module):
    """A model of all cells of a domain; `Model` and `LSTMModel` are made of it.

    domain, column  the cells, and what says which forcings and outputs there are
    network     from attributes (and forcing, or a history) to what the column takes; it has names,
                inputs, learned and daily parameters, and says whether it `reads_weather`
    embedded    networks inside the column's step, by name
    correction  a network that changes a forcing before the column sees it, or None
    routing     how runoff gets to the gauges: a `River`, a `UnitHydrograph`, or None
    components  parallel parameter sets in each cell
    options     all that it takes to make it again, beside its data, for a JSON file
    history     (V, P, N), of a network that reads one, else None
    property_names  what its cells have to tell beside parameters
    """

    network: CellNetwork
    embedded: torch.nn.ModuleDict
    correction: Correction | None
    options: dict
    fitted: Tensor
    history: Tensor | None
    area: Tensor
    attributes: Tensor

    def __init__(self, domain: Domain, column: Column):
        super().__init__()
        self.domain, self.column = domain, column
        self.components, self.stepping = 1, Stepping()
        self.routing: River | UnitHydrograph | None = None
        self.correction = None
        self.property_names: tuple[str, ...] = ()
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("history", None)
        self.register_buffer("area", torch.as_tensor(domain.area, dtype=torch.float32))

    def exact(self) -> dict[str, np.ndarray]:
        """Buffers of the domain that single precision has rounded, as they are in double."""
        return {"area": self.domain.area}

    def _apply(self, fn, recurse=True):
        single = self.area.dtype
        super()._apply(fn, recurse)
        if self.area.dtype == torch.float64 != single:
            for name, values in self.exact().items():
                getattr(self, name).copy_(torch.as_tensor(values))
        return self

    @property
    def river(self) -> River | None:
        """The routing of a raster."""
        return self.routing if isinstance(self.routing, River) else None

    @property
    def unit_hydrograph(self) -> UnitHydrograph | None:
        """The routing of lumped basins, if they have one."""
        return self.routing if isinstance(self.routing, UnitHydrograph) else None

    @property
    def forcings(self) -> tuple[Field, ...]:
        """The series of a forcing, in order."""
        return self.column.forcings

    @property
    def dt(self) -> float:
        """Length of a step in days."""
        return self.column.dt

    @property
    def steps_a_day(self) -> int:
        """Steps of the forcing in a day."""
        return round(1 / self.dt)

    def refuse_steps(self, what: str) -> None:
        """ValueError for what is of days only, where its steps are parts of them."""
        if self.steps_a_day > 1:
            raise ValueError(
                f"{what} goes by days, and this model has {self.steps_a_day} steps a day: take a "
                "model of daily weather for it"
            )

    @property
    def to_river(self) -> tuple[Field, ...]:
        """The last series of a forcing, which the river takes."""
        return self.river.forcings if self.river is not None else ()

    @property
    def of_river(self) -> dict[str, Field]:
        """Series of the cells that the river gives, by name."""
        return {field.name: field for field in self.river.fluxes} if self.river is not None else {}

    @property
    def fields(self) -> tuple[Field, ...]:
        """The parameters, learned and fixed, as exported."""
        return ()

    @property
    def known(self) -> History | None:
        """The history of the cells, of a network that reads one."""
        return None

    def output(self, name: str) -> Field:
        """The field of the flux or state called `name`."""
        return self.column.output(name)

    def weather(self, forcing: Tensor) -> Tensor:
        """The forcing as the column sees it."""
        return forcing

    def cell_properties(self, cells: Tensor | None = None) -> dict[str, Tensor]:
        """Property -> (N,), of some cells or of all."""
        return {}

    def cell_parameters(
        self,
        forcing: Tensor | None = None,
        cells: Tensor | None = None,
        before: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Parameter -> (N, M), daily ones (W + T, N, M)."""
        return {}

    def remembering(
        self,
        forcing: Tensor,
        cells: Tensor | None = None,
        before: Tensor | None = None,
        memory: Memory | None = None,
    ) -> tuple[dict[str, Tensor], Memory | None]:
        """`cell_parameters`, and what an LSTM over the weather remembers at the end; it goes on
        from the `memory` of the days before."""
        return self.cell_parameters(forcing, cells, before), None

    def fit_inputs(self, forcing: Tensor, cells: Tensor | None = None) -> None:
        """Scale what the networks read by the attributes of these cells and a sample of forcing.

        What was learned on one scale stays on it: a second call changes nothing.
        """
        if not self.fitted:
            self.fitted.fill_(True)
            self._fit(forcing, cells)

    def _fit(self, forcing: Tensor, cells: Tensor | None) -> None:
        raise NotImplementedError

    def _attributes(self, cells: Tensor | None) -> Tensor:
        return self.attributes if cells is None else self.attributes[cells]

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
        raise NotImplementedError

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

    def settled(
        self, forcing: Tensor, cells: Tensor | None = None, routed: bool = True
    ) -> State | None:
        """The state that runs over this forcing lead to; see `equilibrium.settled`."""
        return equilibrium.settled(self, forcing, cells, routed)

    def near_equilibrium(self, forcing: Tensor) -> State:
        """A state to start from, found over this forcing; see `equilibrium.near`."""
        return equilibrium.near(self, forcing)
