"""Minibatches of a raster: cells upstream of gauges and tiles over windows of days."""

import json
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import gridhydro as gh
from gridhydro.evaluation import losses
from gridhydro.model import march
from gridhydro.model.part import part_of
from gridhydro.training.plan import Plan
from gridhydro.training.prepare import prepare
from tests.support.hydropy_world import PERIOD as YEAR
from tests.support.hydropy_world import hydropy_model, hydropy_world, own
from tests.support.small_world import PERIOD, small_model, small_world

QUIET = gh.Session(progress=False)
LONG = 10**6  # days: more than there are


def ready(model, forcing, discharge, **plan):
    plan = Plan(**dict(session=QUIET, spinup=gh.SpinUp(100, start="empty")) | plan)
    return prepare(model, forcing, discharge, plan, plan.options())


def small(**plan):
    _, _, forcing, discharge = small_world()
    plan = dict(period=PERIOD, discharge=discharge) | plan
    return ready(small_model(), forcing, **plan)


def gradients(one, seed=0):
    """The gradient of each step of an epoch, with its batch."""
    loop, model = one.loop, one.data.model.train()
    batches = [loop.share.batch] if loop.share is not None else loop.rivers.epoch(seed)
    for batch in batches:
        model.zero_grad()
        value, _ = loop.objective(
            batch.simulate(model, one.data.state(batch), loop.objective), batch
        )
        value.backward()
        found = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        yield batch, torch.cat(found).double()


def close(found, expected, tolerance=1e-4):
    assert (found - expected).norm() <= tolerance * expected.norm()


def test_steps_of_hydrodl_draw_every_gauge_until_its_days_are_seen():
    times = {}
    for steps in ("once", "hydrodl"):
        one = small(batches=gh.Batches(3, 30, 100, steps=steps))
        drawn = one.loop.rivers.draws(0)[1]
        times[steps] = sum(len(each.chosen) for each in drawn) / 11
    fill = (one.data.days.stop - one.data.days.start) / 30
    assert times["once"] == round(fill)
    unseen = (1 - 1 / fill) ** times["hydrodl"]
    assert unseen <= 0.01 < unseen / (1 - 1 / fill)


def test_gradients_of_gauges_add_up_to_that_of_all_cells():
    ((_, whole),) = gradients(small())
    parts = [*gradients(small(batches=gh.Batches(3, LONG, 100, cells=507)))]
    gauges = torch.cat([batch.gauges for batch, _ in parts])
    assert gauges.sort().values.tolist() == list(range(11)) and len(parts) >= 4
    assert any(len(batch.cells) < 100 for batch, _ in parts)
    close(sum(gradient * len(batch.gauges) for batch, gradient in parts) / 11, whole)


def joint(correction=None, network="mlp", hidden=(8,), **plan):
    world = hydropy_world()
    model = hydropy_model(
        world.domain, world.land, world.attributes, network=network, hidden=hidden,
        correction=correction,
    )  # fmt: skip
    if correction is not None:  # it begins as nothing, whatever it reads
        with torch.no_grad():
            model.correction.layers[-1].bias.fill_(0.3)
            model.correction.layers[-1].weight.normal_(0, 0.02)
    plan = dict(period=YEAR, discharge=world.discharge) | plan
    return ready(model, own(world, model), **plan)


def test_gradients_of_gauges_and_tiles_weigh_as_in_the_whole():
    world = hydropy_world()
    storage = dict(targets=gh.StorageTarget(world.storage, 0.3))
    ((_, whole),) = gradients(joint(**storage))
    parts = [*gradients(joint(**storage, batches=gh.Batches(1, LONG, 100)))]
    assert sorted(batch.of for batch, _ in parts) == ["discharge"] * 2 + ["storage"] * 4
    close(sum(gradient for _, gradient in parts) / len(parts), whole)


