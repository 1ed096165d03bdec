"""A domain as one CF NetCDF file: network, cells, areas, gauges and the report."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.damage import reading
from gridhydro.base.files import replace
from gridhydro.base.report import Report
from gridhydro.base.texts import text_encoding
from gridhydro.domain import reach_file
from gridhydro.domain.gauges import name_index
from gridhydro.domain.grid import Grid
from gridhydro.domain.network import Network
from gridhydro.domain.packing import axes, gauge_coordinates

_NETWORK = {
    "downstream": ("cell", "index of the downstream cell, -1 where water leaves the domain"),
    "sink": ("cell", "cell without a river store of its own"),
    "level": ("cell", "topological level, upstream to downstream"),
    "level_start": ("level_bound", "first cell of each level"),
    "upstream_start": ("cell_bound", "first entry of each cell in upstream"),
    "upstream": ("link", "cells that drain into each cell"),
    "basin": ("cell", "outlet cell that the cell drains to"),
}
_GAUGES = {
    "cell": ("index of the cell", "1"),
    "area_km2": ("reported catchment area", "km2"),
    "network_area_km2": ("catchment area in the network", "km2"),
}


def write(domain, path) -> None:
    """See `Domain.to_file`. The file appears whole or not at all."""
    path = Path(path)
    data = xr.Dataset(attrs={"Conventions": "CF-1.11", "title": "river network and model cells"})
    for name in ("errors", "warnings", "notes"):
        data.attrs[f"report_{name}"] = "\n".join(getattr(domain.report, name))
    for name, (dim, long_name) in _NETWORK.items():
        data[name] = (dim, getattr(domain.network, name), {"long_name": long_name, "units": "1"})
    data["sink"] = data["sink"].astype(np.int8).assign_attrs(data["sink"].attrs)
    data = data.assign_coords(gauge_coordinates(domain))
    for column, (long_name, unit) in _GAUGES.items():
        attrs = {"long_name": long_name, "units": unit}
        data[f"gauge_{column}"] = ("gauge", domain.gauges[column].to_numpy(), attrs)
    if domain.grid is None:
        data["area"] = ("cell", domain.area, {"standard_name": "cell_area", "units": "m2"})
    else:
        data = data.assign_coords(axes(domain.grid)).rio.write_crs(domain.crs)
        data["cell"] = ("cell", domain.row * domain.shape[1] + domain.col)
        data["cell"].attrs = {"compress": "y x", "long_name": "position of the cell in the raster"}
        attrs = {"standard_name": "cell_area", "long_name": "area of the cell", "units": "m2"}
        data["area"] = domain.unpack(domain.area, "area", attrs).assign_attrs(
            grid_mapping="spatial_ref"
        )
    if domain.reaches is not None:
        data = reach_file.with_reaches(data, domain.reaches)
    kinds = {str(name): data[name].dtype.kind for name in data.variables}
    encoding: dict[str, dict] = {n: {"zlib": True} for n, kind in kinds.items() if kind in "if"}
    for name, kind in kinds.items():
        if kind == "f":
            encoding[name]["_FillValue"] = np.nan
    encoding |= text_encoding(data)
    replace(path, lambda p: data.to_netcdf(p, engine="netcdf4", encoding=encoding))


def read(cls, path):
    """See `Domain.from_file`; ValueError if the file is no domain, or damaged."""
    path = Path(path)
    with reading(path, "a domain file, as to_file writes it", "write it again with to_file"):
        return cls(*_parts(path))


def _parts(path: Path) -> tuple:
    """The arguments of a Domain."""
    with xr.open_dataset(path, engine="netcdf4", decode_coords="all") as data:
        missing = [name for name in (*_NETWORK, "area", "gauge_cell") if name not in data.variables]
        if missing:
            raise ValueError(
                f"{path} is no domain file: it has no '{missing[0]}'; write one with to_file"
            )
        parts = {f.name: data[f.name].values for f in fields(Network)}
        network = Network(**{**parts, "sink": parts["sink"].astype(bool)})
        columns = {c: data[f"gauge_{c}"].values for c in ("x", "y", *_GAUGES)}
        gauges = pd.DataFrame(columns, index=name_index(data["gauge"].values))
        kinds = ("errors", "warnings", "notes")
        report = Report(*(data.attrs.get(f"report_{kind}", "").splitlines() for kind in kinds))
        reaches = reach_file.reaches_of(data)
        if "spatial_ref" not in data.variables:
            cells = np.arange(network.size)
            row, col, grid, area = np.zeros_like(cells), cells, None, data["area"].values
        else:
            import pyproj

            crs = pyproj.CRS.from_wkt(data["spatial_ref"].attrs["crs_wkt"])
            grid = Grid(data["y"].values, data["x"].values, crs)
            row, col = np.divmod(data["cell"].values, grid.shape[1])
            area = data["area"].values[row, col]
    return network, row, col, grid, area, gauges, report, reaches
