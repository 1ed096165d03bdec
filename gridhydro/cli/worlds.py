"""Generated worlds: `gridhydro demo` and `gridhydro synthetic`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from gridhydro.cli.globe import add_globe
from gridhydro.cli.manual import Parser, page
from gridhydro.config.find import data_folder

_DEMO = """
Generates a catchment of a thousand cells whose truth is known, trains HBV on 15
of its 20 gauges, and compares fluxes and stores with the true ones. The truth
is another model, HydroPy, its gauges are noisy and patchy, and its
precipitation is known with errors only, as of a real catchment. Nothing in it
is measured: it shows what training can and cannot recover from discharge alone.

With --twin the truth is HBV itself with other parameters and good gauges: the
learned parameters are compared with the true ones.

Needs no data; takes about a minute on a CPU.

Writes into its folder metrics.csv (scores of trained and held-out gauges),
recovery.csv (found against true; of months and as maps recovery_months.csv and
recovery.nc), parameters.nc and .tif, fluxes.nc, figures/ and report.html, which
shows all of it beside the truth, and prints a summary. The same catchment as
files is written by gridhydro synthetic catchment.
"""
_DEMO_EXAMPLES = """
gridhydro demo
gridhydro demo --out results --epochs 100 --seed 3
gridhydro demo --twin --out twin
"""
_SYNTHETIC = """
For synthetic experiments: discharge is generated with parameters that are
known, so that what is found by training can be compared with the truth. The
folder is read like any other data folder.

worlds (gridhydro synthetic WORLD --help is the manual page of each):
  catchment  a small catchment with rivers, 20 gauges and 6 years of weather
  amazon     the Amazon on its real river network, with GRACE
  globe      all land at half a degree or finer, with 500 gauges
"""
_SYNTHETIC_EXAMPLES = """
gridhydro synthetic catchment --out catchment
gridhydro synthetic amazon --data FOLDER --out amazon
gridhydro synthetic globe --data FOLDER --out globe
"""
_CATCHMENT = """
Writes the catchment of gridhydro demo as a data folder with its domain file, to
see what a data folder looks like and to train on it.

Needs no data; takes some seconds.

Writes into the folder:
  domain.toml             the domain file
  flow_direction.tif      D8 directions in PCRaster's coding
  attributes.nc           elevation, slope, soil, forest and climate (y, x)
  forcing.nc              daily precipitation, temperature and potential
                          evapotranspiration of 6 years (time, y, x)
  gauges.csv              name, x, y and upstream area of 20 gauges
  discharge.csv           daily discharge in m3 s-1, a column for each gauge,
                          with errors and gaps
  truth_parameters.nc     the parameters that made the discharge, of HydroPy or,
                          with --twin, of HBV
  truth_fluxes.nc         true fluxes and stores, means of months; not of a twin
"""
_CATCHMENT_EXAMPLES = """
gridhydro synthetic catchment --out catchment
gridhydro train catchment/domain.toml --data catchment --out run
"""
_AMAZON = """
Writes a data folder of the Amazon at half a degree: its real river network and
the real dates of GRACE's monthly solutions, with generated weather, land
surface, discharge and water storage, and the truth behind them. The domain file
amazon-synthetic, which comes with gridhydro, trains on it.

Needs a data folder with
  ddm30/ddm30_global_30min.nc   river network (DDM30, Doell and Lehner 2002)
  grace/twsa_csr_rl06_1deg_south_america.nc
                                GRACE, of which the dates are read
and 2 GB of memory; 16 years take about two minutes and 170 MB on disk.

Writes into the new folder:
  landsurface.nc          land surface, as HydroPy reads it
  weather.nc              daily weather (time, y, x)
  gauges.csv              name, lon, lat and upstream area of 24 gauges
  discharge.csv           daily discharge in m3 s-1, with errors and gaps
  twsa.nc                 anomalies of water storage in mm, with errors
  domain.nc, attributes.nc, grace_dates.csv
  truth_parameters.nc     the parameters that made discharge and storage
  truth_pet_error.nc      what Penman-Monteith lacks of the true demand, mm d-1
