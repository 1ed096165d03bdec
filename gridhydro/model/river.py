"""The river of a domain: what describes it, what of it is learned, and how water takes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of

import numpy as np
import torch
from torch import Tensor

from gridhydro.base.arguments import number, one_of, required, whole
from gridhydro.columns.column import Field, fields
from gridhydro.domain.domain import Domain
from gridhydro.model.reach_routing import route_reach
from gridhydro.model.river_extras import OPERATED, Extras
from gridhydro.model.routing import CASCADES, Coupling, route
from gridhydro.reaches import REACHES
from gridhydro.reaches.channel import Channel
from gridhydro.reaches.linear_cascade import LinearCascade
from gridhydro.reaches.reach import SECONDS, Reach

VELOCITY, LAG = fields(
    "river_velocity m s-1 [0.05, 5] log: mean flow velocity in the river",
    "river_lag d [0.01, 5] log: residence time in each reservoir of the river",
)
(RESERVOIRS,) = fields("river_reservoirs 1: linear reservoirs in a row in the river of a cell")
COUNTS = (1, 2, 3, 4, 5)
LEARNED = {"velocity": VELOCITY, "lag": LAG}
CHANNELS = tuple(name for name, reach in REACHES.items() if not isinstance(reach, LinearCascade))
# of a reach in a river these have the name of the river in front
OF_RIVER = "river_"
# what of it the domain and the options say
KNOWN = ("length", "substeps")


@dataclass(frozen=True)
class Ends:
    """What comes to rivers beside the runoff, and what is wanted of them.

    cells    (G,) whose outflow is wanted; None: of all
    spent    whether the runoff is read by nobody else, see `Coupling`
    forcing  (R, T, N) the series of `River.forcings`; R may be 0
    outputs  names of `River.fluxes` that are wanted
    steps_a_day  of the runoff and the forcing
    """

    cells: Tensor | None = None
    spent: bool = False
    forcing: Tensor | None = None
    outputs: tuple[str, ...] = ()
    steps_a_day: int = 1


@dataclass(frozen=True)
class River:
    """Options of the routing.

    reservoirs  linear reservoirs in a row in every cell, 1 to 5: more give a sharper wave; None:
                the property `river_reservoirs` of each cell has their number. Of another reach, the
                equal parts that it is in
    substeps    routing steps a day, at least: where the forcing has more, each is one
    delay       0: water may pass many cells within a sub-step, as it must where a day's flow is
                longer than a cell; 1: one cell a sub-step (HydroPy, half-degree cells)
    velocity    flow velocity in m s-1; None: learned for every cell between 0.05 and 5
    learned     "velocity", from which the residence time follows by the length of the river, or
                "lag": the residence time in each reservoir itself, between 0.01 and 5 days
    transit     whether the storage that is compared with observations counts the water on its way
                from cell to cell (`delay=1`), as a water budget does; False: the reservoirs alone,
                HydroPy's own total water storage, which closes no balance
    reach       "linear_cascade", or a channel: "muskingum_cunge", through which waves travel and
                spread, or "kinematic_wave", the same without a diffusion of its own; or
                "lag_and_route", a delay by the time of travel, then a linear reservoir, of which
                `river_velocity` and `river_lag` are learned. Of a channel
                `river_roughness`, `river_width` and `river_shape` are learned (or held, as `fixed`
                of the model); the property `river_slope` of each cell has the fall of its bed, see
                `gridhydro.river_slope`
    lakes       None; "natural": cells with a property `lake_capacity`, see `gridhydro.Lakes`, have
                a level pool in the place of their river, whose `lake_rate` and `lake_exponent` are
                learned; "operated": those whose `lake_regulated` is 1 are reservoirs with a learned
                target; "seasonal": a target with an annual cycle, for which the forcing has the
                `day_of_year`
    lake_fill   how full lakes are before the first day, as a part of their capacity
    withdrawals  whether the forcing has a `river_withdrawal` in m3 s-1: what is taken out of the
                river of each cell, as far as there is water, or (below 0) put into it
    """

    reservoirs: int | None = 1
    substeps: int = 4
    delay: int = 0
    velocity: float | None = None
    learned: str = "velocity"
    transit: bool = True
    reach: str = "linear_cascade"
    lakes: str | None = None
    lake_fill: float = 1.0
    withdrawals: bool = False

    def __post_init__(self):
        one_of("learned", self.learned, tuple(LEARNED))
        one_of("river: reach", self.reach, tuple(REACHES))
        if self.reservoirs is not None:
            reservoirs = whole("river: reservoirs", self.reservoirs, 1, 1000)
            object.__setattr__(self, "reservoirs", one_of("river: reservoirs", reservoirs, COUNTS))
        object.__setattr__(self, "substeps", whole("river: substeps", self.substeps, 1, 86400))
        object.__setattr__(self, "delay", one_of("river: delay", self.delay, (0, 1)))
        one_of("river: transit", self.transit, (True, False))
        one_of("river: lakes", self.lakes, (None, "natural", *OPERATED))
        one_of("river: withdrawals", self.withdrawals, (True, False))
        fill = number("river: lake_fill", self.lake_fill)
        if not 0 <= fill <= 1:
            raise ValueError(f"river: lake_fill is {fill}, should be a part of 1, from 0 to 1")
        object.__setattr__(self, "lake_fill", fill)
        if self.velocity is not None:
            velocity, (low, high) = number("river: velocity", self.velocity), VELOCITY.range
            if not low <= velocity <= high:
                raise ValueError(f"river: velocity is {velocity}, outside {low} to {high} m s-1")
            object.__setattr__(self, "velocity", velocity)
        if self.velocity is not None and self.learned != "velocity":
            raise ValueError("the river's velocity is given, and its lag is to be learned: choose")
        if self.channel is not None:
            usual = {f.name: f.default for f in fields_of(River)}
            unfit = [n for n in ("delay", "velocity", "learned") if getattr(self, n) != usual[n]]
            if not isinstance(self.channel, Channel) and self.reservoirs != 1:
                unfit.append("reservoirs")
            for name in ["reservoirs"] * (self.reservoirs is None) + unfit:
                raise ValueError(
                    f"river: {name} = {getattr(self, name)!r} is of a linear cascade, not of the "
                    f"reach '{self.reach}': leave it out"
                )

    @classmethod
    def hydropy(cls, transit: bool = True) -> River:
        """As in HydroPy: reservoirs of each cell, one cell a sub-step, the lag a parameter."""
        return cls(reservoirs=None, delay=1, learned="lag", transit=transit)

    def substeps_of(self, steps_a_day: int) -> int:
        """Sub-steps of a step of the forcing: the fewest that make as many a day as `substeps`."""
        return -(-self.substeps // steps_a_day)

    @property
    def channel(self) -> Reach | None:
        """The reach in every cell, where it is no cascade of linear reservoirs."""
        one = REACHES[self.reach]
        if isinstance(one, LinearCascade):
            return None
        return replace(one, parts=self.reservoirs or 1) if isinstance(one, Channel) else one

    @property
    def extras(self) -> Extras:
        """What rivers have beside their reach."""
        return Extras(self.lakes, self.lake_fill, self.withdrawals)

    @property
    def forcings(self) -> tuple[Field, ...]:
        """The series of a forcing that the river takes, after those of the column."""
        return self.extras.forcings

    @property
    def fluxes(self) -> tuple[Field, ...]:
        """The series of the cells that it gives beside the discharge."""
        return self.extras.fluxes

    @property
    def parameter(self) -> Field:
        """The parameter of a river of linear reservoirs in every cell."""
        return LEARNED[self.learned]

    @property
    def parameters(self) -> tuple[Field, ...]:
        """Its parameters, as of any routing."""
        channel = self.channel
        of_reach = [self.parameter] if channel is None else _of_river(channel.parameters)
        return (*of_reach, *self.extras.parameters)

    @property
    def properties(self) -> tuple[Field, ...]:
        """The properties of the cells that it needs."""
        of_reach = [RESERVOIRS] if self.reservoirs is None else []
        if self.channel is not None:
            of_reach = _of_river(f for f in self.channel.properties if f.name not in KNOWN)
        return (*of_reach, *self.extras.properties)

    def discharge(
        self, runoff: Tensor, domain: Domain, area: Tensor, length: Tensor, parameters, properties,
        storage: Tensor | None, backend: str | None, averages=None, ends: Ends | None = None,
    ):  # fmt: skip
        """Runoff (T, N) mm d-1 through the river network of a raster.

        area m2 and flow length m (N,); parameters and properties of the cells by name; storage
        (6, N) m3 at the start; `ends` tell the rest. Returns outflow (T, G) m3 s-1 of the cells
        that are wanted, the storage at the end, with `averages` the water in the rivers (R, N) mm,
        else None, and the fluxes by name, (T, N). T are steps, each of `substeps_of` sub-steps.
        """
        depth = area / 1000  # m3 of one mm
        ends = ends or Ends()
        count = ends.steps_a_day  # the depth is of 1 mm d-1 over a step
        coupling = Coupling(depth / count, ends.cells, ends.spent, steps_a_day=count)
        if self.extras:
            return self._with_extras(
                runoff, domain, length, parameters, properties, storage, backend, averages,
                coupling, ends,
            )  # fmt: skip
        if self.channel is None:
            outflow, *rest = self._through_cascade(
                runoff, domain, length, parameters, properties, storage, backend, averages,
                coupling,
            )  # fmt: skip
        else:
            outflow, *rest = route_reach(
                self.channel, runoff, domain.network, self._values(length, parameters, properties),
                substeps=self.substeps_of(count), storage=storage, backend=backend,
                averages=averages, coupling=coupling,
            )  # fmt: skip
        final, means = (*rest, None)[:2]
        return outflow / (SECONDS / count), final, _depths(means, depth), {}

    def _values(self, length, parameters, properties) -> dict[str, Tensor | float]:
        """Parameters and properties of the reach in every cell, by the names that it has for them.

        The reservoirs of a cascade are those of its cells."""
        named = {f.name: parameters[f.name].mean(-1) for f in self.parameters}
        named |= {f.name: properties[f.name] for f in self.properties}
        values: dict = {name.removeprefix(OF_RIVER): one for name, one in named.items()}
        if self.channel is not None:
            return values | {"length": length}
        count = values.get("reservoirs", self.reservoirs)
        given = values[self.learned]
        lag = given if self.learned == "lag" else length / given / SECONDS / count
        return values | {"lag": lag, "reservoirs": count}

    def _with_extras(
        self, runoff, domain, length, parameters, properties, storage, backend, averages, coupling,
        ends,
    ):  # fmt: skip
        """What `discharge` returns, of a reach with more than a river in it."""
        extras, reach = self.extras, self.channel or CASCADES[(self.reservoirs or 5) - 1]
        values = self._values(length, parameters, properties)
        if storage is None:
            storage = extras.start(runoff, properties)
        forcing = required("forcing", ends.forcing)
        known = extras.series(values, properties, forcing)
        coupling = replace(coupling, series=known)
        outflow, final, *rest, fluxes = route_reach(
            extras.around(reach), runoff, domain.network, values,
            substeps=self.substeps_of(ends.steps_a_day),
            delay=self.delay, storage=storage, backend=backend, averages=averages,
            transit=self.transit, coupling=coupling,
        )  # fmt: skip
        means = None if averages is None else rest[0]
        told = extras.told(fluxes, known[1], properties, forcing, ends)
        flow = outflow / (SECONDS / ends.steps_a_day)
        return flow, final, _depths(means, coupling.depth * ends.steps_a_day), told

    def _through_cascade(
        self, runoff, domain, length, parameters, properties, storage, backend, averages,
        coupling,
    ):  # fmt: skip
        """What `route` returns, with the lag as it is learned."""
        count = self.reservoirs
        reservoirs = properties[RESERVOIRS.name] if count is None else count
        values = parameters[self.parameter.name].mean(-1)
        lag = values if self.learned == "lag" else length / values / SECONDS / reservoirs
        steps = coupling.steps_a_day
        if steps > 1:
            lag = lag * steps  # the routing counts in steps
        return route(
            runoff, domain.network, lag, reservoirs, substeps=self.substeps_of(steps),
            delay=self.delay, storage=storage, backend=backend, averages=averages,
            transit=self.transit, coupling=coupling,
        )  # fmt: skip


def _of_river(some: Iterable[Field]) -> list[Field]:
    return [replace(field, name=OF_RIVER + field.name) for field in some]


def flow_length(domain: Domain) -> np.ndarray:
    """Length of the river in each cell, (N,) m: the distance from its centre to the next one.

    Where water leaves, the side of a square of the cell's area. That of the reaches of a vector
    network; 0 for lumped basins, whose river is part of the column.
    """
    if domain.reaches is not None:
        return domain.reaches.length
    if domain.lumped:
        return np.zeros(domain.size)
    downstream = domain.network.downstream
    target = np.where(downstream < 0, np.arange(domain.size), downstream)
    grid = domain.raster_grid
    x, y = grid.x[domain.col], grid.y[domain.row]
    if grid.geographic:
        import pyproj  # here: basins without rivers need none

        geod = grid.crs.get_geod() or pyproj.Geod(ellps="WGS84")
        _, _, length = geod.inv(x, y, x[target], y[target])
    else:
        length = np.hypot(x[target] - x, y[target] - y) * grid.metre
    return np.where(downstream < 0, np.sqrt(domain.area), length)


def _depths(means: Tensor | None, depth: Tensor) -> Tensor | None:
    """Water in rivers (R, N) mm, of m3 and what m3 one mm is (N,): what stands in a reach without
    land is no depth of it."""
    if means is None:
        return None
    return torch.where(depth > 0, means / torch.where(depth > 0, depth, 1.0), 0.0)
