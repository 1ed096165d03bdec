"""The land surface as HydroPy's parameter files hold it: names, units, and what is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.files import existing
from gridhydro.base.quantities import Quantity
from gridhydro.base.units import conversion
from gridhydro.domain.d8 import NEXTXY_NO_CELL, NEXTXY_OUTLET
from gridhydro.domain.grid import cell_dims, read_values, spatial_dims
from gridhydro.io.lazy import opened

_SLACK = 1e-4  # of what single precision and packing leave beyond a bound


@dataclass(frozen=True)
class LandField(Quantity):
    """A field of the land surface: a quantity, whether it is needed, and of which kind it is.

    A field with `zero` has nothing where it is missing: no lakes, no glaciers.
    """

    needed: bool = True
    zero: bool = False
    monthly: bool = False


def _field_of(
    long_name: str,
    unit: str,
    high: float,
    low: float = 0.0,
    *,
    needed: bool = True,
    zero: bool = False,
    monthly: bool = False,
) -> LandField:
    return LandField(unit, long_name, low=low, high=high, needed=needed, zero=zero, monthly=monthly)


FIELDS = {
    "lsm": _field_of("land fraction of the cell", "1", 1),
    "area": _field_of("area of the cell", "m2", 1e14, needed=False),
    "glacier": _field_of("glacier fraction of the land", "1", 1, needed=False, zero=True),
    "srftopo": _field_of("mean elevation", "m", 9000, -1000),
    "topo_std": _field_of("standard deviation of the elevation", "m", 9000),
    "slope_avg": _field_of("mean slope", "1", 20),
    "wcap": _field_of("water holding capacity of the root zone", "mm", 20000),
    "wava": _field_of("plant-available water of the root zone", "mm", 20000),
    "wmin": _field_of("smallest soil capacity in the cell", "mm", 20000),
    "wmax": _field_of("largest soil capacity in the cell", "mm", 20000),
    "beta": _field_of("shape of the distribution of soil capacity", "1", 100),
    "fveg": _field_of("vegetation fraction", "1", 1, monthly=True),
    "lai": _field_of("leaf area index", "1", 30, monthly=True),
    "flake": _field_of("lake fraction", "1", 1, zero=True),
    "fwetl": _field_of("wetland fraction", "1", 1, zero=True),
    "perm": _field_of("permafrost fraction", "1", 1, needed=False, zero=True),
    "ddfac": _field_of("orographic melt factor", "mm d-1 K-1", 50, needed=False),
}
ROUTES = ("rout_lat", "rout_lon")


def read_land_surface(path: str | Path, names: dict[str, str] | None = None) -> xr.Dataset:
    """The fields of a land-surface file (NetCDF), (y, x) or (month, y, x), by HydroPy's names.

    names  our name -> the file's, where it has another
    Needed are lsm, srftopo, topo_std, slope_avg, wcap, wava, wmin, wmax, beta, flake and fwetl, and
    fveg and lai of twelve months. Taken along if they are there: area, glacier, perm, ddfac, and
    rout_lat and rout_lon (see `next_cells`). Units are converted; a field that states none is taken
    to be in HydroPy's: m2, m, mm, fractions.
    FileNotFoundError; ValueError naming file and field where one is lacking, has another unit or
    other axes, or values that it cannot have.
    """
    path = existing(path)
    with opened(path, decode_times=False, decode_coords="all") as data:
        theirs = {name: ours for ours, name in (names or {}).items()}
        unknown = [name for name in theirs if name not in data]
        if unknown:
            raise ValueError(
                f"{path} has no field '{unknown[0]}'; it has {', '.join(map(str, data))}"
            )
        return land_fields(data.rename(theirs).load(), path)


def land_fields(data: xr.Dataset, where="the land surface") -> xr.Dataset:
    """The fields of a land surface in our units, each looked at: see `read_land_surface`.

    ValueError naming the fields that are not there.
    """
    lacking = [name for name, field in FIELDS.items() if field.needed and name not in data]
    if lacking:
        raise ValueError(
            f"{where} lacks {', '.join(f'{n} ({FIELDS[n].long_name})' for n in lacking)}; it has "
            f"{', '.join(map(str, data))}: add them, or say what they are called there with names="
        )
    found = {name: _field(name, data[name], where) for name in FIELDS if name in data}
    return xr.Dataset(found | {name: data[name] for name in ROUTES if name in data})


def _field(name: str, array: xr.DataArray, where) -> xr.DataArray:
    field = FIELDS[name]
    space = cell_dims(array)
    array = array.squeeze([d for d in array.dims if d not in space and array.sizes[d] == 1])
    array = array.transpose(..., *space)
    lead = [array.sizes[dim] for dim in array.dims[: -len(space)]]
    if lead != ([12] if field.monthly else []):
        axes = "one axis of 12 months and those" if field.monthly else "those"
        raise ValueError(
            f"{where}: '{name}' has the axes {dict(array.sizes)}, but has to have {axes} of space"
        )
    if field.monthly:
        array = array.rename({array.dims[0]: "month"}).assign_coords(month=np.arange(1, 13))

    given = str(array.attrs.get("units", field.unit)).strip() or field.unit
    try:
        factor, _ = conversion(name, given, field.unit)
    except ValueError as error:
        raise ValueError(f"{where}: {error}: convert it, or mend its units") from None
    values = array.values if len(space) == 1 else read_values(array)
    values = values.astype(np.float64) * factor
    slack, clipped = _SLACK * field.high, np.clip(values, field.low, field.high)
    values = np.where(np.abs(values - clipped) <= slack, clipped, values)

    def place(*index: int) -> str:
        at = ", ".join(f"{dim} {i}" for dim, i in zip(array.dims, index, strict=True))
        return f"at {at}"

    refuse.outside(f"{where}: '{name}' ({field.long_name})", values, place, field)
    return _like(array, values, {"units": field.unit, "long_name": field.long_name})


def _like(array: xr.DataArray, values: np.ndarray, attrs: dict[str, str]) -> xr.DataArray:
    """Values in place of an array's, with its axes and its reference system, and no more of it."""
    told = {**array.attrs, **array.encoding}
    kept = {"grid_mapping": told["grid_mapping"]} if "grid_mapping" in told else {}
    return xr.DataArray(values, array.coords, array.dims, array.name, attrs | kept)


