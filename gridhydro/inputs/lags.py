"""Lag times of the surface water, the groundwater and the river of a cell, as HydroPy has them.

Equations and numbers are those of HydroPy 1.0.2 (Stacke and Hagemann, 2021, Geosci. Model Dev. 14),
which has them from Hagemann and Duemenil (1998), Clim. Dyn. 14. Lags in days, lengths in m,
velocities in m s-1; every argument is (N,), or a number for all cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import spacing

RADIUS = 6_371_000.0  # m, of the sphere on which distances are measured
SMALLEST_DROP = 0.1  # m, from a cell to the next one
DAY = 86400.0

_COVERED = 0.5  # fraction of lakes or wetlands from which they govern the flow
_LAKE, _WETLAND = 0.01, 0.06  # m s-1, velocity of the river where a cell is nothing else
_OVERLAND = 0.1  # velocity of overland flow in them, as a fraction of the river's


@dataclass(frozen=True)
class Lags:
    """surface, groundwater and river (N,) days, the last one of each of `reservoirs` (N,) int."""

    surface: np.ndarray
    groundwater: np.ndarray
    river: np.ndarray
    reservoirs: np.ndarray


def lags(
    area, distance, drop, slope, roughness, lake=0.0, wetland=0.0, factors=(1.0, 1.0, 1.0)
) -> Lags:
    """The lag times of cells.

    area       m2, of the whole cell
    distance   m, `drop` m: to the next cell downstream (`river_distance`)
    slope      1, mean slope within the cell; where it is zero, the river's counts
    roughness  1, shape that the orography adds to the soil (`orographic_shape`)
    lake, wetland  fractions of the cell, cut to 0 to 1
    factors    multiply the lags of surface, groundwater and river
    """
    diameter = 2 * np.sqrt(np.asarray(area, float) / np.pi)
    fall = np.asarray(drop) / distance
    river = 0.41120 * distance / 228_000 * 1.0039 / velocity(fall)
    hilly = np.asarray(slope) > 0
    length, steepness = np.where(hilly, diameter, distance), np.where(hilly, slope, fall)
    surface = 50.5566 * length / 171_000 * 1.0885 / velocity(steepness)
    ground = 300 / (1 - np.maximum(0.01, roughness) + 0.01) * diameter / 50_000

    surface, ground, river = (k * f for k, f in zip((surface, ground, river), factors, strict=True))
    in_river, in_surface = np.full_like(river, 5.47872), np.full_like(surface, 1.11070)
    for cover, slowest in ((lake, _LAKE), (wetland, _WETLAND)):
        river, in_river = _slowed(river, in_river, distance, cover, slowest)
        surface, in_surface = _slowed(surface, in_surface, diameter, cover, _OVERLAND * slowest)
    # as many whole reservoirs as there are, with the delay of them all
    reservoirs = np.floor(in_river)
    return Lags(
        surface * in_surface / np.floor(in_surface),
        ground,
        river * in_river / reservoirs,
        reservoirs.astype(np.int64),
    )


def velocity(slope) -> np.ndarray:
    """Flow velocity on a slope (1), Sausen et al. (1994), Clim. Dyn. 10; 0.1 m s-1 at least."""
    return np.maximum(0.1, 2 * np.maximum(slope, 0) ** 0.1)


def cover_weight(fraction) -> np.ndarray:
    """Weight of lakes or wetlands in a cell's flow, 0 to 1, from the fraction that they cover."""
    return 0.5 * (np.tanh(4 * np.pi * (np.clip(fraction, 0, 1) - _COVERED)) + 1)


def _slowed(lag, count, length, fraction, slowest):
    """Lag and number of reservoirs after lakes have slowed the flow; none where it is slow."""
    speed = length / (lag * count * DAY)
    weight = cover_weight(fraction)
    fewer = (count - 1) * (1 - weight) + 1
    longer = length / (fewer * speed * (1 - (1 - slowest / speed) * weight) * DAY)
    applies = (speed > slowest) & (np.asarray(fraction) > 1e-3)
    return np.where(applies, longer, lag), np.where(applies, fewer, count)


@dataclass(frozen=True)
class Beyond:
    """Cells outside the domain that its water leaves to, such as the sea at the mouth of a river.

    x, y in the units of the raster and elevation in m, (N,) each; NaN where there is none.
    """

    x: np.ndarray
    y: np.ndarray
    elevation: np.ndarray


def river_distance(
    domain: Domain, elevation, area, beyond: Beyond | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distance (N,) m from every cell to the next one downstream, and the drop (N,) m to it.

    elevation (N,) m and area (N,) m2 of whole cells; beyond: what lies behind the mouths.
    On longitudes and latitudes a cell is as high and, on average, as wide as the raster's spacing
    says on the sphere: HydroPy's lengths for a global raster, but right for any region, and for a
    river that crosses the date line. On a projected raster distances are those of the map. Where
    water leaves the domain and nothing is known beyond, the distance is the diameter of a circle of
    the cell's area and the drop the smallest.
    """
    here = np.arange(domain.size)
    last = domain.network.downstream < 0
    to = np.where(last, here, domain.network.downstream)
    diameter = 2 * np.sqrt(np.asarray(area, float) / np.pi)
    level = np.maximum(0, elevation)
    next_level = level[to]
    if domain.reaches is not None:
        distance = np.where(last, diameter, domain.reaches.length)
    elif domain.lumped:
        distance = diameter
    else:
        grid = domain.raster_grid
        x, y = grid.x[domain.col], grid.y[domain.row]
        next_x, next_y = x[to], y[to]
        if beyond is not None:
            known = last & np.isfinite(beyond.x)
            next_x, next_y = np.where(known, beyond.x, next_x), np.where(known, beyond.y, next_y)
            next_level = np.where(known, np.maximum(0, beyond.elevation), next_level)
            last = last & ~known
        east, north = next_x - x, next_y - y
        if grid.geographic:
            half = np.radians(abs(spacing(grid.y))) / 2
            # the mean of the cosine over the cell
            shrink, next_shrink = (
                np.cos(np.radians(at)) * np.sin(half) / half for at in (y, next_y)
            )
            turn = np.radians((east + 180) % 360 - 180)
            width = 0.5 * (shrink + next_shrink) * turn
            distance = RADIUS * np.hypot(width, np.radians(north))
        else:
            distance = np.hypot(east, north) * grid.metre
    drop = np.maximum(SMALLEST_DROP, level - next_level)
    return np.where(last, diameter, distance), drop
