"""The land surface of a domain: what a HydroPy column is told of its cells beside the weather.

Equations and numbers are those of HydroPy 1.0.2 (Stacke and Hagemann, 2021, Geosci. Model Dev. 14).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import number
from gridhydro.domain.domain import Domain
from gridhydro.inputs.lags import lags, river_distance
from gridhydro.inputs.land_attributes import ATTRIBUTES, cell_attributes
from gridhydro.inputs.mouths import beyond_mouths
from gridhydro.inputs.seasons import melt_factor, monthly_weights
from gridhydro.io.hydropy import FIELDS, land_fields

LEAST_WATER = 1e-10  # fraction of a cell: runoff always has somewhere to go

# HydroPy has its rates of drainage as 2.77778e-7 and 2.77778e-5 kg m-2 s-1
CONSTANTS = {
    "drainage_min": 2.77778e-7 * 86400,
    "drainage_max": 2.77778e-5 * 86400,
    "drainage_low": 0.05,
    "drainage_high": 0.90,
    "transpiration_critical": 0.75,
    "bare_soil_low": 0.05,
}

_DAILY = {
    "vegetation_fraction": ("1", "vegetation fraction"),
    "leaf_area_index": ("1", "leaf area index"),
    "melt_factor": ("mm d-1 K-1", "snow melt per degree above the freezing point"),
}


@dataclass(frozen=True, eq=False)
class LandSurface:
    """The land surface of the N cells of a domain, as `land_surface` makes it; float64.

    domain      of these cells
    raw         name -> (N,), and (12, N) for fveg and lai: the fields as they were read
    properties  name -> (N,): soil_capacity, wilting_point, soil_capacity_min, soil_capacity_max, mm
                (over permafrost, reduced); arno_shape, water_fraction, 1; and of the river in a
                cell river_reservoirs, 1 to 5
    defaults    name -> (N,): HydroPy's values of the column's nine parameters; lags may lie beyond
                the bounds within which they are learned, lakes make them long
    area        (N,) m2 of land: what depths of the column are over
    """

    domain: Domain
    raw: dict[str, np.ndarray]
    properties: dict[str, np.ndarray]
    defaults: dict[str, np.ndarray]
    area: np.ndarray

    @property
    def reservoirs(self) -> np.ndarray:
        """Linear reservoirs in the river of each cell, (N,) int64."""
        return self.properties["river_reservoirs"]

    @property
    def vegetation(self) -> tuple[np.ndarray, np.ndarray]:
        """Vegetation fraction and leaf area index of the months, (12, N) each."""
        return self.raw["fveg"], self.raw["lai"]

    def land_domain(self) -> Domain:
        """The domain with `area` the land of its cells, and the gauges' network areas of land."""
        gauges = self.domain.gauges.copy()
        upstream = self.domain.network.accumulate(self.area)
        gauges["network_area_km2"] = upstream[self.domain.gauge_cells] / 1e6
        return replace(self.domain, area=self.area, gauges=gauges)

    def forcing(self, times, latitude=None, melt: str = "temporal") -> xr.Dataset:
        """Daily vegetation_fraction, leaf_area_index (1) and melt_factor (mm d-1 K-1), float32.

        times     days, of any years
        latitude  (N,) degrees north, where the domain does not know it
        melt      HydroPy's scheme: "temporal", "spatial" or "both"; the last two need ddfac
        Dataset (time, y, x), or (time, gauge) for lumped basins. Vegetation takes what water leaves
        of a cell. ValueError for latitudes that are not known, and a scheme that lacks its field.
        """
        times = pd.DatetimeIndex(times)
        daily = self.daily(times, latitude, melt)
        return xr.Dataset(
            {
                name: self.domain.unpack(
                    daily[name],
                    name,
                    {"units": unit, "long_name": long_name},
                    ["time"],
                    {"time": times},
                )
                for name, (unit, long_name) in _DAILY.items()
            }
        )

    def daily(self, times, latitude=None, melt: str = "temporal") -> dict[str, np.ndarray]:
        """As `forcing`, name -> (T, N) of the cells, float32.

        ValueError if a latitude is not known.
        """
        times = pd.DatetimeIndex(times)
        latitude = self.domain.lonlat[1] if latitude is None else np.asarray(latitude, float)
        unknown = np.flatnonzero(~(np.abs(latitude) <= 90))
        if unknown.size:
            raise ValueError(
                f"the latitude of {self.domain.name_cell(unknown[0])} is not known: the melt of "
                "snow follows the length of the day, so give latitude="
            )
        weights = monthly_weights(times)
        vegetation, leaves = (weights @ monthly for monthly in self.vegetation)
        land = 1 - self.properties["water_fraction"]
        daily = (
            np.minimum(np.clip(vegetation, 0, 1), land),
            np.maximum(leaves, 0),
            melt_factor(times, latitude, melt, self.raw.get("ddfac")),
        )
        return {name: v.astype(np.float32) for name, v in zip(_DAILY, daily, strict=True)}

    def attributes(self, climate: xr.Dataset | None = None, names=ATTRIBUTES) -> xr.Dataset:
        """Attributes of the cells for a network: rasters (y, x), or (gauge) for lumped basins.

        climate  Dataset of further attributes, such as those of `climate.climate_means`
        names    chosen among the fields of the land surface (before permafrost reduces them), among
                 lai_ and fveg_ avg, max, min and diff (of the months), and those of `climate`.
                 The default are 21: five of the soil, five of terrain and water, six of the
                 vegetation and five of the climate
        ValueError naming those that are not there.
        """
        climate = xr.Dataset() if climate is None else climate
        return cell_attributes(self.domain, self.raw, climate, names)


