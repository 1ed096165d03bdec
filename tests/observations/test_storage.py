"""Storage anomalies: observed ones on tiles, and a model's over the same days."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from gridhydro import Domain, StorageObservations, Tiles
from gridhydro.io import read_grace
from tests.support.tile_domains import amazon, raster

SAMPLE = "grace/twsa_csr_rl06_1deg_south_america.nc"


def daily_anomalies(storage, observations, times):
    """The anomalies by plain loops over days: storage (T, N) -> (S, K)."""
    tiles = storage @ observations.tiles.matrix.toarray().T
    middle = observations.start + (observations.end - observations.start) / 2
    first, last = (np.datetime64(day) for day in observations.baseline)
    found = np.full(observations.values.shape, np.nan)
    for s, (start, end) in enumerate(zip(observations.start, observations.end, strict=True)):
        days = (times >= start) & (times < end)
        if days.sum() == (end - start) / np.timedelta64(1, "D"):
            found[s] = tiles[days].mean(axis=0)
    for k in range(found.shape[1]):
        chosen = (middle >= first) & (middle <= last) & np.isfinite(observations.values[:, k])
        found[:, k] -= np.nanmean(found[chosen, k])
    return found


@pytest.fixture(scope="module")
def observed(data):
    domain = amazon(data("ddm30/ddm30_global_30min.nc"))
    return StorageObservations.on(Tiles.of(domain), domain, read_grace(data(SAMPLE), domain=domain))


def test_observed_storage_of_the_amazon(data, observed):
    assert observed.values.shape == (231, 56)
    assert "231 solutions from 2002-04-05 to 2024-05-01 on 56 tiles, 0% missing" in repr(observed)
    # a whole tile of three by three source cells is about their mean, interpolated at its edges
    with xr.open_dataset(data(SAMPLE)) as file:
        box = file["twsa"].sel(lat=slice(-3, -6), lon=slice(-63, -60))
        assert box.shape[1:] == (3, 3)
        weight = np.cos(np.radians(box["lat"]))
        mean = 10 * box.weighted(weight).mean(("lat", "lon"))
    (k,) = np.flatnonzero(observed.tiles.names == "4.5S 61.5W")
    error = observed.values[:, k] - mean.values
    assert np.abs(error).max() < 0.1 * mean.std()
    assert np.corrcoef(observed.values[:, k], mean)[0, 1] > 0.999
    # high water in May, low water in November
    series = pd.Series(observed.values.mean(axis=1), observed.start)
    months = series.groupby(series.index.month).mean()
    assert months.idxmax() in (4, 5) and months.idxmin() in (10, 11)


def test_storage_anomalies_equal_those_of_plain_loops_over_days(observed):
    """Solutions overlap, have gaps and odd lengths; some lie outside the run."""
    times = pd.date_range("2003-01-01", "2015-05-10")
    windows = observed.windows(times)
    assert windows.covered.sum() < len(observed.start)
    storage = np.random.default_rng(0).gamma(2, 100, (len(times), observed.tiles.matrix.shape[1]))
    means = windows.averages.means(torch.from_numpy(storage))
    found = observed.anomalies(means, windows)
    expected = daily_anomalies(storage, observed, times.to_numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert np.isfinite(expected).all(axis=1).sum() == windows.covered.sum()
    # a day is in one period at most, and periods are whole solutions where none overlaps
    assert windows.averages.count < windows.covered.sum() + 10
    np.testing.assert_allclose(windows.matrix.sum(1), windows.covered.double(), rtol=1e-12)
    # observations refer to the mean over the same solutions
    own = observed.observed(windows)
    assert torch.equal(own.isnan().all(1), ~windows.covered)
    middle = observed.start + (observed.end - observed.start) / 2
    inside = (middle >= np.datetime64("2004")) & (middle < np.datetime64("2010"))
    assert inside.sum() == 72
    np.testing.assert_allclose(own[inside].mean(0), 0, atol=1e-9)


def test_simulated_anomalies_of_the_observed_storage_equal_the_observed():
    """Missing values take their solution out of both means, so no offset is left."""
    months = pd.date_range("2001-01-01", "2003-12-01", freq="MS").to_numpy("datetime64[D]")
    start, end = months[:-1], months[1:]
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 50, (len(start), 2))
    values = truth + np.array([300, -70])
    values[rng.random(values.shape) < 0.3] = np.nan
    tiles = Tiles.of_basins(Domain.of_basins([1.0, 2], ["a", "b"]))
    observations = StorageObservations(tiles, start, end, values, ("2002-01-01", "2002-12-31"))
    times = pd.date_range("2001-01-01", "2003-11-30")
    windows = observations.windows(times)
    daily = truth[np.searchsorted(start, times.to_numpy(), side="right") - 1]
    model = observations.anomalies(windows.averages.means(torch.from_numpy(daily)), windows)
    known = torch.from_numpy(np.isfinite(values))
    observed = observations.observed(windows)
    np.testing.assert_allclose(model[known], observed[known], rtol=1e-9, atol=1e-9)
    assert observed[~known].isnan().all() and model.isfinite().all()


def test_gradcheck_of_storage_anomalies():
    days = np.array(["2004-01-01", "2004-01-11", "2004-01-06", "2004-02-01"], "datetime64[D]")
    end = np.array(["2004-01-11", "2004-01-21", "2004-01-16", "2004-02-11"], "datetime64[D]")
    tiles = Tiles.of(raster(0.0, 0.0, (3, 6), 1.0))
    values = np.array([[1.0, 2], [3, np.nan], [4, 5], [6, 7]])
    observations = StorageObservations(tiles, days, end, values)
    windows = observations.windows(pd.date_range("2004-01-01", "2004-01-31"))
    # four periods of five days for three solutions of ten; the fourth is not in the run
    assert windows.averages.count == 4
    assert windows.covered.tolist() == [True, True, True, False]
    assert repr(windows) == "Windows: 3 of 4 solutions in the run"
    expected = [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [0, 0.5, 0.5, 0], [0] * 4]
    np.testing.assert_allclose(windows.matrix, expected)
    np.testing.assert_allclose(windows.reference[:, 1], [0.5, 0, 0.5, 0])
    means = torch.rand(4, 18, dtype=torch.float64, requires_grad=True)

    def covered(means):
        return observations.anomalies(means, windows)[windows.covered]

    assert torch.autograd.gradcheck(covered, means)
    # what is outside the run leaves no NaN in the gradient
    loss = observations.anomalies(means, windows)[:3].square().sum()
    (gradient,) = torch.autograd.grad(loss, means)
    assert gradient.isfinite().all() and (gradient != 0).any()
    single = observations.anomalies(means.detach().float(), windows)
    assert single.dtype == torch.float32


def test_observed_storage_of_tiles_with_sea():
    """Cells without data are left out; a tile needs data on half of it."""
    domain = raster(0.0, 0.0, (3, 6), 1.0)
    lat, lon = np.arange(-0.5, 4), np.arange(-0.5, 7)
    values = np.ones((2, lat.size, lon.size), np.float32) * np.array([2, 4])[:, None, None]
    values[:, :, lon > 2] = np.nan
    values[1, :, lon > 1] = np.nan
    when = np.array(["2004-01-01", "2004-02-01", "2004-03-01"], "datetime64[ns]")
    twsa = xr.Dataset(
        {"twsa": (("time", "lat", "lon"), values, {"units": "mm"})},
        {
            "time": when[:2], "lat": lat, "lon": lon,
            "time_start": ("time", when[:2]), "time_end": ("time", when[1:]),
        },
    )  # fmt: skip
    tiles = Tiles.of(domain, minimum=0.9)
    with pytest.raises(ValueError, match=r"1 tiles have no observation at all, the first: 1\.5N 4"):
        StorageObservations.on(tiles, domain, twsa)
    west = Tiles.of(raster(0.0, 0.0, (3, 3), 1.0))
    small = raster(0.0, 0.0, (3, 3), 1.0)
    np.testing.assert_allclose(
        StorageObservations.on(west, small, twsa).values, [[2], [np.nan]], rtol=1e-6
    )
    cm = twsa.assign(twsa=(twsa["twsa"] / 10).assign_attrs(units="cm"))
    np.testing.assert_allclose(
        StorageObservations.on(west, small, cm).values, [[2], [np.nan]], rtol=1e-6
    )
    with pytest.raises(ValueError, match="'twsa' is in 'K', which is not known as a unit"):
        StorageObservations.on(west, small, twsa.assign(twsa=twsa["twsa"].assign_attrs(units="K")))
    with pytest.raises(ValueError, match="have no 'time_end'"):
        StorageObservations.on(west, small, twsa.drop_vars("time_end"))
    with pytest.raises(ValueError, match="'twsa' does not cover"):
        far = raster(60.0, 0.0, (3, 3), 1.0)
        StorageObservations.on(Tiles.of(far), far, twsa)


def test_observed_storage_of_lumped_basins(data):
    twsa = read_grace(data("camels_us_400/grace_twsa.nc"))
    names = ["14400000", "01022500"]
    domain = Domain.of_basins([700.0, 574.0], names)
    tiles = Tiles.of_basins(domain)
    observations = StorageObservations.on(tiles, domain, twsa, ("2004", "2009"))
    assert observations.baseline == ("2004-01-01", "2009-12-31")
    np.testing.assert_allclose(observations.values, twsa["twsa"].sel(gauge=names), rtol=1e-6)
    windows = observations.windows(pd.date_range("2001-01-01", "2014-12-31"))
    assert windows.covered.all()
    assert observations.observed(windows).isfinite().all()
    other = Domain.of_basins([1.0], ["x"])
    with pytest.raises(ValueError, match="no values for basin 'x'"):
        StorageObservations.on(Tiles.of_basins(other), other, twsa)
    raster_twsa = twsa.rename(gauge="lat")
    with pytest.raises(ValueError, match="lumped basins need a series for each gauge"):
        StorageObservations.on(tiles, domain, raster_twsa)


def test_storage_outside_the_run_is_refused(observed):
    with pytest.raises(ValueError, match=r"no solution .* lies within the run from 1990-01-01"):
        observed.windows(pd.date_range("1990-01-01", "1991-12-31"))
    with pytest.raises(
        ValueError, match=r"no solution of 56 of 56 tiles .* baseline from 2004-01-01 to 2009-12-31"
    ):
        observed.windows(pd.date_range("2012-01-01", "2016-12-31"))
    with pytest.raises(ValueError, match="the run is not daily without gaps"):
        observed.windows(pd.date_range("2004-01-01", "2009-12-31", freq="2D"))
    parts = observed.tiles, observed.start, observed.end, observed.values
    with pytest.raises(ValueError, match="values of that shape"):
        StorageObservations(*parts[:3], observed.values[:5])
    with pytest.raises(ValueError, match="it has no day"):
        StorageObservations(parts[0], parts[2], parts[1], parts[3])
