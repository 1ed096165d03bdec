"""Tables and a figure of what `camels-balances` left in a folder.

python -m benchmarks camels-balances-page --runs RUNS
"""

from __future__ import annotations

from argparse import Namespace

import pandas as pd
from matplotlib.figure import Figure

from benchmarks import jobs
from benchmarks.page import Drawing, Page, Table
from benchmarks.studies.camels_storage.study import DOMAIN
from gridhydro.evaluation.plot_scores import COLOURS

STUDY = "camels-balances --data FOLDER --out RUNS"
SCORED = {"choice": "validation", "test": "test"}
MARKS = "osD^vPX"


def found_in(given: Namespace) -> pd.DataFrame:
    """Medians over the basins, a row for each finished job and period, in the order of the cost."""
    rows = []
    for folder in jobs.finished(given.runs):
        about = jobs.about(folder)
        history = pd.read_csv(folder / "history.csv").iloc[-1]
        tables = (
            pd.read_csv(folder / f"scores-{part}.csv", dtype={"gauge": str})
            for part in ("discharge", "storage")
        )
        discharge, storage = (table.groupby("period") for table in tables)
        q, s = discharge[["nse", "kge"]].median(), storage[["nse", "centred"]].median()
        for period in q.index:
            row = {"trained on": "2003-2006" if about["phase"] == "choice" else "2003-2008"}
            row |= {"period": period, "balance": about["by"], "weight": about["weight"]}
            row |= {"seed": about["seed"], "Q NSE": q["nse"][period], "Q KGE": q["kge"][period]}
            row |= {"S NSE": s["nse"][period], "S centred": s["centred"][period]}
            row["weight at the end"] = history.get("storage_weight", about["weight"])
            rows.append(row | {"seconds": about["seconds"]})
    order = ["trained on", "period", "Q NSE"]
    return pd.DataFrame(rows).sort_values(order, ascending=[True, True, False])


def of_phase(phase: str):
    """The scores of the years that the trainings of a phase have not seen."""

    def shown(found: pd.DataFrame) -> pd.DataFrame:
        rows = found[found["period"] == SCORED[phase]]
        return rows.drop(columns=["trained on", "period"]) if len(rows) else None

    return shown


def fronts(found: pd.DataFrame) -> Figure:
    """Median NSE of storage against that of discharge, of the years that were not trained on."""
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    axes = figure.subplots(1, 2)
    names = list(dict.fromkeys(sorted(found["balance"], key=lambda name: name != "weights")))
    for axis, (phase, period) in zip(axes, SCORED.items(), strict=True):
        rows = found[found["period"] == period]
        axis.set_visible(len(rows) > 0)
        for number, (name, colour, mark) in enumerate(zip(names, COLOURS, MARKS, strict=False)):
            own = rows[rows["balance"] == name].groupby("weight", as_index=False)
            own = own[["Q NSE", "S centred"]].mean()  # over the seeds
            label = f"by {name}" if name != "guarded" else name
            axis.plot(own["Q NSE"], own["S centred"], marker=mark, color=colour, lw=1, label=label)
            for _, row in own.iterrows():
                axis.annotate(
                    f"{row['weight']:g}", (row["Q NSE"], row["S centred"]), fontsize=8,
                    xytext=(5, -11 if number % 2 else 4), textcoords="offset points", color=colour,
                )  # fmt: skip
        axis.set_title({"choice": "validation 2007-2008", "test": "test 2009-2014"}[phase])
        axis.set_xlabel("median NSE of discharge / no unit")
        axis.grid(alpha=0.25)
        axis.margins(0.12)
    axes[0].set_ylabel("median centred NSE of storage / no unit")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=5, frameon=False, fontsize=9,
        title="number: weight of storage", title_fontsize=9,
    )  # fmt: skip
    return figure


PAGE = Page(
    f"{DOMAIN}_storage/balances",
    "Balances of discharge and storage in the loss",
    {
        f"{STUDY} --choose": "trained on 2003-2006, scored on 2007-2008",
        f"{STUDY} --trainings weights:0 weights:0.1 guarded:0.2": "",
        "camels-balances-page --runs RUNS": "",
    },
    found_in,
    sections={
        "Validation 2007-2008, trained on 2003-2006": of_phase("choice"),
        "Test 2009-2014, trained on 2003-2008": of_phase("test"),
    },
    tables={
        "balances": Table("medians over the 400 basins, of every training and period", lambda f: f)
    },
    figures={"fronts": Drawing("storage against discharge, by balance and weight", fronts)},
)
arguments, main = PAGE.arguments, PAGE.main
