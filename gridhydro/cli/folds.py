"""`gridhydro cross-validate`: all folds of a domain file, each gauge scored where it is held out.

And `gridhydro compare`: finished runs side by side.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gridhydro.cli.fitting import (
    places,
    refuse_wrong_seeds,
    takes_balance,
    takes_configuration,
    takes_out,
    takes_training,
)
from gridhydro.cli.manual import page, takes_domain
from gridhydro.config.find import run_folder

_CROSS_VALIDATE = """
Trains the model of a domain file once for each fold of its gauges, without the
gauges of that fold, and pools the scores: every gauge is scored by a model that
has not been trained on it. With --seeds each fold is trained several times, and
the mean discharge of the seeds is scored.

Needs a domain file with a split under [training], one of
  split = { kind = "pub", folds = 10, seed = 0 }     random folds of the gauges
  split = { kind = "pur", groups = 5 }               bands of longitude
  split = { kind = "pur", regions = "regions.csv", column = "continent" }
                                                     regions of a table of the
                                                     data folder, each or those
                                                     of held_out = ["Europe"]
  split = { kind = "spatiotemporal", folds = 10 }    random folds, tested in the
                                                     validation period
and the data folder. The file's held_out gauges are in no training.

Runs that are finished are not trained again: the same command goes on behind
them, and with --resume within the one that was stopped too. Started by
torchrun, each of several processes trains runs of its own, side by side.

Writes into the folder of all folds:
  metrics.csv             the scores of every gauge and period, from the fold
                          that holds the gauge out
  metrics_by_seed.csv     the same of the runs of each seed
  target_metrics.csv      of other observations of lumped basins, where the file
                          has [[targets]]
  storage_metrics.csv     of water storage, where it has [grace]: of the basins
                          that a fold holds out, or of all tiles for each fold
  summary.csv, .md        medians and quartiles over the gauges, by period and
                          seed; folds.csv those of each fold
  splits.json             the gauges of every fold
  columns.csv             unit and meaning of every column of the tables
  figures/                the scores as curves and boxes, and their map
  report.html             all of it on one page, for any browser
  fold-0, fold-1, ...     the run of each fold, as train writes it; with --seeds
                          a run in each fold-0/seed-N
and prints the scores.
"""
_CROSS_VALIDATE_EXAMPLES = """
gridhydro cross-validate my_basins.toml --data FOLDER --out folds
gridhydro cross-validate my_basins.toml --data FOLDER --out folds --seeds 5
gridhydro cross-validate my_basins.toml --data FOLDER --out folds --resume
torchrun --nproc-per-node 2 -m gridhydro cross-validate my_basins.toml
"""
_COMPARE = """
Compares finished runs, ensembles or cross-validations at the same gauges: the
medians of their scores, Wilcoxon's signed-rank test of each two, boxes, curves
and maps.

Needs the folders of two or more, as train, cross-validate or reproduce wrote
them; each is called by the name of its folder, or by NAME=FOLDER.

Writes medians.csv, tests.csv, comparison.md, with --groups groups.csv, and
figures/; columns.csv has unit and meaning of every column; and prints the
medians.
"""
_COMPARE_EXAMPLES = """
gridhydro compare lstm delta --out comparison
gridhydro compare LSTM=lstm-folds HBV=hbv-folds --period training
gridhydro compare lstm delta --groups regions.csv koppen
"""


def add_cross_validate(commands) -> None:
    """`gridhydro cross-validate`."""
    parser = page(
        commands, "cross-validate", "train all folds of a domain file, score what each holds out",
        _CROSS_VALIDATE, _CROSS_VALIDATE_EXAMPLES, _cross_validate,
    )  # fmt: skip
    takes_domain(parser)
    takes_out(parser, "all folds", "gridhydro-DOMAIN-folds")
    takes_training(parser)
    takes_configuration(parser)
    parser.add_argument(
        "--storage-weight",
        type=float,
        metavar="WEIGHT",
        help="weight of water storage in the loss, instead of the file's",
    )
    takes_balance(parser)


def _cross_validate(options: Namespace) -> None:
    refuse_wrong_seeds(options)
    place = places(options, "-folds")

    from gridhydro.base import ranks
    from gridhydro.cli.tables import print_scores
    from gridhydro.config.cross_validate import cross_validate

    scores = cross_validate(
        *place, seeds=options.seeds, seed=options.seed, resume=options.resume,
        epochs=options.epochs, device=options.device, cache=options.cache,
        changes=dict(
            configuration=options.configuration, storage_weight=options.storage_weight,
            balance=options.balance,
        ),
    )  # fmt: skip
    if ranks.leads():
        print_scores(place[-1], scores, "summary.md, folds.csv, figures, a run in each fold-N")
    ranks.leave()


def add_compare(commands) -> None:
    """`gridhydro compare`."""
    parser = page(
        commands, "compare", "compare finished runs at the same gauges",
        _COMPARE, _COMPARE_EXAMPLES, _compare,
    )  # fmt: skip
    parser.add_argument("runs", nargs="+", metavar="RUN", help="its folder, or NAME=FOLDER")
    parser.add_argument(
        "--out", type=Path, default=Path("gridhydro-comparison"), metavar="FOLDER",
        help="the folder to write to; gridhydro-comparison, in this folder, if left out",
    )  # fmt: skip
    parser.add_argument(
        "--period", metavar="NAME",
        help="training or validation, whose scores are compared; validation if left out",
    )  # fmt: skip
    parser.add_argument(
        "--groups", nargs=2, metavar=("FILE", "COLUMN"),
        help="a table with the gauges in its first column, and the column with their groups",
    )  # fmt: skip


def _compare(options: Namespace) -> None:
    folders: dict[str, Path] = {}
    for given in options.runs:
        name, _, folder = given.rpartition("=")
        place = run_folder(folder)
        name = name or place.resolve().name
        if name in folders:
            raise ValueError(f"two runs are called {name}: write NAME=FOLDER")
        folders[name] = place

    from gridhydro.config.compare_runs import compare_runs

    table = compare_runs(folders, options.out, options.period, options.groups)
    text = table.to_string(float_format=lambda v: f"{v:.3f}")
    print(f"{text}\n\nwritten to {options.out}: comparison.md, medians.csv, tests.csv, figures")
