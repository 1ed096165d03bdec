"""A generated catchment whose true parameters are known: terrain, rivers, soils and weather.

Nothing here is measured. Terrain is a tilted fractal, attributes follow it with noise of their
own, the weather is a seeded stochastic generator, and the true parameters are smooth nonlinear
functions of the attributes that a model never sees. One seed gives one world.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyflwdir
import rioxarray  # noqa: F401, gives rasters their CRS
import xarray as xr
from affine import Affine
from scipy.ndimage import gaussian_filter

from gridhydro.columns import column
from gridhydro.synthetic.catchment_weather import daily_weather
from gridhydro.synthetic.random_fields import logistic, smooth_map, standard

SHAPE, CELL, CORNER, CRS = (40, 50), 2000.0, (4_200_000.0, 2_950_000.0), "EPSG:3035"
YEARS = 6
GAUGES, HELD_OUT = 20, ("G03", "G07", "G11", "G15", "G19")
UPLIFTS, EROSION = 15, 0.05
NOWHERE = 255  # no cell of the catchment, in the ldd raster


@dataclass(frozen=True)
class World:
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


def make_world(seed: int = 7, years: int = YEARS) -> World:
    """The catchment of this seed with `years` of daily weather from 2001 on."""
    terrain, soils, sky = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    elevation, ldd, rivers = _terrain(terrain)
    climate = _climate(elevation, sky)
    attributes = _attributes(elevation, climate, soils)
    inside = ldd != NOWHERE
    directions = _raster(ldd, "1", "local drain direction (PCRaster)").assign_attrs(
        _FillValue=np.uint8(NOWHERE)
    )
    return World(
        ldd=directions,
        attributes=attributes,
        forcing=_forcing(climate, years, sky),
        gauges=_gauges(ldd, rivers),
        truth=_truth(attributes).where(inside),
    )


def observe(
    discharge: pd.DataFrame, seed: int = 0, noise: float = 0.03, missing: float = 0.02
) -> pd.DataFrame:
    """Discharge (time by gauge) as it would be measured: with errors, and NaN on missing days.

    Errors are multiplicative and lognormal, of relative size `noise`, independent from day to day;
    a share `missing` of single days is lost, and at every gauge one spell of 10 to 40 days.
    """
    rng = np.random.default_rng(seed)
    days, sites = discharge.shape
    measured = discharge * rng.lognormal(-(noise**2) / 2, noise, (days, sites))
    lost = rng.random((days, sites)) < missing
    for site in range(sites):
        start, length = rng.integers(days), rng.integers(10, 41)
        lost[start : start + length, site] = True
    return measured.mask(lost)


def _terrain(rng):
    """Elevation (m), PCRaster directions of the largest catchment, and all rivers."""
    rows, cols = np.indices(SHAPE)
    # a ring of mountains, higher in the east, with one gap in the west where the river leaves
    ring = np.hypot((rows - 19.5) / 14, (cols - 25) / 20)
    ring = ring + 0.1 * smooth_map(SHAPE, rng, power=2.5)
    gap = np.exp(-((rows - 19.5) ** 2) / 30) * (cols < 20)
    rise = np.exp(-(((ring - 1) / 0.5) ** 2)) * (1 - gap) * (0.4 + 0.6 * cols / SHAPE[1])
    height = 100 + 6 * cols + 650 * rise + (100 + 200 * rise) * smooth_map(SHAPE, rng, power=1.5)
    weakness = np.exp(0.6 * smooth_map(SHAPE, rng, power=1.3))  # of the rock
    for _ in range(UPLIFTS):
        height, rivers = _drained(height)
        height = _eroded(gaussian_filter(height, 0.4) + 10 + 55 * rise, rivers, weakness)
    height, rivers = _drained(height)
    catchments = rivers.basins()
    inside = catchments == np.bincount(catchments.ravel()).argmax()
    ldd = np.where(inside, rivers.to_array("ldd"), NOWHERE).astype(np.uint8)
    return height.astype(float), ldd, rivers


def _drained(height):
    """Height with its depressions filled, and the rivers on it."""
    height, directions = pyflwdir.dem.fill_depressions(height.astype(np.float32))
    transform = Affine(CELL, 0, CORNER[0], 0, -CELL, CORNER[1])
    return height, pyflwdir.from_array(directions, ftype="d8", transform=transform)


def _eroded(height, rivers, weakness):
    """One implicit step of stream power incision, which cuts valleys (Braun & Willett 2013)."""
    height = height.ravel().copy()
    incision = EROSION * (weakness * np.sqrt(rivers.upstream_area("cell"))).ravel()
    for cell in rivers.idxs_seq:  # from the outlets up
        below = rivers.idxs_ds[cell]
        height[cell] = (height[cell] + incision[cell] * height[below]) / (1 + incision[cell])
    return height.reshape(SHAPE)


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
        "sand_share": (sand, "1", "share of sand in the soil"),
        "forest_share": (forest, "1", "share of the area under forest"),
        "mean_precipitation": (precipitation, "mm yr-1", "mean annual precipitation"),
        "mean_temperature": (temperature, "degC", "mean annual air temperature"),
    }
    return _dataset({name: _raster(*of) for name, of in rasters.items()})


def _truth(attributes: xr.Dataset) -> xr.Dataset:
    """The hidden function: every parameter between two plausible ends, well inside its bounds."""
    a = {name: standard(raster.values) for name, raster in attributes.items()}
    steep, deep, sandy = a["slope"], a["soil_depth"], a["sand_share"]
    wooded, high, position = a["forest_share"], a["elevation"], a["topographic_position"]
    shares = {
        "beta": (1.2, 4.5, 1.1 * sandy - 0.7 * steep + 0.4 * np.tanh(deep)),
        "FC": (90, 520, 1.2 * deep + 0.5 * wooded - 0.5 * sandy),
        "K0": (0.15, 0.6, 0.8 * steep - 0.6 * wooded),
        "K1": (0.04, 0.32, 0.9 * steep - 0.6 * deep + 0.3 * sandy),
        "K2": (0.006, 0.07, 0.9 * sandy + 0.5 * position / (1 + position**2)),
        "LP": (0.4, 0.95, 0.8 * sandy - 0.6 * wooded),
        "PERC": (0.4, 3.5, 1.2 * sandy - 0.6 * steep),
        "UZL": (8, 60, 0.9 * deep + 0.5 * wooded - 0.4 * steep),
        "TT": (-0.8, 1.0, 0.9 * high - 0.4 * wooded),
        "CFMAX": (1.8, 6.0, -1.1 * wooded + 0.4 * high),
        "CFR": (0.02, 0.08, -0.7 * high + 0.5 * wooded),
        "CWH": (0.04, 0.14, 0.6 * wooded - 0.5 * high),
        "gamma": (0.5, 2.2, -1.0 * wooded + 0.4 * sandy * deep / (1 + np.abs(deep))),
        "C": (0.002, 0.06, -0.8 * sandy - 0.5 * position),
        "river_lag": (0.02, 0.12, -1.0 * steep),
    }
    known = {field.name: field for field in column("hbv").parameters}
    truth = {}
    for name, (low, high_end, score) in shares.items():
        values = low + (high_end - low) * logistic(score)
        if name in known:
            truth[name] = _raster(values, known[name].unit, known[name].long_name)
        else:
            truth[name] = _raster(values, "d", "lag of each river reservoir")
    return _dataset(truth)


def _forcing(climate, years: int, rng) -> xr.Dataset:
    time, rain, temperature, demand = daily_weather(*climate, years, rng)
    rasters = {
        "precipitation": (rain, "mm d-1", "precipitation"),
        "temperature": (temperature, "degC", "air temperature at 2 m"),
        "potential_evapotranspiration": (demand, "mm d-1", "potential evapotranspiration"),
    }
    return _dataset({name: _raster(*of, time=time) for name, of in rasters.items()})


def _gauges(ldd, rivers) -> pd.DataFrame:
    """G01 at the outlet, three up the main river, then the largest tributaries."""
    area = np.where(ldd != NOWHERE, rivers.upstream_area("km2"), 0).ravel()
    cells = gauge_cells(area, rivers.idxs_ds, (1, 0.75, 0.5, 0.25), GAUGES)
    row, col = np.unravel_index(cells, SHAPE)
    x, y = _axes()
    return pd.DataFrame(
        {"x": x[col], "y": y[row], "area_km2": area[cells]},
        index=pd.Index([f"G{number:02d}" for number in range(1, GAUGES + 1)], name="name"),
    ).assign(train=lambda frame: ~frame.index.isin(HELD_OUT))


def gauge_cells(area, downstream, shares, count: int) -> list[int]:
    """Where to put nested gauges: up the main river, then before the mouths of its tributaries.

    area        (cells,) upstream of each cell, and `downstream` (cells,) the cell that follows
    shares      of the largest area, for those on the main river
    """
    river = [int(area.argmax())]
    while (above := np.flatnonzero((downstream == river[-1]) & (area < area[river[-1]]))).size:
        river.append(int(above[area[above].argmax()]))
    main = [river[np.abs(area[river] - share * area.max()).argmin()] for share in shares]
    tributary = area < 0.5 * area[downstream]  # just before it joins a larger river
    mouths = np.where(tributary, area, 0).argsort(kind="stable")[::-1]
    return [*main, *(int(cell) for cell in mouths if cell not in main)][:count]


def _axes():
    x = CORNER[0] + CELL * (np.arange(SHAPE[1]) + 0.5)
    y = CORNER[1] - CELL * (np.arange(SHAPE[0]) + 0.5)
    return x, y


def _raster(values, unit: str, long_name: str, time=None) -> xr.DataArray:
    x, y = _axes()
    coords = {"y": y, "x": x} if time is None else {"time": time, "y": y, "x": x}
    attrs = {"units": unit, "long_name": long_name}
    return xr.DataArray(values, coords, tuple(coords), attrs=attrs).rio.write_crs(CRS)


def _dataset(rasters: dict) -> xr.Dataset:
    return xr.Dataset(rasters).rio.write_crs(CRS)
