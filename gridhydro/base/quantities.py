"""The series and coordinates of a basins dataset: names, units, spellings in files, bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridhydro.base.units import conversions, spelled


@dataclass(frozen=True)
class Quantity:
    """A series: its unit, CF names, the names that files give it, the values it can have."""

    unit: str
    long_name: str
    standard_name: str = ""
    names: tuple[str, ...] = ()
    low: float = -np.inf
    high: float = np.inf


SERIES = {
    "precipitation": Quantity(
        "mm d-1", "precipitation", "lwe_precipitation_rate",
        ("precip", "prcp", "pr", "p", "rain", "rainfall", "total_precipitation_sum",
         "hland_96_input_p"), -1e-3, 5000,
    ),
    "temperature": Quantity(
        "degC", "daily mean air temperature", "air_temperature",
        ("temp", "tas", "t", "t_mean", "tmean", "t2m", "temperature_2m_mean",
         "hland_96_input_t"), -100, 70,
    ),
    "temperature_min": Quantity(
        "degC", "daily minimum air temperature", "air_temperature",
        ("tmin", "tasmin", "t_min", "temperature_2m_min"), -100, 70,
    ),
    "temperature_max": Quantity(
        "degC", "daily maximum air temperature", "air_temperature",
        ("tmax", "tasmax", "t_max", "temperature_2m_max"), -100, 70,
    ),
    "temperature_normal": Quantity(
        "degC", "long-term mean air temperature of the day of the year", "",
        ("evap_pet_hbv96_input_normalairtemperature",), -100, 70,
    ),
    "discharge": Quantity(
        "mm d-1", "discharge over the area of the basin", "",
        ("streamflow", "q", "qobs", "q_obs", "obs_q", "runoff_observed", "discharge_spec"), 0,
    ),
    "potential_evapotranspiration": Quantity(
        "mm d-1", "potential evapotranspiration", "", ("pet", "e0", "et0", "evspsblpot"),
        -50, 500,
    ),
    "potential_evapotranspiration_normal": Quantity(
        "mm d-1", "long-term mean potential evapotranspiration of the day of the year", "",
        ("evap_pet_hbv96_input_normalevapotranspiration",), -50, 500,
    ),
    "shortwave_radiation": Quantity(
        "W m-2", "downwelling shortwave radiation, mean of the day",
        "surface_downwelling_shortwave_flux_in_air", ("rsds", "srad"), -1, 700,
    ),
    "longwave_radiation": Quantity(
        "W m-2", "downwelling longwave radiation, mean of the day",
        "surface_downwelling_longwave_flux_in_air", ("rlds",), 0, 700,
    ),
    "net_shortwave_radiation": Quantity(
        "W m-2", "net shortwave radiation, downward, mean of the day",
        "surface_net_downward_shortwave_flux", ("surface_net_solar_radiation_mean",), -1, 700,
    ),
    "net_longwave_radiation": Quantity(
        "W m-2", "net longwave radiation, downward, mean of the day",
        "surface_net_downward_longwave_flux", ("surface_net_thermal_radiation_mean",), -400, 300,
    ),
    "net_radiation": Quantity(
        "W m-2", "net radiation, downward, mean of the day",
        "surface_net_downward_radiative_flux", ("rn",), -400, 700,
    ),
    "vapour_pressure": Quantity(
        "Pa", "vapour pressure", "water_vapor_partial_pressure_in_air",
        ("vp", "vapor_pressure"), 0, 10_000,
    ),
    "specific_humidity": Quantity(
        "1", "specific humidity of the air", "specific_humidity", ("huss",), -1e-6, 0.1,
    ),
    "dewpoint_temperature": Quantity(
        "degC", "dew point temperature", "dew_point_temperature",
        ("dewpoint_temperature_2m_mean", "tdps"), -100, 70,
    ),
    "surface_pressure": Quantity(
        "Pa", "air pressure at the surface", "surface_air_pressure",
        ("surface_pressure_mean", "ps"), 30_000, 120_000,
    ),
    "wind_speed": Quantity("m s-1", "wind speed", "wind_speed", ("wind", "sfcwind"), 0, 120),
    "eastward_wind": Quantity(
        "m s-1", "eastward wind", "eastward_wind", ("u_component_of_wind_10m_mean",), -120, 120
    ),
    "northward_wind": Quantity(
        "m s-1", "northward wind", "northward_wind", ("v_component_of_wind_10m_mean",), -120, 120
    ),
    "relative_humidity": Quantity(
        "%", "relative humidity", "relative_humidity", ("hurs", "rh"), 0, 120
    ),
    "day_length": Quantity("s", "time from sunrise to sunset", "", ("dayl",), 0, 86_400),
    "snow_water_equivalent": Quantity(
        "mm", "snow water equivalent", "lwe_thickness_of_surface_snow_amount",
        ("swe", "snow_depth_water_equivalent_mean"), 0,
    ),
}  # fmt: skip

COORDINATES = {
    "latitude": Quantity("degrees_north", "latitude of the gauge", "latitude",
                         ("lat", "gauge_lat"), -90, 90),
    "longitude": Quantity("degrees_east", "longitude of the gauge", "longitude",
                          ("lon", "gauge_lon"), -180, 360),
    "area": Quantity("km2", "area of the basin", "", ("area_km2", "basin_area", "catchment_area"),
                     0),
    "gauge_name": Quantity("", "name of the gauge", "",
                           ("name", "station_names", "station_name")),
}  # fmt: skip


def conversion(name: str, units: str | None, target: str, where) -> tuple[float, float]:
    """(factor, offset) from a unit as a file spells it to `target`; ValueError if it has none."""
    if units is None or not str(units).strip():
        raise ValueError(
            f"{where}: '{name}' has no units: say which, for example units={{'{name}': '{target}'}}"
        )
    known, normal = conversions(target), spelled(str(units))
    if normal not in known:
        raise ValueError(
            f"{where}: '{name}' is in '{units}', which is not known as a unit for '{target}'; "
            f"known are {', '.join(known)}. If the file is wrong, units={{'{name}': ...}} says so"
        )
    return known[normal]
