"""Folders of runs: killed at any moment, damaged in any file, of two runs."""

import json
import os
import shutil
import warnings
from functools import cache

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

import gridhydro as gh
from gridhydro.cli import main
from gridhydro.inputs.forcing import Forcing
from gridhydro.model import run_figures, run_folder
from gridhydro.model.run import Run
from tests.support.kill_points import points
from tests.support.lumped import basins, model

NEEDED = ("run.json", "model.safetensors", "domain.nc")


@cache
def forcing():
    """Few days: their tables are written again and again."""
    whole = Forcing.read(basins().forcing, basins().domain, model())
    return Forcing(whole.times[:60], whole.values[:, :60])


def run_of(number: int) -> Run:
    """One of several runs, each of other weights, that says in every file which it is."""
    made = model()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.1 * number)
    history = pd.DataFrame({"epoch": [1], "loss": [float(number)]})
    return Run(made.eval(), forcing(), history, made.options | {"gauges": [], "number": number})


def number_of(folder) -> int:
    """Which run a folder holds; fails where it is not one of them in all its parts."""
    run = gh.load(folder)
    number = run.about["number"]
    for name, weight in run_of(number).model.state_dict().items():
        assert torch.equal(run.model.state_dict()[name], weight), name
    assert run.history["loss"].tolist() == [number]
    return number


def hidden(folder) -> list[str]:
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.name.startswith(".")]


@pytest.mark.end_to_end
def test_a_run_saved_over_another_changes_all_at_once(tmp_path):
    """Killed at every change of a file or folder, of the model alone."""
    folder, new = tmp_path / "run", run_of(1)
    run_of(0).save_model(tmp_path / "old")
    (tmp_path / "old" / "notes.txt").write_text("mine")

    def before():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "old", folder)

    weights = [
        {name: w.clone() for name, w in run_of(number).model.state_dict().items()}
        for number in (0, 1)
    ]
    found = []
    for _ in points(lambda: new.save_model(folder), before):
        run = gh.load(folder)
        number = run.about["number"]
        assert all(torch.equal(w, run.model.state_dict()[n]) for n, w in weights[number].items())
        found.append(number)
        if len(found) % 3:
            continue
        new.save_model(folder)  # the next one is not in the way of what is left, and removes it
        assert gh.load(folder).about["number"] == 1 and not hidden(folder)
        assert (folder / "notes.txt").read_text() == "mine"
    assert len(found) > 15 and found == sorted(found) and set(found) == {0, 1}
    assert gh.load(folder).about["number"] == 1 and not hidden(folder)


@pytest.mark.end_to_end
def test_results_change_with_the_model(tmp_path, monkeypatch):
    """Killed at every file that takes its place."""
    monkeypatch.setattr(run_figures, "draw", lambda *given: None)
    runs, folder, texts = [run_of(0), run_of(1)], tmp_path / "run", []
    # a forked child has none of torch's threads
    maps = [run.mean_parameters() for run in runs]
    monkeypatch.setattr(Run, "mean_parameters", lambda run: maps[run.about["number"]])
    for number, run in enumerate(runs):
        run.simulation(run.usual_outputs)
        run.save(tmp_path / str(number))
        texts.append({
            name: (tmp_path / str(number) / name).read_text()
            for name in ("parameters.csv", "discharge.csv", "history.csv")
        })  # fmt: skip
    (tmp_path / "0" / "discharge_observed.csv").write_text("of the old run")
    index = json.loads((tmp_path / "0" / "run.json").read_text())
    del index["digest"]
    index["written"].append("discharge_observed.csv")
    (tmp_path / "0" / "run.json").write_text(json.dumps(index))

    def before():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "0", folder)

    count = 0
    for _ in points(lambda: runs[1].save(folder), before, ("replace",)):
        count += 1
        number = gh.load(folder).about["number"]
        assert {name: (folder / name).read_text() for name in texts[0]} == texts[number]
    assert count > 15 and not hidden(folder)
    assert not (folder / "discharge_observed.csv").exists()


def test_a_folder_that_cannot_be_written_to_is_read_where_its_files_are(tmp_path, monkeypatch):
    """A run that was killed while its files took their places, then made read-only."""
    run_of(0).save_model(tmp_path)
    run_of(1).save_model(tmp_path / "new")
    (tmp_path / "new").rename(tmp_path / ".ready")
    monkeypatch.setattr("gridhydro.model.run_folder.settled", lambda folder: None)
    assert gh.load(tmp_path).about["number"] == 1
    assert (tmp_path / ".ready" / "run.json").exists()


def test_files_of_two_runs_are_refused(tmp_path):
    for number in (0, 1):
        run_of(number).save_model(tmp_path / str(number))
    shutil.copy(tmp_path / "1" / "model.safetensors", tmp_path / "0")
    with pytest.raises(ValueError, match=r"model.safetensors is not the file that was written"):
        gh.load(tmp_path / "0")


