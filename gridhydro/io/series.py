"""Series of rasters: forcing from NetCDF files and Zarr stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import xarray as xr

from gridhydro.base.arguments import one_of
from gridhydro.base.files import existing
from gridhydro.base.missing import declare, masked
from gridhydro.domain.grid import known_crs
from gridhydro.domain.reference import REFERENCES, centred
from gridhydro.io.lazy import opened
from gridhydro.io.raster import variable_of


def read_series(
    path: str | Path,
    variable: str | None = None,
    *,
    crs=None,
    units: str | None = None,
    cell_reference: str = "center",
    missing: float | Sequence[float] | None = None,
) -> xr.DataArray:
    """A variable (time, y, x) of a NetCDF file.

    units           where the file does not say, or says it wrongly
    cell_reference  the point of a cell that the file's coordinates stand for, if not its centre
    missing         numbers that stand for missing values, where the file does not declare them
    ValueError if the variable has no time, or for another `cell_reference`.
    """
    told = dict(crs=crs, units=units, cell_reference=cell_reference, missing=missing)
    with opened_series(path, variable, **told) as series:
        return masked(series.load())


@contextmanager
def opened_series(
    path: str | Path, variable: str | None = None, *, crs=None, units: str | None = None,
    cell_reference: str = "center", missing: float | Sequence[float] | None = None, opener=opened,
) -> Iterator[xr.DataArray]:  # fmt: skip
    """As `read_series`, nothing of it read: only within, when a part of it is asked for.

    A Zarr store is taken, too. `missing` becomes the attribute missing_value. `opener` opens the
    file for as long as the series is looked at, or for longer.
    """
    one_of("cell_reference", cell_reference, REFERENCES)
    path = existing(path)
    with opener(path) as dataset:
        series = declare(variable_of(dataset, path, variable), missing)
        if "time" not in series.dims:
            raise ValueError(f"'{series.name}' in {path} has no time axis, but {series.dims}")
        series = centred(series, cell_reference)
        if crs is not None:
            series = series.rio.write_crs(known_crs(crs))
        yield series if units is None else series.assign_attrs(units=units)
