"""Soil moisture of a generated world: parameters learned together, or searched cell by cell.

    python -m benchmarks.soil_moisture --out OUT [--densities s16 s8 s4] [--methods ...]

HBV is fitted to soil wetness as a satellite might see it, of HydroPy's making, with one cell in
each patch of 16, 8 or 4 rows and columns: by a network of attributes (gA), by one that also reads
forcing and observations of the training years (gz), and by the shuffled complex evolution of each
cell alone (sceua). Every job (method, density, seed) has a folder of its own under OUT; a finished
one is not done again. `python -m benchmarks.soil_moisture_page` makes tables and figures.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.spatial import cKDTree

import gridhydro as gh
from benchmarks.machine import describe
from benchmarks.soil_moisture_sites import FIXED, LEARNED, MIDDLE, NAME, Sites, rmse
from benchmarks.soil_moisture_world import DENSITIES, SHAPE, TEST, TRAINING, World, make_world
from gridhydro.columns import column

METHODS = ("default", "gA", "gz", "sceua")
# epochs, cells in a minibatch; all of this was chosen on the world of another seed, 1
TRAININGS = {"s16": (100, 32), "s8": (60, 32), "s4": (40, 32)}
NETWORKS = {"gA": dict(network="mlp", hidden=(128, 64)), "gz": dict(network="gz", hidden=(64,))}
LEARNING_RATE = 0.01
COMPLEXES, RUNS = 7, 5000
EVERY = 10  # days of a mean in the history that gz reads
WATCHED = np.unique(np.geomspace(1, RUNS, 60).round()).astype(int)  # epochs on the curves


@dataclass(frozen=True)
class Job:
    method: str
    density: str
    seed: int = 0

    def folder(self, out: Path) -> Path:
        return out / self.method / self.density / f"seed-{self.seed}"


@dataclass(frozen=True, eq=False)
class Study:
    """The cells of all densities (those of the densest), and their neighbours, on none of which
    anything is trained."""

    world: World
    cells: Sites
    neighbours: Sites
    densest: str

    @classmethod
    def of(cls, world: World, densest: str) -> Study:
        cells = world.cells(densest)
        return cls(
            world, Sites.of(world, cells), Sites.of(world, np.sort(world.neighbours(cells))),
            densest,
        )  # fmt: skip

    def run(self, job: Job, out: Path, epochs: int | None = None, runs: int = RUNS) -> None:
        """Do a job and keep parameters, scores and the curve of the error."""
        folder = job.folder(out)
        if (folder / "job.json").exists():
            return print(f"{folder}: done before")
        print(folder)
        folder.mkdir(parents=True, exist_ok=True)
        trained = self.cells.only(self.world.cells(job.density))
        if job.method == "default":
            here = {name: np.full(len(trained.cells), MIDDLE[name]) for name in LEARNED}
            curve, there = pd.DataFrame(), self.of_nearest(trained, here)
        elif job.method == "sceua":
            here, curve = self.searched(job, trained, folder, runs)
            there = self.of_nearest(trained, here)
        else:
            here, there, curve = self.learned(job, trained, folder, epochs)
        curve.to_csv(folder / "curve.csv", index=False)
        parts = {"trained": (trained, here), "neighbour": (self.neighbours, there)}
        tables = [
            sites.scores(values).assign(where=where, **values)
            for where, (sites, values) in parts.items()
        ]
        pd.concat(tables).round(5).to_csv(folder / "scores.csv")
        about = dict(
            epochs=float(curve["epoch"].max()) if len(curve) else 0.0,
            seconds=round(float(curve["seconds"].max()), 1) if len(curve) else 0.0,
            threads=torch.get_num_threads(), machine=describe("cpu"),
        )  # fmt: skip
        (folder / "job.json").write_text(json.dumps(about, indent=1))

    def learned(self, job: Job, trained: Sites, folder: Path, epochs: int | None):
        """Parameters of the cells and of the neighbours by a network, and its curve."""
        more = NETWORKS[job.method]
        if job.method == "gz":
            more = more | dict(history=gh.History.of(trained.domain, trained.past, TRAINING, EVERY))
        model = gh.Model(
            trained.domain, "hbv", trained.attributes, fixed=FIXED, seed=job.seed, **more
        )
        usual, size = TRAININGS[job.density]
        epochs, errors = epochs or usual, self.errors(trained)

        def each(epoch, model):
            return errors(model) if epoch in WATCHED or epoch == epochs else None

        run = gh.train(
            model, trained.forcing, targets=[trained.target], period=TRAINING, epochs=epochs,
            learning_rate=LEARNING_RATE, seed=job.seed, each=each, out=folder, resume=True,
            batches=gh.Batches(basins=size, days=730, warmup=365),
        )  # fmt: skip
        run.save_model(folder)
        past = {"history": self.neighbours.past} if job.method == "gz" else {}
        elsewhere = run.transferred(self.neighbours.basins, pet="given", **past)
        history = run.history.assign(seconds=run.history["seconds"].cumsum())
        curve = history.dropna(subset="median")[["epoch", "seconds", "median", "mean", "loss"]]
        return parameters(run), parameters(elsewhere), curve

    def searched(self, job: Job, trained: Sites, folder: Path, runs: int):
        """Parameters found in each cell alone, and how the error fell."""
        run = gh.calibrate(
            trained.domain, "hbv", trained.forcing, target=trained.target, period=TRAINING,
            complexes=COMPLEXES, max_runs=runs, fixed=FIXED, seed=job.seed, out=folder, resume=True,
        )  # fmt: skip
        run.save_model(folder)
        errors, rows = self.errors(trained), []
        spent, seconds = run.history["epoch"], run.history["seconds"].cumsum()
        first, last = int(run.search.runs[0].max()), spent.iloc[-1]
        for epoch in WATCHED[(first <= WATCHED) & (last > WATCHED)].tolist():
            row = {"epoch": epoch, "seconds": np.interp(epoch, spent, seconds)}
            rows.append(row | errors(run.after(epoch).model))
        end = {"epoch": last, "seconds": seconds.iloc[-1]}
        return parameters(run), pd.DataFrame([*rows, end | errors(run.model)])

    def errors(self, trained: Sites):
        """Model of the trained cells -> its error in the test years, at the cells of the sparsest
        density, which all densities have."""
        sparsest = max(DENSITIES, key=DENSITIES.get)
        places = torch.from_numpy(np.searchsorted(trained.cells, self.world.cells(sparsest)))
        observed = torch.from_numpy(trained.observed.values)[:, places]
        rows = [trained.forcing[f.name].values for f in column("hbv").forcings]
        forcing = torch.from_numpy(np.stack(rows))[:, :, places].contiguous()
        test = trained.observed.indexes["time"].slice_indexer(*TEST)

        @torch.no_grad()
        def found(model) -> dict[str, float]:
            wetness = model(forcing, outputs=(NAME,), cells=places).outputs[NAME]
            error = rmse(wetness[test], observed[test])
            return {"median": error.median().item(), "mean": error.mean().item()}

        return found

    def of_nearest(self, trained: Sites, values: dict) -> dict:
        """At the neighbours, what there is at the nearest trained cell."""
        places = (np.stack(self.world.places(s.cells), -1) for s in (trained, self.neighbours))
        trained_at, wanted = places
        nearest = cKDTree(trained_at).query(wanted)[1]
        return {name: value[nearest] for name, value in values.items()}


def parameters(run) -> dict[str, np.ndarray]:
    """What was learned of each site."""
    return {name: run.parameters[name].to_numpy() for name in LEARNED}


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soil_moisture", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for runs, resumable")
    parser.add_argument("--densities", nargs="+", choices=DENSITIES, default=list(DENSITIES))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of weights and searches")
    parser.add_argument("--world", type=int, default=0, help="seed of the world")
    parser.add_argument("--shape", type=int, nargs=2, default=SHAPE, help="rows and columns")
    parser.add_argument("--epochs", type=int, help="instead of those of each density")
    parser.add_argument("--runs", type=int, default=RUNS, help="most runs of a cell by sceua")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    densest = min(options.densities, key=DENSITIES.get)
    study = Study.of(make_world(options.world, tuple(options.shape)), densest)
    for seed in options.seeds:
        for density in options.densities:
            for method in options.methods:
                if method != "default" or seed == options.seeds[0]:
                    study.run(Job(method, density, seed), options.out, options.epochs, options.runs)
    print(f"{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
