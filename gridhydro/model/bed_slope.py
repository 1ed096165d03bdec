"""The fall of the river bed in each cell, from the elevation of the cells."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from gridhydro.base.arguments import number, required
from gridhydro.base.units import to_unit
from gridhydro.columns.column import fields
from gridhydro.domain.domain import Domain
from gridhydro.inputs.attributes import property_values
from gridhydro.model.river import flow_length

LEAST = 1e-4
SLOPE = "river_slope"  # the property of a river in a channel
(ELEVATION,) = fields("elevation m: height of the cell")


def river_slope(domain: Domain, elevation=None, least: float = LEAST) -> np.ndarray:
    """Fall of the river bed over its length (N,), for a `gridhydro.River` of channels.

    elevation  of the cells, a raster in m (or another unit that it states) or (N,) m; left out for
               a vector network, whose reaches have slopes
    least      the slope of rivers that fall less than that, or climb, as means of cells may

    The fall is that of the elevation to the next cell downstream, over the distance between the
    centres; where water leaves the domain it is the mean of the rivers that come in. A warning says
    how many cells have `least` instead. ValueError for an elevation that is missing somewhere, of
    another shape or unit, lumped basins, and a `least` that is not above 0.
    """
    if domain.lumped:
        raise ValueError("lumped basins have no rivers, and so no slope of them")
    least = number("least", least)
    if not 0 < least <= 1:
        raise ValueError(f"least is {least}, should be a slope above 0 and at most 1")
    if isinstance(elevation, xr.DataArray) and elevation.attrs.get("units"):
        elevation = to_unit(elevation, "m")
    if elevation is None and domain.reaches is not None:
        return _of_reaches(domain, least)
    if elevation is None:
        raise ValueError("the slope of rivers is made of the elevation of the cells: give it")
    height = property_values(domain, {"elevation": elevation}, [ELEVATION])["elevation"]
    downstream = domain.network.downstream
    inner = downstream >= 0
    slope = np.full(domain.size, np.nan)
    slope[inner] = (height[inner] - height[downstream[inner]]) / flow_length(domain)[inner]
    coming = np.bincount(downstream[inner], minlength=domain.size)
    total = np.bincount(downstream[inner], np.maximum(slope[inner], 0), domain.size)
    slope = np.where(inner, slope, total / np.maximum(coming, 1))
    flat = np.count_nonzero(inner & (slope < least))
    if flat:
        warnings.warn(
            f"{flat} of {domain.size} cells fall by less than {least:g} to the next one "
            "downstream, or climb: their rivers have that slope",
            stacklevel=2,
        )
    return np.maximum(slope, least)


def with_slope(domain: Domain, properties, wanted):
    """The properties, and with them the slopes of the rivers of a vector network where these are
    wanted and not given."""
    asked = any(field.name == SLOPE for field in wanted)
    if domain.reaches is None or not asked or (properties is not None and SLOPE in properties):
        return properties
    given = {} if properties is None else {name: properties[name] for name in properties}
    return given | {SLOPE: river_slope(domain)}


def _of_reaches(domain: Domain, least: float) -> np.ndarray:
    """The slopes of a vector network, `least` where they are less or not known, which is said."""
    reaches = required("vector network", domain.reaches)
    unknown = np.isnan(reaches.slope)
    if unknown.all():
        raise ValueError(
            "the reaches have no slopes: give their column to Domain.from_network, "
            "columns={'slope': ...}, or the elevation of the unit basins to river_slope"
        )
    flat = np.count_nonzero(reaches.slope < least)
    if flat or unknown.any():
        warnings.warn(
            f"{flat} of {domain.size} reaches fall by less than {least:g}, or climb, and the slope "
            f"of {np.count_nonzero(unknown)} is not known: they have that slope",
            stacklevel=3,
        )
    return np.where(unknown, least, np.maximum(reaches.slope, least))
