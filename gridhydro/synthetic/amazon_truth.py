"""Truth of the synthetic Amazon: its true parameters and the error of Penman-Monteith.

Both are smooth nonlinear functions of what a model is shown; a little of the parameters is told by
nothing.
"""

from __future__ import annotations

import numpy as np

from gridhydro.domain.domain import Domain
from gridhydro.synthetic.amazon_weather import rounded
from gridhydro.synthetic.random_fields import logistic, smooth_map, standard

LARGEST_ERROR = 0.25  # of Penman-Monteith
_DAYS = 366  # at once, so that memory stays small
_UNTOLD = 0.25  # of the scores' scale

# unit, what it is, and the two ends between which it lies, well inside the bounds of learning
PARAMETERS = {
    "drainage_min": ("mm d-1", "slow drainage of the root zone", 0.004, 0.08),
    "drainage_max": ("mm d-1", "fast drainage of the root zone when full", 0.4, 8.0),
    "drainage_low": ("1", "soil moisture fraction at which slow drainage begins", 0.01, 0.18),
    "drainage_high": ("1", "soil moisture fraction at which fast drainage begins", 0.45, 0.95),
    "transpiration_critical": ("1", "soil moisture fraction of full transpiration", 0.58, 0.92),
    "bare_soil_low": ("1", "soil moisture fraction at which bare soil dries no more", 0.01, 0.22),
    "surface_lag": ("d", "lag of surface water", 3.0, 120.0),
    "groundwater_lag": ("d", "lag of groundwater", 60.0, 1000.0),
    "river_lag": ("d", "lag of each river reservoir", 0.03, 0.4),
}


def parameters(domain: Domain, attributes: dict[str, np.ndarray], rng) -> dict[str, np.ndarray]:
    """The true parameters (N,) of cells with these attributes (N,); lags are spaced as logarithms.

    Grass and savanna close their leaves earlier than forest, and cold ones the more; steep cells
    drain fast, wet and flat ones slowly.
    """
    a = {name: standard(values) for name, values in attributes.items()}
    # skewed ones, as ranks would be: else the few highest cells had all the variation
    steep, rough = (standard(np.log(attributes[n])) for n in ("slope_avg", "topo_std"))
    wet = standard(np.log(attributes["fwetl"] + attributes["flake"]))
    soil, forest, bent = a["wcap"], a["lai_avg"], a["beta"]
    rain, warm = a["prec_avg"], a["temp_avg"]
    scores = {
        "drainage_min": 0.8 * steep - 0.7 * np.tanh(soil) + 0.5 * bent,
        "drainage_max": 0.9 * rough - 0.6 * wet + 0.5 * np.tanh(rain),
        "drainage_low": 0.9 * a["wmin"] - 0.5 * forest,
        "drainage_high": 0.9 * np.tanh(soil) + 0.6 * wet - 0.4 * steep,
        "transpiration_critical": -0.9 * forest - 0.5 * np.tanh(warm) + 0.5 * a["lai_diff"],
        "bare_soil_low": 0.8 * bent - 0.6 * a["fveg_avg"] - 0.3,
        "surface_lag": 0.9 * wet - 0.8 * steep + 0.3 * forest,
        "groundwater_lag": 0.8 * soil - 0.5 * rough + 0.5 * bent / (1 + bent**2),
        "river_lag": 0.8 * wet - 0.9 * rough - 0.3,
    }
    truth = {}
    for name, score in scores.items():
        untold = smooth_map(domain.shape, rng, power=1.5)[domain.row, domain.col]
        fraction = logistic(score + _UNTOLD * untold)
        unit, _, low, high = PARAMETERS[name]
        if unit == "d":
            truth[name] = low * (high / low) ** fraction
        else:
            truth[name] = low + (high - low) * fraction
    return truth


def pet_error(
    series: dict[str, np.ndarray], attributes: dict[str, np.ndarray], reference: np.ndarray
) -> np.ndarray:
    """Error of Penman-Monteith `reference` (T, N), mm d-1: at most +-`LARGEST_ERROR` times it.

    Forest needs more than the grass that the equation is for, the more so in sunshine, and less in
    wind and dry air, which close its leaves; open land in wind needs more.
    """
    forest = np.tanh(standard(attributes["lai_avg"]))
    heat = np.tanh(standard(attributes["temp_avg"]))
    error = np.empty_like(reference)
    for first in range(0, len(reference), _DAYS):
        days = slice(first, first + _DAYS)
        sun = (series["shortwave_radiation"][days] - 205) / 50
        wind = (series["wind_speed"][days] - 1.7) / 0.6
        moist = (series["specific_humidity"][days] - 0.016) / 0.003
        score = 0.35 + 0.5 * sun * (1 + 0.6 * forest) + 0.4 * np.tanh(moist) - 0.45 * wind * forest
        score += 0.3 * forest + 0.25 * heat - 0.2 * sun**2 / (1 + sun**2)
        error[days] = LARGEST_ERROR * np.tanh(score) * reference[days]
    return rounded(error)
