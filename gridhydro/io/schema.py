"""The schema in which every data set of basins arrives: series, units, days and gauges.

A "basins dataset" is an xarray.Dataset with the dimensions time (daily, at midnight) and gauge
(names), the coordinates latitude, longitude (degrees) and area (km2) of the gauges as far as the
source has them, series (time, gauge) in the units of `base.quantities.SERIES`, and attributes
(gauge,).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.quantities import COORDINATES, SERIES, Quantity
from gridhydro.io.text_files import read_lines

_TELLING = 30  # days
# what files call the variable that names their gauges
GAUGE_NAMES = (
    "station_id", "gauge_id", "basin_id", "catchment_id", "gauge", "basin", "station", "id",
)  # fmt: skip


def recognise(variables: Iterable[Hashable], names: Mapping[str, str], where) -> dict[str, str]:
    """Our name -> the file's, of the series that it has; what `names` says goes before.

    ValueError for a name that is not there, and where several could be the same series.
    """
    theirs = [str(v) for v in variables]
    found = {ours: v for ours, v in names.items() if ours not in COORDINATES}
    absent = [v for v in found.values() if v not in theirs]
    if absent:
        raise ValueError(f"{where} has no series '{absent[0]}', but {', '.join(theirs)}")
    lower = {v.lower(): v for v in theirs if v not in found.values()}
    for ours in SERIES.keys() - found.keys():
        known = [lower[n] for n in (ours, *SERIES[ours].names) if n in lower]
        if len(known) > 1:
            raise ValueError(
                f"{where}: {' and '.join(known)} could both be {ours}: say which, "
                f"names={{'{ours}': '{known[0]}'}}"
            )
        found |= {ours: known[0]} if known else {}
    return {ours: found[ours] for ours in (*SERIES, *found) if ours in found}


def series_attrs(name: str, units: str | None = None) -> dict:
    """CF attributes of a series of the schema; `units` for one that is not of it."""
    return SERIES.get(name, Quantity(units or "1", name.replace("_", " "))).attrs


def coordinate(name: str, values, gauges, where) -> xr.DataArray:
    """A coordinate (gauge,) of the schema; ValueError for values that it cannot have."""
    quantity = COORDINATES[name]
    if name == "gauge_name":
        return xr.DataArray(text(values), dims="gauge", attrs={"long_name": quantity.long_name})
    values = refuse.numbers(f"{where}: {name}", values, lambda gauge: f"at gauge {gauges[gauge]}")
    wrong = ~((values >= quantity.low) & (values <= quantity.high))
    wrong |= (values == 0) if name == "area" else False
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{where}: {name} of {gauges[first]} is {values[first]:g} {quantity.unit}")
    return xr.DataArray(values, dims="gauge", attrs=quantity.attrs)


def attribute(values, name: str, units: str | None = None, long_name: str = "") -> xr.DataArray:
    """An attribute (gauge,): numbers in `units` ("1" where unknown), anything else as text."""
    values = np.asarray(values)
    attrs = {"long_name": long_name or name.replace("_", " ")}
    if values.dtype.kind not in "fiub":
        return xr.DataArray(text(values), dims="gauge", attrs=attrs)
    return xr.DataArray(values.astype(float), dims="gauge", attrs=attrs | {"units": units or "1"})


def refuse_codes(
    name: str,
    values: np.ndarray,
    times,
    gauges,
    where,
    declared: bool = False,
    mend: str = "name it with missing=, declare it in the file as _FillValue, or set it to NaN",
) -> None:
    """ValueError for the first value (time, gauge) of a series, in the unit of its file, that is a
    code for missing ones by all appearance; of windows too short to tell, none is, nor where those
    that there are have been `declared`."""
    if len(values) >= _TELLING:
        place = refuse.at(times, lambda gauge: f"at gauge {gauges[gauge]}")
        unknown = Quantity("", name)
        refuse.codes(f"{where}: {name}", values, place, unknown, mend, declared=declared)


def refuse_outside(name: str, values: np.ndarray, times, gauges, where) -> None:
    """ValueError for the first value (time, gauge) that a series cannot have; NaN may be."""
    if name in SERIES:
        place = refuse.at(times, lambda gauge: f"at gauge {gauges[gauge]}")
        refuse.outside(f"{where}: {name}", values, place, SERIES[name])


def text(values) -> np.ndarray:
    """Names from bytes, numbers or strings, without blanks around them; ValueError for decimals."""
    values = np.asarray(values)
    if values.dtype.kind == "f":
        raise ValueError(f"{values[0]!r} is a decimal number where a name is needed")
    return np.array(
        [(v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v)).strip() for v in values]
    )


def wanted_basins(basins, found: Iterable[str], where) -> list[str]:
    """The gauges asked for: None (all), a list, or a text file with one a line.

    A name may leave out zeros on the left. ValueError naming those that are not in `found`.
    """
    found = list(found)
    if basins is None:
        return found
    if isinstance(basins, (str, Path)):
        lines = (line.split("#")[0].strip() for line in read_lines(basins))
        basins = [line for line in lines if line]
    if not isinstance(basins, Iterable):
        raise ValueError(f"basins= is a list of names, or a text file of them, not {basins!r}")
    bare: Mapping[str, str] = {name.lstrip("0"): name for name in found}
    names = [str(b) if str(b) in found else bare.get(str(b).lstrip("0"), str(b)) for b in basins]
    lacking = [name for name in names if name not in set(found)]
    if lacking:
        raise ValueError(
            f"{where} has no basin {', '.join(lacking[:5])} ({len(lacking)} in all); "
            f"it has {', '.join(found[:5])}{' ...' if len(found) > 5 else ''}"
        )
    twice = pd.Index(names)[pd.Index(names).duplicated()]
    if len(twice) or not names:
        what = f"{twice[0]} is asked for twice" if len(twice) else "no basin is asked for"
        raise ValueError(f"{where}: {what}")
    return names


def gauge_names(file: xr.Dataset, dim: str, where) -> list[np.ndarray]:
    """Names of the gauges along `dim`: first the identifiers, then other unique names.

    Identifiers are the coordinate of the dimension, or the variable with the cf_role timeseries_id,
    or one of a common name. ValueError if there are none, or one twice.
    """
    along = [str(v) for v in file.variables if file[v].dims == (dim,)]
    chosen = [*(v for v in along if v == dim), *_identifiers(file, along)]
    if not chosen:
        raise ValueError(
            f"{where} does not name the gauges along '{dim}': give it a coordinate or one of the "
            f"variables {', '.join(GAUGE_NAMES)}"
        )
    names = text(file[chosen[0]].values)
    twice = pd.Index(names)[pd.Index(names).duplicated()]
    if len(twice):
        raise ValueError(f"{where}: '{chosen[0]}' names {twice[0]} twice")
    others = [file[v].values for v in along if file[v].dtype.kind in "SUOT" and v != chosen[0]]
    return [names, *(found for found in map(text, others) if len(set(found)) == len(found))]


def named_along(file: xr.Dataset, dim: str) -> bool:
    """Whether something of a file may name gauges along a dimension."""
    along = [str(v) for v in file.variables if file[v].dims == (dim,)]
    texts = any(file[v].dtype.kind in "SUOT" for v in along)
    return texts or dim.lower() in GAUGE_NAMES or bool(_identifiers(file, along))


def _identifiers(file: xr.Dataset, along: list[str]) -> list[str]:
    """Those of the variables along a dimension that identify gauges, the likeliest first."""
    found = [v for v in along if file[v].attrs.get("cf_role") == "timeseries_id"]
    return found + [v for name in GAUGE_NAMES for v in along if v.lower() == name]
