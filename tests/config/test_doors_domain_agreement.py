"""What `gridhydro check` reports of a domain file is what `train` refuses, whatever is wrong."""

import copy
import json
import shutil
import tomllib
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridhydro.base.report import ERRORS
from gridhydro.cli import main
from gridhydro.config import train_domain as module
from gridhydro.config.calibrate_domain import calibrate_domain
from gridhydro.config.check_domain import check_domain
from gridhydro.config.score_domain import evaluate
from gridhydro.config.train_domain import train_domain
from tests.support import small_amazon
from tests.support.small_basins import FILE, NAMES, small_basins

PLAIN = tomllib.loads(FILE)
PLAIN["training"] |= {"epochs": 0, "spinup": 100}


def toml(value) -> str:
    """A value of a domain file as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


def written(content) -> str:
    """The text of a domain file."""
    lines = []
    for section, keys in content.items():
        for one in keys if isinstance(keys, list) else [keys]:
            lines.append(f"[[{section}]]" if isinstance(keys, list) else f"[{section}]")
            lines += [f"{key} = {toml(value)}" for key, value in one.items()]
    return "\n".join(lines) + "\n"


HUGE = 10**12
ANYTHING = [-1, 0, HUGE, 10**30, 0.5, float("nan"), float("inf"), "", "none", True, [], [1], {}]
VALUES = {
    "training": {
        "period": [
            ["2001", "2001"], ["2001-02-30", "2001-03-01"], ["2001", "2000"], ["1990", "1991"],
            ["2001-06", "2003"], ["01.02.2001", "2001-12-31"], ["2001"], ["2001-13", "2002"],
            ["9999", "9999"], ["0001", "2001"],
        ],
        "validation": [
            ["2002", "2002"], ["2010", "2011"], ["2001-06", "2002"], ["2002", "2001"],
            ["soon", "later"], ["2002-06", "2003-06"],
        ],
        "spinup": [{"days": 400}, {"cycles": 2}, {"start": "equilibrium"}, {"start": "full"}, 365],
        "epochs": [0],
        "optimizer": [
            "adadelta", "sgd", {"learning_rate": -1.0}, {"clip": 0}, {"decay": 2},
            {"balance": "guarded"}, {"balance": "luck"}, {"balance": {"by": "start", "every": 0}},
        ],
        "batches": [
            {"gauges": HUGE}, {"days": 0}, {"warmup": 2000}, {"gauges": 3, "days": 30}, {"size": 1},
            {"warmup": 10**30}, {"warmup": "states"}, {"cells": 3}, {"warmup": "long"},
        ],
        "checkpoints": [{"every": -1.0}, {"every": 5}, {"resume": True}, {"when": "often"}],
        "loss": ["kge", "rmse", "nce"],
        "seed": [3, 2**63, 2**64],
        "device": ["cpu", "tpu", "cuda:99", "meta"],
        "split": [
            {"kind": "pub"}, {"kind": "pub", "folds": 99}, {"kind": "pub", "fold": 10},
            {"kind": "pur", "groups": 3}, {"kind": "pur", "fold": -1}, {"kind": "best"},
            {"kind": "spatiotemporal", "folds": 3}, {"folds": 3}, {"kind": "pub", "seed": 0.5},
            {"kind": "pub", "folds": HUGE}, {"kind": ["pub"]}, {"kind": "pub", "folds": True},
        ],
        "held_out": [[NAMES[0]], ["nowhere"], NAMES, NAMES[0]],
        "storage_weight": [0.5, 2.0],
        "fit_discharge": [False],
        "cache": [True],
        "period_of_grace": [1],
    },
    "model": {
        "column": ["hbv", "hbv_nn", "lstm", "vic", "hydropy_ramp"],
        "components": [1, {"count": 2, "weights": "learned"}, {"weights": "guessed"}],
        "network": [
            "mlp", "lstm", "free", "none", "gz", "conv2d", "forest", {"hidden": [HUGE]},
            {"hidden": [40000, 40000]}, {"hidden": []}, {"hidden": [0]}, {"dropout": 1.5},
            {"kind": "lstm", "dynamic": ["beta"], "hidden": [4]}, {"dynamic": ["beta"]},
            {"kind": "lstm", "dynamic": ["gamma_ray"]}, {"log_attributes": ["slope"]},
            {"log_attributes": ["nothing"]}, {"seed": 1}, {"hidden": [2**31, 2**31]},
        ],
        "scheme": ["sequential", "sequential:4", "euler", "explicit:0", "implicit:1000000000000"],
        "correction": ["conv3d", "linear"],
        "fixed": [{"beta": 2.0}, {"beta": "two"}, {"gamma_ray": 1.0}, {"beta": float("nan")}],
        "routing": ["unit_hydrograph", "hydropy", {"of": "mean"}, {"of": "none"}],
        "configuration": ["Hybrid(Q)", "Best"],
        "history_days": [5, HUGE],
    },
    "basins": {
        "format": ["netcdf", "camels_us", "excel"],
        "path": ["basins.nc", "other.nc", ".", "..", "\0"],
        "pet": ["given", "oudin", "guessed"],
        "attributes": [["sand"], [], ["nothing"], ["discharge"], ["area"], ["sand", "sand"]],
        "period": [["2001", "2002"], ["1990", "1991"], ["2001-06", "2002"]],
        "select": [NAMES[:2], ["nowhere"], []],
    },
    "calibration": {
        "complexes": [2, HUGE], "max_runs": [10, 10**30], "variant": ["program", "other"],
        "loops": [5], "change": [-1.0], "least_range": [0.1],
    },
}  # fmt: skip
SECTIONS = [
    ("targets", [{"name": "runoff", "file": "basins.nc", "variable": "discharge"}]),
    ("targets", [{"name": "runoff", "file": "none.nc"}]),
    ("targets", [{"name": "snow", "file": "basins.nc"}]),
    ("targets", [{"name": "runoff", "file": "basins.nc", "variable": "discharge", "weight": -1}]),
    ("targets", {"name": "runoff"}),
    ("grace", {"files": ["basins.nc"]}),
    ("forcing", {"file": "basins.nc"}),
    ("weather", {}),
]


@st.composite
def contents(draw):
    """A domain file of which some keys are wrong, missing or of another type."""
    content = copy.deepcopy(PLAIN)
    for _ in range(draw(st.integers(1, 2))):
        if draw(st.integers(0, 9)) == 0:
            name, keys = draw(st.sampled_from(SECTIONS))
            content[name] = keys
            continue
        section = draw(st.sampled_from(list(VALUES)))
        keys = VALUES[section]
        key = draw(st.sampled_from(list(keys)))
        values = draw(
            st.sampled_from(keys[key]) if draw(st.booleans()) else st.sampled_from(ANYTHING)
        )
        content.setdefault(section, {})[key] = values
        if draw(st.integers(0, 9)) == 0:
            content[section].pop(draw(st.sampled_from(list(content[section]))))
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("basins")
    small_basins().to_netcdf(folder / "basins.nc")
    return folder


def refused(call):
    """The sentence with which a call refuses, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except ERRORS as error:
            return str(error)
    return None


