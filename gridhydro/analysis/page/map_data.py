"""The map of a report, as numbers that a page draws: layers, rivers, borders, gauges."""

from __future__ import annotations

from base64 import b64encode

import numpy as np
import pandas as pd

from gridhydro.analysis.page.contents import Contents
from gridhydro.analysis.page.layers import Layer
from gridhydro.domain import map_lines
from gridhydro.domain.grid import transform
from gridhydro.domain.map_colours import Limits
from gridhydro.domain.map_frame import LINES_FROM, Frame
from gridhydro.domain.map_layers import places, raster_of, river_width

SIZE = 1000.0  # of the longer side of the picture, in its own units
CELLS = 250_000  # of a raster that is drawn whole; of a larger one every second, third, ...
RIVERS = 900  # cells of which the rivers are drawn
CODES = 65534  # numbers of a layer, of two bytes; one more has no value


def packed(values: np.ndarray, kind: str) -> str:
    """Numbers of a kind ("<u2", ...) as text."""
    return b64encode(np.ascontiguousarray(values, kind).tobytes()).decode("ascii")


class Picture:
    """Where things are on the picture: x to the right, y downwards, shapes as on the ground."""

    def __init__(self, frame: Frame):
        self.frame = frame
        left, right, bottom, top = frame.drawn
        high = (top - bottom) * frame.stretch
        self.scale = SIZE / max(right - left, high)
        self.width, self.height = (right - left) * self.scale, high * self.scale

    def x(self, values) -> np.ndarray:
        """Of positions in the units of the reference system."""
        return (np.asarray(values) * self.frame.unit - self.frame.drawn[0]) * self.scale

    def y(self, values) -> np.ndarray:
        """Of positions in the units of the reference system."""
        up = self.frame.drawn[3] - np.asarray(values) * self.frame.unit
        return up * self.scale * self.frame.stretch

    def line(self, x, y) -> str:
        """A line as SVG has its points."""
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(self.x(x), self.y(y), strict=True))


def map_data(contents: Contents) -> dict | None:
    """All that the map needs, None where the places are not known."""
    domain = contents.domain
    if domain.grid is None and not np.isfinite(np.concatenate(domain.lonlat)).any():
        return None
    frame = Frame.of(domain)
    frame = frame.wider(0.04) if domain.grid is None else frame
    picture = Picture(frame)
    found = {
        "width": round(picture.width, 2), "height": round(picture.height, 2),
        "km": frame.km / picture.scale, "north": round(frame.north, 1),
        "rivers": [], "borders": _borders(frame, picture), "cells": None,
        "layers": [], "gauges": _gauges(contents, picture),
    }  # fmt: skip
    kept = np.arange(domain.size)
    if domain.reaches is not None:
        found["rivers"] = _rivers(domain, picture)
    elif not domain.lumped:
        raster = raster_of(domain, np.arange(domain.size, dtype=float))
        step = int(np.ceil(np.sqrt(domain.size / CELLS)))
        raster = raster[::step, ::step]
        inside = np.flatnonzero(np.isfinite(raster))
        kept = raster.ravel()[inside].astype(int)
        found |= {"rows": raster.shape[0], "columns": raster.shape[1], "step": step}
        found["cells"] = packed(inside, "<u4")
        found["rivers"] = _rivers(domain, picture)
    found["layers"] = [_layer(layer, kept) for layer in contents.layers]
    return found


def _layer(layer: Layer, kept: np.ndarray) -> dict:
    values = layer.values[kept]
    known = np.isfinite(values)
    scaled = np.log(values) if layer.log else values
    limits = Limits.of(scaled if known.any() else [0.0]) if layer.colours is None else Limits.of(
        layer.colours
    )  # fmt: skip
    first, last = (float(end(values[known], initial=0) if not known.any() else end(values[known]))
                   for end in (np.min, np.max))  # fmt: skip
    width = (last - first) or 1.0
    codes = np.where(known, np.round((values - first) / width * CODES), CODES + 1)
    low, high = (
        (np.exp(limits.low), np.exp(limits.high)) if layer.log else (limits.low, limits.high)
    )
    return {
        "name": layer.name, "title": layer.long_name, "unit": layer.unit, "log": layer.log,
        "first": first, "last": first + width, "low": float(low), "high": float(high),
        "note": limits.note, "values": packed(codes, "<u2"),
    }  # fmt: skip


