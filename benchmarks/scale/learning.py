"""The generated globe at half a degree, trained on in minibatches by its domain file.

67,420 cells on the rivers of DDM30 and ten years of generated weather, written as `gridhydro
synthetic globe` does; HBV and rivers by the domain file globe, at 400 of the 500 gauges: 60 are all
those of their basins and held out, 40 more are held out in basins with others. Each part has the
seconds of wall and of all threads' CPU, and the most memory the process held in it. Scores are of
the years that were trained on and of those after them; parameters are compared with the truth. The
training keeps checkpoints in --scratch, and the same command goes on with it.
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from benchmarks import options
from benchmarks.machine import describe
from benchmarks.scale import maps
from benchmarks.scale.apart import Watch, apart
from gridhydro.config.build_model import build_model
from gridhydro.config.load import Setup, load
from gridhydro.config.train_domain import keywords
from gridhydro.inputs.forcing import Forcing
from gridhydro.io.stores import written
from gridhydro.model.run import Run
from gridhydro.synthetic.amazon import DDM30
from gridhydro.synthetic.globe_folder import write_globe

USES = {
    "trained": "trained on",
    "gauge": "held out, others in its basin",
    "basin": "held out basin",
}
SEEN = ("nse", "kge")


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    parser.add_argument("--years", type=int, default=10, help="%(default)s by default")
    parser.add_argument("--resolution", type=float, default=0.5, help="%(default)s by default")
    parser.add_argument("--epochs", type=int, help="those of the domain file if left out")
    parser.add_argument("--domain", default="globe", help="domain file, %(default)s by default")
    parser.add_argument("--threads", type=int, default=2, help="%(default)s by default")
    parser.add_argument(
        "--scratch", type=Path,
        help="folder for the generated globe, packed weather and checkpoints, kept; one that is "
        "deleted if left out",
    )  # fmt: skip
    out = options.RESULTS / "scale"
    parser.add_argument("--out", type=Path, default=out, help="folder for the results")


def main(given: Namespace) -> pd.DataFrame:
    given.out.mkdir(parents=True, exist_ok=True)
    if given.scratch is not None:
        return _into(given, given.scratch)
    with tempfile.TemporaryDirectory(prefix="globe-") as scratch:
        return _into(given, Path(scratch))


def _into(given: Namespace, scratch: Path) -> pd.DataFrame:
    told = given.command
    for name in ("data", "out", "scratch"):
        told = told.replace(str(getattr(given, name)), name.upper())
    header = {"command": told} | describe("cpu") | {"threads": f"{given.threads} of torch, numba"}
    kept = []
    if not (scratch / "globe").exists():
        asked = str(given.data / DDM30), given.resolution, given.years
        kept += apart(generate, scratch / "globe", *asked, threads=given.threads)["rows"]
    found = apart(learn, scratch, given.domain, given.epochs, threads=given.threads)
    tables = {"parts": pd.DataFrame(kept + found["rows"])} | found["tables"]
    for name, table in tables.items():
        with open(given.out / f"globe-training-{name}.csv", "w", newline="") as file:
            file.writelines(f"# {key}: {value}\n" for key, value in header.items())
            table.to_csv(file, index=False, float_format="%.4g", lineterminator="\n")
        print(table.to_string(), flush=True)
    maps.draw(found["maps"], given.out / "globe-training-parameters.png")
    return tables["parts"]


def generate(path: Path, network: str, resolution: float, years: int) -> dict:
    """The data folder."""
    watch = Watch()
    with watch("generate"):
        write_globe(path, network, resolution, years)
    return {"rows": [_row("generate", watch)]}


def learn(scratch: Path, domain: str, epochs: int | None) -> dict:
    """Read, pack, train epoch by epoch and score; rows of the parts, tables, and maps."""
    watch, seed = Watch(), 0
    torch.manual_seed(seed)
    with watch("open"):
        setup = load(domain, scratch / "globe")
        # a packed copy stays in the folder where it is known what it is of
        setup.forcing.values.origin = written(scratch / "globe" / "weather.zarr")
        model = build_model(setup, seed)
    with watch("pack"):
        packed = Forcing.read(
            setup.forcing, setup.domain, model, cache=scratch / "packed", progress=False
        )
    asked = keywords(setup, None, epochs=epochs, progress=False)
    each = _Each()
    session = {k: getattr(asked["session"], k) for k in ("seed", "validation", "progress")}
    asked["session"] = gh.Session(**session, cache=scratch / "packed", callbacks=[each])
    asked["checkpoints"] = gh.Checkpoints(scratch / "run", resume=True, every=60)
    with watch("train"):
        run = gh.train(model, packed, setup.discharge, **asked)
    with watch("score"):
        scores = _scores(run, setup, scratch / "globe")
    rows = [_row(part, watch) for part in watch.peaks]
    told = _parameters(run, setup, scratch / "globe")
    tables = {"epochs": each.table(run), "scores": scores, "parameters": told[0]}
    return {"rows": rows, "tables": tables, "maps": told[1]}


class _Each:
    """CPU seconds from epoch to epoch, of all threads; the first begins with the training."""

    def __init__(self):
        self.rows: dict[int, float] = {}
        self.last = time.process_time()

    def __call__(self, epoch: int, model, numbers) -> None:
        now = time.process_time()
        self.rows[epoch], self.last = now - self.last, now

    def table(self, run: Run) -> pd.DataFrame:
        """The history, with the CPU seconds of the epochs that this process has run."""
        return run.history.assign(cpu=run.history["epoch"].map(self.rows))


def _row(part: str, watch: Watch) -> dict:
    wall, cpu = (watch.seconds[f"{part}_{kind}"] for kind in ("s", "cpu"))
    return {"part": part, "seconds": wall, "cpu": cpu, "peak_gb": watch.peaks[part]}


def _scores(run: Run, setup: Setup, world: Path) -> pd.DataFrame:
    """A row a period, use and score: quantiles over the gauges."""
    use = pd.read_csv(world / "gauges.csv", comment="#", index_col="name")["use"]
    rows = []
    for name in ("period", "validation"):
        table = run.evaluate(setup.discharge, getattr(setup.training, name), name=name)
        of = table["gauge"].map(use)
        for kind, text in USES.items():
            for score in SEEN:
                values = table.loc[of == kind, score].dropna()
                if not len(values):
                    continue
                low, median, high = np.quantile(values, [0.1, 0.5, 0.9])
                rows.append({
                    "years": {"period": "trained on", "validation": "after them"}[name],
                    "gauges": text, "count": len(values), "score": score, "least": values.min(),
                    "q10": low, "median": median, "q90": high,
                })  # fmt: skip
    return pd.DataFrame(rows)


def _parameters(run: Run, setup: Setup, world: Path) -> tuple[pd.DataFrame, dict]:
    """What was learned beside the truth, by where it is, and the maps of both."""
    domain, rows, found = setup.domain, [], {}
    names = [n for n in domain.gauges.index if n not in setup.training.held_out]
    gauged = np.zeros(domain.size, dtype=bool)
    gauged[domain.upstream(names)] = True
    places = {"upstream of trained gauges": gauged, "elsewhere": ~gauged}
    with xr.open_dataset(world / "truth_parameters.nc", decode_coords="all") as truth:
        for name, learned in run.parameters.items():
            both = domain.pack(learned), domain.pack(truth[name])
            if np.ptp(both[1]) <= 1e-6 * np.abs(both[1]).max():
                continue  # a known constant
            for place, cells in places.items():
                ours, theirs = (values[cells].astype(float) for values in both)
                rows.append({
                    "parameter": name, "unit": learned.attrs["units"], "cells": place,
                    "correlation": np.corrcoef(ours, theirs)[0, 1],
                    "rmse": np.sqrt(np.mean((ours - theirs) ** 2)),
                    "bias": np.mean(ours - theirs), "spread of the truth": theirs.std(),
                })  # fmt: skip
            found[name] = tuple(
                domain.unpack(v.astype(np.float32), name, learned.attrs, ()) for v in both
            )
    return pd.DataFrame(rows), found
