"""Table and map of what `structures` left in a folder.

python -m benchmarks structures-page --data FOLDER --runs RUNS
"""

from __future__ import annotations

import inspect
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import colormaps
from matplotlib.figure import Figure

import gridhydro as gh
from benchmarks import jobs
from benchmarks.page import Drawing, Page, Table
from benchmarks.studies.camels.study import PERIODS
from gridhydro.base.units import depth_of_flow
from gridhydro.config.load import Setup, load
from gridhydro.evaluation import metrics, plot_scores

SHOWN = ("nse", "kge", "percent_bias", "fhv", "flv", "rmse_low", "rmse_high")


@dataclass(frozen=True)
class Found:
    """Column -> folder of its finished job of the first seed, and what their domain file says."""

    folders: dict[str, Path]
    setup: Setup

    def scores(self, name: str, period: str) -> pd.DataFrame:
        """A row for each gauge."""
        table = pd.read_csv(self.folders[name] / f"scores-{period}.csv", dtype={"gauge": str})
        return table.set_index("gauge")

    def nse(self, period: str) -> pd.DataFrame:
        """Gauges x columns."""
        return pd.DataFrame({name: self.scores(name, period)["nse"] for name in self.folders})


def read(given: Namespace) -> Found:
    done = {folder.parent.name: folder for folder in jobs.finished(given.runs, "*/seed-0")}
    if not done:
        raise SystemExit(f"there is no finished job below {given.runs}: `structures` makes them")
    order = [name for name in gh.COLUMNS if name in done]
    return Found({name: done[name] for name in order}, load(given.domain, given.data))


def lines_of(name: str) -> int:
    """Lines of the module that a column is written in."""
    return len(inspect.getsource(inspect.getmodule(gh.COLUMNS[name])).splitlines())


def compared(found: Found) -> pd.DataFrame:
    """A row for each column: what it has, medians of its scores, where it is best, its cost."""
    test = found.nse("test")
    best = test.idxmax(axis=1)
    rows = {}
    for name, folder in found.folders.items():
        about, table = jobs.about(folder), found.scores(name, "test")
        rows[name] = {
            "stores": about["stores"], "parameters": about["parameters"], "lines": lines_of(name),
            "nse training": found.scores(name, "training")["nse"].median(),
            **{metric: table[metric].median() for metric in SHOWN},
            "nse < 0, %": 100 * (test[name] < 0).mean(), "best, %": 100 * (best == name).mean(),
            "s an epoch": about["seconds"] / about["epochs"],
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("column")


def together(found: Found) -> pd.DataFrame:
    """Medians of what several columns make together, beside the best alone."""
    test = found.nse("test")
    alone = test.median().idxmax()
    rows = {
        f"{alone}, the best alone": test[alone],
        "best of each basin, chosen in training": picked(found.nse("training"), test),
        "best of each basin, chosen in the test period: an upper bound": test.max(axis=1),
        "mean discharge of all": of_mean(found)["nse"],
    }  # fmt: skip
    medians = {name: {"median nse": row.median()} for name, row in rows.items()}
    return pd.DataFrame(medians).T.rename_axis("model")


def picked(by: pd.DataFrame, scores: pd.DataFrame) -> pd.Series:
    """The score of each basin's best column, which is the best by other scores of the same kind."""
    best = by.loc[scores.index].idxmax(axis=1)
    places = scores.columns.get_indexer(best)
    return pd.Series(scores.to_numpy()[np.arange(len(scores)), places], scores.index)


def of_mean(found: Found) -> pd.DataFrame:
    """Scores of the mean discharge of all columns in the test period."""
    parts = []
    for folder in found.folders.values():
        with xr.open_dataset(folder / "discharge.nc") as file:
            parts.append(file["discharge"].transpose("time", "gauge").load().to_pandas())
    depth = depth_of_flow(found.setup.domain.gauges["network_area_km2"])
    simulated = sum(parts) / len(parts) * depth
    observed = found.setup.discharge.to_pandas().reindex(simulated.index)
    return metrics.table(simulated, observed[list(simulated)], "test").set_index("gauge")


def every_basin(found: Found) -> pd.DataFrame:
    return found.nse("test").reset_index()


def best_map(found: Found) -> Figure:
    """Basins as points, coloured by the column with the highest NSE of the test period."""
    best = found.nse("test").idxmax(axis=1)
    longitude, latitude = (
        pd.Series(v, found.setup.domain.gauges.index).loc[best.index]
        for v in found.setup.domain.lonlat
    )
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes = figure.subplots()
    colours = [*colormaps["tab10"].colors, *colormaps["Set2"].colors]
    for number, name in enumerate(found.folders):
        here = (best == name).to_numpy()
        axes.scatter(
            longitude[here], latitude[here], s=18, color=colours[number % len(colours)],
            marker="os^D"[number // len(colours)], label=f"{name} ({here.sum()})",
        )  # fmt: skip
    axes.set(
        title=f"Column with the highest NSE, {'-'.join(PERIODS['test'])}",
        xlabel="longitude / degrees east", ylabel="latitude / degrees north",
        aspect=1 / np.cos(np.deg2rad(latitude.mean())),
    )  # fmt: skip
    figure.legend(loc="outside right center", title="column (basins)", frameon=False)
    return figure


def distribution(found: Found) -> Figure:
    tables = {name: found.scores(name, "test").reset_index() for name in found.folders}
    return plot_scores.cdf(tables, "nse")


def arguments(parser: ArgumentParser) -> None:
    PAGE.arguments(parser)
    parser.add_argument("--domain", default="camels_us_400", help="a domain file of basins")


PAGE = Page(
    "structures",
    "Columns compared on 400 basins of CAMELS-US",
    {
        "structures --data FOLDER --out RUNS": "",
        "structures-page --data FOLDER --runs RUNS": "",
    },
    read,
    sections={
        "Columns": compared,
        "Together": together,
    },
    tables={"nse": Table("NSE of every basin and column, test period", every_basin, 3)},
    figures={
        "best": Drawing("map of the best column of each basin", best_map, 110),
        "nse": Drawing("distribution of NSE, test period", distribution, 110),
    },
    data=True,
)
main = PAGE.main
