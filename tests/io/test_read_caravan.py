"""Caravan: the sample of real values as it is, and written out in Caravan's folders."""

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.io import read_caravan

SAMPLE = "ewatercycle/test_caravan_file.nc"
GAUGES = ["camels_01022500", "camels_03439000"]
SERIES = {
    "precipitation": "total_precipitation_sum", "temperature": "temperature_2m_mean",
    "temperature_min": "temperature_2m_min", "temperature_max": "temperature_2m_max",
    "discharge": "streamflow", "net_shortwave_radiation": "surface_net_solar_radiation_mean",
    "dewpoint_temperature": "dewpoint_temperature_2m_mean",
}  # fmt: skip


@pytest.fixture
def raw(data) -> xr.Dataset:
    sample = xr.load_dataset(data(SAMPLE))
    return sample.assign_coords(basin_id=GAUGES)


@pytest.fixture
def folder(raw, tmp_path):
    """A function writing the sample in Caravan's layout, as "netcdf" or "csv"."""

    def write(kind):
        place = tmp_path / "Caravan" / "timeseries" / kind / "camels"
        place.mkdir(parents=True)
        for gauge in GAUGES:
            one = raw.sel(basin_id=gauge, drop=True).rename(time="date")
            series = one.drop_vars([v for v in one.data_vars if one[v].dims != ("date",)])
            if kind == "netcdf":
                series.to_netcdf(place / f"{gauge}.nc")
            else:
                series.to_dataframe().to_csv(place / f"{gauge}.csv", date_format="%Y-%m-%d")
        attributes = tmp_path / "Caravan" / "attributes" / "camels"
        attributes.mkdir(parents=True)
        others = {"gauge_lat": "lat", "gauge_lon": "lon", "area": "area"}
        table = pd.DataFrame({o: raw[v].values for o, v in others.items()}, GAUGES)
        table["gauge_name"] = ["a, b", "c"]
        table["country"] = "United States of America"
        table.rename_axis("gauge_id").to_csv(attributes / "attributes_other_camels.csv")
        climate = raw[["p_mean", "aridity", "frac_snow"]].to_dataframe()
        climate.rename_axis("gauge_id").to_csv(attributes / "attributes_caravan_camels.csv")
        return tmp_path / "Caravan"

    return write


def expect_the_sample(basins, raw):
    assert list(basins["gauge"].values) == GAUGES
    assert basins["precipitation"].dims == ("time", "gauge")
    for ours, theirs in SERIES.items():
        np.testing.assert_allclose(basins[ours], raw[theirs].T, rtol=1e-6)
    np.testing.assert_allclose(basins["surface_pressure"], raw["surface_pressure_mean"].T * 1000)
    assert basins["surface_pressure"].attrs["units"] == "Pa"
    np.testing.assert_allclose(basins["area"], raw["area"])
    np.testing.assert_allclose(basins["latitude"], raw["lat"])
    np.testing.assert_allclose(basins["aridity"], raw["aridity"])
    assert "potential_evapotranspiration" not in basins
    assert "temperature_2m_max" not in basins


def test_caravan_file_of_many_gauges(data, raw):
    basins = read_caravan(data(SAMPLE))
    expect_the_sample(basins, raw)
    assert basins["gauge_name"].values[0] == "Narraguagus River at Cherryfield, Maine"
    assert basins["precipitation"].sel(gauge=GAUGES[0], time="1981-01-02") == np.float32(7.69)
    assert "volumetric_soil_water_layer_1_mean" in basins.attrs["left_out"]
    one = read_caravan(data(SAMPLE), [GAUGES[1]], period=("1981-02", "1981-03"))
    assert dict(one.sizes) == {"time": 59, "gauge": 1}


@pytest.mark.parametrize("kind", ["netcdf", "csv"])
def test_caravan_folders_of_a_file_a_gauge(folder, raw, kind):
    path = folder(kind)
    expect_the_sample(read_caravan(path), raw)
    basins = read_caravan(path, [GAUGES[1]], sources=["camels"], period=("1981-02", "1981-03"))
    assert dict(basins.sizes) == {"time": 59, "gauge": 1}
    assert basins["gauge_name"].values[0] == "c"
    assert basins["country"].values[0] == "United States of America"


@pytest.mark.parametrize("kind", ["file", "netcdf", "csv"])
def test_caravan_reads_pet_and_other_variables_on_request(data, folder, raw, kind):
    path = data(SAMPLE) if kind == "file" else folder(kind)
    names = {"soil_water": "volumetric_soil_water_layer_1_mean"}
    basins = read_caravan(path, pet="potential_evaporation_sum", names=names)
    expected = raw["potential_evaporation_sum"].T
    np.testing.assert_allclose(basins["potential_evapotranspiration"], expected, rtol=1e-6)
    np.testing.assert_allclose(basins["soil_water"], raw[names["soil_water"]].T, rtol=1e-6)
    with pytest.raises(ValueError, match=r"no .*'potential_evaporation_sum_FAO_PENMAN_MONTEITH'"):
        read_caravan(path, pet="potential_evaporation_sum_FAO_PENMAN_MONTEITH")


