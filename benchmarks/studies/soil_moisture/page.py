"""Tables and figures of what `soil-moisture` left in a folder.

python -m benchmarks soil-moisture-page --runs RUNS
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

import numpy as np
import pandas as pd

from benchmarks.page import Drawing, Page, Table
from benchmarks.studies.soil_moisture import figures
from benchmarks.studies.soil_moisture.cells import LEARNED
from benchmarks.studies.soil_moisture.scores import (
    FUNCTIONAL,
    JOB,
    Found,
    collect,
    over_seeds,
    per_job,
    until,
)
from benchmarks.studies.soil_moisture.world import SHAPE
from gridhydro.evaluation.tables import to_markdown


def read(given: Namespace) -> Found:
    return collect(given.runs, given.shape)


def errors(found: Found) -> str:
    table = per_job(found.scores)
    names = [n for n in table if "ET" not in n]
    parts = []
    for part in ("trained", "own neighbours", "all neighbours"):
        some = table[[n for n in names if n.startswith(part)]]
        some.columns = [n.partition(", ")[2] for n in some]
        parts.append(f"{part.capitalize()}:\n\n{to_markdown(over_seeds(some))}")
    return "\n\n".join(parts)


def evapotranspiration(found: Found) -> str:
    table = per_job(found.scores)
    some = table[[n for n in table if "ET" in n and not n.startswith("own")]]
    return to_markdown(over_seeds(some, 3))


def coherence(found: Found) -> str:
    """Correlation of each parameter with that of the next trained cell, and between two seeds."""
    rows, scores = [], found.scores
    trained = scores[(scores["where"] == "trained") & (scores["method"] != "default")]
    for (method, density), table in trained.groupby(["method", "density"], observed=True):
        maps = {
            seed: {name: t.pivot(index="row", columns="col", values=name) for name in LEARNED}
            for seed, t in table.groupby("seed")
        }
        row = dict(method=method, density=density)
        first = next(iter(maps.values()))
        seeds = list(maps)
        for name in LEARNED:
            values = first[name].to_numpy()
            pairs = [(values[1:], values[:-1]), (values[:, 1:], values[:, :-1])]
            a, b = (np.concatenate([p[k].ravel() for p in pairs]) for k in (0, 1))
            row[name] = f"{np.corrcoef(a, b)[0, 1]:.2f}"
            if len(seeds) > 1:
                others = [maps[s][name].to_numpy().ravel() for s in seeds]
                between = np.corrcoef(others)[np.triu_indices(len(seeds), 1)].mean()
                row[name] += f", {between:.2f}"
        rows.append(row)
    note = "With the next trained cell; where there are several seeds, between their maps."
    return f"{note}\n\n{to_markdown(pd.DataFrame(rows))}"


def costs(found: Found) -> str:
    curves = found.curves
    table = found.jobs.set_index(JOB)[["epochs", "seconds"]]
    table = table[table["epochs"] > 0]
    table[f"epochs to {FUNCTIONAL}"] = until(curves, FUNCTIONAL)
    table[f"seconds to {FUNCTIONAL}"] = until(curves, FUNCTIONAL, "seconds")
    table["RMSE at the end"] = curves.groupby(JOB)["median"].last()
    calibrated = curves[curves["method"] == "sceua"]
    for (_, density, seed), curve in calibrated.groupby(JOB):
        # what a network ends with: how many runs calibration takes for that
        for method in ("gA", "gz"):
            job = (method, density, seed)
            if job in table.index:
                level = table.loc[job, "RMSE at the end"]
                below = curve.loc[curve["median"] <= level, "epoch"]
                runs = below.min() if len(below) else np.nan
                table.loc[job, "epochs of sceua to this"] = runs
    return to_markdown(table.sort_index(), 4)


def curves(found: Found):
    return figures.curves(found.curves, FUNCTIONAL) if len(found.curves) else None


def scaling(found: Found):
    reached = until(found.curves, FUNCTIONAL).rename("epochs")
    return figures.scaling(per_job(found.scores).join(reached))


def arguments(parser: ArgumentParser) -> None:
    PAGE.arguments(parser)
    parser.add_argument("--shape", type=int, nargs=2, default=SHAPE, help="rows and columns")


PAGE = Page(
    "soil_moisture",
    "Soil moisture of a generated region: networks against calibration of each cell",
    {"soil-moisture --out RUNS --seeds 0 1 2": "", "soil-moisture-page --runs RUNS": ""},
    read,
    sections={
        "Soil wetness of the test years": errors,
        "Evapotranspiration, which nobody trained on": evapotranspiration,
        "Parameters": coherence,
        "Cost": costs,
    },
    tables={"jobs": Table("scores of every job", lambda found: per_job(found.scores), digits=5)},
    figures={
        "curves": Drawing("error against epochs", curves, 75),
        "scaling": Drawing("scores against the number of cells", scaling, 75),
        "scores": Drawing(
            "scores at trained cells and neighbours of s8", lambda f: figures.boxes(f.scores), 75
        ),
        "evapotranspiration": Drawing(
            "mean evapotranspiration of each cell of s8 against the truth",
            lambda f: figures.evapotranspiration(f.scores),
            75,
        ),
        "parameters": Drawing("maps of parameters at s4", lambda f: figures.maps(f.scores), 75),
    },
)
main = PAGE.main
