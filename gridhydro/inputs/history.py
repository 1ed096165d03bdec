"""The history of every cell over a period: daily series with gaps, as a network reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import torch
import xarray as xr

from gridhydro.base import calendar, periods
from gridhydro.base.arguments import whole
from gridhydro.columns.column import Field
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.inputs.history_series import by_name, daily, means_of, unit_of


@dataclass(frozen=True, eq=False)
class History:
    """V daily series of N cells over one period, as P means of `every` days.

    values  (V + G, P, N) float32: the series in their units, NaN where no day of a mean has a
            value; then, of the G series with gaps, the fraction of days that have one
    names   of the series, (V,), and their units
    gaps    names of those with gaps, (G,)
    period  first and last day
    """

    values: torch.Tensor
    names: tuple[str, ...]
    units: tuple[str, ...]
    gaps: tuple[str, ...]
    every: int
    period: tuple[str, str]

    def __post_init__(self):
        for name in ("names", "units", "gaps", "period"):  # lists, where they were kept as JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def __repr__(self) -> str:
        _, means, cells = self.values.shape
        return (
            f"History of {cells} cells from {self.period[0]} to {self.period[1]}, {means} means of "
            f"{self.every} days: {', '.join(self.names)}"
        )

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.values.shape[2]

    @property
    def about(self) -> dict:
        """All but the values, of which there is a digest, for a JSON file; see `again`."""
        digest = sha256(self.values.cpu().numpy().tobytes()).hexdigest()[:12]
        return dict(
            names=list(self.names), units=list(self.units), gaps=list(self.gaps),
            every=self.every, period=list(self.period), digest=digest,
        )  # fmt: skip

    @classmethod
    def again(cls, values: torch.Tensor, about: Mapping[str, Any]) -> History:
        """A history from its values and what `about` told of it."""
        return cls(values, **{name: told for name, told in about.items() if name != "digest"})

    @property
    def fields(self) -> tuple[Field, ...]:
        """Name and unit of each row of the values."""
        series = [Field(n, u, f"past {n}") for n, u in zip(self.names, self.units, strict=True)]
        known = [Field(f"{n}_observed", "1", f"fraction of days with {n}") for n in self.gaps]
        return (*series, *known)

    @classmethod
    def of(
        cls,
        domain: Domain,
        series: xr.Dataset | Forcing | Sequence[xr.Dataset | Forcing],
        period: tuple[str, str] | None = None,
        every: int = 5,
        *,
        like: History | None = None,
    ) -> History:
        """The history of a domain's cells.

        series  Dataset of daily series (time, y, x), or (time, gauge) of lumped basins: forcing and
                observations, missing days and values allowed; or a `Forcing`; or several of them,
                each with days of its own. Variables without time are passed over
        period  first and last day, month or year, both included; days that are left over from means
                of `every` days are left out at its beginning
        like    the history of other cells: its series and units, `every`, and its period where none
                is given

        Raises ValueError for a series without units, without a day in the period, or with values
        that are infinite or codes for missing ones, naming series, day and cell.
        """
        every = whole("every", every, 1) if like is None else like.every
        period = like.period if like is not None and period is None else period
        if period is None:
            raise ValueError("a history is of a period: give its first and last day or year")
        period = periods.days(period)
        days = periods.every_day(period)
        if len(days) < every:
            raise ValueError(
                f"the history from {period[0]} to {period[1]} has no {every} days: take a longer "
                "period, or a smaller `every`"
            )
        found = by_name(domain, series)
        names = tuple(found) if like is None else like.names
        lacking = [name for name in names if name not in found]
        if lacking or not names:
            raise ValueError(
                f"the history lacks {', '.join(lacking) or 'any series'}: give Datasets with "
                f"daily values of them for every cell; there is {', '.join(found) or 'nothing'}"
            )
        arrays = [found[name] for name in names]
        units = tuple(map(unit_of, arrays)) if like is None else like.units
        means, observed = [], {}
        for name, array, unit in zip(names, arrays, units, strict=True):
            mean, fraction = means_of(daily(domain, array, unit, days), every)
            if like is None and not fraction.any():
                raise ValueError(
                    f"the series '{name}' is missing everywhere from {period[0]} to {period[1]}: "
                    "leave it out of the history, or take another period"
                )
            means.append(mean)
            if (fraction < 1).any() if like is None else name in like.gaps:
                observed[name] = fraction
        values = torch.from_numpy(np.stack([*means, *observed.values()]))
        return cls(values, names, units, tuple(observed), every, period)

    def matching(self, like: History) -> History:
        """The same with the rows of another history; ValueError where it has other series."""
        same = self.every == like.every and set(self.names) >= set(like.names)
        mine = dict(zip(self.names, self.units, strict=True))
        if not same or any(mine[n] != u for n, u in zip(like.names, like.units, strict=True)):
            raise ValueError(
                f"the history has {_told(self)}, the model was trained with {_told(like)}: make it "
                "with History.of(..., like=model.known)"
            )
        rows = dict(zip([f.name for f in self.fields], self.values, strict=True))
        complete = torch.ones_like(self.values[0])
        values = torch.stack([rows.get(f.name, complete) for f in like.fields])
        return History(values, like.names, like.units, like.gaps, like.every, self.period)


def of_others(
    known: History, domain: Domain, forcing: xr.Dataset, given: History | xr.Dataset | None
) -> History:
    """The history of other cells for a network that was trained with the one `known`.

    forcing  their forcing, read where it has days of that period; else `given` has to have it too
    ValueError naming the series that the network reads and that are not given.
    """
    if isinstance(given, History):
        return given.matching(known)
    if given is None:
        lacking = [name for name in known.names if name not in forcing]
        if lacking:
            raise ValueError(
                f"the network reads a history of {', '.join(lacking)} too: give history=, a "
                f"Dataset (time, gauge) of it from {known.period[0]} to {known.period[1]}"
            )
        return History.of(domain, forcing, like=known)
    if not isinstance(given, xr.Dataset):
        raise ValueError(f"history is a Dataset or a History, not a {type(given).__name__}")
    times = calendar.days_of_each(forcing["time"], "the forcing", forcing)
    if not ((times >= known.period[0]) & (times <= known.period[1])).any():
        return History.of(domain, given, like=known)
    # as in the training, potential evapotranspiration is not always that of the data
    beside = given.drop_vars([name for name in forcing.data_vars if name in given])
    return History.of(domain, [forcing, beside], like=known)


def _told(history: History) -> str:
    series = [f"{n} ({u})" for n, u in zip(history.names, history.units, strict=True)]
    return f"means of {history.every} days of {', '.join(series)}"
