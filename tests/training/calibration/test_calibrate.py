"""Parameters of each cell alone: what is found is what is kept, losses, resume, the command."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import gridhydro as gh
from gridhydro.cli import main
from gridhydro.evaluation import losses, metrics
from gridhydro.training import checkpoint
from gridhydro.training.calibration.losses import LOSSES, loss_by_cell
from gridhydro.training.calibration.record import Record
from tests.support.lumped import basins
from tests.support.small_basins import FILE, NAMES, small_basins
from tests.support.small_world import PERIOD as RASTER
from tests.support.small_world import small_model, small_world

PERIOD = ("2001", "2001")
# few parameters, so that a calibration ends soon
FREE = ("FC", "K1", "beta")
FIXED = {f.name: sum(f.bounds) / 2 for f in gh.COLUMNS["hbv"].parameters if f.name not in FREE}


def free(column="hbv", **options):
    options = dict(fixed=FIXED) | options
    return gh.Model(basins().domain, column, network="free", **options)


def calibrated(complexes=2, max_runs=250, fixed=FIXED, routing=None, **options):
    parts = basins()
    # all days before the period, as in the run that is scored
    options = dict(period=PERIOD, spinup=366, session=gh.Session(progress=False)) | options
    method = gh.SCEUA(complexes, max_runs)
    model = free(fixed=fixed, routing=routing)
    return gh.calibrate(model, parts.forcing, parts.discharge, method=method, **options)


@pytest.mark.parametrize("name", ["nse", "kge", "rmse_lowflow"])
def test_losses_of_a_calibration_are_those_of_training(name):
    random = torch.Generator().manual_seed(1)
    simulated = torch.rand(60, 3, 4, generator=random) * 5
    simulated[:, 1, 2] = 2.0  # constant
    observed = torch.rand(60, 3, generator=random) * 5
    observed[torch.rand(60, 3, generator=random) < 0.3] = torch.nan
    found = loss_by_cell(name, simulated, observed)
    for cell in range(3):
        for member in range(4):
            expected = losses.LOSSES[name](simulated[:, [cell], member], observed[:, [cell]])
            torch.testing.assert_close(found[cell, member], expected, rtol=1e-5, atol=1e-6)
    assert set(losses.LOSSES) <= set(LOSSES)


def test_rmse_is_that_of_the_metrics():
    simulated, observed = torch.rand(50, 2, 1), torch.rand(50, 2)
    observed[3:20, 1] = torch.nan
    found = loss_by_cell("rmse", simulated, observed)
    expected = [metrics.rmse(simulated[:, k, 0].numpy(), observed[:, k].numpy()) for k in (0, 1)]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)


@pytest.fixture(scope="module")
def found():
    return calibrated(routing=gh.UnitHydrograph(), max_runs=600)


def test_what_was_found_is_what_is_kept_and_loaded(found, tmp_path):
    parts = basins()
    assert found.evolution.lowest[-1].max() < 0.2
    assert (found.evolution.lowest[-1] <= found.evolution.lowest[0]).all()
    scores = found.evaluate(parts.discharge, PERIOD)
    np.testing.assert_allclose(scores["nse"], 1 - found.evolution.lowest[-1], atol=2e-6)
    assert (scores["gauge_use"] == "trained").all()
    found.save(tmp_path, scores=scores)
    again = gh.load(tmp_path, parts.forcing)
    assert again.parameters.equals(found.parameters)
    pd.testing.assert_frame_equal(again.discharge(), found.discharge())
    pd.testing.assert_frame_equal(again.history, found.history)
    assert (tmp_path / "calibration.nc").exists()


def test_fewer_runs_are_earlier_parameters(found):
    parts = basins()
    early = found.after(200)
    within = (found.evolution.runs <= 200).sum(0) - 1
    lowest = found.evolution.lowest.take_along_dim(within[None], 0)[0]
    scores = early.evaluate(parts.discharge, PERIOD)
    np.testing.assert_allclose(scores["nse"], 1 - lowest, atol=2e-6)
    assert found.after(10**6).parameters.equals(found.parameters)
    assert found.trace["runs"].max() <= 600
    with pytest.raises(ValueError, match="first population takes 22 runs"):
        found.after(10)


def test_calibrated_parameters_stay_within_bounds():
    """Where the optimum is at a bound, what the calibration ran with is what the model has."""
    run = calibrated(fixed={n: v for n, v in FIXED.items() if n != "TT"}, max_runs=400)
    fractions = run.evolution.best[-1]
    low, high = (torch.tensor([f.bounds[e] for f in run.model.network.learned]) for e in (0, 1))
    kept = run.model.cell_parameters()
    kept = torch.stack([kept[f.name][:, 0] for f in run.model.network.learned], 1)
    torch.testing.assert_close(kept, low + (high - low) * fractions.float(), rtol=2e-5, atol=2e-5)


def test_calibration_of_a_basin_alone_finds_the_same(found):
    others = [name for name in NAMES if name not in ("b07", "b02")]
    split = gh.splits.hold_out(NAMES, others, PERIOD)
    alone = calibrated(routing=gh.UnitHydrograph(), max_runs=600, period=split)
    cells = [2, 7]
    assert torch.equal(alone.evolution.spent, found.evolution.spent[cells])
    assert torch.equal(alone.evolution.best[-1], found.evolution.best[-1, cells])
    scores = alone.evaluate(basins().discharge, PERIOD).set_index("gauge")
    assert scores.index[scores["gauge_use"] == "trained"].tolist() == ["b02", "b07"]
    middle = alone.parameters["FC"].sel(gauge="b00").item()
    np.testing.assert_allclose(middle, sum(gh.COLUMNS["hbv"].parameters[1].bounds) / 2, rtol=1e-6)


def test_pieces_of_cells_change_nothing(found, monkeypatch):
    monkeypatch.setattr("gridhydro.training.calibration.objective._VALUES", 731 * 6 * 5)
    pieces = calibrated(routing=gh.UnitHydrograph(), max_runs=600)
    assert torch.equal(pieces.evolution.best[-1], found.evolution.best[-1])


NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, NO_GPU])])
def test_calibration_resumed_equals_unbroken(device, tmp_path, monkeypatch):
    session = gh.Session(device=device, progress=False)
    whole = calibrated(session=session)
    kept = Record.note

    def killed(self, state):
        kept(self, state)
        if state.loops == 2:
            raise RuntimeError("killed")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(Record, "note", killed)
        calibrated(checkpoints=gh.Checkpoints(tmp_path, every=0), session=session)
    resume = gh.Checkpoints(tmp_path, resume=True)
    again = calibrated(checkpoints=resume, session=session)
    for name, value in whole.evolution.tensors().items():
        assert torch.equal(value, again.evolution.tensors()[name]), name
    pd.testing.assert_frame_equal(
        whole.history.drop(columns="seconds"), again.history.drop(columns="seconds")
    )
    with pytest.raises(ValueError, match="complexes was 2, is 3"):
        calibrated(checkpoints=resume, complexes=3, session=session)


def test_a_kept_calibration_goes_on_where_it_is_asked_to(tmp_path):
    run = calibrated(checkpoints=tmp_path)
    resume = gh.Checkpoints(tmp_path, resume=True)
    data = json.loads((tmp_path / "checkpoint" / checkpoint.INDEX).read_text())["data"]
    record = Record(resume, run.about, data, False, torch.device("meta"))
    assert {value.device.type for value in record.state.tensors().values()} == {"meta"}


def test_numbers_of_numpy_are_kept(tmp_path):
    calibrated(checkpoints=tmp_path, complexes=np.int64(2), max_runs=np.int64(60))
    calibrated(checkpoints=gh.Checkpoints(tmp_path, True), complexes=2, max_runs=60)
    with pytest.raises(ValueError, match=r"max_runs is 60\.5, should be a whole number, 1 or more"):
        calibrated(max_runs=60.5)


def test_parameters_that_are_not_calibrated_stay_what_they_are():
    """Those of the other cells, and those on which the series does not depend."""
    parts = basins()
    model = free(defaults={"FC": 321.0, "route_a": 1.5}, routing=gh.UnitHydrograph())
    others = [name for name in NAMES if name != "b04"]
    target = gh.Target("soil_wetness", wetness(FC=160.0).assign_attrs(units="1"))
    run = gh.calibrate(
        model, parts.forcing, target=target, period=gh.splits.hold_out(NAMES, others, PERIOD),
        method=gh.SCEUA(2, 60), session=gh.Session(progress=False),
    )  # fmt: skip
    found = run.parameters
    np.testing.assert_allclose(found["route_a"], 1.5, rtol=1e-5)
    np.testing.assert_allclose(found["FC"].sel(gauge=others), 321, rtol=1e-5)
    assert found["FC"].sel(gauge="b04") != 321


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (dict(network="none"), {}, 'make the model with network="free"'),
        (dict(components=2), {}, "one set of parameters is calibrated in every cell"),
        (
            dict(components=gh.Components(1, weights="learned")),
            {},
            "one set of parameters is calibrated in every cell",
        ),
        ({}, dict(method="sceua"), r"method is a gridhydro.SCEUA\(complexes=..., ...\)"),
        ({}, dict(session=gh.Session(cache="x")), "no use for cache"),
        ({}, dict(session=gh.Session(validation=("2002", "2002"))), "no use for validation"),
        ({}, dict(session=gh.Session(callbacks=[print])), "no use for callbacks"),
    ],
)
def test_models_and_options_that_do_not_fit_are_refused(model, options, message):
    parts = basins()
    own = gh.Model(parts.domain, "hbv", **dict(network="free") | model)
    with pytest.raises(ValueError, match=message):
        gh.calibrate(own, parts.forcing, parts.discharge, period=PERIOD, **options)


def test_calibrate_refuses_what_does_not_fit():
    parts = basins()
    constant = parts.discharge.copy()
    constant[:, 4] = 1.0
    with pytest.raises(ValueError, match=r"1 of 12 cells have no two different observations.*b04"):
        gh.calibrate(free(), parts.forcing, constant, period=PERIOD)
    soil = parts.discharge.copy(data=np.random.default_rng(0).normal(size=parts.discharge.shape))
    with pytest.raises(ValueError, match=r"or a mean of nearly zero, which 'kge' takes"):
        anomalies = soil - soil.sel(time=slice(*PERIOD)).mean("time")
        around_zero = gh.Target("soil_wetness", anomalies, scale=2.0)
        gh.calibrate(free(), parts.forcing, target=around_zero, period=PERIOD, loss="kge")
    with pytest.raises(ValueError, match=r"spin-up needs 366 days .* has 0"):
        calibrated(period=("2000", "2000"))
    with pytest.raises(ValueError, match="leave cycles and start out"):
        calibrated(spinup=gh.SpinUp(366, cycles=2))
    with pytest.raises(ValueError, match=r"spin-up needs 367 days .* has 366"):
        calibrated(spinup=gh.SpinUp(367))
    with pytest.raises(ValueError, match="loss is one of 'nse', 'kge'"):
        calibrated(loss="mae")
    with pytest.raises(ValueError, match="all parameters are fixed"):
        calibrated(fixed=FIXED | {"K1": 0.1, "beta": 2.0, "FC": 200.0})
    with pytest.raises(ValueError, match="network that all cells share"):
        gh.calibrate(free("hbv_nn", fixed={}), parts.forcing, parts.discharge, period=PERIOD)


@pytest.mark.end_to_end
def test_calibrate_command(tmp_path, capsys):
    small_basins().to_netcdf(tmp_path / "basins.nc")
    text = FILE.replace("components = 2", f"components = 2\nfixed = {toml(FIXED)}")
    (tmp_path / "domain.toml").write_text(text)
    out = tmp_path / "run"
    command = ["calibrate", str(tmp_path / "domain.toml"), "--data", str(tmp_path)]
    command += ["--method", "sceua", "--out", str(out), "--complexes", "2", "--runs", "150"]
    assert main(["--quiet", *command]) == 0
    told = capsys.readouterr()
    assert told.out == told.err == ""
    page = (out / "report.html").read_text(encoding="utf-8")
    again = f"gridhydro calibrate run/domain.toml --data {tmp_path} --complexes 2 --runs 150 --seed"
    assert again in page and "runs a cell" in page and "<span>epochs" not in page
    scores = pd.read_csv(out / "metrics.csv")
    assert set(scores["period"]) == {"training", "validation"}
    assert scores["nse"].median() > 0.5
    assert main(command) == 1
    assert "holds a training already" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    assert main([*command, "--resume", "--target", "soil_wetness"]) == 1
    assert "no section [[targets]] of 'soil_wetness'" in capsys.readouterr().err
    assert main(["evaluate", str(out)]) == 0
    again = pd.read_csv(out / "metrics.csv")
    pd.testing.assert_frame_equal(scores, again)
    assert main(["export", str(out)]) == 0


def test_a_warm_up_that_leaves_nothing_is_refused(tmp_path, capsys):
    small_basins().to_netcdf(tmp_path / "basins.nc")
    command = ["calibrate", str(tmp_path / "domain.toml"), "--data", str(tmp_path)]
    for warmup in (800, 2000):  # beyond the period, beyond the record
        (tmp_path / "domain.toml").write_text(FILE.replace("warmup = 120", f"warmup = {warmup}"))
        assert main([*command, "--out", str(tmp_path / "run")]) == 1
        said = capsys.readouterr().err
        assert f"[training]: batches: a warm-up of {warmup} days leaves nothing of the" in said
        assert not (tmp_path / "run").exists()


def toml(values):
    return "{ " + ", ".join(f"{name} = {float(value)}" for name, value in values.items()) + " }"


@pytest.mark.end_to_end
def test_camels_basins_are_fitted(data):
    """HBV reaches on real basins what is usual for it."""
    from gridhydro import io
    from gridhydro.inputs.basins import of_dataset

    folder = data("camels_us_400")
    found = io.read_basins(folder / "timeseries.nc", attributes=folder / "attributes.csv")
    parts = of_dataset(found.isel(gauge=[3, 200, 390]), "hbv")
    model = gh.Model(parts.domain, "hbv", network="free", routing=gh.UnitHydrograph())
    run = gh.calibrate(
        model, parts.forcing, parts.discharge, period=("1990", "1992"), method=gh.SCEUA(2, 1000)
    )
    scores = run.evaluate(parts.discharge, ("1990", "1992"))
    expected = 1 - run.evolution.lowest[-1].numpy()
    # the run starts years earlier than the calibration did: its stores are not quite the same
    np.testing.assert_allclose(scores["nse"], expected, atol=0.05)
    assert scores["nse"].median() > 0.5


def wetness(**hidden):
    """Soil wetness of another set of parameters, with gaps."""
    parts = basins()
    model = gh.Model(parts.domain, "hbv", network="none", defaults=hidden)
    run = gh.train(
        model,
        parts.forcing,
        parts.discharge,
        period=PERIOD,
        epochs=0,
        session=gh.Session(progress=False),
    )
    found = run.simulate(outputs=["soil_wetness"])["soil_wetness"]
    return found.where(np.random.default_rng(2).random(found.shape) < 0.4)


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (0.4, 0.1)])
def test_calibration_to_a_target(scale, offset):
    parts = basins()
    fixed = {n: v for n, v in FIXED.items() if n != "LP"}
    observed = (offset + scale * wetness(FC=160.0, beta=4.5, LP=0.9)).assign_attrs(units="1")
    target = gh.Target("soil_wetness", observed, scale=scale, offset=offset)
    run = gh.calibrate(
        free(fixed=fixed, routing=gh.UnitHydrograph()), parts.forcing, target=target, period=PERIOD,
        spinup=366, method=gh.SCEUA(2, 700),
    )  # fmt: skip
    scores = run.evaluate_target(target, PERIOD)
    np.testing.assert_allclose(scores["rmse"], run.evolution.lowest[-1], rtol=1e-4, atol=1e-6)
    assert scores["rmse"].max() < 0.01 * scale
    found = run.parameters
    np.testing.assert_allclose(found["FC"].median(), 160, rtol=0.05)
    # discharge's own parameters have no say
    assert len(run.rows) == 4 and (found["route_a"] == found["route_a"][0]).all()
    assert run.about["target"] == target.about() and run.about["fitted"] == ["soil_wetness"]


def test_cells_of_a_raster_are_calibrated_for_a_target():
    forcing, discharge = small_world()[2:]
    model = small_model()
    options = dict(period=RASTER, spinup=181, session=gh.Session(progress=False))
    truth = gh.train(model, forcing, discharge, epochs=0, **options)
    observed = truth.simulate(outputs=["soil_wetness"])["soil_wetness"]
    observed[:, :, ::2] = np.nan
    target = gh.Target("soil_wetness", observed)
    own = gh.Model(model.domain, "hbv", network="free", fixed=FIXED)
    run = gh.calibrate(own, forcing, target=target, method=gh.SCEUA(2, 300), **options)
    observed_cells = np.isfinite(model.domain.pack(observed)).any(0)
    assert run.cells.tolist() == np.flatnonzero(observed_cells).tolist()
    assert not observed_cells.all()
    scores = run.evaluate_target(target, RASTER)
    assert len(scores) == observed_cells.sum()
    assert scores["rmse"].median() < 0.1
    with pytest.raises(ValueError, match="the water of all cells above it"):
        gh.calibrate(own, forcing, discharge, **options)
    with pytest.raises(ValueError, match="either discharge or a target"):
        gh.calibrate(own, forcing, **options)


def test_rivers_are_refused_before_a_folder_is_made(data, tmp_path, capsys):
    folder = str(data("mhm_moselle").parent)
    out = tmp_path / "run"
    assert main(["calibrate", "moselle", "--data", folder, "--out", str(out)]) == 1
    assert "water of all cells above it" in capsys.readouterr().err
    assert not out.exists()
