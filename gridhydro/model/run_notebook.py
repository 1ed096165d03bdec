"""What a notebook shows of a run."""

from __future__ import annotations

import numpy as np

from gridhydro.base import notebook

SHOWN = ("nse", "kge", "percent_bias")
MAPS = 4  # of parameters, at most


def run_html(run) -> str:
    """Course of the training, scores so far, and small maps of what varies most.

    Nothing is simulated for it: a network that reads the weather has no maps here.
    """
    history, period = run.history, run.about.get("period")
    rows = [("model", repr(run.model).partition("\n")[0])]
    if period:
        rows.append(("trained", " to ".join(map(str, period))))
    if len(history):
        last = history["loss"].iloc[-1]
        rows.append(("epochs", f"{len(history)}, last loss {last:.4g}"))
    if run.drift:
        rows.append(("storage", run.drift))
    return notebook.titled(
        "Run", notebook.table(rows), _scores(run), notebook.picture(lambda: _maps(run))
    )


def _scores(run) -> str:
    """Medians by period, gauges trained on and held out apart."""
    scores = run.scores
    if scores is None:
        return ""
    heads = [name for name in SHOWN if name in scores]
    rows = [
        (*key, len(part), *(round(float(part[name].median()), 3) for name in heads))
        for key, part in scores.groupby(["period", "gauge_use"], sort=False)
    ]
    named = [f"median {name.replace('_', ' ')}" for name in heads]
    return notebook.table(rows, ("period", "gauges", "number", *named))


def _maps(run):
    """The learned parameters that vary most within their bounds; ValueError where there is none."""
    from gridhydro.evaluation import plot_scores, plots
    from gridhydro.model.run_figures import mapped

    model = run.model
    network = getattr(model, "network", None)
    if network is None or network.reads_weather:
        raise ValueError("there are no maps without a simulation")
    values = run.mean_parameters()
    spread = {
        f.name: np.ptp(values[f.name]) / (f.range[1] - f.range[0])
        for f in model.fields
        if f.bounds and np.ptp(values[f.name]) > 0
    }
    chosen = sorted(spread, key=lambda name: -spread[name])[:MAPS]
    if not chosen:
        raise ValueError("every parameter is constant")
    fields = [f for f in model.fields if f.name in chosen]
    if not mapped(model.domain):
        longitude, latitude = model.domain.lonlat
        return plot_scores.parameter_points(longitude, latitude, values, fields)
    return plots.cell_maps(model.domain, values, fields)
