"""Commands that go backwards through a run: sensitivity and assimilate."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gridhydro.cli.loading import run_and_forcing
from gridhydro.cli.manual import page, takes_forcing, takes_run

_SENSITIVITY = """
Says how much the mean of discharge, or of a flux or store of the cells, over a
period would change with every parameter, every series of weather and every
store of every cell: gradients, by one pass backwards through rivers and
columns, as maps. To first order: a large change of a nearly empty store does
something else.

Needs the folder of a run and the data that it was trained on, or with --forcing
daily weather that has the period and the days from --since on.

Writes a NetCDF file: parameters and stores (y, x), weather (time, y, x) by what
--by says; of lumped basins by gauge.
"""
_SENSITIVITY_EXAMPLES = """
gridhydro sensitivity run --gauge mouth --period 2002-07 2002-09 --out m.nc
gridhydro sensitivity run --gauge a --period 2002 2002 --relative --out e.nc
gridhydro sensitivity run --of runoff --period 2002-08 2002-08 --out s.nc
"""
_ASSIMILATE = """
Fits the stores at the beginning of a window of some weeks to the discharge that
was observed in it, through the gradients of the model, and writes the state at
its end, from which gridhydro forecast goes on.

Needs the folder of a run, and either the data that it was trained on, or with
--forcing daily weather with days before the window that fill the stores, and
with --discharge observations.

Writes the state, a NetCDF file, and beside it NAME-factors.csv: what each store
in the area of each gauge was multiplied by. Prints the error of discharge over
the window, before and after.
"""
_ASSIMILATE_EXAMPLES = """
gridhydro assimilate run --window 1993-10-01 1993-10-31 --out state.nc
gridhydro assimilate r --window 2024-05 2024-05 --discharge q.csv --out s.nc
"""


def add_sensitivity(commands) -> None:
    """`gridhydro sensitivity`."""
    parser = page(
        commands, "sensitivity", "what a gauge's flow depends on: gradients as maps",
        _SENSITIVITY, _SENSITIVITY_EXAMPLES, _sensitivity,
    )  # fmt: skip
    takes_run(parser)
    parser.add_argument(
        "--of", default="discharge", metavar="NAME",
        help="discharge, or a flux or store, whose mean upstream of the gauge is taken, or over "
        "all cells; discharge if left out",
    )  # fmt: skip
    parser.add_argument("--gauge", metavar="NAME", help="the gauge; not needed of one alone")
    parser.add_argument(
        "--period", nargs=2, required=True, metavar=("FIRST", "LAST"),
        help="days, months or years over which it is the mean",
    )  # fmt: skip
    parser.add_argument(
        "--since", metavar="DATE",
        help="the day from which weather counts and at which the stores are; a year before the "
        "period if left out",
    )  # fmt: skip
    parser.add_argument(
        "--by", choices=("all", "year", "month", "day"), default="month",
        help="maps of the weather: one, or one of each year, month or day; month if left out",
    )  # fmt: skip
    parser.add_argument(
        "--relative", action="store_true",
        help="fractions of the output for one times more, in place of units for one unit more",
    )  # fmt: skip
    takes_forcing(parser, "the record that the run was trained on if left out")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the file to write (.nc)"
    )


def add_assimilate(commands) -> None:
    """`gridhydro assimilate`."""
    parser = page(
        commands, "assimilate", "fit the stores to the last weeks, to forecast from",
        _ASSIMILATE, _ASSIMILATE_EXAMPLES, _assimilate,
    )  # fmt: skip
    takes_run(parser)
    parser.add_argument(
        "--window", nargs=2, required=True, metavar=("FIRST", "LAST"),
        help="first and last of the days that are fitted",
    )  # fmt: skip
    parser.add_argument(
        "--discharge", type=Path, metavar="FILE",
        help="observations by day: .csv with a column for each gauge, or .nc, m3 s-1 if it does "
        "not say; those of the domain file if left out",
    )  # fmt: skip
    takes_forcing(parser, "the record that the run was trained on if left out")
    parser.add_argument(
        "--store-error", type=float, default=0.5, metavar="E",
        help="standard deviation of the logarithm of a store's factor; %(default)s if left out",
    )  # fmt: skip
    parser.add_argument(
        "--discharge-error", type=float, default=0.1, metavar="E",
        help="standard deviation of an observation as a fraction of it; %(default)s if left out",
    )  # fmt: skip
    parser.add_argument(
        "--steps", type=int, default=50, metavar="N",
        help="steps of the minimization; %(default)s if left out",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the state to write (.nc)"
    )


def _sensitivity(options: Namespace) -> None:
    _is_netcdf(options.out)
    run, forcing, _ = run_and_forcing(options, "give the weather of one")

    from gridhydro.io.export import write_dataset

    gauge, names = options.gauge, list(run.model.domain.gauges.index)
    if gauge is None and options.of == "discharge" and len(names) == 1:
        gauge = names[0]
    maps = run.sensitivity(
        options.of, gauge, period=options.period, since=options.since, by=options.by,
        relative=options.relative, forcing=forcing,
    )  # fmt: skip
    write_dataset(options.out, maps, "sensitivity")
    mean, unit = (maps.attrs[f"{text}mean_{options.of}"] for text in ("", "unit_of_"))
    print(f"{maps.attrs['title']}: the mean is {mean:.4g} {unit}\nwritten: {options.out}")


def _assimilate(options: Namespace) -> None:
    _is_netcdf(options.out)
    run, forcing, setup = run_and_forcing(options, "give the weather of one")

    from gridhydro.io.csv_tables import write_table

    discharge = setup.discharge if setup and not options.discharge else None
    if discharge is None:
        discharge = _observed(options.discharge, run.model.domain)
    found = run.assimilate(
        discharge, options.window, store_error=options.store_error,
        discharge_error=options.discharge_error, steps=options.steps, forcing=forcing,
    )  # fmt: skip
    factors = options.out.with_name(f"{options.out.stem}-factors.csv")
    write_table(factors, found.factors.rename_axis("store").reset_index())
    found.state.to_file(options.out)
    table = found.rmse.map("{:.4g}".format).rename_axis("gauge").reset_index()
    told = table.to_string(index=False)
    print(f"error of discharge over the window, m3 s-1\n{told}")
    print(f"written: {options.out}\nwritten: {factors}")


def _observed(path: Path | None, domain):
    """Observations of a file, of those of the domain's gauges that it has."""
    if path is None:
        raise ValueError("--forcing has no observations: name their file with --discharge")

    from gridhydro.inputs.polygon_discharge import of_file

    gauges = domain.gauges
    return of_file(path, list(gauges.index), None, gauges["network_area_km2"].to_numpy())


def _is_netcdf(path: Path) -> None:
    if path.suffix != ".nc":
        raise ValueError(f"--out {path}: a NetCDF file is written, its name ends with .nc")
