"""Files of basins, of discharge and of GRACE: axes of one value, codes, and options that name
nothing."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro import io
from gridhydro.base.missing import declared
from tests.support.small_inputs import LAT, LON, READERS, basins, discharge

NAMES = ["b00", "b01", "b02"]


def written(folder, data):
    data.to_netcdf(folder / "a.nc")
    return folder / "a.nc"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_axis_of_one_value_is_no_axis_of_a_file_of_basins(tmp_path, place):
    data = basins()
    rain = data["precipitation"].expand_dims(height=[2.0])
    order = [dim for dim in rain.dims if dim != "height"]
    order.insert(place, "height")
    found = io.read_basins(written(tmp_path, data.assign(precipitation=rain.transpose(*order))))
    assert found["precipitation"].dims == ("time", "gauge")
    np.testing.assert_array_equal(found["precipitation"], data["precipitation"])


@pytest.mark.parametrize("name", [("gauge", "b00"), ("gauge", 7), ("place", "b00"), ("x", 7)])
def test_a_single_gauge_is_known_by_what_names_it(tmp_path, name):
    dim, gauge = name
    data = basins(1).drop_vars("rock").rename(gauge=dim).assign_coords({dim: [gauge]})
    if dim == "x":
        data = data.assign(code=("x", [gauge], {"cf_role": "timeseries_id"})).drop_vars("x")
    rain = data["precipitation"].expand_dims(height=[2.0])
    found = io.read_basins(written(tmp_path, data.assign(precipitation=rain)))
    assert found["gauge"].values.tolist() == [str(gauge)]


@pytest.mark.parametrize("order", [("height", "gauge", "time"), ("time", "gauge", "height")])
def test_a_single_gauge_is_known_by_its_name_beside_another_axis_of_one(tmp_path, order):
    data = basins(1)
    rain = data["precipitation"].expand_dims(height=[2.0]).transpose(*order)
    found = io.read_basins(written(tmp_path, data.assign(precipitation=rain)))
    assert found["gauge"].values.tolist() == NAMES[:1]
    np.testing.assert_array_equal(found["precipitation"], data["precipitation"])


def test_an_axis_of_several_values_is_not_taken_for_that_of_a_single_gauge(tmp_path):
    data = basins(1)
    two = data.assign(precipitation=data["precipitation"].expand_dims(member=[1, 2]))
    with pytest.raises(ValueError, match="have more than one axis beside them: gauge, member"):
        io.read_basins(written(tmp_path, two))


def test_a_single_gauge_without_a_name_is_asked_for_one(tmp_path):
    data = basins(1)[["precipitation"]].drop_vars(["gauge", "area", "latitude", "longitude"])
    with pytest.raises(ValueError, match="does not name the gauges along 'place'"):
        io.read_basins(written(tmp_path, data.rename(gauge="place")))


def test_codes_of_files_of_basins_can_be_named(tmp_path):
    data = basins().copy(deep=True)
    data["discharge"][3, 1], data["discharge"][4, 2] = -999, -77.5
    path = written(tmp_path, data)
    with pytest.raises(ValueError, match=r"at gauge b01, .*: name it with missing="):
        io.read_basins(path)["discharge"].load()
    found = io.read_basins(path, missing=[-999, -77.5])["discharge"]
    kept = np.isfinite(found.values)
    assert not kept[3, 1] and not kept[4, 2]
    np.testing.assert_array_equal(kept, data["discharge"].where(data["discharge"] > -1).notnull())
    with pytest.raises(ValueError, match=r"discharge is -77.5 mm d-1"):
        io.read_basins(path, missing=-999)["discharge"].load()
    with pytest.raises(ValueError, match="missing is a number"):
        io.read_basins(path, missing="-999")


def test_a_value_that_looks_like_a_code_is_one_unless_the_reader_is_told(tmp_path):
    data = basins()
    data["snow"] = (data["precipitation"] * 0 + 5.0).assign_attrs(units="mm")
    data["snow"][7, 0] = 9999
    path = written(tmp_path, data)
    with pytest.raises(ValueError, match="snow is 9999 on"):
        io.read_basins(path)["snow"].load()
    assert io.read_basins(path, missing=[])["snow"].load()[7, 0] == 9999


@pytest.mark.parametrize("kind", ["caravan_csv", "caravan_nc"])
def test_codes_of_caravan_can_be_named(tmp_path, kind):
    READERS[kind].write(tmp_path)
    if kind == "caravan_csv":
        path = tmp_path / "timeseries/csv/x/x_2.csv"
        table = pd.read_csv(path)
        table.loc[4, "streamflow"] = -999
        table.to_csv(path, index=False)
    else:
        path = tmp_path / "timeseries/netcdf/x/x_2.nc"
        data = xr.load_dataset(path)
        data["streamflow"][4] = -999
        data.to_netcdf(path)
    with pytest.raises(ValueError, match="discharge is -999 mm d-1"):
        io.read_caravan(tmp_path)
    found = io.read_caravan(tmp_path, missing=-999)["discharge"]
    assert np.argwhere(found.isnull().values).tolist() == [[4, 1]]


def test_options_that_name_nothing_are_refused(tmp_path):
    path = written(tmp_path, basins())
    with pytest.raises(ValueError, match="units= names 'rain', which is none of its series"):
        io.read_basins(path, units={"rain": "mm d-1"})
    assert "precipitation" in io.read_basins(path, units={"precipitation": "mm d-1"})
    assert "area" in io.read_basins(path, units={"area": "km2"}).coords
    with pytest.raises(ValueError, match=r"basins= is a list of names, or .*, not 5"):
        io.read_basins(path, basins=5)
    with pytest.raises(ValueError, match="shift is a time such as '1h' or '-30min', not 5"):
        io.read_basins(path, shift=5)
    for shift in (pd.Timedelta("1D"), np.timedelta64(1, "D"), "1D"):
        first = io.read_basins(path, shift=shift)["time"].values[0]
        assert first == basins()["time"].values[0] + np.timedelta64(1, "D")


@pytest.mark.parametrize("unit", ["km2", "m2"])
def test_an_area_larger_than_any_basin_is_refused(tmp_path, unit):
    data = basins()
    factor = 1e6 if unit == "m2" else 1
    area = (data["area"] * factor).assign_attrs(units=unit)
    assert float(io.read_basins(written(tmp_path, data.assign_coords(area=area)))["area"][0]) == 100
    area = (data["area"] * 1e6).assign_attrs(units="km2")  # which are m2
    with pytest.raises(ValueError, match=r"area of b00 is 1e\+08 km2"):
        io.read_basins(written(tmp_path, data.assign_coords(area=area)))


@pytest.mark.parametrize("axes", [("height", "time", "gauge"), ("gauge", "height", "time")])
def test_a_file_of_discharge_finds_the_axis_of_its_gauge(tmp_path, axes):
    table = discharge()[["a"]]
    flow = xr.DataArray(table.to_numpy(), dims=("time", "gauge"), attrs={"units": "m3 s-1"})
    flow = flow.assign_coords(time=table.index.to_numpy(), gauge=["a"])
    for name in ("gauge", "station"):
        one = flow.expand_dims(height=[2.0]).transpose(*axes).rename(gauge=name)
        one.to_dataset(name="discharge").to_netcdf(tmp_path / "q.nc")
        np.testing.assert_array_equal(io.read_discharge(tmp_path / "q.nc", "a"), table["a"])


@pytest.mark.parametrize("area", ["100", np.inf, 0, -1, 1e9, True])
def test_an_area_for_depths_is_one_that_a_basin_can_have(tmp_path, area):
    discharge().to_csv(tmp_path / "q.csv")
    with pytest.raises(ValueError, match="area_km2"):
        io.read_discharge(tmp_path / "q.csv", "a", units="mm d-1", area_km2=area)


def grace(times, **attrs):
    values = 10 * np.sin(np.arange(len(times)))[:, None, None] + np.zeros((1, LAT.size, LON.size))
    data = {"lwe_thickness": (("time", "lat", "lon"), values, {"units": "cm"})}
    return xr.Dataset(data, {"time": ("time", times, attrs), "lat": LAT, "lon": LON})


def test_an_axis_of_one_value_is_no_axis_of_a_grace_file(tmp_path):
    days = 745.0 + 30.4375 * np.arange(24)
    plain = grace(days, units="days since 2002-01-01")
    first = io.read_grace(written(tmp_path, plain))
    for axis in ("height", "band"):
        again = io.read_grace(written(tmp_path, plain.expand_dims({axis: [1]})))
        xr.testing.assert_identical(again["twsa"], first["twsa"])
    with pytest.raises(ValueError, match=r"'lwe_thickness' has the axes \('member', 'time'"):
        io.read_grace(written(tmp_path, plain.expand_dims(member=[1, 2])))
    assert declared(first["twsa"]) is None


@pytest.mark.parametrize("name", ["gauge", "place"])
def test_storage_of_one_gauge_is_found_beside_another_axis_of_one(tmp_path, name):
    plain = grace(745.0 + 30.4375 * np.arange(24), units="days since 2002-01-01")
    one = plain.isel(lat=0, lon=0, drop=True).expand_dims({name: ["a"]}, axis=1)
    found = io.read_grace(written(tmp_path, one.expand_dims(height=[2.0])))["twsa"]
    assert found.dims == ("time", "gauge") and found["gauge"].values.tolist() == ["a"]
    np.testing.assert_allclose(found.values[:, 0], plain["lwe_thickness"][:, 0, 0] * 10, rtol=1e-6)


def test_decimal_years_without_units_are_no_days_of_grace(tmp_path):
    with pytest.raises(
        ValueError, match=r"'time' states no units and counts from 2004\.04 to 2005"
    ):
        io.read_grace(written(tmp_path, grace(2004 + (np.arange(24) + 0.5) / 12)))
    days = io.read_grace(written(tmp_path, grace(745.0 + 30.4375 * np.arange(24))))
    assert str(days["time"].values[0])[:7] == "2004-01"


def test_a_code_among_the_flows_of_camels_is_refused(tmp_path):
    READERS["camels_us"].write(tmp_path)
    plain = io.read_camels_us(tmp_path)["discharge"]
    path = tmp_path / "usgs_streamflow/01/01022500_streamflow_qc.txt"
    path.write_text(path.read_text().replace(" 205.00 A", " 9999.00 A"))
    with pytest.raises(ValueError, match=r"discharge is 9999 on 2001-01-05 at .*write -999 for it"):
        io.read_camels_us(tmp_path)
    path.write_text(path.read_text().replace(" 9999.00 A", " 999.00 A").replace("201.00", "990.00"))
    near = io.read_camels_us(tmp_path)["discharge"]  # 999 among its like is a flow
    assert float(near[4, 0] / plain[4, 0]) == pytest.approx(999 / 205, rel=1e-5)