REPEATED = dict(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.end_to_end
@settings(max_examples=35, **REPEATED)
@given(content=contents())
def test_check_reports_of_a_domain_file_what_training_refuses(folder, content):
    agree(folder, content)


@pytest.mark.slow
@settings(max_examples=250, **REPEATED)
@given(content=contents())
def test_check_reports_of_many_domain_files_what_training_refuses(folder, content):
    agree(folder, content)


def agree(folder, content):
    (folder / "a.toml").write_text(written(content))
    _, report = check_domain(folder / "a.toml", folder)
    with pytest.MonkeyPatch.context() as patch:
        # what comes after the last step: scores only, nothing is written or drawn
        patch.setattr(module, "finish", lambda run, setup, *_: evaluate(run, setup))
        said = refused(
            lambda: train_domain(folder / "a.toml", folder, folder / "run", progress=False)
        )
    shutil.rmtree(folder / "run", ignore_errors=True)
    if said is None and "calibration" in content:
        return
    assert bool(said) == (not report.good), (content, said, report.errors)
    assert said is None or said in report.errors, (content, said, report.errors)


def broken(folder, name="a.toml", **sections):
    """The plain file with these keys in its sections."""
    content = copy.deepcopy(PLAIN)
    for section, keys in sections.items():
        content.setdefault(section, {}).update(keys)
    (folder / name).write_text(written(content))
    return folder / name


def test_check_tells_of_all_sections_at_once_and_leaves_with_1(folder, capsys):
    path = broken(
        folder,
        model={"components": HUGE},
        training={"period": ["2001-02-30", "2001"], "epochs": -1, "validation": ["soon", "x"]},
        basins={"path": "nowhere.nc"},
        calibration={"complexes": 0},
    )
    assert main(["check", str(path), "--data", str(folder)]) == 1
    told = capsys.readouterr().out
    for text in (
        "[model.components]: components is 1000000000000, should be a whole number from 1 to 10000",
        "[training]: period: a period is two dates", "[training]: validation: a validation period",
        "[training]: epochs is -1", "[calibration]: complexes is 0",
    ):  # fmt: skip
        assert f"error: {path}, {text}" in told
    assert main(["check", str(broken(folder)), "--data", str(folder)]) == 0
    assert "error" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"validation": ["2002", "2003"]}, "validation: the validation period 2002 to 2003 is not"),
        ({"fit_discharge": False}, "there is nothing to train on"),
        ({"held_out": NAMES}, "no gauge is left to train on"),
        ({"seed": 2**64}, "seed is 18446744073709551616, should be a whole number from 0 to"),
        ({"optimizer": {"learning_rate": float("inf")}}, "learning_rate is inf"),
    ],
)
def test_what_a_training_would_end_with_is_told_before_it(folder, keys, said):
    path = broken(folder, training=keys)
    errors = check_domain(path, folder)[1].errors
    assert [said in error for error in errors] == [True]
    assert refused(lambda: train_domain(path, folder, folder / "run", progress=False)) in errors
    assert not (folder / "run" / "domain.toml").exists() or "nothing to train" in said
    shutil.rmtree(folder / "run", ignore_errors=True)


