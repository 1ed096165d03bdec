"""Several columns side by side in every cell, each on a part of it, as one column.

The cell is divided among structures, as among land covers: each has its own stores and parameters
under the cell's weather, and the cell's water is that of its parts. The parts are parameters, so
that a network learns where which structure is right: Bayesian model averaging has weights of one
basin (Duan et al. 2007, doi:10.1016/j.advwatres.2006.11.014), here they are maps. As it is a column
like any other, there is one kernel for all of it, and water is neither lost nor made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

from gridhydro.columns.column import Column, Field, fields

JOINED = "+"  # between the names of columns
LEAST, MOST = 0.01, 1.0  # of what a part counts


class Mixture(Column):
    """Columns side by side, each on a learned part of every cell.

    members  two columns or more that have the same water coming in, and kernels of their own step

    `part_NAME` of each is what it counts: its part of the cell is that over the sum of all. Stores
    and parameters are called NAME_STORE and NAME_PARAMETER; what water a store has, in mm, is of
    the cell, not of the part. Fluxes that all members have are those of the cell, as are losses
    that only some have; NAME_runoff is the runoff of a part, in mm d-1 of the part.
    ValueError for members that do not fit together.
    """

    def __init__(self, members: Sequence[Column]):
        self.members = {_prefix(member.name): member for member in members}
        _refuse_unfit(members, self.members)
        self.name = JOINED.join(member.name for member in members)
        self.source = "; ".join(dict.fromkeys(member.source for member in members))
        self.water_in = members[0].water_in
        self.forcings = _together("forcing", [member.forcings for member in members])
        self.properties = _together("property", [member.properties for member in members])
        parts = fields(
            *(
                f"part_{name} 1 [{LEAST}, {MOST}]: what {name} counts among its cell's columns"
                for name in self.members
            )
        )
        self.parameters = (*parts, *self._named("parameters"))
        self.states = tuple(
            replace(field, initial=field.initial / len(members)) if _water(field) else field
            for field in self._named("states")
        )
        self.water_out = tuple(dict.fromkeys(n for m in members for n in m.water_out))
        self.export = next((member.export for member in members if member.export), None)
        self.fluxes = self._fluxes()
        self.dt, self.parts = members[0].dt, members[0].parts
        self.any_step = all(member.any_step for member in members)
        self.why_daily = next((m.why_daily for m in members if not m.any_step), "")
        self.balancing = tuple(
            f"{name}_{flux}" for name, member in self.members.items() for flux in member.balancing
        )

    def _named(self, kind: str) -> list[Field]:
        """The fields of a kind of all members, called after their member."""
        return [
            replace(field, name=f"{name}_{field.name}", long_name=f"{field.long_name}, of {name}")
            for name, member in self.members.items()
            for field in getattr(member, kind)
        ]

    def _fluxes(self) -> tuple[Field, ...]:
        """Those of the cell: of all members, or losses of some; then each member's own."""
        every = {name: {f.name: f for f in m.fluxes} for name, m in self.members.items()}
        common = set.intersection(*(set(own) for own in every.values()))
        units: dict[str, set[str]] = {}
        for own in every.values():
            for field in own.values():
                units.setdefault(field.name, set()).add(field.unit)
        first: dict[str, Field] = {}
        for own in every.values():
            for name, field in own.items():
                if name in self.water_out or (name in common and len(units[name]) == 1):
                    first.setdefault(name, field)
        self._shared = tuple(first)
        return (*first.values(), *(f for f in self._named("fluxes") if self._kept(f.name)))

    def _kept(self, name: str) -> bool:
        """Whether the mixture has a member's own flux: its runoff, or one that `balanced` asks."""
        asked = {
            f"{prefix}_{flux}"
            for prefix, member in self.members.items()
            for flux in (member.runoff, *member.balancing)
        }
        return name in asked

    def of_steps(self, steps_a_day: int) -> Column:
        return Mixture([member.stepped(steps_a_day) for member in self.members.values()])

    def refuse(self, values) -> None:
        for name, member in self.members.items():
            start = f"{name}_"
            member.refuse(
                {key.removeprefix(start): v for key, v in values.items() if key.startswith(start)}
            )

    def balanced(self, states, means, p):
        found = dict(states)
        for name, member in self.members.items():
            part = _part(p, name, self.members)
            own = {f.name: states[f"{name}_{f.name}"] / _depth(f, part) for f in member.states}
            flows = {flux: means[f"{name}_{flux}"] for flux in member.balancing}
            known = [f for f in member.properties if hasattr(p, f.name)]
            filled = member.balanced(own, flows, _of(p, name, member.parameters, known))
            found |= {f"{name}_{f.name}": filled[f.name] * _depth(f, part) for f in member.states}
        return found

    def step(self, s, x, p):
        """One day of every member."""
        return self._all(s, x, p, lambda member, *given: member.step(*given))

    def tendency(self, s, x, p, dt):
        """Rates of every member; ValueError if one of them has a step only."""
        return self._all(s, x, p, lambda member, *given: member.tendency(*given, dt))

    def _all(self, s, x, p, advance):
        states: dict = {}
        own: dict = {}
        total = dict.fromkeys(self._shared)
        for name, member in self.members.items():
            part = _part(p, name, self.members)
            stores = SimpleNamespace(
                **{f.name: getattr(s, f"{name}_{f.name}") / _depth(f, part) for f in member.states}
            )
            given = _of(p, name, member.parameters, member.properties)
            after, fluxes = advance(member, stores, x, given)
            states |= {f"{name}_{f.name}": after[f.name] * _depth(f, part) for f in member.states}
            for flux in self._shared:
                if flux in fluxes:
                    held = part * fluxes[flux]
                    total[flux] = held if total[flux] is None else total[flux] + held
            own |= {f"{name}_{flux}": value for flux, value in fluxes.items()}
        return states, total | {flux: v for flux, v in own.items() if self._kept(flux)}


