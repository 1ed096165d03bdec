"""Layouts of CAMELS data sets of other countries than the US: one table of their columns."""

from __future__ import annotations

from dataclasses import dataclass

from gridhydro.base.quantities import CAMELS_AUS_MISSING, CAMELS_MISSING


@dataclass(frozen=True)
class Layout:
    """How a data set is laid out.

    source      its name and where it is described
    files       patterns of the files of series, in which a gauge stands in place of the * of the
                name; without any, `columns` are files, each with a column for every gauge
    columns     column, or file -> (our name, unit); of those of one name the first that is there
    tables      patterns of the tables of attributes, the gauge in the column `gauge`
    places      column -> latitude, longitude, area or gauge_name
    day         column of the dates, or those of year, month and day; of files with a column for
                every gauge it is the first, or those
    separator   of all tables, where it is none of comma, semicolon and tab
    turned      patterns of tables whose rows are attributes, a column for each gauge
    texts       attributes that are texts, whatever some of them look like
    missing     numbers that stand for missing values
    area_unit   unit of the area
    crs         of latitude and longitude, where these are northing and easting
    """

    source: str
    files: tuple[str, ...]
    columns: dict[str, tuple[str, str]]
    tables: tuple[str, ...]
    places: dict[str, str]
    gauge: str = "gauge_id"
    day: str | tuple[str, str, str] = "date"
    separator: str | None = None
    turned: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    missing: tuple[float, ...] = CAMELS_MISSING
    area_unit: str = "km2"
    crs: str | None = None


YEAR_MONTH_DAY = ("year", "month", "day")

_USUAL = {
    "gauge_lat": "latitude", "gauge_lon": "longitude", "area": "area", "gauge_name": "gauge_name",
}  # fmt: skip

