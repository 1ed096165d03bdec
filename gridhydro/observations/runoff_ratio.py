"""Observed runoff against the precipitation of its basin: discharge in another unit shows here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from gridhydro.base.report import Report
from gridhydro.base.units import conversion
from gridhydro.columns.column import Field
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.io.packed_file import let_go

# runoff over precipitation: beyond the first two it deserves a look, and no basin has the third,
# not even one that a spring or a canal feeds
LOW, HIGH, IMPOSSIBLE = 0.02, 2.0, 50.0
# as much again in records so short that water from earlier years counts; shorter ones say nothing
_SHORTEST, _SHORT, _SLACK = 90, 300, 5.0  # days
_RAIN = 0.1  # mm d-1, in deserts a ratio says little
_USUAL = (0.1, 1.0)  # what makes another unit likely
_UNITS = ("ft3 s-1", "l s-1", "m3 d-1", "ML d-1", "km3 yr-1", "mm d-1")
_VALUES = 10**8  # that are read of precipitation: days are left out of longer records
_HELD = 2**20  # of which are in memory at once, of basins more: theirs are not added up


def report(
    observed: Forcing,
    forcing: Forcing,
    fields: Sequence[Field],
    water_in: Sequence[str],
    domain: Domain,
    days: slice,
) -> Report:
    """Gauges whose mean runoff is far beyond or below the precipitation of their basins.

    observed  (1, T, G) mm d-1 over the area upstream, of all gauges of the domain
    forcing   (F, T, N) on the same days; fields: what its series are
    water_in  names of those that bring water
    days      that are compared, those with an observation of each gauge
    """
    rows = [i for i, f in enumerate(fields) if f.name in water_in and f.unit == "mm d-1"]
    if not rows or days.stop <= days.start:
        return Report()
    wanted = max(1, min(days.stop - days.start, _VALUES // max(1, domain.size)))
    chosen = np.unique(np.linspace(days.start, days.stop - 1, wanted).round().astype(int))
    count, flow, rain = np.zeros((3, len(domain.gauges)))
    for part, some in _parts(chosen, observed, forcing, domain):
        ran = _read(observed, 0, part, some)
        there = np.isfinite(ran)
        depth = _read(forcing, rows[0], part, some)
        for row in rows[1:]:
            depth += _read(forcing, row, part, some)
        fell = depth if some != slice(None) else _upstream(domain, depth)
        count[some] += there.sum(0)
        flow[some] += ran.sum(0, where=there)
        rain[some] += fell.sum(0, where=there)
        for one in (observed, forcing):
            let_go(one.values)
    with np.errstate(invalid="ignore", divide="ignore"):
        runoff, precipitation = flow / count, rain / count
        ratio = runoff / precipitation
    length = count * (days.stop - days.start) / len(chosen) / forcing.steps_a_day
    slack = np.where(length < _SHORT, _SLACK, 1.0)
    known = (length >= _SHORTEST) & ~np.isnan(ratio)  # runoff without any rain among them
    impossible = known & (ratio > IMPOSSIBLE * slack) & (precipitation > _RAIN)
    found, names = Report(), list(domain.gauges.index)
    area = domain.gauges["network_area_km2"].to_numpy(float)
    for wrong, said in (
        (impossible, found.errors),
        (known & ~impossible & (ratio > HIGH * slack), found.warnings),
        (known & (ratio < LOW / slack) & (precipitation > _RAIN), found.warnings),
    ):
        places = np.flatnonzero(wrong)
        if places.size:
            place = int(places[0])
            values = float(runoff[place]), float(precipitation[place]), float(area[place])
            said.append(_sentence(names[place], *values, places.size, int(known.sum())))
    return found


def refuse(observed: Forcing, forcing: Forcing, model, days: slice) -> None:
    """As `report`, for the column and the domain of a model: ValueError for what is impossible, and
    a warning for what deserves a look."""
    column, fields = model.column, model.forcings
    found = report(observed, forcing, fields, column.water_in, model.domain, days)
    for text in found.raise_if_bad().warnings:
        warnings.warn(text, stacklevel=2)


def _parts(
    chosen: np.ndarray, observed: Forcing, forcing: Forcing, domain: Domain
) -> Iterator[tuple[np.ndarray, slice]]:
    """Days and gauges that are compared at once: of lumped basins, whose days lie together in a
    packed copy, some gauges on all days, else all gauges on some days."""
    tensors = all(isinstance(one.values, Tensor) for one in (observed, forcing))
    count = len(domain.gauges)
    if domain.lumped and tensors and np.array_equal(domain.gauge_cells, np.arange(count)):
        step = max(1, _HELD // len(chosen))
        yield from ((chosen, slice(g, min(g + step, count))) for g in range(0, count, step))
        return
    step = max(1, _HELD * (8 if domain.lumped else 1) // max(1, domain.size))
    yield from ((chosen[k : k + step], slice(None)) for k in range(0, len(chosen), step))


def _read(series: Forcing, row: int, days: np.ndarray, places: slice) -> np.ndarray:
    """Values (L, B) of a series on some days, in double precision."""
    values = series.values
    found = values[row, days] if places == slice(None) else values[row][:, places][days]
    return found.cpu().numpy().astype(np.float64)


def _upstream(domain: Domain, depth: np.ndarray) -> np.ndarray:
    """Mean depth (T, G) over all that drains to each gauge, of depths (T, N) of the cells."""
    if domain.lumped:
        return depth[:, domain.gauge_cells]
    volume = domain.network.accumulate(depth * domain.area)[:, domain.gauge_cells]
    return volume / domain.network.accumulate(domain.area)[domain.gauge_cells]


def _sentence(name: str, runoff: float, rain: float, area: float, wrong: int, of: int) -> str:
    ratio = runoff / rain if rain else np.inf
    likely = []
    for unit in _UNITS:
        factor = area / 86.4 if unit == "mm d-1" else conversion("discharge", unit, "m3 s-1")[0]
        if _USUAL[0] <= ratio * factor <= _USUAL[1]:
            likely.append(f"in {unit} it would be {ratio * factor:.0%}")
    units = f" ({', '.join(likely)})" if likely else ""
    return (
        f"the discharge observed at gauge {name} is {ratio:.3g} times the precipitation of its "
        f"basin, {runoff:.3g} of {rain:.3g} mm d-1 on the same days ({wrong} such gauges of {of}): "
        f"state its unit, if it is not m3 s-1{units}, or see whether the gauge is on its river "
        "and the precipitation in its unit"
    )