def next_cells(land: xr.Dataset) -> xr.Dataset:
    """Columns and rows of the next cells, for `Domain.from_d8(next_cells(land), "nextxy")`.

    land  with lsm, and rout_lat and rout_lon (y, x): row and column of the next cell in the file,
          from zero; a cell that is its own next one is a sink
    Cells without land are left out, and water that goes to them leaves the domain. At a sink of its
    own, too, the river keeps its reservoirs and water leaves after them; HydroPy lets it leave
    before.
    ValueError for a field that is lacking, and for indices that are no cells, naming the first.
    """
    lacking = [name for name in ("lsm", *ROUTES) if name not in land]
    if lacking:
        raise ValueError(f"the land surface has no {lacking[0]}, so it tells no river network")
    y, x = spatial_dims(land)
    inside, row, col = (land[n].transpose(y, x).values for n in ("lsm", *ROUTES))
    inside = np.nan_to_num(inside) > 0
    rows, cols = inside.shape
    # NaN and fractions are no cells either
    wrong = inside & ~(np.isin(row, np.arange(rows)) & np.isin(col, np.arange(cols)))
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        raise ValueError(
            f"rout_lat, rout_lon are {row[i, j]:g}, {col[i, j]:g} at row {i}, column {j} of the "
            f"land surface, which has {rows} rows and {cols} columns, counted from 0 "
            f"({wrong.sum()} such cells): a file cut to a region keeps the indices of the whole"
        )
    row, col = (np.where(inside, v, 0).astype(np.int64) for v in (row, col))
    here = np.indices((rows, cols))
    leaves = ~inside[row, col] | ((row == here[0]) & (col == here[1]))
    # the coding counts from the north-west corner, the file from its first row and column
    row = row if land[y][0] > land[y][-1] else rows - 1 - row
    found = {}
    for name, place in (("nextx", col), ("nexty", row)):
        values = np.where(
            inside, np.where(leaves, NEXTXY_OUTLET, place + 1), NEXTXY_NO_CELL
        ).astype(np.int32)
        found[name] = _like(land["lsm"].transpose(y, x), values, {"units": "1"})
    return xr.Dataset(found)
