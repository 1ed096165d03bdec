"""`gridhydro synthetic globe`: all land, in blocks of days."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gridhydro.cli.manual import page
from gridhydro.config.find import data_folder

_GLOBE = """
Writes a data folder of all land but Antarctica: the river network of a file,
DDM30's at half a degree, or a finer one that follows it, with generated
weather, land surface and discharge, and the truth behind them. The domain file
globe, which comes with gridhydro, trains on it: 60 of the 500 gauges are all
those of their basins and held out, 40 more are held out in other basins.

Needs a network as NetCDF, such as DDM30 (Doell and Lehner 2002) as WaterGAP has
it: flow_direction (a keypad; 5, 0 and -1 where water leaves), river_slope and
river_length in km, (lat, lon). Without --network it is
  ddm30/ddm30_global_30min.nc
of the data folder.

Weather is made, run and written in blocks of days, so that memory hardly grows
with the years. At half a degree (67,420 cells) a year takes eight seconds of a
CPU and 106 MB on disk, all of it 1 GB of memory, and two years more are run
before the first; at 0.1 degrees (1,685,500 cells) a year is 25 times as much.
The domain file trains in minibatches, from a packed copy of the weather in the
run folder: 3 GB of disk while it runs, and some 2 GB of memory.

Writes into the new folder:
  flow_direction.tif      D8 directions in PCRaster's coding
  attributes.nc           eight rasters (y, x)
  weather.zarr            daily precipitation and temperature (time, y, x)
  gauges.csv              name, lon, lat, use and upstream area of the gauges
  discharge.csv           daily discharge in m3 s-1, with errors and gaps
  truth_parameters.nc     the parameters that made the discharge
"""
_EXAMPLES = """
gridhydro synthetic globe --data FOLDER --out globe
gridhydro synthetic globe --resolution 0.1 --years 1 --out fine
gridhydro train globe --data globe --out run
"""
NETWORK = "ddm30/ddm30_global_30min.nc"
YEARS, RESOLUTION = 10, 0.5


def add_globe(kinds, takes_new_folder) -> None:
    """The world among the `kinds`."""
    globe = page(
        kinds, "globe", "all land at half a degree or finer, with 500 gauges",
        _GLOBE, _EXAMPLES, _globe,
    )  # fmt: skip
    globe.add_argument(
        "--data", type=Path, metavar="FOLDER",
        help="the folder with ddm30/; GRIDHYDRO_DATA if left out",
    )  # fmt: skip
    globe.add_argument(
        "--network", type=Path, metavar="FILE", help="another file of rivers; DDM30 if left out"
    )
    takes_new_folder(globe)
    globe.add_argument(
        "--resolution", type=float, default=RESOLUTION, metavar="DEGREES",
        help="that of the network, or its third, fifth, ... part; 0.5 if left out",
    )  # fmt: skip
    globe.add_argument(
        "--years", type=int, default=YEARS, metavar="N",
        help="years of weather from 2001 on; 10 if left out, all of which the domain file needs",
    )  # fmt: skip
    globe.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another world; 0 if left out"
    )


def _globe(options: Namespace) -> None:
    network = options.network or data_folder(options.data) / NETWORK

    from gridhydro.base.progress import say
    from gridhydro.synthetic.globe_folder import write_globe

    write_globe(
        options.out, network, options.resolution, options.years, options.seed, say=say
    )  # fmt: skip
    print(
        f"written to {options.out}; to train on it:\n  gridhydro train globe --data {options.out}"
    )
