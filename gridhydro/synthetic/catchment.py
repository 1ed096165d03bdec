"""A generated catchment whose true parameters are known: terrain, rivers, soils and weather.

Nothing here is measured. Terrain is a tilted fractal, attributes follow it with noise of their
own, the weather is a seeded stochastic generator, and the true parameters are smooth nonlinear
functions of the attributes that a model never sees. One seed gives one catchment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter

from gridhydro.synthetic.catchment_grid import CELL, NOWHERE, SHAPE, axes, dataset, raster
from gridhydro.synthetic.catchment_terrain import terrain
from gridhydro.synthetic.catchment_truth import truth
from gridhydro.synthetic.catchment_weather import daily_weather
from gridhydro.synthetic.random_fields import logistic, smooth_map, standard

YEARS = 6
GAUGES, HELD_OUT = 20, ("G03", "G07", "G11", "G15", "G19")


@dataclass(frozen=True)
class SyntheticCatchment:
    """All that a training run takes as input, and the truth to compare with.

    ldd         (y, x) uint8, PCRaster drainage directions 1-9, 5 at the outlet, 255 elsewhere
    attributes  Dataset of (y, x) rasters with units, known everywhere on the raster
    forcing     Dataset of (time, y, x): precipitation, temperature, potential evapotranspiration
    gauges      by name: x, y, area_km2, and `train`: False for those held out
    truth       Dataset of (y, x): the parameters of the column and `river_lag`, the lag of each
                river reservoir in days; NaN outside the catchment
    """

    ldd: xr.DataArray
    attributes: xr.Dataset
    forcing: xr.Dataset
    gauges: pd.DataFrame
    truth: xr.Dataset


def make_catchment(seed: int = 7, years: int = YEARS) -> SyntheticCatchment:
    """The catchment of this seed with `years` of daily weather from 2001 on."""
    ground, soils, sky = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    elevation, ldd, rivers = terrain(ground)
    climate = _climate(elevation, sky)
    attributes = _attributes(elevation, climate, soils)
    inside = ldd != NOWHERE
    directions = raster(ldd, "1", "local drain direction (PCRaster)").assign_attrs(
        _FillValue=np.uint8(NOWHERE)
    )
    return SyntheticCatchment(
        ldd=directions,
        attributes=attributes,
        forcing=_forcing(climate, years, sky),
        gauges=_gauges(ldd, rivers),
        truth=truth(attributes).where(inside),
    )


def _climate(elevation, rng):
    """Mean annual precipitation (mm) and temperature (degC): higher is wetter and colder."""
    _, cols = np.indices(SHAPE)
    lee = 1.08 - 0.16 * cols / SHAPE[1]  # rain comes from the west
    precipitation = (
        (620 + 0.42 * elevation) * lee * np.exp(0.06 * smooth_map(SHAPE, rng, power=3.0))
    )
    temperature = 11.5 - 0.0062 * elevation + 0.3 * smooth_map(SHAPE, rng, power=3.0)
    return precipitation, temperature


def _attributes(elevation, climate, rng) -> xr.Dataset:
    steepness = np.hypot(*np.gradient(elevation, CELL)) * np.exp(
        0.25 * smooth_map(SHAPE, rng, power=2.0)
    )
    slope = np.degrees(np.arctan(2 * steepness))  # hillsides within a cell are steeper
    position = elevation - gaussian_filter(elevation, 4, mode="nearest")
    flatness = standard(-np.log(slope + 0.5))
    soil = 0.3 + 3 * logistic(
        0.8 * flatness - 0.3 * standard(position) + 0.6 * smooth_map(SHAPE, rng) - 0.6
    )
    sand = logistic(0.2 + 0.9 * smooth_map(SHAPE, rng, power=2.6) - 0.3 * flatness)
    tree_line = logistic((elevation - 1500) / 80)
    suits = 0.9 * smooth_map(SHAPE, rng, power=2.6) + 0.6 * standard(slope)
    forest = logistic(0.2 + suits) * (1 - tree_line)
    precipitation, temperature = climate
    rasters = {
        "elevation": (elevation, "m", "height of the terrain, depressions filled"),
        "slope": (slope, "degree", "mean slope of the hillsides"),
        "topographic_position": (position, "m", "height above the surroundings (8 km)"),
        "soil_depth": (soil, "m", "depth of the soil"),
        "sand_fraction": (sand, "1", "fraction of sand in the soil"),
        "forest_fraction": (forest, "1", "fraction of the area under forest"),
        "mean_precipitation": (precipitation, "mm yr-1", "mean annual precipitation"),
        "mean_temperature": (temperature, "degC", "mean annual air temperature"),
    }
    return dataset({name: raster(*of) for name, of in rasters.items()})


def _forcing(climate, years: int, rng) -> xr.Dataset:
    mean_rain, mean_temperature = climate
    time, rain, temperature, demand = daily_weather(mean_rain, mean_temperature, years, rng)
    rasters = {
        "precipitation": (rain, "mm d-1", "precipitation"),
        "temperature": (temperature, "degC", "air temperature at 2 m"),
        "potential_evapotranspiration": (demand, "mm d-1", "potential evapotranspiration"),
    }
    return dataset({name: raster(*of, time=time) for name, of in rasters.items()})


def _gauges(ldd, rivers) -> pd.DataFrame:
    """G01 at the outlet, three up the main river, then the largest tributaries."""
    area = np.where(ldd != NOWHERE, rivers.upstream_area("km2"), 0).ravel()
    cells = gauge_cells(area, rivers.idxs_ds, (1, 0.75, 0.5, 0.25), GAUGES)
    row, col = np.unravel_index(cells, SHAPE)
    x, y = axes()
    return pd.DataFrame(
        {"x": x[col], "y": y[row], "area_km2": area[cells]},
        index=pd.Index([f"G{number:02d}" for number in range(1, GAUGES + 1)], name="name"),
    ).assign(train=lambda frame: ~frame.index.isin(HELD_OUT))


def gauge_cells(area, downstream, fractions, count: int) -> list[int]:
    """Cells for nested gauges: up the main river, then before the mouths of its tributaries.

    area        (cells,) upstream of each cell, and `downstream` (cells,) the cell that follows
    fractions      of the largest area, for those on the main river
    """
    river = [int(area.argmax())]
    while (above := np.flatnonzero((downstream == river[-1]) & (area < area[river[-1]]))).size:
        river.append(int(above[area[above].argmax()]))
    main = [river[np.abs(area[river] - fraction * area.max()).argmin()] for fraction in fractions]
    tributary = area < 0.5 * area[downstream]  # just before it joins a larger river
    mouths = np.where(tributary, area, 0).argsort(kind="stable")[::-1]
    return [*main, *(int(cell) for cell in mouths if cell not in main)][:count]
