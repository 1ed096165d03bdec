"""The parts of a report that are text and tables."""

from __future__ import annotations

import json
import shlex
from html import escape

import numpy as np
import pandas as pd

from gridhydro.analysis.page.contents import Contents
from gridhydro.analysis.page.html_table import cell, table
from gridhydro.base.arguments import required
from gridhydro.base.words import count_of
from gridhydro.evaluation import spread
from gridhydro.evaluation.plot_scores import LABELS
from gridhydro.evaluation.tables import summary
from gridhydro.model.drift import Drift
from gridhydro.model.ensemble import SPREAD

SCORES = ("nse", "kge", "correlation", "percent_bias", "fhv", "flv", "rmse", *spread.SPREAD)
MOST = 400  # rows of a table of gauges; all are in metrics.csv


def headline(contents: Contents) -> str:
    """What the run is of, in a line."""
    told, domain = contents.training, contents.domain
    network = told.get("network") or {}
    kind = network.get("kind", "") if isinstance(network, dict) else str(network)
    parts = [f"{told.get('column', contents.index['model'].get('column', 'a model'))}"]
    if kind:
        parts.append(
            {"none": "nothing learned", "free": "free parameters"}.get(kind, f"network {kind}")
        )
    parts.append(f"{domain.size:,} {domain.called[1]}")
    parts.append(f"{domain.area.sum() / 1e6:,.0f} km²")
    if not domain.lumped:
        parts.append(count_of(len(domain.gauges), "gauge"))
        parts.append(str(required("reference system", domain.crs).name))
    return ", ".join(parts)


def cards(contents: Contents) -> str:
    """The numbers that are looked for first: medians by period and use of the gauges, time."""
    found = []
    scores = contents.scores
    if scores is not None and len(scores):
        by = ["period"] + (["gauge_use"] if "gauge_use" in scores else [])
        for key, rows in scores.groupby(by, sort=False):
            nse = rows["nse"].median()
            number = count_of(len(rows), "gauge")
            use = f" {key[1]}" if len(key) > 1 else ""
            found.append((f"NSE {nse:.2f}", str(key[0]), f"median of {number}{use}"))
    history = contents.history
    if history is not None and len(history):
        runs = f"{history['epoch'].iloc[-1]:.0f}" if contents.calibrated else f"{len(history)}"
        found.append((runs, "runs a cell" if contents.calibrated else "epochs", ""))
        if "seconds" in history:
            what = "of calibration" if contents.calibrated else "of training"
            found.append((_duration(history["seconds"].sum()), what, ""))
    return "".join(
        f'<div class="card"><b>{escape(number)}</b>'
        f"<span>{escape(what)}</span><span>{escape(more)}</span></div>"
        for number, what, more in found
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def warnings(contents: Contents) -> str:
    """All warnings, or that there are none."""
    if not contents.warnings:
        return "<p>None: neither the checks of the domain nor the training had anything to say.</p>"
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in contents.warnings) + "</ul>"


def scores(contents: Contents) -> str:
    """Medians by period, trained and held out apart, and the scores of every gauge."""
    found = contents.scores
    if found is None or not len(found):
        return "<p>The run was not scored: <code>gridhydro evaluate</code> does so.</p>"
    by = ["period"] + (["gauge_use"] if "gauge_use" in found else [])
    names = [name for name in SCORES if name in found]
    medians = summary(found, by).pivot_table("median", by, "metric", sort=False)
    medians = medians[[name for name in names if name in medians]].reset_index()
    medians.insert(len(by), "gauges", found.groupby(by, sort=False).size().to_numpy())
    more = [name for name in ("fold", "days") if name in found]
    gauges = found[["gauge", *by, *names, *more]]
    left = "" if len(gauges) <= MOST else (
        f"<p>The first {MOST} of {len(gauges)} rows; metrics.csv has all.</p>"
    )  # fmt: skip
    texts = ("gauge", "period", "use")
    unit = f" RMSE in {escape(str(found['unit'].iloc[0]))}; biases in %." if "unit" in found else ""
    return (
        f"<h3>Medians over the gauges</h3>{table(_headed(medians), texts)}"
        f'<h3>Every gauge</h3><p class="soft">A row shows the hydrograph.{unit}</p>'
        f"{left}{table(_headed(gauges.head(MOST)), texts, gauges=True)}"
    )


def _headed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={**LABELS, "gauge_use": "use"})


def water(contents: Contents) -> str:
    """The budget by year, and how the storage drifts."""
    parts = []
    drift = contents.training.get("storage_drift")
    if drift:
        parts.append(f"<p>{escape(Drift(**drift).line)}</p>")
    found = contents.water
    if found is None:
        parts.append(
            "<p>No budget by year lies in the folder (water.csv): the forcing stayed in its file, "
            "or not all fluxes were written. <code>gridhydro analyse</code> makes one.</p>"
        )
        return "".join(parts)
    shown = found.rename(columns=lambda name: name.replace("_", " "))
    for name in ("year", "days"):
        shown[name] = shown[name].astype(int)
    parts.append(
        '<p class="soft">Sums of each year in mm, means over the area of all cells. The change of '
        "storage is what comes in less what goes out.</p>" + table(shown)
    )
    if len(found) > 1:
        parts.append('<div id="curve-storage"></div>')
    return "".join(parts)


