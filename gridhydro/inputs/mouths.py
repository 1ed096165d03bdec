"""What lies beyond the mouths of a domain's rivers, by the routes of a land surface."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import spacing, spatial_dims
from gridhydro.inputs.lags import Beyond
from gridhydro.io.hydropy import ROUTES


def beyond_mouths(domain: Domain, land: xr.Dataset) -> Beyond | None:
    """The cells that water leaves to by rout_lat and rout_lon, as HydroPy has them; None without.

    land  fields of `read_land_surface`, of the rows and columns that the routes count
    A route to the cell itself leads nowhere. Warns of routes to cells that lie not beside the
    mouth, which are left alone: those of a file cut to a region count the rows of the whole.
    """
    if domain.grid is None or not all(name in land for name in ROUTES):
        return None
    y, x = spatial_dims(land["srftopo"])
    row, col = (domain.pack(land[name]) for name in ROUTES)
    rows, cols = land.sizes[y], land.sizes[x]
    there = np.isin(row, np.arange(rows)) & np.isin(col, np.arange(cols))
    row, col = (np.where(there, index, 0).astype(np.int64) for index in (row, col))
    grid = domain.raster_grid
    ys, xs = (land[d] if d in land.coords else own for d, own in ((y, grid.y), (x, grid.x)))
    to_y, to_x = np.asarray(ys, float)[row], np.asarray(xs, float)[col]
    up = np.abs(to_y - grid.y[domain.row]) / abs(spacing(grid.y))
    along = to_x - grid.x[domain.col]
    along = (along + 180) % 360 - 180 if grid.geographic else along
    along = np.abs(along / spacing(grid.x))
    beside = there & (up < 1.5) & (along < 1.5)
    mouth = domain.network.downstream < 0
    wrong = np.flatnonzero(mouth & ~beside)
    if wrong.size:
        warnings.warn(
            f"rout_lat, rout_lon of the land surface name no cell beside {wrong.size} of "
            f"{mouth.sum()} river mouths, the first: {domain.name_cell(wrong[0])}: their rivers "
            "end there, with the smallest drop. A file cut to a region keeps the indices of the "
            "whole: cut the domain instead, or leave rout_lat and rout_lon out",
            stacklevel=3,
        )
    known = mouth & beside & ((up > 0.5) | (along > 0.5))
    elevation = land["srftopo"].transpose(y, x).values[row, col]
    # HydroPy takes 0 where an elevation is missing, as at sea
    return Beyond(
        np.where(known, to_x, np.nan),
        np.where(known, to_y, np.nan),
        np.where(known, np.nan_to_num(elevation), np.nan),
    )
