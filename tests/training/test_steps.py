"""Training and running by parts of a day: what is compared with what, cuts, folders, refusals."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.analysis.budget import water_budget
from gridhydro.base.units import depth_of_flow
from gridhydro.domain.domain import Domain
from gridhydro.evaluation.losses import nse_loss
from gridhydro.model import unit_hydrograph as hydrograph
from gridhydro.model.day_by_day import DayByDay
from gridhydro.model.river import Ends
from gridhydro.model.state import State
from gridhydro.model.stepping import Stepping
from gridhydro.observations.averages import Averages
from gridhydro.observations.discharge import observations
from gridhydro.training.batches import minibatches
from tests.support.small_basins import small_basins
from tests.support.small_world import small_world

COUNT = 4  # steps a day
PERIOD = ("2000-03-01", "2000-03-16")
QUIET = gh.Session(progress=False)
SERIES = ["precipitation", "temperature", "potential_evapotranspiration"]


def plain(count):
    """Plain loops, which are quick to begin with."""
    return Stepping(backend="torch", steps_a_day=count)


def by_parts(daily, count=COUNT):
    """Weather of days in equal parts of them, all alike."""
    days = daily.indexes["time"]
    times = pd.date_range(days[0], periods=len(days) * count, freq=pd.Timedelta("1D") / count)
    return daily.isel(time=np.repeat(np.arange(len(days)), count)).assign_coords(time=times)


@pytest.fixture(scope="module")
def basins():
    return small_basins().isel(gauge=slice(0, 3), time=slice(0, 100)).load()


def model(basins, count=COUNT, **options):
    names = list(basins["gauge"].values)
    where = {n: basins[n].values for n in ("latitude", "longitude")}
    domain = Domain.of_basins(basins["area"].values, names, **where)
    attributes = {n: basins[n].values for n in ("sand", "slope")}
    options = dict(network=gh.ParameterNetwork(hidden=(4,)), scheme=plain(count)) | options
    return gh.Model(domain, attributes=attributes, **options)


def fit(basins, discharge, forcing=None, count=COUNT, **options):
    forcing = by_parts(basins[SERIES]) if forcing is None else forcing
    options = dict(period=PERIOD, spinup=gh.SpinUp(15, start="empty"), epochs=1) | options
    kept = options.pop("model", {})
    return gh.train(model(basins, count, **kept), forcing, discharge, session=QUIET, **options)


def observed_by_step(basins):
    """Discharge that is another in each part of a day."""
    found = by_parts(basins[["discharge"]])["discharge"]
    change = xr.DataArray(np.tile([0.4, 1.6, 1.2, 0.8], found.sizes["time"] // COUNT), dims="time")
    return (found * change).transpose("time", "gauge").assign_attrs(found.attrs)


def expected(basins, observed, count):
    """Loss of the first epoch, from the run of another model with the same first weights."""
    run = gh.Run.of(model(basins), by_parts(basins[SERIES]))
    run.about = dict(gauges=[], start="empty", period=list(PERIOD), spinup=15)
    late = by_parts(basins[SERIES].sel(time=slice("2000-02-15", None)))
    flow = run.discharge(late).loc[PERIOD[0] : PERIOD[1]]
    depth = flow * depth_of_flow(basins["area"].to_series())
    depth = torch.tensor(depth.to_numpy().reshape(-1, count, 3).mean(1), dtype=torch.float32)
    return nse_loss(depth, torch.tensor(observed.sel(time=slice(*PERIOD)).values)).item()


def test_daily_observations_are_compared_with_means_of_days(basins):
    run = fit(basins, basins["discharge"], model={"routing": None})
    assert run.history["loss"][0] == pytest.approx(
        expected(basins, basins["discharge"], COUNT), rel=1e-4
    )


def test_observations_by_step_are_compared_step_by_step(basins):
    observed = observed_by_step(basins)
    run = fit(basins, observed)
    assert run.history["loss"][0] == pytest.approx(expected(basins, observed, 1), rel=1e-4)
    days = observed.resample(time="D").mean(skipna=False).assign_attrs(observed.attrs)
    assert abs(run.history["loss"][0] - fit(basins, days).history["loss"][0]) > 1e-2


def test_scores_are_those_of_means_of_days(basins):
    run = fit(basins, basins["discharge"])
    scores = run.evaluate(basins["discharge"], PERIOD)
    flow = run.discharge().resample("D").mean().loc[PERIOD[0] : PERIOD[1]]
    depth = flow * depth_of_flow(basins["area"].to_series())
    for row in scores.itertuples():
        table = pd.DataFrame(
            {"o": basins["discharge"].sel(gauge=row.gauge).to_series(), "s": depth[row.gauge]}
        ).dropna()
        error = ((table["s"] - table["o"]) ** 2).sum()
        assert row.nse == pytest.approx(
            1 - error / ((table["o"] - table["o"].mean()) ** 2).sum(), rel=1e-5
        )
    steps = run.evaluate(observed_by_step(basins), PERIOD)
    assert abs(steps["nse"] - scores["nse"]).min() > 1e-3


def test_windows_of_minibatches_are_of_whole_days(basins):
    one = model(basins)
    forcing = gh.Forcing.read(by_parts(basins[SERIES]), one.domain, one)
    assert forcing.steps_a_day == COUNT
    names = list(basins["gauge"].values)
    observed = observations(basins["discharge"], forcing.times, one, names, "cpu", None)
    options = gh.Batches(gauges=2, days=12, warmup=10)
    days = forcing.between(*PERIOD)
    window = lambda *at: [observed.window(*at)[0]]  # noqa: E731
    for batch in minibatches(options, forcing, window, days, torch.arange(3), seed=0):
        assert (batch.first % COUNT == 0).all()
        assert batch.before.shape[1] == 10 * COUNT and batch.forcing.shape[1] == 12 * COUNT
        same = batch.observed.unflatten(0, (-1, COUNT))
        torch.testing.assert_close(same, same[:, :1].expand_as(same), equal_nan=True)


def test_training_lowers_the_loss(basins):
    options = dict(optimizer=gh.Optimizer(learning_rate=0.05), epochs=4)
    losses = fit(basins, basins["discharge"], **options).history["loss"]
    assert losses.iloc[-1] < losses.iloc[0]
    batches = gh.Batches(gauges=2, days=10, warmup=10)
    found = fit(basins, basins["discharge"], batches=batches, spinup=gh.SpinUp())
    assert np.isfinite(found.history["loss"]).all()


def test_a_run_goes_on_from_its_state_and_is_kept(basins, tmp_path):
    forcing = by_parts(basins[SERIES].isel(time=slice(0, 20)))
    run = gh.Run.of(model(basins, routing=gh.UnitHydrograph()), forcing)
    whole, states = run.simulate(outputs=["runoff"], save_state=["2000-01-08"])
    assert whole["time"].values[5] == np.datetime64("2000-01-02T06:00")
    states["2000-01-08"].to_file(tmp_path / "state.nc")
    state = State.from_file(tmp_path / "state.nc")
    late = run.simulate(forcing.sel(time=slice("2000-01-09", None)), ["runoff"], state=state)
    for name in ("runoff", "discharge"):
        np.testing.assert_array_equal(late[name], whole[name].sel(time=slice("2000-01-09", None)))
    for out in ("run.zarr", "run", "run.nc"):
        path = run.simulate(outputs=["runoff"], out=tmp_path / out, block=9, progress=False)
        read = xr.open_mfdataset(str(path / "*.nc")) if out == "run" else xr.open_dataset(path)
        with read as found:
            assert found.indexes["time"].equals(whole.indexes["time"])
            np.testing.assert_array_equal(found["runoff"], whole["runoff"])
    run.save(tmp_path / "kept", outputs=["runoff"])
    table = pd.read_csv(tmp_path / "kept/discharge.csv", comment="#", index_col=0, parse_dates=True)
    assert table.index.equals(whole.indexes["time"].rename("date"))
    again = gh.Run.load(tmp_path / "kept", forcing)
    assert again.model.steps_a_day == COUNT
    np.testing.assert_allclose(again.simulate(outputs=["runoff"])["runoff"], whole["runoff"], 1e-5)
    with pytest.raises(ValueError, match="the forcing is daily, not of 4 steps a day"):
        gh.Run.load(tmp_path / "kept", basins[SERIES])


def test_unit_hydrograph_by_the_step_brings_all_water():
    a, b = torch.tensor([0.2, 2.5]).double(), torch.tensor([0.5, 6.0]).double()
    day, hours = hydrograph.ordinates(a, b), hydrograph.ordinates(a, b, steps_a_day=24)
    assert hours.shape == (15 * 24, 2)
    torch.testing.assert_close(hours.sum(0), torch.ones(2).double())
    times = (torch.arange(360) + 0.5)[:, None] / 24
    mean = [(t * f).sum(0) for t, f in ((times, hours), (torch.arange(15)[:, None] + 0.5, day))]
    torch.testing.assert_close(mean[0][1], mean[1][1], rtol=0.01, atol=0)  # a smooth shape
    # what is on its way, mm: all that came in less what left, by the day and by the hour
    parameters = {"route_a": a[:, None], "route_b": b[:, None]}
    flow = torch.rand(48, 2, 1).double()
    flows, tails = hydrograph.route({"runoff": flow}, parameters, None, "components", None, 24)
    held = hydrograph.under_way(flow, parameters, None, "components", steps_a_day=24)
    gone = (flow.mean(-1) - flows["routed_runoff"]).cumsum(0) / 24
    torch.testing.assert_close(held, gone)
    assert tails["runoff"].shape == (15 * 24 - 1, 2, 1)


def test_long_unit_hydrographs_have_gradients_and_restart():
    inputs = [
        torch.rand(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((5, 2), (2,), (2,), (29, 2))
    ]

    def routed(flow, a, b, before):
        fractions = hydrograph.ordinates(a, b, steps_a_day=2)
        return hydrograph.convolve(flow, fractions, before)

    assert torch.autograd.gradcheck(routed, inputs)
    flow, a, b, before = inputs
    whole, _ = routed(flow, a, b, before)
    first, tail = routed(flow[:2], a, b, before)
    assert torch.equal(torch.cat([first, routed(flow[2:], a, b, tail)[0]]), whole)
    weight, every = hydrograph.ordinates(a, b, steps_a_day=2), torch.cat([before, flow])
    plain = [sum(weight[k] * every[29 + t - k] for k in range(30)) for t in range(5)]
    torch.testing.assert_close(whole, torch.stack(plain))


@pytest.fixture(scope="module")
def raster():
    domain, attributes, forcing, discharge = small_world()
    domain = domain.crop("G10")
    return domain, attributes, forcing.isel(time=slice(0, 130)), discharge.iloc[:130]


def on_raster(raster, count, **options):
    domain, attributes, forcing, _ = raster
    one = gh.Model(
        domain, attributes=attributes, network=gh.ParameterNetwork("none"), scheme=plain(count),
        **options,
    )  # fmt: skip
    return gh.Run.of(one, by_parts(forcing, count))


def withdrawn(raster):
    """The same with a little water taken from every cell's river."""
    domain, attributes, forcing, discharge = raster
    rain = forcing["precipitation"]
    asked = xr.full_like(rain, 1e-4).assign_attrs(units="m3 s-1", long_name="withdrawal")
    return domain, attributes, forcing.assign(river_withdrawal=asked), discharge


