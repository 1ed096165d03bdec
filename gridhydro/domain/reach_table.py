"""A table of reaches as arrays in the engine's units, and a report on what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridhydro.base.identifiers import identifiers, places
from gridhydro.base.report import Report
from gridhydro.base.units import conversion, spelled
from gridhydro.base.words import count_of
from gridhydro.domain.grid import known_crs, transform
from gridhydro.domain.network import Network, shorten
from gridhydro.domain.polygons import WGS84, Polygons
from gridhydro.domain.reach_layouts import ROLES, Columns
from gridhydro.domain.reach_links import Links

if TYPE_CHECKING:
    import pyproj

_SLOPES = {"%": 1e-2, "percent": 1e-2, "m km-1": 1e-3, "dm km-1": 1e-4, "1": 1.0, "m m-1": 1.0}
_STEEP = 1.0  # a slope above it, 45 degrees, is none of a river
# between the length of a reach and the side of a square of its unit basin lies no more than this
_APART = 100.0
_OFF = 0.05  # of an upstream area that is stated, which is said


@dataclass(frozen=True)
class Shapes:
    """Geometries (N,) of reaches in `crs`: lines and polygons, None where there are none; points
    are places only."""

    crs: pyproj.CRS
    lines: np.ndarray | None = None
    polygons: np.ndarray | None = None
    points: np.ndarray | None = None


def shapes_of(table, links: Links, catchments, columns: Columns, crs) -> Shapes:
    """The geometries of a table of reaches, and of one of their unit basins.

    ValueError without a reference system, and for unit basins that have not the ids of all.
    """
    found = _geometries(table, crs)
    shapes = Shapes(known_crs(WGS84))
    if found is not None:
        values, own = found[0][links.rows], found[1]
        shapes = Shapes(own, **{_kind(values): values})
    if catchments is None:
        return shapes
    rows = catchment_rows(catchments, links, columns)
    given = _geometries(catchments, crs)
    if given is None:
        return shapes
    polygons, own = given[0][rows], given[1]
    if _kind(polygons) != "polygons":
        raise ValueError("the catchments are no polygons: give the unit basins of the reaches")
    if found is None:
        return Shapes(own, polygons=polygons)
    polygons = Polygons.of(list(links.ids), polygons, own).on(shapes.crs)
    return Shapes(shapes.crs, shapes.lines, polygons, shapes.points)


def catchment_rows(catchments, links: Links, columns: Columns) -> np.ndarray:
    """The row of each reach in the table of unit basins; ValueError naming those that lack."""
    name = columns.names["id"]
    lower = {str(c).lower(): c for c in catchments.columns}
    if name.lower() in lower:
        ids = catchments[lower[name.lower()]].to_numpy()
    elif catchments.index.name is not None:
        ids = catchments.index.to_numpy()
    else:
        raise ValueError(
            f"the catchments have no column '{name}' with the ids of the reaches, but "
            f"{', '.join(map(str, catchments.columns))}"
        )
    index = pd.Index(_ids_only(ids))
    if index.has_duplicates:
        raise ValueError(f"the catchment {index[index.duplicated()][0]} is given twice")
    rows = places(index.to_numpy(), links.ids, "the ids of reaches")
    if (rows < 0).any():
        lost = links.ids[rows < 0]
        raise ValueError(
            f"there is no catchment of {count_of(len(lost), 'reach', 'reaches')}: "
            f"{shorten(list(lost))}"
        )
    return rows


def _ids_only(values) -> np.ndarray:
    """Identifiers (N,), none of which may be missing."""
    ids, missing = identifiers(values, "the ids of catchments")
    if missing.any():
        raise ValueError(f"row {int(missing.argmax()) + 1} of the catchments has no id")
    return ids


def _geometries(table, crs):
    """Geometries (R,) without heights, and their reference system; None where there are none."""
    geometry = getattr(table, "geometry", None) if hasattr(table, "crs") else None
    if geometry is None:
        return None
    own = geometry.crs if geometry.crs is not None else crs
    if own is None:
        raise ValueError(
            "the reaches do not say the reference system of their geometries: crs='EPSG:4326' for "
            "longitudes and latitudes"
        )
    import shapely

    return shapely.force_2d(geometry.to_numpy()), known_crs(own)


def _kind(shapes: np.ndarray) -> str:
    """Whether geometries are lines, polygons or points; ValueError where they are several kinds."""
    import shapely

    kinds = {0: "points", 1: "lines", 5: "lines", 3: "polygons", 6: "polygons"}
    numbers = shapely.get_type_id(shapes)
    found = {kinds.get(int(number), "other") for number in np.unique(numbers)}
    if len(found) > 1 or not found <= set(kinds.values()):
        gone = " (some rows have none)" if -1 in numbers else ""
        raise ValueError(
            f"the geometries of the reaches are of several kinds{gone}: lines, or the polygons of "
            "their unit basins, or points, are one kind"
        )
    return found.pop()


def numbers(table, links: Links, columns: Columns, role: str) -> np.ndarray | None:
    """A column (N,) in the unit of its role, NaN where missing; None where the table has none.

    ValueError for text, for units that are not known or cannot be, and for what is infinite.
    """
    name = columns.names.get(role)
    if name is None:
        return None
    given = table[name].iloc[links.rows]
    values = pd.to_numeric(given, errors="coerce").to_numpy(np.float64, copy=True)
    texts = given.astype(str).str.strip().str.lower()
    wrong = np.flatnonzero(np.isnan(values) & ~given.isna() & ~texts.isin(["", "nan", "none"]))
    if wrong.size:
        raise ValueError(
            f"'{name}' of reach {links.ids[wrong[0]]} is {given.iloc[wrong[0]]!r}, not a number"
        )
    values[np.isin(values, columns.missing)] = np.nan
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise ValueError(f"'{name}' of reach {links.ids[infinite[0]]} is infinite")
    wanted, unit = ROLES[role], columns.units.get(role)
    if not wanted:
        return values
    if unit is None:
        example = "km" if role == "length" else "km2"
        raise ValueError(
            f"the unit of '{name}' ({role}) is not known: say it, units={{'{role}': '{example}'}}"
        )
    if role == "slope":
        return _slopes(values, name, unit)
    return values * conversion(name, unit, wanted)[0]


def _slopes(values: np.ndarray, name: str, unit: str) -> np.ndarray:
    if unit.strip().lower() in ("degree", "degrees", "deg"):
        return np.tan(np.radians(values))
    factor = _SLOPES.get(unit.strip(), _SLOPES.get(spelled(unit)))
    if factor is None:
        raise ValueError(
            f"'{name}' (slope) is in '{unit}': known are {', '.join(_SLOPES)} and degrees"
        )
    values = values * factor
    steep = int((values > _STEEP).sum())
    if steep > 0.01 * len(values):
        raise ValueError(
            f"'{name}' would be a slope of more than {_STEEP:g} in {steep} of {len(values)} "
            "reaches: is it in percent? Say it, units={'slope': 'percent'}"
        )
    return values


def unit_areas(area, upstream, shapes: Shapes, links: Links, network, report: Report):
    """Areas (N,) m2 of the unit basins: as stated, of their polygons, or what upstream areas are
    more than the sum of those that drain in.

    network  (Network, order) of the links
    ValueError where nothing tells them, and for one that is missing or negative.
    """
    if area is None and shapes.polygons is not None:
        polygons = Polygons.of(list(links.ids), shapes.polygons, shapes.crs)
        report.notes.append("the areas of unit basins are those of their polygons")
        area = polygons.area_km2 * 1e6
    elif area is None and upstream is not None:
        area = upstream - _coming(upstream, links.downstream)
        below = np.flatnonzero(area < 0)
        if below.size:
            area = np.maximum(area, 0.0)
            report.warnings.append(
                f"the area upstream of {count_of(below.size, 'reach', 'reaches')} is less than "
                f"that of the rivers that come in, the first: {links.ids[below[0]]}: its own is "
                "taken as 0"
            )
        report.notes.append("the areas of unit basins are differences of upstream areas")
    if area is None:
        raise ValueError(
            'the areas of the unit basins are not known: say their column, columns={"area": ...}, '
            "or that of the areas upstream, or give their polygons, catchments="
        )
    for wrong, what in ((np.isnan(area), "no area"), (area < 0, "an area below zero")):
        if wrong.any():
            raise ValueError(
                f"{count_of(int(wrong.sum()), 'reach has', 'reaches have')} {what}, the first: "
                f"{links.ids[wrong.argmax()]}; 0 is one that no land drains to"
            )
    if not area.any():
        raise ValueError("the areas of all unit basins are zero")
    empty = int((area == 0).sum())
    if empty:
        report.notes.append(
            f"{count_of(empty, 'reach has', 'reaches have')} an area of 0: no runoff comes of them"
        )
    if upstream is not None:
        _compare(area, upstream, links, network, report)
    return area


def _coming(values: np.ndarray, downstream: np.ndarray) -> np.ndarray:
    """Sum (N,) of the values of the reaches that drain into each."""
    inner = downstream >= 0
    return np.bincount(downstream[inner], values[inner], len(values))


def _compare(area, upstream, links: Links, network: tuple[Network, np.ndarray], report) -> None:
    """Warn where the network does not drain the upstream areas that the table states."""
    summed = np.empty_like(area)
    summed[network[1]] = network[0].accumulate(area[network[1]])
    off = np.abs(summed - upstream) > _OFF * np.maximum(upstream, 1e6)
    if not off.any():
        return
    # where it begins: reaches above are as stated
    begins = np.flatnonzero(off & (_coming(off.astype(float), links.downstream) == 0))
    worst = begins[np.argmax(np.abs(summed - upstream)[begins])]
    report.warnings.append(
        f"the upstream area of {count_of(int(off.sum()), 'reach', 'reaches')} is more than "
        f"{_OFF:.0%} off that which the table states, from {len(begins)} of them on, the largest: "
        f"reach {links.ids[worst]} drains {summed[worst] / 1e6:.5g} km2, not "
        f"{upstream[worst] / 1e6:.5g}: are reaches missing upstream, or is a unit another?"
    )


def lengths(length, shapes: Shapes, area: np.ndarray, links: Links, report: Report) -> np.ndarray:
    """Lengths (N,) m of the rivers: as stated, of their lines, or the side of a square of the area.

    ValueError for one that is negative, and for lengths that do not go with the areas.
    """
    if length is None:
        length = np.full(len(area), np.nan)
    below = np.flatnonzero(length < 0)
    if below.size:
        raise ValueError(f"the length of reach {links.ids[below[0]]} is below zero")
    gaps = np.isnan(length)
    if gaps.any():
        what = count_of(int(gaps.sum()), "reach", "reaches")
        if shapes.lines is not None:
            length = np.where(gaps, line_lengths(shapes.lines, shapes.crs), length)
            report.notes.append(f"the lengths of {what} are those of their lines")
        else:
            length = np.where(gaps, np.sqrt(area), length)
            report.warnings.append(
                f"{what} have no length: it is the side of a square of their area; say the column, "
                'columns={"length": ...}, or give lines'
            )
    zero = int((length == 0).sum())
    if zero:
        report.notes.append(
            f"{count_of(zero, 'reach has', 'reaches have')} no length: water passes at once"
        )
    known = (length > 0) & (area > 0)
    if known.any():
        part = float(np.median(length[known] / np.sqrt(area[known])))
        if not 1 / _APART < part < _APART:
            raise ValueError(
                f"half of all reaches are longer than {np.median(length[known]) / 1000:.4g} km, "
                f"with unit basins of {np.median(area[known]) / 1e6:.4g} km2: a length or an area "
                "is in another unit, say it with units="
            )
    return length


def line_lengths(lines: np.ndarray, crs) -> np.ndarray:
    """Lengths (N,) m on the ellipsoid."""
    import pyproj
    import shapely

    parts, part = shapely.get_parts(lines, return_index=True)
    points, of_part = shapely.get_coordinates(parts, return_index=True)
    number = part[of_part]
    lon, lat = transform(points[:, 0], points[:, 1], crs, WGS84)
    step = of_part[1:] == of_part[:-1]
    geod = pyproj.Geod(ellps="WGS84")
    _, _, along = geod.inv(lon[:-1][step], lat[:-1][step], lon[1:][step], lat[1:][step])
    return np.bincount(number[1:][step], along, len(lines))


def placed(table, links: Links, columns: Columns, shapes: Shapes) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude (N,): of columns, the centres of unit basins, the middle of lines, or
    points; NaN where nothing tells them."""
    import shapely

    lon, lat = (numbers(table, links, columns, role) for role in ("lon", "lat"))
    if lon is not None and lat is not None:
        return lon, lat
    if shapes.polygons is not None:
        return Polygons.of(list(links.ids), shapes.polygons, shapes.crs).centres
    if shapes.lines is not None:
        longest = shapes.lines
        found = shapely.line_interpolate_point(_merged(longest), 0.5, normalized=True)
    elif shapes.points is not None:
        found = shapes.points
    else:
        return np.full(len(links.ids), np.nan), np.full(len(links.ids), np.nan)
    return transform(shapely.get_x(found), shapely.get_y(found), shapes.crs, WGS84)


def _merged(lines: np.ndarray) -> np.ndarray:
    """A line each: of those in several parts the longest."""
    import shapely

    merged = shapely.line_merge(lines)
    several = np.flatnonzero(shapely.get_type_id(merged) != 1)
    for place in several:
        parts = shapely.get_parts(merged[place])
        merged[place] = parts[np.argmax(shapely.length(parts))]
    return merged
