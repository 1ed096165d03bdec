"""Layers of a raster that is brought onto a domain: read a block at a time, looked at for codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import xarray as xr

from gridhydro.base import refuse
from gridhydro.base.missing import Extent, declared
from gridhydro.base.quantities import CODES, Quantity
from gridhydro.base.windows import blocks, chunks_of, lazily
from gridhydro.base.workers import spread
from gridhydro.domain.grid import read_values, spatial_dims

_BLOCK = 2**23  # values of a raster that are read at a time

Bring = Callable[[np.ndarray], np.ndarray]  # layers (..., rows, columns) -> cells (..., N)


class Layers:
    """The layers (rows, columns) along the leading axes of a raster.

    cells    (K,) of the raster that count, by row and column in one number
    corner   row and column of the source at which the raster begins
    classes  whether the numbers are classes, of which any may be one, but those below zero
    ValueError for codes for missing values that nothing declares, when a block is read. What lies
    far from all others does so in the whole raster: see `base.missing.codes_in`.
    """

    def __init__(self, raster: xr.DataArray, cells: np.ndarray, corner, classes: bool = False):
        y, x = spatial_dims(raster)
        self.raster, self.corner = raster.transpose(..., y, x), corner
        self.dims = self.raster.dims[:-2]
        self.cells = cells if declared(raster) is None else cells[:0]
        codes = tuple(code for code in CODES if code < 0) if classes else CODES
        self.quantity = Quantity(str(raster.attrs.get("units", "")), "", codes=codes)
        self.doubted = False

    def blocks(self) -> list[dict]:
        """What is read at once: a part of the first leading axis."""
        if not self.dims:
            return [{}]
        return [{self.dims[0]: part} for part in blocks(self.raster, self.dims[0], _BLOCK)]

    def each(self, bring: Bring) -> np.ndarray:
        """All layers brought to the cells, (..., N)."""
        found, places = None, self.blocks()
        if not self.dims:
            return bring(self.read({}))
        for block, values in zip(
            places, spread(lambda part: bring(self.read(part)), places), strict=True
        ):
            if found is None:
                found = np.empty((*self.raster.shape[:-2], values.shape[-1]), values.dtype)
            found[block[self.dims[0]]] = values
        return np.empty((0, 0)) if found is None else found

    def lazily(self, domain, bring: Bring) -> xr.DataArray:
        """All layers brought to the raster of the domain; nothing is read before a window of it
        is."""
        one = bring(self.read({dim: slice(0, 1) for dim in self.dims}))
        like = domain.unpack(one, self.raster.name, self.raster.attrs, self.dims)

        def compute(window: dict) -> np.ndarray:
            *lead, y, x = window.values()
            values = bring(self.read(dict(zip(self.dims, lead, strict=True))))
            found = np.full((*values.shape[:-1], *domain.shape), np.nan, like.dtype)
            found[..., domain.row, domain.col] = values
            return found[..., y, :][..., x]

        shape = *self.raster.shape[:-2], *domain.shape
        windows = lazily(compute, like.dims, shape, like.dtype)
        chunks = {d: c for d, c in chunks_of(self.raster).items() if d in self.dims}
        variable = xr.Variable(like.dims, windows, like.attrs, {"preferred_chunks": chunks})
        coords = {name: c for name, c in like.coords.items() if not set(c.dims) & set(self.dims)}
        coords |= {dim: self.raster[dim] for dim in self.dims if dim in self.raster.coords}
        return xr.DataArray(variable, coords, name=like.name)

    def read(self, block: dict) -> np.ndarray:
        """Some layers (..., rows, columns), NaN where there is no data."""
        part = self.raster.isel(block)
        values = read_values(part)
        if self.cells.size:
            whole = None if part.size == self.raster.size else lambda: self.extent
            place, layers = self._place(block, part.shape[:-2]), self._counted(values)
            name = f"'{self.raster.name or 'the raster'}'"
            self.doubted |= refuse.codes(
                name, layers, place, self.quantity, whole=whole, told=self.doubted
            )
        return values

    @cached_property
    def extent(self) -> Extent:
        """That of all layers, read once for a number that may be a code."""
        size = self.raster.size // (self.raster.shape[-1] * self.raster.shape[-2])

        def parts() -> Iterator[np.ndarray]:
            for block in self.blocks():
                yield self._counted(read_values(self.raster.isel(block)))

        return Extent.of(parts(), size * self.cells.size, self.quantity.codes)

    def _counted(self, values: np.ndarray) -> np.ndarray:
        """(layers, K), the cells that count."""
        return values.reshape(-1, values.shape[-2] * values.shape[-1])[:, self.cells]

    def _place(self, block: dict, shape: tuple[int, ...]) -> refuse.Place:
        columns, first = self.raster.shape[-1], 0
        for part in block.values():
            first = part.start or 0 if isinstance(part, slice) else int(np.min(part))
            break
        rest = int(np.prod(self.raster.shape[1:-2]))

        def place(layer: int, cell: int) -> str:
            row, col = divmod(int(self.cells[cell]), columns)
            where = f"at row {row + self.corner[0]}, column {col + self.corner[1]}"
            one = int(np.prod(self.raster.shape[:-2])) == 1
            return where if one else f"in layer {layer + first * rest} {where}"

        return place
