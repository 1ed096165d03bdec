"""Tables of lakes and reservoirs as they are published: HydroLAKES, GRanD, or others."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gridhydro.io.delimited import read_delimited
from gridhydro.io.vector import SUFFIXES, read_vector


def read_lakes(path: str | Path) -> pd.DataFrame:
    """The table of a file, for `gridhydro.Lakes.of`: with geometries of a GeoPackage, GeoJSON or
    shapefile, else of texts, a column each.

    FileNotFoundError; ValueError naming the file where it cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() in SUFFIXES or path.is_dir():
        return read_vector(path)
    table = read_delimited(path)
    return pd.DataFrame({name: table.column(name) for name in table.header if name})
