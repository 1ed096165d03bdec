"""CAMELS-US in its original folders: values read by eye in the files, and every refusal."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gridhydro.inputs.meteorology import extraterrestrial_radiation
from gridhydro.inputs.pet import pet_of
from gridhydro.io import read_camels_us

BASINS = ["01022500", "01547700", "02064000", "03015500"]
FLOW = "usgs_streamflow/01022500_streamflow_qc.txt"
WEATHER = "basin_mean_forcing/daymet/01022500_lump_cida_forcing_leap.txt"


@pytest.fixture
def copy(data, tmp_path) -> Path:
    """A copy of the folder that may be damaged."""
    target = tmp_path / "camels"
    shutil.copytree(data("camels_us_text"), target, copy_function=shutil.copyfile)
    for folder in (target, *(p for p in target.rglob("*") if p.is_dir())):
        folder.chmod(0o755)
    return target


def edit(path: Path, line: int, old: str, new: str) -> None:
    """Replaces a piece of a line (from 1), which must be there."""
    lines = path.read_text().splitlines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    path.write_text("\n".join(lines) + "\n")


def test_camels_us_numbers_of_the_first_day(data):
    basins = read_camels_us(data("camels_us_text"))
    assert list(basins["gauge"].values) == BASINS
    assert basins["precipitation"].dims == ("time", "gauge")
    assert basins["precipitation"].dtype == np.float32
    day = basins.sel(gauge="01022500", time="2000-01-01")
    # 31185.97  0.00  189.56  0.00  -2.36  -14.36  202.51, and 255.00 cubic feet on 587675987 m2
    assert day["precipitation"] == 0
    np.testing.assert_allclose(day["temperature"], (-2.36 - 14.36) / 2, rtol=1e-6)
    np.testing.assert_allclose(day["temperature_min"], -14.36, rtol=1e-6)
    np.testing.assert_allclose(day["shortwave_radiation"], 189.56 * 31185.97 / 86400, rtol=1e-6)
    np.testing.assert_allclose(day["vapour_pressure"], 202.51, rtol=1e-6)
    np.testing.assert_allclose(day["day_length"], 31185.97, rtol=1e-6)
    metres = 255 * 0.028316846592 * 86400 / 587675987
    np.testing.assert_allclose(day["discharge"], metres * 1000, rtol=1e-6)
    np.testing.assert_allclose(day["area"], 587.675987, rtol=1e-12)
    assert (day["latitude"], day["longitude"]) == (44.60797, -67.93524)
    assert day["gauge_name"] == "Narraguagus River at Cherryfield, Maine"
    assert "flags A, A:e kept" in basins.attrs["processing"]
    units = {n: basins[n].attrs["units"] for n in ("precipitation", "temperature", "discharge")}
    assert units == {"precipitation": "mm d-1", "temperature": "degC", "discharge": "mm d-1"}


def test_camels_us_attributes_keep_their_types(data):
    basins = read_camels_us(data("camels_us_text"), basins=["02064000", "01022500"])
    assert list(basins["gauge"].values) == ["02064000", "01022500"]
    by_gauge = basins.sel(gauge="01022500")
    assert by_gauge["huc_02"] == "01"
    assert by_gauge["dom_land_cover"] == "Mixed Forests"
    assert by_gauge["elevation"] == 133
    np.testing.assert_allclose(by_gauge["root_depth_50"], 0.237434541158062)
    assert basins["sand_frac"].attrs["units"] == "%"
    assert basins["aridity"].attrs["units"] == "1"


@pytest.mark.parametrize("product", ["nldas", "maurer", "maurer_extended"])
def test_camels_us_reads_every_forcing_product(data, product):
    basins = read_camels_us(data("camels_us_text"), product)
    path = next(data(f"camels_us_text/basin_mean_forcing/{product}").glob("03015500*"))
    table = pd.read_csv(path, sep=r"\s+", skiprows=3)
    rain, hottest, coldest = (table[table.columns[c]] for c in (5, 8, 9))
    ours = basins.sel(gauge="03015500")
    np.testing.assert_allclose(ours["precipitation"], rain, rtol=1e-6)
    np.testing.assert_allclose(ours["temperature"], (hottest + coldest) / 2, atol=1e-5)
    # two of them hold the mean of the day in both columns
    assert ("temperature_min" in basins) == (product == "maurer_extended")


@pytest.mark.parametrize("product", ["daymet", "nldas", "maurer", "maurer_extended"])
def test_camels_us_radiation_is_a_daily_mean_below_extraterrestrial(data, product):
    basins = read_camels_us(data("camels_us_text"), product)
    day = torch.tensor(basins["time"].dt.dayofyear.values, dtype=torch.float64)[:, None]
    top = extraterrestrial_radiation(torch.tensor(basins["latitude"].values), day).numpy()
    clearness = basins["shortwave_radiation"] / top
    assert clearness.max() < 0.95
    assert 0.35 < clearness.mean() < 0.65
    # as it stands in the file, it would shine more than the sun
    assert (clearness * 86400 / basins["day_length"]).max() > 1.05


def test_the_extended_nldas_is_read_as_the_extended_maurer(data, tmp_path):
    """Its own files are not among the data: of the same columns, in a folder of its name."""
    import shutil

    shutil.copytree(data("camels_us_text"), tmp_path / "camels")
    forcing = tmp_path / "camels/basin_mean_forcing"
    (forcing / "maurer_extended").rename(forcing / "nldas_extended")
    for path in (forcing / "nldas_extended").iterdir():
        path.rename(path.with_name(path.name.replace("_maurer_", "_nldas_")))
    found = read_camels_us(tmp_path / "camels", "nldas_extended")
    other = read_camels_us(data("camels_us_text"), "maurer_extended")
    assert {"temperature_min", "temperature_max"} <= set(found)
    np.testing.assert_array_equal(found["temperature_max"], other["temperature_max"])


def test_pet_agrees_with_the_attributes_of_camels_us(data):
    """The tables have Priestley-Taylor means of 1989-2009; here are three years of them."""
    basins = read_camels_us(data("camels_us_text"))
    ours = pet_of(basins, "priestley_taylor").mean("time")
    np.testing.assert_allclose(ours, basins["pet_mean"], rtol=0.15)


def test_camels_us_selects_days_basins_and_flags(data, tmp_path):
    folder = data("camels_us_text")
    (tmp_path / "ids.txt").write_text("# two\n1022500\n03015500\n")
    two = read_camels_us(folder, basins=tmp_path / "ids.txt", period=("2001", "2001-06"))
    assert list(two["gauge"].values) == ["01022500", "03015500"]
    assert (two["time"].values[[0, -1]] == np.array(["2001-01-01", "2001-06-30"], "M8[ns]")).all()
    # this basin alone has weather for 2003, but no flow
    one = read_camels_us(folder, basins=["01022500"])
    assert one.sizes["time"] == 1461
    assert one["discharge"].sel(time="2003").isnull().all()
    approved = read_camels_us(folder, flags=["A"])
    assert int(approved["discharge"].isnull().sum()) == 225 + 14 + 107 + 90
    with pytest.raises(ValueError, match=r"flags are of A, A:e, M, not B"):
        read_camels_us(folder, flags=["A", "B"])


def test_missing_flow_becomes_nan(copy):
    edit(copy / FLOW, 2, "272.00 A:e", "-999.00 M")
    path = copy / FLOW
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:9] + lines[10:]))
    flow = read_camels_us(copy)["discharge"].sel(gauge="01022500")
    assert list(np.flatnonzero(flow.isnull())) == [1, 9]


def test_numbered_folders_of_hydrologic_units(copy):
    expected = read_camels_us(copy)
    for path in [*copy.glob("basin_mean_forcing/daymet/*"), *copy.glob("usgs_streamflow/*")]:
        (path.parent / path.name[:2]).mkdir(exist_ok=True)
        path.rename(path.parent / path.name[:2] / path.name)
    whole = copy / "basin_dataset_public_v1p2"
    whole.mkdir()
    for name in ("basin_mean_forcing", "usgs_streamflow"):
        (copy / name).rename(whole / name)
    assert read_camels_us(copy).identical(expected)
    again = whole / "usgs_streamflow/05"
    again.mkdir()
    shutil.copy(whole / "usgs_streamflow/01/01022500_streamflow_qc.txt", again)
    assert read_camels_us(copy).identical(expected)
    edit(again / "01022500_streamflow_qc.txt", 1, "255", "256")
    with pytest.raises(ValueError, match="basin 01022500 has two different files"):
        read_camels_us(copy)


def test_without_tables_the_latitude_is_that_of_the_forcing(copy):
    shutil.rmtree(copy / "camels_attributes_v2.0")
    basins = read_camels_us(copy)
    np.testing.assert_array_equal(basins["latitude"], [44.82, 40.98, 37.24, 41.91])
    assert "longitude" not in basins.coords


WEATHER_FAULTS = {
    "a unit": (4, "srad(W/m2)", "srad(MJ/m2)", "line 4: 'srad' is in 'MJ/m2', not W/m2"),
    "a column": (4, "vp(Pa)", "humidity(Pa)", "line 4: there is no column 'vp'"),
    "the area": (3, "587675987", "area", "line 3: area above 0 expected, found ' area'"),
    "no area": (3, "587675987", "0", "line 3: area above 0 expected, found ' 0'"),
    "a word": (7, "12\t", "12\tx", r"line 7, column 'dayl': 'x\d+.\d+' is no finite number"),
    "no number": (7, "12\t", "12\tnan ", "line 7: 12 columns instead of 11"),
    "infinite": (8, "\t0.00\t", "\tinf\t", "line 8, column '.*': 'inf' is no finite number"),
    "month": (9, "2000 01 05", "2000 13 05", "line 9: '2000 13 5' is no date"),
    "half day": (9, "2000 01 05", "2000 01 5.5", "line 9: '2000 1 5.5' is no date"),
    "twice": (9, "2000 01 05", "2000 01 04", "line 9: 2000-01-04 is given twice"),
    "back": (9, "2000 01 05", "1999 12 05", "line 9: 1999-12-05 comes after 2000-01-04"),
    "gap": (5, "2000 01 01", "1999 12 01", "line 6: 2000-01-02 follows 1999-12-01"),
    "rain": (
        5,
        "\t0.00\t189",
        "\t-99\t189",
        "precipitation is -99 mm d-1 on 2000-01-01 at gauge 01022500",
    ),
}


@pytest.mark.parametrize("fault", WEATHER_FAULTS)
def test_damaged_weather_is_refused(copy, fault):
    line, old, new, message = WEATHER_FAULTS[fault]
    edit(copy / WEATHER, line, old, new)
    with pytest.raises(ValueError, match=message) as error:
        read_camels_us(copy, basins=["01022500"])
    assert "lump_cida" in str(error.value) or fault == "rain"


FLOW_FAULTS = {
    "a word": (3, "337.00", "n/a", "line 3, column 'flow': 'n/a' is no finite number"),
    "negative": (3, "337.00", "-1.00", "line 3 has a negative flow"),
    "flag": (3, " A", " X", "line 3 has a flag that is none of A, A:e, M"),
    "no flag": (3, " A", "", "line 3: 5 columns instead of 6"),
    "basin": (3, "01022500", "01022501", "line 3 is not of basin 01022500"),
    "twice": (3, "2000 01 03", "2000 01 02", "line 3: 2000-01-02 is given twice"),
    "back": (3, "2000 01 03", "1999 01 02", "line 3: 1999-01-02 comes after 2000-01-02"),
}


@pytest.mark.parametrize("fault", FLOW_FAULTS)
def test_damaged_flow_is_refused(copy, fault):
    line, old, new, message = FLOW_FAULTS[fault]
    edit(copy / FLOW, line, old, new)
    with pytest.raises(ValueError, match=f"01022500_streamflow_qc.txt, {message}"):
        read_camels_us(copy, basins=["01022500"])


TABLE_FAULTS = {
    "number": ("clim", "3.60812594113621", "3,6", "line 3, column 'p_mean': '3,6' is no number"),
    "columns": ("topo", "44.60797;", "", "line 3: 6 columns, but line 1 names 7"),
    "twice": ("name", "01022500", "01013500", "line 3: 01013500 is given twice"),
    "no row": ("name", "01022500", "99999999", "has no row for 01022500"),
    "latitude": ("topo", "44.60797", "446.0", "latitude of 01022500 is 446"),
}


@pytest.mark.parametrize("fault", TABLE_FAULTS)
def test_damaged_tables_are_refused(copy, fault):
    table, old, new, message = TABLE_FAULTS[fault]
    edit(copy / f"camels_attributes_v2.0/camels_{table}.txt", 3, old, new)
    with pytest.raises(ValueError, match=message):
        read_camels_us(copy, basins=["01022500"])


def test_camels_us_in_other_encodings_is_refused_with_the_line(copy):
    path = copy / "camels_attributes_v2.0/camels_name.txt"
    path.write_bytes(path.read_bytes().replace(b"Narraguagus", "Narragu\xe9gus".encode("latin-1")))
    with pytest.raises(
        ValueError, match=r"camels_name.txt, line 3, character 20: the byte 0xe9 is not UTF-8"
    ):
        read_camels_us(copy)


def test_empty_file_of_camels_us_is_refused(copy):
    (copy / WEATHER).write_text("")
    with pytest.raises(ValueError, match="line 1: latitude expected, found 'nothing'"):
        read_camels_us(copy)
    shutil.copyfile(copy / WEATHER.replace("01022500", "03015500"), copy / WEATHER)
    (copy / FLOW).write_text("\n")
    with pytest.raises(ValueError, match=r"01022500_streamflow_qc.txt has no rows"):
        read_camels_us(copy)


def test_missing_files_and_days_of_camels_us_are_named(copy):
    with pytest.raises(ValueError, match=r"forcing is one of daymet, nldas, .* not 'era5'"):
        read_camels_us(copy, "era5")
    with pytest.raises(ValueError, match="has no basin 1, 2 "):
        read_camels_us(copy, basins=["1", "2"])
    with pytest.raises(
        ValueError, match=r"not all in .*01547700.*, which goes from 2000-01-01 to 2002"
    ):
        read_camels_us(copy, period=("2000", "2003"))
    with pytest.raises(ValueError, match="a period is two dates"):
        read_camels_us(copy, period=("then", "now"))
    (copy / FLOW).unlink()
    with pytest.raises(FileNotFoundError, match="no streamflow file of basin 01022500"):
        read_camels_us(copy)
    assert read_camels_us(copy, basins=BASINS[1:]).sizes["gauge"] == 3
    shutil.rmtree(copy / "basin_mean_forcing/daymet")
    with pytest.raises(FileNotFoundError, match=r"daymet is not there; .* has maurer, maurer_ext"):
        read_camels_us(copy)
    with pytest.raises(FileNotFoundError, match="has no folder basin_mean_forcing"):
        read_camels_us(copy / "usgs_streamflow")
