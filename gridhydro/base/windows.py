"""Parts of an array that is larger than memory: the blocks that it is read in, and arrays whose
windows are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

NUMBERS = 2**22  # of an array that are in memory at once


def blocks(array: xr.DataArray, dim, most: int | None = None) -> Iterator[slice]:
    """The places along an axis, some at a time: `most` numbers at once, and whole chunks of the
    file, each of which is unpacked once, where a chunk is not far larger than that."""
    size, most = array.sizes[dim], NUMBERS if most is None else most
    rest = max(1, array.size // max(size, 1))
    step, chunk = max(1, most // rest), max(1, chunks_of(array).get(dim, 1))
    if step >= chunk:
        step -= step % chunk
    elif chunk * rest <= 3 * most:
        step = chunk
    for first in range(0, size, step):
        yield slice(first, min(first + step, size))


def chunks_of(array: xr.DataArray) -> dict:
    """How many places along each axis a chunk of the file, or of Dask, has; {} where there is
    none."""
    if array.chunks is not None:
        return {d: max(c, default=1) for d, c in zip(array.dims, array.chunks, strict=True)}
    preferred = array.encoding.get("preferred_chunks") or {}
    return {d: c if isinstance(c, int) else max(c, default=1) for d, c in preferred.items()}


def lazily(
    compute: Callable[[dict], np.ndarray], dims: Sequence, shape: Sequence[int], dtype
) -> indexing.LazilyIndexedArray:
    """An array for an xarray.Variable; compute({dim: places}) gives a window of it.

    Places are slices or arrays of whole numbers. Nothing is kept.
    """
    return indexing.LazilyIndexedArray(_Windows(compute, tuple(dims), tuple(shape), dtype))


class _Windows(BackendArray):
    def __init__(self, compute, dims: tuple, shape: tuple[int, ...], dtype):
        self.compute, self.dims = compute, dims
        self.shape, self.dtype = shape, np.dtype(dtype)

    def __getitem__(self, key):
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._window)

    def _window(self, key) -> np.ndarray:
        # a single place is a window of one and dropped at the end
        single = [isinstance(k, (int, np.integer)) for k in key]
        window = [slice(k, k + 1) if one else k for k, one in zip(key, single, strict=True)]
        values = self.compute(dict(zip(self.dims, window, strict=True)))
        return values[tuple(0 if one else slice(None) for one in single)]
