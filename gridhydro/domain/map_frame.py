"""The frame of a map: its edges and axes in degrees or kilometres, coasts, scale and north."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyproj
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from gridhydro.domain import map_lines
from gridhydro.domain.grid import known_crs, spacing, transform

LINE = "#7d7468"  # of coasts and borders
LINES_FROM = 150.0  # km across, from which a map has coasts and borders
ONE_SCALE = 60.0  # degrees from south to north, up to which one scale holds for the map
HALO = [withStroke(linewidth=2.2, foreground="white", alpha=0.85)]
_CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))  # right, upper


@dataclass(frozen=True)
class Frame:
    """What a map shows: edges (left, right, bottom, top) in the units of `crs`."""

    edges: tuple[float, float, float, float]
    crs: pyproj.CRS

    @classmethod
    def of(cls, domain) -> Frame:
        """Around the active cells of a domain, or around the places of reaches and lumped basins.

        ValueError where these are not known.
        """
        if domain.reaches is not None:
            return cls.around(*domain.reaches.corners())
        if domain.lumped:
            return cls.around(*domain.lonlat)
        grid = domain.raster_grid
        ends: list[tuple[float, float]] = []
        for axis, places in ((grid.x, domain.col), (grid.y, domain.row)):
            half = abs(spacing(axis)) / 2
            first, last = sorted((axis[places.min()], axis[places.max()]))
            ends.append((float(first - half), float(last + half)))
        return cls((*ends[0], *ends[1]), grid.crs)

    @classmethod
    def around(cls, longitude, latitude) -> Frame:
        """Around points in degrees, with a margin; ValueError where none has a place."""
        ends: list[tuple[float, float]] = []
        for values in (np.asarray(longitude, float), np.asarray(latitude, float)):
            values = values[np.isfinite(values)]
            if not values.size:
                raise ValueError("none of the points has a place: there is no map of them")
            margin = 0.02 * float(np.ptp(values)) or 0.5
            ends.append((float(values.min()) - margin, float(values.max()) + margin))
        return cls((*ends[0], *ends[1]), known_crs("EPSG:4326"))

    def wider(self, part: float = 0.03, also=None) -> Frame:
        """With a margin on every side, a part of the longer one; `also` are x and y as drawn (2, K)
        of points that are to be on it."""
        left, right, bottom, top = self.edges
        if also is not None:
            x, y = (np.asarray(v, float) / self.unit for v in also)
            x, y = x[np.isfinite(x)], y[np.isfinite(y)]
            left, right = float(min(left, x.min())), float(max(right, x.max()))
            bottom, top = float(min(bottom, y.min())), float(max(top, y.max()))
        margin = part * max(right - left, top - bottom)
        if self.crs.is_geographic:
            bottom, top = max(bottom, -90 + margin), min(top, 90 - margin)
        return Frame((left - margin, right + margin, bottom - margin, top + margin), self.crs)

    @property
    def unit(self) -> float:
        """What is drawn for one unit of the reference system: degrees, or kilometres."""
        if self.crs.is_geographic:
            return 1.0
        return self.crs.axis_info[0].unit_conversion_factor / 1000 if self.crs.axis_info else 0.001

    @property
    def drawn(self) -> tuple[float, float, float, float]:
        """The edges as they are drawn."""
        left, right, bottom, top = (edge * self.unit for edge in self.edges)
        return left, right, bottom, top

    @property
    def labels(self) -> tuple[str, str]:
        """What stands at the axes."""
        if self.crs.is_geographic:
            return "longitude / degrees", "latitude / degrees"
        return "easting / km", "northing / km"

    @property
    def km(self) -> float:
        """Kilometres of one drawn unit from left to right, in the middle of the map."""
        if not self.crs.is_geographic:
            return 1.0
        middle = np.clip(sum(self.edges[2:]) / 2, -85, 85)
        return float(111.32 * np.cos(np.deg2rad(middle)))

    @property
    def stretch(self) -> float:
        """Length of a drawn unit upwards over that of one to the right: maps keep shapes."""
        return min(111.32 / self.km, 5.0) if self.crs.is_geographic else 1.0

    @property
    def aspect(self) -> float:
        """Height of the map over its width on paper, within what a page can bear."""
        left, right, bottom, top = self.drawn
        return float(np.clip((top - bottom) * self.stretch / (right - left), 0.35, 1.7))

    def size(self, width: float, height: float) -> tuple[float, float]:
        """Inches of the map on paper, of at most this width and height."""
        width = min(width, height / self.aspect)
        return width, width * self.aspect

    @property
    def north(self) -> float:
        """Degrees by which true north is turned to the right of upwards, in the middle."""
        if self.crs.is_geographic:
            return 0.0
        left, right, bottom, top = self.edges
        x, y = (left + right) / 2, (bottom + top) / 2
        lon, lat = transform(x, y, self.crs, "EPSG:4326")
        up = transform(lon, lat + 0.05, "EPSG:4326", self.crs)
        return float(np.rad2deg(np.arctan2(up[0] - x, up[1] - y)))


def dress(axis, frame: Frame, occupied=None, furniture: bool = True, lines: bool = True) -> None:
    """Give an axis the edges of a map, coasts and borders, and with `furniture` scale and north.

    occupied  x and y as drawn (2, K) of what scale and north should not cover, all of it on the map
    """
    frame = frame.wider(also=occupied)
    left, right, bottom, top = frame.drawn
    axis.set_xlim(left, right)
    axis.set_ylim(bottom, top)
    axis.set_aspect(frame.stretch, adjustable="box")
    axis.tick_params(labelsize=8, color="0.5")
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.yaxis.set_major_locator(MaxNLocator(4))
    axis.ticklabel_format(useOffset=False, style="plain")
    for spine in axis.spines.values():
        spine.set(color="0.6", linewidth=0.7)
    if lines and (right - left) * frame.km >= LINES_FROM:
        known = [line * frame.unit for line in map_lines.lines(frame.edges, frame.crs)]
        axis.add_collection(
            LineCollection(known, colors=LINE, linewidths=0.6, zorder=2.4), autolim=False
        )
    if furniture:
        scale, up = _corners(frame, occupied)
        if not frame.crs.is_geographic or top - bottom < ONE_SCALE:
            _scale_bar(axis, frame, scale)
        _north_arrow(axis, frame, up)


def name_axes(where, frame: Frame) -> None:
    """Longitude and latitude, or easting and northing, at one map or at the edge of a figure."""
    x, y = frame.labels
    if hasattr(where, "supxlabel"):
        where.supxlabel(x, fontsize=9)
        where.supylabel(y, fontsize=9)
    else:
        where.set_xlabel(x, fontsize=9)
        where.set_ylabel(y, fontsize=9)


def _corners(frame: Frame, occupied) -> tuple[tuple[int, int], tuple[int, int]]:
    """The emptiest corners: for the scale, below where there is a choice, and for north."""
    if occupied is None:
        return (0, 0), (1, 1)
    left, right, bottom, top = frame.drawn
    x = (np.asarray(occupied[0]) - left) / (right - left)
    y = (np.asarray(occupied[1]) - bottom) / (top - bottom)

    def covered(corner, wide, high):
        near_x = x > 1 - wide if corner[0] else x < wide
        near_y = y > 1 - high if corner[1] else y < high
        return np.count_nonzero(near_x & near_y)

    scale = min(_CORNERS, key=lambda corner: (covered(corner, 0.38, 0.14), corner[1], corner[0]))
    others = [corner for corner in _CORNERS if corner != scale]
    up = min(others, key=lambda corner: (covered(corner, 0.12, 0.2), -corner[1], -corner[0]))
    return scale, up


def _scale_bar(axis, frame: Frame, corner: tuple[int, int]) -> None:
    left, right, bottom, top = frame.drawn
    width, height = right - left, top - bottom
    most = 0.28 * width * frame.km
    power = 10.0 ** np.floor(np.log10(most))
    km = max(n * power for n in (1, 2, 5) if n * power <= most)
    length = km / frame.km
    start = left + 0.04 * width if corner[0] == 0 else right - 0.04 * width - length
    base = bottom + 0.045 * height if corner[1] == 0 else top - 0.1 * height
    axis.plot(
        [start, start + length], [base, base], color="0.15", lw=2.2, solid_capstyle="butt",
        zorder=6, path_effects=HALO, scalex=False, scaley=False,
    )  # fmt: skip
    axis.annotate(
        f"{km:g} km", (start + length / 2, base), (0, 2.5), textcoords="offset points",
        ha="center", va="bottom", fontsize=7.5, color="0.15", zorder=6, path_effects=HALO,
    )  # fmt: skip


def _north_arrow(axis, frame: Frame, corner: tuple[int, int]) -> None:
    x = 0.94 if corner[0] else 0.06
    y = 0.96 if corner[1] else 0.17
    turn = np.deg2rad(frame.north)
    points = 17 * np.array([np.sin(turn), np.cos(turn)])
    axis.annotate(
        "N", (x, y), -points, xycoords="axes fraction", textcoords="offset points",
        ha="center", va="center", fontsize=8, color="0.15", zorder=6, path_effects=HALO,
        arrowprops={"arrowstyle": "-|>", "color": "0.15", "lw": 1.0, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