LAYOUTS = {
    "gb": Layout(
        "CAMELS-GB, doi:10.5194/essd-12-2459-2020",
        ("CAMELS_GB_hydromet_timeseries_*_????????-????????.csv",),
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
        ("CAMELS_DE_hydromet_timeseries_*.csv",),
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
        ("CAMELS_CH_obs_based_*.csv",),
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
        ("CAMELS_FR_tsd_*.csv",),
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
        gauge="sta_code_h3", day="tsd_date",
    ),
    # of the gauged basins, without the signatures of their discharge; outlets are in UTM zone 32N
    "dk": Layout(
        "CAMELS-DK, doi:10.5194/essd-17-1551-2025",
        ("CAMELS_DK_obs_based_*.csv",),
        {
            "precipitation": ("precipitation", "mm d-1"), "temperature": ("temperature", "degC"),
            "pet": ("potential_evapotranspiration", "mm d-1"), "Qobs": ("discharge", "m3 s-1"),
        },
        tuple(
            f"CAMELS_DK_{name}.csv" for name in ("climate", "geology", "landuse", "soil",
                                                 "topography")
        ),
        {
            "catch_outlet_lat": "latitude", "catch_outlet_lon": "longitude", "catch_area": "area",
        },
        gauge="catch_id", day="time", area_unit="m2", crs="EPSG:25832",
    ),
    # version 1.1 has a file for each product, 1.2 one for each quantity; without the signatures of
    # the discharge and what is said of its quality, and of the gauges without weather
    "br": Layout(
        "CAMELS-BR, doi:10.5194/essd-12-2075-2020",
        (
            "*_streamflow_mm.txt", "*_precipitation_chirps.txt", "*_precipitation_mswep.txt",
            "*_precipitation_cpc.txt", "*_potential_evapotransp_gleam.txt",
            "*_temperature_mean.txt", "*_temperature_min.txt", "*_temperature_max.txt",
            "*_CAMELS_BR_streamflow_selected_catchments/*_streamflow.txt",
            "*_CAMELS_BR_precipitation/*_precipitation.txt",
            "*_CAMELS_BR_potential_evapotransp/*_potential_evapotransp.txt",
            "*_CAMELS_BR_temperature/*_temperature.txt",
        ),
        {
            "streamflow_mm": ("discharge", "mm d-1"),
            "precipitation_chirps": ("precipitation", "mm d-1"),
            "precipitation_mswep": ("precipitation", "mm d-1"),
            "precipitation_cpc": ("precipitation", "mm d-1"),
            "p_chirps": ("precipitation", "mm d-1"), "p_mswep": ("precipitation", "mm d-1"),
            "p_cpc": ("precipitation", "mm d-1"), "p_era5land": ("precipitation", "mm d-1"),
            "p_brdwgd": ("precipitation", "mm d-1"),
            "potential_evapotransp_gleam": ("potential_evapotranspiration", "mm d-1"),
            "pet_gleam": ("potential_evapotranspiration", "mm d-1"),
            "pet_era5land": ("potential_evapotranspiration", "mm d-1"),
            "temperature_mean": ("temperature", "degC"),
            "tmean_era5land": ("temperature", "degC"),
            "temperature_min": ("temperature_min", "degC"),
            "tmin_era5land": ("temperature_min", "degC"), "tmin_cpc": ("temperature_min", "degC"),
            "tmin_brdwgd": ("temperature_min", "degC"),
            "temperature_max": ("temperature_max", "degC"),
            "tmax_era5land": ("temperature_max", "degC"), "tmax_cpc": ("temperature_max", "degC"),
            "tmax_brdwgd": ("temperature_max", "degC"),
        },
        tuple(
            f"camels_br_{name}.txt" for name in ("climate", "geology", "human_intervention",
                                                 "land_cover", "location", "soil", "topography")
        ),
        _USUAL, day=YEAR_MONTH_DAY, separator=" ",
    ),
    # the files of 2018, and those of 2022
    "cl": Layout(
        "CAMELS-CL, doi:10.5194/hess-22-5817-2018", (),
        {
            "3_CAMELScl_streamflow_mm.txt": ("discharge", "mm d-1"),
            "q_mm_day.csv": ("discharge", "mm d-1"),
            "2_CAMELScl_streamflow_m3s.txt": ("discharge", "m3 s-1"),
            "q_m3s_day.csv": ("discharge", "m3 s-1"),
            "4_CAMELScl_precip_cr2met.txt": ("precipitation", "mm d-1"),
            "precip_cr2met_mm_day.csv": ("precipitation", "mm d-1"),
            "5_CAMELScl_precip_chirps.txt": ("precipitation", "mm d-1"),
            "precip_chirps_mm_day.csv": ("precipitation", "mm d-1"),
            "6_CAMELScl_precip_mswep.txt": ("precipitation", "mm d-1"),
            "precip_mswep_mm_day.csv": ("precipitation", "mm d-1"),
            "7_CAMELScl_precip_tmpa.txt": ("precipitation", "mm d-1"),
            "precip_tmpa_mm_day.csv": ("precipitation", "mm d-1"),
            "10_CAMELScl_tmean_cr2met.txt": ("temperature", "degC"),
            "tmean_cr2met_C_day.csv": ("temperature", "degC"),
            "8_CAMELScl_tmin_cr2met.txt": ("temperature_min", "degC"),
            "tmin_cr2met_C_day.csv": ("temperature_min", "degC"),
            "9_CAMELScl_tmax_cr2met.txt": ("temperature_max", "degC"),
            "tmax_cr2met_C_day.csv": ("temperature_max", "degC"),
            "12_CAMELScl_pet_hargreaves.txt": ("potential_evapotranspiration", "mm d-1"),
            "pet_hargreaves_mm_day.csv": ("potential_evapotranspiration", "mm d-1"),
            "13_CAMELScl_swe.txt": ("snow_water_equivalent", "mm"),
        },
        ("1_CAMELScl_attributes.txt", "catchment_attributes.csv"), _USUAL | {"area_km2": "area"},
        turned=("1_CAMELScl_attributes.txt",),
    ),
    # version 1 has the rain and temperature of AWAP, version 2 of AGCD, which follows it
    "aus": Layout(
        "CAMELS-AUS, doi:10.5194/essd-13-3847-2021", (),
        {
            "streamflow_mmd.csv": ("discharge", "mm d-1"),
            "streamflow_MLd.csv": ("discharge", "ML d-1"),
            "streamflow_MLd_inclInfilled.csv": ("discharge", "ML d-1"),
            "precipitation_AGCD.csv": ("precipitation", "mm d-1"),
            "precipitation_AWAP.csv": ("precipitation", "mm d-1"),
            "precipitation_SILO.csv": ("precipitation", "mm d-1"),
            "tmin_AGCD.csv": ("temperature_min", "degC"),
            "tmin_AWAP.csv": ("temperature_min", "degC"),
            "tmin_SILO.csv": ("temperature_min", "degC"),
            "tmax_AGCD.csv": ("temperature_max", "degC"),
            "tmax_AWAP.csv": ("temperature_max", "degC"),
            "tmax_SILO.csv": ("temperature_max", "degC"),
            "et_morton_wet_SILO.csv": ("potential_evapotranspiration", "mm d-1"),
            "et_short_crop_SILO.csv": ("potential_evapotranspiration", "mm d-1"),
            "et_tall_crop_SILO.csv": ("potential_evapotranspiration", "mm d-1"),
            "et_morton_point_SILO.csv": ("potential_evapotranspiration", "mm d-1"),
            "radiation_SILO.csv": ("shortwave_radiation", "MJ m-2 d-1"),
            "vp_SILO.csv": ("vapour_pressure", "hPa"),
        },
        (
            "CAMELS_AUS_Attributes*MasterTable.csv", "CatchmentAttributes_*.csv",
            "location_boundary_area.csv", "id_name_metadata.csv",
        ),
        {
            "lat_outlet": "latitude", "long_outlet": "longitude", "catchment_area": "area",
            "station_name": "gauge_name",
        },
        gauge="station_id", day=YEAR_MONTH_DAY, texts=("next_station_ds", "notes", "state_alt"),
        missing=CAMELS_AUS_MISSING,
    ),
}  # fmt: skip
