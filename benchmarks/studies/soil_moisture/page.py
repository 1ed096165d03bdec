"""Tables and figures of what `python -m benchmarks.soil_moisture` left in a folder.

python -m benchmarks.soil_moisture_page --runs OUT [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import soil_moisture_figures as figures
from benchmarks.soil_moisture import METHODS
from benchmarks.soil_moisture_sites import LEARNED
from benchmarks.soil_moisture_world import DENSITIES, EASTWARD, NORTHWARD, SHAPE
from gridhydro.base.files import replace
from gridhydro.evaluation import plots
from gridhydro.evaluation.tables import to_markdown

RESULTS = Path(__file__).parent / "results" / "soil_moisture"
JOB = ["method", "density", "seed"]
FUNCTIONAL = 0.055  # of the RMSE, median over the cells: a model that is good enough


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--shape", type=int, nargs=2, default=SHAPE, help="rows and columns")
    options = parser.parse_args(arguments)
    scores, curves, jobs = collect(options.runs, options.shape)
    options.out.mkdir(parents=True, exist_ok=True)
    sections = {
        "Soil wetness of the test years": errors(scores),
        "Evapotranspiration, which nobody trained on": evapotranspiration(scores),
        "Parameters": coherence(scores),
        "Cost": costs(curves, jobs),
    }
    text = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    replace(options.out / "tables.md", lambda p: p.write_text(text + "\n"))
    print(text)
    by_job = per_job(scores)
    by_job.round(5).to_csv(options.out / "jobs.csv")
    reached = until(curves, FUNCTIONAL).rename("epochs")
    drawn = {
        "curves": figures.curves(curves, FUNCTIONAL),
        "scaling": figures.scaling(by_job.join(reached)),
        "scores": figures.boxes(scores),
        "evapotranspiration": figures.evapotranspiration(scores),
        "parameters": figures.maps(scores),
    }
    for name, figure in drawn.items():
        plots.save(figure, options.out / f"{name}.png", dpi=75)


def collect(runs: Path, shape):
    """Scores of every cell and job; curves; what is known of the jobs."""
    scores, curves, jobs = [], [], []
    for file in sorted(runs.glob("*/*/seed-*/job.json")):
        method, density = file.parts[-4:-2]
        name = dict(method=method, density=density, seed=int(file.parent.name[5:]))
        scores.append(pd.read_csv(file.parent / "scores.csv").assign(**name))
        if method != "default":
            curves.append(pd.read_csv(file.parent / "curve.csv").assign(**name))
        jobs.append(name | json.loads(file.read_text()))
    if not scores:
        raise SystemExit(f"there is no finished job under {runs}")
    table = pd.concat(scores, ignore_index=True)
    table["row"], table["col"] = np.divmod(table["cell"], shape[1])
    # neighbours of a density's own cells, not only of those of the densest
    step = table["density"].map(DENSITIES)
    trained = table["where"].eq("trained")
    at = table[trained].drop_duplicates(["density", "cell"]).groupby("density")
    phase = {d: (t["row"].iloc[0] - NORTHWARD, t["col"].iloc[0] + EASTWARD) for d, t in at}
    down, across = (table["density"].map({d: p[k] for d, p in phase.items()}) for k in (0, 1))
    own = ((table["row"] - down) % step == 0) & ((table["col"] - across) % step == 0)
    table["own"] = ~trained & own
    order = dict(method=METHODS, density=tuple(DENSITIES))
    for key, values in order.items():
        table[key] = pd.Categorical(table[key], values, ordered=True)
    return table, pd.concat(curves, ignore_index=True), pd.DataFrame(jobs)


def per_job(scores: pd.DataFrame) -> pd.DataFrame:
    """Of each job: scores over the trained cells, their own neighbours, and all neighbours."""
    parts = {
        "trained": scores["where"] == "trained",
        "own neighbours": scores["own"],
        "all neighbours": scores["where"] == "neighbour",
    }
    found = {}
    for part, chosen in parts.items():
        groups = scores[chosen].groupby(JOB, observed=True)
        found |= {
            (part, "RMSE"): groups["rmse"].median(),
            (part, "mean RMSE"): groups["rmse"].mean(),
            (part, "ubRMSE"): groups["ubrmse"].median(),
            (part, "correlation"): groups["correlation"].median(),
            (part, "spread of bias"): groups["bias"].std(),
            (part, "ET correlation"): groups[["et", "et_truth"]].apply(
                lambda t: t["et"].corr(t["et_truth"])
            ),
            (part, "ET RMSE"): groups[["et", "et_truth"]].apply(
                lambda t: np.sqrt(((t["et"] - t["et_truth"]) ** 2).mean())
            ),
            (part, "ET bias"): groups[["et", "et_truth"]].apply(
                lambda t: (t["et"] - t["et_truth"]).mean()
            ),
        }
    table = pd.DataFrame(found)
    table.columns = [f"{part}, {name}" for part, name in table.columns]
    return table


def over_seeds(table: pd.DataFrame, digits: int = 4) -> pd.DataFrame:
    """Mean of the seeds, with the range where there are several, as text."""

    def told(values):
        mean, low, high = (f"{v:.{digits}f}" for v in (values.mean(), values.min(), values.max()))
        return mean if low == high else f"{mean} ({low} to {high})"

    return table.groupby(["method", "density"], observed=True).agg(told)


def errors(scores) -> str:
    table = per_job(scores)
    names = [n for n in table if "ET" not in n]
    parts = []
    for part in ("trained", "own neighbours", "all neighbours"):
        some = table[[n for n in names if n.startswith(part)]]
        some.columns = [n.partition(", ")[2] for n in some]
        parts.append(f"{part.capitalize()}:\n\n{to_markdown(over_seeds(some))}")
    return "\n\n".join(parts)


def evapotranspiration(scores) -> str:
    table = per_job(scores)
    some = table[[n for n in table if "ET" in n and not n.startswith("own")]]
    return to_markdown(over_seeds(some, 3))


def coherence(scores) -> str:
    """Correlation of each parameter with that of the next trained cell, and between two seeds."""
    rows = []
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


def until(curves: pd.DataFrame, level: float, column: str = "epoch") -> pd.Series:
    """Epochs (or seconds) until the median RMSE is at most this, of each job; NaN if never."""
    below = curves[curves["median"] <= level]
    return below.groupby(JOB)[column].min()


def costs(curves, jobs) -> str:
    table = jobs.set_index(JOB)[["epochs", "seconds"]]
    table = table[table["epochs"] > 0]
    table[f"epochs to {FUNCTIONAL}"] = until(curves, FUNCTIONAL)
    table[f"seconds to {FUNCTIONAL}"] = until(curves, FUNCTIONAL, "seconds")
    table["RMSE at the end"] = curves.groupby(JOB)["median"].last()
    searched = curves[curves["method"] == "sceua"]
    for (_, density, seed), curve in searched.groupby(JOB):
        # what a network ends with: how many runs the search takes for that
        for method in ("gA", "gz"):
            job = (method, density, seed)
            if job in table.index:
                level = table.loc[job, "RMSE at the end"]
                below = curve.loc[curve["median"] <= level, "epoch"]
                runs = below.min() if len(below) else np.nan
                table.loc[job, "epochs of sceua to this"] = runs
    return to_markdown(table.sort_index(), 4)


if __name__ == "__main__":
    main()
