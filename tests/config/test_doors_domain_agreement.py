"""What `gridhydro check` reports of a domain file is what `train` refuses, whatever is wrong."""

import copy
import json
import tomllib
import warnings
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridhydro.base.report import ERRORS
from gridhydro.config import train_domain as module
from gridhydro.config.check_domain import check_domain
from gridhydro.config.score_domain import evaluate
from gridhydro.config.train_domain import train_domain
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
ANYTHING = [-1, 0, 1, HUGE, 10**30, 0.5, float("nan"), float("inf"), "", "none", True, [], [1], {}]
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
        "optimizer": ["adadelta", "sgd", {"learning_rate": -1.0}, {"clip": 0}, {"decay": 2}],
        "batches": [
            {"basins": HUGE}, {"days": 0}, {"warmup": 2000}, {"basins": 3, "days": 30}, {"size": 1},
            {"warmup": 10**30},
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


@settings(
    max_examples=120, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(content=contents())
def test_check_reports_of_a_domain_file_what_training_refuses(folder, content):
    agree(folder, content)


def agree(folder, content):
    (folder / "a.toml").write_text(written(content))
    _, report = check_domain(folder / "a.toml", folder)
    runs = [lambda: train_domain(folder / "a.toml", folder, folder / "run", progress=False)]
    said = None
    with pytest.MonkeyPatch.context() as patch:
        # what comes after the last step: scores only, nothing is written or drawn
        patch.setattr(module, "finish", lambda run, setup, *_: evaluate(run, setup))
        said = refused(runs[0])
    for left in sorted((folder / "run").rglob("*"), reverse=True):
        with suppress(OSError):
            left.rmdir() if left.is_dir() else left.unlink()
    if said is None and "calibration" in content:
        return
    assert bool(said) == (not report.good), (content, said, report.errors)
    assert said is None or said in report.errors, (content, said, report.errors)
