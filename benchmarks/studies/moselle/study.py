"""The upper Moselle with HydroPy's column beside HBV: same cells, weather, network, gauge, days.

    python -m benchmarks.moselle_hydropy --data FOLDER --out RUNS --seeds 0 1 [--page FOLDER]

Both are trained as domains/moselle.toml says, a network reading the same attributes. HydroPy knows
its land surface beside that (`benchmarks.moselle_land` says from where), learns its eight
parameters and the lag of the river, and fills its stores by running over the record again and
again: the year before the training is short for its groundwater. "equilibrium" starts near
equilibrium instead, with a gradient through the start; "deep" is the same as "hydropy" with roots
of 2 m instead of 1 m, a guess that matters; "constants" is HydroPy with its own values instead of
learned ones. Every job has a folder under RUNS; a finished one is
not done again. Tables and figures of what is there go to the folder of `--page`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from benchmarks import moselle_land
from benchmarks.machine import describe
from gridhydro.config.build_model import build_model
from gridhydro.config.load import load
from gridhydro.evaluation import plots
from gridhydro.evaluation.tables import to_markdown
from gridhydro.io import export

DOMAIN = "moselle"
COLUMN = "hydropy_ramp"
CYCLES = 3  # runs over the record before each step
KINDS = ("hbv", "hydropy", "hydropy equilibrium", "hydropy deep", "constants")
STARTS = {"hbv": {}, "hydropy equilibrium": {"start": "equilibrium"}}  # others: cycles
ROOTS = {"hydropy deep": 2.0}  # m
MAPPED = "hydropy equilibrium"
BUDGET = ("runoff", "actual_evapotranspiration", "total_storage")
GAUGE = "398"
RESULTS = Path(__file__).parent / "results" / "moselle_hydropy"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--epochs", type=int, help="instead of the file's")
    parser.add_argument("--page", type=Path, nargs="?", const=RESULTS)
    options = parser.parse_args()
    setup = load(DOMAIN, options.data)
    for seed in options.seeds:
        for kind in KINDS:
            job = options.out / folder(kind) / f"seed-{seed}"
            learns = kind != "constants"
            if not (job / "job.json").exists() and (learns or seed == options.seeds[0]):
                print(job, flush=True)
                run_job(job, kind, setup, seed, options.epochs if learns else 0)
    if options.page:
        page(options.out, options.page, setup)


def folder(kind: str) -> str:
    return kind.replace(" ", "-")


def parts(kind: str, setup, seed: int):
    """Model and forcing of one kind."""
    if kind == "hbv":
        return build_model(setup, seed), setup.forcing
    land = moselle_land.surface(setup.domain, setup.data, ROOTS.get(kind, 1.0))
    # water passes many cells of 4 km a day: no delay from cell to cell, and one reservoir in each
    options = dict(column=COLUMN, properties=land.properties, river=gh.River(learned="lag"))
    if kind != "constants":
        options |= dict(attributes=setup.attributes, hidden=setup.model.hidden, seed=seed)
    else:
        whole = {"river_lag": land.defaults["river_lag"] * land.reservoirs}
        options |= dict(network="none", defaults=land.defaults | whole)
    weather = setup.forcing.dataset(setup.domain)
    forcing = weather.assign(land.forcing(setup.times).data_vars)
    return gh.Model(setup.domain, **options), forcing


def run_job(job: Path, kind: str, setup, seed: int, epochs: int | None) -> None:
    model, forcing = parts(kind, setup, seed)
    given = setup.training
    epochs = given.epochs if epochs is None else epochs
    began = time.monotonic()
    run = gh.train(
        model, forcing, setup.discharge, period=given.period, spinup=given.spinup,
        epochs=epochs, loss=given.loss, **STARTS.get(kind, {"spinup_cycles": CYCLES}),
        learning_rate=given.learning_rate, seed=seed, out=job, resume=True,
    )  # fmt: skip
    seconds = time.monotonic() - began
    series = run.simulate(outputs=BUDGET)
    simulated = series["discharge"].transpose("time", "gauge").to_pandas()
    scores = [
        run.evaluate(setup.discharge, period, name=name)
        for name, period in (("training", given.period), ("validation", given.validation))
    ]
    pd.concat(scores).to_csv(job / "scores.csv", index=False)
    simulated.round(3).to_csv(job / "discharge.csv")
    weights = setup.domain.area / setup.domain.area.sum()
    means = {name: setup.domain.pack(series[name]) @ weights for name in BUDGET}
    means["precipitation"] = setup.forcing.by_field()["precipitation"].values @ weights
    pd.DataFrame(means, simulated.index).round(4).to_csv(job / "budget.csv")
    run.history.to_csv(job / "history.csv", index=False)
    export.write_dataset(job / "parameters.nc", run.parameters)
    about = dict(
        kind=kind, seed=seed, epochs=epochs, seconds=round(seconds),
        threads=torch.get_num_threads(), machine=describe("cpu"),
    )  # fmt: skip
    (job / "job.json").write_text(json.dumps(about, indent=1))


def page(runs: Path, out: Path, setup) -> None:
    """tables.md, the hydrograph and maps of what is learned, of the first seed there is."""
    out.mkdir(parents=True, exist_ok=True)
    rows, budgets, learned, first = [], [], [], {}
    jobs = (sorted(runs.glob(f"{folder(kind)}/seed-*/job.json")) for kind in KINDS)
    for file in itertools.chain(*jobs):
        about, job = json.loads(file.read_text()), file.parent
        scores = pd.read_csv(job / "scores.csv").set_index("period")
        kind = about["kind"]
        first.setdefault(kind, job)
        rows.append(
            {"column": kind, "seed": str(about["seed"]), "epochs": about["epochs"]}
            | {f"{m.upper()} {p}": scores.loc[p, m] for p in scores.index for m in ("kge", "nse")}
            | {f"bias {p} %": scores.loc[p, "percent_bias"] for p in scores.index}
            | {"seconds": about["seconds"]}
        )
        label = {"column": kind, "seed": str(about["seed"])}
        budgets.append(label | budget(job, setup))
        if kind != "hbv":
            maps = parameters(job, setup)
            learned.append(label | {name: float(np.median(v)) for name, v in maps.items()})
    tables = ((rows, 3), (budgets, 1), (learned, 3))
    text = "\n\n".join(to_markdown(pd.DataFrame(r), digits) for r, digits in tables) + "\n"
    (out / "tables.md").write_text(text)
    print(text)
    plots.save(hydrograph(first, setup), out / "hydrograph.png", dpi=100)
    if MAPPED in first:
        model, _ = parts(MAPPED, setup, 0)
        maps = parameters(first[MAPPED], setup)
        figure = plots.parameter_maps(setup.domain, maps, model.fields)
        plots.save(figure, out / "parameters.png", dpi=70)
    land = moselle_land.surface(setup.domain, setup.data)
    known = {name: land.properties[name] for name in ("soil_capacity", "wilting_point")}
    known |= {"leaf_area_index": land.vegetation[1][6], "topo_std": land.raw["topo_std"]}
    units = {"leaf_area_index": "1", "topo_std": "m"}
    shown = [gh.Field(name, units.get(name, "mm"), name) for name in known]
    plots.save(plots.parameter_maps(setup.domain, known, shown), out / "land.png", dpi=70)


def parameters(job: Path, setup) -> dict[str, np.ndarray]:
    with xr.open_dataset(job / "parameters.nc", decode_coords="all") as file:
        return {n: setup.domain.pack(file[n]) for n in file.data_vars if file[n].ndim == 2}


def budget(job: Path, setup) -> dict[str, float]:
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


def hydrograph(jobs: dict[str, Path], setup) -> plots.Figure:
    """Observed discharge and that of each kind, the last winter of training and the validation."""
    figure = plots.Figure(figsize=(11, 4.2), layout="constrained")
    axis = figure.subplots()
    days = slice("1992-07", setup.training.validation[1])
    seen = setup.discharge[GAUGE].loc[days]
    axis.plot(seen.index, seen, color=plots.OBSERVED, lw=1.4, label="observed")
    styles = {
        "hbv": ("#d55e00", "-", "HBV"),
        "hydropy": ("#56b4e9", "-", "HydroPy"),
        "hydropy equilibrium": ("#0072b2", "-", "HydroPy, start near equilibrium"),
        "constants": ("0.6", "--", "HydroPy, its constants"),
    }
    for kind in (k for k in styles if k in jobs):
        series = pd.read_csv(jobs[kind] / "discharge.csv", index_col=0, parse_dates=True)[GAUGE]
        colour, dash, name = styles[kind]
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


if __name__ == "__main__":
    main()