def _borders(frame: Frame, picture: Picture) -> list[str]:
    """Coasts and borders, where the map is wide enough for them."""
    left, right, _, _ = frame.drawn
    if (right - left) * frame.km < LINES_FROM:
        return []
    lines = map_lines.lines(frame.edges, frame.crs)
    return [picture.line(line[:, 0], line[:, 1]) for line in lines]


def _rivers(domain, picture: Picture) -> list[tuple[str, float]]:
    """Reaches of the largest rivers, each with its width."""
    network = domain.network
    area = network.accumulate(domain.area) / 1e6
    most = max(RIVERS, area.size // 15)
    least = np.sort(area)[-most] if area.size > most else 0.0
    x, y = places(domain, picture.frame) / picture.frame.unit
    there = np.isfinite(x) & np.isfinite(x[network.downstream]) & (area > 0)
    cells = np.flatnonzero((area >= least) & (network.downstream >= 0) & there)
    if not cells.size:
        return []
    low, high = float(area[cells].min()), float(area.max())
    span = 0.5 * (picture.frame.edges[1] - picture.frame.edges[0])
    found = []
    for start in cells:
        end = network.downstream[start]
        if abs(x[end] - x[start]) > span and picture.frame.crs.is_geographic:
            continue  # across the date line
        width = float(river_width(area[start], low, high, (0.6, 4.0)))
        found.append((picture.line(x[[start, end]], y[[start, end]]), round(width, 2)))
    return found


def _gauges(contents: Contents, picture: Picture) -> list[dict]:
    """Names and places of the gauges, and whether each was held out."""
    domain, table = contents.domain, contents.domain.gauges
    x, y = table["x"].to_numpy(float), table["y"].to_numpy(float)
    if domain.reaches is not None:
        x, y = transform(x, y, domain.crs, picture.frame.crs)
    elif domain.lumped:
        x, y = transform(*domain.lonlat, "EPSG:4326", picture.frame.crs)
    held = held_out(contents)
    return [
        {
            "name": str(name),
            "cell": int(cell),
            "held": name in held,
            "x": round(float(a), 2),
            "y": round(float(b), 2),
        }
        for name, cell, a, b in zip(
            table.index, table["cell"], picture.x(x), picture.y(y), strict=True
        )
        if np.isfinite(a) and np.isfinite(b)
    ]


def held_out(contents: Contents) -> set[str]:
    """Names of the gauges that were scored and not trained on, where others were."""
    scores = contents.scores
    if scores is None or "gauge_use" not in scores:
        return set()
    use = scores.drop_duplicates("gauge", keep="last").set_index("gauge")["gauge_use"]
    return set() if (use == "held out").all() else set(use.index[use == "held out"])


def score_layers(scores: pd.DataFrame | None, names: list[str]) -> list[dict]:
    """Scores that colour the gauges (in the order of names), those of the last period first."""
    if scores is None:
        return []
    known = {
        "nse": ("NSE", (0.0, 1.0)), "kge": ("KGE", (0.0, 1.0)),
        "correlation": ("correlation", (0.0, 1.0)), "percent_bias": ("percent bias", None),
        "fhv": ("bias of high flows (FHV)", None), "flv": ("bias of low flows (FLV)", None),
    }  # fmt: skip
    found = []
    for period in list(dict.fromkeys(scores["period"]))[::-1]:
        rows = scores[scores["period"] == period].set_index("gauge")
        rows = rows[~rows.index.duplicated()]
        for metric, (title, ends) in known.items():
            if metric not in rows:
                continue
            values = rows[metric].reindex(names).to_numpy(float)
            if not np.isfinite(values).any():
                continue
            limits = Limits.of(values, ends)
            unit = "1" if ends else "%"
            found.append({
                "title": f"{title}, {period}", "low": limits.low, "high": limits.high, "unit": unit,
                "note": limits.note,
                "values": [float(f"{v:.4g}") if np.isfinite(v) else None for v in values],
            })  # fmt: skip
    return found
