"""`gridhydro reproduce`: recipes of published studies, and what comes of them here."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gridhydro.cli.fitting import refuse_wrong_seeds, takes_out, takes_training
from gridhydro.cli.manual import page
from gridhydro.config.find import DATA, data_folder, find
from gridhydro.config.recipes import (
    BASEFLOW,
    DISCHARGE,
    Published,
    find_recipe,
    recipe,
    recipes,
)

_REPRODUCE = """
Repeats a published study: trains its models by the settings of the paper, in
each of its experiments (periods, and folds or regions of gauges held out), and
sets their scores beside the published ones, with a list of all settings and of
what deviates and why. Without a name the recipes are listed.

Needs the name of a recipe, or the path of one written like those in the folder
domains/recipes, and the folder of its data. Models that are finished
are not trained again: the same command goes on behind them, and with --resume
within the one that was stopped too. Started by torchrun, each of several
processes trains models of its own, side by side.

Writes into the folder of the recipe:
  table.csv, table.md     the published scores and ours, by model; in table.md
                          with the settings, and what is not repeated
  metrics.csv             the scores of every gauge and model
  tests.csv               paired tests of each two models over the gauges
  columns.csv             unit and meaning of every column of the tables
  figures/                the distributions of the scores, as curves and boxes
and a folder for each model, of several experiments in a folder of each, as
train or cross-validate writes it, with the baseflow index of every gauge in
baseflow_index.csv where it was published; and prints the table.
"""
_REPRODUCE_EXAMPLES = """
gridhydro reproduce
gridhydro reproduce feng_2022 --data CAMELS_US --out feng
gridhydro reproduce feng_2022 --data CAMELS_US --models delta LSTM --seeds 3
gridhydro reproduce feng_2024 --data GLOBAL --experiments PUB 'PUR Europe'
gridhydro reproduce feng_2022 --data FOLDER --domain mine.toml --epochs 2
"""


def add_reproduce(commands) -> None:
    """`gridhydro reproduce`."""
    parser = page(
        commands, "reproduce", "repeat a published study, and compare with its table",
        _REPRODUCE, _REPRODUCE_EXAMPLES, _reproduce,
    )  # fmt: skip
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help=f"of a recipe, one of {', '.join(recipes())}, or the path of one's own",
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help=f"the folder of its data; {DATA} if left out"
    )
    takes_out(parser, "the recipe", "gridhydro-NAME")
    parser.add_argument(
        "--domain", metavar="FILE", default=None,
        help="a domain file instead of the recipe's, for data that are laid out otherwise; what it "
        "says otherwise is listed",
    )  # fmt: skip
    parser.add_argument(
        "--models", nargs="+", metavar="MODEL", help="some of its models, as the list names them"
    )
    parser.add_argument(
        "--experiments", nargs="+", metavar="EXPERIMENT",
        help="some of its experiments, of a recipe that has several",
    )  # fmt: skip
    takes_training(parser)


def _reproduce(options: Namespace) -> None:
    if options.name is None:
        return _list()
    find_recipe(options.name)
    refuse_wrong_seeds(options)
    data = data_folder(options.data)
    out = options.out or Path(f"gridhydro-{Path(options.name).stem}")
    domain = None if options.domain is None else find(options.domain)

    from gridhydro.base import ranks
    from gridhydro.config.reproduce import reproduce

    table = reproduce(
        options.name, data, out, domain=domain, models=options.models,
        experiments=options.experiments, seeds=options.seeds, epochs=options.epochs,
        seed=options.seed, resume=options.resume, device=options.device, cache=options.cache,
    )  # fmt: skip
    if ranks.leads():
        text = table.to_string(index=False, float_format=lambda v: f"{v:.3f}")
        print(f"{text}\n\nwritten to {out}: table.md, table.csv, metrics.csv, figures")
    ranks.leave()
    return None


def _list() -> None:
    for name in recipes():
        one = recipe(name)
        print(f"{name}: {one.about}\n  {one.source}, {one.table}")
        if len(one.experiments) > 1:
            print(f"  experiments: {', '.join(way.name for way in one.experiments)}")
        for model in one.models:
            mine = [p for p in model.published if p.experiment == one.experiments[0].name]
            scores = ", ".join(filter(None, (_told(p) for p in mine if not p.group)))
            told = f"published {scores}" if scores else "without a published number"
            print(f"    {model.configuration:<20}{model.name}, {told}")


def _told(one: Published) -> str:
    """Published scores in a line."""
    what = {DISCHARGE: "median ", BASEFLOW: "baseflow index "}.get(one.of, f"median {one.of} ")
    known = {metric: value for metric, value in one.scores.items() if value == value}  # no NaN
    return what + ", ".join(f"{m} {v:g}" for m, v in known.items()) if known else ""
