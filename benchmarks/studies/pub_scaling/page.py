"""Tables and figures of what `pub-scaling` left in a folder.

python -m benchmarks pub-scaling-page --data FOLDER --runs RUNS
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial

import pandas as pd

from benchmarks.page import Drawing, Page, Table
from benchmarks.studies.camels.scores import more_flow_than_rain
from benchmarks.studies.camels.study import PERIODS
from benchmarks.studies.pub_scaling import figures
from benchmarks.studies.pub_scaling.job import FRACTIONS
from benchmarks.studies.pub_scaling.scores import (
    KEYS,
    METRICS,
    Found,
    collect,
    finished,
    of_jobs,
)
from benchmarks.studies.pub_scaling.tables import curves, differences, in_percent
from benchmarks.studies.pub_scaling.training import read
from gridhydro.evaluation.tables import to_markdown


def found_in(given: Namespace) -> Found:
    scores, jobs = collect(given.runs / "held-out")
    scores, folds = finished(scores)
    file = given.runs / "calibrated" / "scores.csv"
    calibrated = pd.read_csv(file, dtype={"gauge": str}) if file.exists() else None
    return Found(given.runs, scores, folds, jobs, calibrated, more_flow_than_rain(read(given.data)))


def told(found: Found) -> str:
    basins = found.scores["gauge"].nunique()
    draws = "; ".join(f"{fraction:g} %: {number}" for fraction, number in FRACTIONS.items())
    folds = ", ".join(map(str, found.folds))
    return f"{folds}; {basins} basins held out. Draws of the basins trained on: {draws}."


def held_out(found: Found, period: str) -> pd.DataFrame:
    return curves(found.scores[found.scores["period"] == period])


def without_wet(found: Found) -> str:
    table = curves(found.first[~found.first["gauge"].isin(found.wet)])
    return f"{len(found.wet)} of all basins.\n\n{to_markdown(table)}"


def own(found: Found) -> pd.DataFrame | None:
    if found.calibrated is None:
        return None
    here = found.calibrated[found.calibrated["gauge"].isin(found.scores["gauge"])]
    table = here.groupby("period", sort=False)[list(METRICS)].median()
    table.insert(0, "basins", here.groupby("period").size())
    return table.rename(columns=METRICS)


def choices(found: Found) -> pd.DataFrame | None:
    """Median KGE and NSE of basins that were trained on otherwise, by number of steps."""
    rows = []
    for folder in sorted(
        found.runs.glob("choice-*-steps"), key=lambda f: int(f.name.split("-")[1])
    ):
        scores, jobs = collect(folder)
        scores = scores[scores["period"] == "training"]
        for (fraction, variant), some in scores.groupby(["fraction", "variant"]):
            medians = some.groupby("draw")[list(METRICS)].median().mean()
            here = jobs.xs((variant, fraction), level=("variant", "fraction"))
            rows.append(
                {"fraction": fraction, "variant": variant, "steps": int(here["steps"].mean()),
                 "KGE": medians["kge_2012"], "NSE": medians["nse"], "loss": here["loss"].mean()}
            )  # fmt: skip
    if not rows:
        return None
    table = pd.DataFrame(rows).sort_values(["fraction", "variant", "steps"])
    return in_percent(table.set_index("fraction"))


def costs(found: Found) -> str:
    """Seconds of training of a job, and of all of a fraction."""
    jobs = found.jobs
    seconds = jobs["seconds"].dropna().groupby("fraction")
    table = pd.DataFrame(
        {
            "basins": jobs["basins"].groupby("fraction").first(),
            "steps": jobs.loc[jobs["seconds"].notna(), "steps"].groupby("fraction").median(),
            "jobs": seconds.size(), "seconds each": seconds.mean(), "seconds": seconds.sum(),
        }
    )  # fmt: skip
    return to_markdown(in_percent(table), digits=0)


def of_every_job(found: Found) -> pd.DataFrame:
    return of_jobs(found.scores).join(found.jobs, on=KEYS)


PAGE = Page(
    "pub_scaling",
    "Ungauged basins against the fraction of basins trained on",
    {
        "pub-scaling --data FOLDER --out RUNS --folds 0 1 2 3 4": "",
        "pub-scaling-page --data FOLDER --runs RUNS": "",
        "pub-scaling --data FOLDER --out RUNS --choose --folds 0 --fractions 2 12.5 90 "
        '--variants "8 attributes" "27 attributes" --steps 300 600 1200': "choice of steps",
    },
    found_in,
    sections={
        "Folds": told,
        **{
            f"Basins held out, {'-'.join(days)}": partial(held_out, period=period)
            for period, days in PERIODS.items()
        },
        "The first without the basins with more flow than rain": without_wet,
        "Differences of the medians of each fold": lambda found: differences(found.first),
        "Calibrated at the basins themselves": own,
        "Choice of steps, on basins that fold 0 trains on": choices,
        "Cost": costs,
    },
    tables={"medians": Table("medians over the basins of every job", of_every_job)},
    figures={
        "scaling": Drawing("the curve, for KGE and NSE", figures.scaling),
        "cdf": Drawing("distribution of KGE where 90 % are trained on", figures.distribution),
    },
    data=True,
)
arguments, main = PAGE.arguments, PAGE.main
