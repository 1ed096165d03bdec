"""Small domain files with their data, and folders of runs, for trials of damaged ones."""

from pathlib import Path

import pandas as pd
import torch

from gridhydro.inputs.forcing import Forcing
from gridhydro.io import write_basins
from gridhydro.model.run import Run
from gridhydro.training import checkpoint
from tests.support.lumped import basins as lumped_parts
from tests.support.lumped import model
from tests.support.small_inputs import basins, discharge, raster, series

ABOUT = {"epochs": 3, "seed": 0}
DATA = {"machine": "one", "forcing": {"digest": "00", "sums": [[1.0, 1.0]]}}
RASTER = {
    "domain": {"flow_direction": "codes.nc", "coding": "ldd", "crs": "EPSG:4326", "snap": False},
    "gauges": [
        {"name": "a", "lon": 12.5, "lat": 3.5, "discharge": "q.csv", "units": "m3 s-1"},
        {"name": "b", "lon": 12.5, "lat": 2.5, "discharge": "q.csv", "missing": -9999.0},
    ],
    "attributes": {"slope": {"file": "slope.nc", "how": "mean", "units": "1", "minimum": 0.01}},
    "forcing": {
        "precipitation": {"constant": 3.0, "units": "mm d-1"},
        "temperature": {"file": "temperature.nc", "variable": "temperature", "units": "K"},
        "potential_evapotranspiration": {"constant": 1.0, "units": "mm d-1"},
    },
    "model": {
        "column": "hbv", "components": {"count": 2}, "network": {"kind": "mlp", "hidden": [4]},
        "fixed": {"TT": 0.0}, "routing": {"reservoirs": 2, "learned": "lag"},
    },
    "training": {
        "period": ["2001-01-10", "2001-01-20"], "validation": ["2001-01-21", "2001-01-30"],
        "spinup": {"days": 5, "cycles": 1}, "epochs": 2, "loss": "nse", "seed": 0,
        "optimizer": {"name": "adam", "learning_rate": 0.01}, "held_out": ["b"],
        "checkpoints": {"every": 10.0},
    },
    "calibration": {"complexes": 2},
}  # fmt: skip
LUMPED = {
    "basins": {
        "format": "netcdf", "path": "basins.nc", "pet": "given", "select": ["b00", "b01"],
        "attributes": ["sand", "slope"], "period": ["2001-01-01", "2001-02-28"],
        "names": {"precipitation": "precipitation"},
    },
    "model": {
        "network": {"hidden": [4], "dropout": 0.1}, "components": 2,
        "routing": {"of": "mean"}, "scheme": "sequential",
    },
    "training": {
        "period": ["2001-01-10", "2001-01-31"], "validation": ["2001-02-01", "2001-02-20"],
        "epochs": 2, "batches": {"gauges": 2, "days": 10, "warmup": 5},
        "split": {"kind": "pub", "folds": 2}, "optimizer": "adadelta",
    },
}  # fmt: skip


def write_data(folder: Path) -> None:
    """The files that both domain files name."""
    codes = raster().copy(data=[[6.0, 6, 2], [6, 6, 5], [6, 6, 8], [6, 6, 8]])
    codes[0] = [6, 6, 5]
    codes.to_netcdf(folder / "codes.nc")
    raster(1).rename("slope").to_netcdf(folder / "slope.nc")
    series().to_netcdf(folder / "temperature.nc")
    discharge().rename_axis("time").to_csv(folder / "q.csv")
    write_basins(basins(), folder / "basins.nc")


def toml(content: dict) -> str:
    """A nested value as TOML."""
    return "\n".join(
        f"[[{_key(name)}]]\n{_lines(one)}" if isinstance(value, list) else
        f"[{_key(name)}]\n{_lines(value)}"
        for name, value in content.items()
        if isinstance(value, dict) or (isinstance(value, list) and value)
        for one in (value if isinstance(value, list) else [value])
        if isinstance(one, dict)
    )  # fmt: skip


def _lines(table: dict) -> str:
    return "".join(f"{_key(name)} = {_written(value)}\n" for name, value in table.items())


def _key(text: str) -> str:
    return _written(text)


def _written(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        marked = value.replace("\\", "\\\\").replace('"', '\\"')
        plain = (c if c.isprintable() else f"\\U{ord(c):08x}" for c in marked)
        return '"' + "".join(plain) + '"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_written(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    return repr(value)


def made_run() -> Run:
    """A run that was not trained, of lumped basins."""
    made, parts = model(), lumped_parts()
    forcing = Forcing.read(parts.forcing, parts.domain, made)
    history = pd.DataFrame({"epoch": [1], "loss": [0.5]})
    return Run(made.eval(), forcing, history, made.options | {"gauges": [], "seed": 0})


def write_run(folder: Path) -> None:
    """Weights, domain and index of a run, and a checkpoint beside them."""
    run = made_run()
    run.save_model(folder)
    write_checkpoint(folder)


def write_checkpoint(folder: Path) -> None:
    """A checkpoint of two epochs."""
    made = model()
    optimizer = _optimizer(made)
    for weight in made.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    progress = checkpoint.Progress([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}])
    checkpoint.write(folder / "checkpoint", progress, made, optimizer, ABOUT, DATA)


def read_checkpoint(folder: Path, made):
    return checkpoint.read(folder / "checkpoint", made, _optimizer(made), ABOUT, DATA)


def _optimizer(made):
    return torch.optim.Adam(made.parameters())
