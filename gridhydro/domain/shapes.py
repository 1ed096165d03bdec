"""Shapes of basins: what is refused of them, what is repaired, and the date line."""

from __future__ import annotations

import warnings

import numpy as np

from gridhydro.domain.check import DomainWarning
from gridhydro.domain.grid import area_below
from gridhydro.domain.network import shorten

_TURN = 360.0
_REPAIRED = 1e-3  # change of a polygon's area by a repair that is worth its number


def equal_area(shapes: np.ndarray, crs) -> np.ndarray:
    """Shapes of longitudes and latitudes with areas in m2: the latitude becomes the area below it.

    Edges longer than a tenth of a degree are cut, as they are straight in degrees.
    """
    import shapely

    return shapely.transform(
        shapely.segmentize(shapes, 0.1),
        lambda p: np.column_stack([p[:, 0], area_below(p[:, 1], crs) / _TURN]),
    )


def refuse_none(names, shapes: np.ndarray) -> None:
    """ValueError for shapes that are missing, empty or no polygons."""
    import shapely

    kinds = shapely.get_type_id(shapes)  # -1 of what is missing
    empty = np.flatnonzero((kinds < 0) | shapely.is_empty(shapes))
    if empty.size:
        raise ValueError(
            f"the polygons of {shorten(list(names[empty]))} are empty or missing: leave them out"
        )
    other = np.flatnonzero(~np.isin(kinds, (3, 6)))
    if other.size:
        first = shapes[other[0]].geom_type
        raise ValueError(
            f"'{names[other[0]]}' is a {first}, not a polygon ({other.size} such): basins are "
            "polygons; those of points are found with gridhydro.delineate"
        )


def refuse_no_degrees(names, shapes: np.ndarray) -> None:
    import shapely

    box = shapely.bounds(shapes)
    wrong = np.flatnonzero(
        (box[:, 1] < -90.001) | (box[:, 3] > 90.001) | (np.abs(box) > 540).any(1)
    )
    if wrong.size:
        raise ValueError(
            f"the polygon '{names[wrong[0]]}' reaches from {box[wrong[0], 0]:g}, "
            f"{box[wrong[0], 1]:g} to {box[wrong[0], 2]:g}, {box[wrong[0], 3]:g}, which are no "
            "longitudes and latitudes: give the reference system that it is in"
        )


def over_date_line(names, shapes: np.ndarray) -> np.ndarray:
    """Shapes whose longitudes jump at the date line, with longitudes that go on over it."""
    import shapely

    wide = np.flatnonzero(np.ptp(shapely.bounds(shapes)[:, [0, 2]], axis=1) > _TURN / 2)
    found, moved = shapes, list[str]()
    for place in wide:
        rings = _rings(shapes[place])
        if not any(_jumps(ring[:, 0]).any() for part in rings for ring in part):
            continue
        if not moved:
            found = shapes.copy()
        found[place] = _joined([_unwound(names[place], part) for part in rings])
        moved.append(names[place])
    if moved:
        warnings.warn(
            f"the longitudes of {shorten(moved)} jump from one side of the date line to the other: "
            "taken as polygons that reach over it",
            DomainWarning,
            stacklevel=4,
        )
    return found


def _rings(shape) -> list[list[np.ndarray]]:
    """The rings of each part of a shape, the outer one first: coordinates (K, 2)."""
    import shapely

    parts = shapely.get_parts(shape)
    return [
        [shapely.get_coordinates(ring) for ring in (part.exterior, *part.interiors)]
        for part in parts
    ]


def _jumps(longitude: np.ndarray) -> np.ndarray:
    steps = np.abs(np.diff(longitude))
    # once around the globe is an edge along a pole
    return (steps > _TURN / 2) & (steps < _TURN - 1e-6)


def _unwound(name: str, rings: list[np.ndarray]):
    """A polygon of rings whose longitudes go on; those of holes begin in the turn of the first."""
    import shapely

    found: list[np.ndarray] = []
    for ring in rings:
        longitude = np.unwrap(ring[:, 0], period=_TURN)
        if abs(longitude[-1] - longitude[0]) > 1e-6:
            raise ValueError(
                f"the polygon '{name}' goes around a pole: cut it along a meridian, and leave out "
                "the pole"
            )
        if found:
            middle = np.mean([found[0][:, 0].min(), found[0][:, 0].max()])
            longitude = longitude - _TURN * np.round((longitude.mean() - middle) / _TURN)
        found.append(np.column_stack([longitude, ring[:, 1]]))
    return shapely.Polygon(found[0], found[1:])


def _joined(parts: list):
    import shapely

    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def mended(names, shapes: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Valid shapes, and what became of their areas; ValueError where nothing is left."""
    import shapely

    found = repaired(shapes, bad)
    before, after = shapely.area(shapes[bad]), shapely.area(found[bad])
    lost = bad[after <= 0]
    if lost.size:
        raise ValueError(f"the polygon '{names[lost[0]]}' has no area: leave it out, or mend it")
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(before > 0, np.abs(after / before - 1), np.inf)
    worst = int(change.argmax())
    text = f"the lines of {len(bad)} polygons cross themselves and were repaired: " + shorten(
        list(names[bad])
    )
    if change[worst] > _REPAIRED:
        text += f"; the area of '{names[bad[worst]]}' is {change[worst]:.1%} another: look at it"
    warnings.warn(text, DomainWarning, stacklevel=4)
    return found


def repaired(shapes: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """The shapes with those at the places `bad` made valid, empty where they have no area."""
    import shapely

    found = shapes.copy()
    for place in bad:
        # each part by itself: what two of them cover is of the basin, and no hole
        parts = shapely.get_parts(shapely.make_valid(shapely.get_parts(shapes[place])))
        whole = shapely.union_all([part for part in parts if "Polygon" in part.geom_type])
        kept = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"]
        found[place] = _joined(kept) if kept else shapely.Polygon()
    return found
