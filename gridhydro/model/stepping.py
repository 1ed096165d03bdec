"""How a column is taken through time, and what of it is handed out as means over periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from gridhydro.base.arguments import names, one_of, whole
from gridhydro.kernels import BACKENDS, Scheme

if TYPE_CHECKING:
    from gridhydro.columns.column import Column
    from gridhydro.observations.averages import Averages

MOST_STEPS = 1440  # a day, of a minute each


@dataclass(frozen=True)
class Stepping:
    """How a column is taken through time, and by what.

    scheme   "sequential" (the column's step), "explicit", "rk4" or "implicit" (of its tendency),
             with sub-steps such as "explicit:24"; see `gridhydro.kernels.Scheme`. Rates are means
             over the sub-steps, and where Newton's method of an implicit scheme does not converge
             there is a `NotConverged` warning
    storage  the states that are kept for the gradient: "all" (every day's), a number of days (those
             of every so many days, the days between are computed again), or "auto", the quickest
    backend  "numba", "triton" or "torch" (plain loops); None: Triton for CUDA tensors, else numba
    steps_a_day  of the forcing: 24 by the hour. Units of fluxes and parameters stay per day
    """

    scheme: str | Scheme = "sequential"
    storage: str | int = "auto"
    backend: str | None = None
    steps_a_day: int = 1

    def __post_init__(self):
        object.__setattr__(self, "scheme", Scheme.of(self.scheme))
        count = whole("steps_a_day", self.steps_a_day, 1, MOST_STEPS)
        object.__setattr__(self, "steps_a_day", count)
        if isinstance(self.storage, str):
            one_of("storage", self.storage, ("auto", "all"))
        else:
            object.__setattr__(self, "storage", whole("storage", self.storage, 1))
        if self.backend is not None and self.backend not in BACKENDS:
            known = ", ".join(BACKENDS)
            raise ValueError(f"there is no backend '{self.backend}'; there is {known}")

    def column(self, column: Column) -> Column:
        """The column with so many steps a day; one that has other steps than days keeps them."""
        return column if self.steps_a_day == 1 else column.stepped(self.steps_a_day)

    @classmethod
    def of(cls, given: str | Scheme | Stepping) -> Stepping:
        """This, or a scheme with all else as usual."""
        return given if isinstance(given, Stepping) else cls(given)


@dataclass(frozen=True, eq=False)
class PeriodMeans:
    """Outputs that are wanted as means over periods of days, of which no daily series is made.

    outputs   names of fluxes or states
    averages  the periods: a `gridhydro.Averages`, or its row (T,), weight (T,) and their number R
    """

    outputs: Sequence[str]
    averages: Averages | tuple[Tensor, Tensor, int]

    def __post_init__(self):
        object.__setattr__(self, "outputs", tuple(names("outputs", self.outputs)))
        if self.averages is None:
            raise ValueError(
                f"{', '.join(self.outputs)} is to be averaged, but over what is not said: give "
                "averages, a gridhydro.Averages"
            )