def test_a_tile_without_observations_in_a_window_is_passed_over():
    """Its other solutions are scored in their own windows."""
    world = hydropy_world()
    values = world.storage.values.copy()
    values[12:19, 1] = np.nan
    gaps = gh.StorageTarget(replace(world.storage, values=values), 1.0)
    batches = gh.Batches(4, 181, 100)
    one = joint(targets=gaps, batches=batches).loop
    for seed in range(4):
        for batch in one.rivers.epoch(seed):
            observed = batch.storage.observed
            assert ((~observed.isnan()).sum(0) > 1).all() and observed.shape[1] in (3, 4)


@pytest.mark.parametrize(
    "options", [dict(correction="conv3d"), dict(network="conv2d", hidden=(4, 4))], ids=str
)
def test_what_looks_at_neighbours_sees_them_in_a_part_as_well(options):
    one = joint(**options)
    model, forcing = one.data.model.eval(), one.data.forcing.values[:, :40].contiguous()
    cells = model.domain.upstream("branch")
    with torch.no_grad():
        whole = model(forcing, outputs=("runoff",))
        part, taken = part_of(model, cells)
        found = part(forcing[:, :, taken].contiguous(), outputs=("runoff",))
    assert len(cells) == part.domain.size < model.domain.size
    expected = whole.outputs["runoff"][:, taken[: len(cells)]]
    torch.testing.assert_close(found.outputs["runoff"], expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.discharge, whole.discharge[:, 1:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("routing", [gh.River(), gh.River(3, delay=1)], ids=["0", "1"])
def test_a_part_gives_the_numbers_of_the_whole_to_the_last_bit(routing):
    domain, _, forcing, _ = small_world()
    model = small_model(routing=routing)
    values = gh.Forcing.read(forcing, domain, model).values[:, :60].contiguous()
    with torch.no_grad():
        whole = model(values)
        for gauges in (["G20", "G05"], ["G04", "G11"], list(domain.gauges.index)):
            part, taken = part_of(model, domain.upstream(gauges))
            found = part(values[:, :, taken].contiguous())
            names = part.domain.gauges.index
            assert set(gauges) <= set(names)
            places = [domain.gauges.index.get_loc(name) for name in names]
            assert torch.equal(found.discharge, whole.discharge[:, places])
            river = found.state.river
            assert torch.equal(river, whole.state.river[:, taken])


def test_gradients_from_states_are_those_of_the_whole_run():
    """Windows of the second half of the days, for which the run without gradient is the spin-up."""
    second = dict(period=("2001-10", "2001-12"), spinup=gh.SpinUp(273, start="empty"))
    ((_, whole),) = gradients(small(**second))
    one = small(**second, batches=gh.Batches(11, LONG, "states"))
    one.loop.rivers.epoch = partial(
        one.loop.rivers.epoch, begun=dict(one.data.model.named_parameters())
    )
    ((batch, found),) = gradients(one)
    assert batch.state is not None and not batch.before.shape[1]
    close(found, whole)


def test_a_correction_sees_the_days_around_a_window_that_begins_with_a_state():
    options = dict(correction="conv3d", spinup=gh.SpinUp(start="empty"))
    one = joint(**options, batches=gh.Batches(2, 60, "states"))
    model, rivers = one.data.model.eval(), one.loop.rivers
    begun = dict(model.named_parameters())
    values = one.data.forcing.values[:, : one.data.days.stop].contiguous()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = model(values).discharge
        batch = next(iter(rivers.epoch(5, begun)))
        found = batch.gauged(batch.simulate(model, batch.state))
    assert 0 < batch.first < one.data.days.stop - 70 and len(found) == 60 + model.correction.ahead
    expected = whole[batch.first : batch.first + 60, batch.gauges]
    torch.testing.assert_close(found[:60], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("hidden", [(6,), (6, 8)])
def test_an_lstm_remembers_the_days_before_a_window_that_begins_with_a_state(hidden):
    """Daily parameters of a window are those of the whole run, wherever its tiles are cut."""
    network = gh.ParameterNetwork("lstm", hidden=hidden, dynamic=["beta"])
    domain, attributes, forcing, discharge = small_world()
    torch.manual_seed(0)
    model = gh.Model(domain, "hbv", attributes, network=network)
    torch.nn.init.normal_(model.network.daily_head.weight, std=0.5)
    one = ready(
        model, forcing, discharge, period=PERIOD, spinup=gh.SpinUp(start="empty"),
        batches=gh.Batches(2, 40, "states"),
    )  # fmt: skip
    model, rivers, days = model.eval(), one.loop.rivers, one.data.days.stop
    values = one.data.forcing.values[:, :days].contiguous()
    length, drawn = rivers.draws(5)
    with torch.no_grad():
        whole = model.cell_parameters(values)["beta"]
        for begun, batch in zip(
            drawn, rivers.epoch(5, dict(model.named_parameters())), strict=True
        ):
            assert begun.start == batch.first and batch.state.memory is not None
            found, _ = batch.part.remembering(batch.forcing, None, None, batch.state.memory)
            expected = whole[batch.first : batch.first + length, batch.cells]
            torch.testing.assert_close(found["beta"], expected, rtol=1e-5, atol=1e-6)
            cold = batch.part.remembering(batch.forcing)[0]["beta"]
            assert (cold - expected).abs().max() > 1e-3
            run = batch.simulate(model, batch.state)
            assert run.discharge.isfinite().all()
    assert any(draw.start % 64 for draw in drawn)


@pytest.mark.parametrize("warmup", [40, "states"])
def test_a_training_broken_off_within_an_epoch_goes_on_to_the_same_numbers(warmup, tmp_path):
    _, _, forcing, discharge = small_world()
    options = dict(period=PERIOD, epochs=2, batches=gh.Batches(4, 60, warmup, cells=507))
    options |= dict(session=QUIET)

    def train(**more):
        return gh.train(small_model(), forcing, discharge, **options | more)

    calls = []

    def breaking(simulated, observed):
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return losses.loss("rmse")(simulated, observed)

    def steady(simulated, observed):
        return losses.loss("rmse")(simulated, observed)

    steady.__name__ = breaking.__name__
    whole = train(loss=steady)
    with pytest.raises(KeyboardInterrupt):
        train(loss=breaking, checkpoints=gh.Checkpoints(tmp_path, every=0))
    kept = json.loads((tmp_path / "checkpoint/checkpoint.json").read_text())["within"]
    assert kept["batches"] > 0
    again = train(loss=steady, checkpoints=gh.Checkpoints(tmp_path, resume=True))
    for one, other in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_targets_on_cells_are_those_of_the_cells_that_are_run():
    """Without discharge minibatches are drawn by the domain's gauges all the same."""
    domain, _, forcing, _ = small_world()
    wet = np.random.default_rng(1).random((len(forcing.time), domain.size))
    observed = domain.unpack(
        wet, attrs={"units": "1"}, dims=("time",), coords={"time": forcing.time}
    )
    target = gh.Target("soil_wetness", observed.isel(x=slice(0, 14)))
    options = dict(targets=target, discharge=None)
    ((_, whole),) = gradients(small(**options))
    ((batch, found),) = gradients(small(**options, batches=gh.Batches(11, LONG, 100)))
    assert len(batch.cells) == domain.size and batch.of is None
    close(found, whole)
    alone = small(**options, batches=gh.Batches(1, LONG, 100))
    objective, (series,) = alone.loop.objective, alone.data.targets
    sizes = []
    for batch in alone.loop.rivers.epoch(0):
        run = batch.simulate(alone.data.model, None, objective)
        columns, places = batch.columns(series)
        cells = series.cells[columns]
        assert torch.equal(batch.cells[places], cells)
        known = domain.upstream(domain.gauges.index[int(batch.gauges[0])])
        assert set(cells.tolist()) == set(known) & set(series.cells.tolist())
        days = series.values[alone.data.days][:, columns]
        expected = losses.loss("rmse")(run.outputs["soil_wetness"][:, places], days)
        torch.testing.assert_close(objective(run, batch)[0], expected)
        sizes.append(len(cells))
    assert 0 < min(sizes) < max(sizes)


def test_every_gauge_is_drawn_alike_and_fits_into_the_limit():
    domain = small_world()[0]
    rivers = small(batches=gh.Batches(3, 30, 20, cells=600)).loop.rivers
    _, drawn = rivers.draws(7)
    again = rivers.draws(7)[1]
    told = [[(d.chosen, d.start) for d in one] for one in (drawn, again, rivers.draws(8)[1])]
    assert told[0] == told[1] != told[2]
    counts = np.bincount(np.concatenate([d.chosen for d in drawn]), minlength=11)
    assert set(counts) == {round(184 / 30)}
    assert {len(d.chosen) for d in drawn} <= {1, 2, 3} and len(drawn) < 3 * 11
    names = list(domain.gauges.index)
    inner = gh.splits.hold_out(names, ["G03"], PERIOD)  # the others have 218 cells at most
    limited = small(period=inner, batches=gh.Batches(10, 30, 20, cells=230))
    cells = [len(domain.network.upstream_cells(d.mouths)) for d in limited.loop.rivers.draws(7)[1]]
    assert max(cells) <= 230 == limited.loop.rivers.most and len(cells) > round(184 / 30)
    days = limited.data.days
    assert all(days.start <= d.start <= days.stop - 30 for d in drawn)


def test_a_gauge_beyond_the_limit_is_named_with_what_it_needs():
    needed = (
        r"of 300 .* the gauge 'G03', with 507 cells upstream: take Batches\(cells=507\) or more"
    )
    with pytest.raises(ValueError, match=needed):
        small(batches=gh.Batches(3, 30, 20, cells=300))
    with pytest.raises(ValueError, match=r"'G03', with 507 .* \(2 others are too large as well\)"):
        small(batches=gh.Batches(3, 30, 20, cells=100))
    tiles = dict(targets=gh.StorageTarget(hydropy_world().storage, 1.0))
    with pytest.raises(
        ValueError, match=r"of 5 cells cannot hold the tile '[^']+', with \d+ cells"
    ):
        joint(**tiles, batches=gh.Batches(1, 60, 20, cells=5))


def test_a_run_trained_on_minibatches_is_scored_and_kept_as_any(tmp_path):
    world = hydropy_world()
    model = hydropy_model(world.domain, world.land, world.attributes, network="mlp", hidden=(8,))
    run = gh.train(
        model, own(world, model), world.discharge, period=YEAR, epochs=3, session=QUIET,
        targets=gh.StorageTarget(world.storage, 0.5), batches=gh.Batches(1, 90, "states", cells=64),
        optimizer=gh.Optimizer(learning_rate=0.02),
    )  # fmt: skip
    history = run.history
    assert {"loss", "discharge", "storage"} <= set(history)
    assert history["loss"].iloc[-1] < 0.9 * history["loss"].iloc[0]
    assert run.about["start"] == "settled" and run.settled and run.drift
    assert run.evaluate(world.discharge, YEAR)["nse"].notna().all()
    assert run.evaluate_storage(world.storage, YEAR)["nse"].notna().all()
    run.save_model(tmp_path)
    again = gh.Run.load(tmp_path, run.forcing)
    np.testing.assert_array_equal(again.discharge(), run.discharge())
    assert again.about["batches"] == dict(gauges=1, days=90, warmup="states", cells=64, together=1)


def test_a_validation_by_blocks_is_that_of_one_run(monkeypatch):
    monkeypatch.setattr(march, "YEAR", 50)
    later = ("2002-02", "2002-08")
    session = gh.Session(progress=False, validation=later)
    one = small(batches=gh.Batches(3, 60, 100), session=session)
    found = one.loop.scores(one.record.about)
    monkeypatch.undo()
    _, _, _, discharge = small_world()
    run = gh.Run(one.data.model, one.data.forcing, one.record.table, one.record.about)
    known = run.evaluate(discharge, later)["nse"].median()
    assert found["discharge"] == pytest.approx(known, abs=1e-6)
