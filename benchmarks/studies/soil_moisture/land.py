"""Maps of the soil moisture study's world: what is known of its cells, and what is not.

Nothing here is measured. Relief, climate, soils and vegetation are random fields that hang
together as real ones do. What HydroPy has to know of a cell are nonlinear functions of them, and
of fields that no attribute shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridhydro.synthetic.random_fields import logistic, smooth_map

NORTH, WEST, CELL = 50.0, -112.0, 0.125  # degrees
PROVINCES = 110  # of the soils, with sharp borders

UNITS = {
    "elevation": ("m", "mean elevation"),
    "slope": ("%", "mean slope"),
    "sand": ("%", "sand in the soil"),
    "clay": ("%", "clay in the soil"),
    "soil_depth": ("m", "depth to bedrock"),
    "organic_carbon": ("%", "organic carbon in the topsoil"),
    "forest_fraction": ("1", "fraction of the cell under forest"),
    "leaf_area_index": ("1", "leaf area index of the greenest month"),
    "annual_precipitation": ("mm yr-1", "mean annual precipitation"),
    "annual_temperature": ("degC", "mean annual air temperature"),
}


@dataclass(frozen=True, eq=False)
class Land:
    """Of the N cells of a raster, row by row from the north-west; all (N,) but for the months.

    attributes   what a network is told; names and units as in UNITS
    temperature_range  half the difference of the warmest and the coldest month, K
    dry_summer   1 where it rains in winter, -1 where it rains in summer
    properties, parameters  of the column "hydropy"
    vegetation, leaves  fraction and leaf area index of the months, (12, N)
    """

    lon: np.ndarray
    lat: np.ndarray
    attributes: dict[str, np.ndarray]
    temperature_range: np.ndarray
    dry_summer: np.ndarray
    properties: dict[str, np.ndarray]
    parameters: dict[str, np.ndarray]
    vegetation: np.ndarray
    leaves: np.ndarray


def make_land(shape: tuple[int, int], rng) -> Land:
    """A mountain range in the west, low hills in the east, dry plains between, cold in the north.

    The hidden fields are smooth, so that a neighbour's observations tell of them.
    """

    def field(power=2.0):
        return smooth_map(shape, rng, power)

    row, col = np.indices(shape)
    east = (col + 0.5) / shape[1]
    lat, lon = NORTH - CELL * (row + 0.5), WEST + CELL * (col + 0.5)

    ridge = np.exp(-(((east - 0.2 - 0.03 * field()) / 0.08) ** 2))
    hills = np.exp(-(((east - 0.8 - 0.03 * field()) / 0.05) ** 2))
    elevation = 1000 * (1 - east) ** 1.5 + 1200 * ridge + 400 * hills
    elevation = np.maximum(elevation + (80 + 200 * ridge + 100 * hills) * field(1.7), 5)
    slope = 0.4 + 900 * np.hypot(*np.gradient(elevation)) / 12_000 + 4 * (ridge + hills)
    slope *= np.exp(0.25 * field(1.5))

    temperature = 23 - 0.8 * (lat - 30) - 0.005 * elevation + 0.6 * field()
    extent = 7.5 + 0.33 * (lat - 30) + 2.5 * np.sin(np.pi * np.clip(east, 0, 1)) + 0.3 * field()
    coast = logistic((0.12 - east) / 0.03)
    rain = 260 + 880 * logistic((east - 0.62) / 0.11) + 550 * coast + 330 * ridge
    rain *= np.exp(0.14 * field() - 0.012 * (lat - 40))
    dry_summer = coast - np.exp(-(((east - 0.5) / 0.2) ** 2))

    sand, clay, depth = _soils(shape, slope, rng, field)
    moist = rain / (300 + 45 * np.maximum(temperature + 5, 0))
    forest = logistic(3.2 * (moist - 1.1) + 1.2 * (ridge + hills) + 0.7 * field())
    forest *= logistic(temperature + 1)  # up to the tree line
    leaf_area = 0.4 + 5.2 * np.sqrt(forest) * logistic((moist - 0.35) / 0.15)
    leaf_area *= np.exp(0.1 * field(1.5))
    carbon = 0.4 + 4.5 * logistic(1.6 * (moist - 1.1) - 0.12 * (temperature - 8))
    carbon *= np.exp(0.15 * field(1.5))
    attributes = dict(
        elevation=elevation, slope=slope, sand=sand, clay=clay, soil_depth=depth,
        organic_carbon=carbon, forest_fraction=forest, leaf_area_index=leaf_area,
        annual_precipitation=rain, annual_temperature=temperature,
    )  # fmt: skip
    months = _months(temperature, extent)
    green = logistic((months - 7) / 2.5)
    vegetation = (0.25 + 0.65 * np.tanh(leaf_area / 2.5)) * (0.45 + 0.55 * green)
    evergreen = 0.15 + 0.5 * forest * logistic((1200 - np.abs(elevation - 1500)) / 300)
    leaves = leaf_area * (evergreen + (1 - evergreen) * green)
    properties, parameters = _hidden(attributes, field)
    return Land(
        lon.ravel(), lat.ravel(), _flat(attributes), extent.ravel(), dry_summer.ravel(),
        _flat(properties), _flat(parameters), vegetation.reshape(12, -1), leaves.reshape(12, -1),
    )  # fmt: skip


def _soils(shape, slope, rng, field):
    """Sand and clay in per cent and depth in m: by provinces, each with its own gradual changes."""
    row, col = np.indices(shape)
    # bent coordinates bend the borders
    place = np.stack([row + 9 * field(1.5), col + 9 * field(1.5)], axis=-1)
    centres = rng.random((PROVINCES, 2)) * shape
    province = np.argmin(((place[..., None, :] - centres) ** 2).sum(-1), axis=-1)
    kind = rng.standard_normal((3, PROVINCES))[:, province]
    sand = 8 + 84 * logistic(1.1 * kind[0] + 0.5 * field())
    clay = (97 - sand) * (0.12 + 0.7 * logistic(0.9 * kind[1] + 0.5 * field()))
    depth = 0.3 + 2.2 * logistic(0.9 * kind[2] + 0.5 * field() + 1.0 - 0.16 * slope)
    return sand, clay, depth


def _months(temperature, extent):
    """Temperature of the months, (12, ...) degC."""
    turn = 2 * np.pi * (np.arange(12) - 0.2) / 12
    return temperature - extent * np.cos(turn)[:, None, None]


def _hidden(a, field):
    """What HydroPy is told: properties and parameters, with a part that attributes do not show."""
    pores, roots, drains = (field() for _ in range(3))
    # loam holds the most water that plants can take, sand and heavy clay less
    held = 70 + 130 * np.exp(-(((a["sand"] - 38) / 24) ** 2)) + 9 * a["organic_carbon"]
    rooted = np.minimum(a["soil_depth"], 0.45 + 0.9 * a["forest_fraction"] + 0.12 * roots)
    capacity = np.maximum(rooted, 0.2) * held * np.exp(0.22 * pores) + 25
    wilting = 0.08 + 0.32 * (a["clay"] / 70) ** 0.8 + 0.035 * roots
    properties = dict(
        soil_capacity=capacity,
        wilting_point=capacity * np.clip(wilting, 0.05, 0.5),
        soil_capacity_min=capacity * 0.25 * logistic(1 - 0.3 * a["slope"]),
        soil_capacity_max=capacity * (1.25 + 0.8 * np.tanh(a["slope"] / 8)),
        arno_shape=0.12 + 0.5 * np.tanh(a["slope"] / 10) + 0.1 * logistic(2 * pores),
        water_fraction=np.clip(0.06 * field() - 0.06, 1e-10, 0.12),
    )
    fast = logistic(7 * (a["sand"] / 100 - 0.5) + 0.8 * drains)
    parameters = dict(
        drainage_min=0.004 + 0.07 * fast,
        drainage_max=0.4 + 9 * fast,
        drainage_low=np.full_like(fast, 0.05),
        drainage_high=0.4 + 0.5 * logistic(6 * (a["clay"] / 60 - 0.35) - 0.7 * drains),
        transpiration_critical=0.58 + 0.34 * logistic(1.5 - 3 * a["forest_fraction"] - 0.5 * roots),
        bare_soil_low=0.02 + 0.2 * logistic(5 * (a["clay"] / 60 - 0.5) + 0.5 * pores),
        surface_lag=np.full_like(fast, 5.0),
        groundwater_lag=np.full_like(fast, 200.0),
    )
    return properties, parameters


def _flat(maps):
    return {name: values.ravel() for name, values in maps.items()}
