"""The folder of a run: weights, domain, settings and versions, and what came of it.

run.json is the index of the folder: it has the digests of the files that make the model, and the
names of all that was written with them. All of a run changes at once.
"""

from __future__ import annotations

import json
import platform
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from gridhydro.base.arguments import required
from gridhydro.base.damage import digest, read_json, reading
from gridhydro.base.files import replace
from gridhydro.base.folders import place, settled, together
from gridhydro.base.tensors import read_tensors, refuse_infinite, refuse_other, write_tensors
from gridhydro.columns import COLUMNS
from gridhydro.domain.domain import Domain
from gridhydro.inputs.history import History
from gridhydro.io import export
from gridhydro.io.csv_tables import NOTE, read_table, write_discharge, write_table
from gridhydro.io.monthly import ends_of, labelled, too_long
from gridhydro.model import options as model_options
from gridhydro.model import run_figures
from gridhydro.model.base import CellModel
from gridhydro.model.lstm_model import make_model
from gridhydro.model.reduced import Gathered, Monthly, Wanted
from gridhydro.model.yearly_water import yearly_water
from gridhydro.observations.discharge import compared
from gridhydro.surrogate import Surrogate
from gridhydro.surrogate import folder as surrogate_folder
from gridhydro.surrogate.folder import kept

INDEX, WEIGHTS, DOMAIN, HISTORY = "run.json", "model.safetensors", "domain.nc", "history.csv"
# what is told of a run when all of it is written: nothing of it outlives the weights
REPORT = "report.html"
MEND = "train again (--resume where its checkpoint is left), or copy the folder anew"
# what a run may write into its folder
_FILES = (
    INDEX, WEIGHTS, DOMAIN, HISTORY, NOTE, "domain.toml", "source.json", "metrics.csv",
    "storage_metrics.csv", "target_metrics.csv", "discharge.csv", "discharge_observed.csv",
    "parameters.csv", "parameters.nc", "fluxes.nc", "calibration.nc", "storage.nc",
    "gis.gpkg", "water.csv", "warnings.json", REPORT,
)  # fmt: skip
_FOLDERS = ("figures", "parameters", "checkpoint")
_PACKAGES = ("gridhydro", "torch", "numba", "numpy", "xarray", "pyflwdir")


@contextmanager
def saving(folder: str | Path) -> Iterator[Path]:
    """A folder to write a run into, all of which takes its place in `folder` at once.

    What had been written with other weights goes then; other files stay.
    """
    folder = Path(folder)
    settled(folder)
    before = _written(folder)
    with together(folder) as part:
        if (folder / NOTE).exists():  # the tables that stay are explained there
            shutil.copyfile(folder / NOTE, part / NOTE)
        yield part
        names = sorted(str(p.relative_to(part)) for p in part.rglob("*") if p.is_file())
        if (part / INDEX).exists():
            content = read_json(part / INDEX, "the index of a run", MEND)
            _write_index(part, content | {"written": names})
    after = _written(folder)
    if before.get(WEIGHTS) != after.get(WEIGHTS):
        for name in (before.keys() | {REPORT}) - after.keys() - {NOTE}:
            with suppress(OSError):
                (folder / name).unlink()


def refuse_in_the_way(folder: Path) -> None:
    """ValueError for a folder where a run would write a file, and the other way round: found
    before a training, not after it."""
    for name in _FILES:
        if (folder / name).is_dir():
            raise ValueError(f"{folder / name} is a folder, where a file is to be written: move it")
    for name in _FOLDERS:
        if (folder / name).exists() and not (folder / name).is_dir():
            raise ValueError(f"{folder / name} is a file, where a folder is to be made: move it")


