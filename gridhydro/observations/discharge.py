"""Observed discharge as people hold it, made one table, and the depths that a training reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.base import calendar, refuse, steps
from gridhydro.base.axes import gauge_axis
from gridhydro.base.missing import declared, equal, named, refuse_packed
from gridhydro.base.quantities import OBSERVED, SERIES
from gridhydro.base.units import conversion, depth_of_flow, fits, spelled
from gridhydro.domain.domain import Domain
from gridhydro.evaluation.losses import undefined, varying
from gridhydro.inputs.forcing import Forcing, by_cell
from gridhydro.io import packed_file
from gridhydro.observations.target_values import warn_apart

_RIVER, _DEPTH = OBSERVED["river_discharge"], SERIES["discharge"]
_MEND = "is it a code for missing values, or are the units not those that are stated (units=)?"
_GAUGES = 256  # whose whole records are in memory at once


def discharge_table(
    discharge, domain: Domain | None = None, units: str | None = None, missing=None,
    steps_a_day: int = 1,
) -> pd.DataFrame:  # fmt: skip
    """Discharge in m3 s-1 as a table of days by gauges, from a table or a DataArray.

    discharge  DataFrame of days by gauges, or DataArray over time and gauges in any order; its
               unit is that of its attributes (`attrs["units"]`), m3 s-1 where they say nothing
    domain     needed for depths (mm d-1, l s-1 km-2), over the area upstream of its gauges
    units      the unit, where the attributes do not say, or say it wrongly: ft3 s-1, ML d-1, ...
    missing    numbers that stand for missing values; those that look like one are refused
    steps_a_day  of what it is compared with: of several a day, it may be by the day or by the step
    Raises ValueError for several values a day and axes other than these two, naming gauge and day
    for text, codes for missing values, and values below zero or beyond any river.
    """
    table, given = _days_by_gauges(discharge, domain, steps_a_day)
    days, given = table.index, str(units) if units else given
    place = refuse.at(days, lambda gauge: f"at gauge {table.columns[gauge]}")
    values = refuse.numbers("discharge", table.to_numpy(), place)
    told = declared(discharge) if missing is None else named(missing)
    if told is not None:
        values = np.where(equal(values, told), np.nan, values)
    mend = "set codes for missing values to NaN, or name them with missing="
    own = replace(_RIVER, unit=given or _RIVER.unit)
    refuse.codes("discharge", values, place, own, mend, declared=told is not None)
    table = pd.DataFrame(values, days, table.columns)
    if given is not None and spelled(given) != _RIVER.unit:
        table = table * _factor(given, table, domain)
    refuse.outside("discharge", table.to_numpy(), place, _RIVER, _MEND)
    warn_apart("discharge", days[np.isfinite(values).any(axis=1)], stacklevel=3)
    return table


def _days_by_gauges(
    discharge, domain: Domain | None, steps_a_day: int
) -> tuple[pd.DataFrame, str | None]:
    """The table as it is given, with its days and names; and its unit, where it states one."""
    if isinstance(discharge, xr.DataArray):
        other = [d for d in discharge.dims if d != "time"]
        long = [d for d in other if discharge.sizes[d] != 1]
        axis = gauge_axis(discharge, () if domain is None else domain.gauges.index)
        if "time" not in discharge.dims or axis is None or set(long) - {axis}:
            over = ", ".join(f"{dim} ({size})" for dim, size in discharge.sizes.items())
            raise ValueError(
                f"discharge is over {over or 'no axis'}: it is over time and one axis of gauges: "
                "choose one value of any other with .isel()"
            )
        array = discharge.squeeze([d for d in other if d != axis], drop=True)
        table = _by_day(array, steps_a_day).transpose("time", axis).to_pandas()
    else:
        table = discharge.to_frame() if isinstance(discharge, pd.Series) else discharge
        if not isinstance(table, pd.DataFrame):
            raise ValueError(
                f"discharge is a {type(discharge).__name__}: give a table of days by gauges, or a "
                "DataArray over time and gauge"
            )
    refuse_packed(discharge)
    attrs = discharge.attrs
    table = pd.DataFrame(table).copy()
    if by_step(table, steps_a_day):
        dated = calendar.of_table(table.index, "discharge")
        days = steps.of_each(dated, "discharge", steps_a_day)
        _refuse_coarser(days, steps_a_day)
    else:
        days = calendar.days_of_table(table.index, "discharge")
    table.index = days
    if not days.is_monotonic_increasing:
        table = table.sort_index()
    table.columns = [str(c) for c in table.columns]
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise ValueError(f"discharge has the gauge {twice[0]} twice: name each once")
    return table, str(attrs.get("units") or "").strip() or None


def _refuse_coarser(beginnings: pd.DatetimeIndex, steps_a_day: int) -> None:
    """ValueError for values of several steps each, which are no values of the first of them."""
    apart = pd.Series(beginnings.sort_values()).diff().mode()
    step = pd.Timedelta(1, "D") / steps_a_day
    if len(apart) and apart[0] > step:
        raise ValueError(
            f"discharge is every {apart[0]}, the model's step is {step}: a mean of several steps "
            "is not compared with one of them; give means of days, or take a model of that step"
        )


def by_step(discharge, steps_a_day: int) -> bool:
    """Whether discharge is by parts of days, where what it is compared with has so many a day."""
    if steps_a_day == 1:
        return False
    array = isinstance(discharge, xr.DataArray)
    axis = discharge["time"] if array and "time" in discharge.dims else None
    axis = getattr(discharge, "index", None) if not array else axis
    return axis is not None and steps.several_a_day(axis, "discharge")


def compared(
    discharge, simulated: pd.DataFrame, domain: Domain
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Observed discharge as a table of all that is known of it, and the simulated one on the same
    steps: as it is, or means of days where it has several a day and the observations have not."""
    count = steps.steps_a_day(pd.DatetimeIndex(simulated.index))
    observed = discharge_table(discharge, domain, steps_a_day=count)
    if count > 1 and not by_step(discharge, count):
        days = pd.DatetimeIndex(simulated.index[::count], name=simulated.index.name)
        means = steps.day_means(simulated.to_numpy(), count)
        simulated = pd.DataFrame(means, days, simulated.columns)
    return observed, simulated


