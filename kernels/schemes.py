"""Time-stepping schemes as data, and what each makes of a column in one (sub-)step.

sequential  the column's own `step`, its operators one after the other (the default); of a day, or
            of one of the column's `parts` of it
explicit    forward Euler: all rates at the start of the sub-step
rk4         the classical Runge-Kutta scheme of fourth order
implicit    backward Euler: all rates at the end of the sub-step, solved for by Newton's method

Forcing and parameters are constant within the day. States are stores: `implicit` never takes them
below zero; under `explicit` and `rk4` they may fall a little below where more flows out within a
sub-step than they hold, and then count as empty. Song et al. (2024,
doi:10.5194/hess-28-3051-2024) compare the schemes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import torch

from gridhydro.kernels.protocols import ColumnModel, Value

NAMES = ("sequential", "explicit", "rk4", "implicit")

# weights of the four evaluations of rk4, and where in the sub-step each is made
_RK4 = ((1 / 6, 0.0), (1 / 3, 0.5), (1 / 3, 0.5), (1 / 6, 1.0))

_SECONDS = 86400  # of a day: shorter sub-steps mean nothing, and take forever


@dataclass(frozen=True)
class Scheme:
    """A time-stepping scheme: the method and the number of its steps in a day.

    name        one of `NAMES`
    substeps    equal parts of the step of the column, a day or a part of it
    iterations  at most, of Newton's method in one sub-step
    """

    name: str = "sequential"
    substeps: int = 1
    iterations: int = 60

    def __post_init__(self):
        if self.name not in NAMES:
            raise ValueError(f"there is no scheme '{self.name}'; there is {', '.join(NAMES)}")
        for what in ("substeps", "iterations"):
            if not isinstance(getattr(self, what), int) or getattr(self, what) < 1:
                raise ValueError(f"a scheme has 1 or more {what}, not {getattr(self, what)!r}")
        if self.substeps > _SECONDS:
            raise ValueError(
                f"a scheme has {self.substeps} substeps a day: take {_SECONDS} or less"
            )

    @classmethod
    def of(cls, text: str | Scheme) -> Scheme:
        """The scheme called `text`: a name, or name:substeps such as "explicit:24"."""
        if isinstance(text, Scheme):
            return text
        name, colon, substeps = str(text).partition(":")
        if colon and not substeps.strip().isdecimal():
            raise ValueError(
                f"cannot read the scheme '{text}': write a name ({', '.join(NAMES)}), or "
                "name:substeps such as 'explicit:24'"
            )
        found = cls(name.strip(), int(substeps) if colon else 1)
        if found.name == "sequential" and found.substeps > 1:
            raise ValueError(
                "the sequential step is one whole day: for sub-steps choose explicit, rk4 or "
                f"implicit, such as 'explicit:{substeps.strip()}'"
            )
        return found

    def of_column(self, column: ColumnModel) -> Scheme:
        """The scheme, with as many sub-steps as the column's own step makes of a day.

        ValueError for a sequential scheme with another number of them.
        """
        if self.name != "sequential" or self.substeps == column.parts:
            return self
        if self.substeps > 1:
            raise ValueError(
                f"the column '{column.name}' makes {column.parts} steps of a day, not "
                f"{self.substeps}: choose the scheme 'sequential'"
            )
        return replace(self, substeps=column.parts)

    def __str__(self) -> str:
        return f"{self.name}:{self.substeps}" if self.substeps > 1 else self.name

    @property
    def implicit(self) -> bool:
        return self.name == "implicit"

    @property
    def part(self) -> float:
        """Length of a sub-step as a part of the column's step."""
        return 1.0 / self.substeps

    def dt(self, column: ColumnModel) -> float:
        """Length of a sub-step in days."""
        return getattr(column, "dt", 1.0) / self.substeps

    @property
    def method(self) -> str:
        """The method of the column that the scheme calls."""
        return "step" if self.name == "sequential" else "tendency"

    def step(self, column: ColumnModel) -> Callable:
        """One sub-step as a function of states, forcing and parameters.

        The function returns the states at its end and the fluxes, rates times the part of the
        column's step that it is: what they add to the mean over the step. An implicit
        sub-step takes the states at its *end*, and returns what flows into each store within it
        in place of states.
        """
        if self.name == "sequential":
            if self.substeps == 1:
                return column.step
            return lambda s, x, p: self._part(column, s, x, p)
        take = {"explicit": self._explicit, "rk4": self._rk4, "implicit": self._inflow}[self.name]
        return lambda s, x, p: take(column, s, x, p)

    def _part(self, column, s, x, p):
        states, fluxes = column.step(s, x, p)
        return states, self._amounts(column, fluxes)

    def _explicit(self, column, s, x, p):
        dt = self.dt(column)
        changes, fluxes = column.tendency(_not_below_zero(vars(s)), x, p, dt)
        states = _moved(s, changes, dt)
        return states, self._amounts(column, fluxes) | self._stores(column, states, x, p)

    def _rk4(self, column, s, x, p):
        changes: dict[str, Value] = {}
        fluxes: dict[str, Value] = {}
        slopes: dict[str, Value] = {}
        dt = self.dt(column)
        for weight, place in _RK4:
            at = {n: v + place * dt * slopes.get(n, 0.0) for n, v in vars(s).items()}
            slopes, rates = column.tendency(_not_below_zero(at), x, p, dt)
            for total, values in ((changes, slopes), (fluxes, rates)):
                for name, value in values.items():
                    term = weight * value
                    total[name] = total[name] + term if name in total else term
        states = _moved(s, changes, dt)
        return states, self._amounts(column, fluxes) | self._stores(column, states, x, p)

    def _inflow(self, column, s, x, p):
        dt = self.dt(column)
        changes, fluxes = column.tendency(s, x, p, dt)
        inflow = {name: dt * change for name, change in changes.items()}
        return inflow, self._amounts(column, fluxes)

    def _amounts(self, column, fluxes):
        """Fluxes times the part of the step; what is water in a store as it is."""
        stores = stored(column)
        return {n: v if n in stores else v * self.part for n, v in fluxes.items()}

    def _stores(self, column, states, x, p):
        """Diagnostics of the states at the end of the sub-step."""
        stores = stored(column)
        if not stores:
            return {}
        _, fluxes = column.tendency(SimpleNamespace(**states), x, p, self.dt(column))
        return {name: fluxes[name] for name in stores}


SEQUENTIAL = Scheme()


def stored(column: ColumnModel) -> set[str]:
    """The fluxes that are water at a moment, and not a rate over the day."""
    return {f.name for f in column.fluxes if f.unit == "mm"}


def _moved(s, changes, dt):
    """The states after `dt` of change; names that are no state are left to be refused later."""
    return {name: vars(s).get(name, 0.0) + dt * change for name, change in changes.items()}


def _not_below_zero(states):
    """Stores that an explicit step has overdrawn give nothing more (they would swing, and grow)."""
    return SimpleNamespace(**{n: torch.where(v < 0, 0.0, v) for n, v in states.items()})
