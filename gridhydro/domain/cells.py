"""Values of arrays on the cells of a domain: where they lie, and no more read than that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gridhydro.base.windows import blocks
from gridhydro.domain.by_reach import of_reaches
from gridhydro.domain.grid import find, nearest, read_values, refuse_other_crs, spatial_dims


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


@dataclass(frozen=True, eq=False)
class OnCells:
    """An array over the cells of a domain, of which nothing is read before it is asked for.

    box       (..., rows, columns) around the cells; (..., N) without a raster
    row, col  (N,) where in it the cells are; None without a raster
    missed    (M,) cells that it does not reach
    """

    box: xr.DataArray
    row: np.ndarray | None = None
    col: np.ndarray | None = None
    missed: np.ndarray | None = None

    @classmethod
    def of(cls, domain, array: xr.DataArray, gaps: bool = False) -> OnCells:
        """ValueError as for `Domain.pack`."""
        if domain.reaches is not None:
            return cls(*of_reaches(domain, array, gaps))
        if domain.lumped:
            return cls(_of_basins(domain, array))
        name = f"raster '{array.name}'" if array.name else "raster"
        refuse_other_crs(array, domain.crs)
        rows, cols = matching(array, domain.grid, name)
        row, col = rows[domain.row], cols[domain.col]
        there = (row >= 0) & (col >= 0)
        missed = np.flatnonzero(~there)
        if missed.size and (not gaps or missed.size == domain.size):
            raise ValueError(
                f"the {name} does not reach {missed.size} of {domain.size} cells, the first: "
                f"{domain.name_cell(missed[0])}; extend it, or crop the domain"
            )
        if missed.size:  # they read another cell, and go without its value
            row[missed], col[missed] = row[there][0], col[there][0]
        y, x = spatial_dims(array)
        top, left = int(row.min()), int(col.min())
        part = {y: slice(top, int(row.max()) + 1), x: slice(left, int(col.max()) + 1)}
        return cls(array.transpose(..., y, x).isel(part), row - top, col - left, missed)

    def values(self, part: slice | None = None) -> np.ndarray:
        """(..., N), or a part of the first axis; of a raster a block at a time is in memory."""
        box = self.box
        if part is not None:
            box = box.isel({box.dims[0]: part})
        if self.row is None:
            return without(np.asarray(box), self.missed)
        if box.ndim < 3 or not box.size:
            return self._picked(box)
        first, found = box.dims[0], None
        for block in blocks(box, first):
            values = self._picked(box.isel({first: block}))
            if found is None:
                found = np.empty((*box.shape[:-2], self.row.size), values.dtype)
            found[block] = values
        return np.asarray(found)

    def _picked(self, box: xr.DataArray) -> np.ndarray:
        return without(read_values(box)[..., self.row, self.col], self.missed)


def without(values: np.ndarray, missed: np.ndarray | None) -> np.ndarray:
    """Values (..., N) with NaN in the cells that are missed."""
    if missed is not None and missed.size:
        values = values.copy() if values.dtype.kind == "f" else values.astype(np.float64)
        values[..., missed] = np.nan
    return values


def _of_basins(domain, array: xr.DataArray) -> xr.DataArray:
    """An array (..., gauge) with the basins of the domain, in their order."""
    names = list(domain.gauges.index)
    if "gauge" in array.dims:
        if "gauge" in array.coords:
            there = array["gauge"].astype(str).values.tolist()
            known = {name: place for place, name in reversed(list(enumerate(there)))}
            missing = [name for name in names if name not in known]
            if missing:
                raise ValueError(f"there are no values for basin '{missing[0]}' in '{array.name}'")
            array = array.isel(gauge=[known[name] for name in names])
        array = array.transpose(..., "gauge")
    elif array.ndim > 1:
        raise ValueError(
            f"'{array.name}' is over {', '.join(map(str, array.dims))}: lumped basins are found "
            "along the axis 'gauge': rename the one of the basins"
        )
    refuse_length(domain, array)
    return array


def refuse_length(domain, values) -> None:
    """ValueError unless the last axis is that of the domain's basins or reaches."""
    if values.shape[-1:] != (domain.size,):
        raise ValueError(
            f"values end with {values.shape[-1:]}, the domain has {domain.size} {domain.called[1]}"
        )
