"""An emulator in the place of a column: parameters learned through it, kept, carried on."""

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro import surrogate
from gridhydro.evaluation.metrics import nse
from tests.support.black_box import MIDDLE, bucket, forcing, sample, small_surrogate, weather
from tests.support.options import grouped
from tests.support.small_world import small_world


def domain(basins=4):
    return gh.Domain.of_basins(np.full(basins, 50.0), [f"g{k}" for k in range(basins)])


def attributes(basins=4):
    return {"sand": np.linspace(0, 1, basins), "slope": np.linspace(1, 0, basins) ** 2}


def truth(basins=4):
    """Hidden parameters of the basins, and the runoff of the model itself."""
    values = {
        "capacity": np.linspace(50, 170, basins), "recession": np.geomspace(0.05, 0.3, basins)
    }  # fmt: skip
    runoff = bucket(forcing(), values)["runoff"]
    return values, xr.DataArray(
        runoff, dims=("time", "gauge"), coords=forcing().coords, attrs={"units": "mm d-1"}
    )


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("capacity", [60.0, 201.0], r"capacity = 201 mm is outside \[20, 200\].*1 of 2"),
        ("recession", [0.1, 0.019], r"recession = 0.019 d-1 is outside \[0.02, 0.5\]"),
    ],
)
def test_parameters_outside_what_was_sampled_are_refused(name, values, message):
    given = MIDDLE | {name: torch.tensor(values)}
    with pytest.raises(ValueError, match=message):
        gh.simulate(small_surrogate(), weather(), given)
    with pytest.raises(ValueError, match="the range that the surrogate was sampled in"):
        gh.Model(domain(), small_surrogate(), attributes(), fixed={name: values[1]})
    with pytest.raises(ValueError, match="the range that the surrogate was sampled in"):
        gh.Model(domain(), small_surrogate(), network="free", defaults={name: values[1]})


def fitted(column, **options):
    model = gh.Model(
        domain(), column, attributes(), network=gh.ParameterNetwork(hidden=(16,), seed=1)
    )
    options = (
        dict(period=("2000-03-01", "2001-05-14"), spinup=60, session=gh.Session(progress=False))
        | options
    )
    return gh.train(model, forcing(), truth()[1], **options)


def test_parameters_are_learned_through_a_surrogate():
    column = small_surrogate()
    before = {k: v.clone() for k, v in column.emulator.state_dict().items()}
    untrained = fitted(column, epochs=0)
    run = fitted(column, epochs=60, optimizer=gh.Optimizer(learning_rate=0.02))
    assert run.history["loss"].iloc[-1] < 0.5 * run.history["loss"].iloc[0]
    assert all(torch.equal(v, before[k]) for k, v in column.emulator.state_dict().items())

    def score(run):  # of the model itself with the parameters found through the surrogate
        values = {n: run.parameters[n].values for n in ("capacity", "recession")}
        found, wanted = bucket(forcing(), values)["runoff"], truth()[1].values
        return [nse(found[60:, k], wanted[60:, k]) for k in range(4)]

    assert np.median(score(run)) > 0.9
    assert np.median(score(run)) > np.median(score(untrained)) + 0.05


@pytest.mark.parametrize(
    ("options", "days"),
    [
        (dict(spinup=0), 440),
        (dict(spinup=49), 49),
        (dict(batches=gh.Batches(gauges=4, days=100, warmup=20)), 20),
    ],
)
def test_training_from_a_cold_start_warns(options, days):
    with pytest.warns(UserWarning, match=f"run of {days} days begins without a state"):
        fitted(copy.deepcopy(small_surrogate()), epochs=1, **options)


def test_training_after_a_spin_up_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(copy.deepcopy(small_surrogate()), epochs=1, spinup=50)


def test_surrogate_is_saved_with_its_run(tmp_path):
    column = small_surrogate()
    run = fitted(column, epochs=2)
    run.save(tmp_path / "run")
    again = gh.load(tmp_path / "run", forcing())
    assert again.model.column.name == column.name
    pd.testing.assert_frame_equal(again.discharge(), run.discharge())
    column.save(tmp_path / "own")
    alone = surrogate.load(tmp_path / "own")
    days = weather()
    for name, value in gh.simulate(column, days, MIDDLE)[0].items():
        assert torch.equal(value, gh.simulate(alone, days, MIDDLE)[0][name])
    assert alone.parameters == column.parameters
    assert alone.about == column.about
    assert alone.warmup == 50
    pd.testing.assert_frame_equal(alone.history, column.history, check_dtype=False)
    with pytest.raises(FileNotFoundError, match="holds no surrogate"):
        surrogate.load(tmp_path)


