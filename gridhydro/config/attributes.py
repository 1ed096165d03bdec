"""Attribute rasters of a domain file: averaged, split into classes, or looked up, cell by cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import required
from gridhydro.base.missing import masked
from gridhydro.config.network import attribute_of
from gridhydro.config.parse import locate, named
from gridhydro.config.sections import AttributeOptions
from gridhydro.domain.by_reach import by_reach, of_reaches
from gridhydro.domain.cells import OtherGrid, matching
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import cell_dims, crs_or, read_grid, same_crs
from gridhydro.domain.packing import cell_coordinates
from gridhydro.domain.reaches import AXIS
from gridhydro.domain.resample import finer
from gridhydro.inputs.over_reaches import means_over, over_reaches
from gridhydro.io import read_raster
from gridhydro.io.tables import read_columns
from gridhydro.io.text_files import read_lines

HOWS = ("mean", "fraction", "direction")


def read_attributes(
    options: dict[str, AttributeOptions], domain: Domain, data: Path, source: Path
) -> xr.Dataset:
    """All attributes as rasters (y, x) of the domain.

    how = "mean"       averages a finer raster, interpolates a coarser one (the default)
    how = "fraction"   one attribute for each class that covers `minimum` of the domain or more
    how = "direction"  an angle clockwise from north, degrees: its mean northness and eastness
    lookup, key, value  a table of classes: each class is first replaced by the mean of the column
                        `value` over the rows where the column `key` is the class
    """
    found: dict[str, xr.DataArray] = {}
    for name, given in options.items():
        place = f"{source}, [attributes.{name}]"
        if given.how not in HOWS:
            raise ValueError(f"{place}: how is one of {', '.join(HOWS)}, not '{given.how}'")
        path = locate(data, given.file, f"{place}: file")
        if domain.reaches is not None:
            raster = attribute_of(name, given, domain, path, place)
            if raster.ndim == 1:
                found[name] = _by_id(name, raster, given, domain, place)
                continue
        else:
            with named(f"{place}: file, variable, cell_reference"):
                raster = read_raster(path, given.variable, given.crs, given.cell_reference)
            raster = masked(raster, given.missing).rename(name)
        if given.lookup is not None:
            raster = _looked_up(raster, given, data, place)
        found |= _reduced(name, raster, given, domain, place)
    return xr.Dataset(found)


def _reduced(name: str, raster, given: AttributeOptions, domain: Domain, place: str) -> dict:
    text = given.long_name or name.replace("_", " ")
    if domain.reaches is not None and given.how != "mean":
        with named(place):
            return _over_polygons(name, raster, given, domain, text)
    if given.how == "fraction":
        fractions = domain.aggregate(raster, "fraction")
        weights = domain.area / domain.area.sum()
        classes = {
            f"{name}_{fraction['class'].item():g}": fraction.drop_vars("class").assign_attrs(
                units="1", long_name=f"{text}, fraction of class {fraction['class'].item():g}"
            )
            for fraction in fractions
            if domain.pack(fraction) @ weights >= given.minimum
        }
        if not classes:
            raise ValueError(f"{place}: no class covers {given.minimum:g} of the domain: lower it")
        return classes
    if given.how == "direction":
        angle = np.deg2rad(raster)
        parts = {"northness": np.cos(angle), "eastness": np.sin(angle)}
        return {
            f"{name}_{part}": on_domain(values.rename(f"{name}_{part}"), domain).assign_attrs(
                units="1", long_name=f"{text}, mean {part}"
            )
            for part, values in parts.items()
        }
    return {name: on_domain(raster, domain).assign_attrs(units=given.units, long_name=text)}


def _by_id(name: str, values, given: AttributeOptions, domain: Domain, place: str):
    """An attribute (reach) of a table or file of values by id."""
    text = given.long_name or name.replace("_", " ")
    if given.how != "mean" or given.lookup is not None:
        raise ValueError(
            f"{place}: how and lookup are of rasters, and the file has values by reach"
        )
    with named(place):
        array, *_ = of_reaches(domain, values)
    attrs = {"units": given.units, "long_name": text}
    return xr.DataArray(array.values, cell_coordinates(domain), AXIS, name, attrs)


def _over_polygons(name: str, raster, given: AttributeOptions, domain: Domain, text: str) -> dict:
    """Fractions of classes or mean directions of a raster on the unit basins of a network."""
    made = means_over(domain, raster, given.how)
    if given.how == "fraction":
        weights = domain.area / domain.area.sum()
        made = {key: values for key, values in made.items() if values @ weights >= given.minimum}
        if not made:
            raise ValueError(f"no class covers {given.minimum:g} of the domain: lower 'minimum'")
    what = "fraction of class" if given.how == "fraction" else "mean"
    return {
        f"{name}_{key}": domain.unpack(
            values, f"{name}_{key}", {"units": "1", "long_name": f"{text}, {what} {key}"}, ()
        )
        for key, values in made.items()
    }


def on_domain(raster: xr.DataArray, domain: Domain, gaps: bool = False) -> xr.DataArray:
    """A raster (..., y, x) on the domain: as it is on the same grid, averaged if it is finer,
    interpolated if it is coarser.

    A coarser one may be in another reference system; a finer one in another is refused. Cells
    without data are refused too, unless it may have gaps.
    """
    if not same_grid(raster, domain):
        return brought(raster, domain, gaps)
    if domain.reaches is not None:
        raster = by_reach(domain.reaches, raster)
    lead = [dim for dim in raster.dims if dim not in cell_dims(raster)]
    coords = {dim: raster[dim] for dim in lead if dim in raster.coords}
    return domain.unpack(domain.pack(raster, gaps), raster.name, raster.attrs, lead, coords)


def values_on(raster: xr.DataArray, domain: Domain) -> np.ndarray:
    """Values (..., N) of the domain's cells, as `on_domain` brings them there."""
    return domain.pack(raster if same_grid(raster, domain) else brought(raster, domain))


