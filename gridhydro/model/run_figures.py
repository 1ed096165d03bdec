"""Which figures a run draws: of its training, its parameters, its series and its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.columns.column import Field
from gridhydro.domain.domain import Domain
from gridhydro.evaluation import plot_scores, plots
from gridhydro.evaluation.plot_hydrographs import hydrographs

FEW = 12  # gauges up to which a table of all of them is read at a glance


def draw_maps(
    folder: Path, domain: Domain, fields: Sequence[Field], maps: Mapping[str, np.ndarray]
) -> None:
    """The map of the domain, and those of its parameters, name -> (N,)."""
    if mapped(domain):
        plots.save(domain.plot(), folder / "domain.png")
    draw_parameters(folder / "parameters.png", domain, fields, maps)


def draw_means(
    folder: Path,
    domain: Domain,
    fields: Sequence[Field],
    means: Mapping[str, np.ndarray],
    times: pd.DatetimeIndex,
) -> None:
    """Maps of fluxes and states, name -> (N,), means over the record of these days."""
    known = [f for f in fields if np.isfinite(means[f.name]).any()]
    if known and mapped(domain):
        figure = plots.cell_maps(domain, means, known)
        first, last = times[0], times[-1]
        figure.suptitle(f"means from {first:%Y-%m-%d} to {last:%Y-%m-%d}", fontsize=9)
        plots.save(figure, folder / "fluxes.png")


def draw(
    folder: Path,
    domain: Domain,
    simulated: pd.DataFrame,
    history: pd.DataFrame,
    scores: pd.DataFrame | None = None,
    observed: pd.DataFrame | None = None,
    periods: Mapping[str, tuple[str, str]] | None = None,
) -> None:
    """Training, hydrographs and scores, as far as there are any.

    simulated, observed  discharge, the same days by gauges, m3 s-1
    periods              of `Scored.periods`
    """
    if len(history):
        plots.save(plots.training_curve(history), folder / "training.png")
    if observed is not None:
        figure = hydrographs(observed, simulated, scores, periods=periods)
        plots.save(figure, folder / "hydrographs.png")
    if scores is not None:
        draw_scores(folder, domain, scores)


def draw_parameters(
    path: Path, domain: Domain, fields: Sequence[Field], maps: Mapping[str, np.ndarray]
) -> None:
    """Maps of those that differ among the cells, of lumped basins points where there are many."""
    fields = [f for f in fields if np.ptp(maps[f.name]) > 0 or domain.size == 1]  # not the fixed
    if fields and mapped(domain):
        plots.save(plots.cell_maps(domain, maps, fields), path)
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
    """The figures of `draw_scores`, of however many gauges: those trained on and those held out
    apart."""
    by = ["period"]
    if "gauge_use" in scores and scores["gauge_use"].nunique() > 1:
        by.append("gauge_use")
    groups = scores.groupby(by, sort=False)
    tables = {", ".join(map(str, name)): table for name, table in groups}
    plots.save(plot_scores.cdf(tables, metric), folder / "scores.png")
    if placed(domain):
        gauges = domain.gauges
        last = scores[scores["period"] == scores["period"].iloc[-1]]
        where = lonlat_of(domain, gauges.index)
        figure = plot_scores.score_map(*where, last, metric, domain=domain)
        plots.save(figure, folder / "score_map.png")


def mapped(domain: Domain) -> bool:
    """Whether there are maps of the cells: of a raster, and of reaches whose places are known."""
    return domain.grid is not None or (domain.reaches is not None and placed(domain))


def placed(domain: Domain) -> bool:
    """Whether all cells have a longitude and a latitude."""
    return all(np.isfinite(values).all() for values in domain.lonlat)


def lonlat_of(domain: Domain, names) -> tuple[pd.Series, pd.Series]:
    """Longitude and latitude of the gauges, by these names."""
    longitude, latitude = (values[domain.gauge_cells] for values in domain.lonlat)
    return pd.Series(longitude, names), pd.Series(latitude, names)
