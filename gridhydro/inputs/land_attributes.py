"""Attributes of cells from a land surface: its fields, its seasons, its climate."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.domain.domain import Domain
from gridhydro.inputs.climate import CLIMATE
from gridhydro.io.hydropy import FIELDS

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
            "climate (gridhydro.inputs.climate.climate_means), or choose others with names="
        )
    return xr.Dataset(found)
