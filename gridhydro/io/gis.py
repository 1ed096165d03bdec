"""Tables with geometries as layers of one GeoPackage."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gridhydro.base.files import replace

if TYPE_CHECKING:
    import geopandas  # type: ignore[import-untyped]


def write_gis(path: str | Path, layers: Mapping[str, geopandas.GeoDataFrame]) -> None:
    """Write tables as the layers of a GeoPackage, which appears whole or not at all.

    ValueError for another ending.
    """
    path = Path(path)
    if path.suffix != ".gpkg":
        raise ValueError(f"{path}: layers are written to a GeoPackage, a file .gpkg")
    path.parent.mkdir(parents=True, exist_ok=True)

    def write_to(place: Path) -> None:
        with warnings.catch_warnings():
            # until it is whole it has a name of another ending
            warnings.filterwarnings("ignore", message=".*file extension")
            for name, table in layers.items():
                table.to_file(place, layer=name, driver="GPKG", engine="pyogrio")

    replace(path, write_to)