def _written(folder: Path) -> dict[str, str | None]:
    """What the index of a folder names, with the digests that it has; of a damaged one nothing."""
    try:
        content = read_json(place(folder, INDEX), "the index of a run", MEND)
        inside = [n for n in content["written"] if folder in (folder / n).parents and ".." not in n]
        return dict.fromkeys(inside) | dict(content["files"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def write(folder: Path, model: CellModel, about: dict, periods: Mapping | None = None) -> None:
    """Weights, domain, attributes and settings: what `read` needs; and the days of the training
    and of what was scored, by name. ValueError for a model of one component, which is kept with the
    others only."""
    if getattr(model, "component", None) is not None:
        raise ValueError("a component is no run of its own: save the run that it is of")
    folder.mkdir(parents=True, exist_ok=True)
    files = {WEIGHTS: write_tensors(folder / WEIGHTS, model.state_dict())}
    model.domain.to_file(folder / DOMAIN)
    files[DOMAIN] = digest(folder / DOMAIN)
    if isinstance(model.column, Surrogate):  # no column that is known by name
        model.column.save(folder)
        for name in (surrogate_folder.WEIGHTS, surrogate_folder.ABOUT):
            files[name] = digest(folder / name)
    content = {
        "model": model.options
        | {"attributes": list(model.network.names), "properties": list(model.property_names)},
        "training": about,
        "versions": {name: version(name) for name in _PACKAGES},
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "files": files,
        "periods": dict(periods or {}),
    }
    _write_index(folder, content)


def _write_index(folder: Path, content: dict) -> None:
    content = {name: value for name, value in content.items() if name != "digest"}
    text = json.dumps(content | {"digest": _digest(content)}, indent=1)
    replace(folder / INDEX, lambda p: p.write_text(text))


def _digest(content: dict) -> str:
    """Of all that an index says; numbers are written by JSON as they are read."""
    told = {name: value for name, value in content.items() if name != "digest"}
    text = json.dumps(json.loads(json.dumps(told)), sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def finished(folder: Path) -> bool:
    """Whether the folder holds a run of which everything is written."""
    return place(folder, INDEX).exists()


def index(folder: Path) -> dict:
    """What the index of a run says; FileNotFoundError where nothing is finished, ValueError where
    it is damaged."""
    if not finished(folder):
        raise FileNotFoundError(
            f"{folder} holds no finished run ({INDEX} is missing): train into it first; "
            "of an ensemble load one of its runs, or all with gridhydro.Ensemble.load"
        )
    path = place(folder, INDEX)
    content = read_json(path, "the index of a run", MEND)
    for name in ("model", "training"):
        if not isinstance(content.get(name), dict):
            raise ValueError(f"{path} is damaged: it has no settings of the {name}: {MEND}")
    if "digest" in content and content["digest"] != _digest(content):
        warnings.warn(
            f"{path} is not as it was written: the run may be another than was trained",
            stacklevel=3,
        )
    return content


def read(folder: Path, column=None) -> tuple[CellModel, pd.DataFrame, dict]:
    """Model, history and settings of the training; FileNotFoundError where nothing is finished.

    ValueError where a file is missing, damaged or of another run, naming it.
    """
    settled(folder)
    content = index(folder)
    where, weights = place(folder, INDEX), place(folder, WEIGHTS)
    digests = content.get("files", {})
    with reading(where, "the index of a run", MEND):
        digests = {name: str(digests.get(name)) for name in digests}
    tensors = read_tensors(weights, MEND, digests.get(WEIGHTS))
    domain = _domain(folder, digests.get(DOMAIN))
    if column is None and content["model"].get("column") not in (*COLUMNS, "lstm"):
        column = _surrogate(folder, digests)
    with reading(where, f"the index of the run in {weights}", MEND):
        model = _made(content["model"], domain, tensors, column)
    refuse_infinite(weights, tensors, [name for name, _ in model.named_parameters()], MEND)
    return model.eval(), _history_table(folder), content["training"]


def _domain(folder: Path, kept_digest: str | None) -> Domain:
    path = place(folder, DOMAIN)
    with reading(path, "the domain of a run", MEND):
        refuse_other(path, MEND, kept_digest)
        return Domain.from_file(path)


def _surrogate(folder: Path, digests: dict) -> Surrogate | None:
    """The surrogate that a run is of, if it is."""
    names = (surrogate_folder.WEIGHTS, surrogate_folder.ABOUT)
    if not kept(folder):
        if names[0] in digests:
            raise ValueError(f"{folder} is not whole: it has no {' and '.join(names)}: {MEND}")
        return None
    for name in names:
        refuse_other(place(folder, name), MEND, digests.get(name))
    return Surrogate.load(folder)


def _made(told: dict, domain: Domain, tensors: dict, column) -> CellModel:
    """The model of an index with its weights."""
    past = _history(told, tensors)
    options = model_options.from_json(told, past, lumped=domain.lumped)
    names = told["attributes"]
    values = dict(zip(names, tensors["attributes"].numpy().T, strict=True)) if names else None
    if column is not None:
        options["column"] = column
    if properties := told.get("properties"):
        options["properties"] = dict(zip(properties, tensors["properties"].numpy(), strict=True))
    model = make_model(domain, values, **options)
    area = tensors["area"].numpy()
    if area.shape != domain.area.shape or not np.allclose(area, domain.area, rtol=1e-5):
        raise ValueError("the weights are of other cells than the domain beside them")
    model.load_state_dict(tensors)
    return model


def _history_table(folder: Path) -> pd.DataFrame:
    """The course of the training; empty where none was kept."""
    path = place(folder, HISTORY)
    if not path.exists():
        return pd.DataFrame()
    return read_table(path, values=("epoch", "loss"))


def write_results(
    run, folder: Path, scores: pd.DataFrame | None, discharge, outputs: Sequence[str] | None
) -> None:
    """See `Run.save`."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    write(folder, run.model, run.about, run.periods)
    domain, fields, history = run.model.domain, run.model.fields, run.history
    maps = run.mean_parameters() if fields else {}
    if fields:
        export.write_parameters(folder, domain, fields, maps)
    names = run.usual_outputs if outputs is None else tuple(outputs)
    simulated, means = _write_series(run, folder, names)
    write_discharge(folder / "discharge.csv", simulated, "simulated")
    observed, shown = None, simulated
    if discharge is not None:
        observed, shown = compared(discharge, simulated, domain)
        observed = observed.reindex(shown.index)
        write_discharge(folder / "discharge_observed.csv", observed, "observed")
    if scores is not None:
        write_table(folder / "metrics.csv", scores)
    if len(history):  # without columns there would be nothing to read again
        part = ("(name of a part)", "1", "loss of this part of what is fitted, or what `each` gave")
        write_table(folder / HISTORY, history, rest=part)
    figures = folder / "figures"
    run_figures.draw_maps(figures, domain, fields, maps)
    outputs_of = [run.model.output(name) for name in names]
    run_figures.draw_means(figures, domain, outputs_of, means, simulated.index)
    run_figures.draw(figures, domain, shown, history, scores, observed, run.periods)


def wanted(run, names: Sequence[str]) -> tuple[Wanted, ...]:
    """What a run is asked for to write these outputs: every day, or where that is too much means
    over months."""
    monthly = too_long(run.model.domain, len(run.record().times))
    return tuple(Monthly(name) for name in names) if monthly else tuple(names)


def _write_series(
    run, folder: Path, names: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """folder/fluxes.nc, by day; where that is too much by month, and discharge.nc by day. Returns
    discharge by day, and the means of the others over the record, name -> (N,)."""
    domain, times = run.model.domain, run.record().times
    keys, fields = wanted(run, names), [run.model.output(name) for name in names]
    found = run.simulation(keys)
    flow = required("discharge", found.discharge)
    values = {name: found.outputs[key].numpy() for name, key in zip(names, keys, strict=True)}
    if not too_long(domain, len(times)):
        series = export.dataset(domain, times, fields, values, flow.numpy())
    else:
        daily = export.dataset(domain, times, (), {}, flow.numpy())
        export.write_dataset(folder / "discharge.nc", daily, "discharge at the gauges")
        means = Gathered(Monthly("discharge"), times)
        means.add(slice(None), flow)
        months, _ = ends_of(times)
        series = export.dataset(domain, months, fields, values, means.whole().numpy())
        series = labelled(series, times)
    export.write_dataset(folder / "fluxes.nc", series)
    days = pd.DatetimeIndex(times, name="time")
    starts = ends_of(times)[0] if too_long(domain, len(times)) else times
    water = yearly_water(run.model, run.record(), values, starts)
    if water is not None:
        part = ("(name of a flux)", "mm", "sum over the year, mean over the area of all cells")
        write_table(folder / "water.csv", water, rest=part)
    of_cells = {name: series.mean(axis=0) for name, series in values.items()}
    return pd.DataFrame(flow.numpy(), days, domain.gauges.index), of_cells


def _history(kept: dict, tensors: dict) -> History | None:
    """The history that a network reads, of whose values the tensors are."""
    about = model_options.history_of(kept)
    return None if about is None else History.again(tensors["history"], about)
