"""The report of a run: one HTML file with everything in it, to be opened without a network."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np

from gridhydro.analysis.page import tables
from gridhydro.analysis.page.contents import Contents, read
from gridhydro.analysis.page.map_data import map_data, score_layers
from gridhydro.analysis.page.series_data import series_data
from gridhydro.base.damage import reading
from gridhydro.base.files import replace
from gridhydro.base.folders import settled
from gridhydro.evaluation.plot_hydrographs import GROUNDS
from gridhydro.model.ensemble import refuse_several
from gridhydro.model.run_folder import MEND, REPORT, finished, index

# nothing is loaded from anywhere: a browser is told to refuse it
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_SECTIONS = (
    ("warnings", "Warnings"), ("where", "Map and hydrographs"), ("scores", "Scores"),
    ("water", "Water budget"), ("training", "Training"), ("parameters", "Parameters"),
    ("settings", "Settings"), ("again", "How to repeat it"),
)  # fmt: skip


def report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write a run as one HTML file that can be opened anywhere, offline; returns its path.

    folder  that `Run.save` or `gridhydro train` wrote; nothing but it is read, nothing simulated
    out     the file; report.html in the folder if left out

    It has a map with parameters, fluxes, rivers and scores, the hydrograph of every gauge, tables,
    the course of the training, the water budget, warnings, settings, and how to repeat the run:
    as far as the folder has them, and says what it lacks.
    FileNotFoundError where no run is finished; ValueError for an ensemble of runs, each of which
    has a report of its own, and for a damaged file, naming it.
    """
    folder = Path(folder)
    settled(folder)
    out = folder / REPORT if out is None else Path(out)
    if not finished(folder):
        refuse_several(folder)
        index(folder)  # says so
    with reading(folder, "a run that a report can be made of", MEND):
        text = html(read(folder))
    out.parent.mkdir(parents=True, exist_ok=True)
    replace(out, partial(Path.write_text, data=text, encoding="utf-8"))
    return out


def html(contents: Contents) -> str:
    """The whole page."""
    where = map_data(contents)
    series, told = series_data(contents)
    names = [gauge["name"] for gauge in where["gauges"]] if where else []
    data = {
        "map": where, "scores": score_layers(contents.scores, names), "series": series,
        "periods": [[name, *days] for name, days in _marked(contents, series)],
        "curves": _curves(contents),
    }  # fmt: skip
    bodies = {
        "warnings": tables.warnings(contents),
        "where": _where(contents, where, series, told),
        "scores": tables.scores(contents),
        "water": tables.water(contents),
        "training": tables.training(contents),
        "parameters": tables.parameters(contents),
        "settings": tables.settings(contents),
        "again": tables.again(contents),
    }
    sections = "\n".join(
        f'<section id="{key}" class="{key}{" some" * bool(contents.warnings)}">'
        f"<h2>{title}</h2>\n{bodies[key]}</section>"
        for key, title in _SECTIONS
    )
    links = " ".join(f'<a href="#{key}">{title}</a>' for key, title in _SECTIONS)
    title = contents.folder.resolve().name
    here = files("gridhydro.analysis.page")
    style, script = ((here / f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}, a run of gridhydro</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="soft">{escape(tables.headline(contents))}<br>
written {datetime.now():%Y-%m-%d %H:%M} with gridhydro {escape(_version(contents))}</p>
<div class="cards">{tables.cards(contents)}</div>
<nav>{links}</nav>
<noscript><p>The map and the hydrographs need JavaScript; the tables do not.</p></noscript>
</header>
<main>
{sections}
</main>
<script type="application/json" id="data">{_json(data)}</script>
<script>
{script}</script>
</body>
</html>
"""


def _json(data: dict) -> str:
    """As JSON that no browser takes for the end of the element it lies in."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _version(contents: Contents) -> str:
    return str(contents.index.get("versions", {}).get("gridhydro", "of an unknown version"))


def _marked(contents: Contents, series: dict | None):
    """Periods by name, with the spin-up where the series begin before the first."""
    periods = contents.periods
    if periods and series is not None:
        start = min(first for first, _ in periods.values())
        if series["start"] < start:
            before = np.datetime64(start) - np.timedelta64(1, "D")
            return [("spin-up", (series["start"], str(before))), *periods.items()]
    return list(periods.items())


def _curves(contents: Contents) -> dict:
    """Charts by the element that they are drawn in."""
    found = {}
    history, water = contents.history, contents.water
    if history is not None and len(history) > 1:
        loss = [float(v) if np.isfinite(v) else None for v in history["loss"]]
        known = [v for v in loss if v is not None]
        steep = bool(known) and min(known) > 0 and max(known) > 5 * min(known)
        found["curve-loss"] = {
            "x": history["epoch"].tolist(),
            "unit": "loss over runs a cell" if contents.calibrated else "loss over epochs",
            "log": steep, "zero": False, "high": 240,
            "lines": [{"name": "loss", "y": loss, "colour": "#2a7fbf", "width": 1.8}],
        }  # fmt: skip
    if water is not None and len(water) > 1:
        total = water["storage_change"].cumsum().round(3).tolist()
        found["curve-storage"] = {
            "x": [int(water["year"].iloc[0]) - 1, *water["year"].tolist()],
            "unit": "water stored since the start, mm, by the end of the year",
            "high": 220,
            "lines": [{"name": "storage", "y": [0.0, *total], "colour": "#e69f00", "width": 1.8}],
        }
    return found


def _where(contents: Contents, where: dict | None, series: dict | None, told: str) -> str:
    """Map and hydrograph side by side, or what is lacking for them."""
    if where is None:
        left = "<p>The places of the basins are not known: there is no map of them.</p>"
    else:
        coarse = where.get("step", 1)
        note = f"; every {coarse}th cell is drawn" if coarse > 1 else ""
        boxes = "".join(
            f'<label><input type="checkbox" id="show-{key}" checked> {title}</label>'
            for key, title in (("rivers", "rivers"), ("borders", "coasts and borders"))
            if where[key]
        )
        layer = "cells" if where["cells"] else "basins"
        left = f"""<div class="controls">
<label>{layer} <select id="layer"></select></label>
<label>gauges <select id="score"></select></label>
{boxes}</div>
<svg id="map" role="img" aria-label="map of the run"></svg>
<div class="bar" id="layer-bar"></div><div class="bar" id="score-bar"></div>
<p class="readout" id="readout"></p>
<div class="controls"><button id="closer" type="button">closer</button>
<button id="further" type="button">further</button> <button id="all" type="button">all</button>
<span class="soft">click a gauge; drag to move{note}; dashed gauges were held out</span></div>"""
    if series is None:
        right = "<p>No discharge lies in the folder: there are no hydrographs.</p>"
    else:
        keys = "".join(
            f'<span><i class="key ground" style="background:{colour}"></i>{name}</span>'
            for name, colour in GROUNDS.items()
            if name in dict(_marked(contents, series))
        )
        lack = "" if contents.observed is not None else "; no observations lie in the folder"
        right = f"""<h3 id="hydrograph-title"></h3>
<p class="soft" id="hydrograph-scores"></p>
<div class="controls"><label>gauge <select id="gauge"></select></label>
<label>days <select id="year"></select></label>
<label><input type="checkbox" id="log"> logarithmic</label></div>
<div id="hydrograph"></div>
<p class="controls soft"><span><i class="key" style="color:#5a9fd0"></i>simulated</span>
<span><i class="key" style="color:#222;border-width:1px"></i>observed</span>{keys}
<span>{told}{lack}</span></p>"""
    return f'<div class="both"><div>{left}</div><div>{right}</div></div>'
