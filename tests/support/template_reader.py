"""A reader of basins to copy: a folder with one CSV file a gauge. See CONTRIBUTING.md."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base import calendar
from gridhydro.base.files import existing
from gridhydro.base.periods import common_days
from gridhydro.base.quantities import SERIES
from gridhydro.base.units import conversion
from gridhydro.io.delimited import read_delimited
from gridhydro.io.schema import recognise, refuse_outside, series_attrs, wanted_basins

# units of the files, which do not say them
UNITS = {"precipitation": "mm d-1", "temperature": "K", "discharge": "mm d-1"}


def read_folder(path, basins=None, *, period=None) -> xr.Dataset:
    """Basins of a folder of files GAUGE.csv, as a basins dataset (see `io.schema`).

    Columns date, and series by one of their names in `quantities.SERIES`. ValueError or
    FileNotFoundError naming file, gauge and day of what does not fit.
    """
    files = {file.stem: file for file in sorted(existing(path).glob("*.csv"))}
    gauges = wanted_basins(basins, files, path)
    tables = {gauge: _series(files[gauge]) for gauge in gauges}
    days = common_days({gauge: t.index for gauge, t in tables.items()}, period, files)
    data = xr.Dataset(coords={"time": days, "gauge": gauges})
    for name in tables[gauges[0]]:
        values = np.stack([tables[gauge].loc[days, name] for gauge in gauges], axis=1)
        refuse_outside(name, values, days, gauges, path)
        data[name] = (("time", "gauge"), values, series_attrs(name))
    return data


def _series(file: Path) -> pd.DataFrame:
    """The series of one file by our names and in our units, by day."""
    table = read_delimited(file)
    days = calendar.stamped(xr.DataArray(table.dates("date"), dims="date", name="date"), file)
    found = {}
    for ours, theirs in recognise([n for n in table.header if n != "date"], {}, file).items():
        factor, offset = conversion(ours, UNITS.get(ours), SERIES[ours].unit, file)
        found[ours] = table.numbers(theirs) * factor + offset
    return pd.DataFrame(found, days)
