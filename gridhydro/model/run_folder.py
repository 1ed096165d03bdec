"""The folder of a run: weights, domain, settings and versions, and what came of it."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from gridhydro.base.files import replace
from gridhydro.columns import COLUMNS
from gridhydro.domain.domain import Domain
from gridhydro.inputs.history import History
from gridhydro.io import export
from gridhydro.io.csv_tables import write_discharge, write_table
from gridhydro.model import options as model_options
from gridhydro.model import run_figures
from gridhydro.model.base import CellModel
from gridhydro.model.lstm_model import make_model
from gridhydro.observations.discharge import discharge_table
from gridhydro.surrogate import Surrogate
from gridhydro.surrogate.folder import kept

_PACKAGES = ("gridhydro", "torch", "numba", "numpy", "xarray", "pyflwdir")


def write(folder: Path, model: CellModel, about: dict) -> None:
    """Weights, domain, attributes and settings: what `read` needs."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    replace(folder / "model.safetensors", lambda p: save_file(tensors, p))
    model.domain.to_file(folder / "domain.nc")
    if isinstance(model.column, Surrogate):  # no column that is known by name
        model.column.save(folder)
    content = {
        "model": model.options
        | {"attributes": list(model.network.names), "properties": list(model.property_names)},
        "training": about,
        "versions": {name: version(name) for name in _PACKAGES},
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }
    text = json.dumps(content, indent=1)
    replace(folder / "run.json", lambda p: p.write_text(text))


def read(folder: Path, column=None) -> tuple[CellModel, pd.DataFrame, dict]:
    """Model, history and settings of the training; FileNotFoundError where nothing is finished."""
    if not (folder / "run.json").exists():
        raise FileNotFoundError(
            f"{folder} holds no finished run (run.json is missing): train into it first; "
            "of an ensemble load one of its runs, or all with gridhydro.Ensemble.load"
        )
    content = json.loads((folder / "run.json").read_text())
    domain = Domain.from_file(folder / "domain.nc")
    tensors = load_file(folder / "model.safetensors")
    past = _history(content["model"], tensors)
    options = model_options.from_json(content["model"], past, lumped=domain.lumped)
    names = content["model"]["attributes"]
    values = dict(zip(names, tensors["attributes"].numpy().T, strict=True)) if names else None
    if column is None and options["column"] not in (*COLUMNS, "lstm") and kept(folder):
        column = Surrogate.load(folder)
    if column is not None:
        options["column"] = column
    if properties := content["model"].get("properties"):
        options["properties"] = dict(zip(properties, tensors["properties"].numpy(), strict=True))
    model = make_model(domain, values, **options)
    model.load_state_dict(tensors)
    model.eval()
    history = folder / "history.csv"
    table = pd.read_csv(history) if history.exists() else pd.DataFrame()
    return model, table, content["training"]


def write_results(
    run, folder: Path, scores: pd.DataFrame | None, discharge, outputs: Sequence[str] | None
) -> None:
    """See `Run.save`."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    run.save_model(folder)
    domain, fields, history = run.model.domain, run.model.fields, run.history
    maps = run.mean_parameters() if fields else {}
    if fields:
        export.write_parameters(folder, domain, fields, maps)
    series = run.simulate(outputs=outputs)
    export.write_series(folder, series)
    simulated = series["discharge"].transpose("time", "gauge").to_pandas()
    write_discharge(folder / "discharge.csv", simulated, "simulated")
    observed = None
    if discharge is not None:
        observed = discharge_table(discharge, domain).reindex(simulated.index)
        write_discharge(folder / "discharge_observed.csv", observed, "observed")
    if scores is not None:
        write_table(folder / "metrics.csv", scores)
    if len(history):  # without columns there would be nothing to read again
        part = ("(name of a part)", "1", "loss of this part of what is fitted, or what `each` gave")
        write_table(folder / "history.csv", history, rest=part)
    run_figures.draw(folder / "figures", domain, fields, maps, simulated, history, scores, observed)


def _history(kept: dict, tensors: dict) -> History | None:
    """The history that a network reads, of whose values the tensors are."""
    about = model_options.history_of(kept)
    return None if about is None else History.again(tensors["history"], about)
