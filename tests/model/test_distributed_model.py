"""The distributed hybrid: HydroPy columns, rivers, storage, corrected demand, trained together."""

import numpy as np
import pytest
import torch

import gridhydro as gh
from gridhydro.model.march import storage
from gridhydro.model.river import SECONDS, River
from tests.support.hydropy_world import PERIOD, SPINUP, hydropy_model, hydropy_world, own

HYBRID = dict(network="mlp", hidden=(8,))


def model(network, **options):
    world = hydropy_world()
    attributes = None if network in ("none", "free") else world.attributes
    return hydropy_model(world.domain, world.land, attributes, network=network, **options)


def train(trained, epochs=4, **options):
    defaults = dict(
        targets=gh.StorageTarget(hydropy_world().storage, 0.5),
        spinup=gh.SpinUp(SPINUP, start="equilibrium"),
        optimizer=gh.Optimizer(learning_rate=0.02),
        session=gh.Session(progress=False),
    )
    return gh.train(
        trained,
        own(hydropy_world(), trained),
        hydropy_world().discharge,
        period=PERIOD,
        epochs=epochs,
        **defaults | options,
    )


@pytest.mark.parametrize(
    ("backend", "delay", "transit"),
    [(name, 1, True) for name in ("numba", "triton", "torch")]
    + [("numba", 1, False), ("torch", 1, False), ("numba", 0, True)],
)
def test_storage_is_that_of_all_stores_and_rivers(backend, delay, transit):
    """Averages over months against the daily run and what its budget holds at the end of a day."""
    days, averages = 9, gh.Averages.of_labels([-1, 0, 0, 0, 2, 2, -1, 3, 3], 4)
    routing = River(3, delay=delay, learned="lag", transit=transit)
    one = model(network="none", backend=backend, routing=routing)
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    one.to(device)
    forcing = own(hydropy_world(), one).values[:, :days].contiguous().to(device)
    with torch.no_grad():
        found = one(forcing, averages=averages.to(device)).storage
        state, daily, parameters = None, [], one.cell_parameters()
        for day in range(days):
            run = one(forcing[:, day : day + 1].contiguous(), state, ("total_storage",))
            state = run.state
            budget = torch.from_numpy(storage(one, state, parameters)).to(device)
            river = state.river[5] if not transit else 0.0
            daily.append((budget - river) / (one.area / 1000))
    assert delay == 0 or state.river[5].max() > 0
    expected = averages.means(torch.stack(daily))
    torch.testing.assert_close(found.double(), expected, rtol=2e-6, atol=2e-5)
    assert (found[1] == 0).all() and found[3].min() > 0


def test_raster_model_conserves_mass():
    """Rain = evapotranspiration + discharge at the mouth + what all stores and rivers gained."""
    one = model(network="none").double()
    forcing = own(hydropy_world(), one).values.double()
    with torch.no_grad():
        asked = ("actual_evapotranspiration",)
        half = one(forcing[:, :300].contiguous(), outputs=asked)
        run = one(forcing[:, 300:].contiguous(), half.state, asked)
    volume = one.area / 1000

    def stored(state):
        stores = sum(s[:, 0] for s in state.column.values())
        in_transit = state.river[5].sum()
        return (stores * volume).sum() + state.river[:5].sum() + in_transit

    rain = (forcing[0, 300:] * volume).sum()
    lost = (run.outputs["actual_evapotranspiration"] * volume).sum()
    left = run.discharge[:, 0].sum() * SECONDS
    gained = stored(run.state) - stored(half.state)
    assert abs(rain - lost - left - gained) / rain < 1e-12


