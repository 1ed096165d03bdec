"""Plain NetCDF and Zarr files of basins: real ones, converted ones, and every refusal."""

import os

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.inputs.pet import pet_of
from gridhydro.io import read_basins, read_camels_us, write_basins
from gridhydro.io.lazy import LazySeries

US, TABLE = "camels_us_400/timeseries.nc", "camels_us_400/attributes.csv"
FR = "camels_fr/camels_fr_19.nc"
LAHN = {"lahn_marb": 1666.0, "dill_assl": 717.0, "lahn_leun": 3571.0, "lahn_kalk": 5304.0}


@pytest.fixture
def windows(monkeypatch) -> list:
    """The shape of every window that is read from a file."""
    shapes = []
    read = LazySeries._window

    def counted(self, days, rows):
        shapes.append((days.size, rows.size))
        return read(self, days, rows)

    monkeypatch.setattr(LazySeries, "_window", counted)
    return shapes


@pytest.fixture
def french(data, tmp_path):
    """A function that writes a changed copy of the French basins, three years of it."""

    def changed(change=lambda d: d, name="fr.nc"):
        with xr.open_dataset(data(FR)) as file:
            small = file.isel(time=slice(0, 1096)).load()
        change(small).to_netcdf(tmp_path / name)
        return tmp_path / name

    return changed


def test_read_basins_of_camels_us_400(data):
    basins, raw = read_basins(data(US), attributes=data(TABLE)), xr.load_dataset(data(US))
    assert basins["precipitation"].dims == ("time", "gauge")
    assert dict(basins.sizes) == {"time": 12418, "gauge": 400}
    assert basins["gauge"].values[0] == "01022500"
    one = dict(gauge="14400000", time=slice("1999-12-01", "2000-02-28"))
    np.testing.assert_array_equal(
        basins["discharge"].sel(one),
        raw["discharge"].sel(basin="14400000", time=one["time"]),
    )
    assert basins["area"].attrs["units"] == "km2"
    np.testing.assert_array_equal(basins["area"], raw["area"])
    np.testing.assert_array_equal(basins["latitude"], raw["lat"])
    # HydroATLAS by its columns, CAMELS by its table; Caravan's aridity gives way to CAMELS'
    column = list(raw["hydroatlas_attribute"].values).index("sgr_dk_sav")
    np.testing.assert_array_equal(basins["sgr_dk_sav"], raw["hydroatlas"][:, column])
    table = pd.read_csv(data(TABLE))
    np.testing.assert_array_equal(basins["aridity"], table["aridity"])
    assert list(basins["geol_1st_class"].values) == list(table["geol_1st_class"])
    place = list(raw["caravan_attribute"].values).index("aridity")
    np.testing.assert_allclose(basins["caravan_climate_aridity"], raw["caravan_climate"][:, place])
    assert "Caravan PET is left out" in basins.attrs["note"]


def test_read_basins_is_lazy(data, windows):
    basins = read_basins(data(US), attributes=data(TABLE))
    chosen = basins.sel(time=slice("1990", "1991"))[["precipitation", "temperature"]]
    batch = chosen.isel(gauge=[7, 3, 300]).transpose("gauge", "time")
    assert windows == []
    loaded = batch["precipitation"].load()
    assert windows == [(730, 3)]
    chosen["temperature"].isel(gauge=0, time=5).load()
    assert windows[1:] == [(1, 1)]
    raw = xr.load_dataset(data(US))["precip"].isel(basin=[7, 3, 300])
    np.testing.assert_array_equal(loaded, raw.sel(time=slice("1990", "1991")))


def test_basins_file_opens_repeatedly_and_is_refused_when_changed(french):
    path = french()
    first = read_basins(path)
    second = read_basins(path)
    second.close()
    assert read_basins(path)["precipitation"][0, 0].load().notnull()
    expected = first["discharge"].load()
    np.testing.assert_array_equal(second["discharge"], expected)
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match=r"fr\.nc has changed since it was opened: open it again"):
        second["temperature"].load()


def test_pet_of_a_window_of_a_file(data, windows):
    basins = read_basins(data(US)).isel(gauge=slice(0, 2), time=slice(0, 365))
    values = pet_of(basins)
    assert windows == [(365, 2)]
    assert 0.5 < float(values.mean()) < 3


