"""A forecast: a run taken on from its state through weather to come, of one member or of many."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import required
from gridhydro.base.progress import say
from gridhydro.config.new_forcing import Finished, members, open_forcing
from gridhydro.inputs.forcing import steps_of
from gridhydro.io import export
from gridhydro.model.continued import DAY
from gridhydro.model.state import State

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Found:
    """The files of a forecast."""

    series: Path
    states: list[Path]


def forecast(
    finished: Finished,
    states: Sequence[Path],
    forcing: str | Path,
    out: Path,
    outputs: Sequence[str] = (),
    save_state: Sequence[str] | None = None,
) -> Found:
    """Write series from the day behind the state on to `out` (.nc or .zarr), and the state at the
    end beside it.

    states      files: one, or one for each member
    forcing     weather, by the day; with the dimension `member` of an ensemble, of which there are
                quantiles, too
    outputs     fluxes and states of the cells beside discharge
    save_state  days whose state is kept, beside `out`; the last one if left out
    ValueError for what does not fit together.
    """
    if out.suffix not in (".nc", ".zarr"):
        raise ValueError(f"{out}: a forecast is written to a file .nc or a store .zarr")
    each = members(open_forcing(forcing))
    names = [name for name, _ in each]
    begun = [State.from_file(path) for path in states]
    if len(begun) not in (1, len(names)):
        raise ValueError(
            f"{len(begun)} states are given for {len(names)} members of {forcing}: give one for "
            "all, or one for each"
        )
    begun = begun * len(names) if len(begun) == 1 else begun
    first = _first(begun, states)
    _tell_left_out(forcing, steps_of(each[0][1], finished.run.model.steps_a_day), first)
    finished.tell_corners(each[0][1], forcing)
    parts, written = [], []
    for (name, weather), state in zip(each, begun, strict=True):
        record = finished.forcing(weather, forcing, first)
        dates = [record.times[-1]] if save_state is None else save_state
        series, kept = finished.run.simulate(record, outputs, state=state, save_state=dates)
        for date, one in kept.items():
            end = "" if name is None else f"-member-{re.sub(r'[^-.0-9A-Za-z]', '_', name)}"
            written.append(out.with_name(f"{out.stem}-state-{date}{end}.nc"))
            one.to_file(written[-1])
        parts.append(series)
    export.write_dataset(out, _joined(parts, names), "forecast")
    return Found(out, written)


def _first(begun: Sequence[State], files: Sequence[Path]) -> str | None:
    """The day that all states go on with."""
    days = {None if s.origin is None else s.origin.date for s in begun}
    if len(days) > 1:
        told = ", ".join(f"{path}: {required('origin', s.origin).date}"
                         for path, s in zip(files, begun, strict=True))  # fmt: skip
        raise ValueError(f"the states are of several days ({told}): take those of one")
    (day,) = days
    return None if day is None else f"{pd.Timestamp(day) + DAY:%Y-%m-%d}"


def _tell_left_out(forcing, times: pd.DatetimeIndex, first: str | None) -> None:
    if first is not None and times[0] < pd.Timestamp(first) <= times[-1]:
        say(
            f"{forcing} begins on {times[0]:%Y-%m-%d}: its days before {first}, which the state "
            "goes on with, are left out"
        )


def _joined(parts: list[xr.Dataset], names: Sequence[str | None]) -> xr.Dataset:
    """One series, or those of all members with quantiles of their discharge."""
    if names[0] is None:
        return parts[0]
    found = xr.concat(
        parts, "member", data_vars=[str(n) for n, v in parts[0].items() if "time" in v.dims],
        coords="minimal", compat="override", join="exact",
    )  # fmt: skip
    found = found.assign_coords(member=("member", np.array(names, object)))
    levels = found["discharge"].quantile(list(QUANTILES), "member").astype(np.float32)
    found["discharge_quantiles"] = levels.assign_attrs(found["discharge"].attrs)
    found["quantile"].attrs["long_name"] = "level of the quantiles over the members"
    return found