def test_daily_means_of_a_raster_by_the_step_are_near_those_of_days(raster):
    """By the day the soil passes water on as it was wet before the day's rain, by the step as it is
    wet meanwhile: more; and rain is not all there at the beginning. Rivers are alike."""
    days, parts = (
        on_raster(raster, count, fixed={"C": 0.0}).discharge().iloc[60 * count :]
        for count in (1, COUNT)
    )
    means = parts.resample("D").mean()
    assert (((means - days) ** 2).mean() / days.var()).between(0, 0.05, "neither").all()
    assert (means.mean() / days.mean() - 1).between(0, 0.1, "neither").all()


@pytest.mark.parametrize("reach", ["linear_cascade", "kinematic_wave"])
def test_rivers_by_the_step_with_the_same_sub_steps_are_those_of_days(raster, reach):
    domain, generator = raster[0], torch.Generator().manual_seed(0)
    one = torch.ones(domain.size, dtype=torch.float64)
    runoff = 5 * torch.rand(6, domain.size, generator=generator, dtype=torch.float64)
    given = {"velocity": 0.4, "lag": 0.7, "roughness": 0.05, "width": 20.0, "shape": 0.5}
    given = {f"river_{name}": value * one[:, None] for name, value in given.items()}
    area, slope = torch.as_tensor(domain.area), {"river_slope": 1e-3 * one}
    for learned in ("velocity", "lag") if reach == "linear_cascade" else ("velocity",):
        river, found = gh.River(reach=reach, learned=learned, substeps=COUNT), {}
        for count in (1, COUNT):
            found[count] = river.discharge(
                runoff.repeat_interleave(count, 0), domain, area, 900 * one, given, slope, None,
                "torch", ends=Ends(steps_a_day=count),
            )  # fmt: skip
        torch.testing.assert_close(found[COUNT][0].unflatten(0, (-1, COUNT)).mean(1), found[1][0])
        torch.testing.assert_close(found[COUNT][1], found[1][1])


