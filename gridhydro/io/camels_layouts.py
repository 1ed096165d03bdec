"""Layouts of CAMELS data sets of other countries than the US: one table of their columns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """How a data set is laid out.

    source      its name and where it is described
    files       pattern of the files of series; the gauge stands in place of *
    day         column of the dates
    columns     column -> (our name, unit); of those of one name the first that is there
    tables      patterns of the tables of attributes, the gauge in the column `gauge`
    places      column -> latitude, longitude, area or gauge_name
    area_unit   unit of the area
    crs         of latitude and longitude, where these are northing and easting
    """

    source: str
    files: str
    day: str
    columns: dict[str, tuple[str, str]]
    tables: tuple[str, ...]
    places: dict[str, str]
    gauge: str = "gauge_id"
    area_unit: str = "km2"
    crs: str | None = None


VOLUME = "m3 s-1"  # of discharge that is to be divided by the area

_USUAL = {
    "gauge_lat": "latitude", "gauge_lon": "longitude", "area": "area", "gauge_name": "gauge_name",
}  # fmt: skip

LAYOUTS = {
    "gb": Layout(
        "CAMELS-GB, doi:10.5194/essd-12-2459-2020",
        "CAMELS_GB_hydromet_timeseries_*_????????-????????.csv", "date",
        {
            "precipitation": ("precipitation", "mm d-1"), "temperature": ("temperature", "degC"),
            "pet": ("potential_evapotranspiration", "mm d-1"), "windspeed": ("wind_speed", "m s-1"),
            "discharge_spec": ("discharge", "mm d-1"),
            "humidity": ("specific_humidity", "g kg-1"),
            "shortwave_rad": ("shortwave_radiation", "W m-2"),
            "longwave_rad": ("longwave_radiation", "W m-2"),
        },
        ("CAMELS_GB_*_attributes.csv",), _USUAL,
    ),
    "de": Layout(
        "CAMELS-DE, doi:10.5194/essd-16-5625-2024",
        "CAMELS_DE_hydromet_timeseries_*.csv", "date",
        {
            "precipitation_mean": ("precipitation", "mm d-1"),
            "temperature_mean": ("temperature", "degC"),
            "temperature_min": ("temperature_min", "degC"),
            "temperature_max": ("temperature_max", "degC"),
            "humidity_mean": ("relative_humidity", "%"),
            "radiation_global_mean": ("shortwave_radiation", "W m-2"),
            "discharge_spec_obs": ("discharge", "mm d-1"),
            "discharge_spec": ("discharge", "mm d-1"),
        },
        ("CAMELS_DE_*_attributes.csv",), _USUAL,
    ),
    "ch": Layout(
        "CAMELS-CH, doi:10.5194/essd-15-5755-2023",
        "CAMELS_CH_obs_based_*.csv", "date",
        {
            "precipitation(mm/d)": ("precipitation", "mm d-1"),
            "temperature_mean(degC)": ("temperature", "degC"),
            "temperature_mean(\N{DEGREE SIGN}C)": ("temperature", "degC"),
            "temperature_min(degC)": ("temperature_min", "degC"),
            "temperature_min(\N{DEGREE SIGN}C)": ("temperature_min", "degC"),
            "temperature_max(degC)": ("temperature_max", "degC"),
            "temperature_max(\N{DEGREE SIGN}C)": ("temperature_max", "degC"),
            "swe(mm)": ("snow_water_equivalent", "mm"),
            "discharge_spec(mm/d)": ("discharge", "mm d-1"),
        },
        ("CAMELS_CH_*_attributes*.csv",), _USUAL,
    ),
    "fr": Layout(
        "CAMELS-FR, doi:10.5194/essd-17-1461-2025",
        "CAMELS_FR_tsd_*.csv", "tsd_date",
        {
            "tsd_prec": ("precipitation", "mm d-1"), "tsd_temp": ("temperature", "degC"),
            "tsd_temp_min": ("temperature_min", "degC"),
            "tsd_temp_max": ("temperature_max", "degC"),
            "tsd_pet_ou": ("potential_evapotranspiration", "mm d-1"),
            "tsd_wind": ("wind_speed", "m s-1"), "tsd_humid": ("specific_humidity", "g kg-1"),
            "tsd_q_mm": ("discharge", "mm d-1"),
        },
        ("CAMELS_FR_*_attributes.csv",),
        {
            "sta_y_w84": "latitude", "sta_x_w84": "longitude", "sta_area_snap": "area",
            "sta_label": "gauge_name",
        },
        gauge="sta_code_h3",
    ),
    # of the gauged basins, without the signatures of their discharge; outlets are in UTM zone 32N
    "dk": Layout(
        "CAMELS-DK, doi:10.5194/essd-17-1551-2025",
        "CAMELS_DK_obs_based_*.csv", "time",
        {
            "precipitation": ("precipitation", "mm d-1"), "temperature": ("temperature", "degC"),
            "pet": ("potential_evapotranspiration", "mm d-1"), "Qobs": ("discharge", VOLUME),
        },
        tuple(
            f"CAMELS_DK_{name}.csv" for name in ("climate", "geology", "landuse", "soil",
                                                 "topography")
        ),
        {
            "catch_outlet_lat": "latitude", "catch_outlet_lon": "longitude", "catch_area": "area",
        },
        gauge="catch_id", area_unit="m2", crs="EPSG:25832",
    ),
}  # fmt: skip
