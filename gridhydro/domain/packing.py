"""Rasters on the domain's own grid: picking the active cells, and putting them back."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base.axes import gauge_axis
from gridhydro.domain.by_reach import by_reach
from gridhydro.domain.cells import OnCells, matching, refuse_length
from gridhydro.domain.grid import axis_unit, read_values, spatial_dims
from gridhydro.domain.reaches import AXIS

_STORAGE = {"_FillValue", "missing_value", "scale_factor", "add_offset", "grid_mapping"}


def arranged(domain, array: xr.DataArray, lead: tuple[str, ...], what: str) -> xr.DataArray:
    """An array with the axes `lead` and then those of the cells, whatever the order it came in.

    Axes of length one that are none of these are left out. ValueError naming an axis that is
    lacking, or one more of several values: nothing is chosen for anybody.
    """
    space: tuple = domain.cell_axes
    if domain.grid is not None:
        space = spatial_dims(array)
    elif domain.reaches is not None:
        array = by_reach(domain.reaches, array)
    else:
        axis = gauge_axis(array, domain.gauges.index, lead)
        array = array if axis in (None, "gauge") else array.rename({axis: "gauge"})
    wanted = (*lead, *space)
    over = ", ".join(f"{dim} ({size})" for dim, size in array.sizes.items()) or "no axis"
    for dim in wanted:
        if dim not in array.dims:
            raise ValueError(f"{what} is over {over}: it needs the axis '{dim}'")
    long = [dim for dim in array.dims if dim not in wanted and array.sizes[dim] != 1]
    if long:
        raise ValueError(
            f"{what} is over {over}, and '{long[0]}' is one axis too many: choose one of its "
            f"values with .isel({long[0]}=0), or take .mean('{long[0]}')"
        )
    return array.squeeze([dim for dim in array.dims if dim not in wanted], drop=True).transpose(
        *wanted
    )


def on_grid(raster, grid, name="raster") -> np.ndarray:
    """Values (..., rows, cols) of a raster that covers `grid`; arrays are taken as they are.

    ValueError if it does not cover the grid, or an array has another shape.
    """
    if not isinstance(raster, xr.DataArray):
        values = np.asarray(raster)
        if values.shape[-2:] != grid.shape:
            raise ValueError(f"the {name} has shape {values.shape}, the raster {grid.shape}")
        return values
    rows, cols = matching(raster, grid, name)
    if (rows < 0).any() or (cols < 0).any():
        raise ValueError(f"the {name} does not cover the raster: give it on the same grid")
    return read_values(raster)[..., rows[:, None], cols]


def pack(domain, raster, gaps: bool = False) -> np.ndarray:
    """See `Domain.pack`."""
    if isinstance(raster, xr.DataArray):
        return OnCells.of(domain, raster, gaps).values()
    if domain.grid is not None:
        return on_grid(raster, domain.grid)[..., domain.row, domain.col]
    values = np.asarray(raster)
    refuse_length(domain, values)
    return values


def unpack(domain, values, name=None, attrs=None, dims=None, coords=None) -> xr.DataArray:
    """See `Domain.unpack`."""
    values = np.asarray(values)
    if values.shape[-1:] != (domain.size,):
        raise ValueError(f"values end with {values.shape[-1:]}, the domain has {domain.size} cells")
    lead = values.shape[:-1]
    # how a source file stored its numbers is no property of the new ones
    attrs = {key: value for key, value in (attrs or {}).items() if key not in _STORAGE}
    if dims is None:
        dims = ("time",) if len(lead) == 1 else tuple(f"axis_{i}" for i in range(len(lead)))
    coords = dict(coords or {})
    if domain.grid is None:
        coords |= cell_coordinates(domain)
        return xr.DataArray(values, coords, (*dims, *domain.cell_axes), name, attrs)
    kind = values.dtype if values.dtype.kind == "f" else np.float64
    raster = np.full((*lead, *domain.shape), np.nan, dtype=kind)
    raster[..., domain.row, domain.col] = values
    # written on a number: on the raster it would copy it, and hold it in a cycle of references
    coords |= {**axes(domain.grid), **xr.DataArray(0).rio.write_crs(domain.crs).coords}
    array = xr.DataArray(raster, coords, (*dims, "y", "x"), name, attrs)
    array.encoding["grid_mapping"] = "spatial_ref"
    return array


def cell_coordinates(domain) -> dict[str, xr.DataArray]:
    """What cells without a raster are found by along their axis, with its CF attributes."""
    if domain.reaches is None:
        return {"gauge": xr.DataArray(np.asarray(domain.gauges.index, dtype=str), dims="gauge")}
    ids = domain.reaches.ids
    values = ids if ids.dtype.kind == "i" else ids.astype(str)
    attrs = {"long_name": "id of the reach"}
    return {AXIS: xr.DataArray(values, dims=AXIS, attrs=attrs)}


def axes(grid) -> dict[str, xr.DataArray]:
    """The coordinates y and x of a grid with their CF attributes."""
    return {
        dim: xr.DataArray(axis, dims=dim, attrs=_position(grid, dim) | {"axis": dim.upper()})
        for dim, axis in (("y", grid.y), ("x", grid.x))
    }


def gauge_coordinates(domain) -> dict[str, xr.DataArray]:
    """Names and positions of the gauges, (gauge,), with their CF attributes."""
    names = np.array(domain.gauges.index, dtype=object)
    attrs = {"long_name": "gauge", "cf_role": "timeseries_id"}
    found = {"gauge": xr.DataArray(names, dims="gauge", attrs=attrs)}
    for dim in ("x", "y"):
        attrs = _position(domain, dim)
        attrs["long_name"] += " of the gauge"
        values = domain.gauges[dim].to_numpy(float)
        found[f"gauge_{dim}"] = xr.DataArray(values, dims="gauge", attrs=attrs)
    if domain.reaches is not None:
        reach = cell_coordinates(domain)[AXIS][domain.gauge_cells]
        found[f"gauge_{AXIS}"] = xr.DataArray(reach.values, dims="gauge", attrs=reach.attrs)
    return found


def _position(place, dim) -> dict[str, str]:
    """CF attributes of positions along x or y of a grid or a domain; those of lumped basins are in
    degrees."""
    crs = place.crs
    if crs is None or crs.is_geographic:
        name, unit = {"y": ("latitude", "degrees_north"), "x": ("longitude", "degrees_east")}[dim]
        return {"standard_name": name, "long_name": name, "units": unit}
    long_name = {"y": "northing", "x": "easting"}[dim]
    standard_name = f"projection_{dim}_coordinate"
    return {"standard_name": standard_name, "long_name": long_name, "units": axis_unit(crs)}
