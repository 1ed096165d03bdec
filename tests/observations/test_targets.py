"""Training on outputs of the column other than discharge: gaps, units, weights, gauges, rasters."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.training.batches import Batches
from tests.support.lumped import BATCHES, PERIOD, basins, weights
from tests.support.options import grouped
from tests.support.small_world import PERIOD as RASTER_PERIOD
from tests.support.small_world import small_model, small_world

DAYS = slice(*PERIOD)


HIDDEN = {"FC": 160.0, "beta": 4.5, "LP": 0.9}


def model(**options):
    parts = basins()
    return gh.Model(
        parts.domain, attributes=parts.attributes, **grouped(**{"hidden": (16,)} | options)
    )


@cache
def truth(*names):
    """What another, hidden set of parameters gives."""
    parts = basins()
    run = gh.train(model(fixed=HIDDEN), parts.forcing, parts.discharge, period=PERIOD, epochs=0)
    return run.simulate(outputs=list(names))


def fit(targets, discharge=None, **options):
    options = (
        dict(period=PERIOD, epochs=2, spinup=100, session=gh.Session(progress=False)) | options
    )
    return gh.train(model(), basins().forcing, discharge, targets=targets, **options)


def wetness():
    return truth("soil_wetness")["soil_wetness"]


@pytest.mark.parametrize("batches", [None, BATCHES], ids=["whole", "minibatches"])
@pytest.mark.parametrize(
    "loss",
    [
        "nse", pytest.param("rmse", marks=pytest.mark.end_to_end),
        pytest.param("kge", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_soil_wetness_is_learned_without_discharge(batches, loss):
    target = gh.Target("soil_wetness", wetness(), loss=loss)
    before = fit([target], epochs=0).evaluate_target(target, PERIOD)
    epochs = 60 if batches is None else 15
    run = fit([target], epochs=epochs, batches=batches, optimizer=gh.Optimizer(learning_rate=0.02))
    after = run.evaluate_target(target, PERIOD)
    assert after["rmse"].median() < 0.6 * before["rmse"].median()
    assert list(after["gauge"]) == list(basins().domain.gauges.index)
    kept = dict(name="soil_wetness", weight=1.0, loss=loss, scale=1.0, offset=0.0)
    assert run.about["targets"] == [kept] and run.about["fitted"] == ["soil_wetness"]


def test_target_scores_are_those_of_the_series():
    observed = wetness().sel(time=DAYS)
    run = fit([gh.Target("soil_wetness", observed)], epochs=1)
    table = run.evaluate_target(gh.Target("soil_wetness", observed), PERIOD).set_index("gauge")
    simulated = run.simulate(outputs=["soil_wetness"])["soil_wetness"].sel(time=DAYS)
    gauge = observed["gauge"].values[2]
    s, o = (v.sel(gauge=gauge).values.astype(float) for v in (simulated, observed))
    assert table.loc[gauge, "bias"] == pytest.approx((s - o).mean(), rel=1e-5)
    assert table.loc[gauge, "rmse"] == pytest.approx(np.sqrt(((s - o) ** 2).mean()), rel=1e-5)
    spread = np.sqrt((((s - s.mean()) - (o - o.mean())) ** 2).mean())
    assert table.loc[gauge, "ubrmse"] == pytest.approx(spread, rel=1e-5)
    assert table.loc[gauge, "correlation"] == pytest.approx(np.corrcoef(s, o)[0, 1], rel=1e-5)
    assert table.loc[gauge, "days"] == len(o) and table.loc[gauge, "unit"] == "1"


@pytest.mark.parametrize("batches", [None, BATCHES], ids=["whole", "minibatches"])
def test_gaps_of_a_target_do_not_count(batches):
    observed = wetness()
    gaps = observed.copy()
    gaps[40:70], gaps[:, 1] = np.nan, np.nan
    dropped = observed.isel(time=[*range(40), *range(70, observed.sizes["time"])])
    dropped = dropped.drop_isel(gauge=1)
    gauge = str(observed["gauge"].values[1])
    split = gh.splits.hold_out(observed["gauge"].values, [gauge], PERIOD)
    runs = [
        fit([gh.Target("soil_wetness", o)], batches=batches, period=split)
        for o in (gaps, dropped, dropped.to_pandas())
    ]
    assert torch.equal(weights(runs[0]), weights(runs[1]))
    assert torch.equal(weights(runs[0]), weights(runs[2]))
    assert not torch.equal(weights(runs[0]), weights(fit([gh.Target("soil_wetness", observed)])))


@pytest.mark.parametrize("batches", [None, BATCHES], ids=["whole", "minibatches"])
def test_gauge_held_out_does_not_count_in_a_target(batches):
    observed = wetness()
    other = observed.copy()
    other[:, 0] = 0.77
    out = [str(observed["gauge"].values[0])]
    split = gh.splits.hold_out(observed["gauge"].values, out, PERIOD)
    runs = [
        fit([gh.Target("soil_wetness", o)], batches=batches, period=split)
        for o in (observed, other)
    ]
    assert torch.equal(weights(runs[0]), weights(runs[1]))


def test_target_units_scale_and_offset_are_converted():
    observed = wetness()
    plain = fit([gh.Target("soil_wetness", observed)])
    percent = (observed * 100).assign_attrs(units="%")
    found = fit([gh.Target("soil_wetness", percent)])
    torch.testing.assert_close(weights(found), weights(plain), rtol=1e-3, atol=1e-4)
    # water content of soils with other porosities and residual contents
    porosity = np.linspace(0.3, 0.5, observed.sizes["gauge"])
    content = (0.05 + porosity * observed).assign_attrs(units="m3 m-3")
    target = gh.Target("soil_wetness", content, loss="nse", scale=porosity, offset=0.05)
    scaled, as_is = fit([target]), fit([gh.Target("soil_wetness", observed, loss="nse")])
    torch.testing.assert_close(weights(scaled), weights(as_is), rtol=1e-3, atol=1e-4)
    table = scaled.evaluate_target(target, PERIOD)
    direct = scaled.evaluate_target(gh.Target("soil_wetness", observed), PERIOD)
    np.testing.assert_allclose(table["rmse"], porosity * direct["rmse"], rtol=1e-4)
    assert set(table["unit"]) == {"m3 m-3"}


def test_target_losses_are_averaged_by_their_weights():
    series = truth("soil_wetness", "actual_evapotranspiration")
    targets = [
        gh.Target("soil_wetness", series["soil_wetness"], weight=3, loss="nse"),
        gh.Target("actual_evapotranspiration", series["actual_evapotranspiration"], loss="nse"),
    ]
    row = fit(targets, basins().discharge, epochs=1).history.iloc[0]
    parts = row["discharge"] + 3 * row["soil_wetness"] + row["actual_evapotranspiration"]
    assert row["loss"] == pytest.approx(parts / 5, rel=1e-5)


def test_gauge_may_have_a_target_without_discharge():
    observed, discharge = wetness(), basins().discharge.copy()
    discharge[:, 0] = np.nan
    fit([gh.Target("soil_wetness", observed)], discharge, epochs=1)
    nothing = observed.copy()
    nothing[:, 0] = np.nan
    with pytest.raises(ValueError, match="have no observation"):
        fit([gh.Target("soil_wetness", nothing)], discharge, epochs=1)


@pytest.mark.parametrize("seed", range(3))
def test_target_observed_on_few_days_is_in_few_minibatches(seed):
    observed = wetness()
    last = observed.where(observed["time"] >= observed["time"].sel(time=PERIOD[1])[-30])
    run = fit(
        [gh.Target("soil_wetness", last)],
        basins().discharge,
        epochs=2,
        session=gh.Session(seed=seed, progress=False),
        batches=Batches(gauges=3, days=40, warmup=100),
    )
    parts = ["loss", "discharge", "soil_wetness"]
    assert list(run.history.columns) == ["epoch", *parts, "waiting", "seconds"]
    assert run.history["discharge"].notna().all()


def test_constant_target_does_not_stop_the_others():
    """KGE has nothing to compare with, discharge goes on being learned."""
    summer = ("2001-06", "2001-08")
    constant = (0 * wetness() + 0.5).assign_attrs(wetness().attrs)
    batches = Batches(gauges=6, days=45, warmup=100)
    options = dict(batches=batches, period=summer)
    target = gh.Target("soil_wetness", constant, loss="kge")
    both = fit([target], basins().discharge, **options)
    alone = gh.train(
        model(),
        basins().forcing,
        basins().discharge,
        epochs=2,
        session=gh.Session(progress=False),
        **options,
    )
    # kernels of other outputs: the last bits may differ
    torch.testing.assert_close(weights(both), weights(alone), rtol=1e-5, atol=1e-7)
    with pytest.raises(ValueError, match=r"soil wetness: .*no gauge has two different"):
        fit([target], basins().discharge)


def test_target_scales_are_matched_by_gauge_names():
    observed = wetness()
    porosity = xr.DataArray(
        np.linspace(0.3, 0.5, observed.sizes["gauge"]), {"gauge": observed["gauge"]}
    )
    content = (porosity * observed).assign_attrs(units="m3 m-3")
    run = fit([gh.Target("soil_wetness", content, scale=porosity)], epochs=1)
    for scale in (porosity, porosity[::-1], porosity.to_series()[::-1], porosity.values):
        table = run.evaluate_target(gh.Target("soil_wetness", content, scale=scale), PERIOD)
        np.testing.assert_allclose(table["rmse"], porosity * direct_errors(run), rtol=1e-4)
    with pytest.raises(ValueError, match="lacks the gauge b11"):
        fit([gh.Target("soil_wetness", content, scale=porosity[:-1])])


def direct_errors(run):
    return run.evaluate_target(gh.Target("soil_wetness", wetness()), PERIOD)["rmse"]


def test_target_rates_of_many_days_are_warned_of():
    observed = truth("actual_evapotranspiration")["actual_evapotranspiration"]
    with pytest.warns(UserWarning, match="observed every 8 days"):
        rate = gh.Target("actual_evapotranspiration", observed[::8])
        fit([gh.Target("soil_wetness", wetness()), rate], epochs=1)


def test_means_over_several_days_are_scored_and_not_trained_on():
    """Composites of eight days, begun anew with each year, and one that the record cuts off."""
    simulated = fit([], basins().discharge, epochs=0)
    flux = "actual_evapotranspiration"
    daily = simulated.simulate(outputs=[flux])[flux]
    times = pd.DatetimeIndex(daily["time"].values)
    starts = [day for year in times.year.unique() for day in times[times.year == year][::8]]
    ends = [*starts[1:], times[-1] + pd.Timedelta(days=1)]
    ends = [min(end, start + pd.Timedelta(days=8)) for start, end in zip(starts, ends, strict=True)]
    one_day = pd.Timedelta(days=1)
    means = [daily.sel(time=slice(a, b - one_day)).mean("time") for a, b in
             zip(starts, ends, strict=True)]  # fmt: skip
    observed = xr.concat(means, pd.DatetimeIndex(starts, name="time"))
    observed = (2 * observed.transpose("time", "gauge")).assign_attrs(daily.attrs)
    target = gh.Target(flux, observed, weight=0, days=8)
    whole = (str(times[0].date()), str(times[-1].date()))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*is observed every 8 days")
        table = simulated.evaluate_target(target, whole)
    assert (table["correlation"] > 0.99999).all()
    assert table["percent_bias"].to_numpy() == pytest.approx(-50, abs=1e-3)
    mean = observed.mean("time").to_numpy()
    np.testing.assert_allclose(table["bias"], -mean / 2, rtol=0.02)
    np.testing.assert_allclose(table["residual_cv"], table["ubrmse"] / mean, rtol=0.02)
    cut = (times[-1] - starts[-1]).days + 1 < 8
    assert set(table["days"]) == {len(starts) - cut} and cut
    with pytest.raises(ValueError, match="has the weight 0, and nothing is learned from it"):
        fit([target], epochs=0)
    with pytest.raises(ValueError, match=r"means of 8 days: .* with weight=0"):
        gh.Target(flux, observed, days=8)


def test_target_scores_say_which_gauges_were_trained_on():
    observed = wetness()
    target, out = gh.Target("soil_wetness", observed), str(observed["gauge"].values[3])
    run = fit([target], period=gh.splits.hold_out(observed["gauge"].values, [out], PERIOD))
    use = run.evaluate_target(target, PERIOD).set_index("gauge")["gauge_use"]
    assert (use == "held out").sum() == 1 and use[out] == "held out"
    assert set(run.evaluate(basins().discharge, PERIOD)["gauge_use"]) == {"held out"}


def raster_run(targets, discharge=None, **options):
    _, _, forcing, _ = small_world()
    options = dict(period=RASTER_PERIOD, spinup=120, epochs=2) | options
    return gh.train(
        small_model(),
        forcing,
        discharge,
        targets=targets,
        session=gh.Session(progress=False),
        **options,
    )


def test_target_on_cells_of_a_raster():
    discharge = small_world()[3]
    same = dict(period=RASTER_PERIOD, epochs=0, spinup=0)
    hidden = gh.train(small_model(fixed=HIDDEN), small_world()[2], discharge, **same)
    observed = hidden.simulate(outputs=["soil_wetness"])["soil_wetness"]
    observed = observed.where((observed["x"] + observed["y"]) % 3 == 0)
    target = gh.Target("soil_wetness", observed)
    alone = raster_run([target], epochs=25, optimizer=gh.Optimizer(learning_rate=0.02))
    assert alone.history["loss"].iloc[-1] < 0.5 * alone.history["loss"].iloc[0]
    table = alone.evaluate_target(target, RASTER_PERIOD)
    observed_cells = int(observed.notnull().any("time").sum())
    assert len(table) == observed_cells < alone.model.domain.size
    assert table["cell"].str.contains("row").all()
    # rivers, which nothing asks for, are left out: the cells' own runs are the same
    domain, _, forcing, _ = small_world()
    packed = gh.Forcing.read(forcing, domain, alone.model).values[:, :50]
    with torch.no_grad():
        dry = alone.model(packed, outputs=("soil_wetness",), routed=False)
        full = alone.model(packed, outputs=("soil_wetness",))
    assert dry.discharge is None and full.discharge is not None
    assert torch.equal(dry.outputs["soil_wetness"], full.outputs["soil_wetness"])
    both = raster_run([target], discharge)
    assert set(both.history.columns) >= {"loss", "discharge", "soil_wetness"}
    gauges = domain.gauges.index
    with pytest.raises(ValueError, match="no discharge whose gauges could be split"):
        raster_run([target], period=gh.splits.hold_out(gauges, gauges[:1], RASTER_PERIOD))
    # a map of part of the domain: the other cells are not observed
    part = gh.Target("soil_wetness", observed.isel(x=slice(0, observed.sizes["x"] // 2)))
    assert 0 < len(alone.evaluate_target(part, RASTER_PERIOD)) < observed_cells


def test_resumed_training_on_a_target_equals_an_unbroken_one(tmp_path):
    target = gh.Target("soil_wetness", wetness())
    unbroken = fit([target], epochs=4, batches=BATCHES)
    fit([target], epochs=4, batches=BATCHES, checkpoints=tmp_path / "a")
    again = fit(
        [target], epochs=4, batches=BATCHES, checkpoints=gh.Checkpoints(tmp_path / "a", resume=True)
    )
    assert torch.equal(weights(unbroken), weights(again))
    for other in (dict(weight=2), dict(scale=5.0), dict(scale=np.linspace(1, 2, 12))):
        with pytest.raises(ValueError, match="targets"):
            fit(
                [gh.Target("soil_wetness", wetness(), **other)],
                epochs=5,
                batches=BATCHES,
                checkpoints=gh.Checkpoints(tmp_path / "a", resume=True),
            )


def changed(**changes):
    def of(observed):
        return observed.assign_attrs(changes)

    return of


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("soil_wetnes", lambda o: o, "no output 'soil_wetnes'"),
        ("soil_wetness", changed(units="kg"), "not known as a unit for '1'"),
        ("soil_wetness", lambda o: xr.concat([o, o[:1]], "time"), "several values on"),
        ("soil_wetness", lambda o: o.assign_coords(time=o["time"] + pd.Timedelta("9000D")),
         "the forcing from"),
        ("soil_wetness", lambda o: o.where(o["time"] != o["time"][150], np.inf),
         r"is inf on 2000-05-30 in basin 'b00', 12 of"),
        ("soil_wetness", lambda o: o.where(o["gauge"] != "b05", -9999),
         r"is -9999 on .* in basin 'b05', .* set what is missing"),
        ("soil_wetness", changed(units="m3 m-3"), "not known as a unit for '1'"),
        ("soil_wetness", lambda o: o.assign_coords(time=o.indexes["time"] + pd.Timedelta("5h")),
         "every day at 05:00"),
        ("soil_wetness", lambda o: o.assign_coords(gauge=[f"x{g}" for g in o["gauge"].values]),
         "none of which is in the domain"),
        ("soil_wetness", lambda o: o * np.nan, "no cell of the domain"),
        ("soil_wetness", lambda o: o.rename(time="day"), "need the dimension 'time'"),
    ],
)  # fmt: skip
def test_wrong_target_observations_are_refused(name, change, message):
    with pytest.raises(ValueError, match=message):
        fit([gh.Target(name, change(wetness()))])


def test_wrong_target_options_are_refused():
    observed = wetness()
    with pytest.raises(ValueError, match="above 0"):
        gh.Target("soil_wetness", observed, weight=-1)
    with pytest.raises(ValueError, match="'rmse'"):
        gh.Target("soil_wetness", observed, loss="mse")
    with pytest.raises(ValueError, match="DataArray"):
        gh.Target("soil_wetness", observed.values)
    with pytest.raises(ValueError, match="scale of 'soil_wetness' is 0"):
        fit([gh.Target("soil_wetness", observed, scale=0.0)])
    with pytest.raises(ValueError, match="shape"):
        fit([gh.Target("soil_wetness", observed, offset=[1.0, 2.0])])
    with pytest.raises(ValueError, match="two targets"):
        fit([gh.Target("soil_wetness", observed)] * 2)
    with pytest.raises(ValueError, match="nothing to train on"):
        fit([])
    with pytest.raises(ValueError, match="list of gridhydro"):
        fit([observed])
