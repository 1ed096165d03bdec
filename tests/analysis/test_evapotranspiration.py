"""Evapotranspiration against the water balance of observations."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.analysis.budget import total
from gridhydro.analysis.evapotranspiration import Observed, against_observed, with_observed
from tests.analysis.test_budget import budget, run_of
from tests.support.small_world import OUTLET, small_model

RISE = 0.3  # mm d-1, of the observed storage


def grace(domain, rise=RISE, drop=(), slope=0.0):
    """Monthly solutions on half degrees whose storage rises every day, and by `slope` a degree."""
    starts = pd.date_range("2000-10-01", "2003-03-01", freq="MS").delete(list(drop))
    ends = starts + pd.offsets.MonthBegin()
    middle = starts + (ends - starts) / 2
    lon, lat = domain.lonlat
    x = np.arange(np.floor(lon.min()) - 0.5, lon.max() + 1, 0.5)
    y = np.arange(np.floor(lat.min()) - 0.5, lat.max() + 1, 0.5)
    days = ((middle - middle[0]) / pd.Timedelta(1, "D")).to_numpy()
    rate = rise + slope * (x - lon.mean())
    values = days[:, None, None] * rate * np.ones((y.size, 1))
    return xr.Dataset(
        {"twsa": (("time", "lat", "lon"), values, {"units": "mm"})},
        {
            "time": middle, "lat": y, "lon": x,
            "time_start": ("time", starts), "time_end": ("time", ends),
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def run():
    return run_of(small_model())


def test_observations_close_the_water_balance(run):
    months, domain = budget(run), run.model.domain
    flow = run.discharge() * 1.1
    found = with_observed(months, domain, Observed(flow, grace(domain)))
    np.testing.assert_allclose(found["observed_discharge"], 1.1 * months["discharge"], rtol=1e-5)
    days = xr.broadcast(months["days"], months["area"])[0]
    np.testing.assert_allclose(found["observed_storage_change"], RISE * days, rtol=1e-4)
    wanted = months["precipitation"] - 1.1 * months["discharge"] - RISE * days
    np.testing.assert_allclose(found["observed_evapotranspiration"], wanted, atol=2e-2)
    scores = against_observed(total(found, "YS")).set_index(["gauge", "term"])
    whole = total(months)["discharge"].sel(gauge=OUTLET).item() / 730 * 365.2425
    assert scores.loc[(OUTLET, "discharge"), "bias"] == pytest.approx(-0.1 * whole, rel=1e-4)
    assert scores.loc[(OUTLET, "storage_change"), "observed"] == pytest.approx(
        RISE * 365.2425, rel=1e-4
    )
    assert (scores["periods"] == 2).all()
    # what is missing in Q is in ET, and the other way round
    bias = scores["bias"].unstack()
    np.testing.assert_allclose(bias.sum(axis=1), 0, atol=0.1)


def test_storage_is_averaged_over_the_region(run):
    domain = run.model.domain
    found = with_observed(
        budget(run, between=True), domain, Observed(storage=grace(domain, slope=2.0))
    )
    lon = domain.lonlat[0]
    cut = domain.network.upstream_cells(domain.gauges.loc["G20", "cell"])
    rate = RISE + 2 * (np.average(lon[cut], weights=domain.area[cut]) - lon.mean())
    wanted = rate * found["days"]
    np.testing.assert_allclose(found["observed_storage_change"].sel(gauge="G20"), wanted, rtol=1e-3)
    assert "observed_evapotranspiration" not in found


def test_gaps_are_not_bridged_but_one_solution_is(run):
    domain, months = run.model.domain, budget(run, gauges=[OUTLET])
    # April 2001 is missing, and February and March 2002: from January to April one end lacks
    found = with_observed(months, domain, Observed(storage=grace(domain, drop=(6, 16, 17))))
    change = found["observed_storage_change"].sel(gauge=OUTLET).to_series()
    assert change[:"2001-12"].notna().all()
    assert change.index[change.isna()].month.tolist() == [1, 2, 3, 4]
    years = total(found, "YS")["observed_storage_change"]
    # from the first day to the last, whatever is missing between
    assert years.notnull().all()


def test_a_month_with_few_days_observed_is_not_observed(run):
    domain, months = run.model.domain, budget(run)
    flow = run.discharge()
    flow.loc["2001-05-01":"2001-05-02", OUTLET] = np.nan
    flow.loc["2001-06-01":"2001-06-04", OUTLET] = np.nan
    found = (
        with_observed(months, domain, Observed(flow))["observed_discharge"]
        .sel(gauge=OUTLET)
        .to_series()
    )
    assert found.index[found.isna()].tolist() == [pd.Timestamp("2001-06-01")]
    assert found["2001-05-01"] == pytest.approx(
        flow.loc["2001-05", OUTLET].mean() * 31 * 86.4 / float(months["area"].sel(gauge=OUTLET))
    )
    between = with_observed(budget(run, between=True), domain, Observed(flow.drop(columns="G05")))
    lacking = between["observed_discharge"].isnull().all("time")
    # the region of G05, and the one that it flows into
    assert lacking.sum() == 2 and lacking.sel(gauge="G05")


def test_nothing_observed_is_refused(run):
    with pytest.raises(ValueError, match="nothing is observed"):
        Observed()
    with pytest.raises(ValueError, match="minimum is a number from 0 to 1, not 90"):
        Observed(run.discharge(), minimum=90)
    with pytest.raises(ValueError, match="nothing observed"):
        against_observed(budget(run))
