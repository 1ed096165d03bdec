"""Every door takes time axes alike: the same days, or the same refusal, wherever they come in."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import gridhydro as gh
from gridhydro import io
from gridhydro.analysis.untrained_variables import compare
from gridhydro.columns import column
from gridhydro.domain.domain import Domain
from gridhydro.inputs.climate import climate_means
from gridhydro.inputs.pet import pet_of
from gridhydro.observations.discharge import discharge_table
from gridhydro.observations.target_values import series_of, values_on

DAYS = pd.date_range("2000-03-24", periods=40)
FIRST, SECOND = DAYS[0], DAYS[1]
HOUR = pd.Timedelta("1h")
HBV = column("hbv")
UNITS = {"precipitation": "mm d-1", "temperature": "degC", "potential_evapotranspiration": "mm d-1"}


def domain():
    return Domain.of_basins([100.0], ["A"], latitude=[45.0], longitude=[5.0])


def weather(time, **attrs):
    """Rain on the second day alone, so that the day it is taken for is seen."""
    values = np.zeros((len(time), 1))
    values[1] = 9.0
    series = {name: (("time", "gauge"), values, {"units": unit}) for name, unit in UNITS.items()}
    data = xr.Dataset(series, {"gauge": ["A"], "latitude": ("gauge", [45.0])}, attrs)
    return data.assign_coords(time=time)


def rain(time):
    return weather(time)["precipitation"]


# each gives the day on which it found the rain
def forcing(time, _):
    found = gh.Forcing.read(weather(time), domain(), HBV)
    return found.times[int(found.values[0].argmax())]


def checked(time, _):
    errors = gh.Forcing.check(weather(time), domain(), HBV).errors
    if errors:
        raise ValueError(errors[0])
    return SECOND


def history(time, _):
    found = gh.History.of(domain(), weather(time), (FIRST, DAYS[-1]), every=1)
    return DAYS[int(found.values[0, :, 0].nan_to_num().argmax())]


def discharge_frame(time, _):
    table = pd.DataFrame({"A": rain(time).values[:, 0]}, index=pd.Index(time))
    return discharge_table(table)["A"].idxmax()


def discharge_array(time, _):
    return discharge_table(rain(time).assign_attrs(units="m3 s-1"))["A"].idxmax()


def target(time, _):
    observed = gh.Target("snowpack", rain(time).assign_attrs(units="mm"))
    series = series_of(observed, domain(), "mm")
    return DAYS[int(np.nanargmax(values_on("snowpack", series, "mm", domain(), DAYS)[0][:, 0]))]


def target_frame(time, _):
    table = pd.DataFrame({"A": rain(time).values[:, 0]}, index=pd.Index(time))
    series = series_of(gh.Target("snowpack", table), domain(), "mm")
    return DAYS[int(np.nanargmax(values_on("snowpack", series, "mm", domain(), DAYS)[0][:, 0]))]


def climate(time, _):
    means = climate_means(weather(time), (SECOND, SECOND))
    return SECOND if float(means["prec_avg"].max()) == 9 else FIRST


def reference(time, _):
    days = pd.DataFrame({"A": np.arange(40.0)}, index=DAYS)
    table = pd.DataFrame({"A": np.arange(float(len(time)))}, index=pd.Index(time))
    return SECOND if compare(days, table, "1D")["rmse"].iloc[0] == 0 else FIRST


DOORS = [
    forcing, checked, history, discharge_frame, discharge_array, target, target_frame, climate,
    reference,
]  # fmt: skip


def file_of_basins(time, path):
    weather(time).to_netcdf(path / "b.nc")
    found = io.read_basins(path / "b.nc")
    return pd.Timestamp(found["time"].values[int(found["precipitation"].values.argmax())])


def zarr_of_basins(time, path):
    weather(time).to_zarr(path / "b.zarr", zarr_format=2)
    found = io.read_basins(path / "b.zarr")
    return pd.Timestamp(found["time"].values[int(found["precipitation"].values.argmax())])


def file_of_discharge(time, path):
    rain(time).assign_attrs(units="m3 s-1").rename("discharge").to_netcdf(path / "q.nc")
    return io.read_discharge(path / "q.nc", "A").idxmax()


def table_of_discharge(time, path):
    values = rain(time).values[:, 0]
    lines = [f"{day},{value}" for day, value in zip(pd.Index(time), values, strict=True)]
    (path / "q.csv").write_text("\n".join(["date,A", *lines]))
    return io.read_discharge(path / "q.csv", "A").idxmax()


def text_of_discharge(time, path):
    days, values = pd.Index(time), rain(time).values[:, 0]
    lines = [f"{day:%Y %m %d %H %M} {v}" for day, v in zip(days, values, strict=True)]
    (path / "q.txt").write_text("\n".join(["1", "nodata -9", "", "", "", *lines]))
    return io.read_discharge(path / "q.txt", "A").idxmax()


FILES = [file_of_basins, zarr_of_basins, file_of_discharge, table_of_discharge, text_of_discharge]

TAKEN = {"midnight": DAYS, "noon": DAYS + 12 * HOUR, "last minute": DAYS + 24 * HOUR - HOUR / 60}


@pytest.mark.parametrize("kind", TAKEN)
@pytest.mark.parametrize("door", [*DOORS, *FILES])
def test_doors_take_the_same_day(door, kind, tmp_path):
    assert door(TAKEN[kind], tmp_path) == SECOND


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Lima"])
@pytest.mark.parametrize("door", DOORS)
def test_doors_take_days_of_a_zone(door, zone, tmp_path):
    assert door(DAYS.tz_localize(zone), tmp_path) == SECOND


REFUSED = {
    "local midnight": (DAYS - HOUR, "has every day at 23:00"),
    "west": (DAYS + 5 * HOUR, "has every day at 05:00"),
    "summer time": (DAYS.tz_localize("Europe/Berlin").tz_convert("UTC").tz_localize(None),
                    "but other days at other hours"),
    "hours": (pd.date_range("2000-03-24", periods=48, freq="h"), r"several times a day .*resample"),
    "twice": (DAYS[[0, 1, 1, 2]], "2000-03-25"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("door", [*DOORS, *FILES])
def test_doors_refuse_the_same_axes(door, kind, tmp_path):
    time, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message):
        door(time, tmp_path)


OTHER = {
    "noleap": (xr.date_range("2000-03-24", periods=40, calendar="noleap", use_cftime=True),
               r"no axis of dates of our calendar \(noleap\)"),
    "counts": (np.arange(40), r"no axis of dates|should be dates"),
    "decimal years": (2000 + np.arange(40) / 365, r"no axis of dates|should be dates"),
    "missing": (DAYS.where(DAYS[5] != DAYS), "missing dates"),
    "year 9999": (np.append(DAYS[:-1].to_numpy("M8[s]"), np.datetime64("9999-12-31")),
                  "the year 9999"),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHER)
@pytest.mark.parametrize("door", DOORS)
def test_doors_refuse_what_is_no_date(door, kind, tmp_path):
    time, message = OTHER[kind]
    with pytest.raises(ValueError, match=message):
        door(time, tmp_path)


@pytest.mark.parametrize("units", ["days since 2000-03-24 00:00:00 +01:00",
                                   "days since 2000-03-24 -05:00"])  # fmt: skip
@pytest.mark.parametrize("store", ["b.nc", "b.zarr"])
def test_doors_take_files_in_local_time_back_to_it(units, store, tmp_path):
    data = weather(np.arange(40.0))
    data["time"].attrs["units"] = units
    data.to_netcdf(tmp_path / store) if store == "b.nc" else data.to_zarr(
        tmp_path / store, zarr_format=2
    )
    engine = None if store == "b.nc" else "zarr"
    with xr.open_dataset(tmp_path / store, engine=engine) as opened:
        assert gh.Forcing.read(opened, domain(), HBV).times.equals(DAYS)
        assert gh.Forcing.read(opened.isel(time=slice(3, 9)), domain(), HBV).times[0] == DAYS[3]
        found = gh.History.of(domain(), opened, (FIRST, SECOND), every=1)
        assert float(found.values[0, 1, 0]) == 9
        assert discharge_table(opened["precipitation"].drop_attrs())["A"].idxmax() == SECOND
        pet = pet_of(opened[["temperature"]].assign_coords(latitude=opened["latitude"]), "oudin")
    assert pet.sizes["time"] == 40
    assert io.read_basins(tmp_path / store)["time"].values[0] == FIRST


def test_doors_heed_bounds(tmp_path):
    ends = DAYS + pd.Timedelta("1D")
    data = weather(ends).assign(time_bnds=(("time", "nv"), np.stack([DAYS, ends], 1)))
    data["time"].attrs["bounds"] = "time_bnds"
    assert gh.Forcing.read(data, domain(), HBV).times.equals(DAYS)
    found = gh.History.of(domain(), data, (FIRST, SECOND), every=1)
    assert float(found.values[0, 1, 0]) == 9
    data["precipitation"].attrs["units"] = "m3 s-1"
    data.rename(precipitation="discharge").to_netcdf(tmp_path / "q.nc")
    assert io.read_discharge(tmp_path / "q.nc", "A").idxmax() == SECOND


def test_series_of_rasters_keep_the_bounds_of_their_days(tmp_path):
    ends = DAYS + pd.Timedelta("1D")
    raster = xr.Dataset(
        {"rain": (("time", "y", "x"), np.ones((40, 2, 2))),
         "time_bnds": (("time", "nv"), np.stack([DAYS, ends], 1))},
        {"time": ("time", ends, {"bounds": "time_bnds"}), "y": [1.0, 0], "x": [0.0, 1]},
    )  # fmt: skip
    raster.to_netcdf(tmp_path / "rain.nc")
    assert io.read_series(tmp_path / "rain.nc", "rain").indexes["time"].equals(DAYS)
    raster["time"].attrs["units"] = "months since 1950-01-01"
    raster.assign_coords(time=("time", np.arange(40), raster["time"].attrs)).drop_vars(
        "time_bnds"
    ).to_netcdf(tmp_path / "months.nc")
    with pytest.raises(ValueError, match=r"months.nc counts its times in 'months since 1950-01"):
        io.read_series(tmp_path / "months.nc", "rain")


def test_monthly_discharge_is_not_taken_for_daily_without_a_word():
    months = pd.date_range("2000-01-01", periods=12, freq="MS")
    with pytest.warns(UserWarning, match=r"'discharge' is observed every 31 days"):
        discharge_table(pd.DataFrame({"A": np.ones(12)}, index=months))


def grace(tmp_path, days=(15.5, 45, 74, 105), **attrs):
    time = ("time", list(days), {"units": "days since 2002-01-01"} | attrs)
    values = np.random.default_rng(0).normal(0, 10, (len(days), 3, 3))
    storage = {"lwe_thickness": (("time", "lat", "lon"), values, {"units": "cm"})}
    axes = {"lat": [46.0, 45.5, 45.0], "lon": [5.0, 5.5, 6.0], "time": time}
    xr.Dataset(storage, axes).to_netcdf(tmp_path / "g.nc")
    return io.read_grace(tmp_path / "g.nc")["time_start"].values


def test_solutions_of_grace_are_of_the_same_axes(tmp_path):
    months = np.array(["2002-01", "2002-02", "2002-03", "2002-04"], "M8[M]")
    assert (grace(tmp_path) == months).all()
    assert (grace(tmp_path, units="days since 2002-01-01 00:00:00 +01:00") == months).all()
    for days, attrs, message in (
        ((15.5, 45, 74, 105), {"calendar": "noleap"}, r"our calendar \(noleap\)"),
        ((1.0, 2.0, 3.0, 4.0), {"units": "months since 2002-01-01"}, "months since"),
        ((2002.04, 2002.1, 2002.2, 2002.3), {"units": "decimal years"}, "'decimal years'"),
        ((15.5, 15.5, 45, 74), {}, "has the solution from 2002-01-01 to 2002-02-01 twice"),
        ((15.5, np.nan, 45, 74), {}, "missing dates"),
    ):
        with pytest.raises(ValueError, match=rf"g\.nc.*{message}"):
            grace(tmp_path, days, **attrs)