def test_caravan_sources_with_different_attribute_tables(folder, raw):
    path = folder("csv")
    (path / "timeseries/csv/lamah").mkdir()
    (path / f"timeseries/csv/camels/{GAUGES[1]}.csv").rename(
        path / "timeseries/csv/lamah/lamah_1.csv"
    )
    (path / "attributes/lamah").mkdir()
    (path / "attributes/lamah/attributes_other_lamah.csv").write_text(
        "gauge_id,gauge_lat,gauge_lon,area\nlamah_1,47.1,10.2,88.5\n"
    )
    basins = read_caravan(path)
    assert list(basins["gauge"].values) == [GAUGES[0], "lamah_1"]
    np.testing.assert_allclose(basins["area"], [raw["area"].values[0], 88.5])
    np.testing.assert_array_equal(basins["aridity"].isnull(), [False, True])
    assert list(basins["country"].values) == ["United States of America", ""]
    assert basins.attrs["source"] == "Caravan, camels, lamah"
    assert list(read_caravan(path, sources=["lamah"])["gauge"].values) == ["lamah_1"]


def test_caravan_missing_flow_is_nan_and_missing_weather_refused(folder):
    path = folder("csv")
    file = path / f"timeseries/csv/camels/{GAUGES[0]}.csv"
    table = pd.read_csv(file)
    table.loc[3, "streamflow"] = np.nan
    table.to_csv(file, index=False)
    flow = read_caravan(path)["discharge"]
    assert list(np.argwhere(flow.isnull().values)[0]) == [3, 0]
    assert int(flow.isnull().sum()) == 1
    table.loc[4, "temperature_2m_mean"] = np.nan
    table.to_csv(file, index=False)
    with pytest.raises(ValueError, match=r"01022500.csv: temperature is missing on 1981-01-05"):
        read_caravan(path)
    assert read_caravan(path, period=("1981-01-06", "1981")).sizes["time"] == 360


FAULTS = {
    "word": ("1981-01-03,", "1981-01-03,x", "line 4, column '.*': 'x.*' is no number"),
    "date": ("1981-01-03,", "today,", "line 4, column 'date': 'today' is no date"),
    "twice": ("1981-01-03,", "1981-01-02,", "1981-01-02 is followed by 1981-01-02"),
    "header": ("date,", "day,", "csv has no column 'date', but day"),
    "columns": ("1981-01-03,", "1981-01-03,1,2,", r"line 4: \d+ columns, but line 1 names \d+"),
    "flow": ("total_precipitation_sum", "rainy", "has no precipitation, .* has it"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_tables_of_caravan_are_refused(folder, fault):
    path = folder("csv")
    old, new, message = FAULTS[fault]
    file = path / f"timeseries/csv/camels/{GAUGES[0]}.csv"
    text = file.read_text()
    if fault == "word":  # in a column that is read
        lines = text.splitlines()
        place = lines[0].split(",").index("total_precipitation_sum")
        cells = lines[3].split(",")
        cells[place] = "x" + cells[place]
        file.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]))
    else:
        assert text.count(old) == 1
        file.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message) as error:
        read_caravan(path)
    assert GAUGES[0] in str(error.value)


def test_faulty_files_and_folders_of_caravan_are_refused(folder, tmp_path):
    path = folder("netcdf")
    with pytest.raises(ValueError, match="has no source camelsgb, but camels"):
        read_caravan(path, sources=["camelsgb"])
    with pytest.raises(ValueError, match="has no basin camels_1 "):
        read_caravan(path, ["camels_1"])
    with pytest.raises(
        ValueError, match=r"not all in .*nc, which goes from 1981-01-01 to 1982-01-01"
    ):
        read_caravan(path, period=("1981", "1982"))
    with pytest.raises(FileNotFoundError, match="has no files timeseries/netcdf/"):
        read_caravan(path / "timeseries")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_caravan(tmp_path / "nothing")
    file = path / f"timeseries/netcdf/camels/{GAUGES[1]}.nc"
    with netCDF4.Dataset(file, "a") as data:
        data["temperature_2m_mean"].unit = "furlong"
    with pytest.raises(
        ValueError, match=r"03439000.nc: 'temperature' is in 'furlong', which is not"
    ):
        read_caravan(path)
    with netCDF4.Dataset(file, "a") as data:
        data["temperature_2m_mean"].unit = "-"
        data["total_precipitation_sum"][5] = -9999.0
    with pytest.raises(
        ValueError, match=r"precipitation is -9999 mm d-1 on 1981-01-06 at gauge camels_03439000"
    ):
        read_caravan(path)
    with netCDF4.Dataset(file, "a") as data:
        data.renameVariable("date", "day")
    with pytest.raises(ValueError, match=r"03439000.nc has no coordinate 'date'"):
        read_caravan(path)
    table = path / "attributes/camels/attributes_caravan_camels.csv"
    table.write_text(table.read_text().replace(GAUGES[0], "camels_9"))
    with pytest.raises(
        ValueError, match=r"attributes_caravan_camels.csv has no row for camels_0102"
    ):
        read_caravan(path, [GAUGES[0]])
