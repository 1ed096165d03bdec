"""Results on disk, for any GIS and any NetCDF reader: maps, series, and what they mean.

Every file appears whole or not at all. Fluxes are rates in mm d-1 and stores in mm, as inside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import xarray as xr

from gridhydro.base.files import replace, replace_zarr
from gridhydro.base.quantities import OBSERVED, quantity
from gridhydro.base.steps import steps_a_day, unit_of
from gridhydro.base.texts import text_encoding
from gridhydro.columns.column import Field
from gridhydro.domain.domain import Domain
from gridhydro.domain.packing import gauge_coordinates
from gridhydro.io.csv_tables import write_table

DISCHARGE = OBSERVED["river_discharge"].attrs | {"cell_methods": "time: mean"}
GAUGE_AREA = {"long_name": "area upstream of the gauge in the river network", "units": "km2"}
# a chunk is at most a year long and a few megabytes large: the map of a day and the year of a cell
# both read few of them
_DAYS, _SIDE, _NUMBERS = 365, 1024, 2**20


def dataset(
    domain: Domain,
    times,
    fields: Sequence[Field],
    values: Mapping[str, np.ndarray],
    discharge: np.ndarray | None = None,
) -> xr.Dataset:
    """Series of the cells and of the gauges as one labelled Dataset.

    times      (T,) days, or beginnings of steps
    fields     the quantities in `values`, name -> (T, N); they become (time, y, x), or
               (time, gauge) for lumped basins and (time, reach) for vector networks
    discharge  (T, G) m3 s-1 at the gauges, named `discharge`: no output may have that name then
    """
    time = xr.DataArray(pd.DatetimeIndex(times), dims="time")
    count = steps_a_day(pd.DatetimeIndex(times))
    told = "day" if count == 1 else f"beginning of a step, {count} a day"
    time.attrs = {"standard_name": "time", "long_name": told, "axis": "T"}
    found = {}
    if discharge is not None and any(field.name == "discharge" for field in fields):
        raise ValueError(
            "the column has an output 'discharge', which is what gauges see: call what a cell "
            "gives to the river its runoff"
        )
    for field in fields:
        name = field.name
        attrs = field_attrs(field)
        # stores are those at the end of the day, unless they say otherwise
        mean = field.unit.endswith(("d-1", "s-1")) or "mean of the day" in field.long_name
        attrs["cell_methods"] = "time: mean" if mean else "time: point"
        found[name] = domain.unpack(values[field.name], name, attrs, ["time"], {"time": time})
    result = xr.Dataset(found, {"time": time})
    if discharge is not None:
        result["discharge"] = (("time", "gauge"), np.asarray(discharge), DISCHARGE)
        area = domain.gauges["network_area_km2"].to_numpy(float)
        result = result.assign_coords(gauge_coordinates(domain) | {"gauge_area": ("gauge", area)})
        result["gauge_area"].attrs = GAUGE_AREA
    return result


def field_attrs(field: Field) -> dict:
    """CF attributes of a quantity: units, long name, standard name and bounds if it has them."""
    attrs = dict(field.attrs)
    if standard_name := quantity(field.name, field.unit).standard_name:
        attrs["standard_name"] = standard_name
    if field.bounds is not None:
        # of the type of the numbers, as CF wants it
        attrs["valid_min"], attrs["valid_max"] = np.asarray(field.bounds, np.float32)
    return attrs


def write_parameters(
    folder: str | Path, domain: Domain, fields: Sequence[Field], values: Mapping[str, np.ndarray]
) -> None:
    """Parameter maps from values name -> (N,): folder/parameters.nc and folder/parameters/*.tif.

    The GeoTIFFs are cloud-optimised, north up, NaN outside the domain. Lumped basins and reaches,
    which have no map, get a table instead: folder/parameters.csv, a row for each, units in the
    header.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    maps = {
        field.name: domain.unpack(
            np.asarray(values[field.name], np.float32), field.name, field_attrs(field), ()
        )
        for field in fields
    }
    write_dataset(folder / "parameters.nc", xr.Dataset(maps), "parameters of the column model")
    if domain.grid is None:
        columns = {f"{name} [{v.attrs['units']}]": v.values for name, v in maps.items()}
        index = pd.Index(domain.cell_index, name=domain.cell_axes[0])
        table = pd.DataFrame(columns, index=index)
        long_names = (v.attrs["long_name"] for v in maps.values())
        meanings = dict(zip(columns, long_names, strict=True))
        write_table(folder / "parameters.csv", table, meanings=meanings, index=True)
        return
    (folder / "parameters").mkdir(exist_ok=True)
    for name, raster in maps.items():
        write_geotiff(folder / "parameters" / f"{name}.tif", raster)


def write_geotiff(path: str | Path, raster: xr.DataArray) -> None:
    """A raster (y, x) with its CRS as a cloud-optimised GeoTIFF, north up and west left."""
    raster = raster.sortby("y", ascending=False).sortby("x")
    profile = dict(
        driver="COG", compress="deflate", dtype=raster.dtype, count=1, nodata=np.nan,
        height=raster.sizes["y"], width=raster.sizes["x"],
        crs=raster.rio.crs, transform=raster.rio.transform(),
    )  # fmt: skip

    def write(place: Path) -> None:
        with rasterio.open(place, "w", **profile) as file:
            file.write(raster.values, 1)
            file.set_band_description(1, raster.attrs.get("long_name", str(raster.name)))
            file.units = (raster.attrs.get("units", "1"),)
            file.update_tags(1, **raster.attrs)

    replace(Path(path), write)


def write_dataset(
    path: str | Path, data: xr.Dataset, title: str = "model run",
    axis: pd.DatetimeIndex | None = None,
) -> None:  # fmt: skip
    """A Dataset as compressed CF NetCDF (.nc) or Zarr (.zarr); numbers in single precision.

    axis   all times, of which the Dataset has some, if not all: they are counted from the first
    ValueError for another suffix.
    """
    path = Path(path)
    if path.suffix not in (".nc", ".zarr"):
        raise ValueError(f"{path}: series are written to a file .nc or a folder .zarr")
    path.parent.mkdir(parents=True, exist_ok=True)
    data = stored(data, title, axis)
    if path.suffix == ".nc":
        replace(path, lambda p: data.to_netcdf(p, engine="netcdf4", encoding=text_encoding(data)))
    else:
        replace_zarr(path, data)


def stored(
    data: xr.Dataset, title: str = "model run", axis: pd.DatetimeIndex | None = None
) -> xr.Dataset:
    """A copy that says how each variable is to be stored, and who wrote it; see `write_dataset`.

    The reference system stays with it.
    """
    data = data.assign_attrs(
        Conventions="CF-1.11",
        title=f"gridhydro: {title}",
        source=f"gridhydro {version('gridhydro')}",
        history=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} written by gridhydro",
    )
    for name in data.variables:
        variable = data[name]
        if variable.dtype.kind != "f":
            continue
        sizes = {dim: min(n, _SIDE) for dim, n in variable.sizes.items() if dim != "time"}
        days = min(_DAYS, _NUMBERS // max(1, math.prod(sizes.values())))
        chunks = tuple(sizes.get(dim, min(n, days)) for dim, n in variable.sizes.items())
        variable.encoding |= {"_FillValue": None if name in data.coords else np.nan}
        if name not in data.coords and variable.size:
            variable.encoding |= {"dtype": "float32", "zlib": True, "complevel": 4}
            variable.encoding |= {"chunksizes": chunks, "chunks": chunks}
    if "time" in data.coords:
        axis = pd.DatetimeIndex(data.indexes["time"]) if axis is None else axis
        units = f"{unit_of(axis)[0]} since {axis[0]:%Y-%m-%d}"
        data["time"].encoding = {"units": units, "calendar": "standard", "dtype": "int32"}
    return data