def test_names_in_the_way_of_a_run_are_found_before_it(folder, tmp_path):
    path, out = broken(folder), tmp_path / "run"
    for name, make, said in (
        ("metrics.csv", "mkdir", "metrics.csv is a folder, where a file is to be written"),
        ("figures", "touch", "figures is a file, where a folder is to be made"),
    ):
        out.mkdir()
        getattr(out / name, make)()
        (error,) = check_domain(path, folder, out)[1].errors
        assert said in error and [p.name for p in out.iterdir()] == [name]
        assert refused(lambda: train_domain(path, folder, out, progress=False)) == error
        shutil.rmtree(out)
    out.touch()
    (error,) = check_domain(path, folder, out)[1].errors
    assert refused(lambda: train_domain(path, folder, out, progress=False)) == error
    assert check_domain(path, folder, tmp_path / "new" / "run")[1].good
    assert not (tmp_path / "new").exists()


def test_a_section_of_calibration_is_checked_as_calibrate_takes_it(folder):
    path = broken(folder, calibration={"max_runs": 50})
    (error,) = check_domain(path, folder)[1].errors
    assert "max_runs is 50, but 7 complexes" in error
    out = folder / "calibrated"
    assert refused(lambda: calibrate_domain(path, folder, out, progress=False)) == error
    assert check_domain(broken(folder, calibration={"max_runs": 500}), folder)[1].good


def test_a_raster_is_checked_as_it_is_trained(tmp_path):
    path = small_amazon.write(tmp_path)
    setup, report = check_domain(path, tmp_path)
    assert report.good and setup.domain.size
    text = path.read_text().replace('baseline = ["2004", "2004"]', 'baseline = ["1990", "1991"]')
    path.write_text(text)
    said = refused(lambda: train_domain(path, tmp_path, tmp_path / "run", progress=False))
    assert "choose another baseline" in said
    assert check_domain(path, tmp_path)[1].errors == [said]
