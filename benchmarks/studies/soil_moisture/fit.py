"""Jobs of the soil moisture study: HBV fitted to the cells of a density by one of the methods."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.spatial import cKDTree

import gridhydro as gh
from benchmarks import jobs
from benchmarks.studies.soil_moisture.cells import FIXED, LEARNED, MIDDLE, NAME, Cells, rmse
from benchmarks.studies.soil_moisture.world import DENSITIES, TEST, TRAINING, World
from gridhydro.columns import column

METHODS = ("default", "gA", "gz", "sceua")
# epochs, cells in a minibatch; all of this was chosen on the world of another seed, 1
TRAININGS = {"s16": (100, 32), "s8": (60, 32), "s4": (40, 32)}
NETWORKS = {
    "gA": gh.ParameterNetwork("mlp", hidden=(128, 64)),
    "gz": gh.ParameterNetwork("gz", hidden=64),
}
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
    cells: Cells
    neighbours: Cells
    densest: str

    @classmethod
    def of(cls, world: World, densest: str) -> Study:
        cells = world.cells(densest)
        return cls(
            world, Cells.of(world, cells), Cells.of(world, np.sort(world.neighbours(cells))),
            densest,
        )  # fmt: skip

    def run(self, job: Job, out: Path, epochs: int | None = None, runs: int = RUNS) -> None:
        """Do a job and keep parameters, scores and the curve of the error."""
        folder = job.folder(out)
        if not jobs.due(folder):
            return
        folder.mkdir(parents=True, exist_ok=True)
        trained = self.cells.only(self.world.cells(job.density))
        if job.method == "default":
            here = {name: np.full(len(trained.cells), MIDDLE[name]) for name in LEARNED}
            curve, there = pd.DataFrame(), self.of_nearest(trained, here)
        elif job.method == "sceua":
            here, curve = self.calibrated(job, trained, folder, runs)
            there = self.of_nearest(trained, here)
        else:
            here, there, curve = self.learned(job, trained, folder, epochs)
        curve.to_csv(folder / "curve.csv", index=False)
        parts = {"trained": (trained, here), "neighbour": (self.neighbours, there)}
        tables = [
            cells.scores(values).assign(where=where, **values)
            for where, (cells, values) in parts.items()
        ]
        pd.concat(tables).round(5).to_csv(folder / "scores.csv")
        end = curve[["epoch", "seconds"]].max() if len(curve) else {"epoch": 0.0, "seconds": 0.0}
        jobs.finish(folder, epochs=float(end["epoch"]), seconds=round(float(end["seconds"]), 1))

    def learned(self, job: Job, trained: Cells, folder: Path, epochs: int | None):
        """Parameters of the cells and of the neighbours by a network, and its curve."""
        network = replace(NETWORKS[job.method], seed=job.seed)
        if job.method == "gz":
            past = gh.History.of(trained.domain, trained.past, TRAINING, EVERY)
            network = replace(network, history=past)
        model = gh.Model(trained.domain, "hbv", trained.attributes, fixed=FIXED, network=network)
        usual, size = TRAININGS[job.density]
        epochs, errors = epochs or usual, self.errors(trained)

        def watch(epoch, model, numbers):
            return errors(model) if epoch in WATCHED or epoch == epochs else None

        run = gh.train(
            model, trained.forcing, targets=[trained.target], period=TRAINING, epochs=epochs,
            optimizer=gh.Optimizer(learning_rate=LEARNING_RATE),
            batches=gh.Batches(gauges=size, days=730, warmup=365),
            checkpoints=gh.Checkpoints(folder, resume=True),
            session=gh.Session(seed=job.seed, callbacks=[watch]),
        )  # fmt: skip
        run.save_model(folder)
        past = {"history": self.neighbours.past} if job.method == "gz" else {}
        elsewhere = run.transferred(self.neighbours.basins, pet="given", **past)
        history = run.history.assign(seconds=run.history["seconds"].cumsum())
        curve = history.dropna(subset="median")[["epoch", "seconds", "median", "mean", "loss"]]
        return parameters(run), parameters(elsewhere), curve

    def calibrated(self, job: Job, trained: Cells, folder: Path, runs: int):
        """Parameters found in each cell alone, and how the error fell."""
        run = gh.calibrate(
            gh.Model(trained.domain, "hbv", fixed=FIXED, network="free"), trained.forcing,
            target=trained.target, period=TRAINING, method=gh.SCEUA(COMPLEXES, runs),
            checkpoints=gh.Checkpoints(folder, resume=True), session=gh.Session(seed=job.seed),
        )  # fmt: skip
        run.save_model(folder)
        errors, rows = self.errors(trained), []
        spent, seconds = run.history["epoch"], run.history["seconds"].cumsum()
        first, last = int(run.evolution.runs[0].max()), spent.iloc[-1]
        for epoch in WATCHED[(first <= WATCHED) & (last > WATCHED)].tolist():
            row = {"epoch": epoch, "seconds": np.interp(epoch, spent, seconds)}
            rows.append(row | errors(run.after(epoch).model))
        end = {"epoch": last, "seconds": seconds.iloc[-1]}
        return parameters(run), pd.DataFrame([*rows, end | errors(run.model)])

    def errors(self, trained: Cells):
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

    def of_nearest(self, trained: Cells, values: dict) -> dict:
        """At the neighbours, what there is at the nearest trained cell."""
        at, wanted = (np.stack(self.world.places(c.cells), -1) for c in (trained, self.neighbours))
        nearest = cKDTree(at).query(wanted)[1]
        return {name: value[nearest] for name, value in values.items()}


def parameters(run) -> dict[str, np.ndarray]:
    """What was learned of each cell."""
    return {name: run.parameters[name].to_numpy() for name in LEARNED}
