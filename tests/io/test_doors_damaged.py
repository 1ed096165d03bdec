"""Kinds of damage that random trials have found: each is refused by a sentence with the file."""

import pytest
import xarray as xr

from gridhydro import io
from gridhydro.base.damage import reading
from gridhydro.cli.tables import storage_table, target_table
from gridhydro.domain.grid import read_crs, transform
from gridhydro.io.csv_tables import read_table
from gridhydro.io.lazy import opened
from gridhydro.training import data_digest
from tests.support.small_inputs import READERS, basins, raster, series


def written(name, folder):
    folder.mkdir(exist_ok=True)
    READERS[name].write(folder)
    return folder


def test_an_error_that_names_the_file_is_not_its_own_cause(tmp_path):
    with pytest.raises(ValueError) as caught, reading(tmp_path / "a", "a table"):
        raise ValueError(f"{tmp_path / 'a'}: line 3")
    assert caught.value.__cause__ is None


def test_what_is_raised_over_an_open_file_names_it(tmp_path):
    path = tmp_path / "a.nc"
    raster().to_netcdf(path)
    for error, said in (
        (ValueError("no such axis"), f"{path}: no such axis"),
        (TypeError("abs of str"), rf"{path} is not a readable .* or is damaged \(abs of str\)"),
        (KeyError("lat"), f"{path} is not a readable .*it lacks 'lat'"),
        (ValueError(f"{path} is empty"), f"^{path} is empty"),
    ):
        with pytest.raises(ValueError, match=said), opened(path):
            raise error
    none = tmp_path / "none.nc"
    with pytest.raises(FileNotFoundError, match=f"there is no file {none}"), opened(none):
        pass


def test_text_in_place_of_numbers_of_netcdf_is_named(tmp_path):
    data = basins().drop_vars("area").assign_coords(area=("gauge", ["a", "b", "c"]))
    data.to_netcdf(tmp_path / "a.nc")
    with pytest.raises(ValueError, match=r"a\.nc: 'area' is 'a' at gauge b00"):
        io.read_basins(tmp_path / "a.nc")
    written("wfdei", tmp_path)
    series().astype(str).rename("Tair").to_netcdf(tmp_path / "Tair_200101.nc")
    with pytest.raises(ValueError, match=r"Tair_200101\.nc: 'Tair' holds .*, not numbers"):
        io.read_wfdei(tmp_path)


@pytest.mark.parametrize("crs", ["/abs", "-inf", "EPSG:½", "None"])
def test_a_reference_system_that_is_none_is_refused_everywhere(tmp_path, crs):
    raster().to_netcdf(tmp_path / "a.nc")
    series().to_netcdf(tmp_path / "b.nc")
    said = "is no reference system that PROJ knows"
    for read in (
        lambda: io.read_raster(tmp_path / "a.nc", crs=crs),
        lambda: io.read_series(tmp_path / "b.nc", crs=crs),
        lambda: read_crs(raster(), crs),
        lambda: transform([1.0], [1.0], crs, "EPSG:4326"),
    ):
        with pytest.raises(ValueError, match=said):
            read()


@pytest.mark.parametrize("year", ["99999", "9" * 30, "0", "1500"])
def test_years_of_no_calendar_are_no_dates(tmp_path, year):
    path = written("discharge_txt", tmp_path) / "a.txt"
    path.write_text(path.read_text().replace("2001 01 05", f"{year} 01 05"))
    with pytest.raises(ValueError, match=r"a\.txt: (line 10 is not|discharge has the year)"):
        io.read_discharge(path, "a")
    written("camels_us", tmp_path / "camels")
    (path,) = (tmp_path / "camels").rglob("*qc.txt")
    path.write_text(path.read_text().replace("2001 01 05", f"{year} 01 05"))
    with pytest.raises(ValueError, match=r"qc\.txt, line 5: .* is no date"):
        io.read_camels_us(tmp_path / "camels")


def test_a_coordinate_of_text_names_its_gauge(tmp_path):
    written("camels_us", tmp_path)
    path = tmp_path / "camels_topo.txt"
    path.write_text(path.read_text().replace("44.6;", "north;"))
    with pytest.raises(ValueError, match=f"{tmp_path}.*latitude is 'north' at gauge 01022500"):
        io.read_camels_us(tmp_path)


def test_a_series_of_caravan_is_over_days(tmp_path):
    written("caravan_nc", tmp_path)
    path = tmp_path / "timeseries/netcdf/x/x_1.nc"
    with xr.open_dataset(path) as data:
        data = data.load()
    data["streamflow"] = data["streamflow"].expand_dims(member=2)
    data.to_netcdf(path)
    with pytest.raises(ValueError, match=r"x_1\.nc: 'streamflow' is over member, date, not over"):
        io.read_caravan(tmp_path)


@pytest.mark.parametrize(("name", "read"), [("storage_scores", storage_table),
                                            ("target_scores", target_table)])  # fmt: skip
def test_tables_of_a_run_have_their_columns_of_numbers(tmp_path, name, read):
    path = written(name, tmp_path) / "a.csv"
    good = path.read_text()
    for wrong, said in (
        (good.replace("rmse", "x"), "has no column 'rmse'"),
        (good.replace("0.5", "much"), "holds more than numbers"),
        ("", "is not a table of a run, or is damaged"),
    ):
        path.write_text(wrong)
        with pytest.raises(ValueError, match=rf"a\.csv:? (the column '\w+' )?{said}"):
            read(path)
    path.write_bytes(b"\xff" + good.encode())
    with pytest.raises(ValueError, match=r"a\.csv, line 1, character 1: the byte 0xff"):
        read_table(path)


def test_digests_of_data_that_are_none_are_damage():
    assert data_digest.kept(None) is None
    good = {"machine": "one", "forcing": {"digest": "0", "sums": [[1, 2]]}}
    assert data_digest.kept(good) == good
    for wrong in ([1], {"forcing": 1}, {"forcing": {"digest": "0", "sums": [1]}}):
        with pytest.raises((TypeError, ValueError, LookupError)):
            data_digest.kept(wrong)
