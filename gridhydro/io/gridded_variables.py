"""Which variables of a file are which series of weather: by their names and standard names."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping

import xarray as xr

from gridhydro.base.quantities import SERIES
from gridhydro.domain.grid import spatial_dims
from gridhydro.io.schema import recognise


def weather_variables(
    data: xr.Dataset, path: str, name: str | None, names: Mapping[str, str] | None
) -> dict[str, str]:
    """Our name -> the variable over time and space of a file."""
    rasters = [str(v) for v in data.data_vars if _is_series(data[v])]
    if name is not None and len(rasters) == 1:
        return {name: rasters[0]}
    said = {o: v for o, v in (names or {}).items() if v in rasters}
    found = recognise(rasters, said, path)
    if name is not None:
        if name not in found:
            raise ValueError(f"{path} has {', '.join(rasters)}: say which is {name}, names=")
        return {name: found[name]}
    found |= _by_standard_name(data, [v for v in rasters if v not in found.values()], found)
    found.pop("discharge", None)  # no weather
    for ours in set(names or {}) - set(said):  # the one that is meant is in another file
        found.pop(ours, None)
    other = [str(v) for v in data.data_vars if str(v) not in rasters and data[v].ndim >= 3]
    for ours, theirs in recognise(other, {}, path).items():
        if ours not in found:
            warnings.warn(
                f"{path}: '{theirs}' is over {', '.join(map(str, data[theirs].dims))}, without "
                "coordinates of rows and columns, and is left out",
                stacklevel=4,
            )
    if _of_daylight(data, found.get("shortwave_radiation")):
        left = found.pop("shortwave_radiation")
        warnings.warn(
            f"{path}: '{left}' is a mean of the hours of daylight, not of the day, and is left out",
            stacklevel=4,
        )
    return found


def _is_series(array: xr.DataArray) -> bool:
    try:
        space = spatial_dims(array)
    except ValueError:
        return False
    return array.ndim >= 3 and all(d in array.coords for d in space) and array.dtype.kind in "fiu"


def _by_standard_name(data: xr.Dataset, left: list[str], known) -> dict[str, str]:
    """Our name -> the only variable of its standard name, those of extremes by their method."""
    found: dict[str, list[str]] = {}
    for variable in left:
        attrs = data[variable].attrs
        standard, method = str(attrs.get("standard_name", "")), str(attrs.get("cell_methods", ""))
        for ours, quantity in SERIES.items():
            names = (quantity.standard_name, *quantity.other_names)
            extreme = re.search(r"time: (max|min)imum", method)
            wanted = re.search(r"_(max|min)$", ours)
            alike = (extreme[1] if extreme else None) == (wanted[1] if wanted else None)
            if standard and standard in names and ours not in known and alike:
                found.setdefault(ours, []).append(variable)
    return {ours: theirs[0] for ours, theirs in found.items() if len(theirs) == 1}


def _of_daylight(data: xr.Dataset, variable: str | None) -> bool:
    return variable is not None and "daylight" in str(data[variable].attrs.get("long_name", ""))
