"""Parameters learned through a surrogate of a model that hides them: weather, truth, scores.

The weather is that of CAMELS-US basins. The model itself makes the truth, from parameters that
are functions of the basins' attributes and, to a third, of nothing that is told. Surrogates are
sampled, and parameters learned, at some of the sites; all are scored, and always by runs of the
model itself.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from gridhydro import io, surrogate
from gridhydro.columns.column import Field
from gridhydro.evaluation import metrics
from gridhydro.inputs import basins
from gridhydro.surrogate.sampling import within
from gridhydro.training.batches import Batches

ATTRIBUTES = ("aridity", "p_seasonality", "slope_mean", "frac_forest", "sand_frac", "soil_porosity")
RECORD = ("1985", "1998")  # the model's own spin-up is in the function
SAMPLED = ("1987", "1992")
TRAINING, TEST = ("1989", "1992"), ("1994", "1998")
SPREAD = 2.0  # of a hidden parameter before the sigmoid that brings it into its range
UNTOLD = 1 / 3  # share of its variance that attributes do not tell


@dataclass(frozen=True)
class BlackBox:
    """A model as a surrogate is made of it, and what its parameters are learned from.

    function  many runs in one call, see `gridhydro.surrogate.sample`
    targets   name of a training -> the outputs that it is given; "runoff" as discharge
    fixed     of the model's own column, where it has one, beside the parameters
    """

    name: str
    function: Callable
    parameters: tuple[Field, ...]
    outputs: tuple[Field, ...]
    targets: Mapping[str, tuple[str, ...]]
    frozen: float = 1.0  # largest share of snow in the precipitation of a site
    noise: float = 0.03  # of observed shares, as SMAP's; a tenth of runoff
    column: str | None = None
    fixed: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Twin:
    """Sites with weather, attributes and the truth, (time, gauge); `seen` are sampled from."""

    domain: gh.Domain
    attributes: dict
    forcing: xr.Dataset
    hidden: dict[str, np.ndarray]
    truth: xr.Dataset
    observed: xr.Dataset
    seen: list[str]


def make_twin(box: BlackBox, data: Path, sites: int = 100, seen: float = 0.8, seed: int = 0):
    """The truth at some of the basins, every so many of those that the model is for."""
    folder, random = data / "camels_us_400", np.random.default_rng(seed)
    found = io.read_basins(folder / "timeseries.nc", attributes=folder / "attributes.csv")
    found = found.sel(time=slice(*RECORD))
    found = found.isel(gauge=np.flatnonzero(found["frac_snow"].values <= box.frozen))
    found = found.isel(gauge=np.linspace(0, found.sizes["gauge"] - 1, sites).astype(int))
    parts = basins.of_dataset(found, "hbv", attributes=ATTRIBUTES, pet="oudin")
    known = np.stack([parts.attributes[name] for name in ATTRIBUTES])
    known = (known - known.mean(1, keepdims=True)) / known.std(1, keepdims=True)
    hidden = {}
    for field in box.parameters:
        told, untold = random.standard_normal(len(known)) @ known, random.standard_normal(sites)
        mixed = (1 - UNTOLD) ** 0.5 * told / told.std() + UNTOLD**0.5 * untold
        hidden[field.name] = within(field, 1 / (1 + np.exp(-SPREAD * mixed)))
    forcing = parts.forcing.load()
    truth = run(box, forcing, hidden)
    observed = truth.copy()
    for field in box.outputs:
        error = random.standard_normal(truth[field.name].shape)
        size = box.noise if field.unit == "1" else 0.1 * truth[field.name]
        observed[field.name] = (
            (truth[field.name] + size * error).clip(min=0).assign_attrs(units=field.unit)
        )
    names = [str(g) for g in found["gauge"].values]
    some = sorted(random.choice(sites, round(seen * sites), replace=False))
    return Twin(
        parts.domain, parts.attributes, forcing, hidden, truth, observed, [names[k] for k in some]
    )


def run(box: BlackBox, forcing: xr.Dataset, parameters: Mapping[str, np.ndarray]) -> xr.Dataset:
    """The model itself at every site, outputs (time, gauge)."""
    found = box.function(forcing.rename(gauge="run"), parameters)
    return xr.Dataset(
        {f.name: (("time", "gauge"), found[f.name], f.attrs) for f in box.outputs},
        {"time": forcing["time"], "gauge": forcing["gauge"]},
    )


def emulate(box: BlackBox, twin: Twin, out: Path, sets: int, epochs: int, seed: int = 0):
    """The surrogate, sampled and fitted once; its fidelity goes to `fidelity.csv`."""
    if (out / "surrogate" / "surrogate.json").exists():
        return surrogate.load(out / "surrogate")
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    weather = twin.forcing.sel(time=slice(*SAMPLED))
    options = dict(outputs=box.outputs, at_once=100)
    runs = surrogate.sample(
        box.function, box.parameters, weather.sel(gauge=twin.seen), sets=sets, seed=seed,
        out=out / "runs.nc", resume=True, **options,
    )  # fmt: skip
    sampled = time.monotonic()
    learned, unseen = runs.split(0.1, seed)
    emulator = surrogate.fit(learned, epochs=epochs, held_out=0.05, seed=seed, label=box.name)
    others = [str(g) for g in weather["gauge"].values if str(g) not in twin.seen]
    elsewhere = surrogate.sample(
        box.function, box.parameters, weather.sel(gauge=others), sets=200, seed=seed + 1, **options
    )
    tables = [
        emulator.fidelity(part).assign(scored=name)
        for name, part in (("other parameters", unseen), ("other parameters and sites", elsewhere))
    ]
    pd.concat(tables).to_csv(out / "fidelity.csv", index=False)
    emulator.save(out / "surrogate")
    cost = dict(
        label=box.name, sets=sets, sampling_s=sampled - began, fitting_s=time.monotonic() - sampled
    )
    (out / "cost.json").write_text(json.dumps(cost | emulator.about, indent=1))
    return emulator


def learn(box: BlackBox, twin: Twin, column, target: str, seed: int, folder: Path, epochs: int):
    """A network from attributes to the parameters of a column, trained at the sites seen."""
    if not (folder / "parameters.csv").exists():
        fixed = box.fixed if isinstance(column, str) else None
        model = gh.Model(
            twin.domain, column, twin.attributes, fixed=fixed, hidden=(32, 16), seed=seed
        )
        given = twin.observed.sel(gauge=twin.seen)
        names = box.targets[target]
        targets = [gh.Target(n, given[n], loss="nse") for n in names if n != "runoff"]
        discharge = given["runoff"] if "runoff" in names else None
        began = time.monotonic()
        trained = gh.train(
            model, twin.forcing, discharge, targets=targets, period=TRAINING, epochs=epochs,
            batches=Batches(basins=40, days=365, warmup=365), learning_rate=0.01, seed=seed,
            gauges=twin.seen, progress=False,
        )  # fmt: skip
        seconds = time.monotonic() - began
        folder.mkdir(parents=True, exist_ok=True)
        trained.history.assign(seconds=seconds).to_csv(folder / "history.csv", index=False)
        own = trained.simulate(outputs=[f.name for f in box.outputs])
        scores(box, twin, own).to_csv(folder / "own.csv", index=False)
        found = trained.parameters.to_dataframe()[[f.name for f in box.parameters]]
        found.to_csv(folder / "parameters.csv")
    table = pd.read_csv(folder / "parameters.csv", index_col=0)
    return {f.name: table[f.name].to_numpy() for f in box.parameters}


def scores(box: BlackBox, twin: Twin, simulated: xr.Dataset) -> pd.DataFrame:
    """Medians over sites of what a simulation is against the truth in the test period."""
    rows = []
    for field in box.outputs:
        s, o = (
            d[field.name].sel(time=slice(*TEST)).transpose("time", "gauge")
            for d in (simulated, twin.truth)
        )
        for where in ("seen", "other"):
            chosen = [
                g for g in map(str, o["gauge"].values) if (g in twin.seen) == (where == "seen")
            ]
            pairs = [(s.sel(gauge=g).values, o.sel(gauge=g).values) for g in chosen]
            row = {"output": field.name, "sites": where}
            for name in ("nse", "correlation", "rmse", "percent_bias"):
                row[name] = np.nanmedian([metrics.METRICS[name](*pair) for pair in pairs])
            rows.append(row)
    return pd.DataFrame(rows)


def study(box: BlackBox, twin: Twin, emulator, out: Path, seeds: Sequence[int], epochs: int):
    """All trainings; tables of scores and of maps, and the parameters, into `out`."""
    ways = {"surrogate": emulator} | ({"adjoint": box.column} if box.column else {})
    maps = {("hidden", "", 0): twin.hidden}
    middle = {f.name: within(f, np.full(len(twin.domain.gauges), 0.5)) for f in box.parameters}
    rows = [_scored(box, twin, middle, "mid-range", "", 0, "model")]
    for target in box.targets:
        for seed in seeds:
            for way, column in ways.items():
                folder = out / target / f"{way}-{seed}"
                found = learn(box, twin, column, target, seed, folder, epochs)
                maps[way, target, seed] = found
                rows.append(_scored(box, twin, found, way, target, seed, "model"))
                own = pd.read_csv(folder / "own.csv")
                rows.append(own.assign(way=way, target=target, seed=seed, run="column"))
    pd.concat(rows).to_csv(out / "scores.csv", index=False)
    table = pd.concat(
        pd.DataFrame(values).assign(
            way=way, target=target, seed=seed, gauge=twin.domain.gauges.index,
            seen=twin.domain.gauges.index.isin(twin.seen),
        )
        for (way, target, seed), values in maps.items()
    )  # fmt: skip
    table.to_csv(out / "maps.csv", index=False)


def _scored(box, twin, parameters, way, target, seed, by) -> pd.DataFrame:
    found = scores(box, twin, run(box, twin.forcing, parameters))
    return found.assign(way=way, target=target, seed=seed, run=by)


def command(box: BlackBox, doc: str) -> None:
    """The study of one model, from the command line."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", type=int, default=3000)
    parser.add_argument("--fit-epochs", type=int, default=14)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    twin = make_twin(box, options.data)
    emulator = emulate(box, twin, options.out, options.sets, options.fit_epochs)
    study(box, twin, emulator, options.out, options.seeds, options.epochs)