def test_budgets_and_means_over_months_are_of_days(raster):
    run = on_raster(raster, 2)
    budget = water_budget(run, ("2001-02", "2001-03"), progress=False)
    rain = budget["precipitation"]
    np.testing.assert_allclose(budget["residual"], 0, atol=rain.max() * 1e-4)
    daily = water_budget(on_raster(raster, 1), ("2001-02", "2001-03"), progress=False)
    np.testing.assert_allclose(rain, daily["precipitation"], rtol=1e-5)
    np.testing.assert_array_equal(budget["days"], [28, 31])
    taking = [on_raster(withdrawn(raster), n, routing=gh.River(withdrawals=True)) for n in (1, 2)]
    one, two = (water_budget(r, ("2001-02", "2001-03"), progress=False) for r in taking)
    assert one["withdrawal"].min() > 0
    # how much there is to be taken differs a little with the column's step
    np.testing.assert_allclose(two["withdrawal"], one["withdrawal"], rtol=0.05)
    np.testing.assert_allclose(two["residual"], 0, atol=rain.max() * 1e-4)
    averages = Averages.monthly(run.record().times)
    stored = run.simulation((), averages).storage
    assert stored.shape == (5, run.model.domain.size)
    days = run.simulation(("total_storage",)).outputs["total_storage"][:62].mean(0)
    assert (stored[0] >= days * 0.99).all()  # with the rivers, which hold little


