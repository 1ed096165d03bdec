"""Maps of parameters that were learned beside those of the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def draw(maps: dict[str, tuple[str, np.ndarray, np.ndarray]], path: Path) -> None:
    """A row a parameter: learned, true, and one against the other; name -> unit, learned, true
    (rows, columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 1.7 * len(maps)), layout="constrained")
    panels = figure.subplots(len(maps), 3, squeeze=False, width_ratios=[2, 2, 1])
    for row, (name, (unit, learned, truth)) in zip(panels, maps.items(), strict=True):
        low, high = np.nanquantile(truth, [0.01, 0.99])
        for panel, values, what in zip(row, (learned, truth), ("learned", "truth"), strict=False):
            shown = panel.imshow(
                values, vmin=low, vmax=high, cmap="viridis", interpolation="nearest"
            )
            panel.set_title(f"{name} ({unit}), {what}", fontsize=8, loc="left")
            panel.set_axis_off()
        figure.colorbar(shown, ax=row[1], shrink=0.9)
        there = np.isfinite(truth)
        span = (min(low, np.quantile(learned[there], 0.01)),
                max(high, np.quantile(learned[there], 0.99)))  # fmt: skip
        row[2].hexbin(
            truth[there], learned[there], gridsize=40, extent=(*span, *span), bins="log",
            cmap="Blues", linewidths=0,
        )  # fmt: skip
        row[2].plot(span, span, color="grey", lw=0.8)
        row[2].tick_params(labelsize=7)
        row[2].set_xlabel("truth", fontsize=7)
        row[2].set_ylabel("learned", fontsize=7)
    figure.savefig(path, dpi=110)
