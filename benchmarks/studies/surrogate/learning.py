"""Learning through a surrogate and, where the model has one, through its own adjoint; scores."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from benchmarks import jobs, options
from benchmarks.studies.surrogate.twin import (
    SAMPLED,
    TEST,
    BlackBox,
    Twin,
    make_twin,
    run,
)
from gridhydro import surrogate
from gridhydro.evaluation import metrics
from gridhydro.surrogate.sampling import within


def emulate(box: BlackBox, twin: Twin, out: Path, sets: int, epochs: int, seed: int = 0):
    """The surrogate, sampled and fitted once; its fidelity goes to `fidelity.csv`."""
    if (out / "surrogate" / "surrogate.json").exists():
        return surrogate.load(out / "surrogate")
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    weather = twin.forcing.sel(time=slice(*SAMPLED))
    options = dict(outputs=box.outputs, at_once=100)
    runs = surrogate.sample(
        box.function, box.parameters, weather.sel(gauge=twin.trained), sets=sets, seed=seed,
        out=out / "runs.nc", resume=True, **options,
    )  # fmt: skip
    sampled = time.monotonic()
    learned, others = runs.split(0.1, seed)
    training = surrogate.Training(epochs=epochs, held_out=0.05, seed=seed)
    emulator = surrogate.fit(learned, training=training, label=box.name)
    away = [str(g) for g in weather["gauge"].values if str(g) not in twin.trained]
    elsewhere = surrogate.sample(
        box.function, box.parameters, weather.sel(gauge=away), sets=200, seed=seed + 1, **options
    )
    tables = [
        emulator.fidelity(part).assign(scored=name)
        for name, part in (("other parameters", others), ("other parameters and basins", elsewhere))
    ]
    pd.concat(tables).to_csv(out / "fidelity.csv", index=False)
    emulator.save(out / "surrogate")
    cost = dict(
        label=box.name, sets=sets, sampling_s=sampled - began, fitting_s=time.monotonic() - sampled
    )
    (out / "cost.json").write_text(json.dumps(cost | emulator.about, indent=1))
    return emulator


def learn(box: BlackBox, twin: Twin, column, target: str, seed: int, folder: Path, epochs: int):
    """A network from attributes to the parameters of a column, trained at some of the basins."""
    if jobs.due(folder):
        fixed = box.fixed if isinstance(column, str) else None
        network = gh.ParameterNetwork(hidden=(32, 16), seed=seed)
        model = gh.Model(twin.domain, column, twin.attributes, fixed=fixed, network=network)
        given = twin.observed.sel(gauge=twin.trained)
        names = box.targets[target]
        targets = [gh.Target(n, given[n], loss="nse") for n in names if n != "runoff"]
        discharge = given["runoff"] if "runoff" in names else None
        began = time.monotonic()
        trained = gh.train(
            model, twin.forcing, discharge, targets=targets, period=twin.split, epochs=epochs,
            optimizer=gh.Optimizer(learning_rate=0.01),
            batches=gh.Batches(gauges=40, days=365, warmup=365),
            session=gh.Session(seed=seed, progress=False),
        )  # fmt: skip
        seconds = time.monotonic() - began
        folder.mkdir(parents=True, exist_ok=True)
        trained.history.assign(seconds=seconds).to_csv(folder / "history.csv", index=False)
        own = trained.simulate(outputs=[f.name for f in box.outputs])
        scores(box, twin, own).to_csv(folder / "own.csv", index=False)
        found = trained.parameters.to_dataframe()[[f.name for f in box.parameters]]
        found.to_csv(folder / "parameters.csv")
        jobs.finish(folder, epochs=epochs, seconds=round(seconds))
    table = pd.read_csv(folder / "parameters.csv", index_col=0)
    return {f.name: table[f.name].to_numpy() for f in box.parameters}


def scores(box: BlackBox, twin: Twin, simulated: xr.Dataset) -> pd.DataFrame:
    """Medians over basins of what a simulation is against the truth in the test period."""
    rows = []
    for field in box.outputs:
        s, o = (
            d[field.name].sel(time=slice(*TEST)).transpose("time", "gauge")
            for d in (simulated, twin.truth)
        )
        names = [str(g) for g in o["gauge"].values]
        groups = {"trained": [g for g in names if g in twin.trained]}
        groups["other"] = [g for g in names if g not in twin.trained]
        for group, chosen in groups.items():
            pairs = [(s.sel(gauge=g).values, o.sel(gauge=g).values) for g in chosen]
            row = {"output": field.name, "gauges": group}
            for name in ("nse", "correlation", "rmse", "percent_bias"):
                row[name] = np.nanmedian([metrics.METRICS[name](*pair) for pair in pairs])
            rows.append(row)
    return pd.DataFrame(rows)


def study(box: BlackBox, twin: Twin, emulator, out: Path, seeds: Sequence[int], epochs: int):
    """All trainings; tables of scores and of maps, and the parameters, into `out`."""
    methods = {"surrogate": emulator} | ({"adjoint": box.column} if box.column else {})
    maps = {("hidden", "", 0): twin.hidden}
    middle = {f.name: within(f, np.full(len(twin.domain.gauges), 0.5)) for f in box.parameters}
    rows = [_scored(box, twin, middle, "mid-range", "", 0, "model")]
    for target in box.targets:
        for seed in seeds:
            for method, column in methods.items():
                folder = out / target / f"{method}-{seed}"
                found = learn(box, twin, column, target, seed, folder, epochs)
                maps[method, target, seed] = found
                rows.append(_scored(box, twin, found, method, target, seed, "model"))
                own = pd.read_csv(folder / "own.csv")
                rows.append(own.assign(method=method, target=target, seed=seed, run="column"))
    pd.concat(rows).to_csv(out / "scores.csv", index=False)
    table = pd.concat(
        pd.DataFrame(values).assign(
            method=method, target=target, seed=seed, gauge=twin.domain.gauges.index,
            trained=twin.domain.gauges.index.isin(twin.trained),
        )
        for (method, target, seed), values in maps.items()
    )  # fmt: skip
    table.to_csv(out / "maps.csv", index=False)


def _scored(box, twin, parameters, method, target, seed, by) -> pd.DataFrame:
    found = scores(box, twin, run(box, twin.forcing, parameters))
    return found.assign(method=method, target=target, seed=seed, run=by)


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    options.out(parser)
    parser.add_argument("--sets", type=int, default=3000, help="of parameters to sample")
    parser.add_argument("--fit-epochs", type=int, default=14, help="of the surrogate")
    options.epochs(parser, 40)
    options.seeds(parser, 0, 1)


def command(box: BlackBox, given: Namespace) -> None:
    """The study of one model."""
    torch.set_num_threads(1)
    twin = make_twin(box, given.data)
    emulator = emulate(box, twin, given.out, given.sets, given.fit_epochs)
    study(box, twin, emulator, given.out, given.seeds, given.epochs)
