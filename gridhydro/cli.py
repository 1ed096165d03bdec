"""The `gridhydro` command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# everything else is imported by the command that needs it: --help and info answer at once


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors of the user's input are printed in one line, without a traceback."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except KeyboardInterrupt:
        again = options.command in ("train", "calibrate")
        kept = "; the same command with --resume goes on" if again else ""
        print(f"interrupted{kept}", file=sys.stderr)
        return 130
    except (ValueError, OSError, ArithmeticError, TypeError) as error:
        if options.debug:
            raise
        print(f"gridhydro {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("gridhydro", description=__doc__)
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, function, help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(run=function)
        return sub

    sub = command("demo", _demo, "train on a generated catchment and compare with its truth")
    sub.add_argument("--out", type=Path, default=Path("gridhydro-demo"), help="folder to write")
    sub.add_argument("--epochs", type=int, default=None, help="steps of training")
    sub.add_argument("--seed", type=int, default=7, help="another catchment, another start")

    sub = command("train", _train, "train on a domain file and export the results")
    _takes_domain(sub)
    sub.add_argument("--out", type=Path, help="folder of the run; gridhydro-DOMAIN if left out")
    sub.add_argument("--resume", action="store_true", help="go on from the last checkpoint there")
    sub.add_argument("--epochs", type=int, help="instead of the file's")
    sub.add_argument("--seed", type=int, help="instead of the file's")
    sub.add_argument("--seeds", type=int, help="train as many times and score the mean")
    sub.add_argument("--device", help="cpu or cuda; cuda where there is one")
    help = "read the series from a packed file in the run folder, for records larger than memory"
    sub.add_argument("--cache", action="store_true", help=help)
    help = "one of the named ways of fitting, instead of the file's, such as 'Hybrid(Q,S)+'"
    sub.add_argument("--configuration", help=help)
    help = "weights of storage beside discharge: one, or a run for each and a table of all"
    sub.add_argument("--storage-weights", type=float, nargs="+", metavar="WEIGHT", help=help)
    sub.add_argument("--fold", type=int, help="of the file's split, instead of the file's")

    sub = command("calibrate", _calibrate, "search the parameters of every basin by itself")
    _takes_domain(sub)
    sub.add_argument("--out", type=Path, help="folder of the run; gridhydro-DOMAIN if left out")
    sub.add_argument("--resume", action="store_true", help="go on from where it was kept there")
    sub.add_argument("--method", choices=["sceua"], default="sceua", help="how to search")
    sub.add_argument("--target", help="fit this one of the file's targets instead of discharge")
    sub.add_argument("--complexes", type=int, default=7, help="parts of the population")
    sub.add_argument("--runs", type=int, default=5000, help="of each basin, at most")
    sub.add_argument("--seed", type=int, help="instead of the file's")
    sub.add_argument("--device", help="cpu or cuda; cuda where there is one")

    sub = command("check", _check, "read a domain file, build the domain and report on it")
    _takes_domain(sub)

    for name, function, text in (
        ("run", _run, "simulate with a trained run: fluxes, storages and discharge"),
        ("evaluate", _evaluate, "score a trained run against observed discharge"),
        ("export", _export, "write maps, series, scores and figures of a trained run"),
        ("analyse", _analyse, "water budgets, evapotranspiration, what the network goes by"),
    ):
        sub = command(name, function, text)
        sub.add_argument("folder", type=Path, help="folder of the run")
        sub.add_argument("--data", type=Path, help="data folder, if not that of the training")
        if name == "run":
            sub.add_argument("--out", type=Path, required=True, help="file.nc or file.zarr")
            sub.add_argument("--outputs", nargs="+", help="names of fluxes and states")
        if name == "analyse":
            sub.add_argument("--out", type=Path, help="folder to write; analyses in the run's")
            sub.add_argument("--grace", type=Path, help="file or folder of GRACE anomalies")
        if name in ("evaluate", "analyse"):
            help = "first and last day, month or year, such as 1993 1993"
            sub.add_argument("--period", nargs=2, metavar=("FIRST", "LAST"), help=help)

    command("info", _info, "versions, devices and backends on this machine")

    sub = command("kernels", _kernels, "print the kernels of a column")
    sub.add_argument("action", choices=["show"])
    sub.add_argument("column", help="name of the column, such as hbv")
    sub.add_argument("--target", choices=["triton", "numba"], default="triton")
    sub.add_argument("--pass", dest="direction", choices=["forward", "adjoint"], default="forward")
    sub.add_argument("--outputs", nargs="+", help="fluxes and states to write; the runoff")
    sub.add_argument("--dynamic", nargs="*", default=[], help="parameters that change by day")
    sub.add_argument("--components", type=int, default=1)
    sub.add_argument("--scheme", default="sequential", help="such as implicit or explicit:24")
    sub.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    return parser


def _takes_domain(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("domain", help="a domain file, or the name of one that comes along")
    sub.add_argument("--data", type=Path, help="data folder (or the variable GRIDHYDRO_DATA)")


def _demo(options) -> None:
    from gridhydro.synthetic.demo import demo, report

    more = {} if options.epochs is None else {"epochs": options.epochs}
    results = demo(options.out, seed=options.seed, **more)
    print(report(options.out, *results))


def _train(options) -> None:
    from gridhydro.config.sweep import train_weights
    from gridhydro.config.train_domain import train_domain, train_ensemble

    out = options.out or Path(f"gridhydro-{Path(options.domain).stem}")
    place, more = (options.domain, options.data, out), _more(options)
    weights = options.storage_weights or [None]
    if options.seeds is not None and (options.seed is not None or options.seeds < 1):
        raise ValueError("--seeds is how many runs to train, from seed 0 on: no --seed with it")
    if len(weights) > 1:
        table = train_weights(*place, weights, options.seeds, seed=options.seed, **more)
        print(f"{table.to_string(index=False)}\n\nwritten to {out}: weights.csv, figure")
        return
    more["changes"]["storage_weight"] = weights[0]
    if options.seeds is not None:
        scores, files = train_ensemble(*place, options.seeds, **more), "a run in each seed-N"
    else:
        scores = train_domain(*place, seed=options.seed, **more)
        files = "parameters.nc, fluxes.nc, figures"
    _print_scores(out, scores, files)


def _calibrate(options) -> None:
    from gridhydro.config.calibrate_domain import calibrate_domain

    out = options.out or Path(f"gridhydro-{Path(options.domain).stem}")
    scores = calibrate_domain(
        options.domain, options.data, out, method=options.method, complexes=options.complexes,
        max_runs=options.runs, target=options.target, resume=options.resume, seed=options.seed,
        device=options.device,
    )  # fmt: skip
    _print_scores(out, scores, "parameters.nc, search.nc, figures")


def _print_scores(out: Path, scores, files: str) -> None:
    """Scores of discharge, and of storage and targets where the run folder has them."""
    from gridhydro.config.train_domain import report

    tables = [report(scores)]
    storage = out / "storage_metrics.csv"
    if storage.exists():
        files = f"storage_metrics.csv, {files}"
        tables.append(_storage_report(storage))
    others = out / "target_metrics.csv"
    if others.exists():
        files = f"target_metrics.csv, {files}"
        tables.append(_target_report(others))
    print("\n\n".join([*tables, f"written to {out}: metrics.csv, {files}"]))


def _more(options) -> dict:
    """What of the options of `train` goes to every run."""
    changes = dict(configuration=options.configuration, fold=options.fold)
    return dict(
        resume=options.resume, epochs=options.epochs, device=options.device, cache=options.cache,
        changes=changes,
    )  # fmt: skip


def _storage_report(path: Path) -> str:
    import pandas as pd

    table = pd.read_csv(path).groupby("period", sort=False)
    medians = table[["nse", "correlation", "rmse"]].median().assign(tiles=table["site"].count())
    text = medians.to_string(float_format=lambda v: f"{v:.3f}")
    return f"water storage, median over the tiles (rmse in mm)\n{text}"


def _target_report(path: Path) -> str:
    import pandas as pd

    table = pd.read_csv(path)
    keys = ["target", "unit", "period", *(["gauge_use"] if "gauge_use" in table else [])]
    table = table.groupby(keys, sort=False)
    scores = ["rmse", "ubrmse", "bias", "correlation", "nse", "kge"]
    medians = table[scores].median().assign(cells=table["site"].count())
    text = medians.to_string(float_format=lambda v: f"{v:.3f}")
    return f"other targets, median over the cells\n{text}"


def _check(options) -> None:
    from gridhydro.config.load import load
    from gridhydro.inputs.check import check

    setup = load(options.domain, options.data)
    column = "hbv" if setup.model.column == "lstm" else setup.model.column
    print(setup.domain, check(setup.domain, setup.forcing, column), sep="\n")
    if setup.storage is not None:
        print(setup.storage)


def _run(options) -> None:
    from gridhydro.config.train_domain import load_run
    from gridhydro.io import export

    run, _ = load_run(options.folder, options.data)
    _one_run(run, options.folder)
    export.write_dataset(options.out, run.simulate(outputs=options.outputs))
    print(f"written: {options.out}")


def _one_run(run, folder: Path) -> None:
    if not hasattr(run, "simulate"):
        raise ValueError(f"{folder} holds an ensemble: name one of its runs, {folder / 'seed-0'}")


def _evaluate(options) -> None:
    from gridhydro.base import files
    from gridhydro.config.train_domain import (
        evaluate,
        load_run,
        report,
        score_storage,
        score_targets,
    )
    from gridhydro.model import run_figures

    run, setup = load_run(options.folder, options.data)
    scores = evaluate(run, setup, options.period)
    name = "metrics.csv" if options.period is None else f"metrics-{'-'.join(options.period)}.csv"
    files.replace(options.folder / name, lambda p: scores.to_csv(p, index=False))
    run_figures.draw_scores(options.folder / "figures", setup.domain, scores)
    tables = [report(scores)]
    if options.period is None and score_storage(run, setup, options.folder) is not None:
        tables.append(_storage_report(options.folder / "storage_metrics.csv"))
    if options.period is None and score_targets(run, setup, options.folder) is not None:
        tables.append(_target_report(options.folder / "target_metrics.csv"))
    print("\n\n".join([*tables, f"written: {options.folder / name}, and figures beside it"]))


def _export(options) -> None:
    from gridhydro.config.train_domain import evaluate, load_run, save

    run, setup = load_run(options.folder, options.data)
    _one_run(run, options.folder)
    save(run, setup, options.folder, evaluate(run, setup))
    print(f"written: {options.folder}")


def _analyse(options) -> None:
    from gridhydro.analysis.report import analyse
    from gridhydro.config.train_domain import load_run
    from gridhydro.io import read_grace

    run, setup = load_run(options.folder, options.data)
    _one_run(run, options.folder)
    out = options.out or options.folder / "analyses"
    storage = None
    if options.grace is not None:
        domain = None if setup.domain.lumped else setup.domain
        storage = read_grace(options.grace, domain=domain)
    found = analyse(
        run, out, options.period or setup.training.period, discharge=setup.discharge,
        storage=storage, weather=setup.forcing,
    )  # fmt: skip
    left = "".join(f"\nleft out: {name}: {why}" for name, why in found["left_out"].items())
    print(f"written: {out}{left}")


def _info(options) -> None:
    from gridhydro.info import info

    print(info())


def _kernels(options) -> None:
    from gridhydro.columns import column
    from gridhydro.kernels import Scheme, emit_numba, emit_triton
    from gridhydro.model.simulate import spec_of

    chosen = column(options.column)
    outputs = tuple(options.outputs or [chosen.runoff])
    for name in outputs:
        chosen.output(name)
    known = [f.name for f in chosen.parameters]
    unknown = [name for name in options.dynamic if name not in known]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is no parameter of {chosen.name}: {', '.join(known)}")
    dynamic = tuple(options.dynamic)
    scheme = Scheme.of(options.scheme)
    dtype = options.dtype
    spec = spec_of(chosen, outputs, dynamic, options.components, True, dtype, scheme=scheme)
    emitter = {"numba": emit_numba, "triton": emit_triton}[options.target]
    print(getattr(emitter, options.direction)(spec), end="")


if __name__ == "__main__":
    sys.exit(main())
