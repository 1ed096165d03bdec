"""`gridhydro train` and `gridhydro calibrate`: from a domain file to a run in a folder."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gridhydro.cli.manual import Parser, page, takes_device, takes_domain
from gridhydro.config.find import data_folder, find

_TRAIN = """
Reads the domain file and its data, trains the model that the file describes on
the observations in its training period, scores the training and the validation
period, and writes the run.

Needs a domain file and the data folder in which its paths start. Training may
be stopped at any moment (Ctrl-C, SIGTERM): --resume goes on from the last
checkpoint, to the same numbers as without a stop, if settings and data are the
same; --epochs may be more.

Started by torchrun, several processes share the training: minibatches are dealt
out to them, or whole rivers; with --seeds or several weights each trains runs
of its own. The first one writes.

Writes into the folder of the run:
  metrics.csv             NSE, KGE and more, of every gauge and period
  storage_metrics.csv     of water storage, where the file has [grace]
  target_metrics.csv      of other observations, where it has [[targets]]
  discharge.csv           simulated discharge by day, m3 s-1; the observed is in
                          discharge_observed.csv
  columns.csv             unit and meaning of every column of the tables
  history.csv             the loss of every epoch
  parameters.nc           maps of the parameters; of rasters parameters/*.tif,
                          of lumped basins parameters.csv
  fluxes.nc               daily runoff, discharge and more
  water.csv               what comes in and goes out, by year
  figures/                maps, hydrographs, scores, the course of training
  report.html             all of it on one page, for any browser
  model.safetensors, run.json, domain.nc, domain.toml, checkpoint/
with --seeds all this into seed-0, seed-1, ... of it, and into the folder itself
scores and maps of all runs, discharge_ensemble.nc and a report.html of them;
and prints the scores.
"""
_TRAIN_EXAMPLES = """
gridhydro train moselle --data FOLDER --out run
gridhydro train moselle --data FOLDER --out run --resume
gridhydro train my_basin.toml --data FOLDER --epochs 50 --fold 2
gridhydro train camels_us --data CAMELS_US --out ensemble --seeds 5
gridhydro train amazon --data FOLDER --configuration 'Hybrid(Q)'
gridhydro train amazon --data FOLDER --storage-weights 0 0.25 0.5 0.75
gridhydro train amazon --data FOLDER --storage-weights 0.25 --balance guarded
torchrun --nproc-per-node 2 -m gridhydro train moselle --data FOLDER --out run
"""
_CALIBRATE = """
Calibrates the column model of a domain file at each basin by itself, without
gradients and without attributes: by the shuffled complex evolution (SCE-UA) of
Duan et al. (1992), all basins side by side. It is what training is compared
with.

Needs a domain file of lumped basins, or with --target one of its [[targets]] on
basins or cells, and the data folder. The column, its scheme, fixed parameters,
the unit hydrograph, the loss, the periods and the gauges are those of the file;
networks, attributes and components are not used.

Writes into the folder of the run: metrics.csv, discharge.csv, parameters.nc and
.csv, calibration.nc (the loss of every basin by the number of runs), fluxes.nc,
columns.csv with the units of all tables, figures/, and report.html, which shows
all of it; and prints the scores.
"""
_CALIBRATE_EXAMPLES = """
gridhydro calibrate camels_us --data CAMELS_US --out calibrated
gridhydro calibrate camels_us --data CAMELS_US --runs 20000 --complexes 14
gridhydro calibrate my_basins.toml --data FOLDER --target soil_wetness
"""


def add_train(commands) -> None:
    """`gridhydro train`."""
    parser = page(
        commands, "train", "train the model of a domain file and write what it has learned",
        _TRAIN, _TRAIN_EXAMPLES, _train,
    )  # fmt: skip
    takes_domain(parser)
    takes_out(parser)
    takes_training(parser)
    takes_configuration(parser)
    parser.add_argument(
        "--storage-weights", type=float, nargs="+", metavar="WEIGHT",
        help="weight of water storage in the loss, 0 to 1, the rest being that of discharge, "
        "instead of the file's; of several, a run for each and a table of all (weights.csv)",
    )  # fmt: skip
    takes_balance(parser)
    parser.add_argument(
        "--fold", type=int, metavar="N",
        help="the fold of the file's split of gauges, from 0, that is left out of training and "
        "scored, instead of the file's",
    )  # fmt: skip


def add_calibrate(commands) -> None:
    """`gridhydro calibrate`."""
    parser = page(
        commands, "calibrate", "calibrate each basin by itself, without gradients (SCE-UA)",
        _CALIBRATE, _CALIBRATE_EXAMPLES, _calibrate,
    )  # fmt: skip
    takes_domain(parser)
    takes_out(parser)
    parser.add_argument(
        "--method", choices=["sceua"], default="sceua", help="how to calibrate: sceua, the default"
    )
    parser.add_argument(
        "--target", metavar="NAME", help="fit this one of the file's targets instead of discharge"
    )
    parser.add_argument(
        "--complexes", type=int, metavar="N",
        help="complexes into which the population is shuffled, instead of the file's",
    )  # fmt: skip
    parser.add_argument(
        "--runs", type=int, metavar="N",
        help="most runs of the model at each basin, instead of the file's",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, metavar="N", help="instead of the file's")
    takes_device(parser)


def takes_training(parser: Parser) -> None:
    """The options of a training, which take the place of those of the file."""
    parser.add_argument("--epochs", type=int, metavar="N", help="instead of the file's")
    parser.add_argument("--seed", type=int, metavar="N", help="instead of the file's")
    parser.add_argument(
        "--seeds", type=int, metavar="N",
        help="train N times, with the seeds 0 to N-1, and score the mean discharge of them all",
    )  # fmt: skip
    parser.add_argument(
        "--cache", action="store_true",
        help="read the series from a packed file in the folder of the run, for records larger "
        "than memory",
    )  # fmt: skip
    takes_device(parser)


def takes_configuration(parser: Parser) -> None:
    """The option of a named set of options."""
    parser.add_argument(
        "--configuration", metavar="NAME",
        help="a named set of options instead of the file's: of Wang et al. (2024) HydroPyNN, "
        "'HydroPyNN(Q,S)', 'Hybrid(Q)', 'Hybrid(Q,S)' or 'Hybrid(Q,S)+', of lumped basins HBV, "
        "delta, 'delta(gamma,beta)', LSTM and others that gridhydro reproduce lists",
    )  # fmt: skip


def takes_balance(parser: Parser) -> None:
    """The option of how the parts of the loss are balanced."""
    parser.add_argument(
        "--balance", metavar="NAME",
        help="how discharge, storage and other targets in the loss are balanced, instead of the "
        "file's: by their weights as given, or these over what was lost at the start, over "
        "variances that are learned (uncertainty), with gradients of alike norms, or guarded: "
        "nothing goes against discharge (weights, start, uncertainty, gradients, guarded)",
    )  # fmt: skip


def refuse_wrong_seeds(options: Namespace) -> None:
    """ValueError for --seeds that are none, or with --seed beside it."""
    if options.seeds is not None and options.seeds < 1:
        raise ValueError(f"--seeds is how many runs to train, 1 or more, not {options.seeds}")
    if options.seeds is not None and options.seed is not None:
        raise ValueError("--seeds trains runs from seed 0 on: no --seed with it")


def takes_out(parser: Parser, what: str = "the run", name: str = "gridhydro-DOMAIN") -> None:
    """The option of the folder to write, and that of going on with what is in it."""
    parser.add_argument(
        "--out", type=Path, metavar="RUN",
        help=f"the folder of {what}; {name}, in this folder, if left out",
    )  # fmt: skip
    parser.add_argument(
        "--resume", action="store_true",
        help="go on with a run that was stopped, from its last checkpoint",
    )  # fmt: skip


def places(options: Namespace, ending: str = "") -> tuple[Path, Path, Path]:
    """Domain file, data folder and run folder; what is not there is told before all imports."""
    out = options.out or Path(f"gridhydro-{Path(options.domain).stem}{ending}")
    return find(options.domain), data_folder(options.data), out


def _train(options: Namespace) -> None:
    refuse_wrong_seeds(options)
    place = places(options)

    from gridhydro.base import ranks
    from gridhydro.cli.tables import print_scores
    from gridhydro.config.sweep import train_weights
    from gridhydro.config.train_domain import train_domain, train_ensemble

    changes = dict(
        configuration=options.configuration, fold=options.fold, balance=options.balance
    )  # fmt: skip
    more = dict(
        resume=options.resume, epochs=options.epochs, device=options.device, cache=options.cache,
        changes=changes,
    )  # fmt: skip
    weights, out = options.storage_weights or [None], place[-1]
    if len(weights) > 1:
        table = train_weights(*place, weights, options.seeds, seed=options.seed, **more)
        if ranks.leads():
            print(f"{table.to_string(index=False)}\n\nwritten to {out}: weights.csv, figures")
        return ranks.leave()
    changes["storage_weight"] = weights[0]
    if options.seeds is not None:
        scores, files = train_ensemble(*place, options.seeds, **more), "a run in each seed-N"
    else:
        scores = train_domain(*place, seed=options.seed, **more)
        files = "parameters.nc, fluxes.nc, figures, and report.html to open in a browser"
    if ranks.leads():
        print_scores(out, scores, files)
    ranks.leave()


def _calibrate(options: Namespace) -> None:
    place = places(options)

    from gridhydro.cli.tables import print_scores
    from gridhydro.config.calibrate_domain import calibrate_domain

    scores = calibrate_domain(
        *place, changes={"complexes": options.complexes, "max_runs": options.runs},
        target=options.target, resume=options.resume, seed=options.seed, device=options.device,
    )  # fmt: skip
    print_scores(place[-1], scores, "parameters.nc, calibration.nc, figures")
