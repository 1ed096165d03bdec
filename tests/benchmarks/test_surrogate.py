"""The black boxes of the two studies of surrogates: their water, and their parameters."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from benchmarks.studies.surrogate import hbv, vic

DAYS, RUNS = 1500, 3


def weather(*names) -> xr.Dataset:
    random, season = np.random.default_rng(2), np.sin(np.arange(DAYS) * 2 * np.pi / 365)[:, None]
    rain = np.where(random.random((DAYS, RUNS)) < 0.4, random.exponential(8, (DAYS, RUNS)), 0)
    series = {
        "precipitation": rain,
        "temperature": 12 + 8 * season + 0 * rain,
        "potential_evapotranspiration": 2.5 + 1.5 * season + 0 * rain,
    }
    days = pd.date_range("2000-01-01", periods=DAYS)
    return xr.Dataset(
        {n: (("time", "run"), series[n].astype(np.float32)) for n in names}, {"time": days}
    )


def middle(parameters):
    return {
        f.name: np.full(RUNS, np.sqrt(max(f.bounds[0], 0.01) * f.bounds[1])) for f in parameters
    }


def check(box, forcing, sensitive):
    values = middle(box.parameters)
    found = box.function(forcing, values)
    assert set(found) == {f.name for f in box.outputs}
    assert all(v.shape == (DAYS, RUNS) and np.isfinite(v).all() for v in found.values())
    assert found["soil_wetness"].min() > -1e-6
    assert found["soil_wetness"].max() < 1 + 1e-6
    rain = forcing["precipitation"].values.mean(0)
    out = found["runoff"].mean(0) + found["actual_evapotranspiration"].mean(0)
    np.testing.assert_allclose(out, rain, rtol=0.08)  # the rest is what the stores gained
    other = box.function(forcing, values | {sensitive: values[sensitive] * [1, 1.5, 1]})
    change = [np.abs(other["soil_wetness"] - found["soil_wetness"])[:, k].max() for k in range(3)]
    assert change[1] > 0.01
    assert max(change[0], change[2]) < 1e-6  # runs know nothing of each other


def test_hbv_as_a_function():
    names = ("precipitation", "temperature", "potential_evapotranspiration")
    check(hbv.BOX, weather(*names), "FC")


@pytest.mark.peers
def test_vic_as_a_function():
    pytest.importorskip("smash")
    forcing = weather("precipitation", "potential_evapotranspiration")
    check(vic.BOX, forcing, "cusl")
    demand = forcing["potential_evapotranspiration"].values
    found = vic.vic(forcing, middle(vic.PARAMETERS))
    assert (found["actual_evapotranspiration"] <= demand + 2e-3).all()