def land_surface(
    domain: Domain,
    dataset: xr.Dataset,
    *,
    permafrost: bool = True,
    factors=(1.0, 1.0, 1.0),
    wcap_perma: float = 50.0,
) -> LandSurface:
    """The land surface of a domain from the fields of `read_land_surface`.

    dataset     fields on the domain's grid, or (gauge) for lumped basins
    permafrost  whether frozen ground makes the root zone shallow; needs the field perm
    factors     multiply the lags of surface water, groundwater and river
    wcap_perma  mm, the capacity of the root zone over permafrost at most
    Where flake, fwetl, glacier or perm is missing there is none. The area of cells is the field
    area, or the domain's. With rout_lat and rout_lon the river of a mouth leads to the cell that
    they name, such as the sea. ValueError naming field and cell where another field is missing,
    and the cell where there is no land.
    """
    found = land_fields(dataset)
    raw, beyond = _packed(domain, found), beyond_mouths(domain, found)
    area = raw.get("area", domain.area)
    land = area * raw["lsm"] * (1 - raw.get("glacier", 0.0))
    bare = np.flatnonzero(~(land > 0))
    if bare.size:
        raise ValueError(
            f"the land surface has no land without glaciers in {bare.size} cells of the domain, "
            f"the first: {domain.name_cell(bare[0])}; mask them out of the domain, or mend lsm "
            "and glacier"
        )
    if permafrost and "perm" not in raw:
        raise ValueError(
            "the land surface lacks perm (permafrost fraction): add it, or say that there is none "
            "with permafrost=False"
        )
    frozen = raw["perm"] if permafrost else 0.0
    capacity, available, least, most = _over_permafrost(
        raw, frozen, number("wcap_perma", wcap_perma, 0)
    )
    roughness = orographic_shape(raw["topo_std"])
    water = np.maximum(raw["flake"], raw["fwetl"])
    times = lags(
        area, *river_distance(domain, raw["srftopo"], area, beyond), raw["slope_avg"], roughness,
        raw["flake"], raw["fwetl"], factors,
    )  # fmt: skip
    constants = {name: np.full(domain.size, value) for name, value in CONSTANTS.items()}
    return LandSurface(
        domain=domain,
        raw=raw,
        properties={
            "soil_capacity": capacity,
            "wilting_point": capacity - available,
            "soil_capacity_min": least,
            "soil_capacity_max": most,
            "arno_shape": raw["beta"] + np.where(roughness >= 0.01, roughness, 0.0),
            "water_fraction": np.clip(water, LEAST_WATER, 1),
            "river_reservoirs": times.reservoirs,
        },
        defaults=constants
        | {
            "surface_lag": times.surface,
            "groundwater_lag": times.groundwater,
            "river_lag": times.river,
        },
        area=land,
    )


def orographic_shape(deviation) -> np.ndarray:
    """Addition of rough terrain to the shape (1) of the Arno scheme.

    deviation  m, standard deviation of the elevation within the cell

    Duemenil and Todini (1992), as HydroPy has it: none up to 100 m.
    """
    return np.maximum(0, (deviation - 100) / (deviation + 1000))


def _over_permafrost(raw, frozen, shallow: float):
    """wcap, wava, wmin and wmax, mm, where a part of the cell has a shallow root zone."""
    capacity = raw["wcap"]
    whole = np.where(capacity > 0, capacity, 1.0)
    left = np.minimum(capacity, shallow) * frozen + capacity * (1 - frozen)
    return [raw[name] * left / whole for name in ("wcap", "wava", "wmin", "wmax")]


def _packed(domain: Domain, dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """The fields of the cells, without gaps."""
    raw = {}
    for name in FIELDS:
        if name not in dataset:
            continue
        values = domain.pack(dataset[name])
        gaps = ~np.isfinite(values)
        if FIELDS[name].zero:
            values = np.where(gaps, 0.0, values)
        elif gaps.any():
            cell = int(np.argwhere(gaps)[0][-1])
            raise ValueError(
                f"'{name}' ({FIELDS[name].long_name}) of the land surface is missing in "
                f"{gaps.reshape(-1, domain.size).any(0).sum()} of {domain.size} cells, the first: "
                f"{domain.name_cell(cell)}; fill it (HydroPy takes 0), or mask these cells out"
            )
        raw[name] = values
    return raw
