"""Going on from a state: what it has to fit, where a run keeps one, and what it has to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gridhydro.base.exchange import as_one
from gridhydro.base.periods import ends
from gridhydro.base.steps import steps_a_day
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.base import CellModel
from gridhydro.model.digest import digest_of_model
from gridhydro.model.march import TILE, looks_everywhere
from gridhydro.model.state import State
from gridhydro.model.state_file import Origin

DAY = pd.Timedelta(days=1)
_SEVERAL = (list, tuple, set, np.ndarray, pd.Index, pd.Series)


def refuse_unfit(state: State, model: CellModel, record: Forcing) -> None:
    """ValueError unless the record goes on where the state ends, with the same model and cells."""
    origin = state.origin
    if origin is None:
        raise ValueError(
            "the state knows neither its day nor its cells: it is not one that a run kept. Take "
            "one of run.simulate(..., save_state=['2001-09-30']), or give it to the model itself, "
            "model(forcing, state)"
        )
    mend = f"save it with this run: run.simulate(..., save_state=['{origin.date}'])"
    domain = model.domain
    mine, theirs = _lonlat(domain).numpy(), origin.lonlat.numpy()
    same = origin.gauges == _names(domain) and mine.shape == theirs.shape
    if not same or not np.allclose(mine, theirs, rtol=0, atol=1e-6, equal_nan=True):
        raise ValueError(
            f"the state of {origin.date} is of {origin.lonlat.shape[1]} cells"
            f"{_first(origin.gauges)}, other ones than the {domain.size} of this run"
            f"{_first(_names(domain))}: {mend}"
        )
    if origin.model != digest_of_model(model):
        raise ValueError(
            f"the state of {origin.date} is of another model ({origin.column}) than this run's "
            f"({model.column.name}): weights, options, rivers or gauges differ: {mend}"
        )
    _refuse_other_day(origin, record)


def _refuse_other_day(origin: Origin, record: Forcing) -> None:
    wanted, first, last = pd.Timestamp(origin.date) + DAY, record.times[0], record.times[-1]
    if first > wanted:
        lacking = (first - wanted).days
        raise ValueError(
            f"between the state, which is of the end of {origin.date}, and the forcing, which "
            f"begins on {first:%Y-%m-%d}, {lacking} day{'s are' if lacking > 1 else ' is'} "
            f"lacking: begin the forcing on {wanted:%Y-%m-%d}, or save the state of "
            f"{first - DAY:%Y-%m-%d}"
        )
    if last < wanted:
        raise ValueError(
            f"the forcing ends on {last:%Y-%m-%d}, before a run could go on from the state of "
            f"{origin.date}: take a later forcing, or an earlier state"
        )
    if first < wanted:
        raise ValueError(
            f"the forcing begins on {first:%Y-%m-%d}, and the state is of the end of "
            f"{origin.date}: take the days behind it, "
            f"forcing.sel(time=slice('{wanted:%Y-%m-%d}', None))"
        )


def _first(names: Sequence[str]) -> str:
    return f" ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})" if names else ""


def _names(domain) -> tuple[str, ...]:
    return () if domain.cell_index is None else tuple(map(str, domain.cell_index))


def _lonlat(domain) -> Tensor:
    return torch.from_numpy(np.stack([np.asarray(row, float) for row in domain.lonlat]))


@dataclass(frozen=True)
class Stops:
    """The days of a record behind which a run keeps its state, and what is done with it.

    days  (K,) the first day behind each state, in order
    keep  takes the date and, in the first of the processes, the state
    """

    days: tuple[int, ...] = ()
    keep: Callable[[str, State | None], None] = lambda date, state: None

    @classmethod
    def of(cls, dates, times: pd.DatetimeIndex, keep=lambda date, state: None) -> Stops:
        """At the ends of these days, months or years; ValueError for one that is not in `times`."""
        found = set()
        for date in dates if isinstance(dates, _SEVERAL) else [dates]:
            day = ends((date, date), "date of a state")[1]
            if not len(times) or not times[0] <= day <= times[-1]:
                there = f"{times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}" if len(times) else "no day"
                raise ValueError(
                    f"there is no state of {day:%Y-%m-%d} to be saved: the forcing has {there}"
                )
            found.add(((day - times[0]).days + 1) * steps_a_day(times))
        return cls(tuple(sorted(found)), keep)

    def dates(self, times: pd.DatetimeIndex) -> list[str]:
        """Of the states, in order."""
        return [f"{times[day - 1]:%Y-%m-%d}" for day in self.days]

    def cut(self, parts: Sequence[slice], first: int) -> list[slice]:
        """These parts of the days behind the `first`, cut where a state is kept."""
        found = []
        for part in parts:
            inside = [d - first for d in self.days if part.start < d - first < part.stop]
            edges = [part.start, *inside, part.stop]
            found += [slice(a, b) for a, b in pairwise(edges)]
        return found

    def pass_by(self, walk, stop: int) -> None:
        """Take a `SharedWalk` on, without outputs, to each of the days up to this one that it has
        not come to yet, and keep its state there."""
        for day in self.days:
            if (walk.day or 0) < day <= stop:
                with as_one():
                    walk.pass_to(day)
                self.keep_at(walk)

    def keep_at(self, walk) -> None:
        """Keep the state where a walk has come to, if that is asked for."""
        if walk.day not in self.days:
            return
        date, state = walk.record.times[walk.day - 1], walk.state()
        with as_one():
            self.keep(f"{date:%Y-%m-%d}", state)


@dataclass(frozen=True)
class Needed:
    """What of the record networks have to know again to go on from a day, to the last bit.

    first  the first of the days before it whose weather they read
    phase  how many days lie between the beginning of a tile, before all of these, and the day
    """

    first: int
    phase: int

    @classmethod
    def of(cls, model: CellModel, day: int) -> Needed:
        """Of a day that is counted from the beginning of a tile."""
        correction = model.correction
        if looks_everywhere(model):
            return cls(0, day)
        if correction is None and not model.network.reads_weather:
            return cls(day, 0)
        start = day // TILE * TILE
        back = 0 if correction is None else correction.back or 0
        first = max(start - back, 0)
        return cls(first, day - first // TILE * TILE)


def origin_of(model: CellModel, date: pd.Timestamp, phase: int, at_once: int) -> Origin:
    """What a state of a model tells of itself."""
    stores = {f.name: {"units": f.unit, "long_name": f.long_name} for f in model.column.states}
    return Origin(
        f"{date:%Y-%m-%d}", digest_of_model(model), model.column.name, phase, at_once,
        tuple(f.name for f in model.forcings), stores, _names(model.domain), _lonlat(model.domain),
    )  # fmt: skip