def test_read_basins_of_camels_fr(data):
    basins = read_basins(data(FR), basins=["Y862000101", "A273011002"], period=("2001", "2002"))
    raw = xr.load_dataset(data(FR)).set_index(basin="basin").sel(time=slice("2001", "2002"))
    for ours, theirs in {
        "precipitation": "precip", "temperature": "temp", "discharge": "discharge",
        "potential_evapotranspiration": "pet",
    }.items():  # fmt: skip
        expected = raw[theirs].sel(basin=["Y862000101", "A273011002"]).T
        np.testing.assert_array_equal(basins[ours], expected)
    # no names of columns: the table stays one
    np.testing.assert_array_equal(basins["hypso"][0], raw["hypso"].sel(basin="Y862000101"))
    assert basins["gauge_name"].sel(gauge="A273011002") == "La Bruche à Russ [Wisches]"


def test_lahn_is_joined_by_names_and_brought_to_its_days(data):
    pattern = str(data("lahn/obs_q.nc").parent / "*.nc")
    basins = read_basins(pattern, area=LAHN)
    assert list(basins["gauge"].values) == list(LAHN)
    # stamped 1989-10-31 23:00 UTC, which is midnight there, when the day begins
    assert basins["time"].values[0] == np.datetime64("1989-11-01")
    first = basins.isel(time=0)
    np.testing.assert_allclose(first["precipitation"], [19.3, 19.1, 21.0, 23.1], rtol=1e-6)
    np.testing.assert_allclose(first["temperature"], [10.2, 10.1, 10.7, 10.8], rtol=1e-6)
    depth = np.array([13.1, 5.42, 23.8, 30.9]) * 86.4 / np.array(list(LAHN.values()))
    np.testing.assert_allclose(first["discharge"], depth, rtol=1e-6)
    assert basins["gauge_name"].sel(gauge="lahn_kalk") == "Kalkofen"
    assert basins["temperature_normal"].attrs["units"] == "degC"
    with pytest.raises(ValueError, match=r"obs_q.nc: discharge is in 'm3/s' and there are no area"):
        read_basins(pattern)
    with pytest.raises(ValueError, match="area= has no value for lahn_kalk"):
        read_basins(pattern, area={g: a for g, a in LAHN.items() if g != "lahn_kalk"})
    two = read_basins(pattern, area=LAHN, basins=["dill_assl", "lahn_marb"])
    np.testing.assert_array_equal(two["temperature"][0], np.float32([10.1, 10.2]))


@pytest.mark.parametrize("name", ["basins.nc", "basins.zarr"])
def test_written_basins_are_read_back(data, tmp_path, name):
    text = read_camels_us(data("camels_us_text"))
    text["snow_depth_observed"] = text["precipitation"].assign_attrs(units="cm", long_name="snow")
    before = text.copy(deep=True)
    write_basins(text, tmp_path / name)
    xr.testing.assert_identical(text, before)
    with read_basins(tmp_path / name) as back:
        xr.testing.assert_equal(back.load(), text)
        for variable in text.data_vars:
            assert back[variable].attrs["long_name"] == text[variable].attrs["long_name"]
            assert back[variable].attrs.get("units") == text[variable].attrs.get("units")
        assert back.attrs["processing"] == text.attrs["processing"]
    write_basins(text.isel(gauge=[0]), tmp_path / name)
    assert read_basins(tmp_path / name).sizes["gauge"] == 1
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_file_on_disk_is_converted_series_by_series(data, tmp_path, windows):
    source = read_basins(data(FR))
    write_basins(source, tmp_path / "fr.nc")
    assert windows == [(7305, 19)] * 4
    with netCDF4.Dataset(tmp_path / "fr.nc") as file:
        assert file["precipitation"].chunking() == [4096, 1]
        assert file["precipitation"].dtype == np.float32
        # texts of any length are what HDF5 crashes on when a file is open twice
        assert not [v for v in file.variables.values() if v.dtype is str]
    copy = read_basins(tmp_path / "fr.nc")
    np.testing.assert_array_equal(copy["discharge"], source["discharge"])
    scattered = [17, 2, 9]
    np.testing.assert_array_equal(
        copy["temperature"].isel(gauge=scattered), source["temperature"].isel(gauge=scattered)
    )
    with pytest.raises(ValueError, match=r"written to a file \.nc or a folder \.zarr"):
        write_basins(source, tmp_path / "fr.csv")
    with pytest.raises(ValueError, match="not time and gauge"):
        write_basins(source.rename(gauge="basin"), tmp_path / "b.nc")