def _by_day(discharge: xr.DataArray, steps_a_day: int = 1) -> xr.DataArray:
    """With the days or steps that the stamps are of; ValueError without an axis of them."""
    if "time" not in discharge.dims:
        raise ValueError(
            f"discharge is over {', '.join(map(str, discharge.dims))}: it needs the dimension "
            "'time'; rename the one that holds the days"
        )
    if by_step(discharge, steps_a_day):
        of_each = steps.of_each(discharge["time"], "discharge", steps_a_day)
        return discharge.assign_coords(time=of_each)
    return discharge.assign_coords(time=calendar.days(discharge["time"], "discharge"))


def _factor(units: str, table: pd.DataFrame, domain: Domain | None):
    """What makes m3 s-1 of a unit: a number, or of depths one for each gauge of the table."""
    if not fits(units, _DEPTH.unit) or fits(units, _RIVER.unit):
        return conversion("discharge", units, _RIVER.unit)[0]
    if domain is None:
        raise ValueError(
            f"discharge is in '{units}', a depth over the basin, whose area is not known here: "
            f"give the domain, or bring it to {_RIVER.unit}"
        )
    area = domain.gauges["network_area_km2"].reindex(table.columns)
    depth = conversion("discharge", units, _DEPTH.unit)[0]
    return pd.Series(depth / depth_of_flow(area.to_numpy()), table.columns)


