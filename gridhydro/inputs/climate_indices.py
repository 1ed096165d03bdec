"""The climatic indices of CAMELS, computed from daily weather: a model that reads them moves to
places of which nothing else is known."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gridhydro.base import calendar, periods
from gridhydro.inputs.pet_lazy import lazy_pet
from gridhydro.inputs.series import looked_at

_YEAR = 365.25
_HIGH, _LOW = 5.0, 1.0  # times the mean, and mm d-1
_DEMAND = "potential_evapotranspiration"

INDICES = {
    "p_mean": ("mm d-1", "mean daily precipitation"),
    "pet_mean": ("mm d-1", "mean daily potential evapotranspiration"),
    "aridity": ("1", "potential evapotranspiration over precipitation"),
    "p_seasonality": ("1", "seasonality of precipitation, positive where it peaks in summer"),
    "frac_snow": ("1", "fraction of precipitation on days below 0 degC"),
    "high_prec_freq": ("d yr-1", "days with five times the mean daily precipitation or more"),
    "high_prec_dur": ("d", "mean length of spells of such days"),
    "low_prec_freq": ("d yr-1", "days with less than 1 mm"),
    "low_prec_dur": ("d", "mean length of spells of such days"),
}


def climate_indices(weather: xr.Dataset, period=None, pet: str | None = None) -> xr.Dataset:
    """The climatic indices of Addor et al. (2017, doi:10.5194/hess-21-5293-2017, Table 2), without
    timing, of every basin or cell, in memory.

    weather  daily precipitation and temperature (or its minimum and maximum) over time and basins,
             or rows and columns; a basins dataset
    period   two dates, months or years, both ends included; all days if None
    pet      method of the potential evapotranspiration, see `gridhydro.inputs.pet.pet_of`; "given"
             takes that of the weather; None is "oudin"
    Seasonality is that of Woods (2009, doi:10.1016/j.advwatres.2009.06.011, eq. 13 and 14): sine
    curves of a year, fitted by least squares. Days without a value are left out; a spell ends
    there. ValueError naming a series that is lacking, and for a period that is not all in the
    weather.
    """
    extremes = {"temperature_min", "temperature_max"} <= set(weather)
    lacking = [n for n in ("precipitation", "temperature") if n not in weather]
    lacking = [n for n in lacking if not (n == "temperature" and extremes)]
    lacking += [_DEMAND] if pet == "given" and _DEMAND not in weather else []
    if lacking:
        raise ValueError(
            f"the weather lacks {', '.join(lacking)}; it has {', '.join(map(str, weather))}"
        )
    times = calendar.daily(weather["time"], "the weather", weather)
    weather = weather.assign_coords(time=times)
    weather = weather.isel(time=periods.within(times, period, "the weather"))
    rain = looked_at(weather["precipitation"], "mm d-1")
    warm = _temperature(weather, rain)
    own = weather[_DEMAND] if pet == "given" else lazy_pet(weather, pet or "oudin")
    demand = looked_at(own.rename(_DEMAND), "mm d-1").transpose(*rain.dims)
    found = _indices(rain.values, warm.values, demand.values, _phase(weather["time"]))
    like = rain.isel(time=0, drop=True)
    return xr.Dataset(
        {
            name: like.copy(data=found[name]).assign_attrs(units=unit, long_name=text)
            for name, (unit, text) in INDICES.items()
        }
    )


def _temperature(weather: xr.Dataset, like: xr.DataArray) -> xr.DataArray:
    if "temperature" in weather:
        found = looked_at(weather["temperature"], "degC")
    else:
        both = [looked_at(weather[f"temperature_{end}"], "degC") for end in ("min", "max")]
        found = (both[0] + both[1]) / 2
    return found.transpose(*like.dims)


def _phase(time: xr.DataArray) -> np.ndarray:
    """The day of the year as an angle, (T,)."""
    return 2 * np.pi * (time.dt.dayofyear.values - 1) / _YEAR


def _indices(rain, warm, demand, phase) -> dict[str, np.ndarray]:
    """Name -> (...,) from series (T, ...)."""
    rain, warm = rain.astype(np.float64), warm.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, demand_mean = _mean(rain), _mean(demand.astype(np.float64))
        both = np.isfinite(rain) & np.isfinite(warm)
        snow = np.where(both & (warm < 0), rain, 0).sum(0) / np.where(both, rain, 0).sum(0)
        wet_sine, warm_sine = _sine(rain, phase), _sine(warm, phase)
        swing = np.hypot(*warm_sine)
        together = wet_sine[0] * warm_sine[0] + wet_sine[1] * warm_sine[1]
        found = {
            "p_mean": mean, "pet_mean": demand_mean, "aridity": demand_mean / mean,
            "p_seasonality": np.where(swing > 0, together / (swing * mean), 0), "frac_snow": snow,
        }  # fmt: skip
        days = np.isfinite(rain).sum(0)
        for name, there in (("high", (rain >= _HIGH * mean) & (rain > 0)), ("low", rain < _LOW)):
            count = there.sum(0)
            begins = there.copy()
            begins[1:] &= ~there[:-1]
            spells = begins.sum(0)
            found[f"{name}_prec_freq"] = _YEAR * count / days
            found[f"{name}_prec_dur"] = np.where(spells > 0, count / np.maximum(spells, 1), 0.0)
    return found


def _mean(values: np.ndarray) -> np.ndarray:
    there = np.isfinite(values)
    return np.where(there, values, 0).sum(0) / there.sum(0)


def _sine(values: np.ndarray, phase: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Amplitudes (...,) of cosine and sine of a year in series (T, ...), by least squares over the
    days that there are."""
    flat = values.reshape(len(values), -1)
    there = np.isfinite(flat)
    waves = np.stack([np.ones_like(phase), np.cos(phase), np.sin(phase)], 1)
    products = np.einsum("ti,tj,tn->nij", waves, waves, there.astype(float), optimize=True)
    right = np.where(there, flat, 0).T @ waves
    found = np.full((flat.shape[1], 3), np.nan)
    known = np.linalg.cond(products) < 1e8  # a few days of a year tell no curve
    found[known] = np.linalg.solve(products[known], right[known][..., None])[..., 0]
    return tuple(found[:, i].reshape(values.shape[1:]) for i in (1, 2))  # type: ignore[return-value]