def _part(p, name: str, members):
    """The fraction of the cell that a member has."""
    return getattr(p, f"part_{name}") / sum(getattr(p, f"part_{other}") for other in members)


def _of(p, name: str, parameters, properties) -> SimpleNamespace:
    """Parameters of a member, and properties, which all share, by the member's names."""
    own = {f.name: getattr(p, f"{name}_{f.name}") for f in parameters}
    return SimpleNamespace(**own, **{f.name: getattr(p, f.name) for f in properties})


def _water(field: Field) -> bool:
    return field.unit == "mm"


def _depth(field: Field, part):
    """By what a store of a part is multiplied to be one of the cell; 1 where it is no water."""
    return part if _water(field) else 1.0


def _prefix(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")


def _together(kind: str, groups) -> tuple[Field, ...]:
    """Fields of all members, each once; ValueError for one of several units."""
    found: dict[str, Field] = {}
    for field in (field for group in groups for field in group):
        if found.setdefault(field.name, field).unit != field.unit:
            raise ValueError(
                f"the {kind} '{field.name}' is in {found[field.name].unit} and in {field.unit} "
                "in columns that are to be mixed"
            )
    return tuple(found.values())


def _refuse_unfit(members: Sequence[Column], named) -> None:
    if len(members) < 2:
        raise ValueError(
            "a mixture is of two columns or more: several sets of one column are components"
        )
    if len(named) < len(members):
        raise ValueError(
            f"{JOINED.join(m.name for m in members)} has a column twice: several sets of one "
            "column are components"
        )
    for member in members:
        if member.networks or member.advance is not None:
            raise ValueError(
                f"'{member.name}' cannot be mixed: it has a network or takes the days by itself"
            )
        if member.runoff != members[0].runoff or member.water_in != members[0].water_in:
            raise ValueError(
                f"'{member.name}' and '{members[0].name}' cannot be mixed: the water that comes "
                f"in is {', '.join(member.water_in)} and {', '.join(members[0].water_in)}"
            )
        if member.dt != members[0].dt:
            raise ValueError(
                f"'{member.name}' and '{members[0].name}' cannot be mixed: they have "
                f"{1 / member.dt:g} and {1 / members[0].dt:g} steps a day"
            )
        if member.parts != members[0].parts:
            raise ValueError(
                f"'{member.name}' and '{members[0].name}' cannot be mixed: they take a day in "
                f"{member.parts} and {members[0].parts} parts"
            )
    exports = {member.export for member in members if member.export}
    if len(exports) > 1:
        raise ValueError(f"columns with the exports {', '.join(sorted(exports))} cannot be mixed")
