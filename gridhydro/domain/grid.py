"""Position of a raster's cells: its axes, coordinate reference system and cell areas."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from gridhydro.base.missing import declared, masked

if TYPE_CHECKING:
    import pyproj

# gives every DataArray its .rio; a model on tensors alone reads no raster, and runs without
with suppress(ImportError):
    import rioxarray  # noqa: F401

_AXES = (
    ("y", "x"),
    ("lat", "lon"),
    ("latitude", "longitude"),
    ("yc", "xc"),
    ("northing", "easting"),
)
_STANDARD = (("latitude", "longitude"), ("projection_y_coordinate", "projection_x_coordinate"))


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular raster: cell centres `y` (rows,) and `x` (columns,) in the units of `crs`."""

    y: np.ndarray
    x: np.ndarray
    crs: pyproj.CRS

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return self.y.size, self.x.size

    @property
    def geographic(self) -> bool:
        """Whether x and y are longitude and latitude."""
        return self.crs.is_geographic

    @property
    def wraps(self) -> bool:
        """Whether the columns go once around the globe."""
        if not self.geographic or self.x.size < 2:
            return False
        return abs(abs(spacing(self.x)) * self.x.size - 360) < 1e-3 * abs(spacing(self.x))

    @property
    def unit(self) -> str:
        """The unit of y and x in a CF file: "m", "km", "US_survey_foot", "degree"."""
        return axis_unit(self.crs)

    @property
    def metre(self) -> float:
        """Metres in one unit of y and x of a projected grid."""
        return self.crs.axis_info[0].unit_conversion_factor if self.crs.axis_info else 1.0

    def name_cell(self, row, col) -> str:
        """A cell for a message."""
        names = ("lat", "lon") if self.geographic else ("y", "x")
        return (
            f"row {row}, col {col} ({names[0]} {self.y[row]:.10g}, {names[1]} {self.x[col]:.10g})"
        )

    def cell_area(self) -> np.ndarray:
        """Area of every cell (rows, cols), m2: on the ellipsoid, or in the plane of the map."""
        if not self.geographic:
            return np.full(self.shape, abs(spacing(self.y) * spacing(self.x)) * self.metre**2)
        half = abs(spacing(self.y)) / 2
        bands = area_below(self.y + half, self.crs) - area_below(self.y - half, self.crs)
        turn = abs(spacing(self.x)) / 360  # a cell's part of the band around the globe
        return np.repeat(bands[:, None] * turn, self.x.size, axis=1)


def axis_unit(crs) -> str:
    """The unit of the axes of a reference system in a CF file."""
    name = crs.axis_info[0].unit_name if crs.axis_info else "metre"
    return {"metre": "m", "kilometre": "km"}.get(name, name.replace(" ", "_"))


def area_below(latitude, crs):
    """Area of the ellipsoid (m2) from the equator to a latitude (degrees north), all around.

    Snyder (1987), Map projections: a working manual, eq. 3-12.
    """
    ellipsoid = crs.ellipsoid or known_crs("EPSG:4326").ellipsoid
    assert ellipsoid is not None  # as WGS 84 has one
    a, b = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
    sine = np.sin(np.radians(np.clip(latitude, -90, 90)))
    e = np.sqrt(1 - (b / a) ** 2)
    if e == 0:
        return 2 * np.pi * a**2 * sine
    return np.pi * b**2 * (sine / (1 - (e * sine) ** 2) + np.arctanh(e * sine) / e)


def spacing(axis: np.ndarray) -> float:
    """The signed step from one cell centre to the next."""
    return float(axis[-1] - axis[0]) / (axis.size - 1)


def spatial_dims(raster) -> tuple[str, str]:
    """The names of the row and the column dimension of a DataArray or Dataset.

    ValueError if they have other names than those known.
    """
    for names in (*_AXES, *_STANDARD):
        if set(names) <= set(raster.dims):
            return names
    for names in _STANDARD:
        found = [
            dim
            for name in names
            for dim in raster.dims
            if dim in raster.coords and raster[dim].attrs.get("standard_name") == name
        ]
        if len(found) == 2:
            return tuple(found)
    known = ", ".join("/".join(names) for names in _AXES)
    raise ValueError(
        f"cannot tell rows from columns among the dimensions {tuple(raster.dims)}: "
        f"rename them to one of {known}"
    )


def cell_dims(data) -> tuple[str, ...]:
    """The axes of the cells of a DataArray or Dataset: gauge, reach, or those of a raster.

    ValueError for a raster whose axes have other names than those known.
    """
    alone = [dim for dim in ("gauge", "reach") if dim in data.dims]
    return (alone[0],) if alone else spatial_dims(data)


def read_grid(raster, crs=None) -> Grid:
    """The grid of a DataArray or Dataset; `crs` overrides what the raster says of itself.

    Raises ValueError if an axis is missing or irregular, or if the reference system is unknown.
    """
    dims = spatial_dims(raster)
    axes = [_read_axis(raster, dim) for dim in dims]
    crs = read_crs(raster, crs)
    if crs.is_geographic and np.abs(axes[0]).max() > 90.001:
        raise ValueError(
            f"{dims[0]} reaches {np.abs(axes[0]).max():g}, which is no latitude: the raster is "
            "projected, so give its reference system, for example crs='EPSG:3035'"
        )
    return Grid(axes[0], axes[1], crs)


