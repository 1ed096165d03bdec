"""The same static model trained with gridhydro's kernels and with hydrodl2: score and time.

    python -m benchmarks camels-hydrodl2 --data FOLDER --basins 40 --epochs 4

Same basins, minibatches, seed, network, loss and optimizer; only what comes after the parameters
differs. hydrodl2 (installed from PyPI, see the extra `peers`) is called, never copied.
"""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import torch

import gridhydro as gh
from benchmarks import options
from benchmarks.machine import describe
from benchmarks.studies.camels.study import PERIODS
from gridhydro.config.build_model import build_model
from gridhydro.config.load import load
from gridhydro.model.model import Simulation, State
from gridhydro.model.river import SECONDS
from gridhydro.training.batches import Batches


class PeerModel(gh.Model):
    """A Model whose column and unit hydrograph are hydrodl2's Hbv_1_1p: the same equations."""

    def forward(self, forcing, state=None, outputs=(), parameters=None, *, cells=None, before=None):
        theta = self.cell_parameters(forcing, cells, before)
        warmup = 0 if before is None else before.shape[1]
        weather = forcing if before is None else torch.cat([before, forcing], dim=1)
        column = import_module("hydrodl2.models.hbv.hbv_1_1p").Hbv_1_1p(
            {
                "dynamic_params": {}, "nmul": self.components,
                "warmup": warmup, "warmup_states": True,
            },
            device=forcing.device,
        )  # fmt: skip
        fractions = {f.name: self._fraction(theta[f.name], f) for f in self.fields}
        physics = torch.cat([fractions[f.name] for f in self.column.parameters], dim=-1)
        routing = torch.stack([fractions[n].mean(-1) for n in ("route_a", "route_b")], dim=-1)
        raw = torch.logit(torch.cat([physics, routing], dim=-1), eps=1e-6)
        days = weather.shape[1]
        result = column({"x_phy": weather.permute(1, 2, 0)}, raw.expand(days, -1, -1))
        runoff = result["streamflow"][:, :, 0]
        area = self.area if cells is None else self.area[cells]
        return Simulation(runoff * area / 1000 / SECONDS, {}, State({}, None))

    @staticmethod
    def _fraction(theta, field):
        low, high = field.bounds
        return (theta - low) / (high - low)


def train(base, kind: type, epochs: int, batches: Batches):
    """The trained run and the seconds of its epochs."""
    torch.manual_seed(0)
    model = build_model(base, seed=0)
    model.__class__ = kind
    run = gh.train(
        model, base.forcing, base.discharge, period=base.training.period, epochs=epochs,
        optimizer=base.training.optimizer, loss=base.training.loss, batches=batches,
    )  # fmt: skip
    return run, run.history["seconds"]


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    options.epochs(parser, 4)
    parser.add_argument("--domain", default="camels_us_400", help="a domain file of basins")
    parser.add_argument("--basins", type=int, default=40, help="how many of them")
    folder = options.RESULTS / "camels_us_400"
    parser.add_argument("--out", type=Path, default=folder, help="folder for hydrodl2.json")


def main(given: Namespace) -> None:
    base = load(given.domain, given.data)
    names = list(base.domain.gauges.index[:: len(base.domain.gauges) // given.basins])
    base = subset(base, names[: given.basins])
    batches = Batches(gauges=given.basins, days=365, warmup=365)
    train(base, gh.Model, 1, batches)  # compiled before it is timed
    found = {"basins": len(names), "epochs": given.epochs} | describe("cpu")
    for name, kind in (("gridhydro", gh.Model), ("hydrodl2", PeerModel)):
        run, seconds = train(base, kind, given.epochs, batches)
        found[name] = {
            "seconds an epoch (median)": round(float(seconds.median()), 3),
            "loss of the epochs": run.history["loss"].round(4).tolist(),
        }
        run.model.__class__ = gh.Model  # both are scored by the same code
        began = time.monotonic()
        scores = run.evaluate(base.discharge, PERIODS["test"])
        found[name] |= {m: round(float(scores[m].median()), 4) for m in ("nse", "kge")}
        print(name, found[name], f"simulated in {time.monotonic() - began:.1f} s")
    ours, theirs = (found[n]["seconds an epoch (median)"] for n in ("gridhydro", "hydrodl2"))
    found["ratio of time"] = round(theirs / ours, 1)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "hydrodl2.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def subset(base, names):
    """The same setup for some of its basins."""
    places = [list(base.domain.gauges.index).index(name) for name in names]
    gauges = base.domain.gauges.loc[names]
    domain = gh.Domain.of_basins(gauges["area_km2"], names, gauges["y"], gauges["x"])
    return replace(
        base, domain=domain, attributes={k: v[places] for k, v in base.attributes.items()},
        forcing=base.forcing.isel(gauge=places).load(),
        discharge=base.discharge.isel(gauge=places).load(),
        model=replace(base.model, fixed={}),  # Hbv_1_1p has capillary rise
    )  # fmt: skip