def test_training_is_resumed_with_the_same_surrogate_only(tmp_path):
    column = small_surrogate()
    whole = fitted(column, epochs=4, optimizer=gh.Optimizer(decay=False))
    fitted(
        column,
        epochs=2,
        optimizer=gh.Optimizer(decay=False),
        checkpoints=gh.Checkpoints(tmp_path, every=0.0),
    )
    other = copy.deepcopy(column)
    torch.nn.init.normal_(other.emulator.head.bias)
    with pytest.raises(ValueError, match=r"another training .*column was surrogate-"):
        fitted(
            other,
            epochs=2,
            optimizer=gh.Optimizer(decay=False),
            checkpoints=gh.Checkpoints(tmp_path, resume=True),
        )
    with pytest.raises(ValueError, match="epochs was 2, is 1"):
        fitted(
            column,
            epochs=1,
            optimizer=gh.Optimizer(decay=False),
            checkpoints=gh.Checkpoints(tmp_path, resume=True),
        )
    for epochs in (2, 4):  # more of them may be asked for
        again = fitted(
            column,
            epochs=epochs,
            optimizer=gh.Optimizer(decay=False),
            checkpoints=gh.Checkpoints(tmp_path, resume=True),
        )
        np.testing.assert_array_equal(again.history["loss"], whole.history["loss"][:epochs])


def test_surrogate_predicts_for_new_basins():
    run = fitted(small_surrogate(), epochs=2)
    places = {n: ("gauge", v) for n, v in attributes().items()}
    basins = forcing().assign(places).assign_coords(area=("gauge", [50.0] * 4))
    found = run.predict(basins, pet="given")["discharge"]
    np.testing.assert_allclose(found, run.discharge().values, rtol=1e-5)


def test_without_runoff_there_is_no_discharge():
    dry = surrogate.fit(
        sample(8),
        ["soil_wetness"],
        hidden=4,
        training=surrogate.Training(epochs=1),
        windows=surrogate.Windows(days=100, warmup=0),
        progress=False,
    )
    assert [f.name for f in dry.fluxes] == ["soil_wetness"]
    model = gh.Model(domain(), dry, attributes(), network=gh.ParameterNetwork(hidden=(4,)))
    run = model(weather(cells=4), None, ("soil_wetness",))
    assert run.discharge.isnan().all()
    assert run.outputs["soil_wetness"].shape == (200, 4)
    with pytest.raises(ValueError, match="gives no runoff, so there is no discharge"):
        fitted(dry)


def test_parameters_are_learned_from_a_target_without_discharge():
    values, _ = truth()
    wetness = bucket(forcing(), values)["soil_wetness"]
    wetness[np.random.default_rng(1).random(wetness.shape) < 0.6] = np.nan
    observed = xr.DataArray(
        wetness, dims=("time", "gauge"), coords=forcing().coords, attrs={"units": "1"}
    )
    target = gh.Target("soil_wetness", observed)
    model = gh.Model(
        domain(), small_surrogate(), attributes(), network=gh.ParameterNetwork(hidden=(16,), seed=1)
    )
    run = gh.train(
        model,
        forcing(),
        targets=[target],
        period=("2000-03-01", "2001-05-14"),
        spinup=60,
        epochs=60,
        optimizer=gh.Optimizer(learning_rate=0.02),
        session=gh.Session(progress=False),
    )
    assert run.history["loss"].iloc[-1] < 0.6 * run.history["loss"].iloc[0]
    found = run.parameters["capacity"].values
    assert np.corrcoef(found, values["capacity"])[0, 1] > 0.9
    assert (run.evaluate_target(target, ("2000-03-01", "2001-05-14"))["nse"] > 0.5).all()


@pytest.mark.parametrize("network", ["lstm", "gz", "free"])
def test_every_parameter_network_trains_through_a_surrogate(network):
    given = {} if network == "free" else dict(attributes=attributes(), hidden=(8,))
    if network == "gz":
        past = forcing().assign(runoff=truth()[1])
        given["history"] = gh.History.of(domain(), past, period=("2000-03", "2000-12"))
    model = gh.Model(domain(), small_surrogate(), **grouped(network=network, components=2, **given))
    run = gh.train(
        model,
        forcing(),
        truth()[1],
        period=("2000-03-01", "2001-05-14"),
        spinup=60,
        epochs=12,
        optimizer=gh.Optimizer(learning_rate=0.03),
        session=gh.Session(progress=False),
    )
    assert run.history["loss"].iloc[-1] < 0.95 * run.history["loss"].iloc[0]


def test_surrogate_runoff_is_routed():
    catchment, maps, weather, _ = small_world()
    model = gh.Model(catchment, small_surrogate(), maps, network=gh.ParameterNetwork(hidden=(8,)))
    days = gh.Forcing.read(weather.isel(time=slice(0, 90)), catchment, model)
    with pytest.warns(UserWarning, match="the surrogate was trained on"):
        run = model(days.values, outputs=("runoff",))
    assert run.discharge.shape == (90, len(catchment.gauges))
    assert (run.discharge[60:] > 0).all()
    assert run.state.column["hidden"].shape == (catchment.size, 1, 16)