def test_rivers_take_the_fewest_sub_steps_that_are_enough():
    river = gh.River(substeps=4)
    assert [river.substeps_of(n) for n in (1, 2, 3, 4, 8, 24)] == [4, 2, 2, 1, 1, 1]
    assert gh.River(substeps=48).substeps_of(24) == 2


REFUSED = {
    "daily model": (dict(count=1), "several times a day .*resample.*steps_a_day=24"),
    "daily weather": (dict(forcing="daily"), "the forcing is daily, not of 4 steps a day"),
    "other steps": (dict(forcing=8), r"is not in steps of 0 days 06:00:00 without gaps"),
    "network of weather": (dict(model={"network": gh.ParameterNetwork("lstm", hidden=4)}),
                           "reads the weather takes days"),
    "column of days": (dict(model={"column": "gr4j"}), "'gr4j' takes days only, not 4 steps"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_takes_other_steps_is_refused(basins, kind):
    options, message = REFUSED[kind]
    given = options.get("forcing")
    forcing = basins[SERIES] if given == "daily" else by_parts(basins[SERIES], given or COUNT)
    with pytest.raises(ValueError, match=message):
        fit(basins, basins["discharge"], **options | {"forcing": forcing})


def test_what_goes_by_days_says_so(basins):
    run = gh.Run.of(model(basins, network=gh.ParameterNetwork("free")), by_parts(basins[SERIES]))
    for what in (
        lambda: gh.calibrate(run.model, run.forcing, basins["discharge"], period=PERIOD),
        lambda: DayByDay(run, run.forcing),
    ):
        with pytest.raises(ValueError, match="goes by days, and this model has 4 steps a day"):
            what()
    hours = by_parts(basins[["discharge"]], 24)["discharge"]
    with pytest.raises(ValueError, match="begins no step of 0 days 06:00:00"):
        run.evaluate(hours, PERIOD)


def test_stores_are_fitted_to_discharge_of_days(basins):
    run = fit(basins, basins["discharge"])
    window = ("2000-03-10", "2000-03-12")
    fitted = run.assimilate(basins["discharge"], window, steps=2)
    assert (fitted.rmse["after"] <= fitted.rmse["before"] * 1.5).all() and len(fitted.rmse) == 3
    flow = run.discharge().loc[window[0] : window[1]].resample("D").mean()
    depth = depth_of_flow(basins["area"].to_series())
    apart = flow - basins["discharge"].sel(time=slice(*window)).to_pandas() / depth
    expected = (apart**2).mean() ** 0.5
    np.testing.assert_allclose(fitted.rmse["before"], expected, rtol=1e-3)


def test_steps_are_said_with_the_hour_and_the_scheme(basins):
    broken = by_parts(basins[SERIES]).copy(deep=True)
    broken["precipitation"].values[7, 1] = -4
    with pytest.raises(ValueError, match=r"precipitation is -4 mm d-1 on 2000-01-02 18:00 in"):
        fit(basins, basins["discharge"], broken)
    for wrong in (0, 1.5, "hourly", 100_000):
        with pytest.raises(ValueError, match="steps_a_day"):
            Stepping(steps_a_day=wrong)
    hourly = gh.COLUMNS["hbv"].stepped(24)
    one = model(basins, 1, column=hourly)
    assert one.steps_a_day == one.stepping.steps_a_day == one.options["steps_a_day"] == 24
