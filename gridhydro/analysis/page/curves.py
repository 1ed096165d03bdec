"""The curves of a report, as numbers that a page draws."""

from __future__ import annotations

import numpy as np

from gridhydro.analysis.page.contents import Contents


def curves(contents: Contents) -> dict:
    """Charts by the element that they are drawn in."""
    found = {}
    history, water = contents.history, contents.water
    if history is not None and len(history) > 1:
        loss = [float(v) if np.isfinite(v) else None for v in history["loss"]]
        known = [v for v in loss if v is not None]
        steep = bool(known) and min(known) > 0 and max(known) > 5 * min(known)
        found["curve-loss"] = {
            "x": history["epoch"].tolist(),
            "unit": "loss over runs a cell" if contents.calibrated else "loss over epochs",
            "log": steep, "zero": False, "high": 240,
            "lines": [{"name": "loss", "y": loss, "colour": "#2a7fbf", "width": 1.8}],
        }  # fmt: skip
    if water is not None and len(water) > 1:
        total = water["storage_change"].cumsum().round(3).tolist()
        found["curve-storage"] = {
            "x": [int(water["year"].iloc[0]) - 1, *water["year"].tolist()],
            "unit": "water stored since the start, mm, by the end of the year",
            "high": 220,
            "lines": [{"name": "storage", "y": [0.0, *total], "colour": "#e69f00", "width": 1.8}],
        }
    return found
