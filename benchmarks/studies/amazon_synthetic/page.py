"""Tables and figures of what `amazon-synthetic` left in a folder.

python -m benchmarks amazon-synthetic-page --runs RUNS
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from pathlib import Path

import pandas as pd

from benchmarks import jobs
from benchmarks.page import Drawing, Page, Table
from benchmarks.studies.amazon_synthetic import figures
from benchmarks.studies.amazon_synthetic.maps import Found, correlation
from benchmarks.studies.amazon_synthetic.study import ALIKE, CONFIGURATIONS, job_folder

SPLITS = ("temporal", "spatial")


def read(given: Namespace) -> Found:
    """The finished jobs of the first seed and fold."""
    found = {}
    for split in SPLITS:
        folders = {name: job_folder(given.runs, split, name, 0, 0) for name in CONFIGURATIONS}
        found[split] = {name: f for name, f in folders.items() if (f / jobs.FILE).exists()}
    if not found["temporal"]:
        raise SystemExit(f"there is no finished job of the temporal split below {given.runs}")
    return Found(given.runs / "world", found)


def scores(found: Found, split: str) -> pd.DataFrame | None:
    """Median NSE of gauges by their use, and of tiles, in both periods."""
    rows = {}
    for name, folder in found.jobs[split].items():
        gauges = pd.read_csv(folder / "scores-gauges.csv")
        tiles = pd.read_csv(folder / "scores-tiles.csv")
        row = gauges.groupby(["gauge_use", "period"])["nse"].median().to_dict()
        row |= {("tiles", p): v for p, v in tiles.groupby("period")["nse"].median().items()}
        rows[name] = {f"{use}, {period}": value for (use, period), value in row.items()}
    return pd.DataFrame(rows).T.rename_axis("configuration") if rows else None


def alike(found: Found) -> pd.DataFrame | None:
    """Median NSE with as many epochs for all: mean over seeds, and the least and the most."""
    rows = {}
    runs = found.world.parent
    for name in CONFIGURATIONS:
        seeds = job_folder(runs, ALIKE, name, 0, 0).parent.glob("seed-*")
        done = [folder for folder in sorted(seeds) if (folder / jobs.FILE).exists()]
        if done:
            medians = pd.DataFrame([_medians(folder) for folder in done])
            row = {what: _with_range(values) for what, values in medians.items()}
            rows[name] = {"seeds": len(done), "epochs": jobs.about(done[0])["epochs"]} | row
    return pd.DataFrame(rows).T.rename_axis("configuration") if rows else None


def _with_range(values: pd.Series) -> str:
    if len(values) == 1:
        return f"{values.iloc[0]:.3f}"
    return f"{values.mean():.3f} ({values.min():.3f} to {values.max():.3f})"


def _medians(folder: Path) -> dict[str, float]:
    found = {}
    for kind in ("gauges", "tiles"):
        table = pd.read_csv(folder / f"scores-{kind}.csv")
        for period, value in table.groupby("period")["nse"].median().items():
            found[f"{kind}, {period}"] = value
    return found


def recovery(found: Found) -> pd.DataFrame:
    """Correlation of learned and true maps over the cells, by parameter."""
    truth, rows = found.truth, {}
    for name in found.jobs["temporal"]:
        maps = found.parameters(name)
        rows[name] = {p: correlation(maps[p], truth[p]) for p in truth if p in maps}
    return pd.DataFrame(rows).rename_axis("parameter").dropna(how="all")


def costs(found: Found) -> pd.DataFrame:
    rows = {}
    for name, folder in found.jobs["temporal"].items():
        about = jobs.about(folder)
        row = {key: about[key] for key in ("epochs", "seconds", "peak_gb", "threads")}
        rows[name] = row | {"seconds_an_epoch": round(row["seconds"] / max(row["epochs"], 1), 1)}
    return pd.DataFrame(rows).T.rename_axis("configuration")


def demand(found: Found) -> str:
    if figures.CORRECTED not in found.jobs["temporal"]:
        return ""
    value = correlation(found.pet_error(), found.true_pet_error.mean("time"))
    return f"Mean error, found and true map: correlation {value:.2f}."


TRAIN = "amazon-synthetic --data FOLDER --out RUNS"
PLAIN, CORRECTED = 'HydroPyNN "HydroPyNN(Q,S)" "Hybrid(Q)" "Hybrid(Q,S)"', '"Hybrid(Q,S)+"'
PAGE = Page(
    "amazon_synthetic",
    "Five configurations on a generated Amazon",
    {
        f"{TRAIN} --epochs 60 --configurations {PLAIN}": "",
        f"{TRAIN} --epochs 14 --configurations {CORRECTED}": "",
        f"{TRAIN} --split spatial --epochs 30 --configurations {PLAIN}": "",
        f"{TRAIN} --split spatial --epochs 8 --configurations {CORRECTED}": "",
        "amazon-synthetic-page --runs RUNS": "",
    },
    read,
    sections={
        "Median NSE, temporal split": partial(scores, split="temporal"),
        "Median NSE, spatial split": partial(scores, split="spatial"),
        "Median NSE, temporal split, as many epochs for all": alike,
        "Learned and true parameters": recovery,
        "Penman-Monteith's error": demand,
        "Cost": costs,
    },
    tables={
        "scores-temporal": Table("NSE, temporal split", partial(scores, split="temporal"), 3),
        "scores-spatial": Table("NSE, spatial split", partial(scores, split="spatial"), 3),
        "parameters": Table("correlation of learned and true maps", recovery, 3),
        "cost": Table("epochs, seconds, memory in GB", costs, 2),
    },
    figures={
        "scores": Drawing("distributions of NSE over gauges and tiles", figures.scores, 80),
        "parameters": Drawing("maps of parameters, true and learned", figures.parameters, 80),
        "demand": Drawing("error of Penman-Monteith, true and found", figures.demand, 80),
    },
)
arguments, main = PAGE.arguments, PAGE.main