@pytest.mark.parametrize("name", [*NEEDED, "history.csv"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "noise", "flipped", "folder", "text"])
def test_a_damaged_file_is_named(tmp_path, monkeypatch, name, damage):
    monkeypatch.setattr(run_folder, "_PACKAGES", ())
    run = run_of(0)
    run.save_model(tmp_path)
    (tmp_path / "history.csv").write_text("epoch,loss\n1,0.5\n")
    path = tmp_path / name
    data = path.read_bytes()
    path.unlink()
    middle = len(data) // 2
    texts = {
        "empty": b"",
        "cut": data[:middle],
        "noise": bytes(range(256)) * 5,
        "flipped": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
        "text": b"[1, 2]",
    }
    if damage == "folder":
        path.mkdir()
    elif damage != "gone":
        path.write_bytes(texts[damage])
    told = (ValueError, OSError)
    if name == "history.csv" and damage == "gone":  # a run may have none
        gh.load(tmp_path)
        return
    with pytest.raises(told) as error, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gh.load(tmp_path)
    assert str(path) in str(error.value) or name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("model"),
        lambda c: c.update(training=None),
        lambda c: c["model"].pop("network"),
        lambda c: c["model"]["network"].update(kind="oracle"),
        lambda c: c["model"]["network"].update(hidden="wide"),
        lambda c: c["model"]["components"].update(count=7),
        lambda c: c["model"].update(column=["hbv"]),
        lambda c: c["model"].update(column="unknown"),
        lambda c: c["model"].update(attributes=["sand"]),
        lambda c: c["model"].update(routing={"canal": {}}),
        lambda c: c["model"].update(scheme=5),
        lambda c: c.update(files=[1]),
    ],
)
def test_an_index_that_makes_no_sense_is_named(tmp_path, change):
    run_of(0).save_model(tmp_path)
    content = json.loads((tmp_path / "run.json").read_text())
    change(content)
    (tmp_path / "run.json").write_text(json.dumps(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=r"run\.json .*(train again|damaged)"):
            gh.load(tmp_path)


def test_a_changed_index_is_told(tmp_path):
    run_of(0).save_model(tmp_path)
    text = (tmp_path / "run.json").read_text()
    (tmp_path / "run.json").write_text(text.replace('"number": 0', '"number": 3'))
    with pytest.warns(UserWarning, match="is not as it was written"):
        assert gh.load(tmp_path).about["number"] == 3


def test_weights_that_are_not_finite_are_refused(tmp_path):
    run = run_of(0)
    with torch.no_grad():
        next(run.model.network.parameters())[0] = torch.nan
    run.save_model(tmp_path)
    with pytest.raises(ValueError, match=r"model.safetensors: the weights '.*' are not finite"):
        gh.load(tmp_path)


def test_runs_of_earlier_versions_are_read_and_their_cells_compared(tmp_path):
    run_of(0).save_model(tmp_path)
    content = json.loads((tmp_path / "run.json").read_text())
    for name in ("files", "written", "digest"):
        del content[name]
    (tmp_path / "run.json").write_text(json.dumps(content))
    assert number_of_model(tmp_path) == 0
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(tensors | {"area": tensors["area"] * 2}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="of other cells than the domain"):
        gh.load(tmp_path)


def number_of_model(folder) -> int:
    return gh.load(folder).about["number"]


def test_commands_say_what_is_wrong_with_a_folder_in_a_line(tmp_path, capsys):
    run_of(0).save_model(tmp_path)
    for name, data, said in (
        ("source.json", b"{", "source.json is not what a run was begun with, or is damaged"),
        ("source.json", b'{"colour": 1}', "source.json is not what a run was begun with"),
        ("source.json", b"{}", "domain.toml is missing"),
        ("domain.toml", b"\xff[a]", "domain.toml, line 1, character 1: the byte 0xff is not UTF-8"),
        ("domain.toml", b"[a", "domain.toml is not valid TOML"),
    ):
        (tmp_path / name).write_bytes(data)
        assert main(["evaluate", str(tmp_path), "--data", str(tmp_path)]) == 1
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1


def test_members_of_an_ensemble_are_trained_alike(tmp_path):
    for seed, epochs in enumerate((2, 2, 6)):
        run = run_of(0)
        run.about |= {"epochs": epochs, "seed": seed}
        run.save_model(tmp_path / f"seed-{seed}")
    with pytest.raises(
        ValueError, match=r"seed-2 was not trained as .*seed-0 was: its epochs is 6"
    ):
        gh.Ensemble.load(tmp_path)
    shutil.rmtree(tmp_path / "seed-2")
    os.makedirs(tmp_path / "seed-3")  # begun, not finished
    assert len(gh.Ensemble.load(tmp_path).runs) == 2
