"""A run: simulated once and kept, forgotten when it changes, and written whole."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.columns import column
from gridhydro.domain.cells import OnCells
from gridhydro.evaluation import plots
from gridhydro.inputs.forcing import Forcing
from gridhydro.io import read_discharge
from gridhydro.io.csv_tables import write_discharge
from gridhydro.model import kept_simulation, run_figures
from gridhydro.model.run import Run
from tests.support.lumped import basins, model
from tests.support.small_basins import PERIOD

AFTER = ("2002", "2002")


@pytest.fixture(scope="module")
def forcing():
    return Forcing.read(basins().forcing, basins().domain, column("hbv"))


@pytest.fixture
def run(forcing):
    return Run.of(model(), forcing)


@pytest.fixture
def calls(monkeypatch):
    """What each simulation was asked for."""
    found = []

    def counting(run, record, outputs, averages=None):
        found.append((tuple(outputs), averages is not None))
        return simulate(run, record, outputs, averages)

    simulate = kept_simulation.simulate_record
    monkeypatch.setattr("gridhydro.model.run.simulate_record", counting)
    return found


def test_a_record_is_simulated_once_for_scores_series_and_files(run, calls, tmp_path):
    run.simulation(run.usual_outputs)
    discharge = basins().discharge
    for period in (PERIOD, AFTER):
        run.evaluate(discharge, period)
    run.save(tmp_path, discharge=discharge)
    run.simulate(outputs=["runoff"])
    assert calls == [(run.usual_outputs, False)]


def test_parameters_that_change_by_day_are_series(forcing, tmp_path):
    """Means over the components, as the maps are; held in memory or written as they come."""
    daily = Run.of(model("lstm"), forcing)
    found = daily.simulate(outputs=["beta", "runoff", "gamma"])
    with torch.no_grad():
        expected = daily.model.cell_parameters(forcing.values)["beta"].mean(-1).numpy()
    np.testing.assert_allclose(found["beta"], expected, rtol=1e-4)
    assert (found["beta"].std("time") > 0).all() and found["beta"].attrs["units"] == "1"
    np.testing.assert_allclose(found["gamma"].mean("time"), daily.parameters["gamma"], rtol=1e-4)
    np.testing.assert_array_equal(found["runoff"], daily.simulate(outputs=["runoff"])["runoff"])
    out = daily.simulate(outputs=["beta"], out=tmp_path / "beta.zarr", progress=False)
    with xr.open_zarr(out) as written:
        np.testing.assert_array_equal(written["beta"], found["beta"])
    with pytest.raises(ValueError, match="'FC' does not change by day, so there is no series"):
        daily.simulate(outputs=["FC"])


def test_further_outputs_are_simulated_once_more_and_kept_beside_the_first(run, calls):
    flux = "actual_evapotranspiration"
    one = run.simulation(["runoff"])
    both = run.simulation(["runoff", flux])
    assert calls == [(("runoff",), False), ((flux,), False)]
    assert both.discharge is one.discharge and both.outputs["runoff"] is one.outputs["runoff"]
    assert list(run.simulation([flux]).outputs) == [flux]
    whole = kept_simulation.simulate_record(run, run.record(), ["runoff", flux])
    for name, values in whole.outputs.items():
        assert torch.equal(values, both.outputs[name])
    run.forget()
    run.simulation()
    assert len(calls) == 3


def test_storage_is_kept_for_the_periods_asked_for_last(run, calls):
    months = gh.Averages.monthly(run.forcing.times)
    days = len(run.forcing.times)
    all_days = gh.Averages.of_labels(np.zeros(days, int), 1)
    assert run.simulation().storage is None
    by_month = run.simulation((), months).storage
    assert run.simulation((), gh.Averages.monthly(run.forcing.times)).storage is by_month
    assert len(calls) == 2 and run.simulation().storage is None
    assert run.simulation((), all_days).storage.shape == (1, run.forcing.size)
    again = run.simulation((), months).storage
    assert len(calls) == 4 and torch.equal(again, by_month)
    # as many periods of other days, other weights, a period more without days
    label = months.row.numpy().astype(int)
    later = gh.Averages.of_labels(np.append(label[10:], label[-10:]), months.count)
    halves = gh.Averages(months.row, months.weight / 2, months.count)
    longer = gh.Averages(months.row, months.weight, months.count + 1)
    for count, other in enumerate((later, halves, longer), start=5):
        found = run.simulation((), other).storage
        assert len(calls) == count and len(found) == other.count


@pytest.mark.parametrize("change", ["weights", "data", "forcing", "start"])
def test_a_run_that_changes_is_simulated_anew(run, calls, change):
    """Nothing of the old is handed out: neither series nor scores."""
    before = run.discharge()
    run.evaluate(basins().discharge, PERIOD)
    weight = next(run.model.parameters())
    with torch.no_grad():
        if change == "weights":
            weight.add_(0.5)
        elif change == "data":  # behind torch's back
            weight.data.add_(0.5)
        elif change == "forcing":
            run.forcing = replace(run.forcing, values=run.forcing.values * 1.2)
        else:
            run.about |= {"spinup_cycles": 1, "period": list(PERIOD)}
    assert run.scores is None
    assert not np.allclose(run.discharge(), before) and len(calls) == 2


def test_another_forcing_is_neither_kept_nor_scored_for_the_folder(run, calls):
    warmer = basins().forcing.assign(temperature=basins().forcing["temperature"] + 3)
    warmer["temperature"].attrs["units"] = "degC"
    own = run.discharge()
    changed = run.discharge(warmer)
    run.evaluate(basins().discharge, PERIOD, forcing=warmer)
    assert len(calls) == 3 and run.scores is None
    assert not np.allclose(changed, own)
    pd.testing.assert_frame_equal(run.discharge(), own)
    assert len(calls) == 3


def test_spin_up_cycles_end_with_the_training(forcing):
    """What comes after it has no say in how full the stores are."""
    about = {"period": ["2001", "2001"], "spinup_cycles": 1, "gauges": []}
    run = Run(model().eval(), forcing, pd.DataFrame(), about)
    end = forcing.times.get_loc("2001-12-31") + 1
    assert run.trained_until(forcing) == end < len(forcing.times)
    wet = forcing.values.clone()
    wet[0, end:] += 20
    same = run.discharge(replace(forcing, values=wet)).iloc[:end]
    pd.testing.assert_frame_equal(same, run.discharge().iloc[:end])
    later = replace(forcing, times=forcing.times + pd.Timedelta(10_000, "D"))
    assert run.trained_until(later) == len(forcing.times)


def test_save_writes_the_scores_of_evaluate(run, tmp_path, monkeypatch):
    discharge = basins().discharge
    tables = [
        run.evaluate(discharge, period, name=n) for n, period in (("a", PERIOD), ("b", AFTER))
    ]
    titles = {}

    def kept(figure, path, **options):
        titles[path.name] = [axis.get_title(loc="left") for axis in figure.axes]

    monkeypatch.setattr(plots, "save", kept)
    monkeypatch.setattr(run_figures.plots, "save", kept)
    run.save(tmp_path, discharge=discharge)
    expected = pd.concat(tables, ignore_index=True)
    found = pd.read_csv(tmp_path / "metrics.csv", dtype={"gauge": str})
    pd.testing.assert_frame_equal(found, expected)
    best = expected.loc[expected[expected["period"] == "b"]["nse"].idxmax(), "gauge"]
    first = expected[expected["gauge"] == best].iloc[0]
    title = titles["hydrographs.png"][0]
    assert title.startswith(f"{best} (best") and f"a: NSE {first['nse']:.2f}" in title
    # what is handed over takes their place
    run.save(tmp_path, scores=tables[1])
    assert set(pd.read_csv(tmp_path / "metrics.csv")["period"]) == {"b"}


def test_scores_of_other_gauges_in_a_period_are_kept_beside(run):
    discharge = basins().discharge
    names = [str(name) for name in discharge["gauge"].values]
    run.evaluate(discharge.isel(gauge=slice(0, 4)), PERIOD)
    run.evaluate(discharge.isel(gauge=slice(3, 6)), PERIOD)
    assert run.scores["gauge"].tolist() == names[:6]


def test_discharge_is_written_as_a_table_that_is_read_again(run, tmp_path):
    run.save(tmp_path, discharge=basins().discharge)
    again = pd.read_csv(tmp_path / "discharge.csv", comment="#", index_col=0, parse_dates=True)
    simulated = run.discharge()
    assert again.index.name == "date" and list(map(str, again)) == list(simulated)
    np.testing.assert_allclose(again, simulated, rtol=1e-5)
    with open(tmp_path / "discharge.csv") as file:
        assert file.readline().startswith("# simulated discharge") and "date," in file.readline()
    name = simulated.columns[2]
    observed = read_discharge(tmp_path / "discharge_observed.csv", name)
    depth = basins().domain.gauges.loc[name, "network_area_km2"] / 86.4
    given = basins().discharge.sel(gauge=name).to_series() * depth
    np.testing.assert_allclose(observed, given, rtol=1e-5)


def test_discharge_of_gauges_with_odd_names_is_read_again(tmp_path):
    names = ["No. 7 #2", 'the "old" mill, left']
    days = pd.date_range("2001-01-01", periods=2)
    write_discharge(tmp_path / "q.csv", pd.DataFrame([[1.5, np.nan], [2, 3]], days, names), "any")
    again = pd.read_csv(tmp_path / "q.csv", comment="#", index_col=0, parse_dates=True)
    assert list(again) == names and again.iloc[0, 0] == 1.5 and np.isnan(again.iloc[0, 1])
    assert read_discharge(tmp_path / "q.csv", names[0]).tolist() == [1.5, 2]


def test_a_forcing_of_another_column_or_domain_is_refused(run, forcing):
    with pytest.raises(ValueError, match=r"lacks vegetation_fraction.*; it has precipitation, "):
        forcing.chosen(basins().domain, column("hydropy"))
    few = replace(forcing, values=forcing.values[:, :, :5])
    with pytest.raises(ValueError, match="is of 5 cells, the domain has 12: read it anew"):
        run.discharge(few)
    kelvin = replace(forcing, fields=tuple(
        replace(f, unit="K") if f.unit == "degC" else f for f in forcing.fields
    ))  # fmt: skip
    with pytest.raises(ValueError, match="has temperature in K, not in degC: read it anew"):
        run.discharge(kelvin)
    plain = Forcing(forcing.times, forcing.values[:2])
    with pytest.raises(ValueError, match="has 2 series, 3 are taken: precipitation, temperature"):
        run.discharge(plain)


def test_a_forcing_of_more_series_gives_each_model_its_own(run, forcing):
    turned = replace(
        forcing, values=forcing.values.flip(0), fields=forcing.fields[::-1], method="oudin"
    )
    found = turned.chosen(basins().domain, column("hbv"))
    assert torch.equal(found.values, forcing.values) and found.fields == forcing.fields
    assert found.method == "oudin"
    more = replace(
        forcing,
        values=torch.cat([forcing.values, forcing.values[:1]]),
        fields=(*forcing.fields, gh.Field("wind_speed", "m s-1", "wind")),
    )
    leading = more.chosen(basins().domain, column("hbv"))
    assert leading.values.data_ptr() == more.values.data_ptr()  # no copy
    pd.testing.assert_frame_equal(run.discharge(turned), run.discharge())
    data = turned.dataset(basins().domain)
    assert data["potential_evapotranspiration"].attrs["method"] == "oudin"
    assert Forcing.read(data, basins().domain, column("hbv")).method == "oudin"


def test_another_forcing_is_packed_once_for_its_scores(run, monkeypatch):
    packed, parts = [], basins()
    values = OnCells.values

    def counting(cells, *arguments):
        packed.append(cells.box.name)
        return values(cells, *arguments)

    monkeypatch.setattr(OnCells, "values", counting)
    run.evaluate(parts.discharge, PERIOD, forcing=parts.forcing)
    assert sorted(packed) == sorted(field.name for field in run.model.forcings)
