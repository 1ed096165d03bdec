"""Methods of potential evapotranspiration side by side, averaged over regions and as maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gridhydro.analysis.budget import YEAR
from gridhydro.analysis.regions import Regions
from gridhydro.base import calendar, refuse
from gridhydro.base.periods import days as days_of
from gridhydro.base.progress import progress_bar
from gridhydro.base.units import to_unit
from gridhydro.domain.domain import Domain
from gridhydro.inputs.pet import pet_of
from gridhydro.model.march import March
from gridhydro.model.run import Run

Of = Callable[[pd.DatetimeIndex], xr.DataArray]
PET = "potential_evapotranspiration"
METHODS = ("penman_monteith", "priestley_taylor", "hargreaves", "oudin")


def compare_pet(
    weather: xr.Dataset,
    domain: Domain,
    gauges: Sequence[str] | None = None,
    *,
    period: tuple[str, str] | None = None,
    methods: Sequence[str] | None = None,
    others: Mapping[str, xr.DataArray | Of] | None = None,
    progress: bool = True,
    **options,
) -> xr.Dataset:
    """Potential evapotranspiration by several methods over the land upstream of gauges.

    weather  variables by the names of the schema, on the domain's grid or (time, gauge), as for
             `pet_of`
    gauges   names; all of the domain if left out
    period   of the weather, whole years best; all of it if left out
    methods  of `pet_of`; those that the weather is enough for if left out
    others   further ones by name, arrays like the weather's with units, or functions that give
             them of the days (T,) asked for, as `given_to_column` does: such as one that a network
             has corrected. Days that they lack are an error
    options  `wind_height` and `albedo` of `pet_of`

    By estimate (a method, or one of the others): monthly (estimate, time, gauge) and climatology
    (estimate, month, gauge) mm d-1; annual (estimate, gauge) and map (estimate, y, x) mm yr-1, for
    lumped basins (estimate, gauge). Computed year by year. The attribute left_out says which
    methods lack what.
    """
    weather = weather.assign_coords(time=calendar.daily(weather["time"], "the weather", weather))
    if period is not None:
        weather = weather.sel(time=slice(*days_of(period)))
    if not weather.sizes.get("time"):
        raise ValueError(f"the weather has no day in {period or 'it'}")
    sources, left_out = _sources(weather, methods, others or {}, options)
    regions = Regions.of(domain, gauges)
    weights = regions.tiles(domain).matrix
    times = pd.DatetimeIndex(weather["time"].to_index())
    months = times.to_period("M").unique()
    sums = np.zeros((len(sources), len(months), len(regions.names)))
    cells = np.zeros((len(sources), domain.size))
    days = np.zeros(len(months))
    years = times[-1].year - times[0].year + 1
    bar = progress_bar(total=years, desc="PET", unit="year", shown=progress)
    for span in _years(times):
        label = months.get_indexer(times[span].to_period("M"))
        np.add.at(days, label, 1)
        for row, source in enumerate(sources.values()):
            depth = domain.pack(source(span)).astype(np.float64)
            _refuse_missing(depth, list(sources)[row], times[span], domain)
            np.add.at(sums[row], label, (weights @ depth.T).T)
            cells[row] += depth.sum(0)
        bar.update()
    bar.close()
    return _result(domain, regions, list(sources), months, sums, cells, days, left_out)


def _sources(weather: xr.Dataset, methods, others, options):
    """Name -> function of a slice of days giving an array, and what the methods left out lack."""
    found, left_out = {}, []
    day = weather.isel(time=slice(0, 1))
    for method in METHODS if methods is None else methods:
        try:
            pet_of(day, method, **options)
        except ValueError as error:
            if methods is not None or method not in METHODS:
                raise
            left_out.append(str(error).split(";")[0])
            continue
        found[method] = lambda span, m=method: pet_of(weather.isel(time=span), m, **options)
    times = pd.DatetimeIndex(weather["time"].to_index())
    for name, other in others.items():
        if isinstance(other, xr.DataArray):
            other = _reindexed(to_unit(other, "mm d-1"))
        found[name] = lambda span, of=other: of(times[span])
    if not found:
        raise ValueError(f"the weather is not enough for any method: {'; '.join(left_out)}")
    return found, left_out


def _reindexed(array: xr.DataArray) -> Of:
    array = array.assign_coords(time=calendar.days(array["time"], f"'{array.name}'"))
    return lambda times: array.reindex(time=times)


def given_to_column(run: Run, forcing=None) -> Of:
    """Potential evapotranspiration that the column of a run is given, with the correction of a
    network if it has one; for the `others` of `compare_pet`."""
    record, model = run.record(forcing), run.model.eval()
    row = [field.name for field in model.column.forcings].index(PET)

    def of(times: pd.DatetimeIndex) -> xr.DataArray:
        first = (times[0] - record.times[0]).days
        if first < 0 or times[-1] > record.times[-1]:
            raise ValueError(
                f"the run has no weather from {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}: its "
                f"forcing goes from {record.times[0]:%Y-%m-%d} to {record.times[-1]:%Y-%m-%d}"
            )
        with torch.no_grad():
            march = March(model, record.block, len(record.times))
            weather = march.weather(slice(first, first + len(times)))
        values = weather[row].cpu().numpy()
        return model.domain.unpack(values, PET, {"units": "mm d-1"}, ("time",), {"time": times})

    return of


def _years(times: pd.DatetimeIndex) -> Iterator[slice]:
    edges = np.flatnonzero(np.diff(times.year)) + 1
    for first, end in zip([0, *edges], [*edges, len(times)], strict=True):
        yield slice(int(first), int(end))


def _refuse_missing(depth: np.ndarray, name: str, times, domain: Domain) -> None:
    place = refuse.at(times, lambda cell: f"in {domain.name_cell(cell)}")
    refuse.missing(name, depth, place, "choose a period that has all days, or fill it")


def _result(domain, regions, names, months, sums, cells, days, left_out) -> xr.Dataset:
    climatology = np.full((len(names), 12, len(regions.names)), np.nan)
    for month in range(12):
        chosen = np.asarray(months.month) == month + 1
        if chosen.any():
            climatology[:, month] = sums[:, chosen].sum(1) / days[chosen].sum()
    rate, year = {"units": "mm d-1"}, {"units": "mm yr-1"}
    long_name = {"long_name": "potential evapotranspiration"}
    at = ("estimate", "time", "gauge")
    maps = domain.unpack(
        (cells / days.sum() * YEAR).astype(np.float32), "map", year | long_name, ("estimate",)
    )
    if domain.lumped:  # of the gauges that were asked for, in their order
        maps = maps.sel(gauge=list(regions.names))
    return xr.Dataset(
        {
            "monthly": (at, sums / days[:, None], rate | long_name),
            "climatology": (("estimate", "month", "gauge"), climatology, rate | long_name),
            "annual": (("estimate", "gauge"), sums.sum(1) / days.sum() * YEAR, year | long_name),
            "map": maps,
        },
        {
            "estimate": np.array(names, object),
            "time": months.to_timestamp(),
            "month": np.arange(1, 13),
            "gauge": regions.names,
        },
        {"title": "potential evapotranspiration by method", "left_out": "; ".join(left_out)},
    )


def table(comparison: xr.Dataset) -> pd.DataFrame:
    """Rows by gauge and estimate: annual total in mm yr-1 and the twelve months in mm d-1."""
    months = pd.date_range("2001-01-01", periods=12, freq="MS").strftime("%b")
    rows = []
    for gauge in comparison["gauge"].values:
        for name in comparison["estimate"].values:
            one = comparison.sel(gauge=gauge, estimate=name)
            row = {"gauge": gauge, "estimate": name, "annual [mm yr-1]": float(one["annual"])}
            values = one["climatology"].values
            rows.append(row | {f"{m} [mm d-1]": v for m, v in zip(months, values, strict=True)})
    return pd.DataFrame(rows)
