"""Ensembles: the mean of runs that differ by their seed, from Python and from the shell."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from gridhydro import Components, Ensemble, Model
from gridhydro.cli import main
from gridhydro.evaluation import spread
from gridhydro.io import write_basins
from gridhydro.model.part import component_of, simulated_part
from tests.support.shared_training import world
from tests.support.small_basins import FILE, small_basins

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    write_basins(small_basins(), folder / "basins.nc")
    (folder / "sample.toml").write_text(FILE)
    arguments = ["--data", str(folder), "--out", str(folder / "run"), "--seeds", "2"]
    assert main(["train", str(folder / "sample.toml"), *arguments]) == 0
    shutil.copytree(folder / "run" / "seed-0", folder / "again" / "seed-0")
    return folder


def test_ensemble_scores_the_mean_of_its_runs(folder, capsys):
    ensemble = Ensemble.load(folder / "run", xr.open_dataset(folder / "basins.nc").load())
    parts = [run.discharge() for run in ensemble.runs]
    assert not parts[0].equals(parts[1])
    pd.testing.assert_frame_equal(ensemble.discharge(), (parts[0] + parts[1]) / 2)
    scores = pd.read_csv(folder / "run" / "metrics.csv")
    mean = ensemble.evaluate(small_basins()["discharge"], ("2002", "2002"))
    later = scores[scores["period"] == "validation"]
    np.testing.assert_allclose(later["nse"], mean["nse"], rtol=1e-4, atol=1e-4)
    assert main(["evaluate", str(folder / "run")]) == 0
    assert "validation" in capsys.readouterr().out


def test_scores_and_series_of_an_ensemble_have_its_spread(folder):
    ensemble = Ensemble.load(folder / "run", xr.open_dataset(folder / "basins.nc").load())
    members, period = ensemble.members(), ("2002", "2002")
    for run, one in zip(ensemble.runs, members, strict=True):
        np.testing.assert_array_equal(one, run.discharge())
    observed = small_basins()["discharge"].transpose("time", "gauge").sel(time="2002")
    table = ensemble.evaluate(small_basins()["discharge"], period).set_index("gauge")
    area = ensemble.model.domain.gauges["network_area_km2"]
    for gauge in ("b00", "b07"):
        depth = members.sel(gauge=gauge, time="2002") * 86.4 / area[gauge]
        expected = spread.crps(depth.values, observed.sel(gauge=gauge).values)
        assert table.loc[gauge, "crps"] == pytest.approx(expected, rel=1e-5)
    assert table["coverage_90"].between(0, 1).all() and (table["width_90"] > 0).all()
    assert "crps" not in ensemble.runs[0].evaluate(small_basins()["discharge"], period)
    with xr.open_dataset(folder / "run" / "discharge_ensemble.nc") as written:
        np.testing.assert_array_equal(written["discharge_of_runs"], members)
        low, high = written["discharge_quantiles"].sel(quantile=[0.05, 0.95])
        assert (low <= high).all() and (written["discharge"] <= high).all()
        assert written["discharge"].attrs["units"] == "m3 s-1"
    later = ensemble.record()
    assert ensemble.members(later).identical(members)
    assert ensemble.quantiles(0.25).equals(ensemble.quantiles()[[1]])
    with pytest.raises(ValueError, match="levels of quantiles lie between 0 and 1"):
        ensemble.quantiles([5, 95])


def test_parameters_of_an_ensemble_have_their_spread_over_the_runs(folder):
    ensemble = Ensemble.load(folder / "run")
    each = np.stack([run.parameters["FC"].values for run in ensemble.runs]).astype(float)
    found = ensemble.parameters
    np.testing.assert_allclose(found["FC"], each.mean(0), rtol=1e-6)
    half = np.abs(each[0] - each[1]) / np.sqrt(2)  # of two runs
    np.testing.assert_allclose(found["FC_spread"], half, rtol=1e-5)
    assert half.max() > 1 and (found["TT_spread"].units, found["FC_spread"].units) == ("K", "mm")
    assert "FC_spread" not in Ensemble(ensemble.runs[:1]).parameters
    with xr.open_dataset(folder / "run" / "parameters.nc") as written:
        np.testing.assert_allclose(written["FC_spread"], half, rtol=1e-5)
    table = pd.read_csv(folder / "run" / "parameters.csv", index_col="gauge")
    np.testing.assert_allclose(table["FC_spread [mm]"], half, rtol=1e-4)


def test_components_are_members_whose_mean_is_the_run(folder, capsys):
    forcing = xr.open_dataset(folder / "basins.nc").load()
    both = Ensemble.load(folder / "run", forcing)
    run = both.runs[0]
    parts = Ensemble.of_components(run)
    members = parts.members()
    assert members.sizes["member"] == 2 and not np.allclose(members[0], members[1], rtol=0.05)
    mean = members.mean("member").to_pandas()
    np.testing.assert_allclose(mean, run.discharge(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(parts.parameters["FC"], run.parameters["FC"], rtol=1e-6)
    apart = run.model.cell_parameters()["FC"].detach().numpy()
    np.testing.assert_allclose(parts.parameters["FC_spread"], apart.std(1, ddof=1), rtol=1e-5)
    assert len(Ensemble.of_components(both).runs) == 4
    with pytest.raises(ValueError, match=r"no parallel parameter sets \(components=1\)"):
        Ensemble.of_components(parts)
    with pytest.raises(ValueError, match="a component is no run of its own"):
        parts.runs[0].save_model(folder / "part")
    day = str(run.record().times[200].date())
    with pytest.warns(UserWarning, match="begins with empty stores"):
        state = parts.runs[0].simulate(save_state=[day])[1][day]
    later = forcing.isel(time=slice(201, None))
    assert parts.runs[0].simulate(later, state=state)["discharge"].notnull().all()
    for other in (parts.runs[1], run):
        with pytest.raises(ValueError, match="is of another model"):
            other.simulate(later, state=state)
    assert main(["evaluate", str(folder / "run" / "seed-0"), "--components"]) == 0
    assert "components" in capsys.readouterr().out
    out = folder / "run" / "seed-0" / "components"
    with xr.open_dataset(out / "discharge_ensemble.nc") as written:
        np.testing.assert_allclose(written["discharge_of_runs"], members, rtol=1e-5, atol=1e-6)
    own, scores = (pd.read_csv(place / "metrics.csv") for place in (out.parent, out))
    np.testing.assert_allclose(scores["nse"], own["nse"], rtol=1e-3, atol=1e-3)
    assert (scores["crps"] > 0).all() and scores["coverage_90"].between(0, 1).all()
    assert (out / "parameters.nc").exists() and "crps" not in own


def test_finished_runs_are_not_trained_again_and_one_is_simulated(folder, capsys):
    weights = folder / "run" / "seed-0" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    arguments = ["--data", str(folder), "--out", str(folder / "run"), "--seeds", "2"]
    assert main(["train", str(folder / "sample.toml"), *arguments]) == 0
    assert weights.stat().st_mtime_ns == before
    assert main(["run", str(folder / "run"), "--out", str(folder / "x.nc")]) == 1
    assert "name one of its runs" in capsys.readouterr().err
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "ensemble of 2 runs" in page and 'href="seed-1/report.html"' in page
    assert "--seeds 2 --out run-again" in page and "coverage of 90 %" in page
    assert main(["run", str(folder / "run" / "seed-1"), "--out", str(folder / "x.nc")]) == 0


def test_members_of_other_settings_are_refused_and_gone_on_with_when_asked(folder, capsys):
    place = [str(folder / "sample.toml"), "--data", str(folder), "--out", str(folder / "run")]
    ensemble = ["train", *place, "--seeds", "2", "--epochs", "3"]
    assert main(ensemble) == 1
    err = capsys.readouterr().err
    assert "seed-0 was begun with another epochs (2, now 3)" in err and "--resume" in err
    with pytest.warns(UserWarning, match="had the learning rates of a training of 2"):
        assert main([*ensemble, "--resume"]) == 0
    for seed in (0, 1):
        assert len(pd.read_csv(folder / "run" / f"seed-{seed}" / "history.csv")) == 3
    # a line that the training does not read
    mended = FILE.replace('validation = ["2002", "2002"]', 'validation = ["2002-02", "2002"]')
    (folder / "sample.toml").write_text(mended.replace("epochs = 2", "epochs = 3"))
    assert main(["train", *place, "--seeds", "2"]) == 1
    assert "another domain file" in capsys.readouterr().err
    assert main(["train", *place, "--seeds", "2", "--resume"]) == 0
    assert 'validation = ["2002-02"' in (folder / "run" / "seed-1" / "domain.toml").read_text()
    (folder / "sample.toml").write_text(FILE)


def test_a_member_that_is_not_written_whole_is_trained_again(folder, capsys):
    out = folder / "again"
    arguments = ["train", str(folder / "sample.toml"), "--data", str(folder), "--out", str(out)]
    (out / "seed-0" / "run.json").unlink()  # the last to be written
    assert main([*arguments, "--seeds", "1"]) == 1
    assert "seed-0 holds a training already: go on with --resume" in capsys.readouterr().err
    assert main([*arguments, "--seeds", "1", "--resume"]) == 0
    assert (out / "seed-0" / "run.json").exists()


def test_ensemble_of_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no finished runs"):
        Ensemble.load(tmp_path)
    with pytest.raises(ValueError, match="one run or more"):
        Ensemble([])


@pytest.mark.parametrize(
    "change, text",
    [
        ('format = "netcdf"', ", netcdf, not 'csv'"),
        ('path = "basins.nc"', "there is nothing at"),
        ('attributes = ["sand", "slope", "rock"]', "no attribute height"),
        ('pet = "given"', "the method is one of oudin"),
        ("warmup = 120", "warmup is 'long', should be a whole number"),
        ("epochs = 2", "kind is 'pub', 'spatial', 'spatiotemporal', 'pur', not 'folds'"),
    ],
)
def test_domain_files_of_basins_say_what_is_wrong(folder, capsys, change, text):
    other = {
        'format = "netcdf"': 'format = "csv"',
        'path = "basins.nc"': 'path = "nowhere.nc"',
        'attributes = ["sand", "slope", "rock"]': 'attributes = ["height"]',
        'pet = "given"': 'pet = "mine"',
        "warmup = 120": 'warmup = "long"',
        "epochs = 2": 'epochs = 2\nsplit = { kind = "folds" }',
    }[change]
    assert change in FILE
    wrong = folder / "wrong.toml"
    wrong.write_text(FILE.replace(change, other))
    arguments = ["--data", str(folder), "--out", str(folder / "wrong"), "--epochs", "1"]
    assert main(["train", str(wrong), *arguments]) == 1
    assert text in capsys.readouterr().err


def test_a_component_of_a_raster_is_cut_into_parts_as_a_model_is():
    domain, attributes, forcing, *_ = world()
    model = Model(domain, "hbv", attributes, components=3)
    one = component_of(model, 2).eval()
    part, taken = simulated_part(one, np.arange(domain.size))
    with torch.no_grad():
        found = part(forcing.values[:, :40, taken]).discharge
        torch.testing.assert_close(found, one(forcing.values[:, :40]).discharge)
        assert not torch.allclose(found, model(forcing.values[:, :40]).discharge)
    weighted = Model(domain, "hbv", attributes, components=Components(3, "learned"))
    with pytest.raises(ValueError, match="weights that are learned"):
        component_of(weighted, 0)
