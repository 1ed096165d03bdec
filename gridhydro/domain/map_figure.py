"""The map of a domain: its rivers, its gauges, and what lies beneath them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gridhydro.base.words import count_of
from gridhydro.domain.grid import read_grid, read_values, refuse_other_crs, spacing
from gridhydro.domain.map_colours import TERRAIN, Limits, colour_bar, quantity
from gridhydro.domain.map_frame import HALO, Frame, dress, name_axes
from gridhydro.domain.map_layers import (
    RIVER,
    cells,
    gauge_places,
    land,
    outline,
    places,
    river_width,
    rivers,
)

# how far the network's area is off the reported one, and what such a gauge looks like
MISFITS = (
    (0.05, "#ffffff", "area within 5 % of the reported"),
    (0.2, "#f2b134", "5 to 20 % off"),
    (np.inf, "#d1495b", "more than 20 % off"),
)
UNKNOWN = ("#9aa0a6", "no area reported")
NAMES = 40  # gauges of which a map has names, at most
PIXELS = 1500  # of a raster beneath, along each axis


def domain_map(
    domain, raster=None, minimum_km2: float | None = None, names: bool | None = None
) -> Figure:
    """See `Domain.plot`."""
    frame = Frame.of(domain)
    wide, high = frame.size(6.6, 6.6)
    bar = 0.0 if raster is None else 1.0
    figure = Figure(figsize=(max(wide + 0.8 + bar, 6.0), high + 1.4), layout="constrained")
    axis = figure.subplots()
    handles: list = []
    if raster is not None:
        _beneath(figure, axis, domain, frame, raster)
    elif not domain.lumped:
        land(axis, domain, frame)
    if not domain.lumped:
        low, high = rivers(axis, domain, frame, minimum_km2)
        outline(axis, domain, frame)
        handles += _river_keys(low, high) if high > 0 else []
    handles += _gauges(axis, domain, frame, names, wide)
    dress(axis, frame, np.hstack([places(domain, frame), gauge_places(domain, frame)]))
    name_axes(axis, frame)
    columns = min(len(handles), 3 if figure.get_figwidth() > 8 else 2)
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, fontsize=8, frameon=False
    )
    km2 = domain.area.sum() / 1e6
    size = count_of(domain.size, domain.called[0], domain.called[1], ",")
    parts = [size, f"{km2:,.0f} km$^2$"]
    parts += [] if domain.lumped else [count_of(len(domain.gauges), "gauge")]
    figure.suptitle(", ".join(parts), fontsize=9, x=0.02, ha="left")
    return figure


def _beneath(figure, axis, domain, frame: Frame, raster) -> None:
    """A raster with its colour bar: (N,) values of the cells, or one in the reference system."""
    if not isinstance(raster, xr.DataArray):
        values = np.asarray(raster, float)
        if values.shape != (domain.size,):
            raise ValueError(
                f"what lies beneath is a raster, or {domain.size} values of the cells, not "
                f"{values.shape}"
            )
        limits = Limits.of(values)
        colour_bar(figure, cells(axis, domain, frame, values, limits), axis, "", limits)
        return
    raster = raster.squeeze(drop=True)
    if domain.grid is None or raster.ndim != 2:
        raise ValueError(
            "what lies beneath is one raster (y, x), of a domain that is one: this has the axes "
            f"{raster.dims}"
        )
    refuse_other_crs(raster, frame.crs)
    grid = read_grid(raster, frame.crs)
    window = []
    for ends, places_ in ((frame.edges[2:], grid.y), (frame.edges[:2], grid.x)):
        inside = np.flatnonzero((places_ >= ends[0]) & (places_ <= ends[1]))
        if not inside.size:
            raise ValueError(f"'{raster.name}' lies nowhere on the map of the domain")
        step = -(-inside.size // PIXELS)
        window.append(slice(int(inside[0]), int(inside[-1]) + 1, step))
    part = read_values(raster.isel(dict(zip(raster.dims, window, strict=True))))
    y, x = grid.y[window[0]], grid.x[window[1]]
    if y[-1] > y[0]:
        part, y = part[::-1], y[::-1]
    if x[-1] < x[0]:
        part, x = part[:, ::-1], x[::-1]
    dx = abs(spacing(grid.x)) / 2 * frame.unit, abs(spacing(grid.y)) / 2 * frame.unit
    extent = (
        x[0] * frame.unit - dx[0], x[-1] * frame.unit + dx[0],
        y[-1] * frame.unit - dx[1], y[0] * frame.unit + dx[1],
    )  # fmt: skip
    limits = Limits.of(part)
    name = str(raster.attrs.get("long_name") or raster.name or "")
    high = any(word in name.lower() for word in ("elevation", "height", "altitude", "dem"))
    image = axis.imshow(
        part, extent=extent, norm=limits.norm, cmap=TERRAIN if high else "viridis",
        interpolation="nearest", zorder=1, alpha=0.9,
    )  # fmt: skip
    label = quantity(name.replace("_", " "), str(raster.attrs.get("units", "1")))
    colour_bar(figure, image, axis, label, limits)


def _river_keys(low: float, high: float) -> list[Line2D]:
    """Three rivers of the legend, from the smallest to the largest."""
    areas = np.unique([_rounded(a) for a in np.geomspace(max(low, 1e-3), high, 4)[1:]])
    label = "rivers that drain {:,.10g} km$^2$"
    return [
        Line2D([], [], color=RIVER, lw=float(river_width(np.clip(a, low, high), low, high)),
               label=label.format(a))
        for a in areas
    ]  # fmt: skip


def _rounded(value: float) -> float:
    return float(f"{value:.1g}")


def misfit(domain) -> np.ndarray:
    """Area of the network over the reported one, less 1, of every gauge; NaN without a report."""
    table = domain.gauges
    if "network_area_km2" not in table or domain.lumped:
        return np.full(len(table), np.nan)
    return (table["network_area_km2"] / table["area_km2"] - 1).to_numpy(float)


def _gauges(axis, domain, frame: Frame, names: bool | None, wide: float) -> list[Line2D]:
    """Points coloured by the misfit of their area, with names; returns keys for the legend."""
    table = domain.gauges
    if not len(table):
        return []
    x, y = gauge_places(domain, frame)
    off, handles = misfit(domain), []
    kinds = np.searchsorted([edge for edge, _, _ in MISFITS], np.abs(off))
    looks = [(kinds == i, colour, label) for i, (_, colour, label) in enumerate(MISFITS)]
    if domain.lumped:
        looks = [(np.ones(len(table), bool), MISFITS[0][1], "basin")]
    else:
        looks.append((np.isnan(off), *UNKNOWN))
    for chosen, colour, label in looks:
        if chosen.any():
            style: dict[str, Any] = dict(marker="o", mfc=colour, mec="0.15", mew=0.9, ls="")
            axis.plot(x[chosen], y[chosen], ms=6, zorder=5, scalex=False, scaley=False, **style)
            count = "" if domain.lumped else "gauge, "
            handles.append(Line2D([], [], ms=6, label=f"{count}{label}", **style))
    if names or (names is None and len(table) <= NAMES):
        texts = [
            str(name) if np.isnan(part) or abs(part) < 0.005 else f"{name} {part:+.0%}"
            for name, part in zip(table.index, off, strict=True)
        ]
        left = write_names(axis, frame, x, y, texts, wide=wide)
        if left:
            text = f"{count_of(left, 'name')} left out for want of room"
            handles.append(Line2D([], [], ls="", label=text))
    return handles


def write_names(axis, frame: Frame, x, y, texts, size: float = 7.5, wide: float = 6.6) -> int:
    """Write names beside points where they cover neither each other nor a point; returns how many
    found no room.

    wide  inches of the map on paper
    """
    left, right, bottom, _ = frame.wider(also=(x, y)).drawn
    point = wide * 72 / (right - left)  # points of the page in a drawn unit
    px, py = (x - left) * point, (y - bottom) * point * frame.stretch
    boxes = [(a - 4, b - 4, a + 4, b + 4) for a, b in zip(px, py, strict=True)]
    missed = 0
    for i, text in enumerate(texts):
        long, high = 0.58 * size * len(text), 1.15 * size
        for dx, dy, align in ((5, 3, "left"), (-5, 3, "right"), (5, -9, "left"), (-5, -9, "right")):
            start = px[i] + dx - (long if align == "right" else 0)
            box = (start, py[i] + dy, start + long, py[i] + dy + high)
            beyond = box[0] < 0 or box[2] > wide * 72 or box[1] < 0
            if not beyond and not any(_overlap(box, b) for j, b in enumerate(boxes) if j != i):
                axis.annotate(
                    text, (x[i], y[i]), (dx, dy), textcoords="offset points", fontsize=size,
                    ha=align, va="bottom", color="0.1", zorder=7, path_effects=HALO,
                    parse_math=False,
                )  # fmt: skip
                boxes.append(box)
                break
        else:
            missed += 1
    return missed


def _overlap(a, b) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
