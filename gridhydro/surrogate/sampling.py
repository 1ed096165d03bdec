"""Running a model that is only a function, at parameter sets spread over their ranges."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.arguments import seed_of, whole
from gridhydro.base.interrupt import Interrupt
from gridhydro.base.progress import progress_bar
from gridhydro.columns.column import Field
from gridhydro.surrogate.job import Job
from gridhydro.surrogate.layout import CELL_OF_RUN, FAILURE, SAMPLING
from gridhydro.surrogate.pieces import Pieces, refuse_other, refuse_overwriting
from gridhydro.surrogate.runs import Runs

SAVE_EVERY = 20.0  # seconds
_FIRST = 5  # runs of which one has to give something


def sample(
    function: Callable[[xr.Dataset, dict], Mapping],
    parameters: Sequence[Field],
    forcing: xr.Dataset,
    *,
    outputs: Sequence[Field],
    sets: int = 200,
    seed: int = 0,
    at_once: int = 1,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Runs:
    """Run a function at parameter sets of a Latin hypercube, each at one of the cells in turn.

    function    takes the forcing of a cell, a Dataset (time), and its parameters, name -> number;
                returns name -> series (T,) of the outputs. With `at_once` = n it takes n runs in
                one call: a Dataset (time, run), name -> (n,), and returns name -> (T, n)
    parameters  as `gridhydro.fields` gives them, with bounds; both ends of each are among the sets
    forcing     Dataset (time, cell), or (time, gauge), or (time) of a single cell; every variable
                in the units that the function takes, which it has to name
    outputs     what the function returns, as `gridhydro.fields` gives it
    sets        number of parameter sets, each run once
    out         NetCDF file for the runs. Every 20 seconds those that are done are kept beside it;
                with `resume` they are not run again, and without it they are not overwritten

    A run that raises an error, or gives a number that is not finite, is kept without values and
    named in a warning. ValueError, before any run, for forcing and units that `Runs` refuses, and
    with `resume` for runs of another sampling; during the first runs if the function returns
    something else than it should, or if none of them gives anything. Latin hypercube: McKay et al.
    (1979, doi:10.1080/00401706.1979.10489755).
    """
    sets, at_once = whole("sets", sets, 2), whole("at_once", at_once, 1)
    parameters, outputs = tuple(parameters), tuple(outputs)
    weather = _weather(forcing)
    _check(weather, parameters, outputs)
    values = design(parameters, sets, seed_of(seed))
    cell = np.arange(sets) % weather.sizes["cell"]
    job = Job(function, weather, parameters, outputs, values, cell, at_once > 1)
    job.check()
    if out is not None and Path(out).exists():
        return _finished(Path(out), job.about(), resume)
    pieces = Pieces(out, job.about(), resume)
    _run(job, pieces, sets, at_once, progress)
    runs = job.gathered(*pieces.all())
    _warn(runs)
    if out is not None:
        runs.write(out)
        pieces.remove()
    return runs


def _run(job: Job, pieces: Pieces, sets: int, at_once: int, progress: bool) -> None:
    """Add the runs that are not among the pieces yet; keep them now and then, and when stopped."""
    done, saved, early = pieces.runs(), time.monotonic(), min(_FIRST, sets)
    bar = progress_bar(total=sets, done=done, desc="runs", unit="run", shown=progress)
    with bar, Interrupt() as interrupt:
        for first in range(done, sets, at_once):
            part = np.arange(first, min(first + at_once, sets))
            pieces.add(*job.run(part))
            bar.update(len(part))
            if first < early <= part[-1] + 1:
                _refuse_all_failed(pieces.failures)
                job.gathered(*pieces.all())  # numbers that cannot be in their units
            if interrupt.asked or time.monotonic() - saved > SAVE_EVERY:
                pieces.keep()
                saved = time.monotonic()
            if interrupt.asked:
                raise KeyboardInterrupt(f"after {part[-1] + 1} of {sets} runs")


def design(parameters: Sequence[Field], sets: int, seed: int) -> np.ndarray:
    """Parameter sets (P, R): a Latin hypercube, rescaled so that it reaches both bounds."""
    from scipy.stats import qmc  # takes half a second to load, and few come here

    place = qmc.LatinHypercube(len(parameters), seed=np.random.default_rng(seed)).random(sets)
    place = (place - place.min(0)) / (place.max(0) - place.min(0))
    rows = []
    for field, part in zip(parameters, place.T, strict=True):
        rows.append(np.clip(within(field, part), *field.range))
    return np.stack(rows)


def within(field: Field, fraction: np.ndarray) -> np.ndarray:
    """Values of a parameter from fractions of its range, of that of its logarithm where `log`."""
    scale, back = (np.log, np.exp) if field.log else (np.asarray, np.asarray)
    low, high = (scale(bound) for bound in field.range)
    return back(low + (high - low) * fraction)


def _weather(forcing: xr.Dataset) -> xr.Dataset:
    """The series of a Dataset as (time, cell), and nothing else."""
    if not isinstance(forcing, xr.Dataset) or "time" not in forcing.coords:
        raise ValueError("the forcing is a Dataset with the coordinate 'time' and one of cells")
    series = forcing[[name for name in forcing.data_vars if "time" in forcing[name].dims]]
    others = sorted({str(d) for v in series.data_vars.values() for d in v.dims} - {"time"})
    if len(others) > 1:
        raise ValueError(
            f"the forcing is over {', '.join(others)} beside time: make one axis of them with "
            f"Dataset.stack(cell={others}).reset_index('cell'), and leave out cells without data"
        )
    series = series.expand_dims("cell") if not others else series.rename({others[0]: "cell"})
    if "cell" not in series.indexes:
        series = series.assign_coords(cell=[str(k) for k in range(series.sizes["cell"])])
    kept = series.drop_vars([c for c in series.coords if c not in ("time", "cell")])
    days = calendar.daily(forcing["time"], "the forcing", forcing)
    kept = kept.assign_coords(time=days, cell=kept["cell"].values.astype(str))
    return kept.transpose("time", "cell").load()


def _finished(path: Path, about: dict, resume: bool) -> Runs:
    """The runs of a sampling that is done."""
    if not resume:
        refuse_overwriting(path)
    runs = Runs.read(path)
    if SAMPLING not in runs.data.attrs:
        raise ValueError(
            f"{path} does not say which sampling its runs are, as those made elsewhere or chosen "
            "among others: read it with Runs.read, or choose another file"
        )
    refuse_other(path, runs.data.attrs[SAMPLING], about)
    return runs


def _check(weather: xr.Dataset, parameters, outputs) -> None:
    names = [*map(str, weather), *(f.name for f in (*parameters, *outputs))]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"'{twice[0]}' is two things at once: rename one of them")
    if not len(weather) or not parameters or not outputs:
        raise ValueError("a model to be sampled has at least one forcing, parameter and output")
    for field in parameters:
        if field.bounds is None:
            raise ValueError(f"the parameter '{field.name}' has no range: write 'name unit [a, b]'")
        if field.log and field.bounds[0] <= 0:
            raise ValueError(f"'{field.name}' starts at {field.bounds[0]}: a log needs more than 0")
    for name, values in weather.items():
        if not str(values.attrs.get("units", "")).strip():
            raise ValueError(f"the forcing '{name}' has no units: set its attribute 'units'")


def _refuse_all_failed(failures: list[str]) -> None:
    if all(failures):
        raise ValueError(
            f"none of the first {len(failures)} runs gave anything; the first: {failures[0]}"
        )


def _warn(runs: Runs) -> None:
    failed = np.flatnonzero(runs.failed)
    if not failed.size:
        return
    lines = []
    for run in failed[:5]:
        row = runs.data.isel(run=run)
        values = ", ".join(f"{f.name} = {float(row[f.name]):.6g}" for f in runs.parameters)
        lines.append(f"run {run} at {row[CELL_OF_RUN].item()} ({values}): {row[FAILURE].item()}")
    more = f"\n  and {failed.size - 5} more" if failed.size > 5 else ""
    warnings.warn(
        f"{failed.size} of {runs.size} runs gave nothing:\n  " + "\n  ".join(lines) + more,
        stacklevel=3,
    )
