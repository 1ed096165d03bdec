"""Forcing as the column sees it, where a network corrects one of its series."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from gridhydro.base.arguments import whole
from gridhydro.base.quantities import SERIES
from gridhydro.columns.column import Column, Field
from gridhydro.nets.correction import Correction


def forcings_of(column: Column, correction: Correction | None) -> tuple[Field, ...]:
    """The series of a forcing: those of the column, then those that a correction reads.

    ValueError for a series that is no weather, and for a reach that is no number of days.
    """
    series: tuple[str, ...] = ()
    if correction is not None:
        series = correction.series
        for name in ("back", "ahead"):
            if (days := getattr(correction, name)) is not None:
                whole(f"{type(correction).__name__}.{name}", days, 0)
    own = [f.name for f in column.forcings]
    return (*column.forcings, *(_series(name) for name in series if name not in own))


def read_by(correction: Correction, forcings: tuple[Field, ...], forcing: Tensor) -> Tensor:
    """Of a forcing (F, T, N) the series that the correction reads, (V, T, N)."""
    places = [f.name for f in forcings]
    return forcing[[places.index(name) for name in correction.series]]


def corrected(
    correction: Correction, forcings: tuple[Field, ...], own: Tensor, forcing: Tensor, attributes
) -> Tensor:
    """The first of the forcings, those of the column, `own` (F, T, N), with one of them corrected.

    `forcing` may be of more cells, those around that the correction looks at.
    """
    if not forcing.shape[1]:  # nothing to be corrected
        return own
    place = [f.name for f in forcings].index(correction.forcing)
    series = read_by(correction, forcings, forcing)
    changed = correction.changed(own[place], series, attributes)
    return torch.stack([changed if k == place else row for k, row in enumerate(own)])


def around(correction: Correction, days: slice, length: int) -> slice:
    """The days of a record of this length that the correction of some of them depends on."""
    back, ahead = correction.back, correction.ahead
    first = 0 if back is None else max(days.start - back, 0)
    return slice(first, length if ahead is None else min(days.stop + ahead, length))


def in_parts(
    model, before: Tensor | None, forcing: Tensor, earlier: Tensor | None = None
) -> tuple[Tensor | None, Tensor]:
    """The weather of the column for the days before, without gradient, and for those that follow.

    On both sides of the seam a correction looks at days of the other part, so that both are as in
    one run over all of them; `earlier` are days that an earlier run has seen, only looked back on.
    """
    if model.correction is None:
        early = None if before is None else model.weather(before)
        return early, model.weather(forcing)
    if earlier is not None and model.correction.ahead != 0:
        warnings.warn(
            f"{type(model.correction).__name__} looks ahead: the last days before this state were "
            "corrected without those that follow; give the days around the cut as before=",
            stacklevel=3,
        )
    record = _joined(earlier, before, forcing)
    length = record.shape[1]
    seam, early = length - forcing.shape[1], None
    if before is not None:
        with torch.no_grad():
            early = _of_days(model, record, slice(seam - before.shape[1], seam))
    return early, _of_days(model, record, slice(seam, length))


def _of_days(model, record: Tensor, days: slice) -> Tensor:
    """These days of a record (F, T, N) as the column sees them."""
    seen = around(model.correction, days, record.shape[1])
    weather = model.weather(record[:, seen])
    return weather[:, days.start - seen.start : days.stop - seen.start].contiguous()


def looked_back_on(
    model, before: Tensor | None, forcing: Tensor, earlier: Tensor | None
) -> Tensor | None:
    """The last days (F, B, N) that a run which goes on from here looks back on, if any."""
    if model.correction is None or model.correction.back == 0:
        return None
    record, back = _joined(earlier, before, forcing).detach(), model.correction.back
    return record if back is None else record[:, -back:].clone()


def _joined(*parts: Tensor | None) -> Tensor:
    """Days (F, T, N) of one record, one part after another."""
    there = [part for part in parts if part is not None]
    unlike = [p for p in there if (len(p), p.shape[2]) != (len(there[-1]), there[-1].shape[2])]
    if unlike:
        raise ValueError(
            f"the days before are {tuple(unlike[0].shape)} and the forcing "
            f"{tuple(there[-1].shape)}: give both as (series, days, cells), of the same cells"
        )
    return there[0] if len(there) == 1 else torch.cat(there, dim=1)


def _series(name: str) -> Field:
    """A daily series of weather that a correction reads."""
    if name not in SERIES:
        raise ValueError(f"no weather is called '{name}'; there is {', '.join(SERIES)}")
    return Field(name, SERIES[name].unit, SERIES[name].long_name)
