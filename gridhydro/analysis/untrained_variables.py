"""Variables that nobody trained on, against references: evapotranspiration, storage, baseflow.

A simulation has a value for every day, a reference one for a day, eight days, a month or some
interval of its own: the simulation is averaged over the days of each interval, never the reference
spread over days. Gauges are matched by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar, periods
from gridhydro.base.calendar import DAY
from gridhydro.base.intervals import checked, interval_means, intervals, lengths
from gridhydro.base.units import to_unit
from gridhydro.evaluation import metrics
from gridhydro.io.lazy import opened

COLUMNS = (
    "gauge", "simulated_mean", "reference_mean", "correlation", "rmse", "bias",
    "cv_residuals", "intervals", "outside",
)  # fmt: skip


def compare(
    simulated: xr.DataArray | pd.DataFrame,
    reference: xr.DataArray | pd.DataFrame,
    frequency: str | None = None,
    *,
    stamp: str = "start",
    bounds: np.ndarray | None = None,
    total: bool = False,
    baseline: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """Errors of daily simulated series, a row per gauge of the reference that is simulated.

    simulated  (time, gauges) with every day once
    reference  (time, gauges); NaN where there is none. Where both are DataArrays with units it is
               converted to the unit of the simulation, else it has to be in it
    frequency  its intervals: "month", "8D" or another number of days, see `base.intervals`
    stamp      where in its interval the time of a reference lies: start, middle or end
    bounds     its intervals one by one: (K, 2), first moment of each and the first after it. With
               neither, the coordinates time_start and time_end of the reference
    total      the reference holds sums over the intervals: divided by their days
    baseline   two days: both lose their mean over the intervals between them that both have, as
               storage anomalies do

    Columns: gauge, simulated_mean, reference_mean, rmse, bias (simulated minus reference; unit
    of the simulation), correlation, cv_residuals (standard deviation of the residuals over the mean
    of the reference, Feng et al. 2024; NaN for anomalies), intervals compared, and outside: those
    that reach beyond the simulated days and count nowhere. A NaN simulated on a day of an interval
    makes the scores NaN. ValueError where nothing can be compared.
    """
    if bounds is None and frequency is None:
        bounds = _own_bounds(reference)
    unit = simulated.attrs.get("units") if isinstance(simulated, xr.DataArray) else None
    if unit and isinstance(reference, xr.DataArray) and reference.attrs.get("units"):
        reference = to_unit(reference, unit)
    days, given = _frame(simulated, "simulated"), _frame(reference, "reference")
    if bounds is None:
        bounds = intervals(given.index, frequency, stamp)
    bounds = checked(bounds, len(given))
    gauges = [gauge for gauge in given.columns if gauge in days.columns]
    if not gauges:
        raise ValueError(
            f"no gauge of the reference ({given.columns[0]}, ...) is simulated "
            f"({days.columns[0]}, ...)"
        )
    wanted = given[gauges].to_numpy(float)
    if total:
        wanted = wanted / lengths(bounds)[:, None]
    inside, means = interval_means(days[gauges], bounds)
    outside = (~np.isnan(wanted[~inside])).sum(0)
    wanted, bounds = wanted[inside], bounds[inside]
    if baseline is not None:
        wanted, means = _anomalies(wanted, means, bounds, baseline)
    rows = []
    for gauge, s, r, beyond in zip(gauges, means.T, wanted.T, outside, strict=True):
        s, r = s[~np.isnan(r)], r[~np.isnan(r)]
        rows.append((gauge, *_errors(s, r, baseline is None), r.size, int(beyond)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def spatial(simulated: Mapping | pd.Series, reference: Mapping | pd.Series) -> dict[str, float]:
    """Agreement over gauges of one value each (a baseflow index, a mean), both by gauge id.

    correlation, rmse and bias over the gauges where both have a value, and two numbers:
    count, of gauges compared, and undefined, the gauges of both that lack a value in one of them.
    """
    series = [
        pd.Series({str(k): v for k, v in values.items()}, dtype=float)
        for values in (simulated, reference)
    ]
    both = pd.concat(series, axis=1, join="inner", keys=["simulated", "reference"])
    if both.empty:
        ids = " and ".join(str(next(iter(s.index), "none")) for s in series)
        raise ValueError(f"no gauge is in both; their ids read like {ids}")
    known = both.dropna()
    s, r = known["simulated"].to_numpy(), known["reference"].to_numpy()
    return {
        "correlation": metrics.correlation(s, r),
        "rmse": metrics.rmse(s, r),
        "bias": metrics.bias(s, r),
        "count": len(known),
        "undefined": len(both) - len(known),
    }


def read_storage(path: str | Path, variable: str = "twsa") -> xr.DataArray:
    """A storage or its anomaly (time, gauge) in mm of water, from a NetCDF file.

    The unit is that of the file: mm, cm, m or kg m-2. time_start and time_end of the file become
    coordinates. ValueError naming the file where the variable is not there or not by gauge.
    """
    path = Path(path)
    with opened(path) as dataset:
        if variable not in dataset:
            raise ValueError(
                f"{path} has no '{variable}'; it has {', '.join(map(str, dataset.data_vars))}"
            )
        array = dataset[variable].load()
        own = {
            name: ("time", dataset[name].values)
            for name in ("time_start", "time_end")
            if name in dataset
        }
    other = [dim for dim in array.dims if dim != "time"]
    if "time" not in array.dims or len(other) != 1:
        raise ValueError(
            f"{path}: '{variable}' is over {', '.join(map(str, array.dims))}, not over time and "
            "one dimension of gauges"
        )
    array = array.transpose("time", *other).rename({other[0]: "gauge"}).assign_coords(own)
    return to_unit(array.rename(f"{variable} of {path}"), "mm").rename(variable)


def _frame(values, what: str) -> pd.DataFrame:
    """Times by gauges, ids as text."""
    if isinstance(values, xr.DataArray):
        other = [dim for dim in values.dims if dim != "time"]
        if "time" not in values.dims or len(other) != 1:
            raise ValueError(f"{what} is over {values.dims}, not over time and gauges")
        values = values.transpose("time", *other).to_pandas()
    values = values.rename(columns=str)
    for index, name in ((values.index, "time"), (values.columns, "gauge")):
        if index.has_duplicates:
            raise ValueError(f"{what} has the {name} {index[index.duplicated()][0]} twice")
    if values.empty:
        raise ValueError(f"{what} has no times: its index should be dates, its columns gauges")
    return values.set_axis(calendar.of_table(values.index, what))


def _own_bounds(reference) -> np.ndarray | None:
    names = ("time_start", "time_end")
    if isinstance(reference, xr.DataArray) and all(name in reference.coords for name in names):
        return np.stack([reference[name].values for name in names], axis=1)
    return None


def _anomalies(wanted, means, bounds, baseline):
    first, last = (np.datetime64(day, "ns") for day in periods.days(baseline, "baseline"))
    within = (bounds[:, 0] >= first) & (bounds[:, 1] <= last + DAY)
    known = within[:, None] & ~np.isnan(wanted)
    if not known.any():
        raise ValueError(f"no interval of both lies in the baseline {' to '.join(baseline)}")
    with np.errstate(invalid="ignore"):
        count = np.where(known.any(0), known.sum(0), np.nan)
        return tuple(v - np.where(known, v, 0).sum(0) / count for v in (wanted, means))


def _errors(s: np.ndarray, r: np.ndarray, absolute: bool) -> tuple[float, ...]:
    if not r.size:
        return (np.nan,) * 6
    mean, residuals = r.mean(), s - r
    variation = residuals.std() / mean if absolute and mean != 0 else np.nan
    return (
        float(s.mean()),
        float(mean),
        metrics.correlation(s, r),
        metrics.rmse(s, r),
        float(residuals.mean()),
        float(variation),
    )
