"""Means of a series of rasters over polygons, a block of days at a time."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gridhydro.domain.check import DomainWarning
from gridhydro.domain.layers import Layers
from gridhydro.domain.zones import Zones

WHOLE = 0.999  # of a polygon: less than that is said


@dataclass
class Means:
    """Means of layers over zones, and whether it was said that some lack data."""

    layers: Layers
    zones: Zones
    names: pd.Index
    name: str
    usual: np.ndarray = field(default_factory=lambda: np.zeros(0))
    told: bool = False

    def look(self) -> np.ndarray:
        """The part (N,) of each polygon that has data on the first day, which is read."""
        _, part = self.means(slice(0, 1))
        self.usual = part[0]
        return part[0] * self.zones.covered

    def means(self, days: slice) -> tuple[np.ndarray, np.ndarray]:
        """Means and parts with data (L, N) of some days."""
        values = self.layers.read({"time": days})
        return self.zones.mean(values.reshape(len(values), -1))

    def window(self, window: dict) -> np.ndarray:
        """A window {"time", "gauge"}, read in blocks of days."""
        raster = self.layers.raster
        days = np.arange(raster.sizes["time"])[window["time"]]
        found = np.empty((days.size, len(self.names)), np.float32)
        for block in self.layers.blocks():
            part = block["time"]
            inside = np.flatnonzero((days >= part.start) & (days < part.stop))
            if inside.size:
                first = int(days[inside].min())
                means, there = self.means(slice(first, int(days[inside].max()) + 1))
                self.lacks(there, first)
                found[inside] = means[days[inside] - first]
        return found[:, window["gauge"]]

    def lacks(self, there: np.ndarray, first: int) -> None:
        """Warns once of days that have data on a smaller part of a polygon than the first day."""
        fewer = there < self.usual - (1 - WHOLE)
        if self.told or not fewer.any():
            return
        self.told = True
        day, zone = (int(i) for i in np.argwhere(fewer)[0])
        when = str(self.layers.raster["time"].values[first + day])[:10]
        warnings.warn(
            f"'{self.name}' lacks cells of the polygon '{self.names[zone]}' on "
            f"{when}, {int(fewer.sum())} of {fewer.size} means of these days in all: they are of "
            "the cells that are there",
            DomainWarning,
            stacklevel=2,
        )
