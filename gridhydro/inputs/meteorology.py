"""Radiation and moisture of the air from what is measured: torch functions, differentiable.

Tensors of any shapes that broadcast, usually (T, N) with `latitude` (N,) in degrees and
`day_of_year` (T, 1). Temperatures in degC, radiation in W m-2 as means of the day, pressures in Pa.
Equation numbers are those of FAO-56 (Allen et al. 1998, Crop evapotranspiration, FAO Irrigation
and Drainage Paper 56).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MEGAJOULES = 0.0864  # MJ m-2 d-1 in 1 W m-2
_SOLAR_CONSTANT = 0.0820 * 1440 / MEGAJOULES  # W m-2; FAO-56 gives MJ m-2 min-1
_STEFAN_BOLTZMANN = 4.903e-9 / MEGAJOULES  # W m-2 K-4; FAO-56 rounds it
_STEFAN_BOLTZMANN_EXACT = 5.670374e-8  # W m-2 K-4, CODATA 2018


def extraterrestrial_radiation(latitude: Tensor, day_of_year: Tensor) -> Tensor:
    """Radiation at the top of the atmosphere, W m-2, mean of the day; eq. 21 to 25."""
    phi, declination, sunset = _sun(latitude, day_of_year)
    distance = 1 + 0.033 * torch.cos(2 * math.pi / 365 * day_of_year)
    height = sunset * torch.sin(phi) * torch.sin(declination)
    height = height + torch.cos(phi) * torch.cos(declination) * torch.sin(sunset)
    return (_SOLAR_CONSTANT / math.pi * distance * height).clamp(min=0)


def day_length(latitude: Tensor, day_of_year: Tensor) -> Tensor:
    """Time from sunrise to sunset, s; eq. 34."""
    return _sun(latitude, day_of_year)[2] * (86400 / math.pi)


def net_radiation(
    shortwave_radiation: Tensor,
    vapour_pressure: Tensor,
    temperature_min: Tensor,
    temperature_max: Tensor,
    latitude: Tensor,
    day_of_year: Tensor,
    elevation: Tensor | float,
    albedo: float = 0.23,
) -> Tensor:
    """Net radiation of grass from the downwelling shortwave radiation, W m-2; eq. 37 to 40.

    The fraction of the clear sky's radiation counts as 0.3 at least, as in ASCE (2005), The ASCE
    standardized reference evapotranspiration equation; the polar night, which has no clear sky to
    compare with, counts as clear.
    """
    top = extraterrestrial_radiation(latitude, day_of_year)
    clear = (0.75 + 2e-5 * elevation) * top
    fraction = torch.where(clear > 1, shortwave_radiation / clear.clamp(min=1), 1.0).clamp(0.3, 1)
    emitted = ((temperature_min + 273.16) ** 4 + (temperature_max + 273.16) ** 4) / 2
    # the root has no slope at 0
    moisture = 0.34 - 0.14 * (vapour_pressure / 1000).clamp(min=1e-6).sqrt()
    longwave = _STEFAN_BOLTZMANN * emitted * moisture * (1.35 * fraction - 0.35)
    return (1 - albedo) * shortwave_radiation - longwave


def net_radiation_of_both(
    shortwave_radiation: Tensor,
    longwave_radiation: Tensor,
    temperature: Tensor,
    albedo: float = 0.23,
    emissivity: float = 1.0,
) -> Tensor:
    """Net radiation of the ground from both downwelling fluxes, W m-2.

    The ground emits as a grey body of the air's temperature, degC, and absorbs with the same
    `emissivity`; 0.98 is also used for grass.
    """
    emitted = _STEFAN_BOLTZMANN_EXACT * (temperature + 273.15) ** 4
    return (1 - albedo) * shortwave_radiation - emissivity * (emitted - longwave_radiation)


def vapour_pressure_of_humidity(specific_humidity: Tensor, pressure: Tensor) -> Tensor:
    """Vapour pressure from the fraction of vapour in the mass of air (kg kg-1) and pressure, Pa.

    Dalton's law, with 0.622 the ratio of the molar masses of water and dry air.
    """
    return specific_humidity * pressure / (0.622 + 0.378 * specific_humidity)


def saturation_vapour_pressure(temperature: Tensor) -> Tensor:
    """Over water, Pa; eq. 11."""
    return 610.8 * torch.exp(17.27 * temperature / (temperature + 237.3))


def mean_saturation(temperature_min: Tensor, temperature_max: Tensor) -> Tensor:
    """Mean saturation vapour pressure of a day, Pa; eq. 12."""
    low, high = (saturation_vapour_pressure(t) for t in (temperature_min, temperature_max))
    return (low + high) / 2


def vapour_pressure_slope(temperature: Tensor) -> Tensor:
    """Slope of the saturation vapour pressure over temperature, Pa K-1; eq. 13."""
    return 4098 * saturation_vapour_pressure(temperature) / (temperature + 237.3) ** 2


def psychrometric_constant(pressure: Tensor) -> Tensor:
    """Pa K-1 at a pressure in Pa; eq. 8."""
    return 0.665e-3 * pressure


def air_pressure(elevation: Tensor) -> Tensor:
    """Mean air pressure at an elevation, Pa; eq. 7."""
    return 101_300 * ((293 - 0.0065 * elevation) / 293) ** 5.26


def wind_at_2m(wind_speed: Tensor, height: float) -> Tensor:
    """Wind measured at a height in m over grass, brought to 2 m; eq. 47."""
    return wind_speed * (4.87 / math.log(67.8 * height - 5.42))


def _sun(latitude: Tensor, day_of_year: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Latitude, declination and hour angle of sunset, radians; 0 in the polar night, pi in its day.

    FAO-56 eq. 22 to 25.
    """
    phi = torch.deg2rad(latitude)
    declination = 0.409 * torch.sin(2 * math.pi / 365 * day_of_year - 1.39)
    # at a pole in single precision the cosine is below zero, and the year would be turned around
    tangent = torch.sin(phi) / torch.cos(phi).clamp(min=1e-12)
    cosine = -tangent * torch.tan(declination)
    # beyond -1 and 1, where the arc cosine has no slope, the sun does not set or does not rise
    sets = cosine.abs() < 1
    sunset = torch.acos(torch.where(sets, cosine, 0.0))
    return phi, declination, torch.where(sets, sunset, math.pi * (cosine < 0).to(sunset))
