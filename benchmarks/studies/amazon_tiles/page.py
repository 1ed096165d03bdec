"""GRACE over the Amazon: a file of South America on the 3-degree tiles of the real river network.

    python -m benchmarks amazon-tiles --data FOLDER

The cells are those of DDM30 that drain to the mouth, at half a degree; tiles are kept where the
basin covers half of them or more.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.page import Drawing, Page, Table
from benchmarks.studies.amazon_tiles.figure import draw
from benchmarks.studies.amazon_tiles.tiles import Found, examples, read, statistics
from benchmarks.studies.storage import middles
from gridhydro.evaluation.tables import to_markdown


def coverage(found: Found) -> str:
    domain, tiles, storage = found.domain, found.tiles, found.storage
    return (
        f"{domain.size} cells, {domain.area.sum() / 1e6:,.0f} km2; {tiles.size} tiles over "
        f"{np.unique(tiles.matrix.indices).size} cells; {len(storage.start)} solutions from "
        f"{storage.start.min()} to {storage.end.max()}, "
        f"{np.isnan(storage.values).mean():.0%} of the values missing."
    )


def basin(found: Found) -> str:
    mean = found.basin
    year = mean.groupby(mean.index.month).mean()
    monthly = mean - year.loc[mean.index.month].to_numpy()
    return (
        f"Mean of the tiles: annual range {np.ptp(year):.0f} mm (highest in month {year.idxmax()}, "
        f"lowest in {year.idxmin()}); highest {mean.max():.0f} mm in {mean.idxmax():%Y-%m}, "
        f"lowest {mean.min():.0f} mm in {mean.idxmin():%Y-%m}; driest against the mean year "
        f"{monthly.min():.0f} mm in {monthly.idxmin():%Y-%m}, wettest {monthly.max():.0f} mm in "
        f"{monthly.idxmax():%Y-%m}."
    )


def roughest(found: Found) -> str:
    """The solutions that agree least with those before and after, tile by tile."""
    values, times = found.storage.values, middles(found.storage)
    away = values[1:-1] - (values[:-2] + values[2:]) / 2
    spread = pd.Series(away.std(axis=1), times[1:-1].strftime("%Y-%m")).nlargest(len(away))
    worst = ", ".join(f"{when} {value:.0f} mm" for when, value in spread.iloc[:3].items())
    return (
        "Standard deviation over the tiles of the difference to the mean of the solutions before "
        f"and after: median {spread.median():.0f} mm; largest {worst}."
    )


def over_tiles(found: Found) -> str:
    table = statistics(found).drop(columns=["wettest month", "driest month"])
    spread = table.describe().loc[["min", "50%", "max"]]
    spread.index = pd.Index(["smallest", "median", "largest"], name="over the tiles")
    return to_markdown(spread, 1)


def drawn(found: Found) -> str:
    return to_markdown(statistics(found).loc[examples(found)].rename_axis("drawn"), 1)


PAGE = Page(
    "amazon_tiles",
    "GRACE on the Amazon's tiles",
    {"amazon-tiles --data FOLDER": ""},
    read,
    sections={
        "What is there": coverage,
        "The basin": basin,
        "Solutions that stand out": roughest,
        "All tiles": over_tiles,
        "Tiles of the figure": drawn,
    },
    tables={"tiles": Table("statistics of every tile", statistics, digits=2)},
    figures={
        "tiles": Drawing(
            "grey: cells of the basin; colours: range of the mean year; frames: the tiles whose "
            "series stand on the right",
            draw,
        )
    },
    data=True,
    runs=None,
)
arguments, main = PAGE.arguments, PAGE.main