def same_grid(raster: xr.DataArray, domain: Domain) -> bool:
    """Whether the cells of a raster are those of the domain; of values by reach, that they are no
    raster."""
    if domain.reaches is not None:
        return AXIS in by_reach(domain.reaches, raster).dims
    grid = domain.raster_grid
    if not same_crs(raster, grid.crs):
        return False
    try:
        matching(raster, grid)
    except OtherGrid:
        return False
    return True


def brought(
    raster: xr.DataArray, domain: Domain, gaps: bool = False, lazy: bool = False
) -> xr.DataArray:
    """A raster of another grid on the domain; `lazy`: nothing is read yet."""
    if domain.reaches is not None:
        if gaps:
            raise ValueError(
                f"'{raster.name}' is a raster that may have gaps, which a vector network does not "
                "take: give values by reach"
            )
        return over_reaches(domain, raster)
    grid = read_grid(raster, crs_or(raster, domain.raster_grid.crs))
    if finer(grid, domain.raster_grid):
        return domain.aggregate(raster, gaps=gaps, lazy=lazy)
    return domain.regrid(raster, gaps=gaps, lazy=lazy)


def _looked_up(raster: xr.DataArray, given: AttributeOptions, data: Path, place: str):
    path = locate(data, required("lookup", given.lookup), f"{place}: lookup")
    wanted = [given.key, given.value]
    if None in wanted:
        raise ValueError(f"{place}: with 'lookup' go 'key' and 'value', two columns of the table")
    # mHM's tables begin with a line that counts their rows
    lines = read_lines(path)
    header = next((i for i, line in enumerate(lines[:5]) if set(wanted) <= set(line.split())), None)
    if header is None:
        raise ValueError(f"{place}: {path} has no columns '{given.key}' and '{given.value}'")
    names = lines[header].split()
    with named(place):
        columns = read_columns(lines, names, header + 1, path, text=set(names) - set(wanted))
    means = pd.Series(columns[given.value]).groupby(columns[given.key]).mean()
    classes = raster.values
    present = np.unique(classes[np.isfinite(classes)])
    lacking = [c for c in present if c not in means.index]
    if lacking:
        raise ValueError(f"{place}: {path} has no row for the class {lacking[0]:g} of the raster")
    values = means.reindex(classes.ravel()).to_numpy(dtype=float).reshape(classes.shape)
    return raster.copy(data=values)
