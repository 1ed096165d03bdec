"""Forcing as the column sees it, where a network corrects one of its series."""

from __future__ import annotations

import torch
from torch import Tensor

from gridhydro.base.quantities import SERIES
from gridhydro.columns.column import Column, Field
from gridhydro.nets.correction import Correction

# days on both sides that a correction may look at, in a run cut in two
REACH = 8


def forcings_of(column: Column, correction: Correction | None) -> tuple[Field, ...]:
    """The series of a forcing: those of the column, then those that a correction reads.

    ValueError for a series that is no weather.
    """
    series = () if correction is None else correction.series
    own = [f.name for f in column.forcings]
    return (*column.forcings, *(_series(name) for name in series if name not in own))


def read_by(correction: Correction, forcings: tuple[Field, ...], forcing: Tensor) -> Tensor:
    """Of a forcing (F, T, N) the series that the correction reads, (V, T, N)."""
    places = [f.name for f in forcings]
    return forcing[[places.index(name) for name in correction.series]]


def corrected(
    correction: Correction, forcings: tuple[Field, ...], own: int, forcing: Tensor, attributes
) -> Tensor:
    """The first `own` of the forcings, those of the column (F, T, N), one of them corrected."""
    place = [f.name for f in forcings].index(correction.forcing)
    series = read_by(correction, forcings, forcing)
    changed = correction.changed(forcing[place], series, attributes)
    return torch.stack([changed if k == place else row for k, row in enumerate(forcing[:own])])


def in_parts(model, before: Tensor | None, forcing: Tensor) -> tuple[Tensor | None, Tensor]:
    """The weather of the column for the days before, without gradient, and for those that follow.

    On both sides of the seam a correction looks at days of the other part, so that both are as in
    one run over all of them.
    """
    if model.correction is None or before is None:
        early = None if before is None else model.weather(before)
        return early, model.weather(forcing)
    days, reach = before.shape[1], min(REACH, before.shape[1])
    with torch.no_grad():
        early = model.weather(torch.cat([before, forcing[:, :REACH]], dim=1))[:, :days]
    late = model.weather(torch.cat([before[:, days - reach :], forcing], dim=1))[:, reach:]
    return early.contiguous(), late.contiguous()


def _series(name: str) -> Field:
    """A daily series of weather that a correction reads."""
    if name not in SERIES:
        raise ValueError(f"no weather is called '{name}'; there is {', '.join(SERIES)}")
    return Field(name, SERIES[name].unit, SERIES[name].long_name)
