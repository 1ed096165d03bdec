"""What a network is told of the cells of a land surface: its fields, its seasons, its climate."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.domain import Domain
from gridhydro.io.hydropy import FIELDS
from gridhydro.units import to_unit

SOIL = ("wcap", "wava", "wmin", "wmax", "beta")
TERRAIN = ("srftopo", "topo_std", "slope_avg", "flake", "fwetl")
SEASONS = {
    "avg": ("mean", lambda months: months.mean(0)),
    "max": ("highest", lambda months: months.max(0)),
    "min": ("lowest", lambda months: months.min(0)),
    "diff": ("range of the", lambda months: np.ptp(months, axis=0)),
}
VEGETATION = tuple(
    f"{name}_{season}" for name in ("lai", "fveg") for season in ("avg", "max", "diff")
)

CLIMATE = {
    "temp_avg": ("temperature", "degC", "mean"),
    "temp_diff": ("temperature", "degC", "range of the monthly"),
    "prec_avg": ("precipitation", "mm d-1", "mean"),
    "prec_diff": ("precipitation", "mm d-1", "range of the monthly"),
    "pet_avg": ("potential_evapotranspiration", "mm d-1", "mean"),
}
ATTRIBUTES = (*SOIL, *TERRAIN, *VEGETATION, *CLIMATE)


def cell_attributes(
    domain: Domain, raw: dict[str, np.ndarray], climate: xr.Dataset, names
) -> xr.Dataset:
    """See `LandSurface.attributes`; `raw` are the packed fields."""
    found, lacking = {}, []
    for name in names:
        field, _, season = name.rpartition("_")
        if name in climate:
            values, attrs = domain.pack(climate[name]), climate[name].attrs
        elif name in raw and not FIELDS[name].monthly:
            values = raw[name]
            attrs = {"units": FIELDS[name].unit, "long_name": FIELDS[name].long_name}
        elif field in raw and FIELDS[field].monthly and season in SEASONS:
            word, reduce = SEASONS[season]
            values = reduce(raw[field])
            attrs = {"units": "1", "long_name": f"{word} monthly {FIELDS[field].long_name}"}
        else:
            lacking.append(name)
            continue
        found[name] = domain.unpack(values, name, attrs)
    if lacking:
        raise ValueError(
            f"there is no attribute {', '.join(lacking)}: climate= has to have those of the "
            "climate (gridhydro.land_attributes.climate_means), or choose others with names="
        )
    return xr.Dataset(found)


def climate_means(weather: xr.Dataset, period=None) -> xr.Dataset:
    """temp_avg, temp_diff (degC), prec_avg, prec_diff and pet_avg (mm d-1) of every cell.

    weather  Dataset of daily temperature, precipitation and potential_evapotranspiration, with
             time and the axes of space in any order
    period   two dates, months or years, both ends included; all days if None
    avg is the mean of all days, diff the largest less the smallest of the twelve mean months.
    ValueError naming the series that is lacking, and for a period without days or with gaps.
    """
    lacking = {source for source, _, _ in CLIMATE.values() if source not in weather}
    if lacking:
        raise ValueError(
            f"the weather lacks {', '.join(sorted(lacking))}; it has {', '.join(map(str, weather))}"
        )
    weather = weather if period is None else weather.sel(time=slice(*map(str, period)))
    if not weather.sizes["time"]:
        raise ValueError(f"the weather has no day in the period {period}")
    found = {}
    for name, (source, unit, word) in CLIMATE.items():
        series = to_unit(weather[source], unit)
        if word == "mean":
            values = series.mean("time")
        else:
            months = series.groupby("time.month").mean()
            values = months.max("month") - months.min("month")
        attrs = {"units": unit, "long_name": f"{word} {source.replace('_', ' ')}"}
        found[name] = values.rename(name).assign_attrs(attrs)
    return xr.Dataset(found)
