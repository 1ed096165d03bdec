"""Readers of rasters, series and discharge, on real files and on broken ones."""

import numpy as np
import pandas as pd
import pyproj
import pytest
import rioxarray  # noqa: F401, gives arrays their .rio
import xarray as xr

from gridhydro.io import read_discharge, read_raster, read_series

MOSELLE = "mhm_moselle/"


def test_read_raster_of_an_esri_grid(data):
    raster = read_raster(data(MOSELLE + "morph/dem.asc"), crs="EPSG:3035")
    assert raster.shape == (432, 288)
    assert raster.rio.crs.to_epsg() == 3035
    assert (raster.x[0], raster.y[-1]) == (3973369 + 250, 2735847 + 250)
    assert np.isnan(raster).any()  # -9999 in the file
    assert 100 < float(raster.min()) < float(raster.max()) < 1500


def test_geotiff_comes_back_as_written(tmp_path):
    written = xr.DataArray(
        np.array([[1.0, 2], [np.nan, 4]]), {"y": [20.0, 10], "x": [5.0, 15]}, ("y", "x")
    ).rio.write_crs("EPSG:2154")
    written.rio.write_nodata(np.nan).rio.to_raster(tmp_path / "a.tif")
    raster = read_raster(tmp_path / "a.tif")
    np.testing.assert_array_equal(raster, written)
    assert raster.rio.crs.to_epsg() == 2154
    assert raster.name == "a"


def test_netcdf_with_several_variables_asks_for_one(data):
    path = data("lez/lez_2012_2013.nc")
    assert read_raster(path, "karst").shape == (27, 14)
    with pytest.raises(ValueError, match=r"holds several variables: name one of .*karst"):
        read_raster(path)
    with pytest.raises(ValueError, match="has no variable 'carst'"):
        read_raster(path, "carst")


def test_missing_and_unreadable_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nothing\.tif"):
        read_raster(tmp_path / "nothing.tif")
    (tmp_path / "text.asc").write_text("not a raster")
    with pytest.raises(ValueError, match=r"text\.asc cannot be read as a raster"):
        read_raster(tmp_path / "text.asc")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_file_of_several_rasters_is_refused(tmp_path):
    """Of different shapes, in a format that only GDAL tells from its content."""
    small, large = (xr.DataArray(np.ones((n, n + 1)), dims=(f"y{n}", f"x{n}")) for n in (2, 3))
    xr.Dataset({"small": small, "large": large}).to_netcdf(tmp_path / "two.dat")
    with pytest.raises(ValueError, match=r"two\.dat holds several rasters"):
        read_raster(tmp_path / "two.dat")


@pytest.mark.parametrize("name", ["pre/pre.nc", "tavg/tavg.nc", "pet/pet.nc"])
def test_mhm_weather_lies_where_its_latitudes_and_longitudes_say(data, name):
    """The axes name upper left corners: half a cell right and down of them are the centres."""
    series = read_series(
        data(MOSELLE + "meteo/" + name), crs="EPSG:3035", cell_reference="upper_left"
    )
    lon, lat = pyproj.Transformer.from_crs(3035, 4326, always_xy=True).transform(
        *np.meshgrid(series["xc"], series["yc"])
    )
    with xr.open_dataset(data(MOSELLE + "latlon/latlon_1.nc")) as centres:
        np.testing.assert_allclose(lon, centres["lon"], atol=1e-9)
        np.testing.assert_allclose(lat, centres["lat"], atol=1e-9)
        np.testing.assert_array_equal(series["xc"], centres["xc"])
    # the header says the same of the lower left corner
    header = dict(
        line.split() for line in data(MOSELLE + "meteo/pre/header.txt").read_text().splitlines()
        if line.strip()
    )  # fmt: skip
    assert series["xc"][0] - 12000 == float(header["xllcorner"])
    assert series["yc"][-1] - 12000 == float(header["yllcorner"])


def test_mhm_weather_is_the_right_way_up(data):
    """The rows go south, though the file's own latitudes go north: it is colder higher up."""
    elevation = read_raster(data(MOSELLE + "morph/dem.asc"), crs="EPSG:3035")
    series = read_series(data(MOSELLE + "meteo/tavg/tavg.nc"), cell_reference="upper_left")
    mean = series.mean("time")
    coarse = elevation.coarsen(y=48, x=48).mean()
    np.testing.assert_allclose(coarse.y, series["yc"])
    both = np.isfinite(coarse.values) & np.isfinite(mean.values)

    def correlation(a):
        return np.corrcoef(a[both], coarse.values[both])[0, 1]

    assert correlation(mean.values) < -0.8
    assert correlation(mean.values[::-1]) > -0.4


