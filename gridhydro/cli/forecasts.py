"""Commands that take a run to other days and other basins: forecast and predict."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gridhydro.cli.manual import page, takes_forcing, takes_run
from gridhydro.config.find import run_folder

_FORECAST = """
Takes a run on from a saved state through weather to come, and writes discharge
by day and the state at the end, from which the next forecast goes on. The
numbers are those of one run without a cut, to the last bit. Weather with the
dimension member is an ensemble: discharge is that of each member, with
quantiles over them.

Needs the folder of a run, a state that gridhydro run --save-state or an earlier
forecast wrote, and daily weather from the day behind it on: what is before is
left out, what lacks is refused. The data that it was trained on is needed where
the land surface gives seasons of vegetation.

Writes what the name of --out says, a NetCDF file (.nc) or a Zarr store (.zarr),
and beside it NAME-state-YYYY-MM-DD.nc, or one such file for each member.
"""
_FORECAST_EXAMPLES = """
gridhydro forecast run --state s.nc --forcing next.nc --out forecast.nc
gridhydro forecast run --state s.nc --forcing ensemble.nc --out forecast.nc
gridhydro forecast run --state s.nc --forcing f.nc --out o.nc --outputs runoff
"""
_PREDICT = """
Simulates basins that a run was not trained on, with the parameters that its
network gives them, and writes their discharge by day.

Needs the folder of a run of lumped basins, and a basins file (NetCDF, as
gridhydro.io.write_basins writes it): weather (time, gauge), areas in km2, and
the attributes that the network reads. What lacks of attributes is taken as the
mean of the training, with a warning.

Writes a NetCDF file (.nc) or a Zarr store (.zarr).
"""
_PREDICT_EXAMPLES = """
gridhydro predict run --basins elsewhere.nc --out predicted.nc
gridhydro predict run --basins elsewhere.nc --names b07 b12 --out two.nc
"""


def add_forecast(commands) -> None:
    """`gridhydro forecast`."""
    parser = page(
        commands, "forecast", "go on from a state through the weather to come",
        _FORECAST, _FORECAST_EXAMPLES, _forecast,
    )  # fmt: skip
    takes_run(parser)
    parser.add_argument(
        "--state", type=Path, nargs="+", required=True, metavar="FILE",
        help="the state to go on from; several for an ensemble, in the order of its members",
    )  # fmt: skip
    takes_forcing(parser)
    _takes_out(parser)
    parser.add_argument(
        "--outputs", nargs="+", metavar="NAME", default=[],
        help="fluxes and states of the cells, beside discharge",
    )  # fmt: skip
    parser.add_argument(
        "--save-state", nargs="+", metavar="DATE",
        help="days at whose end the state is kept; the last one if left out",
    )  # fmt: skip


def add_predict(commands) -> None:
    """`gridhydro predict`."""
    parser = page(
        commands, "predict", "discharge of basins that a run was not trained on",
        _PREDICT, _PREDICT_EXAMPLES, _predict,
    )  # fmt: skip
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--basins", type=Path, required=True, metavar="FILE", help="a basins file")
    _takes_out(parser)
    parser.add_argument("--names", nargs="+", metavar="BASIN", help="some of the basins")
    parser.add_argument(
        "--outputs", nargs="+", metavar="NAME", default=[],
        help="fluxes and states of the basins, beside discharge",
    )  # fmt: skip
    parser.add_argument(
        "--pet", metavar="METHOD",
        help="how potential evapotranspiration is computed, or given; as in the training if left "
        "out",
    )  # fmt: skip


def _takes_out(parser) -> None:
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PATH",
        help="what to write: a file .nc or a store .zarr",
    )  # fmt: skip


def _forecast(options: Namespace) -> None:
    folder = run_folder(options.folder)

    from gridhydro.config.forecast import forecast
    from gridhydro.config.new_forcing import Finished

    run = Finished.load(folder, options.data, options.pet)
    found = forecast(
        run, options.state, options.forcing, options.out, options.outputs, options.save_state
    )  # fmt: skip
    print("\n".join(f"written: {path}" for path in (found.series, *found.states)))


def _predict(options: Namespace) -> None:
    folder = run_folder(options.folder)

    from gridhydro.config.new_forcing import Finished
    from gridhydro.io import read_basins
    from gridhydro.io.export import write_dataset

    run, names = Finished.load(folder).run, options.names
    basins = read_basins(options.basins)
    lacking = sorted(set(names or ()) - set(map(str, basins["gauge"].values)))
    if lacking:
        raise ValueError(f"{options.basins} has no basin {', '.join(lacking)}")
    found = run.predict(basins, options.outputs, names=names, pet=options.pet)
    write_dataset(options.out, found, "prediction")
    print(f"written: {options.out}")
