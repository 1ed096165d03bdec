"""Inputs damaged at random: each is taken or refused by a sentence of ours that names the file.

By default a few of each kind, the same ones every time; the variable GRIDHYDRO_FUZZ says how many
instead, and GRIDHYDRO_FUZZ_FIRST the number of the first.
"""

import contextlib
import io
import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import gridhydro as gh
from gridhydro.cli import main
from gridhydro.columns.column import Field
from gridhydro.config.load import load
from gridhydro.domain.gauges import name_index
from gridhydro.io.delimited import read_delimited
from tests.support.damage_files import ODD_NAMES, ODD_TEXTS, damage_file, damage_value, pick
from tests.support.lumped import model
from tests.support.small_inputs import READERS
from tests.support.small_runs import (
    LUMPED,
    RASTER,
    made_run,
    read_checkpoint,
    toml,
    write_data,
    write_run,
)
from tests.support.trials import Printed, refusing, tried

pytestmark = pytest.mark.end_to_end

COUNT = int(os.environ.get("GRIDHYDRO_FUZZ", "12"))
FIRST = int(os.environ.get("GRIDHYDRO_FUZZ_FIRST", "0"))


def expect(ends, name: str) -> None:
    """No trial ended with a fault; prints how many were refused and taken."""
    faults = {end: n for end, n in ends.items() if end not in ("clear", "accepted")}
    print(
        f"{name}: {ends['clear']} clear errors, {ends['accepted']} accepted, {len(faults)} faults"
    )
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_read_or_refused_by_a_sentence(name, tmp_path):
    reader = READERS[name]
    (tmp_path / "good").mkdir()
    reader.write(tmp_path / "good")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader.read(tmp_path / "good")

    def trial(number):
        rng = np.random.default_rng([number, *name.encode()])
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "good", folder)
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        damage_file(pick(rng, files), rng)
        with refusing(folder):
            reader.read(folder)
        shutil.rmtree(folder)

    expect(tried(COUNT, trial, FIRST), name)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder of data, a run and an ensemble, all good."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "data").mkdir()
    write_data(folder / "data")
    write_run(folder / "run")
    (folder / "run/domain.toml").write_text(toml(LUMPED))
    begun = {"data": str(folder / "data"), "fold": 0, "storage_weight": None}
    (folder / "run/source.json").write_text(json.dumps(begun))
    made_run().save(folder / "told")
    for seed in (0, 1):
        shutil.copytree(folder / "run", folder / f"ensemble/seed-{seed}")
    return folder


