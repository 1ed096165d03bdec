"""Water budgets: they close, they are those of the run, and regions add up."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from gridhydro import Column, Domain, Model, River, Run, fields
from gridhydro.analysis.budget import per_year, table, total, water_budget
from gridhydro.analysis.regions import Regions
from gridhydro.inputs.attributes import attribute_values
from gridhydro.inputs.forcing import Forcing
from gridhydro.nets import PETCorrection
from gridhydro.nets.options import ParameterNetwork
from gridhydro.observations.averages import Averages
from tests.support.lumped import basins, fit
from tests.support.options import grouped
from tests.support.small_basins import NAMES
from tests.support.small_world import OUTLET, small_model, small_world
from tests.support.two_store import TwoStore

ALL = ("2001", "2002")
MONTHS = pd.date_range("2001-01-01", "2002-12-01", freq="MS")


def run_of(model, cycles=0):
    domain, _, weather, _ = small_world()
    forcing = Forcing.read(weather, domain, model)
    about = {"period": ["2001-01", "2001-06"], "spinup_cycles": cycles}
    return Run(model, forcing, pd.DataFrame(), about)


def budget(run, period=ALL, gauges=None, **options):
    return water_budget(run, period, gauges, progress=False, **options)


def largest(values):
    return float(abs(values["residual"]).max())


ROUTED = dict(routing=River(reservoirs=3, delay=1, velocity=0.3))


@pytest.mark.parametrize("options", [{}, ROUTED], ids=["usual", "delayed"])
def test_the_budget_of_a_raster_closes(options):
    found = budget(run_of(small_model(**options)), between=True)
    # storage of some hundred mm, rounded at the end of every day
    assert largest(found) < 1e-3
    assert float(found["storage_change"].std()) > 1


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, marks=pytest.mark.end_to_end, id="usual"),
        pytest.param(ROUTED, marks=pytest.mark.slow, id="delayed"),
        pytest.param(dict(components=2, weights="learned"), marks=pytest.mark.slow, id="weighted"),
        pytest.param(dict(scheme="explicit:4"), marks=pytest.mark.slow, id="explicit"),
    ],
)
def test_the_budget_of_a_raster_closes_in_double_precision(options):
    found = budget(run_of(small_model(**options).double()), between=True)
    assert largest(found) < 1e-9
    assert float(found["storage_change"].std()) > 1


class Karst(Column):
    """A store that exports water where it is full, and imports it where it is not."""

    name = "karst"
    states = fields("water mm = 40: water")
    forcings = fields("precipitation mm d-1: precipitation")
    parameters = fields("rate d-1 [0.05, 0.2]: rate", "level mm [30, 60]: level of the karst")
    fluxes = fields(
        "runoff mm d-1: to the river", "actual_evapotranspiration mm d-1: evaporation",
        "groundwater_export mm d-1: to elsewhere", "total_storage mm: water",
    )  # fmt: skip
    water_out = ("runoff", "actual_evapotranspiration", "groundwater_export")
    export = "groundwater_export"

    def step(self, s, x, p):
        water, evaporation = s.water + x.precipitation, 0.02 * s.water
        runoff, groundwater_export = p.rate * s.water, 0.1 * (s.water - p.level)
        water = water - runoff - evaporation - groundwater_export
        return dict(water=water), dict(
            runoff=runoff, actual_evapotranspiration=evaporation,
            groundwater_export=groundwater_export, total_storage=water,
        )  # fmt: skip


def test_water_that_leaves_under_the_ground_has_a_term_of_its_own():
    run = run_of(small_model(column=Karst()).double())
    found = budget(run)
    assert largest(found) < 1e-9
    assert float(found["export"].min()) < 0 < float(found["export"].max())
    both = ["actual_evapotranspiration", "groundwater_export"]  # one kernel for both runs
    assert set(both) <= set(run.usual_outputs)  # by year, too
    series = run.simulate(outputs=both)["groundwater_export"]
    whole = run.model.domain.pack(series) @ run.model.domain.area
    wanted = pd.Series(whole / run.model.domain.area.sum(), series.time).resample("MS").sum()
    np.testing.assert_allclose(found["export"].sel(gauge=OUTLET), wanted, rtol=2e-5, atol=1e-6)
    assert "export [mm]" in table(total(found, "YS"))
    assert "export" not in budget(run_of(small_model()), ("2001-01", "2001-01"))


def corrected_model():
    """A small model whose evapotranspiration a network changes by up to some mm a day."""
    domain, attributes, _, _ = small_world()
    with torch.random.fork_rng():
        torch.manual_seed(4)
        values = attribute_values(domain, attributes)
        correction = PETCorrection(domain, values, ("temperature",), (2, 2))
        torch.nn.init.normal_(correction.layers[-1].weight, std=0.5)
    return small_model(correction=correction)


def test_budget_closes_with_a_pet_correction():
    run = run_of(corrected_model())
    found = budget(run)
    assert largest(found) < 1e-3
    area = found["area"].sel(gauge=OUTLET).item()
    flow = run.discharge()[OUTLET].resample("MS").sum() * 86.4 / area
    np.testing.assert_allclose(found["discharge"].sel(gauge=OUTLET), flow, rtol=2e-5)


@pytest.mark.parametrize("cycles", [0, 2])
def test_budget_terms_are_those_of_the_run(cycles):
    run = run_of(small_model(), cycles)
    domain, series = run.model.domain, run.simulate(outputs=["actual_evapotranspiration"])
    found = budget(run, ("2001-03-10", "2002-02"))
    assert found["days"].values[[0, 1, -1]].tolist() == [22, 30, 28]
    assert str(found["time_end"].values[-1])[:10] == "2002-03-01"
    weights = domain.area * np.isin(np.arange(domain.size), domain.network.upstream_cells(
        domain.gauges.loc["G05", "cell"]))  # fmt: skip
    daily = pd.Series(
        domain.pack(series["actual_evapotranspiration"]) @ weights / weights.sum(), series.time
    )
    flow = (
        series["discharge"].sel(gauge="G05").to_series()
        * 86.4
        / found["area"].sel(gauge="G05").item()
    )
    for name, depth in (("evapotranspiration", daily), ("discharge", flow)):
        wanted = depth["2001-03-10":"2002-02"].resample("MS").sum()
        np.testing.assert_allclose(found[name].sel(gauge="G05"), wanted, rtol=2e-5)


def test_regions_between_gauges_add_up_to_that_upstream_of_the_last():
    run = run_of(small_model())
    upstream, between = budget(run), budget(run, between=True)
    assert float(between["area"].sum()) == pytest.approx(float(upstream["area"].sel(gauge=OUTLET)))
    for name in ("precipitation", "discharge", "evapotranspiration", "storage_change"):
        volume = (between[name] * between["area"]).sum("gauge")
        wanted = (upstream[name] * upstream["area"]).sel(gauge=OUTLET)
        np.testing.assert_allclose(volume, wanted, rtol=1e-9, atol=1e-6)
    # a gauge without others upstream has one region in both
    np.testing.assert_allclose(
        between["residual"].sel(gauge="G20"), upstream["residual"].sel(gauge="G20")
    )
    some = Regions.of(run.model.domain, [OUTLET, "G05"], between=True)
    assert some.gauges.toarray().sum() == 1 and some.area.sum() == run.model.domain.area.sum()


@pytest.mark.parametrize(
    ("kind", "hydrograph"),
    [
        ("weighted", None), ("weighted", "components"),
        pytest.param("lstm", "mean", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_the_budget_of_lumped_basins_closes(kind, hydrograph):
    run = lumped(kind, hydrograph)
    found = budget(run, ("2000", "2002"))
    assert found["gauge"].values.tolist() == NAMES
    assert largest(found) < 1e-3
    # no water is between cell and gauge; else what the budget has asked for is asked for
    within = hydrograph is None
    series = run.simulate(outputs=["total_storage" if within else "actual_evapotranspiration"])
    flow = series["discharge"] / series["gauge_area"] * 86.4
    wanted = flow.resample(time="MS").sum().transpose("time", "gauge")
    np.testing.assert_allclose(found["discharge"], wanted, rtol=1e-4, atol=1e-4)
    ends = pd.DatetimeIndex(found["time_end"].values) - pd.Timedelta(1, "D")
    if within:
        stored = series["total_storage"].sel(time=ends).transpose("time", "gauge")
        np.testing.assert_allclose(found["storage_end"], stored, rtol=1e-5)
    # what is compared with observed storage counts what the budget counts
    label = np.full(len(run.forcing.times), -1)
    label[run.forcing.times.get_indexer(ends)] = np.arange(len(ends))
    stored = run.simulation((), Averages.of_labels(label, len(ends))).storage
    np.testing.assert_allclose(found["storage_end"], stored, rtol=1e-5, atol=1e-3)


def lumped(kind="mlp", hydrograph=None):
    parts = basins()
    options = {"mlp": dict(hidden=(8,)), "weighted": dict(hidden=(8,), weights="learned")}
    options["lstm"] = dict(network="lstm", hidden=8, dynamic=["beta"])
    options = grouped(components=2, unit_hydrograph=hydrograph, **options[kind])
    model = Model(parts.domain, attributes=parts.attributes, **options)
    forcing = Forcing.read(parts.forcing, parts.domain, model.column)
    return Run(model, forcing, pd.DataFrame(), {"period": ["2001", "2002"]})


def test_a_run_starts_with_the_stores_of_its_column():
    parts = basins()
    model = Model(parts.domain, TwoStore(), parts.attributes, network=ParameterNetwork(hidden=(4,)))
    forcing = Forcing.read(parts.forcing, parts.domain, model.column)
    run = Run(model, forcing, pd.DataFrame(), {"period": ["2001", "2002"]})
    found = budget(run, ("2000", "2000"), NAMES[:2])
    assert (found["storage_start"][0] == 3).all()  # 1 mm and 2 mm
    assert largest(found) < 1e-3


def test_budget_of_years_is_the_sum_of_months():
    months = budget(run_of(small_model()), gauges=[OUTLET])
    years, hydrological, whole = (total(months, f) for f in ("YS", "YS-OCT", None))
    assert years["days"].values.tolist() == [365, 365]
    assert hydrological["days"].values.tolist() == [273, 365, 92]
    assert whole["time_end"].values[0] == np.datetime64("2003-01-01")
    for values in (years, hydrological, whole):
        assert largest(values) < 1e-3
        for name in ("precipitation", "storage_change"):
            assert float(values[name].sum()) == pytest.approx(float(months[name].sum()))
    rate = per_year(whole)["precipitation"]
    assert rate.units == "mm yr-1"
    assert rate.item() == pytest.approx(float(months["precipitation"].sum()) / 730 * 365.2425)


def test_budget_table_has_both_units():
    values = total(budget(run_of(small_model())), "YS")
    rows = table(values)
    assert len(rows) == 2 * values.sizes["gauge"]
    first = rows.iloc[0]
    assert (first["gauge"], first["start"], first["end"]) == (OUTLET, "2001-01-01", "2001-12-31")
    assert first["discharge [mm yr-1]"] == pytest.approx(first["discharge [mm]"] * 365.2425 / 365)
    assert "storage_start [mm]" not in rows


def test_unknown_gauges_periods_and_columns_without_budget_are_refused():
    run = run_of(small_model())
    with pytest.raises(ValueError, match="no gauge is called 'Obidos'; the domain has G03"):
        budget(run, gauges=["Obidos"])
    with pytest.raises(ValueError, match="not all in the forcing"):
        budget(run, ("1999", "2001"))
    with pytest.raises(ValueError, match="a list of names"):
        budget(run, gauges="G03")
    rival = fit("rival", epochs=1)
    with pytest.raises(ValueError, match="'lstm' stores and evaporates no water"):
        budget(rival, ("2001", "2002"))


def test_two_gauges_in_one_cell_have_nothing_between_them():
    axes = {"lat": [0.5, 1.5], "lon": [0.5, 1.5]}
    gauges = pd.DataFrame({"name": ["a", "b"], "lon": [0.5, 0.5], "lat": [0.5, 0.5]})
    codes = xr.DataArray(np.zeros((2, 2)), axes, ("lat", "lon"))
    domain = Domain.from_d8(codes, "watergap", gauges=gauges)
    with pytest.raises(ValueError, match="a and b lie in one cell"):
        Regions.of(domain, between=True)
    assert Regions.of(domain).area.tolist() == [domain.area[0]] * 2


def test_budget_leaves_gradients_alone():
    run = run_of(small_model())
    budget(run, ("2001-01", "2001-02"))
    assert torch.is_grad_enabled() and all(p.grad is None for p in run.model.parameters())