def training(contents: Contents) -> str:
    """The course of the training."""
    history = contents.history
    if history is None or not len(history):
        return "<p>It was not trained: its parameters were given.</p>"
    loss = history["loss"]
    if contents.calibrated:
        told = (
            f"Each cell calibrated by itself (SCE-UA): the mean over the cells of the lowest loss, "
            f"{cell(float(loss.iloc[0]))} after the first population, "
            f"{cell(float(loss.iloc[-1]))} at the end"
        )
        return f'<p>{escape(told)}.</p><div id="curve-loss"></div>'
    kept = contents.training.get("kept_epoch")
    told = f"Loss {cell(float(loss.iloc[0]))} in the first epoch, {cell(float(loss.min()))} at the "
    told += f"lowest, {cell(float(loss.iloc[-1]))} in the last"
    if kept is not None:
        told += f"; the weights are those of epoch {kept}"
    return f'<p>{escape(told)}.</p><div id="curve-loss"></div>'


def parameters(contents: Contents) -> str:
    """What was learned, cell by cell, and what was held."""
    rows, apart = [], {}
    for layer in contents.layers:
        if layer.name.endswith(SPREAD):
            apart[layer.name.removesuffix(SPREAD)] = float(np.nanmedian(layer.values))
    for layer in contents.layers:
        if layer.name.endswith(SPREAD):
            continue
        values = layer.values[np.isfinite(layer.values)]
        low, middle, high = (float(q) for q in np.quantile(values, [0.05, 0.5, 0.95]))
        rows.append(
            {"what": layer.long_name, "code": layer.name, "unit": layer.unit, "5 %": low,
             "median": middle, "95 %": high}
            | ({"between runs": apart.get(layer.name, np.nan)} if apart else {})
        )  # fmt: skip
    fixed = contents.index["model"].get("fixed") or {}
    held = ", ".join(f"{name} = {value:g}" for name, value in fixed.items())
    note = f"<p>Held at a constant: {escape(held)}.</p>" if held else ""
    if not rows:
        return note or "<p>No maps lie in the folder.</p>"
    frame = pd.DataFrame(rows)
    more = "; between runs is the median of their standard deviation" if apart else ""
    text = f'<p class="soft">Over the cells; what the map shows{more}.</p>'
    return f"{text}{table(frame, ('what', 'code', 'unit'), long=('what',))}{note}"


def settings(contents: Contents) -> str:
    """Settings of model and training, versions and machine."""
    index = contents.index
    rows = [{"of": "model", "key": k, "value": v} for k, v in _flat(index["model"])]
    known = dict(_flat(index["model"]))
    rows += [
        {"of": "training", "key": key, "value": value}
        for key, value in _flat(index["training"])
        if key not in known and not key.startswith(("data.", "storage_drift."))
    ]
    digests = index["training"].get("data") or {}
    rows += [{"of": "data (digest)", "key": k, "value": str(v)} for k, v in digests.items()]
    rows += [{"of": "version", "key": k, "value": v} for k, v in index.get("versions", {}).items()]
    rows.append({"of": "machine", "key": "", "value": index.get("machine", "not known")})
    if "data" in contents.source:
        rows.append({"of": "data", "key": "folder", "value": contents.source["data"]})
    frame = pd.DataFrame(rows).map(str)
    text = table(frame, tuple(frame), long=("value",))
    if contents.domain_file is not None:
        text += f"<h3>Domain file</h3><pre>{escape(contents.domain_file)}</pre>"
    return text


def _flat(content: dict, before: str = ""):
    """Keys with dots, and texts of their values; what is not set is left out."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        elif value is not None and value != [] and value != "":
            text = value if isinstance(value, str) else json.dumps(value)
            if isinstance(value, list):
                text = ", ".join(map(str, value))
            yield f"{before}{key}", text


def again(contents: Contents) -> str:
    """Commands that make the run again, and go on from it."""
    commands = "\n".join(contents.commands)
    where = shlex.quote(str(contents.folder.resolve().parent))
    note = "" if contents.domain_file is not None else (
        " It was trained from Python: the settings above are those of gridhydro.train."
    )  # fmt: skip
    if sections := contents.source.get("sections"):
        told = ", ".join(f"{key} = {text}" for key, text in _flat(sections))
        note += (
            f" What was given beside the domain file, as a recipe does ({told}), has no option: "
            "write it into domain.toml first."
        )
    return f"<p>In the folder {escape(where)}.{escape(note)}</p><pre>{escape(commands)}</pre>"
