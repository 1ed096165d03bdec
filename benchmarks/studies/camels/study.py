"""The HBV family on a sample of basins: train every variant, score it, keep what a page needs.

    python -m benchmarks camels --data FOLDER --out RUNS --study temporal --variants static lstm
    python -m benchmarks camels-page --data FOLDER --runs RUNS

Every job (study, variant, seed, fold) has a folder of its own under RUNS; a finished one is not
done again, so that the command may be stopped and repeated, or run twice with other variants side
by side.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, replace
from pathlib import Path

import torch

import gridhydro as gh
from benchmarks import jobs, options
from gridhydro.columns.components import Components
from gridhydro.config.build_model import build_model, make_split
from gridhydro.config.load import Setup, load
from gridhydro.io import export
from gridhydro.model.stepping import Stepping

PERIODS = {"training": ("1982", "1995"), "test": ("1996", "2010")}
# stores and flows nobody trained on, kept as means of each basin
UNTRAINED = (
    "actual_evapotranspiration", "soil_moisture", "upper_zone", "lower_zone",
    "snow_water_equivalent", "total_storage", "runoff", "routed_baseflow",
)  # fmt: skip

DYNAMIC = dict(
    kind="lstm", hidden=(32, 64, 32), dynamic=("beta", "gamma"), dynamic_dropout=0.1
)  # fmt: skip
# what each variant changes of the domain file's [model], of its network only what is named
VARIANTS: dict[str, dict] = {
    "plain": dict(components=Components(1), fixed={"gamma": 1.0, "C": 0.0}),
    "static": {},
    "dynamic": dict(network=DYNAMIC),
    "static improved": dict(fixed={}),
    "dynamic improved": dict(network=DYNAMIC, fixed={}),
    "implicit": dict(scheme=Stepping("implicit")),
    "implicit improved": dict(scheme=Stepping("implicit"), column="hbv_improved", fixed={}),
    "lstm": dict(network=dict(kind="lstm", hidden=(64,), dropout=0.4), column="lstm"),
}
# learning rates found on 1981-1990, scored on 1991-1995
RATES = {"lstm": 0.003}
EPOCHS = {"dynamic": 25, "dynamic improved": 25, "lstm": 25}


@dataclass(frozen=True)
class Job:
    study: str
    variant: str
    seed: int = 0
    fold: int | None = None
    folds: int = 5

    def folder(self, out: Path) -> Path:
        fold = "" if self.fold is None else f"-fold-{self.fold}"
        return out / self.study / self.variant.replace(" ", "-") / f"seed-{self.seed}{fold}"

    def setup(self, base: Setup, epochs: int | None) -> Setup:
        split = None
        if self.study == "pub":
            split = dict(kind="spatiotemporal", folds=self.folds, fold=self.fold, seed=0)
        if self.study == "pur":
            split = dict(kind="pur", groups=self.folds, fold=self.fold)
        training = replace(
            base.training, seed=self.seed, split=split,
            epochs=epochs or EPOCHS.get(self.variant, base.training.epochs),
            optimizer=self.optimizer(base),
        )  # fmt: skip
        changes = dict(VARIANTS[self.variant])
        network = replace(base.model.network, **changes.pop("network", {}))
        model = replace(base.model, network=network, **changes)
        return replace(base, model=model, training=training)

    def optimizer(self, base: Setup) -> gh.Optimizer:
        usual = base.training.optimizer
        rate = RATES.get(self.variant)
        return usual if rate is None else replace(usual, learning_rate=rate)


def run(job: Job, setup: Setup, out: Path) -> None:
    """Train one job, score it, and keep scores, discharge and untrained variables."""
    folder = job.folder(out)
    if not jobs.due(folder):
        return
    settings, split = setup.training, make_split(setup)
    torch.manual_seed(settings.seed)
    began = time.monotonic()
    trained = gh.train(
        build_model(setup, settings.seed), setup.forcing, setup.discharge,
        period=split or settings.period, epochs=settings.epochs, loss=settings.loss,
        optimizer=settings.optimizer, batches=settings.batches,
        checkpoints=gh.Checkpoints(folder, resume=True), session=gh.Session(seed=settings.seed),
    )  # fmt: skip
    seconds = time.monotonic() - began
    trained.save_model(folder)
    untrained = () if setup.model.column == "lstm" else UNTRAINED
    series = trained.simulate(outputs=untrained)
    for name, period in PERIODS.items():
        scores = trained.evaluate(setup.discharge, period, name=name)
        scores.to_csv(folder / f"scores-{name}.csv", index=False)
    test = series.sel(time=slice(*PERIODS["test"]))
    export.write_dataset(folder / "discharge.nc", test[["discharge"]])
    if untrained:
        test[list(untrained)].mean("time").to_dataframe().to_csv(folder / "untrained.csv")
        storage = test[["total_storage"]].resample(time="MS").mean()
        export.write_dataset(folder / "storage.nc", storage)
        trained.parameters.to_dataframe().to_csv(folder / "parameters.csv")
    losses = trained.history["loss"].round(4).tolist()
    jobs.finish(folder, seconds=round(seconds), epochs=settings.epochs, loss=losses)


def arguments(parser: ArgumentParser) -> None:
    options.data(parser)
    options.out(parser)
    parser.add_argument("--domain", default="camels_us_400", help="a domain file of basins")
    parser.add_argument(
        "--study", choices=("temporal", "pub", "pur"), default="temporal",
        help="held out: later years, folds of basins, or regions",
    )  # fmt: skip
    parser.add_argument(
        "--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="VARIANT",
        help=f"of the model, all by default: {', '.join(VARIANTS)}",
    )  # fmt: skip
    options.seeds(parser, 0)
    parser.add_argument("--folds", type=int, default=5, help="parts that the basins are cut into")
    parser.add_argument("--only", type=int, nargs="+", help="some of the folds")
    options.epochs(parser)


def main(given: Namespace) -> None:
    base = load(given.domain, given.data)
    base = replace(base, forcing=base.forcing.load(), discharge=base.discharge.load())
    folds = [None]
    if given.study != "temporal":
        folds = range(given.folds) if given.only is None else given.only
    for fold in folds:
        for variant in given.variants:
            for seed in given.seeds:
                job = Job(given.study, variant, seed, fold, given.folds)
                run(job, job.setup(base, given.epochs), given.out)