def test_a_property_that_is_missing_is_named():
    with pytest.raises(ValueError, match="the cells' soil_capacity is not given"):
        gh.Model(hydropy_world().domain, "hydropy", hydropy_world().attributes)
    lacking = {n: v for n, v in hydropy_world().land.properties.items() if n != "river_reservoirs"}
    with pytest.raises(ValueError, match="river_reservoirs"):
        gh.Model(
            hydropy_world().domain, "hydropy", hydropy_world().attributes, properties=lacking,
            routing=gh.River.hydropy(),
        )  # fmt: skip
    holes = hydropy_world().land.properties | {
        "arno_shape": np.full(hydropy_world().domain.size, np.nan)
    }
    with pytest.raises(ValueError, match="arno_shape is missing in row"):
        gh.Model(hydropy_world().domain, "hydropy", hydropy_world().attributes, properties=holes)


@pytest.mark.parametrize(
    "options",
    [
        dict(network="free"),
        HYBRID,
        HYBRID | dict(network="conv2d"),
        pytest.param(HYBRID | dict(correction="conv3d"), marks=pytest.mark.thorough),
    ],
    ids=["free", "mlp", "conv2d", "correction"],
)
def test_every_configuration_learns_and_comes_back_from_disk(options, tmp_path):
    rate = 0.005 if "correction" in options else 0.02  # convolutions would overshoot
    run = train(model(**options), epochs=6, optimizer=gh.Optimizer(learning_rate=rate))
    history = run.history
    assert {"loss", "discharge", "storage"} <= set(history)
    np.testing.assert_allclose(history["loss"], (history["discharge"] + history["storage"]) / 2)
    assert history["loss"].iloc[-1] < 0.9 * history["loss"].iloc[0]
    run.save_model(tmp_path)
    again = gh.Run.load(tmp_path, run.forcing)
    np.testing.assert_array_equal(again.discharge(), run.discharge())


def test_the_defaults_are_a_model_without_training():
    beyond = hydropy_world().land.defaults | {
        "river_lag": np.linspace(0.001, 40, hydropy_world().domain.size)
    }
    run = train(model(network="none", defaults=beyond), epochs=0)
    for name, values in beyond.items():
        found = hydropy_world().domain.pack(run.parameters[name])
        np.testing.assert_allclose(found, values, rtol=1e-6)
    with pytest.raises(ValueError, match="nothing to learn"):
        train(model(network="none"), epochs=1)


def test_storage_alone_teaches_storage():
    only = train(
        model(**HYBRID), epochs=6, targets=gh.StorageTarget(hydropy_world().storage, 1.0)
    ).history
    assert "discharge" not in only and only["loss"].iloc[-1] < 0.9 * only["loss"].iloc[0]


def test_resumed_training_is_the_unbroken_one(tmp_path):
    options = HYBRID | dict(correction="conv3d")
    whole = train(model(**options), epochs=4)

    class Stop(Exception):
        pass

    def stop_after_two(original):
        def kept(folder, progress, *rest):
            original(folder, progress, *rest)
            if progress.epoch == 2:
                raise Stop

        return kept

    from gridhydro.training import checkpoint

    original = checkpoint.write
    checkpoint.write = stop_after_two(original)
    try:
        with pytest.raises(Stop):
            train(model(**options), epochs=4, checkpoints=gh.Checkpoints(tmp_path, every=0))
    finally:
        checkpoint.write = original
    rest = train(model(**options), epochs=4, checkpoints=gh.Checkpoints(tmp_path, resume=True))
    np.testing.assert_array_equal(rest.history["loss"], whole.history["loss"])


def test_a_correction_sees_across_the_end_of_the_spin_up():
    one = model(**HYBRID | dict(correction="conv3d"))
    values = own(hydropy_world(), one).values
    one.fit_inputs(values[:, :365])
    with torch.no_grad():
        one.correction.layers[-1].weight.normal_(std=0.5)
        before, after = values[:, :400].contiguous(), values[:, 400:].contiguous()
        cut = one(after, before=before).discharge
        whole = one(values).discharge[400:]
        plain = one.weather(values)[2]
    assert (plain - values[2]).abs().max() > 0.1
    torch.testing.assert_close(cut, whole, rtol=1e-5, atol=1e-3)


