"""The maps of a report, read from the folder of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from gridhydro.base.damage import reading
from gridhydro.domain.domain import Domain
from gridhydro.model import run_folder


@dataclass
class Layer:
    """A map: values (N,) of the cells, with long name and unit.

    colours  values that its colours are chosen for; its own if None
    """

    name: str
    long_name: str
    unit: str
    values: np.ndarray
    log: bool = False
    colours: np.ndarray | None = None


def layers_of(folder: Path, domain: Domain) -> list[Layer]:
    """Parameters that are not constant, means of fluxes, and the area upstream of rasters."""
    found = []
    for file, means in (("parameters.nc", False), ("fluxes.nc", True)):
        path = folder / file
        if not path.exists():
            continue
        with reading(path, "maps of a run", run_folder.MEND), xr.open_dataset(path) as data:
            for name, raster in domain.maps(data).items():
                values = raster.mean("time", keep_attrs=True) if means else raster
                if values.ndim != len(domain.cell_axes):
                    continue
                packed = np.asarray(domain.pack(values), float)
                if np.isfinite(packed).any() and (means or np.ptp(packed) > 0):
                    unit = str(raster.attrs.get("units", "1"))
                    long_name = str(raster.attrs.get("long_name", name))
                    if means:
                        long_name = f"{long_name}, mean"
                    found.append(Layer(str(name), long_name, unit, packed))
    return [*found, *upstream_area(domain)]


def upstream_area(domain: Domain) -> list[Layer]:
    """The area upstream of the cells; nothing of lumped basins."""
    if domain.lumped:
        return []
    area = domain.network.accumulate(domain.area) / 1e6
    area[area == 0] = np.nan  # reaches without land: their logarithm is not drawn
    return [Layer("upstream_area", "area upstream", "km2", area, log=True)]
