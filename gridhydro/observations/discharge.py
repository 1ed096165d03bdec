"""Observed discharge as people hold it, made one table, and the depths that a training reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.base import calendar, refuse
from gridhydro.base.quantities import OBSERVED, SERIES
from gridhydro.base.units import conversions, depth_of_flow, spelled, to_unit
from gridhydro.domain.domain import Domain
from gridhydro.evaluation.losses import undefined, varying
from gridhydro.inputs.forcing import Forcing, by_cell
from gridhydro.io import packed_file

_RIVER, _DEPTH = OBSERVED["river_discharge"], SERIES["discharge"]
_GAUGES = 256  # whose whole records are in memory at once


def discharge_table(discharge, domain: Domain | None = None) -> pd.DataFrame:
    """Discharge in m3 s-1 as a table of days by gauges, from a table or a DataArray.

    A DataArray's `units` are converted; depths (mm d-1) need the domain, whose gauges have areas.
    Raises ValueError for several values a day, for values below zero and for infinite ones,
    naming gauge and day.
    """
    if isinstance(discharge, xr.DataArray):
        if domain is not None and _is_depth(discharge):
            discharge = _volume(discharge, domain)
        if "units" in discharge.attrs:
            discharge = to_unit(discharge, _RIVER.unit)
        other = [d for d in discharge.dims if d != "time"]
        discharge = discharge.transpose("time", *other).to_pandas()
    table = pd.DataFrame(discharge).copy()
    days = calendar.of_table(table.index, "discharge").floor("D")
    table.index = calendar.once(days, "discharge")
    table.columns = [str(c) for c in table.columns]
    values = table.to_numpy(float)
    place = refuse.at(days, lambda gauge: f"at gauge {table.columns[gauge]}")
    mend = "set codes for missing values to NaN"
    refuse.codes("discharge", values, place, _RIVER, mend)
    refuse.outside("discharge", values, place, _RIVER, mend)
    return table


def observations(discharge, times, model, names: list[str], device, cache, progress=True):
    """Observations in mm d-1 of all gauges and days, (1, T, G) as a `Forcing`, for its windows.

    ValueError where the gauges called `names` have none.
    """
    if model.column.runoff is None:
        raise ValueError(
            f"'{model.column.name}' gives no runoff, so there is no discharge to be compared"
        )
    known, to_depth = list(model.domain.gauges.index), per_area(model).cpu().float()
    if isinstance(discharge, xr.DataArray) and "time" in discharge.coords:
        days = calendar.dates(discharge["time"], "discharge").floor("D")
        discharge = discharge.assign_coords(time=days)
        if not discharge.indexes["time"].is_monotonic_increasing:
            discharge = discharge.sortby("time")

    def rows(piece: slice) -> np.ndarray:
        part = discharge
        if isinstance(discharge, xr.DataArray):
            part = discharge.sel(time=slice(times[piece.start], times[piece.stop - 1]))
        table = discharge_table(part, model.domain)
        missing = [g for g in names if g not in table]
        if missing:
            raise ValueError(
                f"there is no discharge of the gauges {', '.join(missing)}; it has "
                f"{', '.join(table.columns)}: name them alike, or hold them out with a Split"
            )
        # one memory layout whatever the table's: sums, and with them every bit, depend on it
        table = table.reindex(index=times[piece], columns=known)
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
        parts = places.to(values.device).split(_GAUGES)
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
    parts = observed.values[0, days].split(_GAUGES, dim=1)  # a few at a time: they may be on disk
    return torch.cat([_variance(part.contiguous()) for part in parts])


def without_score(loss: str, observed: Forcing, days: slice) -> torch.Tensor:
    """Which gauges (G,) the loss of this name leaves out, though observed in these days."""
    parts = observed.values[0, days].split(_GAUGES, dim=1)
    return torch.cat([undefined(loss, part.contiguous()) for part in parts])


def _variance(values: torch.Tensor) -> torch.Tensor:
    spread = ((values - values.nanmean(0)) ** 2).nanmean(0)
    return torch.where(varying(values, ~values.isnan()), spread, 0.0)


def _volume(depth: xr.DataArray, domain: Domain) -> xr.DataArray:
    """Specific discharge in mm d-1 as m3 s-1, by the area upstream of each gauge."""
    (other,) = [d for d in depth.dims if d != "time"]
    names = [str(n) for n in depth[other].values]
    known = [n in domain.gauges.index for n in names]
    area = domain.gauges["network_area_km2"].reindex(names).to_numpy()[known]
    depth = to_unit(depth, _DEPTH.unit).isel({other: known}).astype(np.float64)
    volume = depth / xr.DataArray(depth_of_flow(area), dims=[other])
    return volume.assign_attrs(units=_RIVER.unit)


def _is_depth(discharge: xr.DataArray) -> bool:
    """Whether the unit is one of depths in a time, not of volumes."""
    return spelled(str(discharge.attrs.get("units"))) in conversions(_DEPTH.unit)
