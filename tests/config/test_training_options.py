"""Sections [training] and [calibration]: every option of a training, its short form, its faults."""

import json
from dataclasses import replace

import pytest

import gridhydro as gh
from gridhydro.config.build_model import make_split
from gridhydro.config.load import load
from gridhydro.config.presets import configured
from gridhydro.config.train_domain import train_domain
from tests.support.small_basins import FILE, NAMES, small_basins


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("basins")
    small_basins().to_netcdf(folder / "basins.nc")
    return folder


def loaded(folder, more="", text=FILE):
    (folder / "sample.toml").write_text(text + more)
    return load(folder / "sample.toml", folder)


EVERY = """
spinup = { days = 100, cycles = 2 }
optimizer = { name = "adadelta", learning_rate = 0.5, decay = false, clip = inf }
checkpoints = { every = 60 }
device = "cpu"

[calibration]
complexes = 3
max_runs = 400
variant = "program"
loops = 5
change = 0.01
least_range = 0.002
"""


def test_every_option_has_its_key(folder):
    steps = FILE.replace("warmup = 120 }", 'warmup = 120, steps = "hydrodl" }')
    setup = loaded(folder, EVERY, steps)
    training = setup.training
    assert training.batches == gh.Batches(6, 120, 120, steps="hydrodl") and training.device == "cpu"
    assert training.spinup == gh.SpinUp(100, 2)
    assert training.optimizer == gh.Optimizer("adadelta", 0.5, False, float("inf"))
    assert gh.Checkpoints("run", **training.checkpoints) == gh.Checkpoints("run", every=60)
    assert setup.calibration == gh.SCEUA(3, 400, "program", 5, 0.01, 0.002)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('optimizer = { balance = "guarded" }', gh.Optimizer(balance=gh.Balance("guarded"))),
        (
            "optimizer = { clip = 2.0, balance = { by = 'gradients', every = 3 } }",
            gh.Optimizer(clip=2.0, balance=gh.Balance("gradients", 3)),
        ),
        ("[training.optimizer.balance]\nby = 'start'", gh.Optimizer(balance="start")),
    ],
)
def test_a_balance_is_a_key_of_the_optimizer(folder, text, expected):
    assert loaded(folder, f"{text}\n").training.optimizer == expected
    changed = load(folder / "sample.toml", folder, {"balance": "uncertainty"}).training.optimizer
    assert changed == replace(expected, balance="uncertainty")
    with pytest.raises(ValueError, match=r"sample\.toml.*balance: by is one of 'weights', 'start'"):
        load(folder / "sample.toml", folder, {"balance": "luck"})


def test_a_value_alone_is_that_of_the_first_key(folder):
    training = loaded(folder, 'spinup = 30\noptimizer = "adadelta"\n').training
    assert training.spinup == gh.SpinUp(30) and training.optimizer == gh.Optimizer("adadelta")
    plain = loaded(folder)
    assert plain.training.spinup == gh.SpinUp() and plain.training.optimizer == gh.Optimizer()
    assert plain.calibration == gh.SCEUA()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("spinup_cycles = 2", r"'spinup_cycles' is written spinup = { cycles = ... } now"),
        ('start = "equilibrium"', r"'start' is written spinup = { start = ... } now"),
        ("learning_rate = 0.1", r"'learning_rate' is written optimizer = { learning_rate = ... }"),
        ("spinup = { day = 3 }", r"\[training.spinup\]: unknown key 'day'; did you mean 'days'"),
        ("spinup = { days = -3 }", r"\[training.spinup\]: spinup: days is -3"),
        ('optimizer = "sgd"', r"\[training.optimizer\]: optimizer is one of 'adam', 'adadelta'"),
        ("optimizer = { clip = true }", r"\[training.optimizer\]: clip is a number, not True"),
        ('checkpoints = { folder = "a" }', "'folder' is not used by domain files: leave it out"),
        ("checkpoints = { resume = true }", "'resume' is not used by domain files"),
        ("checkpoints = { every = -1 }", r"\[training.checkpoints\]: checkpoints: every is -1"),
        ("[calibration]\nruns = 3", r"\[calibration\]: unknown key 'runs'"),
        ("[calibration]\ncomplexes = 0", r"\[calibration\]: complexes is 0"),
    ],
)
def test_faults_name_section_key_and_remedy(folder, more, message):
    with pytest.raises(ValueError, match=r"sample\.toml, .*" + message):
        loaded(folder, more + "\n")


def test_options_of_the_file_reach_the_training(folder):
    more = "optimizer = { decay = false, clip = 0.5 }\nheld_out = ['b03', 'b05']\nepochs = 1\n"
    text = FILE.replace("epochs = 2\n", "")
    (folder / "sample.toml").write_text(text + more)
    train_domain(folder / "sample.toml", folder, folder / "run", progress=False)
    about = json.loads((folder / "run" / "run.json").read_text())["training"]
    assert (about["decay"], about["clip"], about["learning_rate"]) == (False, 0.5, 0.005)
    assert about["gauges"] == [name for name in NAMES if name not in ("b03", "b05")]
    assert about["split"]["test_gauges"] == ["b03", "b05"]


def test_gauges_held_out_by_name_are_not_trained_on_in_a_fold_either(folder):
    fold = 'split = { kind = "pub", folds = 3 }\n'
    whole = make_split(loaded(folder, fold))
    out = whole.train_gauges[2]
    split = make_split(loaded(folder, f'{fold}held_out = ["{out}"]\n'))
    assert set(split.train_gauges) == set(whole.train_gauges) - {out}
    assert split.test_gauges == whole.test_gauges


def test_tables_of_a_configuration_keep_what_the_file_leaves_out():
    def training(**given):
        return configured({}, given, "Hybrid(Q,S)")[1]

    assert training(spinup=730)["spinup"] == {"start": "equilibrium", "days": 730}
    assert training(spinup={"start": "empty"})["spinup"] == {"start": "empty"}
    assert training()["optimizer"] == {"name": "adam", "learning_rate": 0.0005}
    assert training(optimizer={"clip": 2.0})["optimizer"]["learning_rate"] == 0.0005
    # the rate of one optimizer is not that of another
    assert training(optimizer="adadelta")["optimizer"] == {"name": "adadelta"}
