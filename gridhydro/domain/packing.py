"""Rasters on the domain's own grid: picking the active cells, and putting them back."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base.axes import gauge_axis
from gridhydro.base.windows import blocks
from gridhydro.domain.grid import find, nearest, read_values, refuse_other_crs, spatial_dims

_STORAGE = {"_FillValue", "missing_value", "scale_factor", "add_offset", "grid_mapping"}


class OtherGrid(ValueError):
    """The cells of a raster are not those of the domain: it has to be brought over."""


def matching(raster, grid, name="raster") -> tuple[np.ndarray, np.ndarray]:
    """The rows and columns of `raster` that lie on those of `grid`; -1 where it does not reach.

    Raises OtherGrid if the cells of the two do not coincide.
    """
    dims = spatial_dims(raster)
    places = []
    for dim, axis in zip(dims, (grid.y, grid.x), strict=True):
        if dim not in raster.coords:
            if raster.sizes[dim] != axis.size:
                raise ValueError(
                    f"the {name} has {raster.sizes[dim]} cells along '{dim}' and no coordinates; "
                    f"the domain has {axis.size}"
                )
            places.append(np.arange(axis.size))
            continue
        source = raster[dim].values.astype(np.float64)
        period = 360.0 if grid.geographic and axis is grid.x else None
        if source.size == 1:
            places.append(np.where(np.isclose(axis, source[0], rtol=1e-6), 0, -1))
            continue
        place = find(source, axis, period)
        step = abs(source[-1] - source[0]) / (source.size - 1)
        own_step = abs(axis[-1] - axis[0]) / (axis.size - 1)
        off = np.abs(place - np.round(place))
        if off[np.isfinite(off)].max(initial=0) > 0.02 or abs(step / own_step - 1) > 1e-3:
            raise OtherGrid(
                f"the {name} is on another grid: along '{dim}' its cells are {step:g} apart from "
                f"{source[0]:g}, the domain's {own_step:g} from {axis[0]:g}; bring it over with "
                "domain.regrid (coarser) or domain.aggregate (finer)"
            )
        places.append(nearest(place, source.size))
    return places[0], places[1]


def arranged(domain, array: xr.DataArray, lead: tuple[str, ...], what: str) -> xr.DataArray:
    """An array with the axes `lead` and then those of the cells, whatever the order it came in.

    Axes of length one that are none of these are left out. ValueError naming an axis that is
    lacking, or one more of several values: nothing is chosen for anybody.
    """
    if domain.lumped:
        axis = gauge_axis(array, domain.gauges.index, lead)
        array = array if axis in (None, "gauge") else array.rename({axis: "gauge"})
        space: tuple = ("gauge",)
    else:
        space = spatial_dims(array)
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
    if domain.lumped:
        return _pack_lumped(domain, raster)
    if not isinstance(raster, xr.DataArray):
        return on_grid(raster, domain.grid)[..., domain.row, domain.col]
    name = f"raster '{raster.name}'" if raster.name else "raster"
    refuse_other_crs(raster, domain.crs)
    rows, cols = matching(raster, domain.grid, name)
    row, col = rows[domain.row], cols[domain.col]
    missed = np.flatnonzero((row < 0) | (col < 0))
    if missed.size and (not gaps or missed.size == domain.size):
        raise ValueError(
            f"the {name} does not reach {missed.size} of {domain.size} cells, the first: "
            f"{domain.name_cell(missed[0])}; extend it, or crop the domain"
        )
    there = np.flatnonzero((row >= 0) & (col >= 0))
    if missed.size:  # these read another cell, and go without its value
        row[missed], col[missed] = row[there[0]], col[there[0]]
    values = _picked(raster, row, col)
    if missed.size:
        values = values if values.dtype.kind == "f" else values.astype(np.float64)
        values[..., missed] = np.nan
    return values


def _picked(raster: xr.DataArray, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    """Values (..., N) at these rows and columns: only the box around them is read, a block of the
    first axis at a time."""
    y, x = spatial_dims(raster)
    top, left = int(row.min()), int(col.min())
    box = raster.transpose(..., y, x).isel(
        {y: slice(top, int(row.max()) + 1), x: slice(left, int(col.max()) + 1)}
    )
    row, col = row - top, col - left
    if box.ndim < 3 or not box.size:
        return read_values(box)[..., row, col]
    first, found = box.dims[0], None
    for part in blocks(box, first):
        values = read_values(box.isel({first: part}))[..., row, col]
        if found is None:
            found = np.empty((*box.shape[:-2], row.size), values.dtype)
        found[part] = values
    return np.asarray(found)


def _pack_lumped(domain, raster):
    names = list(domain.gauges.index)
    if isinstance(raster, xr.DataArray) and "gauge" in raster.dims:
        if "gauge" in raster.coords:
            known = raster["gauge"].astype(str).values.tolist()
            missing = [name for name in names if name not in known]
            if missing:
                raise ValueError(f"there are no values for basin '{missing[0]}' in '{raster.name}'")
            raster = raster.isel(gauge=[known.index(name) for name in names])
        raster = raster.transpose(..., "gauge")
    elif isinstance(raster, xr.DataArray) and raster.ndim > 1:
        raise ValueError(
            f"'{raster.name}' is over {', '.join(map(str, raster.dims))}: lumped basins are found "
            "along the axis 'gauge': rename the one of the basins"
        )
    values = np.asarray(raster)
    if values.shape[-1:] != (domain.size,):
        raise ValueError(
            f"values end with {values.shape[-1:]}, the domain has {domain.size} basins"
        )
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
    if domain.lumped:
        coords["gauge"] = np.asarray(domain.gauges.index, dtype=str)
        return xr.DataArray(values, coords, (*dims, "gauge"), name, attrs)
    kind = values.dtype if values.dtype.kind == "f" else np.float64
    raster = np.full((*lead, *domain.shape), np.nan, dtype=kind)
    raster[..., domain.row, domain.col] = values
    coords |= axes(domain.grid)
    array = xr.DataArray(raster, coords, (*dims, "y", "x"), name, attrs)
    return array.rio.write_crs(domain.crs)


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
        attrs = _position(domain.grid, dim)
        attrs["long_name"] += " of the gauge"
        values = domain.gauges[dim].to_numpy(float)
        found[f"gauge_{dim}"] = xr.DataArray(values, dims="gauge", attrs=attrs)
    return found


def _position(grid, dim) -> dict[str, str]:
    """CF attributes of positions along x or y; those of lumped basins are in degrees."""
    if grid is None or grid.geographic:
        name, unit = {"y": ("latitude", "degrees_north"), "x": ("longitude", "degrees_east")}[dim]
        return {"standard_name": name, "long_name": name, "units": unit}
    long_name = {"y": "northing", "x": "easting"}[dim]
    standard_name = f"projection_{dim}_coordinate"
    return {"standard_name": standard_name, "long_name": long_name, "units": grid.unit}