def observations(discharge, times, model, names: list[str], device, cache, progress=True):
    """Observations in mm d-1 of all gauges and days, (1, T, G) as a `Forcing`, for its windows.

    Where the times are parts of days and the discharge is not, that of a day stands at all of them.
    ValueError where the gauges called `names` have none.
    """
    if model.column.runoff is None:
        raise ValueError(
            f"'{model.column.name}' gives no runoff, so there is no discharge to be compared"
        )
    known, to_depth = list(model.domain.gauges.index), per_area(model).cpu().float()
    count = steps.steps_a_day(times)
    apart = by_step(discharge, count)
    if isinstance(discharge, xr.DataArray):
        discharge = _by_day(discharge, count)
        if not discharge.indexes["time"].is_monotonic_increasing:
            discharge = discharge.sortby("time")

    def rows(piece: slice) -> np.ndarray:
        part, here = discharge, times[piece]
        here = here if apart or count == 1 else here.floor("D")
        if isinstance(discharge, xr.DataArray):
            part = discharge.sel(time=slice(here[0], here[-1]))
        table = discharge_table(part, model.domain, steps_a_day=count if apart else 1)
        missing = [g for g in names if g not in table]
        if missing:
            raise ValueError(
                f"there is no discharge of the gauges {', '.join(missing)}; it has "
                f"{', '.join(table.columns)}: name them alike, or hold them out with a Split"
            )
        # one memory layout whatever the table's: sums, and with them every bit, depend on it
        table = table.reindex(index=here, columns=known)
        values = torch.as_tensor(np.array(table, dtype=np.float64, order="C"))
        return (values.to(torch.float32)[None] * to_depth).numpy()

    shape = (1, len(times), len(known))
    if cache is None:
        values = by_cell(torch.from_numpy(rows(slice(0, len(times)))).to(device))
    else:
        values = packed_file.packed(cache, shape, rows, progress=progress)
    return Forcing(times, values, cache is not None)


def refuse_empty(
    series: Sequence[Forcing], days: slice, places: torch.Tensor, names: list[str]
) -> None:
    """ValueError naming the gauges, at these places, of which no series (1, T, G) has an
    observation in these days."""
    times, empty = series[0].times[days], torch.ones(len(places), dtype=torch.bool)
    for one in series:
        values = one.values[0, days]
        parts = _few(values, places.to(values.device).split(_GAUGES))
        empty &= torch.cat([values[:, part].isnan().all(0) for part in parts]).cpu()
    if empty.any():
        without = [name for name, is_empty in zip(names, empty.tolist(), strict=True) if is_empty]
        raise ValueError(
            f"the gauges {', '.join(without)} have no observation from {times[0]:%Y-%m-%d} to "
            f"{times[-1]:%Y-%m-%d}: hold them out or choose another period"
        )


def per_area(model) -> torch.Tensor:
    """m3 s-1 -> mm d-1 over the area upstream of each gauge, (G,)."""
    depth = depth_of_flow(model.domain.gauges["network_area_km2"].to_numpy())
    return torch.as_tensor(depth).to(model.area)


def variance(observed: Forcing, days: slice) -> torch.Tensor:
    """Variance (G,) of each gauge over these days, of its observations there; 0 where they differ
    by no more than rounding."""
    parts = _few(observed.values, observed.values[0, days].split(_GAUGES, dim=1))
    return torch.cat([spread(part.contiguous()) for part in parts])


def without_score(loss: str, observed: Forcing, days: slice) -> torch.Tensor:
    """Which gauges (G,) the loss of this name leaves out, though observed in these days."""
    parts = _few(observed.values, observed.values[0, days].split(_GAUGES, dim=1))
    return torch.cat([undefined(loss, part.contiguous()) for part in parts])


def _few(values: torch.Tensor, parts: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Parts that are looked at one by one, of values that may be on disk."""
    for part in parts:
        yield part
        packed_file.let_go(values)


def spread(values: torch.Tensor) -> torch.Tensor:
    """Variance (G,) of values (T, G) with gaps; 0 where they differ by no more than rounding."""
    found = ((values - values.nanmean(0)) ** 2).nanmean(0)
    return torch.where(varying(values, ~values.isnan()), found, 0.0)