def test_read_basins_takes_given_names_and_units(french):
    path = french(lambda d: d.rename(precip="my_rain", lat="where").drop_attrs())
    with pytest.raises(
        ValueError, match=r"'area' has no units: say which, .* units={'area': 'km2'"
    ):
        read_basins(path)
    with pytest.raises(ValueError, match=r"'temperature' has no units: say which"):
        read_basins(path, units={"area": "km2"})
    units = dict.fromkeys(("precipitation", "discharge", "potential_evapotranspiration"), "m d-1")
    units |= {"temperature": "K", "area": "m2"}
    basins = read_basins(path, {"precipitation": "my_rain", "latitude": "where"}, units=units)
    raw = xr.load_dataset(path)
    np.testing.assert_allclose(basins["area"], raw["area"] * 1e-6)
    np.testing.assert_array_equal(basins["latitude"], raw["where"])
    day = dict(gauge=0, time=0)
    np.testing.assert_allclose(
        basins["potential_evapotranspiration"][day], raw["pet"][0, 0] * 1000, rtol=1e-6
    )
    # 10 degC that are said to be kelvin
    with pytest.raises(
        ValueError, match=r"temperature is -2\d\d.* degC on 1999-01-01 at gauge A273011002"
    ):
        basins["temperature"].load()


def test_read_basins_with_other_names_and_order_of_axes(french):
    plain = read_basins(french()).load()
    turned = french(lambda d: d.rename(time="date", basin="station").transpose("date", ...), "t.nc")
    assert read_basins(turned).load().drop_attrs().identical(plain.drop_attrs())


def test_read_basins_keeps_series_of_other_names(french):
    path = french(lambda d: d.assign(fog=d["precip"].assign_attrs(units="h")))
    basins = read_basins(path)
    assert basins["fog"].dims == ("time", "gauge")
    assert basins["fog"].attrs["units"] == "h"


def test_impossible_values_are_refused_when_read(french):
    def spoil(d):
        d["discharge"][3, 10] = -999.0
        return d

    basins = read_basins(french(spoil))
    assert basins["discharge"].isel(gauge=[0, 1]).load().notnull().any()
    with pytest.raises(ValueError, match=r"fr.nc: discharge is -999 mm d-1 on 1999-01-11 at gauge"):
        basins["discharge"].isel(time=slice(5, 20)).load()


@pytest.mark.parametrize(
    ("units", "hours", "kept"),
    [
        ("days since 2000-01-01 12:00", 0, "2000-01-01"),
        ("days since 2000-01-01 00:00:00 +0100", 0, "2000-01-01"),
        ("days since 2000-01-01 00:00:00 -05:30", 0, "2000-01-01"),
    ],
)
def test_time_stamps_of_basins_become_days(french, units, hours, kept):
    path = french(lambda d: d.isel(time=slice(0, 10)))
    with netCDF4.Dataset(path, "a") as file:
        file["time"].units = units
        file["time"][:] = np.arange(10)
    assert read_basins(path)["time"].values[0] == np.datetime64(kept)


def test_stamps_at_the_end_of_the_day_and_at_other_hours(french):
    end = french(lambda d: d.assign_attrs(timereference="right interval boundary"))
    assert read_basins(end)["time"].values[0] == np.datetime64("1998-12-31")
    later = french(lambda d: d.assign_coords(time=d["time"] - pd.Timedelta("1h")))
    with pytest.raises(
        ValueError, match=r"'time' has every day at 23:00 \(first 1998-12-31\), but a day is"
    ):
        read_basins(later)
    assert read_basins(later, shift="1h")["time"].values[0] == np.datetime64("1999-01-01")


