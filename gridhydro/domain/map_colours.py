"""The colours of maps: where they end, what is said at their bar, titles with long names."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize

LAND = "#efece4"
TERRAIN = LinearSegmentedColormap.from_list(
    "terrain of maps", ["#cfdcc0", "#ebe5c3", "#dcc497", "#b8926a", "#8d6f5c", "#f3f0ee"]
)
OUTLIERS = 1.5  # times the range of the middle 96 %, beyond which the others lose their colours


@dataclass(frozen=True)
class Limits:
    """Ends of the colours, and which of them the values exceed ("neither", "min", "max", "both").

    note  what is said of them at the colour bar, or nothing
    """

    low: float
    high: float
    extend: str = "neither"
    note: str = ""

    @classmethod
    def of(cls, values, given: tuple[float, float] | None = None, centre=None) -> Limits:
        """Of values with gaps: all of them, but for outliers, which would leave the others without
        colours: then the middle 96 %, which is noted. ValueError where there is no value.

        given   the ends, whatever the values
        centre  colours diverge from this value, as far above as below it
        """
        values = np.asarray(values, float)
        values = values[np.isfinite(values)]
        if not values.size:
            raise ValueError("there is no value to draw")
        bottom, top = float(values.min()), float(values.max())
        low, high = given or (bottom, top)
        cut = ""
        if given is None:
            inner = [float(q) for q in np.quantile(values, [0.02, 0.98])]
            if inner[1] > inner[0] and top - bottom > OUTLIERS * (inner[1] - inner[0]):
                (low, high), cut = inner, "colours: middle 96 %"
        if centre is not None:
            reach = max(centre - low, high - centre)
            low, high = centre - reach, centre + reach
        if not high > low:
            pad = max(abs(high) * 0.05, 0.5)
            low, high = low - pad, high + pad
        beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
        return cls(low, high, beyond.get((bottom < low, top > high), "neither"), cut)

    @property
    def norm(self) -> Normalize:
        """For matplotlib."""
        return Normalize(self.low, self.high)


def colour_bar(figure, image, axes, label: str, limits: Limits, **options) -> None:
    """A colour bar that says what it is of, and where colours end before the values do."""
    options = {"shrink": 0.85, "pad": 0.02, "aspect": 22} | options
    bar = figure.colorbar(image, ax=axes, extend=limits.extend, **options)
    bar.set_label(f"{label}\n({limits.note})" if limits.note else label, fontsize=8.5)
    bar.ax.tick_params(labelsize=8, color="0.5")
    bar.outline.set(edgecolor="0.6", linewidth=0.7)


def quantity(name: str, unit: str) -> str:
    """A quantity with its unit, as colour bars and axes have it."""
    return name if unit in ("1", "") else f"{name} / {unit}"


def title(axis, text: str, width: int = 34) -> None:
    """The long name of what a map shows, in lines that fit it."""
    axis.set_title(fill(text, width), fontsize=9)
