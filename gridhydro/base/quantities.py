"""The table of quantities: what comes in by any door, its unit, its names, the values it can have.

Every reader, forcing, history, target and series of storage or discharge finds here the unit that
it is brought to, the range in which values are believed, and the codes that files write where there
is no value. `gridhydro.base.refuse` refuses what is outside, `gridhydro.base.units` converts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

# numbers that files write where there is no value; where a quantity can have them they are values,
# unless they lie apart from all others, see `base.missing`
CODES = (
    -99.0, -99.9, -99.99, -999.0, -999.9, -999.99, -8888.0, -9999.0, -9999.9, -9999.99, -99999.0,
    -99999.9, -99999.99, -999999.0, -9999999.0, -32767.0, -32768.0, -2147483647.0, -2147483648.0,
    999.0, 999.9, 999.99, 9999.0, 9999.9, 9999.99, 99999.0, 99999.9, 99999.99, 999999.0, 9999999.0,
    32766.0, 32767.0, 32768.0, 65535.0, 2147483647.0,
)  # fmt: skip
# those that a format defines
GRDC_MISSING = CAMELS_US_MISSING = -999.0
CAMELS_MISSING = (-999.0, -9999.0)  # of most countries
CAMELS_AUS_MISSING = (-99.99, *CAMELS_MISSING)
# and more, either sign: codes for missing values, 1e15 and 9.96921e36 among them
FILL = 9e14
# below zero by no more than this, a rate is zero with the rounding of packed data
ROUNDING = -1e-3


@dataclass(frozen=True)
class Quantity:
    """A quantity of the engine or of a data set.

    unit           what it is brought to
    names          spellings of its name in files, in lower case
    low, high      the range in which a value is believed
    as_input       the lowest value that a column takes of it, where that is above `low`: zero but
                   for rounding, of a flux that a column has in one direction only
    spread         the range of its standard deviation over time at most places; none is looked at
    codes          numbers that stand for missing values
    other_names    standard names of CF that mean it too, in another unit or as an amount
    """

    unit: str
    long_name: str
    standard_name: str = ""
    names: tuple[str, ...] = ()
    low: float = -np.inf
    high: float = np.inf
    as_input: float = -np.inf
    spread: tuple[float, float] | None = None
    codes: tuple[float, ...] = CODES
    other_names: tuple[str, ...] = ()

    @property
    def attrs(self) -> dict[str, str]:
        """CF attributes: units, long name, and the standard name where there is one."""
        found = {"units": self.unit, "long_name": self.long_name}
        return found | ({"standard_name": self.standard_name} if self.standard_name else {})

    @property
    def taken(self) -> Quantity:
        """The same with the range that a column takes as its forcing."""
        return replace(self, low=max(self.low, self.as_input))

    @property
    def never_negative(self) -> bool:
        """Whether what is below zero, in its range, is the rounding of zero."""
        return self.low == ROUNDING


# the series of a basins dataset (see `io.schema`) and of gridded weather; among their names are
# those of CMIP and ISIMIP (pr, tas), ERA5 and ERA5-Land (tp, t2m, total_precipitation), E-OBS (rr,
# tg), Daymet (prcp, srad), PRISM (ppt, tdmean) and GLEAM (Ep)
SERIES: dict[str, Quantity] = {
    "precipitation": Quantity(
        "mm d-1", "precipitation", "lwe_precipitation_rate",
        ("precip", "prcp", "pr", "p", "rain", "rainfall", "total_precipitation_sum",
         "hland_96_input_p", "tp", "total_precipitation", "rr", "ppt", "pre"), ROUNDING, 5000,
        other_names=("precipitation_flux", "precipitation_amount",
                     "lwe_thickness_of_precipitation_amount", "thickness_of_rainfall_amount"),
    ),
    "temperature": Quantity(
        "degC", "daily mean air temperature", "air_temperature",
        ("temp", "tas", "t", "t_mean", "tmean", "t2m", "temperature_2m_mean",
         "hland_96_input_t", "2m_temperature", "temperature_2m", "tg", "tavg"), -95, 65,
    ),
    "temperature_min": Quantity(
        "degC", "daily minimum air temperature", "air_temperature",
        ("tmin", "tasmin", "t_min", "temperature_2m_min", "tn", "mn2t"), -98, 65,
    ),
    "temperature_max": Quantity(
        "degC", "daily maximum air temperature", "air_temperature",
        ("tmax", "tasmax", "t_max", "temperature_2m_max", "tx", "mx2t"), -95, 70,
    ),
    "temperature_normal": Quantity(
        "degC", "long-term mean air temperature of the day of the year", "",
        ("evap_pet_hbv96_input_normalairtemperature",), -95, 65,
    ),
    "discharge": Quantity(
        "mm d-1", "discharge over the area of the basin", "",
        ("streamflow", "q", "qobs", "q_obs", "obs_q", "runoff_observed", "discharge_spec"),
        0, 20_000,
    ),
    "potential_evapotranspiration": Quantity(
        "mm d-1", "potential evapotranspiration", "", ("pet", "e0", "et0", "evspsblpot", "ep"),
        -50, 500, as_input=ROUNDING, other_names=("water_potential_evaporation_flux",),
    ),
    "potential_evapotranspiration_normal": Quantity(
        "mm d-1", "long-term mean potential evapotranspiration of the day of the year", "",
        ("evap_pet_hbv96_input_normalevapotranspiration",), -50, 500, as_input=ROUNDING,
    ),
    "shortwave_radiation": Quantity(
        "W m-2", "downwelling shortwave radiation, mean of the day",
        "surface_downwelling_shortwave_flux_in_air",
        ("rsds", "srad", "ssrd", "surface_solar_radiation_downwards", "qq"), -1, 700,
    ),
    "longwave_radiation": Quantity(
        "W m-2", "downwelling longwave radiation, mean of the day",
        "surface_downwelling_longwave_flux_in_air",
        ("rlds", "strd", "surface_thermal_radiation_downwards"), 0, 700,
    ),
    "net_shortwave_radiation": Quantity(
        "W m-2", "net shortwave radiation, downward, mean of the day",
        "surface_net_downward_shortwave_flux", ("surface_net_solar_radiation_mean", "ssr"), -1, 700,
    ),
    "net_longwave_radiation": Quantity(
        "W m-2", "net longwave radiation, downward, mean of the day",
        "surface_net_downward_longwave_flux",
        ("surface_net_thermal_radiation_mean", "str"), -300, 200,
    ),
    "net_radiation": Quantity(
        "W m-2", "net radiation, downward, mean of the day",
        "surface_net_downward_radiative_flux", ("rn",), -300, 700,
    ),
    "vapour_pressure": Quantity(
        "Pa", "vapour pressure", "water_vapor_partial_pressure_in_air",
        ("vp", "vapor_pressure"), 0, 9_000,
    ),
    "specific_humidity": Quantity(
        "1", "specific humidity of the air", "specific_humidity", ("huss",), -1e-6, 0.1,
    ),
    "dewpoint_temperature": Quantity(
        "degC", "dew point temperature", "dew_point_temperature",
        ("dewpoint_temperature_2m_mean", "tdps", "d2m", "2m_dewpoint_temperature", "tdmean"),
        -98, 45,
    ),
    "surface_pressure": Quantity(
        "Pa", "air pressure at the surface", "surface_air_pressure",
        ("surface_pressure_mean", "ps", "sp"), 30_000, 120_000,
    ),
    "wind_speed": Quantity(
        "m s-1", "wind speed", "wind_speed", ("wind", "sfcwind", "fg"), 0, 98
    ),
    "eastward_wind": Quantity(
        "m s-1", "eastward wind", "eastward_wind",
        ("u_component_of_wind_10m_mean", "u10", "10m_u_component_of_wind"), -98, 98,
    ),
    "northward_wind": Quantity(
        "m s-1", "northward wind", "northward_wind",
        ("v_component_of_wind_10m_mean", "v10", "10m_v_component_of_wind"), -98, 98,
    ),
    "relative_humidity": Quantity(
        "%", "relative humidity", "relative_humidity", ("hurs", "rh", "hu"), 0, 120
    ),
    "day_length": Quantity("s", "time from sunrise to sunset", "", ("dayl",), 0, 86_400),
    "snow_water_equivalent": Quantity(
        "mm", "snow water equivalent", "lwe_thickness_of_surface_snow_amount",
        ("swe", "snow_depth_water_equivalent_mean"), -1, 200_000,
    ),
}  # fmt: skip

# of the gauges of a basins dataset
COORDINATES: dict[str, Quantity] = {
    "latitude": Quantity("degrees_north", "latitude of the gauge", "latitude",
                         ("lat", "gauge_lat"), -90, 90),
    "longitude": Quantity("degrees_east", "longitude of the gauge", "longitude",
                          ("lon", "gauge_lon"), -180, 360),
    "area": Quantity("km2", "area of the basin", "", ("area_km2", "basin_area", "catchment_area"),
                     0, 1e7),  # the Amazon has 6 million
    "gauge_name": Quantity("", "name of the gauge", "",
                           ("name", "station_names", "station_name")),
}  # fmt: skip

# what a model is compared with, beside the discharge of a basins dataset
OBSERVED: dict[str, Quantity] = {
    "river_discharge": Quantity(
        "m3 s-1", "river discharge at the gauge", "water_volume_transport_in_river_channel",
        (), 0, 1e6,
    ),
    "twsa": Quantity(
        "mm", "anomaly of terrestrial water storage",
        "lwe_thickness_of_terrestrial_water_storage_anomaly",
        ("lwe_thickness", "twsa", "tws", "ewh"), -20_000, 20_000, spread=(1.0, 1000.0),
    ),
}  # fmt: skip

# what columns give, as far as CF has a name for it (a depth of water, not a mass)
OUTPUTS: dict[str, Quantity] = {
    "runoff": Quantity("mm d-1", "runoff", low=ROUNDING, high=5000),
    "rainfall": Quantity("mm d-1", "rainfall", "rainfall_rate"),
    "snowfall": Quantity("mm d-1", "snowfall", "lwe_snowfall_rate"),
    "actual_evapotranspiration": Quantity(
        "mm d-1", "actual evapotranspiration", "lwe_water_evaporation_rate"
    ),
    "soil_moisture": Quantity("mm", "soil moisture", "lwe_thickness_of_soil_moisture_content"),
}  # fmt: skip

# where the name says nothing: the forcing of a column that is not ours
OF_UNIT: dict[str, Quantity] = {
    "mm d-1": Quantity("mm d-1", "flux of water", low=ROUNDING, high=5000),
    "degC": Quantity("degC", "temperature", low=-98, high=98),
}


def quantity(name: str, unit: str) -> Quantity:
    """The entry of a variable: that of its name, where the table has it in this unit, else that of
    its unit; without bounds where neither is known."""
    for table in (SERIES, OBSERVED, OUTPUTS):
        if name in table and table[name].unit == unit:
            return table[name]
    return OF_UNIT.get(unit, Quantity(unit, name.replace("_", " ")))


def entries() -> Iterator[tuple[str, Quantity]]:
    """Every quantity of the table with its name."""
    for table in (SERIES, COORDINATES, OBSERVED, OUTPUTS):
        yield from table.items()