def test_the_start_near_equilibrium_drifts_less():
    one = model(network="none")
    values = own(hydropy_world(), one).values
    year = values[:, :365].contiguous()
    with torch.no_grad():
        start = one.near_equilibrium(year)
    settled = one.spin_up(year, cycles=60, until=1e-4)
    empty = one.spin_up(year, cycles=1)

    def distance(state):
        return (state.column["groundwater"] / settled.column["groundwater"] - 1).abs().mean()

    assert distance(start) < 0.5 * distance(empty)


@pytest.mark.thorough
def test_the_start_near_equilibrium_has_a_gradient():
    """A longer lag means more groundwater to begin with: by differences, and by the adjoint."""
    one = model(network="free").double()
    year = own(hydropy_world(), one).values[:, :365].double().contiguous()

    def content():
        return one.near_equilibrium(year).column["groundwater"].sum()

    (gradient,) = torch.autograd.grad(content(), one.network.raw)
    # where it rises: in a direction of chance the sum could be as small as what is held
    step = gradient.sign() * 1e-5
    with torch.no_grad():
        one.network.raw += step
        more = content()
        one.network.raw -= 2 * step
        less = content()
    # the first run, which fills the soil, is held
    assert float((gradient * 2 * step).sum()) == pytest.approx(float(more - less), rel=0.01)


def test_spin_up_ends_when_nothing_changes_any_more():
    one = model(network="none")
    year = own(hydropy_world(), one).values[:, :365].contiguous()
    runs = []
    original = one.run
    one.run = lambda *a, **k: runs.append(1) or original(*a, **k)
    settled = one.spin_up(year, cycles=200, until=0.001)
    assert 3 < len(runs) < 200
    once_more = one.spin_up(year, 1, settled)
    for name, store in settled.column.items():
        gain = once_more.column[name] - store
        most = gain.argmax()
        assert gain.flatten()[most] <= 0.001 * store.flatten()[most], name


def test_validation_is_scored_while_training():
    period, later = ("2004-01", "2004-06"), ("2004-07", "2004-12")
    trained = model(**HYBRID)
    run = gh.train(
        trained,
        own(hydropy_world(), trained),
        hydropy_world().discharge,
        period=period,
        spinup=gh.SpinUp(days=SPINUP, start="equilibrium"),
        epochs=20,
        session=gh.Session(validation=later, progress=False),
        targets=gh.StorageTarget(hydropy_world().storage, 0.5),
        optimizer=gh.Optimizer(learning_rate=0.02),
    )
    scores = run.history["validation_discharge_nse"].dropna()
    assert len(scores) == 10
    table = run.evaluate(hydropy_world().discharge, later)
    assert scores.iloc[-1] == pytest.approx(table["nse"].median(), abs=0.1)
    with pytest.raises(ValueError, match="days that are trained on, 2004-06-01 to 2004-06-30"):
        gh.train(
            trained,
            own(hydropy_world(), trained),
            hydropy_world().discharge,
            period=period,
            spinup=SPINUP,
            epochs=1,
            session=gh.Session(validation=("2004-06", "2004-12"), progress=False),
        )


def test_raster_training_options_that_do_not_fit_are_refused():
    with pytest.raises(
        ValueError, match="found in the days of a spin-up, which minibatches do not"
    ):
        train(model(**HYBRID), batches=gh.Batches(4, 30, 30))
    other = gh.Tiles.of(hydropy_world().domain.crop(["branch"]), 2.0, minimum=0.01)
    values = np.zeros((24, other.size))
    wrong = gh.StorageObservations(
        other, hydropy_world().storage.start, hydropy_world().storage.end, values
    )
    with pytest.raises(ValueError, match="make them from this domain"):
        train(model(**HYBRID), targets=gh.StorageTarget(wrong))
    with pytest.raises(ValueError, match="no hidden layers"):
        model(network="free", hidden=(8,))
    with pytest.raises(ValueError, match="start is one of"):
        train(model(**HYBRID), spinup=gh.SpinUp(start="full"))
