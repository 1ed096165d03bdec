"""Attribute rasters of a domain file: averaged, split into classes, or looked up, cell by cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain import Domain
from gridhydro.io import read_raster

KEYS = ("file", "variable", "crs", "how", "units", "long_name", "lookup", "key", "value", "minimum")
HOWS = ("mean", "fraction", "direction")


def read_attributes(options: dict, domain: Domain, data: Path, source: Path) -> xr.Dataset:
    """All attributes as rasters (y, x) of the domain.

    how = "mean"       averages a finer raster (the default)
    how = "fraction"   one attribute for each class that covers `minimum` of the domain or more
    how = "direction"  an angle clockwise from north, degrees: its mean northness and eastness
    lookup, key, value  a table of classes: each class is first replaced by the mean of the column
                        `value` over the rows where the column `key` is the class
    """
    found: dict[str, xr.DataArray] = {}
    for name, given in options.items():
        place = f"{source}, [attributes.{name}]"
        unknown = [key for key in given if key not in KEYS]
        if unknown or "file" not in given:
            problem = f"unknown key '{unknown[0]}'" if unknown else "missing 'file'"
            raise ValueError(f"{place}: {problem}; known are {', '.join(KEYS)}")
        how = given.get("how", "mean")
        if how not in HOWS:
            raise ValueError(f"{place}: how is one of {', '.join(HOWS)}, not '{how}'")
        crs = given.get("crs") or (domain.crs if domain.crs is not None else None)
        raster = read_raster(data / given["file"], given.get("variable"), crs).rename(name)
        if "lookup" in given:
            raster = _looked_up(raster, given, data, place)
        for key, values in _reduced(name, raster, how, given, domain).items():
            found[key] = values
    return xr.Dataset(found)


def _reduced(name: str, raster, how: str, given: dict, domain: Domain) -> dict:
    units, text = given.get("units", "1"), given.get("long_name", name.replace("_", " "))
    if how == "fraction":
        shares = domain.aggregate(raster, "fraction")
        weights = domain.area / domain.area.sum()
        return {
            f"{name}_{int(share['class'])}": share.drop_vars("class").assign_attrs(
                units="1", long_name=f"{text}, share of class {int(share['class'])}"
            )
            for share in shares
            if domain.pack(share) @ weights >= given.get("minimum", 0.01)
        }
    if how == "direction":
        angle = np.deg2rad(raster)
        parts = {"northness": np.cos(angle), "eastness": np.sin(angle)}
        return {
            f"{name}_{part}": domain.aggregate(values.rename(part)).assign_attrs(
                units="1", long_name=f"{text}, mean {part}"
            )
            for part, values in parts.items()
        }
    on_grid = _finer(raster, domain)
    return {name: on_grid.assign_attrs(units=units, long_name=text)}


def _finer(raster, domain: Domain) -> xr.DataArray:
    """Averaged where the raster is finer than the domain, taken as it is on the same grid."""
    try:
        domain.pack(raster)
    except ValueError:
        return domain.aggregate(raster)
    return raster


def _looked_up(raster: xr.DataArray, given: dict, data: Path, place: str) -> xr.DataArray:
    path = data / given["lookup"]
    if not path.exists():
        raise FileNotFoundError(f"{place}: there is no file {path.resolve()}")
    lines = path.read_text().splitlines()
    # mHM's tables begin with a line that counts their rows
    header = next(
        (i for i, line in enumerate(lines[:5]) if given.get("key", "") in line.split()), None
    )
    if header is None or given.get("value") not in lines[header].split():
        raise ValueError(
            f"{place}: {path} has no columns '{given.get('key')}', '{given.get('value')}'"
        )
    table = pd.read_csv(path, sep=r"\s+", skiprows=header, comment="!")
    means = table.groupby(given["key"])[given["value"]].mean()
    classes = raster.values
    present = np.unique(classes[np.isfinite(classes)])
    lacking = [int(c) for c in present if c not in means.index]
    if lacking:
        raise ValueError(f"{place}: {path} has no row for the class {lacking[0]} of the raster")
    values = means.reindex(classes.ravel()).to_numpy(dtype=float).reshape(classes.shape)
    return raster.copy(data=values)
