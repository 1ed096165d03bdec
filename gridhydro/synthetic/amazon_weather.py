"""Generated weather of the Amazon: a rain belt that follows the sun, wet and dry spells.

Nothing here is measured. Rain falls where a random field exceeds a threshold that the belt's
passage lowers; clouds, radiation, temperature, humidity and wind of a day follow from the same
field, so that all variables fit together. All arrays are (days, cells) float32.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from gridhydro.domain.domain import Domain
from gridhydro.inputs import meteorology as met
from gridhydro.inputs.pet import penman_monteith_of_six
from gridhydro.nets.correction import SIX
from gridhydro.synthetic.amazon_climate import Climate, el_nino, wetness
from gridhydro.synthetic.random_fields import (
    logistic,
    persistent,
    smooth_days,
    standard,
)

# CF name, units and long name
VARIABLES = {
    "precipitation": ("lwe_precipitation_rate", "mm d-1", "precipitation"),
    "temperature": ("air_temperature", "degC", "daily mean air temperature at 2 m"),
    "specific_humidity": ("specific_humidity", "1", "specific humidity at 2 m"),
    "surface_pressure": ("surface_air_pressure", "Pa", "air pressure at the surface"),
    "wind_speed": ("wind_speed", "m s-1", "wind speed at 10 m"),
    "shortwave_radiation": (
        "surface_downwelling_shortwave_flux_in_air", "W m-2", "downwelling shortwave radiation",
    ),
    "longwave_radiation": (
        "surface_downwelling_longwave_flux_in_air", "W m-2", "downwelling longwave radiation",
    ),
}  # fmt: skip

_STEFAN_BOLTZMANN = 5.670374e-8  # W m-2 K-4


def weather(domain: Domain, climate: Climate, years: tuple[int, int], rng):
    """(times, name -> (T, N) float32) from the first to the last of the years."""
    times = pd.date_range(f"{years[0]}-01-01", f"{years[1]}-12-31")
    c, day = climate, np.array(times.day_of_year)
    wet = wetness(c.lon, c.lat, day)
    nino = el_nino(len(times), rng)[:, None].astype(np.float32)
    # El Nino dries the north and the east
    reach = logistic((c.lat + 6) / 4) * logistic((c.lon + 66) / 4)
    field = _spells(domain, len(times), rng) - 0.08 * nino * reach.astype(np.float32)

    rain = np.clip(field + 0.55 * (wet - 1) + 0.4, 0, None) ** 1.4 * np.sqrt(wet)
    rain *= (c.precipitation / 365.25 / rain.mean(0)).astype(np.float32)
    rain[rain < 0.05] = 0
    cloud = logistic(1.1 * field + 1.3 * (wet - 1) - 0.1)

    temperature = _temperature(domain, c, day, cloud, nino, rng)
    pressure = _pressure(domain, c, len(times), rng)
    humidity = _humidity(domain, c, wet, cloud, temperature, rng)
    vapour = humidity * met.saturation_vapour_pressure(torch.from_numpy(temperature)).numpy()
    series = {
        "precipitation": rain,
        "temperature": temperature,
        "specific_humidity": 0.622 * vapour / (pressure - 0.378 * vapour),
        "surface_pressure": pressure,
        "wind_speed": _wind(domain, c, wet, rng),
        "shortwave_radiation": _shortwave(c, day, cloud),
        "longwave_radiation": _longwave(temperature, vapour, cloud),
    }
    return times, {name: rounded(values) for name, values in series.items()}


def rounded(values) -> np.ndarray:
    """float32 to one part in 8192, as files then are a fraction of the size: 0.003 degC, 12 Pa."""
    bits = np.asarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + np.uint32(0x400)) & np.uint32(0xFFFFF800)).view(np.float32)


def reference_evapotranspiration(series: dict[str, np.ndarray]) -> np.ndarray:
    """Penman-Monteith of FAO-56 from the six variables, (T, N) mm d-1."""
    six = (torch.from_numpy(series[name]) for name in SIX)
    return penman_monteith_of_six(*six).numpy()


def _spells(domain: Domain, days: int, rng) -> np.ndarray:
    """A field of unit variance: slow and wide, of some days and regional, of a day and local."""
    scales = ((0.94, (4, 5), 0.35), (0.6, (11, 13), 0.66), (0.0, (28, 34), 0.66))
    first, *others = (
        part * _field(domain, days, rng, memory, knots) for memory, knots, part in scales
    )
    return sum(others, first)


def _field(domain: Domain, days: int, rng, memory: float, knots=(8, 10)) -> np.ndarray:
    noise = persistent(rng.standard_normal((days, *knots), dtype=np.float32), memory)
    return np.ascontiguousarray(smooth_days(noise, domain.shape)[:, domain.row, domain.col])


def _temperature(domain, c, day, cloud, nino, rng):
    """Warmer on clear days and in El Nino; in the south cool in July, with cold spells."""
    winter = -np.cos(2 * np.pi * (day[:, None] - 15) / 365.25)  # of the south
    south = np.maximum(-c.lat - 2, 0)
    spread = 0.6 + 0.06 * south * (1 + 0.6 * winter)
    values = c.temperature - 0.11 * south * winter - 2.6 * (cloud - cloud.mean(0)) + 0.35 * nino
    return (values + spread * _field(domain, len(day), rng, 0.75)).astype(np.float32)


def _pressure(domain, c, days, rng):
    mean = met.air_pressure(torch.from_numpy(c.height)).numpy()
    return (mean + 130 * _field(domain, days, rng, 0.8, (4, 5))).astype(np.float32)


def _humidity(domain, c, wet, cloud, temperature, rng):
    """Relative, 0 to 1: high in the rainy season and on cloudy days, low on the heights."""
    season = np.tanh(wet - 1)
    mean = 0.79 + 0.02 * standard(c.precipitation) - 0.10 * np.tanh(c.height / 4000)
    values = mean + 0.08 * season + 0.17 * (cloud - 0.45)
    values += 0.025 * _field(domain, len(wet), rng, 0.7)
    return np.clip(values, 0.3, 0.98).astype(np.float32)


def _wind(domain, c, wet, rng):
    """At 10 m: weak over forest, stronger towards the sea, on the heights and in the dry season."""
    mean = 1.3 + 0.9 * logistic((c.lon + 53) / 1.5) + 1.2 * np.tanh(c.height / 3500)
    mean = mean + 0.35 * logistic((-c.lat - 10) / 2)
    gusts = 0.22 * _field(domain, len(wet), rng, 0.7) - 0.12 * np.tanh(wet - 1)
    return (mean * np.exp(gusts)).astype(np.float32)


def _shortwave(c, day, cloud):
    """Shortwave radiation below clouds, W m-2: the clear sky's of FAO-56 eq. 37, less by clouds."""
    latitude = torch.as_tensor(c.lat, dtype=torch.float32)
    days = torch.as_tensor(day, dtype=torch.float32)[:, None]
    top = met.extraterrestrial_radiation(latitude, days).numpy()
    clear = (0.75 + 2e-5 * c.height).astype(np.float32)
    return top * clear * (1 - 0.65 * cloud)


def _longwave(temperature, vapour, cloud):
    """Brutsaert (1975) below a clear sky, more below clouds; never more than a black body."""
    kelvin = temperature + np.float32(273.15)
    clear = 1.24 * (vapour / 100 / kelvin) ** (1 / 7)
    return np.minimum(clear * (1 + 0.17 * cloud**2), 1) * _STEFAN_BOLTZMANN * kelvin**4
