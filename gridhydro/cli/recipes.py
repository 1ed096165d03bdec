"""`gridhydro reproduce`: recipes of published studies, and what comes of them here."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gridhydro.cli.fitting import refuse_wrong_seeds, takes_out, takes_training
from gridhydro.cli.manual import page
from gridhydro.config.find import DATA, data_folder, find
from gridhydro.config.recipes import RECIPES

_REPRODUCE = """
Repeats a published study: trains its models by the settings of the paper, and
sets their scores beside the published ones, with a list of all settings and of
what deviates and why. Without a name the recipes are listed.

Needs the name of a recipe and the folder of its data. Models that are finished
are not trained again: the same command goes on behind them, and with --resume
within the one that was stopped too. Started by torchrun, each of several
processes trains models of its own, side by side.

Writes into the folder of the recipe:
  table.csv, table.md     the published scores and ours, by model; in table.md
                          with the settings, and what is not repeated
  metrics.csv             the scores of every gauge and model
  columns.csv             unit and meaning of every column of the tables
  figures/                the distributions of the scores
and a folder for each model, as train writes it, with the baseflow index of
every gauge in baseflow_index.csv; and prints the table.
"""
_REPRODUCE_EXAMPLES = """
gridhydro reproduce
gridhydro reproduce feng_2022 --data CAMELS_US --out feng
gridhydro reproduce feng_2022 --data CAMELS_US --models delta LSTM --seeds 3
gridhydro reproduce feng_2022 --data FOLDER --domain mine.toml --epochs 2
"""


def add_reproduce(commands) -> None:
    """`gridhydro reproduce`."""
    parser = page(
        commands, "reproduce", "repeat a published study, and compare with its table",
        _REPRODUCE, _REPRODUCE_EXAMPLES, _reproduce,
    )  # fmt: skip
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help=f"of a recipe, one of {', '.join(RECIPES)}"
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
    takes_training(parser)


def _reproduce(options: Namespace) -> None:
    if options.name is None:
        return _list()
    if options.name not in RECIPES:
        raise ValueError(f"there is no recipe {options.name}; there is {', '.join(RECIPES)}")
    refuse_wrong_seeds(options)
    data, out = data_folder(options.data), options.out or Path(f"gridhydro-{options.name}")
    domain = None if options.domain is None else find(options.domain)

    from gridhydro.base import ranks
    from gridhydro.config.reproduce import reproduce

    table = reproduce(
        options.name, data, out, domain=domain, models=options.models, seeds=options.seeds,
        epochs=options.epochs, seed=options.seed, resume=options.resume, device=options.device,
        cache=options.cache,
    )  # fmt: skip
    if ranks.leads():
        text = table.to_string(index=False, float_format=lambda v: f"{v:.3f}")
        print(f"{text}\n\nwritten to {out}: table.md, table.csv, metrics.csv, figures")
    ranks.leave()
    return None


def _list() -> None:
    for name, recipe in RECIPES.items():
        print(f"{name}: {recipe.about}\n  {recipe.source}, {recipe.table}")
        for one in recipe.models:
            scores = ", ".join(f"{metric} {value:g}" for metric, value in one.medians.items())
            more = "" if one.baseflow is None else f", baseflow index r {one.baseflow:g}"
            print(f"    {one.configuration:<20}{one.name}, published median {scores}{more}")
