"""Sensitivities are what small changes do: of weather, parameters and stores, upstream and not."""

import numpy as np
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.run import Run
from tests.model.test_blocks import run_of

PERIOD, SINCE = ("2003-06-01", "2003-09-30"), "2003-03-02"


@pytest.fixture(scope="module")
def raster() -> tuple[Run, xr.Dataset]:
    run = run_of("raster")
    return run, run.sensitivity("discharge", "branch", period=PERIOD, since=SINCE)


def mean_flow(run, change=None, gauge="branch") -> float:
    """Of the gauge over the period, with another forcing or state from the day on."""
    record = run.record()
    values = record.values.clone()
    first = record.times.get_loc(SINCE)
    if change is not None:
        change(values[:, first:])
    other = Run.of(run.model, Forcing(record.times, values, fields=record.fields))
    flow = other.simulate(outputs=(), period=PERIOD)["discharge"]
    return float(flow.astype(float).sel(gauge=gauge).mean())


def test_more_rain_makes_as_much_more_discharge(raster):
    run, found = raster
    row = [field.name for field in run.model.forcings].index("precipitation")
    base, step = mean_flow(run), 0.05  # mm d-1
    assert found.attrs["mean_discharge"] == pytest.approx(base, rel=1e-5)

    def wetter(values):
        values[row] += step

    more = (mean_flow(run, wetter) - base) / step
    assert float(found["precipitation"].sum()) == pytest.approx(more, rel=0.03)
    assert found["precipitation"].attrs["units"] == "m3 s-1 (mm d-1)-1"


def test_only_what_is_upstream_counts(raster):
    run, found = raster
    domain = run.model.domain
    inside = np.isin(np.arange(domain.size), domain.upstream(["branch"]))
    assert 0 < inside.sum() < domain.size
    late = run.sensitivity("discharge", "branch", period=PERIOD, since=PERIOD[0])
    maps = {name: found[name] for name in ("precipitation", "soil_moisture", "river_lag")}
    for name, one in (maps | {"river_storage": late["river_storage"]}).items():
        values = domain.pack(one)
        assert np.abs(values[inside]).max() > 0, name
        assert not values[~inside].any(), name


def test_days_add_up_to_months_and_all(raster):
    run, found = raster
    by = {
        name: run.sensitivity("discharge", "branch", period=PERIOD, since=SINCE, by=name)
        for name in ("day", "month")
    }
    assert by["day"].sizes["time"] == 213 and by["month"].sizes["time"] == 7
    months = by["day"]["temperature"].resample(time="MS").sum(skipna=False)
    xr.testing.assert_allclose(months, by["month"]["temperature"], atol=1e-4)
    xr.testing.assert_allclose(
        by["day"]["precipitation"].sum("time", skipna=False), found["precipitation"], atol=1e-3
    )
    # of the last day hardly anything has arrived
    last, first = (np.abs(by["day"]["precipitation"][k]).sum() for k in (-1, 150))
    assert last < 0.2 * first


@pytest.mark.end_to_end
def test_stores_and_parameters_of_a_mean_over_what_is_upstream():
    """Against runs with other stores and parameters."""
    run = run_of("raster")
    found = run.sensitivity("actual_evapotranspiration", period=PERIOD, since=SINCE)
    relative = run.sensitivity(
        "actual_evapotranspiration", period=PERIOD, since=SINCE, relative=True
    )
    assert "temperature" in found and "temperature" not in relative
    record, model = run.record(), run.model
    first, stop = record.times.get_loc(SINCE), record.times.get_loc(PERIOD[1]) + 1
    day = f"{record.times[first - 1]:%Y-%m-%d}"
    _, states = run.simulate(outputs=(), period=(day, day), save_state=day)
    area = model.area / model.area.sum()

    def mean(parameters=None, state=states[day]):
        given = model.cell_parameters() | (parameters or {})
        name = "actual_evapotranspiration"
        with torch.no_grad():
            out = model(record.values[:, first:stop], state, (name,), given).outputs[name]
        days = record.times.get_loc(PERIOD[0]) - first
        return float((out.double() @ area.double())[days:].mean())

    base, fuller = mean(), states[day].column | {}
    fuller["soil_moisture"] = fuller["soil_moisture"] + 1.0
    change = mean(state=states[day].__class__(fuller, states[day].river)) - base
    assert float(found["soil_moisture"].sum()) == pytest.approx(change, rel=0.05)
    assert found["soil_moisture"].attrs["units"] == "mm d-1 (mm)-1"
    name = max((f.name for f in model.fields), key=lambda n: abs(float(relative[n].sum())))
    more = model.cell_parameters()[name] * 1.01
    change = (mean({name: more}) - base) / base / 0.01
    assert float(relative[name].sum()) == pytest.approx(change, rel=0.05)


