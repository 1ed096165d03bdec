"""Domain files of lumped basins: what is refused, and what the held-out have no say in."""

import json
import tomllib

import numpy as np
import pandas as pd
import pytest
import torch

from gridhydro import COLUMNS
from gridhydro.cli import main
from gridhydro.columns import column
from gridhydro.config.build_model import build_model
from gridhydro.config.load import load
from gridhydro.config.model import read_model
from gridhydro.config.train_domain import train_domain
from gridhydro.inputs.seasons import melt_season
from gridhydro.io import write_basins
from tests.support.small_basins import FILE, NAMES, small_basins


def test_a_gap_is_filled_without_what_the_file_holds_out(tmp_path):
    data = small_basins().copy(deep=True)
    data["slope"][5] = np.nan
    data["slope"][3] = 1e4
    write_basins(data, tmp_path / "basins.nc")
    text = FILE.replace("epochs = 2", f'held_out = ["{data["gauge"].values[3]}"]')
    (tmp_path / "sample.toml").write_text(text)
    with pytest.warns(UserWarning, match="'slope' is missing"):
        model = build_model(load(tmp_path / "sample.toml", tmp_path), seed=0)
    filled = model.attributes[5, list(model.network.names).index("slope")].item()
    assert filled == pytest.approx(np.nanmean(np.delete(data["slope"].values, 3)), rel=1e-6)


def test_a_column_is_chosen_by_its_name(tmp_path):
    write_basins(small_basins(), tmp_path / "basins.nc")
    text = FILE.replace(
        NETWORK, 'column = "gr6j"\nfixed = { x2 = 0.0 }\nnetwork = { hidden = [8] }'
    )
    (tmp_path / "sample.toml").write_text(text)
    model = build_model(load(tmp_path / "sample.toml", tmp_path), seed=0)
    assert model.column is COLUMNS["gr6j"]
    parameters = model.cell_parameters(torch.zeros(3, 2, len(NAMES)))
    assert {f.name for f in model.column.parameters} <= set(parameters)
    assert not parameters["x2"].any() and (parameters["x4"] < 5).all()


def test_columns_side_by_side_are_chosen_by_their_names(tmp_path):
    write_basins(small_basins(), tmp_path / "basins.nc")
    changed = (
        'column = "hbv+gr4j"\nfixed = { hbv_C = 0.0, part_gr4j = 1.0 }\nnetwork = { hidden = [8] }'
    )
    (tmp_path / "sample.toml").write_text(FILE.replace(NETWORK, changed))
    setup = load(tmp_path / "sample.toml", tmp_path)
    model = build_model(setup, seed=0)
    learned = [field.name for field in model.network.learned]
    assert learned[:2] == ["part_hbv", "hbv_beta"] and "hbv_C" not in learned
    assert model.options["column"] == "hbv+gr4j"  # by which a run folder makes it again
    assert model.output("gr4j_runoff").unit == "mm d-1"


def test_sac_sma_finds_season_and_elevation_by_itself(tmp_path):
    """The season from days and latitudes, the elevation among the attributes, by their names."""
    data = small_basins().assign(elev_mean=("gauge", np.linspace(100, 900, len(NAMES))))
    write_basins(data, tmp_path / "basins.nc")
    text = FILE.replace(NETWORK, f'column = "sac_sma"\n{NETWORK}')
    (tmp_path / "without.toml").write_text(text)
    with pytest.raises(ValueError, match="elevation"):
        build_model(load(tmp_path / "without.toml", tmp_path), seed=0)
    (tmp_path / "sample.toml").write_text(text.replace('"rock"]', '"rock", "elev_mean"]'))
    setup = load(tmp_path / "sample.toml", tmp_path)
    model = build_model(setup, seed=0)
    np.testing.assert_allclose(model.properties[0], data["elev_mean"], rtol=1e-6)
    season = setup.forcing["melt_season"].transpose("time", "gauge")
    latitudes = data["latitude"].values
    np.testing.assert_array_equal(season, melt_season(data["time"].to_index(), latitudes))


def of_column(tmp_path, text):
    write_basins(small_basins(), tmp_path / "basins.nc")
    (tmp_path / "sample.toml").write_text(FILE.replace(NETWORK, f"column = {text}\n{NETWORK}"))
    return load(tmp_path / "sample.toml", tmp_path)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ('{ name = "fuse_prms", snow = "none" }', "fuse_prms:snow=none"),
        ('{ name = "hydropy", with_leakage = true, qsb_exp = 2.0 }',
         "hydropy:with_leakage,qsb_exp=2"),
    ],
)  # fmt: skip
def test_a_column_with_options_is_a_table(tmp_path, table, name):
    given = {"column": tomllib.loads(f"column = {table}")["column"]}
    options = read_model(tmp_path / "sample.toml", given, lumped=False)
    assert column(options.column) is column(name)


def test_a_model_is_made_of_decisions(tmp_path):
    table = '{ name = "fuse", upper = "onestate", lower = "unlimpow", surface = "tmdl_param" }'
    model = build_model(of_column(tmp_path, table), seed=0)
    assert model.column is COLUMNS["fuse_topmodel"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('{ upper = "onestate" }', r"sample.toml, \[model\]: a table of a column has its name"),
        ('{ name = "fuse", uper = "onestate" }', r"sample.toml, \[model\], column: .*'uper'"),
        ('{ name = "hbv", upper = "onestate" }', "there is no column 'hbv:upper=onestate'"),
    ],
)
def test_doors_tables_of_columns(tmp_path, table, message):
    with pytest.raises(ValueError, match=message):
        of_column(tmp_path, table)


