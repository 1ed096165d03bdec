"""Tables of river networks, from files of a GIS and delimited texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gridhydro.base.files import existing
from gridhydro.io.delimited import MISSING, read_delimited
from gridhydro.io.tables import column_of
from gridhydro.io.vector import SUFFIXES, read_table_of

TEXTS = (".csv", ".txt", ".tsv")


def read_reaches(path: str | Path, layer: str | None = None) -> pd.DataFrame:
    """A table of reaches, of their unit basins or of the points between them, for
    `Domain.from_network`: a GeoDataFrame where the file has geometries.

    path   GeoPackage, shapefile (or the folder of one), GeoJSON, or a table between commas,
           semicolons or tabs; ids are read as they are written, without a loss of digits
    layer  of a file that has several
    FileNotFoundError; ValueError naming the file, and its layers where it is not clear which.
    """
    path = existing(path)
    if path.suffix.lower() not in TEXTS:
        return read_table_of(path, layer)
    if layer is not None:
        raise ValueError(f"{path} is a table, which has no layers: leave layer= out")
    table = read_delimited(path)
    columns = {name: np.array(table.column(name), dtype=object) for name in table.header if name}
    for cells in columns.values():
        cells[np.isin(cells.astype(str), MISSING)] = None
    return pd.DataFrame(columns)


def values_by_reach(path: str | Path, variable: str, key: str | None = None) -> pd.Series:
    """A column of a table of reaches by their ids: numbers, or texts.

    key  the column of the ids; a usual name of them, or the first, if left out
    ValueError naming the columns that there are.
    """
    path = existing(path)
    if path.suffix.lower() in (*SUFFIXES, *TEXTS) or path.is_dir():
        table = read_reaches(path)
    else:
        raise ValueError(f"{path}: values of reaches are in a table {', '.join(TEXTS)}, or a GIS's")
    names = [str(name) for name in table.columns]
    key = names[0] if key is None else key
    for name in (key, variable):
        if name not in names:
            raise ValueError(f"{path} has no column '{name}', but {', '.join(names[:20])}")
    values = table[variable].to_numpy()
    if values.dtype.kind == "O":
        texts = np.array(["" if v is None else str(v) for v in values])
        values = column_of(texts, variable, path, range(2, len(texts) + 2))
    return pd.Series(values, index=table[key].to_numpy(), name=variable)
