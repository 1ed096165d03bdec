"""Tables and figures of what `camels-storage` left in a folder.

python -m benchmarks camels-storage-page --data FOLDER --runs RUNS
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from benchmarks import jobs
from benchmarks.page import Drawing, Page
from benchmarks.studies.camels.scores import more_flow_than_rain
from benchmarks.studies.camels.untrained import against_known, known
from benchmarks.studies.camels_storage import figures
from benchmarks.studies.camels_storage.gains import SNOW, gains, label
from benchmarks.studies.camels_storage.study import DOMAIN, PERIODS, of_grace, read, score_storage
from gridhydro.evaluation.tables import to_markdown

STORED = ("nse", "centred", "correlation", "departures", "rmse", "spread")
SHAPES = ("beta", "FC", "LP", "gamma", "PERC", "K1", "K2")


@dataclass(frozen=True)
class Found:
    """jobs: (weight, seed) -> about, tables of discharge and storage (by gauge and period),
    series, means; observed anomalies (solutions x basins), mm."""

    jobs: dict[tuple[float, int], dict]
    observed: pd.DataFrame
    setup: object

    @cached_property
    def wet(self) -> list[str]:
        """Basins with more flow than rain over both periods."""
        return more_flow_than_rain(self.setup, (PERIODS["training"][0], PERIODS["test"][1]))


def found_in(given: Namespace) -> Found:
    setup, storage = read(given.data)
    observed = of_grace(setup, storage)
    return Found(collect(given.runs, observed), observed, setup)


def collect(runs: Path, observed: pd.DataFrame) -> dict[tuple[float, int], dict]:
    """What each finished job kept, by weight and seed."""
    found = {}
    for folder in jobs.finished(runs, "weight-*/seed-*"):
        about = jobs.about(folder)
        discharge = pd.read_csv(folder / "scores-discharge.csv", dtype={"gauge": str})
        simulated = pd.read_csv(folder / "storage.csv", index_col=0, parse_dates=True)
        stored = score_storage(simulated, observed)
        means = pd.read_csv(folder / "means.csv", dtype={"gauge": str}).set_index("gauge")
        found[about["weight"], about["seed"]] = dict(
            about=about, discharge=discharge.set_index(["period", "gauge"]),
            storage=stored.set_index(["period", "gauge"]), series=simulated, means=means,
        )  # fmt: skip
    return found


def medians(found: Found, without=()) -> pd.DataFrame:
    rows = []
    for period in PERIODS:
        for (weight, seed), job in found.jobs.items():
            q, s = (
                job[k].loc[period].drop(without, errors="ignore") for k in ("discharge", "storage")
            )
            row = {"period": period, "trained on": label(weight)}
            row |= {"seed": str(seed), "Q NSE": q["nse"].median(), "Q KGE": q["kge"].median()}
            row |= {f"S {name}": s[name].median() for name in STORED}
            rows.append(row | {"seconds": job["about"]["seconds"]})
    return pd.DataFrame(rows)


def medians_without_wet(found: Found) -> str:
    table = to_markdown(medians(found, found.wet))
    return f"Without {len(found.wet)} of {len(found.setup.domain.gauges)} basins.\n\n{table}"


def changes(found: Found) -> pd.DataFrame:
    """Gains of basins whose precipitation is snow for a large part, and of the others."""
    fraction = pd.Series(found.setup.attributes["frac_snow"], found.setup.domain.gauges.index)
    snowy = fraction.astype(float) >= SNOW
    groups = {f"snow {SNOW:.0%} or more": snowy, "others": ~snowy, "all": snowy | ~snowy}
    rows = []
    for weight, seed in found.jobs:
        if weight == 0 or (0.0, seed) not in found.jobs:
            continue
        gain = gains(found.jobs, weight, seed)
        spreads = [found.jobs[w, seed]["storage"].loc["test", "spread"] for w in (0.0, weight)]
        for group, members in groups.items():
            some = gain[members.reindex(gain.index)]
            row = {"trained on": label(weight), "seed": str(seed), "basins": group}
            row["number"] = len(some)
            for name in gain:
                row[f"median gain, {name}"] = some[name].median()
                row[f"better at, {name} %"] = 100 * (some[name] > 0).mean()
            row["S spread, discharge alone"], row["S spread"] = (
                s[some.index].median() for s in spreads
            )
            rows.append(row)
    return pd.DataFrame(rows)


def drift(found: Found) -> str:
    """How far the mean of the test period is from that of the training."""
    days = slice(*PERIODS["test"])
    told = [f"GRACE {found.observed.loc[days].mean().median():.1f}"]
    for (weight, seed), job in found.jobs.items():
        mean = job["series"].loc[days].mean().median()
        told.append(f"{label(weight)}, seed {seed}: {mean:.1f}")
    return "Median over the basins, mm: " + "; ".join(told) + "."


def beside(found: Found) -> pd.DataFrame:
    index, lost = known(found.setup, PERIODS["test"])
    rows = []
    for (weight, seed), job in found.jobs.items():
        row = {"trained on": label(weight), "seed": str(seed)}
        row |= against_known(job["means"], index, lost)
        rows.append(row | {name: job["means"][name].median() for name in SHAPES})
    return pd.DataFrame(rows).drop(columns="BFI rmse")


PAGE = Page(
    f"{DOMAIN}_storage",
    "Discharge and GRACE together on 400 basins",
    {
        "camels-storage --data FOLDER --out RUNS --weights 0 0.1 0.5 1 --seeds 0 1": "",
        "camels-storage-page --data FOLDER --runs RUNS": "",
    },
    found_in,
    sections={
        "Medians over all basins": medians,
        "Medians without the basins whose flow exceeds their rain": medians_without_wet,
        "What storage in the loss changes, test period": changes,
        "Mean anomaly of the test period": drift,
        "What nobody trained on, and parameters (medians), test period": beside,
    },
    figures={
        "scores": Drawing(
            "distributions in the test period, and what each basin gains with w = 0.5",
            figures.distributions,
        ),
        "series": Drawing(
            "storage of the basin with the median gain, and of one near the largest (90 %)",
            figures.series,
            dpi=70,
        ),
    },
    data=True,
)
arguments, main = PAGE.arguments, PAGE.main