@pytest.mark.parametrize(
    ("reference", "x", "y"),
    [("center", 10, 30), ("upper_left", 15, 25), ("lower_left", 15, 35), ("lower_right", 5, 35)],
)
def test_centres_of_cells_from_their_corners(tmp_path, reference, x, y):
    values = xr.DataArray(
        np.zeros((2, 2, 2)),
        {"time": pd.date_range("2000", periods=2), "y": [30.0, 20], "x": [10.0, 20]},
        ("time", "y", "x"), name="rain",
    )  # fmt: skip
    values.to_netcdf(tmp_path / "rain.nc")
    series = read_series(tmp_path / "rain.nc", units="mm d-1", cell_reference=reference)
    assert (series.x[0], series.y[0]) == (x, y)
    assert series.attrs["units"] == "mm d-1"
    # a file that runs north has the same centres
    values.sortby("y").to_netcdf(tmp_path / "north.nc")
    assert read_series(tmp_path / "north.nc", cell_reference=reference).y[-1] == y


def test_series_need_a_time_axis_and_a_known_reference(data):
    path = data("lez/lez_2012_2013.nc")
    with pytest.raises(ValueError, match=r"'karst' in .*lez_2012_2013\.nc has no time axis"):
        read_series(path, "karst")
    with pytest.raises(ValueError, match="cell_reference is one of 'center', 'upper_left'"):
        read_series(path, "precip", cell_reference="corner")


def test_read_discharge_of_an_mhm_gauge(data):
    series = read_discharge(data(MOSELLE + "gauge/00398.txt"), "398")
    assert series.name == "398"
    assert series.index[0] == pd.Timestamp("1990-01-01")
    assert series.index[-1] == pd.Timestamp("1993-12-31")
    assert series.iloc[:2].tolist() == [157.0, 129.0]
    assert series.notna().all()


GAUGE = "a gauge\nnodata -9999\nn 1 a day\nstart 1990 01 01 00 00\nend 1990 01 03 00 00\n"


def test_read_discharge_of_mhm_with_gaps_and_faults(tmp_path):
    path = tmp_path / "1.txt"
    path.write_text(GAUGE + "1990 01 01 00 00 5.0\n1990 01 02 00 00 -9999.000\n\n")
    np.testing.assert_array_equal(read_discharge(path, "1"), [5.0, np.nan])
    for lines, message in {
        "1990 01 01 00 00 5.0\n1990 13 02 00 00 7\n": "line 7 is not 'year month day",
        "1990 01 01 00 00\n": "line 6 is not",
        "1990 01 01 00 00 5\n1990 01 01 12 00 6\n": "several values on 1990-01-01",
        "1990 01 01 00 00 5\n1990 01 02 00 00 -99\n": "is -99 m3 s-1 on 1990-01-02",
        "": "no values below",
    }.items():
        path.write_text(GAUGE + lines)
        with pytest.raises(ValueError, match=message):
            read_discharge(path, "1")
    path.write_text("1990 01 01 00 00 5.0\n")
    with pytest.raises(ValueError, match="line 2 should read 'nodata VALUE'"):
        read_discharge(path, "1")


def test_read_discharge_of_tables(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text("date,A,B\n2001-01-01,1000,2\n2001-01-02,,3\n")
    np.testing.assert_array_equal(read_discharge(path, "A", units="l s-1"), [1.0, np.nan])
    assert read_discharge(path, "B").index[1] == pd.Timestamp("2001-01-02")
    with pytest.raises(ValueError, match="has no column 'C', but date, A, B"):
        read_discharge(path, "C")
    path.write_text("date,A\n2001-01-01,1\n2001-01-02,x\n")
    with pytest.raises(ValueError, match="line 3, column 'A': 'x' is no number"):
        read_discharge(path, "A")
    path.write_text("date,A\nmonday,1\n")
    with pytest.raises(ValueError, match="column is not all dates"):
        read_discharge(path, "A")
    with pytest.raises(ValueError, match=r"read from \.txt \(mHM\), \.csv and \.nc"):
        read_discharge(path.rename(tmp_path / "q.xls"), "A")


def test_read_discharge_of_netcdf(data):
    path = data("lez/lez_2012_2013.nc")
    series = read_discharge(path, "Y3204010")
    with xr.open_dataset(path) as file:
        expected = file["discharge"].sel(gauge="Y3204010")
        np.testing.assert_array_equal(series, expected)
    with pytest.raises(ValueError, match="has no gauge 'Y1', but Y3204040"):
        read_discharge(path, "Y1")
    with pytest.raises(ValueError, match=r"has the axes .*discharge has"):
        read_discharge(path, "Y3204010", variable="precip")
