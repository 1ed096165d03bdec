"""Which figures a run draws: of its training, its parameters, its series and its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.columns.column import Field
from gridhydro.domain.domain import Domain
from gridhydro.evaluation import plot_scores, plots

FEW = 12  # gauges up to which a table of all of them is read at a glance


def draw(
    folder: Path,
    domain: Domain,
    fields: Sequence[Field],
    maps: Mapping[str, np.ndarray],
    simulated: pd.DataFrame,
    history: pd.DataFrame,
    scores: pd.DataFrame | None = None,
    observed: pd.DataFrame | None = None,
) -> None:
    """All figures that there is something to draw of: parameters, training, hydrographs, scores.

    maps  parameter -> (N,); simulated, observed: discharge, the same days by gauges, m3 s-1
    """
    draw_parameters(folder / "parameters.png", domain, fields, maps)
    if len(history):
        plots.save(plots.training_curve(history), folder / "training.png")
    if observed is not None:
        plots.save(plots.hydrographs(observed, simulated, scores), folder / "hydrographs.png")
    if scores is not None:
        draw_scores(folder, domain, scores)


def draw_parameters(
    path: Path, domain: Domain, fields: Sequence[Field], maps: Mapping[str, np.ndarray]
) -> None:
    """Maps of those that differ among the cells, of lumped basins points where there are many."""
    fields = [f for f in fields if np.ptp(maps[f.name]) > 0 or domain.size == 1]  # not the fixed
    if fields and not domain.lumped:
        plots.save(plots.parameter_maps(domain, maps, fields), path)
    elif fields and placed(domain) and domain.size > FEW:
        longitude, latitude = domain.lonlat
        plots.save(plot_scores.parameter_points(longitude, latitude, maps, fields), path)


def draw_scores(folder: Path, domain: Domain, scores: pd.DataFrame, metric: str = "nse") -> None:
    """Distribution over the gauges and map of the last period's scores, where there are many."""
    if scores["gauge"].nunique() > FEW:
        draw_distribution(folder, domain, scores, metric)


def draw_distribution(
    folder: Path, domain: Domain, scores: pd.DataFrame, metric: str = "nse"
) -> None:
    """The figures of `draw_scores`, of however many gauges."""
    tables = dict(list(scores.groupby("period", sort=False)))
    plots.save(plot_scores.cdf(tables, metric), folder / "scores.png")
    if placed(domain):
        gauges = domain.gauges
        last = scores[scores["period"] == scores["period"].iloc[-1]]
        figure = plot_scores.score_map(*lonlat_of(domain, gauges.index), last, metric)
        plots.save(figure, folder / "score_map.png")


def placed(domain: Domain) -> bool:
    """Whether all cells have a longitude and a latitude."""
    return all(np.isfinite(values).all() for values in domain.lonlat)


def lonlat_of(domain: Domain, names) -> tuple[pd.Series, pd.Series]:
    """Longitude and latitude of the gauges, by these names."""
    longitude, latitude = (values[domain.gauge_cells] for values in domain.lonlat)
    return pd.Series(longitude, names), pd.Series(latitude, names)
