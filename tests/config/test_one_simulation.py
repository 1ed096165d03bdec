"""A forcing is brought onto the cells once, and a record simulated once, whatever is asked."""

from collections import Counter
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.cli import main
from gridhydro.config import score_domain, train_domain
from gridhydro.domain.cells import OnCells
from gridhydro.io import write_basins
from gridhydro.io.csv_tables import meaning_of
from gridhydro.model import run as run_module
from gridhydro.model.ensemble import Ensemble
from gridhydro.model.model import Model
from tests.support import small_amazon
from tests.support.small_basins import FILE, small_basins

TARGET = """
[[targets]]
name = "actual_evapotranspiration"
file = "evaporation.nc"
weight = 0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("amazon")
    small_amazon.write(folder)
    days = small_amazon.DAYS[::3]
    shape = len(days), small_amazon.LAT.size, small_amazon.LON.size
    values = np.random.default_rng(3).uniform(1, 4, shape).astype(np.float32)
    coords = {"time": days, "lat": small_amazon.LAT, "lon": small_amazon.LON}
    name = "actual_evapotranspiration"
    series = xr.DataArray(values, coords, ("time", "lat", "lon"), name, {"units": "mm d-1"})
    series.to_netcdf(folder / "evaporation.nc")
    (folder / "all.toml").write_text(small_amazon.FILE + TARGET)
    return folder


@contextmanager
def counting_in(found: Counter):
    """Simulations since the training ended, and how often each raster was packed."""
    patch = pytest.MonkeyPatch()

    def counting(owner, name, key):
        function = getattr(owner, name)

        def called(one, *arguments, **options):
            found[key(one)] += 1
            return function(one, *arguments, **options)

        patch.setattr(owner, name, called)

    counting(run_module, "simulate_record", lambda *_: "simulations")
    counting(Model, "near_equilibrium", lambda *_: "starts")
    counting(OnCells, "values", lambda cells: ("packed", cells.box.name))
    train = train_domain.train

    def trained(*arguments, **options):
        run = train(*arguments, **options)
        del found["simulations"], found["starts"]
        return run

    patch.setattr(train_domain, "train", trained)
    try:
        yield found
    finally:
        patch.undo()


@pytest.fixture(scope="module")
def run(folder):
    """A run folder, and what was counted while it was made."""
    with counting_in(Counter()) as counted:
        train_domain.train_domain(
            folder / "all.toml", folder, folder / "run", epochs=1, progress=False
        )
    return folder / "run", counted


@pytest.mark.end_to_end
def test_a_trained_record_is_simulated_once_and_its_forcing_packed_once(run):
    """Discharge, storage, a target, fluxes and figures are all served by one simulation."""
    out, counted = run
    assert (counted["simulations"], counted["starts"]) == (1, 1)
    for name in ("metrics.csv", "storage_metrics.csv", "target_metrics.csv", "fluxes.nc"):
        assert (out / name).exists(), name
    # Penman-Monteith of five more series is computed on the cells
    packed = {name: counted["packed", name] for name in small_amazon.UNITS}
    assert packed == dict.fromkeys(small_amazon.UNITS, 1)
    assert counted["packed", "potential_evapotranspiration"] == 0
    with counting_in(Counter()) as counted:
        assert main(["export", str(out)]) == 0
    assert (counted["simulations"], counted["starts"]) == (1, 1)
    assert {counted["packed", name] for name in small_amazon.UNITS} == {1}
    with counting_in(Counter()) as counted:
        assert main(["evaluate", str(out)]) == 0
    assert counted["simulations"] == 1


@pytest.mark.end_to_end
def test_every_column_of_a_run_folder_has_its_unit_and_meaning(run):
    out, _ = run
    note = pd.read_csv(out / "columns.csv", dtype=str, keep_default_na=False)
    assert list(note) == ["file", "column", "unit", "meaning"]
    files = {path.name for path in out.glob("*.csv")} - {"columns.csv"}
    assert files == set(note["file"]) > {"metrics.csv", "discharge.csv", "history.csv"}
    for file in files:
        said = set(note.loc[note["file"] == file, "column"])
        table = pd.read_csv(out / file, comment="#")
        there = set(map(str, table)) - {
            column for column in table if meaning_of(file, column) is None
        }
        assert there == {column for column in said if not column.startswith("(")}, file
        assert (len(there) < len(table.columns)) == any(name.startswith("(") for name in said), file
    assert (note["meaning"] != "").all()
    assert not note["meaning"].str.contains("table that was given").any()
    said = note.set_index(["file", "column"])["unit"]
    assert said["storage_metrics.csv", "rmse"] == "mm" and said["metrics.csv", "fhv"] == "%"
    assert said["metrics.csv", "bias"] == "that of the column 'unit'"
    assert set(pd.read_csv(out / "metrics.csv")["unit"]) == {"m3 s-1"}
    assert set(pd.read_csv(out / "target_metrics.csv")["unit"]) == {"mm d-1"}


@pytest.mark.end_to_end
def test_an_ensemble_keeps_the_mean_alone(tmp_path, monkeypatch):
    """Its runs are simulated once each, and let go of what they gave."""
    write_basins(small_basins(), tmp_path / "basins.nc")
    (tmp_path / "sample.toml").write_text(FILE)
    place = (tmp_path / "sample.toml", tmp_path, tmp_path / "run")
    train_domain.train_ensemble(*place, 2, epochs=1, progress=False)
    ensemble, setup = score_domain.load_run(tmp_path / "run")
    assert isinstance(ensemble, Ensemble)
    assert ensemble.runs[0].forcing is ensemble.runs[1].forcing  # read once
    calls = Counter()
    simulate = run_module.simulate_record

    def counting(*arguments):
        calls["simulations"] += 1
        return simulate(*arguments)

    monkeypatch.setattr(run_module, "simulate_record", counting)
    scores = score_domain.score(ensemble, setup, tmp_path / "run")
    assert calls["simulations"] == 2
    assert all(run.kept.simulation is None for run in ensemble.runs)
    mean = sum(run.discharge() for run in ensemble.runs) / 2
    pd.testing.assert_frame_equal(ensemble.discharge(), mean)
    assert calls["simulations"] == 4 and len(ensemble.scores) == len(scores)