"""
_AMAZON_EXAMPLES = """
gridhydro synthetic amazon --data FOLDER --out amazon
gridhydro synthetic amazon --data FOLDER --out other --years 2001 2010
gridhydro train amazon-synthetic --data amazon --out run
"""
YEARS = (2001, 2016)  # of the Amazon, as its domain file needs them


def add_demo(commands) -> None:
    """`gridhydro demo`."""
    parser = page(
        commands, "demo", "train on a generated catchment and compare with its truth",
        _DEMO, _DEMO_EXAMPLES, _demo,
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("gridhydro-demo"), metavar="FOLDER",
        help="folder to write; gridhydro-demo if left out",
    )  # fmt: skip
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="epochs of training; 250 if left out"
    )
    parser.add_argument(
        "--seed", type=int, default=7, metavar="N",
        help="another catchment and another start of training; 7 if left out",
    )  # fmt: skip
    _takes_twin(parser)


def add_synthetic(commands) -> None:
    """`gridhydro synthetic`, with a command of its own for each world."""
    parser = page(
        commands, "synthetic", "write a data folder of a generated world with a known truth",
        _SYNTHETIC, _SYNTHETIC_EXAMPLES,
    )  # fmt: skip
    kinds = parser.add_subparsers(
        dest="world", required=True, metavar="WORLD", parser_class=Parser, help=argparse.SUPPRESS
    )
    parser.usage = "gridhydro synthetic [--help] WORLD ..."
    catchment = page(
        kinds, "catchment", "a small catchment with rivers, 20 gauges and 6 years of weather",
        _CATCHMENT, _CATCHMENT_EXAMPLES, _catchment,
    )  # fmt: skip
    _takes_new_folder(catchment)
    catchment.add_argument(
        "--seed", type=int, default=7, metavar="N", help="another catchment; 7 if left out"
    )
    _takes_twin(catchment)
    amazon = page(
        kinds, "amazon", "the Amazon on its real river network, with GRACE",
        _AMAZON, _AMAZON_EXAMPLES, _amazon,
    )  # fmt: skip
    amazon.add_argument(
        "--data", type=Path, metavar="FOLDER",
        help="the folder with ddm30/ and grace/; GRIDHYDRO_DATA if left out",
    )  # fmt: skip
    _takes_new_folder(amazon)
    amazon.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another world; 0 if left out"
    )
    amazon.add_argument(
        "--years", type=int, nargs=2, default=YEARS, metavar=("FIRST", "LAST"),
        help="2001 2016 if left out, which the domain file amazon-synthetic needs",
    )  # fmt: skip
    add_globe(kinds, _takes_new_folder)


def _takes_twin(parser: Parser) -> None:
    parser.add_argument(
        "--twin", action="store_true",
        help="a truth that HBV can represent exactly, whose parameters are known",
    )  # fmt: skip


def _takes_new_folder(parser: Parser) -> None:
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER",
        help="data folder to write, new or empty",
    )  # fmt: skip


def _demo(options: Namespace) -> None:
    from gridhydro.synthetic.demo import demo, report

    more = {} if options.epochs is None else {"epochs": options.epochs}
    results = demo(options.out, seed=options.seed, twin=options.twin, **more)
    print(report(options.out, *results))


def _catchment(options: Namespace) -> None:
    from gridhydro.synthetic.catchment_folder import write_catchment

    file = write_catchment(options.out, options.seed, options.twin)
    print(
        f"written to {options.out}; to train on it:\n  gridhydro train {file} --data {file.parent}"
    )


def _amazon(options: Namespace) -> None:
    data = data_folder(options.data)

    from gridhydro.synthetic.amazon_folder import write_amazon

    write_amazon(options.out, data, options.seed, tuple(options.years), progress=True)
    if tuple(options.years) == YEARS:
        train = f"  gridhydro train amazon-synthetic --data {options.out}"
        print(f"written to {options.out}; to train on it:\n{train}")
    else:
        print(
            f"written to {options.out}; to train on it, copy domains/amazon-synthetic.toml and "
            "change the periods of its section [training]"
        )
