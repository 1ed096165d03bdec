"""The generated catchment: one outlet, plausible climate, truth inside bounds, same every time."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyflwdir
import pytest
import torch
import xarray as xr

from gridhydro.columns import column
from gridhydro.synthetic.catchment import make_catchment
from gridhydro.synthetic.catchment_grid import NOWHERE, SHAPE
from gridhydro.synthetic.catchment_observations import observe, observe_as_real

HBV = column("hbv")


@pytest.fixture(scope="module")
def world():
    return make_catchment()


@pytest.fixture(scope="module")
def inside(world):
    return world.ldd.values != NOWHERE


def rasters(world):
    return [world.ldd, *(r for ds in (world.attributes, world.forcing, world.truth)
                         for r in ds.data_vars.values())]  # fmt: skip


def test_every_raster_is_labelled_and_on_one_grid(world):
    for raster in rasters(world):
        assert raster.shape[-2:] == SHAPE
        assert raster.attrs["units"] and raster.attrs["long_name"]
        assert raster.rio.crs.to_epsg() == 3035
        xr.testing.assert_equal(raster.x, world.ldd.x)
        xr.testing.assert_equal(raster.y, world.ldd.y)
    assert world.forcing.sizes["time"] == 2191
    assert {r.dtype for r in world.forcing.data_vars.values()} == {np.dtype("float32")}


@pytest.mark.parametrize("seed", [7, 1, 2])
def test_one_catchment_with_one_outlet(seed):
    world = make_catchment(seed, years=1)
    inside = world.ldd.values != NOWHERE
    assert 300 < inside.sum() < 1400
    assert (world.ldd.values == 5).sum() == 1
    rivers = pyflwdir.from_array(world.ldd.values, ftype="ldd")
    assert rivers.isvalid
    assert rivers.idxs_pit.size == 1
    # water runs downhill
    height = world.attributes.elevation.values.ravel()
    cells = np.flatnonzero(inside)
    assert (height[rivers.idxs_ds[cells]] <= height[cells]).all()


def test_gauges_are_nested_and_some_are_held_out(world, inside):
    gauges = world.gauges
    assert gauges.index.is_unique
    assert not gauges.duplicated(["x", "y"]).any()
    assert gauges.train.sum() == 15
    assert gauges.train.iloc[0]
    rivers = pyflwdir.from_array(world.ldd.values, ftype="ldd")
    cells = rivers.upstream_area("cell")  # of 4 km2
    for name, gauge in gauges.iterrows():
        row = int(np.flatnonzero(world.ldd.y == gauge.y)[0])
        col = int(np.flatnonzero(world.ldd.x == gauge.x)[0])
        assert cells[row, col] * 4 == gauge.area_km2, name
    assert gauges.area_km2.max() == inside.sum() * 4
    assert gauges.area_km2.min() >= 40


def test_truth_is_in_bounds_and_varies_with_attributes(world, inside):
    bounds = {field.name: field.bounds for field in HBV.parameters}
    assert set(world.truth.data_vars) == {*bounds, "river_lag"}
    design = np.stack([a.values[inside] for a in world.attributes.data_vars.values()])
    for name, raster in world.truth.data_vars.items():
        values = raster.values
        assert np.isnan(values[~inside]).all()
        low, high = bounds.get(name, (0.01, 1.0))
        assert low < values[inside].min() < values[inside].max() < high
        assert values[inside].std() > 0.1 * values[inside].mean() or name == "TT"
        # shown by at least one attribute alone, but a straight line through one is not enough
        shown = [abs(np.corrcoef(a, values[inside])[0, 1]) for a in design]
        assert 0.4 < max(shown) < 0.999, name


def test_climate_of_the_catchment_is_plausible(world, inside):
    time = world.forcing.time.dt
    rain = world.forcing.precipitation.values[:, inside]
    annual = rain.mean(0) * 365.25
    assert (rain >= 0).all()
    assert 600 < annual.min() < annual.max() < 1600
    assert 0.25 < (rain > 1).mean() < 0.5
    assert rain.max() < 200
    wet = rain.mean(1) > 1
    assert wet[1:][wet[:-1]].mean() > wet[1:][~wet[:-1]].mean() + 0.15  # spells
    height = world.attributes.elevation.values[inside]
    assert np.corrcoef(height, annual)[0, 1] > 0.7
    here, near, far = rain[:, 0], rain[:, 1], rain[:, -1]
    assert np.corrcoef(here, near)[0, 1] > max(0.9, np.corrcoef(here, far)[0, 1])

    temperature = world.forcing.temperature.values[:, inside]
    lapse = np.polyfit(height, temperature.mean(0), 1)[0]
    assert -0.0075 < lapse < -0.0050
    assert temperature[time.month == 7].mean() > temperature[time.month == 1].mean() + 12
    demand = world.forcing.potential_evapotranspiration.values[:, inside]
    assert (demand >= 0).all()
    assert 400 < demand.mean() * 365.25 < 800


def test_true_model_gives_plausible_runoff_and_snow(world, inside):
    days = 3 * 365

    def cells(raster):
        return torch.tensor(raster.values[..., inside], dtype=torch.float32)

    p = SimpleNamespace(**{f.name: cells(world.truth[f.name]) for f in HBV.parameters})
    forcing = {f.name: cells(world.forcing[f.name][:days]) for f in HBV.forcings}
    state = {f.name: torch.full_like(p.FC, f.initial) for f in HBV.states}
    runoff, snow = [], []
    for day in range(days):
        x = SimpleNamespace(**{name: series[day] for name, series in forcing.items()})
        state, fluxes = HBV.step(SimpleNamespace(**state), x, p)
        runoff.append(fluxes["runoff"])
        snow.append(fluxes["snow_water_equivalent"])
    ratio = torch.stack(runoff[365:]).sum() / forcing["precipitation"][365:].sum()
    assert 0.3 < ratio < 0.7
    snow = torch.stack(snow)
    height = cells(world.attributes.elevation)
    high, low = height > height.quantile(0.9), height < height.quantile(0.2)
    assert snow[60:75][:, high].mean() > 50  # mid-March of the first year
    assert snow[:, high].mean() > 10 * snow[:, low].mean()
    assert (snow[210:240] < 1).all()  # none in August


def test_catchment_is_determined_by_its_seed(world):
    again, other = make_catchment(), make_catchment(seed=8, years=1)
    for one, two in zip(rasters(world), rasters(again), strict=True):
        xr.testing.assert_identical(one, two)
    pd.testing.assert_frame_equal(world.gauges, again.gauges)
    assert not np.array_equal(world.ldd, other.ldd)


def test_observations_are_noisy_and_gappy():
    days = pd.date_range("2001-01-01", periods=2000)
    true = pd.DataFrame({"a": np.linspace(1, 5, 2000), "b": 20.0}, days)
    observed = observe(true, seed=3)
    error = (observed / true - 1).to_numpy()
    kept = ~np.isnan(error)
    assert 0.02 < 1 - kept.mean() < 0.06
    assert error[kept].std() == pytest.approx(0.03, abs=0.002)
    assert abs(error[kept].mean()) < 0.005
    assert (observed.isna().rolling(10).sum() == 10).any().all()  # a spell at every gauge
    assert observed.index.equals(days)
    pd.testing.assert_frame_equal(observed, observe(true, seed=3))
    assert not observed.equals(observe(true, seed=4))
    exact = observe(true, noise=0, missing=0)
    assert (exact.isna() | (exact == true)).all().all()


def test_gauges_as_real_ones_are_noisy_patchy_and_never_without_either_period():
    days = pd.date_range("2001", "2006-12-31")
    true = pd.DataFrame(np.full((days.size, 20), 12.3456), days, [f"g{i}" for i in range(20)])
    seen = observe_as_real(true, seed=1)
    pd.testing.assert_frame_equal(seen, observe_as_real(true, seed=1))
    error = np.log(seen / true)
    assert 0.06 < float(error.std().mean()) < 0.12
    assert error.mean().abs().max() < 0.2 and error.mean().abs().min() < 0.05
    # errors last for months, and three digits are read
    assert error.apply(lambda e: e.autocorr(30)).median() > 0.3
    assert set(seen.stack().map(lambda v: len(f"{v:g}".replace(".", ""))).unique()) <= {1, 2, 3}
    assert seen.isna().mean().max() > 0.2
    for period in (slice("2002", "2004"), slice("2005", "2006")):
        assert (seen.loc[period].notna().sum() > 200).all()
