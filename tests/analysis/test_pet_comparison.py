"""Methods of potential evapotranspiration side by side."""

import numpy as np
import pandas as pd
import pytest
import torch

from gridhydro.analysis.pet_comparison import compare_pet, given_to_column, table
from gridhydro.inputs.pet import pet_of
from tests.analysis.test_budget import corrected_model, lumped, run_of
from tests.support.small_basins import NAMES, small_basins
from tests.support.small_world import OUTLET, small_model, small_world


@pytest.fixture(scope="module")
def weather():
    """The weather of the small world with a range of temperatures and radiation."""
    world = small_world()[2]
    warm = world["temperature"]
    more = {
        "temperature_min": (warm - 4, "degC"),
        "temperature_max": (warm + 4, "degC"),
        "net_radiation": ((warm * 5 + 60).clip(0), "W m-2"),
        "surface_pressure": (warm * 0 + 95000, "Pa"),
    }
    return world.assign({n: values.assign_attrs(units=unit) for n, (values, unit) in more.items()})


def test_pet_methods_are_averaged_over_regions(weather):
    domain = small_world()[0]
    found = compare_pet(weather, domain, ["G05", OUTLET], progress=False)
    assert found["estimate"].values.tolist() == ["priestley_taylor", "hargreaves", "oudin"]
    assert found.attrs["left_out"].startswith("penman_monteith needs vapour_pressure")
    cells = domain.network.upstream_cells(domain.gauges.loc["G05", "cell"])
    for method in found["estimate"].values:
        daily = domain.pack(pet_of(weather, method)).astype(float)
        mean = np.average(daily[:, cells], axis=1, weights=domain.area[cells])
        mean = pd.Series(mean, weather.indexes["time"])
        one = found.sel({"gauge": "G05", "estimate": method})
        np.testing.assert_allclose(one["monthly"], mean.resample("MS").mean(), rtol=1e-5)
        np.testing.assert_allclose(
            one["climatology"], mean.groupby(mean.index.month).mean(), rtol=1e-5
        )
        assert float(one["annual"]) == pytest.approx(mean.mean() * 365.2425, rel=1e-5)
        np.testing.assert_allclose(domain.pack(one["map"]), daily.mean(0) * 365.2425, rtol=1e-4)
    rows = table(found)
    assert len(rows) == 6 and rows.loc[0, "Jul [mm d-1]"] > rows.loc[0, "Jan [mm d-1]"]


def test_pet_of_the_column_is_compared(weather):
    run = run_of(small_model())
    domain = run.model.domain
    given = weather["potential_evapotranspiration"]
    found = compare_pet(
        weather, domain, [OUTLET], period=("2001-06", "2002-05"), methods=["oudin"],
        others={"run": given_to_column(run), "half": (given / 2).assign_attrs(units="mm d-1")},
        progress=False,
    )  # fmt: skip
    annual = found["annual"].sel(gauge=OUTLET).to_series()
    assert annual["half"] == pytest.approx(annual["run"] / 2, rel=1e-5)
    assert found["time"].values[[0, -1]].astype("datetime64[M]").astype(str).tolist() == [
        "2001-06",
        "2002-05",
    ]


def test_pet_of_the_column_includes_the_correction():
    run = run_of(corrected_model())
    values = run.forcing.values
    row = [f.name for f in run.model.column.forcings].index("potential_evapotranspiration")
    with torch.no_grad():
        whole = run.model.weather(values)[row].numpy()
    given = run.model.domain.pack(given_to_column(run)(run.forcing.times[50:300]))
    np.testing.assert_allclose(given, whole[50:300], atol=1e-5)
    assert np.abs(given - values[row, 50:300].numpy()).max() > 0.1


def test_lumped_basins():
    run, data = lumped(), small_basins()
    found = compare_pet(
        data, run.model.domain, others={"run": given_to_column(run)}, progress=False
    )
    assert found["estimate"].values.tolist() == ["oudin", "run"]
    assert found["map"].dims == ("estimate", "gauge") and found["gauge"].values.tolist() == NAMES
    np.testing.assert_allclose(found["map"], found["annual"], rtol=1e-5)
    some = compare_pet(data, run.model.domain, [NAMES[4], NAMES[1]], progress=False)
    assert some["gauge"].values.tolist() == [NAMES[4], NAMES[1]]
    for name in ("map", "annual"):
        wanted = found[name].sel(estimate="oudin", gauge=some["gauge"])
        np.testing.assert_allclose(some[name].sel(estimate="oudin"), wanted, rtol=1e-5)


def test_missing_weather_is_refused(weather):
    domain, run = small_world()[0], run_of(small_model())
    with pytest.raises(ValueError, match="penman_monteith needs"):
        compare_pet(weather, domain, methods=["penman_monteith"], progress=False)
    with pytest.raises(ValueError, match="the weather is not enough for any method: penman"):
        compare_pet(weather[["precipitation"]], domain, progress=False)
    short = weather["potential_evapotranspiration"][:100]
    with pytest.raises(ValueError, match="short is missing on 2001-04-11 in row"):
        compare_pet(weather, domain, others={"short": short}, progress=False)
    later = pd.date_range("2002-12-01", "2003-01-10")
    with pytest.raises(ValueError, match="no weather from 2002-12-01 to 2003-01-10"):
        given_to_column(run)(later)
    with pytest.raises(ValueError, match="the weather has no day"):
        compare_pet(weather, domain, period=("1990", "1991"), progress=False)
