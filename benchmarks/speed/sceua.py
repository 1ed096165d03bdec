"""Calibration of basins side by side, beside spotpy's SCE-UA of one after another.

HBV with the unit hydrograph on basins of CAMELS-US. spotpy calibrates one basin after another with
the same kernel called for one parameter set at a time; gridhydro all basins side by side. Both make
the runs of the algorithm; what gridhydro evaluates on speculation is in its time, not in its runs.

    python -m benchmarks sceua --data FOLDER --seeds 2 --compared 3 --basins 20
"""

from __future__ import annotations

import contextlib
import csv
import io
from argparse import ArgumentParser, Namespace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

import gridhydro as gh
from benchmarks import options
from benchmarks.machine import describe
from gridhydro.inputs.basins import of_dataset
from gridhydro.inputs.forcing import Forcing
from gridhydro.io import read_basins
from gridhydro.training.calibration.objective import CellLosses, Observed
from gridhydro.training.calibration.sceua import VARIANTS

PERIOD, LATER = ("1990-01-01", "1994-12-31"), ("1995-01-01", "1995-12-31")
SPINUP = 365
RULES = dict(complexes=7, max_runs=5000)
# the rules of gridhydro.SCEUA, as spotpy counts them
STOPS = dict(kstop=10, pcento=0.1, peps=1e-3)


class Enough(Exception):
    """As many runs as are allowed."""


def basins(data: Path, count: int):
    """So many basins of CAMELS-US, spread over the list, with complete records."""
    folder = data / "camels_us_400"
    found = read_basins(folder / "timeseries.nc", attributes=folder / "attributes.csv")
    chosen = np.linspace(0, found.sizes["gauge"] - 1, count).astype(int)
    return of_dataset(found.isel(gauge=chosen), "hbv")


def ours(parts, variant: str, seed: int, count: int):
    """Seconds and the calibration of the first so many basins."""
    began = perf_counter()
    run = gh.calibrate(
        free(parts), parts.forcing, parts.discharge, period=some(parts, slice(count)),
        spinup=SPINUP, method=gh.SCEUA(variant=variant, **RULES),
        session=gh.Session(seed=seed, progress=False),
    )  # fmt: skip
    return perf_counter() - began, run


def free(parts) -> gh.Model:
    return gh.Model(parts.domain, "hbv", network="free", routing=gh.UnitHydrograph())


def some(parts, places: slice) -> gh.Split:
    """Some of the basins, in the days that are scored; nothing is tested in later ones."""
    names = list(parts.domain.gauges.index)
    return gh.Split("some", names[places], names, PERIOD, LATER)


def theirs(spotpy, parts, place: int, seed: int) -> tuple[float, float, int]:
    """Seconds, lowest 1 - NSE and runs of spotpy at one basin."""
    model = free(parts)
    forcing = Forcing.read(parts.forcing, parts.domain, model)
    days = forcing.between(*PERIOD)
    observed = Observed.discharge(
        parts.discharge, model, forcing, days, some(parts, slice(place, place + 1))
    )
    losses = CellLosses(model, forcing, observed, days, SPINUP, "nse")
    asked, here = [], torch.zeros(1, dtype=torch.long)

    class Setup:
        ranges = [spotpy.parameter.Uniform(f"p{row}", 0, 1) for row in losses.rows]  # noqa: RUF012

        def parameters(self):
            return spotpy.parameter.generate(self.ranges)

        def simulation(self, point):
            if len(asked) == RULES["max_runs"]:
                raise Enough
            fractions = torch.tensor(list(point), dtype=torch.float64)
            asked.append(losses(fractions[None, None], here).item())
            return [asked[-1]]

        def evaluation(self):
            return [0.0]

        def objectivefunction(self, simulation, evaluation, params=None):
            return simulation[0]

    Setup().simulation(np.full(len(losses.rows), 0.5))  # the kernel is made outside the time
    asked.clear()
    np.random.seed(seed)
    began = perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        sampler = spotpy.algorithms.sceua(Setup(), dbname="", dbformat="ram", save_sim=False)
        # its own limit counts the outcome of every evolution step twice
        with contextlib.suppress(Enough):
            sampler.sample(3 * RULES["max_runs"], ngs=RULES["complexes"], **STOPS)
    return perf_counter() - began, min(asked), len(asked)


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    parser.add_argument("--basins", type=int, default=40, help="how many")
    parser.add_argument("--compared", type=int, default=4, help="of them by spotpy as well")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    file = options.RESULTS / "sceua_cpu.csv"
    parser.add_argument("--out", type=Path, default=file, help="CSV to write")


def main(given: Namespace) -> list[dict]:
    import spotpy

    parts, rows = basins(given.data, given.basins), []
    ours(parts, VARIANTS[0], 99, 1)  # the kernel is made outside the times

    def note(code, variant, seed, seconds, lowest, runs, count):
        runs = np.asarray(runs)
        line = dict(code=code, variant=variant, seed=seed, basins=count, seconds=seconds)
        line["seconds"] = round(seconds, 2)
        line |= dict(runs=int(runs.sum()), ms_per_run=round(1000 * seconds / runs.sum(), 4))
        few = np.atleast_1d(lowest)[: given.compared]
        rows.append(line | {f"nse_{k}": round(float(1 - v), 4) for k, v in enumerate(few)})
        print(", ".join(f"{key} {value}" for key, value in rows[-1].items()))

    for seed in range(given.seeds):
        for variant in VARIANTS:
            for count in (given.compared, given.basins):
                seconds, run = ours(parts, variant, seed, count)
                found = run.evolution
                note("gridhydro", variant, seed, seconds, found.lowest[-1], found.spent, count)
        found = [theirs(spotpy, parts, place, seed) for place in range(given.compared)]
        seconds, lowest, runs = zip(*found, strict=True)
        note("spotpy", "program", seed, sum(seconds), lowest, runs, given.compared)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with open(given.out, "w", newline="") as file:
        header = describe("cpu") | {"spotpy": spotpy.__version__, "rules": f"{RULES} {STOPS}"}
        file.writelines(f"# {key}: {value}\n" for key, value in header.items())
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows
