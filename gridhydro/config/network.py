"""A domain file of a vector network: its reaches, and what is known of them by id."""

from __future__ import annotations

import warnings
from pathlib import Path

import xarray as xr

from gridhydro.base.missing import masked
from gridhydro.config.parse import locate, named, read_options
from gridhydro.config.sections import AttributeOptions, NetworkOptions
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.domain import Domain
from gridhydro.domain.reaches import AXIS
from gridhydro.io import read_raster
from gridhydro.io.lazy import opened
from gridhydro.io.raster import NETCDF
from gridhydro.io.reaches import TEXTS, read_reaches, values_by_reach
from gridhydro.io.vector import SUFFIXES


def make_network(source: Path, content: dict, data: Path, gauges) -> Domain:
    """The domain of [network], cut to what drains to its gauges unless the file says otherwise."""
    place = f"{source}, [network]"
    options = read_options(source, "network", NetworkOptions, content["network"])
    tables = {}
    for key in ("file", "catchments", "nexus"):
        given = getattr(options, key)
        if given is not None:
            layer = {"file": options.layer, "nexus": options.nexus_layer}.get(key)
            path = locate(data, given, f"{place}: {key}", store=True)
            with named(f"{place}: {key}"):
                tables[key] = read_reaches(path, layer)
    with named(place), warnings.catch_warnings():
        # the commands say them with the rest of the report
        warnings.simplefilter("ignore", DomainWarning)
        domain = Domain.from_network(
            tables["file"], options.layout, columns=options.columns, units=options.units,
            nexus=tables.get("nexus"), catchments=tables.get("catchments"), gauges=gauges.table,
            snap=options.snap, crs=options.crs,
        )  # fmt: skip
    return domain.crop() if options.crop else domain


def attribute_of(
    name: str, given: AttributeOptions, domain: Domain, path: Path, place: str
) -> xr.DataArray:
    """An attribute: values (reach) of a table or a NetCDF file by id, or a raster (y, x)."""
    with named(f"{place}: file, variable, cell_reference"):
        if path.suffix.lower() in (*SUFFIXES, *TEXTS):
            values = values_by_reach(path, given.variable or name, given.key)
            found = xr.DataArray(values.to_numpy(), {AXIS: values.index.to_numpy()}, AXIS)
        else:
            by_id = _of_netcdf(path, given.variable or name)
            found = (
                read_raster(path, given.variable, given.crs, given.cell_reference)
                if by_id is None
                else by_id
            )
    return masked(found, given.missing).rename(name)


def _of_netcdf(path: Path, variable: str) -> xr.DataArray | None:
    """A variable over one axis in a NetCDF file; None where there is none."""
    if path.suffix.lower() not in NETCDF:
        return None
    with opened(path) as dataset:
        if variable in dataset and dataset[variable].ndim == 1:
            return dataset[variable].load()
    return None
