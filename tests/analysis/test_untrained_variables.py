"""Untrained variables against references: intervals, errors by hand, and GRACE over real basins."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.analysis.untrained_variables import COLUMNS, compare, read_storage, spatial
from gridhydro.base.intervals import interval_means, intervals, lengths
from gridhydro.evaluation.baseflow import baseflow_index

DAYS = pd.date_range("2001-01-01", "2002-12-31", name="time")


def series(gauges=("a", "b"), seed=0, unit="mm d-1"):
    values = np.random.default_rng(seed).gamma(2, 1, (DAYS.size, len(gauges)))
    coords = {"time": DAYS, "gauge": list(gauges)}
    return xr.DataArray(values, coords, ("time", "gauge"), "et", {"units": unit})


def text(bounds):
    return [[str(edge)[:10] for edge in pair] for pair in bounds]


def test_months_wherever_their_times_lie():
    times = pd.DatetimeIndex(["2001-01-01", "2001-02-15 12:00", "2001-12-31"])
    assert text(intervals(times, "month")) == [
        ["2001-01-01", "2001-02-01"],
        ["2001-02-01", "2001-03-01"],
        ["2001-12-01", "2002-01-01"],
    ]


def test_days_from_around_and_up_to_their_time():
    times = pd.DatetimeIndex(["2001-03-10"])
    assert text(intervals(times, "1D")) == [["2001-03-10", "2001-03-11"]]
    assert text(intervals(times, "4D")) == [["2001-03-10", "2001-03-14"]]
    assert text(intervals(times, "4D", "middle")) == [["2001-03-08", "2001-03-12"]]
    assert text(intervals(times, "4D", "end")) == [["2001-03-07", "2001-03-11"]]


def test_composites_of_eight_days_begin_anew_each_year():
    times = pd.DatetimeIndex(["2000-12-26", "2001-12-19", "2001-12-27", "2002-01-01"])
    assert list(lengths(intervals(times, "8D"))) == [6, 8, 5, 8]


def test_means_over_months_are_those_of_pandas():
    table = series().to_pandas()
    expected = table.resample("MS").mean()
    inside, means = interval_means(table, intervals(expected.index, "month"))
    assert inside.all()
    np.testing.assert_allclose(means, expected, rtol=1e-13)


def test_errors_by_hand():
    days = pd.DataFrame({"a": [1.0, 3, 2, 4, 6, 8]}, DAYS[:6])  # pairs: 2, 3, 7
    reference = pd.DataFrame({"a": [3.0, 3, 6]}, DAYS[:6:2])  # residuals: -1, 0, 1
    (row,) = compare(days, reference, "2D").to_dict("records")
    assert tuple(row) == COLUMNS
    assert row["simulated_mean"] == row["reference_mean"] == 4 and row["bias"] == 0
    assert row["rmse"] == pytest.approx(np.sqrt(2 / 3))
    assert row["cv_residuals"] == pytest.approx(np.sqrt(2 / 3) / 4)
    assert row["correlation"] == pytest.approx(np.corrcoef([2, 3, 7], [3, 3, 6])[0, 1])
    assert (row["intervals"], row["outside"]) == (3, 0)


def test_sums_units_and_missing_values():
    simulated = series()
    times = pd.date_range("2001-01-01", periods=40, freq="8D")
    eight = simulated.to_pandas()[:320].to_numpy().reshape(40, 8, 2).sum(1)
    eight[3, 1] = np.nan
    reference = xr.DataArray(eight, {"time": times, "gauge": ["a", "b"]}, ("time", "gauge"))
    result = compare(simulated, reference.assign_attrs(units="kg m-2"), "8D", total=True)
    np.testing.assert_allclose(result["rmse"], 0, atol=1e-14)
    assert result["intervals"].tolist() == [40, 39]
    metres = compare(simulated, (reference / 1000).assign_attrs(units="m"), "8D", total=True)
    np.testing.assert_allclose(metres["rmse"], 0, atol=1e-14)
    with pytest.raises(ValueError, match="'degC', which is not known as a unit for 'mm d-1'"):
        compare(simulated, reference.assign_attrs(units="degC"), "8D")


def test_intervals_beyond_the_simulation_are_counted_and_nan_is_not_hidden():
    simulated = series()
    reference = simulated.resample(time="MS").mean()
    result = compare(simulated[15:], reference, "month").set_index("gauge")
    assert result.loc["a", ["intervals", "outside"]].tolist() == [23, 1]
    simulated[40, 0] = np.nan
    result = compare(simulated, reference, "month").set_index("gauge")
    assert np.isnan(result.loc["a", "rmse"]) and result.loc["b", "rmse"] < 1e-14


def test_anomalies_lose_the_mean_of_the_baseline():
    simulated = series(unit="mm")
    reference = simulated.resample(time="MS").mean()
    shifted = (reference + 100).assign_attrs(units="mm")
    result = compare(simulated, shifted, "month", baseline=("2001-03-01", "2002-02-28"))
    np.testing.assert_allclose(result[["rmse", "bias"]], 0, atol=1e-12)
    expected = reference.mean("time") - reference.sel(time=slice("2001-03", "2002-02")).mean("time")
    np.testing.assert_allclose(result["reference_mean"], expected, atol=1e-12)
    assert result["cv_residuals"].isna().all()
    with pytest.raises(ValueError, match="in the baseline 2004-01-01 to 2009-12-31"):
        compare(simulated, shifted, "month", baseline=("2004-01-01", "2009-12-31"))


def test_bounds_given_or_carried_by_the_reference():
    simulated = series(unit="mm")
    start = np.array(["2001-01-05", "2001-02-01"], "datetime64[ns]")
    after = np.array(["2001-01-20", "2001-02-28"], "datetime64[ns]")
    edges = np.stack([start, after], axis=1)
    values = [
        simulated.sel(time=slice(a, b - np.timedelta64(1, "D"))).mean("time") for a, b in edges
    ]
    reference = xr.concat(values, "time").assign_coords(time=start + (after - start) / 2)
    given = compare(simulated, reference, bounds=edges)
    np.testing.assert_allclose(given["rmse"], 0, atol=1e-14)
    own = reference.assign_coords(time_start=("time", start), time_end=("time", after))
    pd.testing.assert_frame_equal(compare(simulated, own), given)


def test_spatial_agreement_by_gauge():
    simulated = pd.Series({"a": 1.0, "b": 2.0, "c": 4.0, "d": np.nan, "e": 9.0})
    result = spatial(simulated, {"c": 3.0, "b": 3.0, "a": 1.0, "d": 0.5})
    assert result.pop("correlation") == pytest.approx(np.corrcoef([1, 2, 4], [1, 3, 3])[0, 1])
    assert result.pop("rmse") == pytest.approx(np.sqrt(2 / 3))
    assert result == {"bias": 0, "count": 3, "undefined": 1}
    with pytest.raises(ValueError, match="read like 01 and 1"):
        spatial({"01": 1.0}, {1: 1.0})


def test_baseflow_index_of_two_halves_agrees(data):
    """The index is a property of the basin: two halves of the records rank them alike."""
    flow = xr.open_dataset(data("camels_us_400/timeseries.nc"))["discharge"][::10]
    table = flow.transpose("time", "basin").to_pandas()
    early, late = (baseflow_index(table.loc[a:b]) for a, b in (("1981", "1995"), ("1996", "2010")))
    result = spatial(early, late)
    assert result["count"] == 40 and result["correlation"] > 0.95


def test_storage_of_a_bucket_against_grace(data):
    """Snow and soil of a bucket nobody tuned: it fills and empties in the season GRACE observes."""
    weather = xr.open_dataset(data("camels_us_400/timeseries.nc"))[["precip", "temp"]]
    weather = weather.isel(basin=slice(None, None, 10)).sel(time=slice("2000", "2014"))
    rain, temperature = (weather[v].transpose("time", "basin").values for v in weather)
    snow, soil, stored = np.zeros(40), np.full(40, 150.0), []
    for p, t in zip(rain, temperature, strict=True):
        warm = np.maximum(t, 0)
        fall, melt = np.where(t < 0, p, 0), np.minimum(snow, 3 * warm)
        snow = snow + fall - melt
        soil = soil + p - fall + melt
        soil = soil - (0.2 * warm + 0.01 * soil) * np.minimum(soil / 300, 1)
        stored.append(snow + soil)
    coords = {"time": weather["time"], "gauge": weather["basin"].values}
    simulated = xr.DataArray(np.array(stored), coords, ("time", "gauge"), attrs={"units": "mm"})
    path = data("camels_us_400/grace_twsa.nc")
    twsa = read_storage(path)
    raw = xr.open_dataset(path)["twsa"]  # in cm
    np.testing.assert_allclose(twsa.values, 10 * raw.transpose("time", "basin").values, rtol=1e-6)
    assert twsa.dims == ("time", "gauge") and twsa.attrs["units"] == "mm"
    with pytest.raises(ValueError, match="several times of the reference lie in 2011-10"):
        compare(simulated, twsa, "month")
    baseline = ("2004-01-01", "2009-12-31")
    result = compare(simulated, twsa, "30D", stamp="middle", baseline=baseline)
    assert len(result) == 40 and (result["intervals"] == 139).all()
    # Cohen's large effect is 0.5; unrelated seasons would scatter around 0
    assert result["correlation"].median() > 0.5
    backwards = compare(-simulated, twsa, "30D", stamp="middle", baseline=baseline)
    np.testing.assert_allclose(backwards["correlation"], -result["correlation"], atol=1e-12)


def test_unfit_storage_files_are_refused(tmp_path, data):
    path = tmp_path / "twsa.nc"
    grid = xr.DataArray(np.ones((1, 2, 2)), dims=("time", "lat", "lon"), name="twsa")
    grid.to_netcdf(path)
    with pytest.raises(ValueError, match=r"twsa\.nc: 'twsa' is over time, lat, lon, not over time"):
        read_storage(path)
    with pytest.raises(ValueError, match=r"has no 'lwe'; it has twsa"):
        read_storage(path, "lwe")
    path = tmp_path / "stations.nc"
    grid[:, 0].assign_attrs(units="furlong").to_netcdf(path)
    with pytest.raises(ValueError, match=r"twsa of .*stations\.nc' is in 'furlong"):
        read_storage(path)
    own = xr.open_dataset(data("grace/twsa_csr_rl06_1deg_south_america.nc")).isel(lat=0)
    own.to_netcdf(tmp_path / "own.nc")
    storage = read_storage(tmp_path / "own.nc")
    assert storage.dims == ("time", "gauge")
    assert (storage["time_end"] > storage["time_start"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, r: compare(s, r), r"frequency None is not known: 'month'"),
        (lambda s, r: compare(s, r, "0D"), r"frequency '0D' is not known"),
        (lambda s, r: compare(s, r, "8"), r"frequency '8' is not known"),
        (lambda s, r: compare(s, r, "8D", stamp="centre"), r"start, middle, end, not 'centre'"),
        (lambda s, r: compare(s, r, bounds=np.zeros((3, 2))), r"\(24, 2\), not \(3, 2\)"),
        (lambda s, r: compare(s, r, bounds=np.zeros((24, 2))), r"interval 0 .* has no length"),
        (
            lambda s, r: compare(s[::2], r, "month"),
            r"simulated is not daily without gaps: 2001-01-01",
        ),
        (
            lambda s, r: compare(s.assign_coords(gauge=["x", "y"]), r, "month"),
            r"no gauge of the ref",
        ),
        (lambda s, r: compare(s.assign_coords(gauge=["a", "a"]), r, "month"), r"the gauge a twice"),
        (lambda s, r: compare(s[:20], r, "month"), r"2001-01-01 to 2001-01-20"),
        (lambda s, r: compare(s.expand_dims("x"), r, "month"), r"simulated is over"),
        (
            lambda s, r: compare(s.to_pandas().reset_index(drop=True), r, "month"),
            r"should be dates",
        ),
    ],
)
def test_unfit_series_are_refused(change, message):
    simulated = series()
    with pytest.raises(ValueError, match=message):
        change(simulated, simulated.resample(time="MS").mean())
