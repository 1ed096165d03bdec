"""Rasters and series of rasters as means over the unit basins of a vector network."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import xarray as xr

from gridhydro.base.arguments import required
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import crs_or
from gridhydro.domain.polygons import Polygons
from gridhydro.domain.reaches import AXIS, Reaches
from gridhydro.domain.zonal import OverPolygons

# the weights of a grid are found once for all series and attributes on it
_KNOWN: WeakKeyDictionary[Reaches, OverPolygons] = WeakKeyDictionary()


def over_reaches(domain: Domain, raster: xr.DataArray) -> xr.DataArray:
    """A series (time, y, x) or a raster (y, x) as (time, reach) or (reach): means by the areas of
    overlap with the polygons of the unit basins. Of a series nothing is read yet. What does not
    say its reference system has that of the polygons.

    ValueError for a network without polygons, and for one that lies where there are no data.
    """
    over = _over(domain)
    coords = {AXIS: required("network", domain.reaches).ids}
    if "time" in raster.dims:
        series = (
            over.series(raster, crs_or(raster, over.polygons.crs))
            .rename(gauge=AXIS)
            .assign_coords(coords)
        )
        return series.assign_attrs(raster.attrs)
    values = means_over(domain, raster, "mean")[str(raster.name)]
    return xr.DataArray(values, coords, AXIS, raster.name, raster.attrs)


def means_over(domain: Domain, raster: xr.DataArray, how: str) -> dict[str, np.ndarray]:
    """What a raster (y, x) has on the unit basins, name -> (N,); see `OverPolygons.raster`."""
    over = _over(domain)
    return over.raster(raster, how, crs_or(raster, over.polygons.crs))


def _over(domain: Domain) -> OverPolygons:
    reaches = required("network", domain.reaches)
    if reaches.polygons is None:
        raise ValueError(
            "rasters are averaged over the unit basins of reaches, and their polygons are not "
            "known: give them to the network as catchments, or values by reach"
        )
    if reaches not in _KNOWN:
        polygons = Polygons.of(list(reaches.names), reaches.polygons, reaches.crs)
        # as on the cells of a raster, a mean is of what data there are, which is said
        _KNOWN[reaches] = OverPolygons(polygons, minimum=0.0)
    return _KNOWN[reaches]
