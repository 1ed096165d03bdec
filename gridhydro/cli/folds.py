"""`gridhydro cross-validate`: all folds of a domain file, and each gauge scored where it is held
out."""

from __future__ import annotations

from argparse import Namespace

from gridhydro.cli.fitting import (
    places,
    refuse_wrong_seeds,
    takes_balance,
    takes_configuration,
    takes_out,
    takes_training,
)
from gridhydro.cli.manual import page, takes_domain

_CROSS_VALIDATE = """
Trains the model of a domain file once for each fold of its gauges, without the
gauges of that fold, and pools the scores: every gauge is scored by a model that
has not been trained on it. With --seeds each fold is trained several times, and
the mean discharge of the seeds is scored.

Needs a domain file with a split under [training], one of
  split = { kind = "pub", folds = 10, seed = 0 }     random folds of the gauges
  split = { kind = "pur", groups = 5 }               bands of longitude
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
  summary.csv, .md        medians and quartiles over the gauges, by period and
                          seed; folds.csv those of each fold
  splits.json             the gauges of every fold
  columns.csv             unit and meaning of every column of the tables
  figures/                the distribution and the map of the scores
  fold-0, fold-1, ...     the run of each fold, as train writes it; with --seeds
                          a run in each fold-0/seed-N
and prints the scores. Water storage is scored in the folder of each fold.
"""
_CROSS_VALIDATE_EXAMPLES = """
gridhydro cross-validate my_basins.toml --data FOLDER --out folds
gridhydro cross-validate my_basins.toml --data FOLDER --out folds --seeds 5
gridhydro cross-validate my_basins.toml --data FOLDER --out folds --resume
torchrun --nproc-per-node 2 -m gridhydro cross-validate my_basins.toml
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
