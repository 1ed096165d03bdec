"""A column model: named quantities with units, and one daily step in plain PyTorch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Protocol

import torch

from gridhydro.base.notebook import fields_table, folded, titled

_FIELD = re.compile(
    r"(?P<name>[A-Za-z_]\w*)\s+(?P<unit>[^\[\]=:]+?)"
    r"(?:\s*\[(?P<low>[^,\]]+),(?P<high>[^\]]+)\](?P<log>\s+log\b)?)?"
    r"(?:\s*=\s*(?P<initial>[^:]+?))?"
    r"\s*:\s*(?P<long_name>.+)"
)
_RATE = "mm d-1"
_LEAST_LEFT = 1e-6  # of a store after a day: the root of nothing has no slope
_LONG = 100  # bytes of a name; a file system takes 255, with endings


@dataclass(frozen=True)
class Field:
    """One quantity of a column model.

    `bounds` are given for parameters, `initial` for states (same unit as the quantity). With `log`
    a parameter spans orders of magnitude: networks see its range as its logarithm. Files are
    called by its name: ValueError for one that is empty, long, or leads to another folder.
    """

    name: str
    unit: str
    long_name: str
    bounds: tuple[float, float] | None = None
    initial: float = 0.0
    log: bool = False

    def __post_init__(self):
        name = self.name
        if (
            not isinstance(name, str)
            or not name.strip(". ")
            or len(name.encode("utf-8", "replace")) > _LONG
            or any(c in "/\\" or not c.isprintable() for c in name)
        ):
            raise ValueError(
                f"{name!r:.80} is no name of a quantity: files are called so, take letters, digits "
                "and _"
            )

    @property
    def range(self) -> tuple[float, float]:
        """The bounds of a parameter. Raises ValueError if it has none."""
        if self.bounds is None:
            raise ValueError(f"the parameter '{self.name}' has no bounds")
        return self.bounds

    @property
    def attrs(self) -> dict[str, str]:
        """CF attributes of an exported variable."""
        return {"units": self.unit, "long_name": self.long_name}


def fields(*lines: str) -> tuple[Field, ...]:
    """Fields written one a line, `name unit [low, high] = initial: long name`.

    The bounds (`[low, high] log` where they span orders of magnitude) and the initial value may be
    left out. ValueError for a line that cannot be read, empty bounds, or a name declared twice.

    >>> fields("beta 1 [1, 6]: shape of the runoff response")[0].bounds
    (1.0, 6.0)
    """
    parsed = tuple(_parse(line) for line in lines)
    names = [field.name for field in parsed]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the field '{name}' is declared twice")
    return parsed


def _parse(line: str) -> Field:
    match = _FIELD.fullmatch(" ".join(line.split()))
    if match is None:
        raise ValueError(
            f"cannot read the field '{line}': write 'name unit [low, high] = initial: long name', "
            "with the bounds and the initial value where they apply"
        )
    low, high, initial = match["low"], match["high"], match["initial"]
    bounds = None if low is None else (float(low), float(high))
    if bounds is not None and not bounds[0] < bounds[1]:
        raise ValueError(f"the bounds of '{match['name']}' are empty: {bounds}")
    return Field(
        name=match["name"],
        unit=match["unit"].strip(),
        long_name=match["long_name"].strip(),
        bounds=bounds,
        initial=0.0 if initial is None else float(initial),
        log=match["log"] is not None,
    )


@dataclass(frozen=True)
class Embedded:
    """A small network inside a column's step, with the same weights in all cells.

    The step calls it by its name, `p.name(...)`, with one value for each input, and gets a value
    in [0, 1]: a fraction, say, of a flux. `scales` are the usual sizes of the inputs, by which they
    are divided; `hidden` are the sizes of its layers of tanh. Static parameters come first among
    the inputs: their part of the first layer is then computed once a run. ValueError for a name
    that is none in Python, and scales or sizes that are not above 0.
    """

    name: str
    scales: tuple[float, ...]
    hidden: tuple[int, ...] = (16,)

    def __post_init__(self):
        if not self.name.isidentifier():
            raise ValueError(f"the name of a network is a Python name, not '{self.name}'")
        if not self.scales or not all(scale > 0 for scale in self.scales):
            raise ValueError(
                f"the network '{self.name}' has the scales {self.scales}: give one number above 0 "
                "for each input"
            )
        if not all(isinstance(size, int) and size > 0 for size in self.hidden):
            raise ValueError(
                f"the network '{self.name}' has the hidden layers {self.hidden}: give whole "
                "numbers above 0"
            )


class TakesForcing(Protocol):
    """A column, or a model made of one: what says of which series a forcing is made."""

    @property
    def forcings(self) -> tuple[Field, ...]:
        """The series, in order."""

    @property
    def dt(self) -> float:
        """Length of a step in days."""


class Column:
    """A vertical water balance: subclass it, declare the fields and write `step`.

    `step(s, x, p)` gets the states at the start of the day, the forcing, and the parameters and
    properties as attributes of `s`, `x` and `p` (tensors of one shape, elementwise), and returns
    two dicts: the states at the end of the day and the fluxes of the day. It is the reference that
    every kernel is derived from and tested against, so it holds physics only: no loop over time,
    no branches on values (use `torch.where`), nothing done in place.

    Where a day is too long a step, `step` is one of `parts` equal ones: it gets the forcing of the
    day and gives the states at the end of its part, with fluxes as rates, whose mean is taken.

    `properties` are what is known of a cell: nothing learns them, no gradient reaches them.

    `tendency(s, x, p, dt)`, for the other time-stepping schemes, returns the rate of change of
    each state in its unit per day, and the fluxes: rates at these states, and what is in `mm` of
    these states. `dt` is the length of the step in days, a plain number: what is limited by a
    store goes at the rate store / dt at most.

    A `step` that is as right for a part of a day says `any_step`: it takes the weather and the
    parameters through `in_step`, and hands its fluxes out through `by_day`, so that their units
    stay per day. `stepped(24)` is the column by the hour.
    """

    name: str = ""
    any_step: bool = False  # whether `step` goes by `dt`
    dt: float = 1.0  # length of a step in days
    parts: int = 1  # of a day, that `step` takes one after the other
    states: tuple[Field, ...] = ()
    forcings: tuple[Field, ...] = ()
    parameters: tuple[Field, ...] = ()
    properties: tuple[Field, ...] = ()
    fluxes: tuple[Field, ...] = ()
    networks: tuple[Embedded, ...] = ()
    # which forcings bring water, which fluxes take it away, and the flux that feeds the river:
    # the balance check and the routing go by these names
    water_in: tuple[str, ...] = ("precipitation",)
    water_out: tuple[str, ...] = ("runoff", "actual_evapotranspiration")
    runoff: str | None = "runoff"  # None: no flow is among the fluxes
    # of those that take water, the one that takes it under the ground to where no cell gets it, and
    # below zero brings it from there: not evaporated, though no river has it
    export: str | None = None
    source: str = ""  # of the equations: authors, year and DOI

    # fluxes whose means `balanced` takes
    balancing: tuple[str, ...] = ()

    def balanced(self, states: dict, means: dict, p: SimpleNamespace) -> dict:
        """States, with those stores that fill too slowly for a spin-up put where mean fluxes of
        `balancing` (N, M) would bring them; a guess at equilibrium to start a run from."""
        return states

    def refuse(self, values: Mapping[str, object]) -> None:
        """ValueError for values of parameters that it is not to be run with; any by itself."""

    def stepped(self, steps_a_day: int) -> Column:
        """The same column with so many steps a day, the same one whenever it is asked for."""
        return self if steps_a_day == round(1 / self.dt) else _stepped(self, steps_a_day)

    def of_steps(self, steps_a_day: int) -> Column:
        """Another one with so many steps a day; see `stepped`."""
        found = copy(self)
        found.dt = 1 / steps_a_day
        return found

    def refuse_step(self, sequential: bool) -> None:
        """ValueError for a step other than a day, of a `step` or an LSTM that is of a day only."""
        if self.dt == 1 or (self.any_step if sequential else self.advance is None):
            return
        others = type(self).tendency is not Column.tendency
        raise ValueError(
            f"the column '{self.name}' takes days only, not {1 / self.dt:g} steps a day"
            f"{self.why_daily and f' ({self.why_daily})'}: average the weather to days, or choose "
            + ("another scheme, such as 'implicit', or " if others and sequential else "")
            + "a column such as 'hbv'"
        )

    why_daily: str = ""  # of a column that takes days only

    def in_step(self, x: SimpleNamespace, p: SimpleNamespace) -> tuple:
        """Weather and parameters of a step: what is in mm d-1 as its amount within the step, and a
        fraction that leaves a store in a day, d-1, as that of the step: 24 hours leave of a store
        what one day does."""
        if self.dt == 1:
            return x, p
        return _in_step(x, self.forcings, self.dt), _in_step(p, self.parameters, self.dt)

    def by_day(self, fluxes: Mapping) -> Mapping:
        """Fluxes of a step, those in mm d-1 per day."""
        if self.dt == 1:
            return fluxes
        rates = {f.name for f in self.fluxes if f.unit.startswith(_RATE)}
        return {n: v * (1 / self.dt) if n in rates else v for n, v in fluxes.items()}

    # of a column without kernels, which takes the days by itself: see `Surrogate.advance`
    advance: Callable | None = None

    def __repr__(self) -> str:
        counts = (("forcings", self.forcings), ("parameters", self.parameters),
                  ("states", self.states), ("fluxes", self.fluxes))  # fmt: skip
        told = ", ".join(f"{len(fields)} {what}" for what, fields in counts)
        return f"Column '{self.name or type(self).__name__}': {told}"

    def _repr_html_(self) -> str:
        parts = (
            ("forcings, by day", self.forcings),
            ("parameters", self.parameters),
            ("properties of a cell, known", self.properties),
            ("states", self.states),
            ("fluxes and what is derived", self.fluxes),
        )
        shown = [folded(f"{len(some)} {what}", fields_table(some)) for what, some in parts if some]
        return titled(repr(self), *shown)

    def step(self, s: SimpleNamespace, x: SimpleNamespace, p: SimpleNamespace):
        """States at the end of a day and fluxes of the day, each a dict by name."""
        raise TypeError(f"the column {type(self).__name__} has no step(s, x, p): write one day")

    def tendency(self, s: SimpleNamespace, x: SimpleNamespace, p: SimpleNamespace, dt: float):
        """Rates of change of the states, unit d-1, and fluxes; `dt` is the sub-step in days."""
        raise TypeError(
            f"the column {type(self).__name__} has no tendency(s, x, p, dt): write its rates of "
            "change, or choose the scheme 'sequential'"
        )

    def output(self, name: str) -> Field:
        """The flux or state called `name`; ValueError, with all names, if there is none."""
        for field in (*self.fluxes, *self.states):
            if field.name == name:
                return field
        known = ", ".join(field.name for field in (*self.fluxes, *self.states))
        raise ValueError(f"the column '{self.name}' has no output '{name}'; it has {known}")


@lru_cache(maxsize=256)
def _stepped(column: Column, steps_a_day: int) -> Column:
    return column.of_steps(steps_a_day)


def _in_step(values: SimpleNamespace, fields: Sequence[Field], dt: float) -> SimpleNamespace:
    """Values in the unit of a step of `dt` days; all else as it is."""
    found = dict(vars(values))
    for field in fields:
        rate = found[field.name]
        if field.unit.startswith(_RATE):
            found[field.name] = rate * dt
        elif field.unit == "d-1":
            found[field.name] = 1 - torch.clamp(1 - rate, min=_LEAST_LEFT) ** dt
    return SimpleNamespace(**found)
