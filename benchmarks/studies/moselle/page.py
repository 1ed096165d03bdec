"""Tables and figures of what `moselle` left in a folder.

python -m benchmarks moselle-page --data FOLDER --runs RUNS
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

import gridhydro as gh
from benchmarks import jobs
from benchmarks.page import Drawing, Page
from benchmarks.studies.moselle import land
from benchmarks.studies.moselle.study import DOMAIN, KINDS, folder, parts
from gridhydro.config.load import Setup, load
from gridhydro.evaluation import plots
from gridhydro.evaluation.tables import to_markdown

MAPPED = "hydropy equilibrium"
GAUGE = "398"
STYLES = {
    "hbv": ("#d55e00", "-", "HBV"),
    "hydropy": ("#56b4e9", "-", "HydroPy"),
    "hydropy equilibrium": ("#0072b2", "-", "HydroPy, start near equilibrium"),
    "constants": ("0.6", "--", "HydroPy, its constants"),
}


@dataclass(frozen=True)
class Found:
    """The domain file, and the finished jobs of each kind by seed."""

    setup: Setup
    jobs: list[Path]

    @property
    def first(self) -> dict[str, Path]:
        """Kind -> folder of its first seed."""
        return {jobs.about(job)["kind"]: job for job in reversed(self.jobs)}

    def labelled(self):
        """Job by job: what stands first in its row of a table, and its folder."""
        for job in self.jobs:
            about = jobs.about(job)
            yield {"column": about["kind"], "seed": str(about["seed"])}, job


def read(given: Namespace) -> Found:
    found = [job for kind in KINDS for job in jobs.finished(given.runs / folder(kind), "seed-*")]
    return Found(load(DOMAIN, given.data), found)


def scores(found: Found) -> pd.DataFrame:
    rows = []
    for label, job in found.labelled():
        about = jobs.about(job)
        table = pd.read_csv(job / "scores.csv").set_index("period")
        row = label | {"epochs": about["epochs"]}
        row |= {f"{m.upper()} {p}": table.loc[p, m] for p in table.index for m in ("kge", "nse")}
        row |= {f"bias {p} %": table.loc[p, "percent_bias"] for p in table.index}
        rows.append(row | {"seconds": about["seconds"]})
    return pd.DataFrame(rows)


def budgets(found: Found) -> str:
    rows = [label | budget(job, found.setup) for label, job in found.labelled()]
    return to_markdown(pd.DataFrame(rows), 1)


def budget(job: Path, setup: Setup) -> dict[str, float]:
    """Mean flows of the years of training, mm a-1, and how far storage swings in them, mm."""
    table = pd.read_csv(job / "budget.csv", index_col=0, parse_dates=True)
    table = table.loc[slice(*setup.training.period)]
    depth = 86.4 * 365.25 / setup.domain.gauges.loc[GAUGE, "network_area_km2"]
    observed = setup.discharge[GAUGE].loc[slice(*setup.training.period)].mean() * depth
    storage = table["total_storage"]
    return {
        "P mm/a": table["precipitation"].mean() * 365.25,
        "ET mm/a": table["actual_evapotranspiration"].mean() * 365.25,
        "runoff mm/a": table["runoff"].mean() * 365.25,
        "observed mm/a": observed,
        "storage change mm": storage.iloc[-1] - storage.iloc[0],
        "storage range mm": np.ptp(storage),
    }


def learned(found: Found) -> pd.DataFrame:
    """Medians over the cells."""
    rows = []
    for label, job in found.labelled():
        if label["column"] != "hbv":
            maps = parameters(job, found.setup)
            rows.append(label | {name: float(np.median(v)) for name, v in maps.items()})
    return pd.DataFrame(rows)


def parameters(job: Path, setup: Setup) -> dict[str, np.ndarray]:
    with xr.open_dataset(job / "parameters.nc", decode_coords="all") as file:
        return {n: setup.domain.pack(file[n]) for n in file.data_vars if file[n].ndim == 2}


def hydrograph(found: Found) -> Figure:
    """Observed discharge and that of each kind, the last winter of training and the validation."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    axis, setup, first = figure.subplots(), found.setup, found.first
    days = slice("1992-07", setup.training.validation[1])
    observed = setup.discharge[GAUGE].loc[days]
    axis.plot(observed.index, observed, color=plots.OBSERVED, lw=1.4, label="observed")
    for kind in (k for k in STYLES if k in first):
        series = pd.read_csv(first[kind] / "discharge.csv", index_col=0, parse_dates=True)[GAUGE]
        colour, dash, name = STYLES[kind]
        axis.plot(series.loc[days], color=colour, ls=dash, lw=1.0, label=name)
    start = pd.Timestamp(setup.training.validation[0])
    axis.axvline(start, color="0.4", lw=0.8, ls=":")
    axis.annotate(" validation", (start, 0.97), xycoords=("data", "axes fraction"), va="top")
    axis.set_ylabel("discharge / m$^3$ s$^{-1}$")
    axis.set_ylim(bottom=0)
    axis.margins(x=0)
    axis.grid(alpha=0.25)
    figure.legend(loc="outside upper left", ncols=5, frameon=False)
    return figure


def parameter_maps(found: Found) -> Figure | None:
    if MAPPED not in found.first:
        return None
    model, _ = parts(MAPPED, found.setup, 0)
    maps = parameters(found.first[MAPPED], found.setup)
    return plots.cell_maps(found.setup.domain, maps, model.fields)


def land_maps(found: Found) -> Figure:
    surface = land.surface(found.setup.domain, found.setup.data)
    known = {name: surface.properties[name] for name in ("soil_capacity", "wilting_point")}
    known |= {"leaf_area_index": surface.vegetation[1][6], "topo_std": surface.raw["topo_std"]}
    units = {"leaf_area_index": "1", "topo_std": "m"}
    shown = [gh.Field(name, units.get(name, "mm"), name) for name in known]
    return plots.cell_maps(found.setup.domain, known, shown)


PAGE = Page(
    "moselle_hydropy",
    "The upper Moselle with HydroPy's column, beside HBV",
    {
        "moselle --data FOLDER --out RUNS --seeds 0 1": "",
        "moselle-page --data FOLDER --runs RUNS": "",
    },
    read,
    sections={"Scores": scores, "Water budget of the training": budgets, "Parameters": learned},
    figures={
        "hydrograph": Drawing("discharge, last winter of training and validation", hydrograph, 100),
        "parameters": Drawing("maps of HydroPy started near equilibrium", parameter_maps, 70),
        "land": Drawing("maps of the land surface", land_maps, 70),
    },
    data=True,
)
arguments, main = PAGE.arguments, PAGE.main