@pytest.mark.parametrize("kind", ["raster", "lumped"])
def test_damaged_domain_files_are_loaded_or_refused_by_a_sentence(kind, places, tmp_path):
    content, data = {"raster": RASTER, "lumped": LUMPED}[kind], places / "data"
    path = tmp_path / "a.toml"
    path.write_text(toml(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load(path, data)
    before = sorted(data.rglob("*"))

    def trial(number):
        rng = np.random.default_rng([number, *kind.encode()])
        path.write_text(toml(content))
        if rng.random() < 0.2:
            damage_file(path, rng)
        else:
            changed = content
            for _ in range(int(pick(rng, (1, 1, 2)))):
                changed = damage_value(changed, rng)
            path.write_text(toml(changed if isinstance(changed, dict) else {}), encoding="utf-8")
        with refusing(path):
            if number % 3:
                load(path, data)
            else:
                told(["check", str(path), "--data", str(data)])

    expect(tried(3 * COUNT, trial, FIRST), kind)
    assert sorted(data.rglob("*")) == before


def told(arguments: list[str]) -> None:
    """Call the command line; what it says of an error becomes `Printed`."""
    said = io.StringIO()  # `check` prints what it finds, the other commands say it as errors
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            code = main(arguments)
        except SystemExit as error:  # of a command line that is none
            code = error.code
    text = said.getvalue()
    if code not in (0, 1, 2) or "Traceback" in text or "should not be" in text:
        raise RuntimeError(f"status {code}: {text}")
    if code:  # the report of a check is of the file that it was given
        raise Printed(f"{arguments[1]}: {text}" if arguments[0] == "check" else text)


@pytest.mark.parametrize("kind", ["run", "ensemble", "checkpoint", "told"])
def test_damaged_run_folders_are_loaded_or_refused_by_a_sentence(kind, places, tmp_path):
    made = model()

    def trial(number):
        rng = np.random.default_rng([number, *kind.encode()])
        folder = tmp_path / str(number)
        shutil.copytree(places / (kind if kind in ("ensemble", "told") else "run"), folder)
        part = folder / "seed-1" if kind == "ensemble" else folder
        inside = part / "checkpoint" if kind == "checkpoint" else part
        files = sorted(p for p in inside.iterdir() if p.is_file())
        if rng.random() < 0.5:
            _without_digests(inside)
        chosen = pick(rng, files)
        match int(rng.integers(6)):
            case 0 if chosen.suffix == ".json":
                content = damage_value(json.loads(chosen.read_text()), rng)
                chosen.write_text(json.dumps(content))
            case 1:
                chosen.unlink()
            case 2:
                chosen.unlink()
                chosen.mkdir()
            case 3:
                shutil.copyfile(pick(rng, files), tmp_path / "other")
                shutil.move(tmp_path / "other", chosen)
            case _:
                damage_file(chosen, rng)
        by_command = kind == "run" and number % 4 == 0  # it may have another place to name
        with refusing(*([] if by_command else [folder])):
            if kind == "checkpoint":
                read_checkpoint(folder, made)
            elif kind == "ensemble":
                gh.Ensemble.load(folder)
            elif kind == "told":
                gh.report(folder)
            elif not by_command:
                gh.load(folder)
            else:
                told([pick(rng, ("evaluate", "export", "analyse")), str(folder)])
        shutil.rmtree(folder)

    expect(tried(COUNT, trial, FIRST), kind)


COMMANDS = (
    ["check", "DATA/a.toml", "--data", "DATA"],
    ["train", "DATA/none.toml", "--data", "DATA", "--out", "out", "--epochs", "1", "--fold", "1"],
    ["calibrate", "DATA/none.toml", "--data", "DATA", "--out", "out", "--target", "runoff"],
    ["evaluate", "RUN", "--data", "DATA", "--period", "2001", "2001"],
    ["run", "RUN", "--data", "DATA", "--out", "out.nc", "--outputs", "runoff"],
    ["export", "RUN", "--data", "DATA"],
    ["analyse", "RUN", "--data", "DATA", "--out", "out", "--grace", "grace.nc"],
    ["kernels", "show", "hbv", "--target", "numba", "--outputs", "runoff", "--components", "2"],
    ["info"],
)


def test_odd_command_lines_end_with_a_sentence(places, tmp_path):
    """Status 1 or 2, or 0 where the odd word is a right one; the run stays as it is."""
    run = places / "run"

    def trial(number):
        rng = np.random.default_rng([number, 5])
        words = [w.replace("DATA", str(places / "data")).replace("RUN", str(run))
                 for w in pick(rng, COMMANDS)]  # fmt: skip
        odd = pick(rng, [w for w in ODD_TEXTS if "\0" not in w])
        at = int(rng.integers(1, len(words) + 1))
        words[at : at + int(rng.integers(2))] = [odd]
        os.chdir(tmp_path)
        with refusing():
            told(words)

    before = sorted(places.rglob("*"))
    expect(tried(3 * COUNT, trial, FIRST), "command line")
    assert sorted(places.rglob("*")) == before


def _without_digests(folder: Path) -> None:
    """Let what reads a folder look at its files themselves."""
    for path in folder.glob("*.json"):
        content = json.loads(path.read_text())
        kept = {k: v for k, v in content.items() if k not in ("files", "digest")}
        path.write_text(json.dumps(kept))


def test_odd_names_of_gauges_stay_inside_the_run_folder(tmp_path):
    """They stand in tables, NetCDF and figures, and come back as they were."""
    folder, run = tmp_path / "a/b/run", made_run()
    domain, kept = run.model.domain, [n for n in ODD_NAMES if not set(n) & set("\n\r")]
    for start in range(0, len(kept), domain.size):
        names = kept[start : start + domain.size]
        names += [f"g{k}" for k in range(domain.size - len(names))]
        domain.gauges.index = name_index(names)
        run.save(folder)
        outside = [p for p in tmp_path.rglob("*") if folder not in (p, *p.parents)]
        assert sorted(outside) == [tmp_path / "a", tmp_path / "a/b"]
        assert list(gh.load(folder).model.domain.gauges.index) == names
        table = read_delimited(folder / "parameters.csv")
        assert table.column("gauge") == [name.strip() for name in names]
    with pytest.raises(ValueError, match=r"the gauge 'a\\nb' has a line break"):
        name_index(["a\nb"])


@pytest.mark.parametrize("name", ["", "..", "../up", "/abs", "a/b", "a\\b", "a\nb", "n" * 300, 5])
def test_a_quantity_is_not_named_like_a_place_elsewhere(name):
    """A surrogate brings names from files, and maps of parameters are called by them."""
    with pytest.raises(ValueError, match="is no name of a quantity"):
        Field(name, "1", "of a file")
