"""Gridded weather in rasters of a day, as PRISM's, and in GRIB."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin

from gridhydro.io import Reading, open_weather
from gridhydro.io.grib import open_grib

DAYS = pd.date_range("2001-01-01", periods=4)
RAIN = np.random.default_rng(0).gamma(1, 4, (4, 3, 5)).astype(np.float32)
RAIN[:, 0, 0] = -9999
WARMTH = RAIN / 10 - 5


def _raster(folder: Path, name: str, values, suffix=".bil") -> None:
    folder.mkdir(exist_ok=True)
    with rasterio.open(
        folder / f"{name}{suffix}", "w", driver="EHdr" if suffix == ".bil" else "GTiff",
        height=values.shape[0], width=values.shape[1], count=1, dtype="float32", nodata=-9999,
        crs="EPSG:4269", transform=from_origin(-100, 45, 1 / 24, 1 / 24),
    ) as file:  # fmt: skip
        file.write(values, 1)


def _bil(folder: Path, variable="ppt", values=RAIN, of="PRISM_{}_stable_4kmD2_{:%Y%m%d}_bil"):
    for day, one in zip(DAYS, values, strict=True):
        _raster(folder, of.format(variable, day), one)


def _zipped(folder: Path, archive: str, parts: list[Path]) -> None:
    with zipfile.ZipFile(folder / archive, "w", zipfile.ZIP_DEFLATED) as file:
        for part in parts:
            file.write(part, part.name)
            part.unlink()


def _check(found, values=RAIN) -> None:
    assert found.indexes["time"].tolist() == DAYS.tolist()
    expected = np.where(RAIN == -9999, np.nan, values)
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)


def test_prism_is_a_folder_of_rasters_of_a_day(tmp_path, monkeypatch):
    _bil(tmp_path / "ppt")
    _bil(tmp_path / "tmean", "tmean", np.where(RAIN == -9999, -9999, WARMTH))
    _raster(tmp_path, "PRISM_ppt_stable_4kmM3_200001_bil", RAIN[0])  # of a month: not read
    _raster(tmp_path, "dem", RAIN[0], ".tif")
    opened = []
    open_rasterio = rasterio.open
    monkeypatch.setattr(
        rasterio, "open", lambda p, *a, **k: opened.append(p) or open_rasterio(p, *a, **k)
    )
    found = open_weather(tmp_path)
    assert 0 < len(opened) < 8  # of each variable the first
    assert set(found) == {"precipitation", "temperature"}
    _check(found["precipitation"])
    _check(found["temperature"], WARMTH)
    assert found["y"].values == pytest.approx(45 - (np.arange(3) + 0.5) / 24)
    assert found.rio.crs.to_epsg() == 4269 or "CRS83" in str(found.rio.crs)
    # the day of PRISM ends at noon of Greenwich
    moved = open_weather(tmp_path / "ppt", reading=Reading(shift="-1D"))
    assert moved.indexes["time"].tolist() == (DAYS - pd.Timedelta("1D")).tolist()
    two = open_weather(tmp_path / "ppt", period=("2001-01-02", "2001-01-03"))
    assert two["precipitation"].values[1, 1, 2] == pytest.approx(RAIN[2, 1, 2])


def test_archives_of_a_day_or_of_several_and_later_names(tmp_path):
    _bil(tmp_path)
    for day in DAYS[:2]:
        stem = f"PRISM_ppt_stable_4kmD2_{day:%Y%m%d}_bil"
        _zipped(tmp_path, f"{stem}.zip", sorted(tmp_path.glob(f"{stem}.*")))
    rest = sorted(tmp_path.glob("*_2001010[34]_bil.*"))
    _zipped(tmp_path, "PRISM_ppt_stable_4kmD2_20010103_20010104_bil.zip", rest)
    _check(open_weather(tmp_path)["precipitation"])
    _check(open_weather(tmp_path / "*.zip")["precipitation"])
    later = tmp_path / "later"
    for day, one in zip(DAYS, RAIN, strict=True):
        _raster(later, f"prism_ppt_us_25m_{day:%Y%m%d}", one, ".tif")
    _check(open_weather(later)["precipitation"])


def test_rasters_of_others_say_what_they_are_by_reading(tmp_path):
    for day, one in zip(DAYS, RAIN, strict=True):
        _raster(tmp_path, f"chirps-v2.0.{day:%Y.%m.%d}", one, ".tif")
    with pytest.raises(ValueError, match="lacks any series that is known"):
        open_weather(tmp_path)
    names = {"precipitation": "chirps-v2.0"}
    with pytest.raises(ValueError, match=r"chirps.*'precipitation' has no units"):
        open_weather(tmp_path, reading=Reading(names=names))
    reading = Reading(names=names, units={"precipitation": "mm"})
    _check(open_weather(tmp_path, reading=reading)["precipitation"])


def test_rasters_that_do_not_fit_are_refused(tmp_path):
    _bil(tmp_path)
    path = tmp_path / "PRISM_ppt_stable_4kmD2_20010103_bil.bil"
    _raster(tmp_path, path.stem, RAIN[0, :2])
    with pytest.raises(ValueError, match=r"20010103_bil\.bil.* is on another grid than .*20010101"):
        open_weather(tmp_path)["precipitation"].load()
    for part in tmp_path.glob(f"{path.stem}.*"):
        part.unlink()
    with pytest.raises(ValueError, match="lack 2001-01-03"):
        open_weather(tmp_path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"20010103_bil\.bil.* cannot be read as a raster"):
        open_weather(tmp_path)["precipitation"].load()
    (tmp_path / "a_20010103.zip").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"a_20010103\.zip is no ZIP archive"):
        open_weather(tmp_path)
    with pytest.raises(ValueError, match=r"a\.bil: its name does not end with a day"):
        (tmp_path / "a.bil").write_bytes(b"")
        open_weather(tmp_path / "a.bil")


def _grib(path: Path, fields) -> None:
    """Messages on a grid of 3 x 4 degrees: (name, day, hour, step, values)."""
    eccodes = pytest.importorskip("eccodes", reason="the extra grib is not installed")
    grid = {
        "centre": 98, "Ni": 4, "Nj": 3, "latitudeOfFirstGridPointInDegrees": 49.5,
        "longitudeOfFirstGridPointInDegrees": 5.5, "latitudeOfLastGridPointInDegrees": 47.5,
        "longitudeOfLastGridPointInDegrees": 8.5, "iDirectionIncrementInDegrees": 1,
        "jDirectionIncrementInDegrees": 1, "bitsPerValue": 24,
    }  # fmt: skip
    with open(path, "wb") as file:
        for name, day, hour, step, values in fields:
            message = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib1")
            about = grid | {"shortName": name, "dataDate": int(f"{day:%Y%m%d}"), "dataTime": hour}
            if step:
                about |= {"stepType": "accum", "stepRange": f"{step - 1}-{step}"}
            for key, value in about.items():
                eccodes.codes_set(message, key, value)
            eccodes.codes_set_values(message, np.asarray(values, float).ravel())
            eccodes.codes_write(message, file)
            eccodes.codes_release(message)


def test_grib_of_era5_has_hours_and_amounts_of_forecasts(tmp_path):
    pytest.importorskip("cfgrib", reason="the extra grib is not installed")
    rng = np.random.default_rng(0)
    warmth, rain = 280 + rng.random((4, 24, 3, 4)), rng.random((9, 12, 3, 4)) * 1e-3
    rain[rng.random(rain.shape) < 0.3] = 0
    hours = [("2t", d, 100 * h, 0, warmth[i, h]) for i, d in enumerate(DAYS) for h in range(24)]
    starts = [DAYS[0] - pd.Timedelta("6h") + i * pd.Timedelta("12h") for i in range(9)]
    amounts = [
        ("tp", at, 100 * at.hour, step + 1, rain[i, step])
        for i, at in enumerate(starts) for step in range(12)
    ]  # fmt: skip
    _grib(tmp_path / "era5.grib", hours + amounts)
    with pytest.warns(UserWarning, match="at the ends make no whole day"):
        found = open_weather(tmp_path)
    assert set(found) == {"precipitation", "temperature"}
    assert found["temperature"].values == pytest.approx(warmth.mean(1) - 273.15, abs=1e-3)
    by_hour = rain.reshape(-1, 3, 4)[6:102]  # the amounts are those until their stamp
    per_day = 1000 * by_hour.reshape(4, 24, 3, 4).sum(1)
    assert found["precipitation"].values == pytest.approx(per_day, abs=1e-3)
    assert found["latitude"].values.tolist() == [49.5, 48.5, 47.5]
    times = {"valid_time": 96, "valid_time_1": 108}  # of each its own
    assert open_grib(tmp_path / "era5.grib").sizes.items() >= times.items()
    assert not list(tmp_path.glob("*.idx"))  # nothing is left beside it
    (tmp_path / "damaged.grib").write_bytes((tmp_path / "era5.grib").read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"damaged\.grib cannot be read as GRIB"):
        open_weather(tmp_path / "damaged.grib")


def test_grib_without_its_library_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "a.grib").write_bytes(b"GRIB")
    monkeypatch.setitem(__import__("sys").modules, "cfgrib", None)
    with pytest.raises(ImportError, match=r"a\.grib is GRIB.*pip install 'gridhydro\[grib\]', or"):
        open_weather(tmp_path / "a.grib")
