"""Some sub-steps of a river reach in a row, as one step that is traced and printed like a column's.

Sub-steps that are printed together keep the states in registers from one to the next, and the
adjoint computes them again there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from types import SimpleNamespace

from gridhydro.kernels.protocols import Network, ReachModel
from gridhydro.kernels.spec import Spec
from gridhydro.kernels.trace import Program, Symbol, adjoint

MOST_TOGETHER = 4
LATERAL, TOTAL = "lateral_inflow", "total_outflow"

# what the printed kernels of a reach call something of their own
_TAKEN = frozenset(
    """
    programs upstream_start upstream instant runoff periods states transit outflow states_before
    transit_before arrived ring first_program diagonal size tile_days ring_tiles segment_tiles
    tile degree at_once arriving no_water segment held_mean last left_today group edge flows
    period weight ends downstream depth place share column shown asked below_cell drains later
    ahead group_back add d_outflow d_averages d_states d_transit d_static d_runoff
    d_outflow_today d_left_today d_held d_first_inflow inflows segment_states past group_at
    sources above mean means shown_at below below_at own own_at behind ring_row load_2 load_4
    store_2 store_4 d_mean d_mean_below series fluxes served series_width d_series d_fluxes
    series_column given series_at series_rows
    """.split()  # noqa: SIM905
).union(f"{name}_{k}" for name in ("sent", "now", "below") for k in range(MOST_TOGETHER))


@dataclass(frozen=True)
class Quantity:
    """A quantity of the step by its name."""

    name: str
    unit: str = "m3"


@dataclass(frozen=True)
class SubSteps:
    """`together` sub-steps of a reach as a column: `inflow_k` comes and `outflow_k` leaves in each.

    `lateral_inflow` is the same in each, `total_outflow` the sum over all. So are the series and
    the fluxes of the reach.
    """

    reach: ReachModel
    together: int
    networks: tuple[Network, ...] = ()
    taken = _TAKEN
    parts = 1  # of what it is called for

    @property
    def name(self) -> str:
        return self.reach.name

    @property
    def states(self):
        return self.reach.states

    @property
    def parameters(self):
        return self.reach.parameters

    @property
    def properties(self):
        return self.reach.properties

    @cached_property
    def inflows(self) -> list[str]:
        return [f"inflow_{k}" for k in range(self.together)]

    @cached_property
    def outflows(self) -> list[str]:
        return [f"outflow_{k}" for k in range(self.together)]

    @cached_property
    def series(self) -> list[str]:
        return [field.name for field in self.reach.series]

    @cached_property
    def told(self) -> list[str]:
        return [field.name for field in self.reach.fluxes]

    @property
    def forcings(self) -> list[Quantity]:
        return [Quantity(name) for name in (*self.inflows, LATERAL, *self.series)]

    @property
    def fluxes(self) -> list[Quantity]:
        return [Quantity(name) for name in (*self.outflows, TOTAL, *self.told)]

    def step(self, s, x, p):
        states, fluxes, told = vars(s), {}, []
        known = SimpleNamespace(**vars(p), **{name: getattr(x, name) for name in self.series})
        for inflow, outflow in zip(self.inflows, self.outflows, strict=True):
            now = SimpleNamespace(**states)
            states, fluxes[outflow], *more = self.reach.step(
                now, getattr(x, inflow), x.lateral_inflow, known
            )
            told += more
        fluxes[TOTAL] = _sum(list(fluxes.values()))
        return states, fluxes | {name: _sum([one[name] for one in told]) for name in self.told}

    def tendency(self, s, x, p, dt):
        raise NotImplementedError("a reach has steps only")


def _sum(parts: list):
    return sum(parts[1:], parts[0])


def together(substeps: int, most: int = MOST_TOGETHER) -> int:
    """How many of so many sub-steps a day are printed in a row, at most so many: a divisor."""
    return max(n for n in range(1, min(most, MOST_TOGETHER) + 1) if substeps % n == 0)


@dataclass(frozen=True)
class ReachSpec:
    """A reach with what is printed into its kernels.

    `learned` is whether the adjoint gives the gradient to the parameters too.
    """

    reach: ReachModel
    together: int
    real: str
    learned: bool = True

    @cached_property
    def column(self) -> SubSteps:
        return SubSteps(self.reach, self.together)

    @cached_property
    def steps(self) -> Spec:
        """Its traced programs, those of a column."""
        outputs = (*self.column.outflows, TOTAL, *self.column.told)
        return Spec(self.column, outputs, real=self.real, forcing_gradient=True)

    @cached_property
    def key(self) -> str:
        """A text for the schema of an operator, equal where the kernels are: see `Spec.key`."""
        return f"{self.steps.key}-{'learned' if self.learned else 'given'}"

    @cached_property
    def saved(self) -> list[str]:
        """Costly lines of the step that its adjoint takes from the forward pass."""
        return self.steps.saved if self.learned else []

    @cached_property
    def step_adjoint(self) -> Program:
        if self.learned:
            return self.steps.step_adjoint_saved
        wanted = [*self.steps.states, *self.steps.forcings]
        return adjoint(self.steps.step, self.steps.step.outputs, wanted)

    @cached_property
    def summed(self) -> list[str]:
        """Parameters, and what is derived of them, that a gradient flows to: sums over time."""
        given = [*self.steps.static, *self.steps.derived] if self.learned else []
        back = self.steps.step_adjoint.outputs
        return [name for name in given if isinstance(back[f"d_{name}"], Symbol)]

    @cached_property
    def step_adjoint_on_gpu(self) -> Program:
        """The adjoint without anything saved: registers are where it is computed again.

        What is summed leaves the steps as it came, so `d_` of it goes through them: in comes the
        sum over all later steps, out the same with these. That is one operation each less.
        """
        step = self.steps.step
        same = {name: step.input(name) for name in self.summed}
        through = replace(step, outputs=step.outputs | same)
        wanted = [*self.steps.states, *self.steps.forcings, *self.summed]
        return adjoint(through, through.outputs, wanted)

    @cached_property
    def steps_saving(self) -> Program:
        """The steps with what leaves in each, and with what `saved` names."""
        return self.steps.advancing(self.saved, self.column.outflows)

    @cached_property
    def again(self) -> bool:
        """Whether the adjoint needs states or inflows, and so the steps forward once more."""
        varies = {*self.steps.states, *self.steps.forcings, *self.saved}
        return bool(varies & self.step_adjoint.used())


@lru_cache
def reach_spec(reach: ReachModel, substeps: int, real: str, learned: bool = True) -> ReachSpec:
    """The spec of so many sub-steps a day, the same one whenever it is asked for."""
    return ReachSpec(reach, together(substeps, reach.in_a_row), real, learned)