FAULTS = {
    "gap": (lambda d: d.drop_isel(time=5), "1999-01-05 is followed by 1999-01-07"),
    "twice": (lambda d: d.isel(time=[0, 0, 1]), "1999-01-01 is followed by 1999-01-01"),
    "hourly": (
        lambda d: d.assign_coords(time=pd.date_range("1999", periods=1096, freq="h")),
        r"'time' has several times a day \(1999-01-01 00:00 and 01:00\)",
    ),
    "noleap": (
        lambda d: d.assign_coords(
            time=xr.date_range("1999", periods=1096, calendar="noleap", use_cftime=True)
        ),
        "no axis of dates of our calendar .noleap",
    ),
    "no days": (lambda d: d.rename(time="t").drop_vars("t"), "has no axis of days among"),
    "no names": (lambda d: d.drop_vars("basin"), "does not name the gauges along 'basin'"),
    "names twice": (
        lambda d: d.assign_coords(basin=["A", "A", *d["basin"].values[2:]]),
        "'basin' names A twice",
    ),
    "decimals": (
        lambda d: d.assign_coords(basin=np.arange(19.0)),
        "is a decimal number where a name is needed",
    ),
    "units": (
        lambda d: d.assign(precip=d["precip"].assign_attrs(units="inch")),
        "'precipitation' is in 'inch', which is not known",
    ),
    "two rains": (lambda d: d.assign(rain=d["precip"]), "could both be precipitation: say which"),
    "area": (lambda d: d.assign(area=d["area"] * 0), "area of A273011002 is 0 km2"),
    "latitude": (lambda d: d.assign(lat=d["lat"] + 90), "latitude of A273011002 is 138"),
    "axes": (
        lambda d: d.assign(wind=d["precip"].rename(basin="tower")),
        "more than one axis beside them: basin, tower",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_basins_files_are_refused(french, fault):
    change, message = FAULTS[fault]
    with pytest.raises(ValueError, match=message):
        read_basins(french(change))


def test_basins_files_that_do_not_fit_are_refused(french, tmp_path):
    rain = french(lambda d: d[["precip"]], "rain.nc")
    flow = french(lambda d: d[["discharge"]], "flow.nc")
    assert {"precipitation", "discharge"} <= set(read_basins([rain, flow]))
    with pytest.raises(ValueError, match="an earlier file has 'precipitation' too"):
        read_basins([rain, flow, french()])
    short = french(lambda d: d[["precip"]].isel(time=slice(10, 900)), "short.nc")
    with pytest.raises(ValueError, match=r"short.nc has other days than .*flow.nc: choose a per"):
        read_basins([short, flow])
    assert read_basins([short, flow], period=("1999-02", "2000")).sizes["time"] == 700
    with pytest.raises(ValueError, match=r"not all in .*short.nc, which goes from 1999-01-11"):
        read_basins([short, flow], period=("1999-01-05", "2000"))
    few = french(lambda d: d[["precip"]].isel(basin=slice(0, 3)), "few.nc")
    with pytest.raises(ValueError, match=r"few.nc has the gauges A273.* choose those that both"):
        read_basins([few, flow])
    assert read_basins([few, flow], basins=["A273011002"]).sizes["gauge"] == 1
    with pytest.raises(ValueError, match="has no basin B1 "):
        read_basins(flow, basins=["B1"])
    with pytest.raises(ValueError, match=r"no variable 'mist' for precipitation, but"):
        read_basins(rain, {"precipitation": "mist"})


def test_files_that_hold_no_basins_are_refused(data, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_basins(tmp_path / "none.nc")
    with pytest.raises(FileNotFoundError, match="no file is called like"):
        read_basins(str(tmp_path / "*.nc"))
    (tmp_path / "text.nc").write_text("not netcdf")
    with pytest.raises(ValueError, match=r"text.nc cannot be opened as NetCDF or Zarr"):
        read_basins(tmp_path / "text.nc")
    with pytest.raises(ValueError, match="cannot be opened"):
        read_basins(tmp_path)
    with netCDF4.Dataset(tmp_path / "time.nc", "w") as file:
        file.createDimension("time", 2)
        file.createVariable("time", "f8", "time").units = "days since the flood"
    with pytest.raises(
        ValueError, match=r"time.nc counts its times in 'days since the flood', which are no days"
    ):
        read_basins(tmp_path / "time.nc")
    with pytest.raises(ValueError, match="more than one axis beside them: bnds, lat, lon"):
        read_basins(data("ewatercycle/OBS6_ERA5_reanaly_1_day_tas_2000-2000.nc"))


def test_read_basins_with_tables_of_attributes(data, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,longest name,fraction\n1022500,a,0.5\n1047000,b,\n")
    basins = read_basins(data(US), basins=["01022500", "01047000"], attributes=path)
    assert list(basins["longest name"].values) == ["a", "b"]
    np.testing.assert_array_equal(basins["fraction"], [0.5, np.nan])
    with pytest.raises(ValueError, match=r"table.csv has no row for 01052500, .*\(398 gauges"):
        read_basins(data(US), attributes=path)
    path.write_text("id,part\n1022500,0.5\n1047000,0.7\n1052500,half\n")
    with pytest.raises(ValueError, match=r"table.csv, line 4, column 'part': 'half' is no number"):
        read_basins(data(US), basins=["01022500"], attributes=path)
