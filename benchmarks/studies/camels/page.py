"""Tables and figures of what `camels` left in a folder.

python -m benchmarks camels-page --data FOLDER --runs RUNS
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from benchmarks import jobs
from benchmarks.page import Drawing, Page, Table
from benchmarks.studies.camels.scores import Found, medians, more_flow_than_rain
from benchmarks.studies.camels.study import PERIODS
from benchmarks.studies.camels.untrained import baseflow_fraction, nobody_trained_on
from gridhydro.columns import column
from gridhydro.config.load import load
from gridhydro.evaluation import plot_scores
from gridhydro.evaluation.tables import to_markdown

MAPPED = ("beta", "FC", "K2", "gamma", "route_a", "route_b")


def read(given: Namespace) -> Found:
    return Found(given.runs, given.data, load(given.domain, given.data))


def temporal(found: Found) -> str:
    tables, excluded = found.temporal, more_flow_than_rain(found.setup)
    few = f"without the {len(excluded)} basins whose flow exceeds their rain"
    parts = [
        f"Medians {which}, {'-'.join(PERIODS['test'])}:\n\n{medians(tables, without)}"
        for which, without in (("over all basins", None), (few, excluded))
    ]
    return "\n\n".join(parts)


def held_out(found: Found, study: str) -> str:
    """Scores of basins (regions) that no model of the fold was trained on, in both periods."""
    names, epochs = found.common(study)
    if not names:
        return ""
    told = ", ".join(f"{variant} {number}" for variant, number in epochs.items())
    parts = [f"{', '.join(names)}; epochs: {told}."]
    for period, days in PERIODS.items():
        table = medians(found.held_out(study, period))
        parts.append(f"Held-out basins, {'-'.join(days)}:\n\n{table}")
    return "\n\n".join(parts)


def costs(found: Found) -> str:
    rows = []
    for folder in jobs.finished(found.runs, "*/*/*"):
        about = jobs.about(folder)
        study, variant, seed = folder.parts[-3:]
        rows.append(
            dict(study=study, model=variant, job=seed, epochs=about["epochs"],
                 threads=about["threads"], seconds=about["seconds"])
        )  # fmt: skip
    return to_markdown(pd.DataFrame(rows))


def every_basin(found: Found) -> pd.DataFrame:
    return pd.concat(table.assign(model=name) for name, table in found.temporal.items())


def distribution(found: Found, metric: str) -> Figure:
    firsts = {name: table for name, table in found.temporal.items() if "seed" not in name}
    return plot_scores.cdf(firsts, metric)


def distribution_held_out(found: Found, study: str) -> Figure | None:
    names, _ = found.common(study)
    return plot_scores.cdf(found.held_out(study, "test"), "nse") if names else None


def score_map(found: Found, variant: str) -> Figure | None:
    """Of the first seed; None where it has not been trained."""
    scores = found.first(variant, "scores-test.csv", dtype={"gauge": str})
    if scores is None:
        return None
    gauges = found.setup.domain.gauges.index
    longitude, latitude = (pd.Series(v, gauges) for v in found.setup.domain.lonlat)
    return plot_scores.score_map(longitude, latitude, scores)


def parameters(found: Found, variant: str) -> Figure | None:
    table = found.first(variant, "parameters.csv")
    if table is None:
        return None
    fields = {f.name: f for f in column("hbv").parameters}
    shown = [fields[name] for name in MAPPED if name in fields]
    values = {f.name: table[f.name].to_numpy() for f in shown}
    return plot_scores.parameter_points(*found.setup.domain.lonlat, values, shown)


def baseflow(found: Found, variant: str) -> Figure | None:
    compared = baseflow_fraction(found, variant)
    return compared and plot_scores.against(*compared, "baseflow index")


def arguments(parser: ArgumentParser) -> None:
    PAGE.arguments(parser)
    parser.add_argument("--domain", default="camels_us_400", help="a domain file of basins")


def each(caption: str, draw: Callable, file: str, **choices) -> dict[str, Drawing]:
    """A drawing for each value of one argument of `draw`; `file` has a place for the value."""
    ((argument, values),) = choices.items()
    return {
        file.format(value): Drawing(f"{caption}, {value}", partial(draw, **{argument: value}), 130)
        for value in values
    }


FIGURES = {
    **each("distribution, test period", distribution, "temporal-{}", metric=("nse", "kge")),
    **each("NSE of basins held out", distribution_held_out, "{}-nse", study=("pub", "pur")),
    **each("map of NSE", score_map, "nse-{}", variant=("dynamic", "lstm")),
    **each("baseflow index over observed", baseflow, "bfi-{}", variant=("static", "dynamic")),
    **each("maps of parameters", parameters, "parameters-{}", variant=("static", "implicit")),
}
PAGE = Page(
    "camels_us_400",
    "The HBV family on 400 basins of CAMELS-US",
    {
        "camels --data FOLDER --out RUNS": "temporal; --seeds 0 1 2 for static",
        "camels --data FOLDER --out RUNS --study pub --epochs 12": "folds of basins",
        "camels --data FOLDER --out RUNS --study pur --only 4 --epochs 12": "the easternmost fifth",
        "camels-page --data FOLDER --runs RUNS": "",
        "camels-hydrodl2 --data FOLDER --basins 40 --epochs 3": "hydrodl2.json",
    },
    read,
    sections={
        "Temporal": temporal,
        "Ungauged basins (PUB)": partial(held_out, study="pub"),
        "Ungauged region (PUR)": partial(held_out, study="pur"),
        "What nobody trained on": nobody_trained_on,
        "Cost": costs,
    },
    tables={"temporal": Table("scores of every basin and model, test period", every_basin)},
    figures=FIGURES,
    data=True,
)
main = PAGE.main
