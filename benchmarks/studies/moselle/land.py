"""The land surface of the upper Moselle for HydroPy, from the 500 m maps of mHM's test domain.

Measured, that is averaged from a map of the domain
  srftopo, topo_std  mean and standard deviation of the elevation (dem.asc) within a cell
  slope_avg          slope.asc, which is in whole percent, rounded down: half a percent is added
  lai                LAI_class.asc with the monthly values of LAI_classdefinition.txt, over the
                     vegetated part of each class
  fwetl              fraction of the class "Wetlands"
  wcap, wava         sand, clay and bulk density of two horizons of each soil class
                     (soil_class.asc, soil_classdefinition.txt) by the functions below

Guessed
  roots as deep as the soil map, 1 m, under every land cover (`roots` continues the lower horizon)
  what the root zone holds is the water content at field capacity (suction 3.3 m), and what plants
  cannot take that at the wilting point (150 m), by the retention curve of Campbell (1974) with
  the suction and exponent that Cosby et al. (1984, doi:10.1029/WR020i006p00682) have from sand
  and clay; porosity from the bulk density and 2.65 g cm-3 of the mineral grains
  fveg = 1 - exp(-LAI / 2) of each class (the light that leaves let through by Beer's law)
  beta = 0.2, the usual shape of an Arno scheme; wmin = 0.2 wcap; wmax such that the capacities
  between have the mean wcap
  no lakes (the class "Sealed-Water-bodies" has both, and is taken as sealed: LAI near 0), no
  glaciers, no permafrost, land everywhere
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.domain.domain import Domain
from gridhydro.inputs.land_surface import LandSurface, land_surface, orographic_shape
from gridhydro.io import read_raster
from gridhydro.io.hydropy import FIELDS

CRS = "EPSG:3035"
FIELD_CAPACITY, WILTING_POINT = 3.3, 150.0  # m of suction
DEPTH = 1000  # mm, of the soil map
GRAINS = 2.65  # g cm-3
EXTINCTION = 0.5
BETA, LEAST = 0.2, 0.2
WETLANDS = 10  # class of LAI_class.asc


def surface(domain: Domain, data: Path, roots: float = 1.0) -> LandSurface:
    """The land surface of the cells of domains/moselle.toml; data has the folder mhm_moselle.

    roots  depth of the root zone, m
    """
    folder = data / "mhm_moselle" / "morph"
    fields = terrain(domain, folder) | soil(domain, folder, roots) | vegetation(domain, folder)
    cells = {name: domain.pack(field) for name, field in fields.items()}
    deviation = cells["topo_std"]
    cells["beta"] = np.full(domain.size, BETA)
    shape = BETA + np.where(orographic_shape(deviation) >= 0.01, orographic_shape(deviation), 0)
    cells["wmin"] = LEAST * cells["wcap"]
    cells["wmax"] = cells["wmin"] + (1 + shape) * (cells["wcap"] - cells["wmin"])
    cells |= {"lsm": np.ones(domain.size), "flake": np.zeros(domain.size), "area": domain.area}
    maps = {}
    for name, values in cells.items():
        attrs = {"units": FIELDS[name].unit, "long_name": FIELDS[name].long_name}
        maps[name] = domain.unpack(values, name, attrs, ["month"] if values.ndim == 2 else None)
    return land_surface(domain, xr.Dataset(maps), permafrost=False)


def terrain(domain: Domain, folder: Path) -> dict[str, xr.DataArray]:
    height, slope = (read_raster(folder / f"{name}.asc", None, CRS) for name in ("dem", "slope"))
    mean, square = domain.aggregate(height), domain.aggregate(height.astype(np.float64) ** 2)
    return {
        "srftopo": mean,
        "topo_std": np.sqrt((square - mean**2).clip(min=0)),
        "slope_avg": domain.aggregate((slope + 0.5) / 100),
    }


def soil(domain: Domain, folder: Path, roots: float) -> dict[str, xr.DataArray]:
    """wcap and wava, mm."""
    table = pd.read_csv(folder / "soil_classdefinition.txt", sep=r"\s+", skiprows=1)
    sand, clay, density = (table[c] for c in ("SAND[%]", "CLAY[%]", "BD[gcm-3]"))
    depth = table["LD[mm]"].replace(DEPTH, 1000 * roots) - table["UD[mm]"]
    moist, dry = (
        depth * water_content(sand, clay, density, s) for s in (FIELD_CAPACITY, WILTING_POINT)
    )
    classes = read_raster(folder / "soil_class.asc", None, CRS)
    sums = pd.DataFrame({"wcap": moist, "wava": moist - dry}).groupby(table["MU_GLOBAL"]).sum()
    return {name: domain.aggregate(looked_up(classes, sums[name])) for name in sums}


def water_content(sand, clay, density, suction):
    """Volume fraction of water (1) at a suction in m; sand and clay percent, density g cm-3."""
    porosity = 1 - density / GRAINS
    entry = 10 ** (1.88 - 0.0131 * sand) / 100  # m
    exponent = 2.91 + 0.159 * clay
    return porosity * np.minimum(1, (suction / entry) ** (-1 / exponent))


def vegetation(domain: Domain, folder: Path) -> dict[str, xr.DataArray]:
    """fveg and lai (month, y, x), and fwetl."""
    lines = (folder / "LAI_classdefinition.txt").read_text().splitlines()[2:]
    rows = {int(line.split()[0]): line.split()[2:] for line in lines if line.strip()}
    leaves = pd.DataFrame.from_dict(rows, orient="index").astype(float)
    covered = 1 - np.exp(-EXTINCTION * leaves)
    fractions = domain.aggregate(read_raster(folder / "LAI_class.asc", None, CRS), "fraction")
    classes = [int(c) for c in fractions["class"].values]

    def mean(table):
        weights = xr.DataArray(table.loc[classes].to_numpy(), dims=("class", "month"))
        return (weights * fractions.drop_vars("class")).sum("class", skipna=False)

    vegetated = mean(covered)
    return {
        "fveg": vegetated,
        "lai": mean(covered * leaves) / vegetated.where(vegetated > 0, 1),
        "fwetl": fractions[classes.index(WETLANDS)].drop_vars("class"),
    }


def looked_up(classes: xr.DataArray, values: pd.Series) -> xr.DataArray:
    found = values.reindex(classes.values.ravel()).to_numpy(float)
    return classes.copy(data=found.reshape(classes.shape))
