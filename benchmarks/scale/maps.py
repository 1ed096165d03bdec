"""Maps of parameters that were learned beside those of the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks.map_panel import draw as draw_map
from benchmarks.map_panel import frame_of
from gridhydro.domain.map_colours import Limits, colour_bar, quantity, title
from gridhydro.domain.map_frame import name_axes


def draw(maps: dict[str, tuple[xr.DataArray, xr.DataArray]], path: Path) -> None:
    """A row a parameter: learned, true, and one against the other; name -> learned, true (y, x),
    with unit and long name."""
    from matplotlib.figure import Figure

    frame = frame_of(next(iter(maps.values()))[0])
    wide, high = frame.size(3.9, 3.4)
    size = (2 * wide + high + 2.4, (high + 0.6) * len(maps) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(maps), 3, squeeze=False, width_ratios=[wide, wide, high])
    for number, (row, (name, (learned, truth))) in enumerate(
        zip(panels, maps.items(), strict=True)
    ):
        limits = Limits.of(truth)
        long_name = str(learned.attrs.get("long_name", name))
        for axis, raster, what in zip(row[:2], (learned, truth), ("learned", "true"), strict=True):
            image = draw_map(axis, raster, limits, furniture=not number and what == "learned")
            title(axis, f"{long_name}, {what}", 52)
        label = quantity(name, str(learned.attrs.get("units", "1")))
        colour_bar(figure, image, [row[1]], label, limits)
        _against(row[2], learned.values, truth.values, limits)
    name_axes(figure, frame)
    figure.savefig(path, dpi=110)


def _against(axis, learned: np.ndarray, truth: np.ndarray, limits: Limits) -> None:
    there = np.isfinite(truth)
    span = (min(limits.low, np.quantile(learned[there], 0.01)),
            max(limits.high, np.quantile(learned[there], 0.99)))  # fmt: skip
    axis.hexbin(
        truth[there], learned[there], gridsize=40, extent=(*span, *span), bins="log",
        cmap="Blues", linewidths=0,
    )  # fmt: skip
    axis.plot(span, span, color="grey", lw=0.8)
    axis.tick_params(labelsize=7)
    axis.set_xlabel("true", fontsize=7)
    axis.set_ylabel("learned", fontsize=7)