@pytest.mark.end_to_end
def test_a_run_folder_is_resumed_with_what_it_was_begun_with(tmp_path, capsys):
    write_basins(small_basins(), tmp_path / "basins.nc")
    other = tmp_path / "elsewhere"
    other.mkdir()
    write_basins(small_basins(), other / "basins.nc")
    text = FILE.replace("epochs = 2", 'epochs = 1\nsplit = { kind = "pub", folds = 3 }')
    (tmp_path / "sample.toml").write_text(text)
    (tmp_path / "slower.toml").write_text(text + "optimizer = { learning_rate = 0.001 }\n")
    out = tmp_path / "run"

    def call(command, file, *more):
        place = [str(tmp_path / file), "--data", str(tmp_path), "--out", str(out)]
        return main([command, *place, *more]), capsys.readouterr().err

    assert call("train", "sample.toml", "--fold", "1")[0] == 0
    begun = {name: (out / name).read_text() for name in ("source.json", "domain.toml")}
    for command, file, more, message in (
        ("calibrate", "sample.toml", [], "was begun with another fold (1): go on"),
        ("train", "sample.toml", ["--fold", "2"], "another fold (1)"),
        ("train", "slower.toml", ["--fold", "1"], "another domain file"),
    ):
        code, said = call(command, file, "--resume", *more)
        assert code == 1 and message in said
        assert {name: (out / name).read_text() for name in begun} == begun
    again = ["--resume", "--fold", "1", "--data", str(other)]
    assert call("train", "sample.toml", *again)[0] == 0
    assert json.loads((out / "source.json").read_text()) == {"data": str(other), "fold": 1}


NETWORK = "network = { hidden = [8] }"
LSTM = (NETWORK, 'column = "lstm"')
BY_LSTM = "'components' is not used by column = \"lstm\""
COMPONENTS = '\ncomponents = 2\nrouting = "unit_hydrograph"'
ONLY_LSTM = (f"{NETWORK}{COMPONENTS}", 'column = "lstm"\nnetwork = ')


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (*LSTM, rf"\[model\]: {BY_LSTM}: leave it out"),
        (
            ONLY_LSTM[0],
            ONLY_LSTM[1] + "{ hidden = [8, 4] }",
            r"\[model.network\]: hidden is one size",
        ),
        (
            ONLY_LSTM[0],
            ONLY_LSTM[1] + '"mlp"',
            r"\[model.network\]: LSTMModel is of network='lstm'",
        ),
        (ONLY_LSTM[0], ONLY_LSTM[1] + '{ dynamic = ["beta"] }', "no parameters: leave dynamic"),
        (
            COMPONENTS,
            '\nrouting = "hydropy"',
            "routing of lumped basins is 'unit_hydrograph', or a",
        ),
        (COMPONENTS, "\nrouting = { substeps = 4 }", r"\[model.routing\]: unknown key 'substeps'"),
        (COMPONENTS, '\nunit_hydrograph = "mean"', "written routing = { of = ... } now"),
        (COMPONENTS, '\nweights = "learned"', "written components = { weights = ... } now"),
        (COMPONENTS, "\ncomponents = 0", r"\[model.components\]: components is 0, should be"),
        (COMPONENTS, "\nscheme = { storage = 'some' }", r"\[model.scheme\]: storage is one of"),
        ("{ hidden", "{ dynamic_dropout = 0.5, hidden", "'dynamic_dropout' is not used by network"),
        ('pet = "given"', 'forcing = "daymet"', r"\[basins\]: 'forcing' is not used by format"),
        ('"netcdf"', '"caravan"\ntable = "a.csv"', r"\[basins\]: 'table' is not used by format"),
    ],
)
def test_keys_that_the_choice_passes_over_are_refused(old, new, message, tmp_path):
    write_basins(small_basins(), tmp_path / "basins.nc")
    assert old in FILE
    (tmp_path / "sample.toml").write_text(FILE.replace(old, new))
    with pytest.raises(ValueError, match=r"sample\.toml, .*" + message):
        load(tmp_path / "sample.toml", tmp_path)


def test_a_domain_file_selects_the_weights_and_logs_to_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    write_basins(small_basins(), tmp_path / "basins.nc")
    text = FILE.replace("epochs = 2", "epochs = 3\ntensorboard = true").replace(
        'period = ["2001", "2001"]', 'period = ["2001-04", "2001-09"]'
    )
    chosen = '\n[training.selection]\nperiod = ["2001-10", "2001-12"]\nkeep = "best"\nevery = 1\n'
    (tmp_path / "sample.toml").write_text(text + chosen)
    out = tmp_path / "run"
    train_domain(tmp_path / "sample.toml", tmp_path, out, progress=False)
    about = json.loads((out / "run.json").read_text())["training"]
    scores = pd.read_csv(out / "history.csv")["validation_discharge_nse"]
    assert about["kept_epoch"] == scores.idxmax() + 1 and scores.notna().all()
    assert about["selection"]["period"] == ["2001-10", "2001-12"]
    assert list((out / "tensorboard").glob("events.*"))
    late = chosen.replace("2001-12", "2002-03")
    (tmp_path / "late.toml").write_text(text + late)
    with pytest.warns(UserWarning, match="the selection 2001-10 to 2002-03 has days of the valid"):
        load(tmp_path / "late.toml", tmp_path)