@pytest.mark.end_to_end
def test_of_daily_parameters_that_stay_as_they_are():
    """Those of an LSTM, read off the weather as it was."""
    run = run_of("lstm")
    record, model = run.record(), run.model
    gauge = str(model.domain.gauges.index[1])
    times = record.times
    period, since = (f"{times[150]:%Y-%m-%d}", f"{times[200]:%Y-%m-%d}"), f"{times[64]:%Y-%m-%d}"
    found = run.sensitivity("discharge", gauge, period=period, since=since)
    row = [field.name for field in model.forcings].index("precipitation")
    day = f"{times[63]:%Y-%m-%d}"
    _, states = run.simulate(outputs=(), period=(day, day), save_state=day)
    state, weather = states[day], record.values[:, 64:201]
    with torch.no_grad():
        parameters = model.remembering(weather, memory=state.memory)[0] | (state.steady or {})

    def flow(step):
        values = weather.clone()
        values[row] += step
        with torch.no_grad():
            series = model(values, state, (), parameters).discharge
        return float(series[86:, 1].double().mean())

    change = (flow(0.05) - flow(0)) / 0.05
    assert float(found["precipitation"].sel(gauge=gauge)) == pytest.approx(change, rel=0.03)
    assert found["precipitation"].drop_sel(gauge=gauge).sum() == 0


def test_fractions_are_of_what_has_a_zero():
    run = Run.of(gh.Model(run_of("mlp").model.domain, "gr4j", network="none"), weather_of_mlp())
    times = run.record().times
    period = (f"{times[150]:%Y-%m-%d}", f"{times[200]:%Y-%m-%d}")
    plain, relative = (
        run.sensitivity("runoff", period=period, relative=relative) for relative in (False, True)
    )
    assert "thermal_state" in plain and "thermal_state" not in relative
    assert "production_store" in relative


def weather_of_mlp() -> Forcing:
    record = run_of("mlp").record()
    return Forcing(record.times, record.values, fields=record.fields)


@pytest.mark.end_to_end
@pytest.mark.parametrize("case", ["lstm", "corrected"])
def test_of_daily_parameters_and_of_weather_that_is_corrected(case):
    run = run_of(case)
    gauge = str(run.model.domain.gauges.index[1])
    first = f"{run.record().times[0]:%Y}"
    period, since = (f"{first}-06", f"{first}-09"), f"{first}-03-02"
    found = run.sensitivity("discharge", gauge, period=period, since=since, relative=True)
    assert found["precipitation"].sum() > 0.1
    assert all(np.isfinite(values).any() for values in found.data_vars.values())


def test_what_is_not_there_is_refused():
    run = run_of("raster")
    with pytest.raises(ValueError, match="the discharge of which gauge"):
        run.sensitivity("discharge", period=PERIOD)
    with pytest.raises(ValueError, match="gauge is one of 'mouth', 'branch', not 'x'"):
        run.sensitivity("discharge", "x", period=PERIOD)
    with pytest.raises(ValueError, match=r"no output|has no"):
        run.sensitivity("nothing", period=PERIOD)
    with pytest.raises(ValueError, match="begins on the first day of the forcing"):
        run.sensitivity("discharge", "mouth", period=("2003-01-01", "2003-02-01"))
    with pytest.raises(ValueError, match="since 2003-07-01: no day from 2003-01-02"):
        run.sensitivity("discharge", "mouth", period=PERIOD, since="2003-07-01")
    with pytest.raises(ValueError, match="by is one of 'all', 'year', 'month', 'day'"):
        run.sensitivity("discharge", "mouth", period=PERIOD, by="week")
    assert isinstance(run, gh.Run)