def _read_axis(raster, dim) -> np.ndarray:
    if dim not in raster.coords:
        raise ValueError(f"the raster has no coordinate '{dim}': assign the cell centres to it")
    axis = raster[dim].values.astype(np.float64)
    if axis.size < 2:
        raise ValueError(f"'{dim}' has {axis.size} cells: a raster needs two or more on each axis")
    steps = np.diff(axis)
    step = spacing(axis)
    # coordinates stored in single precision are off by that much of their size
    slack = 1e-3 * abs(step) + 4e-7 * np.abs(axis).max()
    if not np.all(np.abs(steps - step) <= slack) or step == 0:
        worst = int(np.nanargmax(np.abs(steps - step))) if np.isfinite(steps).any() else 0
        raise ValueError(
            f"'{dim}' is not evenly spaced: {axis[worst]:g} is followed by {axis[worst + 1]:g}, "
            f"the mean step is {step:g}; put the raster on a regular grid"
        )
    return axis


def read_crs(raster, crs=None) -> pyproj.CRS:
    """The reference system given, or the raster's own, or WGS84 for latitude and longitude.

    ValueError if none of these is there, or PROJ does not know it.
    """
    if crs is not None:
        return known_crs(crs)
    own = own_crs(raster)
    if own is not None:
        return own
    dims = spatial_dims(raster)
    units = str(raster[dims[0]].attrs.get("units", "")) if dims[0] in raster.coords else ""
    if dims[0] in ("lat", "latitude") or units.lower().startswith("degree"):
        return known_crs("EPSG:4326")
    raise ValueError(
        f"the reference system of the raster ({dims[0]}, {dims[1]}) is unknown: give it, "
        "for example crs='EPSG:3035', or write it with raster.rio.write_crs('EPSG:3035')"
    )


def known_crs(crs) -> pyproj.CRS:
    """The reference system of a code, a text or an object; ValueError where PROJ knows none."""
    import pyproj

    try:
        return pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise ValueError(f"'{crs}' is no reference system that PROJ knows: {error}") from None


def own_crs(raster) -> pyproj.CRS | None:
    """The reference system that a raster states, None without; ValueError where it is none."""
    import rioxarray  # noqa: F401

    try:
        own = raster.rio.crs
    except Exception as error:  # rasterio's and rioxarray's errors have no common base
        raise ValueError(
            f"'{raster.name}' states a reference system that cannot be read ({error}): mend its "
            "grid mapping"
        ) from error
    return None if own is None else known_crs(own)


def crs_or(raster, default: pyproj.CRS) -> pyproj.CRS:
    """The reference system of a raster, `default` if it cannot be told."""
    try:
        return read_crs(raster)
    except ValueError:
        return default


def same_crs(raster, crs: pyproj.CRS) -> bool:
    """Whether the raster is in this reference system, or does not say in which."""
    own = own_crs(raster)
    return own is None or own.equals(crs, ignore_axis_order=True)


def refuse_other_crs(raster, crs: pyproj.CRS) -> None:
    """ValueError if the raster says that it is in another reference system."""
    own = own_crs(raster)
    if own is not None and not same_crs(raster, crs):
        raise ValueError(
            f"'{raster.name}' is in {own.name}, the domain in {crs.name}: bring it over with "
            "domain.regrid, or reproject it with raster.rio.reproject(domain.crs)"
        )


def find(axis: np.ndarray, points, period: float | None = None) -> np.ndarray:
    """Positions of points along an axis, in cells: 0.0 is the first centre, 0.5 the edge after it.

    `period` (360 for longitudes) brings points into the turn that the axis covers. Points beyond
    the outer edges get NaN.
    """
    step = spacing(axis)
    points = np.asarray(points, dtype=np.float64)
    if period is not None:
        start = min(axis[0], axis[-1]) - abs(step) / 2
        points = start + np.mod(points - start + 1e-9 * period, period) - 1e-9 * period
    place = (points - axis[0]) / step
    slack = 1e-6 + 4e-7 * np.abs(axis).max() / abs(step)
    edge = 0.5 + slack
    inside = (place >= -edge) & (place <= axis.size - 1 + edge)
    return np.where(inside, place, np.nan)


def nearest(place: np.ndarray, size: int) -> np.ndarray:
    """The cell that contains each place of `find`; -1 for NaN."""
    rounded = np.clip(np.floor(np.nan_to_num(place, nan=-9) + 0.5), 0, size - 1).astype(np.int64)
    return np.where(np.isnan(place), -1, rounded)


def transform(points_x, points_y, source, target) -> tuple[np.ndarray, np.ndarray]:
    """Points from one reference system to another, always x (or longitude) first."""
    points_x, points_y = np.asarray(points_x, float), np.asarray(points_y, float)
    source, target = known_crs(source), known_crs(target)
    if source == target:
        return points_x, points_y
    import pyproj

    change = pyproj.Transformer.from_crs(source, target, always_xy=True)
    return change.transform(points_x, points_y)


def read_values(raster: xr.DataArray) -> np.ndarray:
    """A raster's values (..., rows, cols), with its no-data value, if it states one, as NaN."""
    raster = masked(raster.transpose(..., *spatial_dims(raster)))
    values = raster.values
    nodata = None if declared(raster) is not None else raster.rio.nodata
    if nodata is None or np.isnan(nodata) or not (values == nodata).any():
        return values
    return np.where(values == nodata, np.nan, values.astype(np.float64))
