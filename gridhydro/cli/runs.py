"""Commands on the folder of a run: evaluate, run, export, report and analyse."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gridhydro.cli.loading import one_run, run_and_forcing
from gridhydro.cli.manual import page, takes_forcing, takes_period, takes_run
from gridhydro.config.find import run_folder

_EVALUATE = """
Simulates the record with a run, compares it with the observations that its
domain file names, and prints the scores of every gauge, or of many gauges their
medians.

Needs the folder of a run and the data that it was trained on.

Started by torchrun, several processes simulate together; the first one writes.

Writes into the folder of the run metrics.csv, or with --period
metrics-FIRST-LAST.csv, and in figures/ the distribution and the map of the
scores; without --period the scores of water storage and of other targets too,
where the domain file has them.

Of an ensemble (train --seeds) the scores have the CRPS of its runs, and the
coverage and width of their central 90 %. discharge_ensemble.nc has the mean,
quantiles and all runs, parameters.nc (and parameters/*.tif, or parameters.csv)
the mean of every parameter over the runs and their standard deviation,
NAME_spread. With --components all this is of the parallel parameter sets of a
run, or of all runs of an ensemble, as members, in the folder components.
"""
_EVALUATE_EXAMPLES = """
gridhydro evaluate run
gridhydro evaluate run --components
gridhydro evaluate run --period 1993-10 1994-09
gridhydro evaluate run --data /elsewhere/data
"""
_RUN = """
Simulates the record with the parameters of a run, and writes fluxes and states
of all cells, and the discharge at the gauges, of every day or of a period. With
--forcing it is other weather that is simulated. With --state the run goes on
from a state that an earlier one has saved, without one it begins as in its
training: days on which stores still fill are warned of.

Needs the folder of a run and the data that it was trained on, or with --forcing
a NetCDF file or Zarr store of daily weather (time, y, x), or (time, gauge) of
lumped basins.

Writes what the name of --out says: one NetCDF file (.nc), a Zarr store (.zarr),
or else a folder of NetCDF files, one a year. Store and folder are written a
block of days after the other and may be of any length; the same command goes on
where it was interrupted or killed. An existing store or folder is refused. The
states of --save-state are beside it, NAME-state-YYYY-MM-DD.nc.

Started by torchrun, several processes simulate some of the rivers or basins
each, and write some of the chunks of the store; however many go on with it.
"""
_RUN_EXAMPLES = """
gridhydro run run --out series.nc
gridhydro run run --out series.zarr --outputs runoff soil_moisture
gridhydro run run --out series --period 1990 2019 --block month
gridhydro run run --out series.nc --save-state 2019-12-31
gridhydro run run --forcing scenario.nc --period 2050 2059 --out scenario.zarr
torchrun --nproc-per-node 2 -m gridhydro run run --out series.zarr
"""
_EXPORT = """
For a run whose results were deleted or whose scores or figures are to be made
again: simulates the record and writes what train writes at its end.

Needs the folder of a run and the data that it was trained on. Started by
torchrun, several processes simulate together; the first one writes.

Writes into the folder of the run: maps of the parameters (NetCDF and GeoTIFF),
daily series, scores, figures and the report. With --gis it writes gis.gpkg
there, and nothing else: a GeoPackage of the layers rivers, basins, gauges and
cells, with upstream areas, stream orders, parameters, and the scores of
metrics.csv.
"""
_EXPORT_EXAMPLES = """
gridhydro export run
gridhydro export run --data /elsewhere/data
gridhydro export run --gis
gridhydro export run --gis --polygons basins.shp
"""
_REPORT = """
Makes one HTML file of a run that any browser opens, without a network: a map
with parameters, fluxes, rivers and scores, on which a click on a gauge shows
its hydrograph; tables, the course of the training, the water budget and the
drift of storage, warnings, settings, and how to repeat the run. train writes it
at its end.

Of an ensemble (train --seeds) it shows the mean of the runs and the band of
them, their scores beside those of the mean, CRPS, coverage and spread, and
leads to the report of each; of folds (cross-validate) each gauge as by the fold
that holds it out.

Needs the folder of a run, of an ensemble or of folds, and nothing else: what
the folder has is shown, what it lacks is said.

Writes report.html into the folder, or the file of --out.
"""
_REPORT_EXAMPLES = """
gridhydro report run
gridhydro report ensemble
gridhydro report run --out for-a-colleague.html
"""
_ANALYSE = """
Says where the water of a run goes and what its network has learned.

Needs the folder of a run and the data that it was trained on; for the
importance of attributes the package captum (pip install 'gridhydro[analyses]').

Writes tables (CSV), series (NetCDF) and figures, as far as there is data for
them:
  water_budget*           precipitation, evapotranspiration, discharge and
                          storage upstream of each gauge, and between gauges
  evapotranspiration.csv  by year, against the observed water balance
  pet*                    potential evapotranspiration by several equations
  importance*             how much each attribute changes each parameter
                          (expected gradients)
and says what was left out, and why.
"""
_ANALYSE_EXAMPLES = """
gridhydro analyse run
gridhydro analyse run --period 2003 2012 --grace FOLDER/grace --out budgets
"""


def add_evaluate(commands) -> None:
    """`gridhydro evaluate`."""
    parser = page(
        commands, "evaluate", "score a run against the observations",
        _EVALUATE, _EVALUATE_EXAMPLES, _evaluate,
    )  # fmt: skip
    takes_run(parser)
    takes_period(parser, "training and validation period of the domain file")
    parser.add_argument(
        "--components", action="store_true",
        help="score the components of the run as members of an ensemble, in RUN/components",
    )  # fmt: skip


def add_run(commands) -> None:
    """`gridhydro run`."""
    parser = page(
        commands, "run", "simulate with a run: fluxes, states and discharge by day",
        _RUN, _RUN_EXAMPLES, _simulate,
    )  # fmt: skip
    takes_run(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PATH",
        help="what to write: a file .nc, a store .zarr, or a folder",
    )  # fmt: skip
    parser.add_argument(
        "--outputs", nargs="+", metavar="NAME",
        help="fluxes and states of the column, such as runoff soil_moisture, and parameters that "
        "change by day; the usual ones if left out",
    )  # fmt: skip
    takes_period(parser, "all days of the record")
    takes_forcing(parser, "the record that the run was trained on if left out")
    parser.add_argument(
        "--state", type=Path, metavar="FILE",
        help="the state of the day before the weather begins, to go on from",
    )  # fmt: skip
    parser.add_argument(
        "--save-state", nargs="+", metavar="DATE", help="days at whose end the state is kept"
    )
    parser.add_argument(
        "--block", type=_block, default="year", metavar="BLOCK",
        help="days in memory at once, and in a file of the folder: year, month, or a number of "
        "days; a year if left out",
    )  # fmt: skip
    parser.set_defaults(goes_on="; the same command goes on")


def add_export(commands) -> None:
    """`gridhydro export`."""
    parser = page(
        commands, "export", "write maps, series, scores and figures of a run",
        _EXPORT, _EXPORT_EXAMPLES, _export,
    )  # fmt: skip
    takes_run(parser)
    parser.add_argument(
        "--gis", action="store_true", help="write the layers for a GIS, gis.gpkg, alone"
    )
    parser.add_argument(
        "--polygons", type=Path, metavar="FILE",
        help="with --gis: the polygons of lumped basins, which become the layer basins",
    )  # fmt: skip
    parser.add_argument("--name", metavar="COLUMN", help="with --gis: column that names them")


def add_report(commands) -> None:
    """`gridhydro report`."""
    parser = page(
        commands, "report", "one HTML file of a run: map, hydrographs, tables, settings",
        _REPORT, _REPORT_EXAMPLES, _report,
    )  # fmt: skip
    parser.add_argument("folder", type=Path, metavar="RUN",
                        help="folder of a run, an ensemble or a cross-validation")  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help="file to write; report.html, in the folder of the run, if left out",
    )  # fmt: skip


def add_analyse(commands) -> None:
    """`gridhydro analyse`."""
    parser = page(
        commands, "analyse", "water budgets, evapotranspiration, importance of attributes",
        _ANALYSE, _ANALYSE_EXAMPLES, _analyse,
    )  # fmt: skip
    takes_run(parser)
    takes_period(parser, "the training period")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER",
        help="folder to write; analyses, in the folder of the run, if left out",
    )  # fmt: skip
    parser.add_argument(
        "--grace", type=Path, metavar="PATH",
        help="file or folder of GRACE anomalies, for the change of storage in the water balance",
    )  # fmt: skip


def _evaluate(options: Namespace) -> None:
    folder = run_folder(options.folder)

    from gridhydro.base import ranks
    from gridhydro.cli.tables import storage_table, target_table
    from gridhydro.config.score_domain import load_run, report, score, scores_file
    from gridhydro.model.ensemble import Ensemble

    run, setup = load_run(folder, options.data)
    if options.components:
        run, folder = Ensemble.of_components(run), folder / "components"
    scores = score(run, setup, folder, options.period)
    if not ranks.leads():
        return ranks.leave()
    tables = [report(scores)]
    if options.period is None and setup.storage is not None:
        tables.append(storage_table(folder / "storage_metrics.csv"))
    others = folder / "target_metrics.csv"
    if options.period is None and setup.targets and others.exists():
        tables.append(target_table(others))
    name = folder / scores_file(options.period)
    _told("\n\n".join([*tables, f"written: {name}, and figures beside it"]))


def _told(text: str) -> None:
    """The end of a command, which processes of torchrun shared: the first prints."""
    from gridhydro.base import ranks

    if ranks.leads():
        print(text)
    ranks.leave()


def _simulate(options: Namespace) -> None:
    several = "gridhydro forecast runs them, from a state"
    (run, forcing, _), state = run_and_forcing(options, several), None
    if options.state is not None:
        from gridhydro.model.state import State

        state = State.from_file(options.state)
    kept = run.simulate(
        forcing, options.outputs, period=options.period, state=state,
        save_state=options.save_state or (), out=options.out, block=options.block,
    )[1]  # fmt: skip
    _told("\n".join(f"written: {path}" for path in (options.out, *_files(options.out, kept))))


def _files(out: Path, dates) -> list[Path]:
    from gridhydro.model.streamed import state_beside

    return [state_beside(out, date) for date in dates]


def _block(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _export(options: Namespace) -> None:
    if not options.gis and (options.polygons or options.name):
        raise ValueError("--polygons and --name go with --gis")
    run, setup = one_run(options)
    if options.gis:
        from gridhydro.io.csv_tables import read_table
        from gridhydro.io.gis import write_gis
        from gridhydro.model.run_gis import layers_of

        out, scores = options.folder / "gis.gpkg", options.folder / "metrics.csv"
        table = None
        if scores.exists():
            table = read_table(scores, ("gauge", "period"), dtype={"gauge": str})
        layers = layers_of(run, table, options.polygons, options.name)
        write_gis(out, layers)
        print(f"{', '.join(f'{n} ({len(t)})' for n, t in layers.items())}\nwritten: {out}")
        return

    from gridhydro.config.score_domain import finish

    finish(run, setup, options.folder)
    _told(f"written: {options.folder}")


def _report(options: Namespace) -> None:
    folder = run_folder(options.folder)

    from gridhydro.analysis.page.write import report

    print(f"written: {report(folder, options.out)}")


def _analyse(options: Namespace) -> None:
    run, setup = one_run(options)

    from gridhydro.config.analyse_domain import analyse_run

    out = options.out or options.folder / "analyses"
    left_out = analyse_run(run, setup, out, options.period, options.grace)
    left = "".join(f"\nleft out: {name}: {why}" for name, why in left_out.items())
    print(f"written: {out}{left}")
