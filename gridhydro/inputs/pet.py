"""Potential evapotranspiration from weather, on tensors and on Datasets.

The methods are torch functions of a day, differentiable, on tensors of any shapes that broadcast,
usually (T, N) with `latitude` (N,) in degrees and `day_of_year` (T, 1). Temperatures in degC,
radiation and heat fluxes in W m-2 as means of the day, pressures in Pa, wind in m s-1; results in
mm d-1. FAO-56 is Allen et al. (1998), Crop evapotranspiration, FAO Irrigation and Drainage
Paper 56.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from gridhydro.base import steps
from gridhydro.base.quantities import SERIES
from gridhydro.inputs import meteorology as met
from gridhydro.inputs.meteorology import MEGAJOULES, extraterrestrial_radiation
from gridhydro.inputs.weather import Weather

LATENT_HEAT = 2.45  # MJ kg-1, of vaporisation at 20 degC
_DEPTH = MEGAJOULES / LATENT_HEAT  # mm evaporated in a day by 1 W m-2


def oudin(temperature: Tensor, latitude: Tensor, day_of_year: Tensor) -> Tensor:
    """Oudin et al. (2005), J. Hydrol. 303, eq. 3: none below -5 degC. Latitude in degrees."""
    water = extraterrestrial_radiation(latitude, day_of_year) * _DEPTH
    return water * (temperature + 5).clamp(min=0) / 100


def hargreaves(
    temperature: Tensor,
    temperature_min: Tensor,
    temperature_max: Tensor,
    latitude: Tensor,
    day_of_year: Tensor,
) -> Tensor:
    """Hargreaves and Samani (1985), as Hargreaves (1994), J. Irrig. Drain. Eng. 120(6), has it.

    FAO-56 eq. 52. None below -17.8 degC, or where the minimum is not below the maximum.
    """
    water = extraterrestrial_radiation(latitude, day_of_year) * _DEPTH
    # the root has no slope at 0: a range of 1e-6 K is none
    spread = temperature_max - temperature_min
    root = spread.clamp(min=1e-6).sqrt() * (spread > 1e-6)
    return 0.0023 * water * (temperature + 17.8).clamp(min=0) * root


def priestley_taylor(
    temperature: Tensor,
    net_radiation: Tensor,
    pressure: Tensor,
    *,
    ground_heat: Tensor | float = 0.0,
    alpha: float = 1.26,
) -> Tensor:
    """Priestley and Taylor (1972), Mon. Weather Rev. 100; none where no energy is available."""
    slope, gamma = met.vapour_pressure_slope(temperature), met.psychrometric_constant(pressure)
    energy = (net_radiation - ground_heat) * _DEPTH
    return (alpha * slope / (slope + gamma) * energy).clamp(min=0)


def penman_monteith(
    temperature: Tensor,
    net_radiation: Tensor,
    vapour_pressure: Tensor,
    wind_speed: Tensor,
    pressure: Tensor,
    *,
    temperature_min: Tensor | None = None,
    temperature_max: Tensor | None = None,
    ground_heat: Tensor | float = 0.0,
) -> Tensor:
    """Reference evapotranspiration of grass, FAO-56 eq. 6; wind at 2 m (`wind_at_2m`).

    The saturation vapour pressure is the mean of those of minimum and maximum (eq. 12) where both
    are given, else that of the mean. None where the balance is below zero.
    """
    slope, gamma = met.vapour_pressure_slope(temperature), met.psychrometric_constant(pressure)
    if temperature_min is None or temperature_max is None:
        saturated = met.saturation_vapour_pressure(temperature)
    else:
        saturated = met.mean_saturation(temperature_min, temperature_max)
    deficit = (saturated - vapour_pressure) / 1000
    slope, gamma = slope / 1000, gamma / 1000  # kPa, as in the equation
    radiation = 0.408 * slope * (net_radiation - ground_heat) * MEGAJOULES
    aerodynamic = gamma * 900 / (temperature + 273) * wind_speed * deficit
    return ((radiation + aerodynamic) / (slope + gamma * (1 + 0.34 * wind_speed))).clamp(min=0)


def penman_monteith_of_six(
    temperature: Tensor,
    specific_humidity: Tensor,
    surface_pressure: Tensor,
    wind_speed: Tensor,
    shortwave_radiation: Tensor,
    longwave_radiation: Tensor,
    *,
    wind_height: float = 10.0,
    albedo: float = 0.23,
    emissivity: float = 1.0,
) -> Tensor:
    """`penman_monteith` from the variables of forcing data such as WFDEI, means of the day.

    Temperature degC, specific humidity kg kg-1, wind at `wind_height` m, both downwelling
    radiation fluxes. Saturation is that of the mean temperature, lower than the mean of minimum
    and maximum by a few per cent; air above saturation counts as saturated.
    """
    net = met.net_radiation_of_both(
        shortwave_radiation, longwave_radiation, temperature, albedo, emissivity
    )
    moisture = met.vapour_pressure_of_humidity(specific_humidity, surface_pressure)
    moisture = torch.minimum(moisture, met.saturation_vapour_pressure(temperature))
    wind = met.wind_at_2m(wind_speed, wind_height)
    return penman_monteith(temperature, net, moisture, wind, surface_pressure)


def pet_of(
    data: xr.Dataset, method: str = "oudin", *, wind_height: float = 10.0, albedo: float = 0.23
) -> xr.DataArray:
    """Potential evapotranspiration mm d-1, float32, of basins (time, gauge) or a grid (time, y, x).

    method       "oudin" (temperature), "hargreaves" (its minimum and maximum), "priestley_taylor"
                 (temperature, radiation, pressure) or "penman_monteith" (moisture and wind too)
    wind_height  the height that wind_speed is of, m
    albedo       of the ground, where only downwelling radiation is given

    Variables by the names of `base.quantities`, with units. What is lacking is made from
    others: temperature from minimum and maximum; net_radiation from net_shortwave_radiation and
    net_longwave_radiation, or from shortwave_radiation and longwave_radiation, or without it from
    shortwave_radiation, moisture, minimum and maximum temperature; vapour_pressure from
    dewpoint_temperature, relative_humidity or specific_humidity; wind_speed from eastward_wind and
    northward_wind; surface_pressure from `elevation` (or `elev_mean`), m. The latitude is a
    coordinate (latitude, lat), or follows from the reference system of the grid.
    The methods are of days: of weather by parts of days they take the means of each day (of
    minimum and maximum temperature the lowest and the highest), and what evaporates is spread
    evenly over its parts.
    ValueError naming what the method lacks.
    """
    times, count = _steps(data)
    if count == 1:
        return pet_of_window(data, method, wind_height=wind_height, albedo=albedo)
    return pet_of_steps(
        data.assign_coords(time=times), count, method, wind_height=wind_height, albedo=albedo
    )


def pet_of_steps(
    data: xr.Dataset, count: int, method: str = "oudin", *, wind_height: float = 10.0,
    albedo: float = 0.23,
) -> xr.DataArray:  # fmt: skip
    """As `pet_of`, of whole days of `count` steps each, stamped with their beginnings."""
    daily = pet_of_window(of_days(data, count), method, wind_height=wind_height, albedo=albedo)
    each = daily.isel(time=np.repeat(np.arange(daily.sizes["time"]), count))
    return each.assign_coords(time=data["time"])


def _steps(data: xr.Dataset) -> tuple[pd.DatetimeIndex | None, int]:
    """Beginnings of the steps and their number a day; of days None and 1."""
    known = isinstance(data, xr.Dataset) and "time" in data.coords
    if not known or not steps.several_a_day(data["time"], "the dataset: 'time'"):
        return None, 1
    return steps.found_in(data["time"], "the dataset: 'time'", data)


def of_days(data: xr.Dataset, count: int) -> xr.Dataset:
    """Weather of days from that of `count` parts of each, in order and whole: their means, of
    minimum and maximum temperature the lowest and the highest."""
    found = {}
    for name, series in data.data_vars.items():
        if "time" in series.dims:
            parts = series.coarsen(time=count, coord_func="min")
            extreme = str(name).removeprefix("temperature_")
            reduced = getattr(parts, extreme if extreme in ("min", "max") else "mean")()
            series = reduced.transpose(*series.dims).assign_attrs(series.attrs)
        found[name] = series
    times = data["time"][::count]
    coords = {n: c for n, c in data.coords.items() if "time" not in c.dims} | {"time": times}
    return xr.Dataset({n: v.drop_vars("time", errors="ignore") for n, v in found.items()}, coords)


def pet_of_window(
    data: xr.Dataset, method: str, *, wind_height: float = 10.0, albedo: float = 0.23,
    whole: xr.Dataset | None = None,
) -> xr.DataArray:  # fmt: skip
    """As `pet_of`, of a window of the days of `whole`, which has the same places."""
    if method not in _METHODS:
        raise ValueError(f"the method is one of {', '.join(_METHODS)}, not '{method}'")
    compute, title = _METHODS[method]
    weather = Weather(data, wind_height, albedo, whole)
    values = compute(weather)
    if weather.lacking:
        raise ValueError(
            f"{method} needs {'; '.join(dict.fromkeys(weather.lacking))}; "
            f"the dataset has {', '.join(n for n in SERIES if n in data) or 'no weather'}"
        )
    name = "potential_evapotranspiration"
    attrs = {"units": "mm d-1", "long_name": f"potential evapotranspiration, {title}"}
    coords = {k: v for k, v in data.coords.items() if set(v.dims) <= set(weather.dims)}
    return xr.DataArray(values.float().numpy(), coords, weather.dims, name, attrs)


def _penman_monteith(weather: Weather) -> Tensor:
    both = weather.has("temperature_min", "temperature_max")
    low, high = weather.range if both else (None, None)
    return penman_monteith(
        weather.temperature, weather.net_radiation, weather.vapour_pressure, weather.wind,
        weather.pressure, temperature_min=low, temperature_max=high,
    )  # fmt: skip


_METHODS = {
    "oudin": (lambda w: oudin(w.temperature, w.latitude, w.day), "Oudin et al. (2005)"),
    "hargreaves": (
        lambda w: hargreaves(w.temperature, w.range[0], w.range[1], w.latitude, w.day),
        "Hargreaves and Samani (1985)",
    ),
    "priestley_taylor": (
        lambda w: priestley_taylor(w.temperature, w.net_radiation, w.pressure),
        "Priestley and Taylor (1972)",
    ),
    "penman_monteith": (
        _penman_monteith,
        "Penman-Monteith, grass reference of FAO-56",
    ),
}
