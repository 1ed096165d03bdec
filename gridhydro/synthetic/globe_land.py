"""Generated climate and land surface of a globe: bands of latitude, mountains along the rivers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.ndimage import map_coordinates

from gridhydro.domain.domain import Domain
from gridhydro.synthetic.amazon_land import elevation
from gridhydro.synthetic.random_fields import logistic, smooth_map, standard

# unit, what it is
ATTRIBUTES = {
    "elevation": ("m", "height of the river bed"),
    "slope": ("degree", "mean slope of the hillsides"),
    "topographic_position": ("m", "height above the surroundings"),
    "soil_depth": ("m", "depth of the soil"),
    "sand_fraction": ("1", "fraction of sand in the soil"),
    "forest_fraction": ("1", "fraction of the area under forest"),
    "mean_precipitation": ("mm yr-1", "mean annual precipitation"),
    "mean_temperature": ("degC", "mean annual air temperature"),
}
LAPSE = 0.0055  # degC m-1


@dataclass(frozen=True)
class GlobeClimate:
    """Climate of N cells that the weather varies about, (N,) each.

    lat            degrees; height m
    precipitation  mm yr-1
    temperature    degC, and `season`, half the range of its monthly means
    """

    lat: np.ndarray
    height: np.ndarray
    precipitation: np.ndarray
    temperature: np.ndarray
    season: np.ndarray


def climate(domain: Domain, fields: xr.Dataset, rng) -> GlobeClimate:
    """Of a coarse network: wet in the tropics and the middle latitudes, dry about 25 degrees; cold
    towards the poles and on the heights, with the larger seasons the further from the equator.

    fields  of `read_network`
    """
    _, lat = domain.lonlat

    def noise():
        return smooth_map(domain.shape, rng)[domain.row, domain.col]

    height, far = elevation(domain, fields), np.abs(lat)
    rain = 1900 * np.exp(-((lat / 11) ** 2)) + 750 * np.exp(-(((far - 48) / 17) ** 2)) + 200
    rain = rain * np.exp(0.55 * noise()) * np.exp(-np.maximum(height - 1500, 0) / 4000)
    inland = 0.75 + 0.5 * logistic(noise())
    temperature = 27.5 - 0.0078 * lat**2 - LAPSE * height + 1.2 * noise()
    return GlobeClimate(
        lat, height, rain, temperature, (1 + 0.27 * far) * inland * (1 - 0.2 * (lat < 0))
    )


def land(
    domain: Domain, coarse: tuple[Domain, xr.Dataset, GlobeClimate], cells: tuple, rng
) -> dict[str, np.ndarray]:
    """The attributes (N,) of `ATTRIBUTES`.

    coarse  the network that the domain follows, with its fields and climate
    cells   the coarse cell of each, and its steps from a river of the coarse network, (N,)
    """
    (network, fields, means), (parent, steps) = coarse, cells
    parts = round(domain.shape[1] / network.shape[1])

    def noise(power=2.0):
        field = smooth_map(network.shape, rng, power)
        # centres of fine cells in rows and columns of coarse ones
        places = [(axis + 0.5) / parts - 0.5 for axis in (domain.row, domain.col)]
        return map_coordinates(field, places, order=1, mode="nearest")

    rise = network.pack(fields["river_slope"])[parent]
    relief = (20 + 60_000 * rise / (1 + 100 * rise)) * np.exp(0.3 * noise(1.5))  # m
    height = means.height[parent] + 0.15 * relief * steps
    slope = np.degrees(np.arctan(0.004 * (relief / 50) ** 1.1)) * np.exp(0.2 * noise(1.5))
    position = relief * (0.15 * (steps - steps.mean()) + 0.2 * noise(1.3))
    flat = standard(-np.log(slope + 0.05))
    rain = means.precipitation[parent] * np.exp(
        0.0002 * np.minimum(height - means.height[parent], 1500)
    )
    temperature = means.temperature[parent] - LAPSE * (height - means.height[parent])
    soil = 0.3 + 3 * logistic(0.8 * flat + 0.7 * noise() - 0.6)
    sand = logistic(0.2 + 0.9 * noise(2.3) - 0.3 * flat)
    grows = (rain - 650 - 18 * temperature) / 250  # dry or hot land has few trees
    forest = logistic(grows + 0.8 * noise()) * logistic((temperature + 4) / 2)
    values = (height, slope, position, soil, sand, forest, rain, temperature)
    return {name: v for name, v in zip(ATTRIBUTES, values, strict=True)}
