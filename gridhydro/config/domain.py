"""Places of a domain file: gauges and their discharge, land surface, river network."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gridhydro.base.arguments import one_of, required
from gridhydro.config.network import make_network
from gridhydro.config.parse import locate, named, read_options, refuse_unknown
from gridhydro.config.sections import (
    DomainOptions,
    GaugeOptions,
    GaugeTableOptions,
    GrdcOptions,
    LandSurfaceOptions,
)
from gridhydro.domain.builders import only
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.domain import Domain
from gridhydro.domain.reaches import AXIS
from gridhydro.inputs.land_surface import LandSurface, land_surface
from gridhydro.io import next_cells, read_discharge, read_grdc, read_land_surface, read_raster
from gridhydro.io.delimited import read_delimited
from gridhydro.io.discharge import read_discharges
from gridhydro.io.tables import column_of
from gridhydro.io.vector import SUFFIXES, read_gauge_points

# where gauges come from, one of them
GAUGES = ("gauges", "gauge_table", "grdc")


@dataclass(frozen=True)
class Gauges:
    """Gauges of a domain file.

    table      name, x and y or lon and lat, area_km2
    discharge  days by gauges, m3 s-1
    place      file and section, for messages
    """

    table: pd.DataFrame
    discharge: pd.DataFrame
    place: str

    @property
    def names(self) -> list[str]:
        """Names of the gauges."""
        return [str(name) for name in self.table["name"]]


def read_gauges(source: Path, content: dict, data: Path) -> Gauges:
    """The gauges of [[gauges]], [gauge_table] or [grdc]."""
    if "gauges" in content:
        return _each(source, content["gauges"], data)
    if "gauge_table" in content:
        return _table(source, content["gauge_table"], data)
    place = f"{source}, [grdc]"
    options = read_options(source, "grdc", GrdcOptions, content["grdc"])
    with named(f"{place}: folder"):
        discharge, table = read_grdc(data / options.folder, options.stations or None)
    table = table.reset_index()
    refuse_unknown(f"{place}: accept", options.accept, table["name"].astype(str).tolist())
    table["accept"] = table["name"].astype(str).isin(options.accept)
    return Gauges(table, discharge, place)


def _each(source: Path, sections: list[dict], data: Path) -> Gauges:
    gauges = [read_options(source, "gauges", GaugeOptions, given) for given in sections]
    places = ("name", "x", "y", "lon", "lat", "reach", "area_km2", "accept")
    table = pd.DataFrame([{k: getattr(g, k) for k in places} for g in gauges])
    series = {}
    for gauge in gauges:
        path = locate(data, gauge.discharge, f"{source}, [[gauges]] {gauge.name}: discharge")
        with named(f"{source}, [[gauges]] {gauge.name}: discharge"):
            series[gauge.name] = read_discharge(
                path, gauge.name, gauge.variable, gauge.units, gauge.missing, gauge.area_km2
            )
    discharge = pd.DataFrame(series).rename_axis("time")
    return Gauges(table.dropna(axis="columns", how="all"), discharge, f"{source}, [[gauges]]")


def _table(source: Path, section: dict, data: Path) -> Gauges:
    place = f"{source}, [gauge_table]"
    options = read_options(source, "gauge_table", GaugeTableOptions, section)
    path = locate(data, options.file, f"{place}: file")
    with named(f"{place}: file"):
        table = _gauge_table(path)
    path = locate(data, options.discharge, f"{place}: discharge")
    with named(f"{place}: discharge"):
        areas = list(table["area_km2"]) if "area_km2" in table else None
        series = read_discharges(
            path, list(table["name"]), units=options.units, missing=options.missing, areas=areas
        )
    return Gauges(table, series.rename_axis("time"), place)


def _gauge_table(path: Path) -> pd.DataFrame:
    """The rows of a table of gauges, their names as texts; ValueError naming line and column."""
    if path.suffix.lower() in SUFFIXES or path.is_dir():
        return read_gauge_points(path)
    table = read_delimited(path)
    columns: dict = {"name": table.column("name")}
    for name in table.header:
        if name in ("x", "y", "lon", "lat", "area_km2"):
            columns[name] = table.numbers(name)
        elif name == AXIS:  # as it is written
            columns[name] = table.column(name)
        elif name not in ("name", ""):
            cells = table.column(name)
            truths = [{"true": True, "false": False}.get(cell.lower()) for cell in cells]
            if None in truths:
                columns[name] = column_of(np.array(cells), name, path, table.lines)
            else:
                columns[name] = truths
    return pd.DataFrame(columns)


def read_land(source: Path, content: dict, data: Path):
    """Options and fields of [landsurface]; (None, None) without it."""
    if "landsurface" not in content:
        return None, None
    given, place = content["landsurface"], f"{source}, [landsurface]"
    if isinstance(given, dict) and isinstance(given.get("attributes"), str):
        given = given | {"attributes": [given["attributes"]]}
    options = read_options(source, "landsurface", LandSurfaceOptions, given)
    path = locate(data, options.file, f"{place}: file")
    with named(f"{place}: file"):
        return options, read_land_surface(path, options.names)


def make_domain(
    source: Path, content: dict, data: Path, gauges: Gauges, fields: xr.Dataset | None
) -> Domain:
    """The domain of [network] or [domain], on the network of the land surface where it names
    none."""
    if "network" in content:
        return make_network(source, content, data, gauges)
    section, place = content.get("domain", {}), f"{source}, [domain]"
    options = read_options(source, "domain", DomainOptions, section)
    if options.flow_direction is None and fields is None:
        raise ValueError(f"{place}: missing 'flow_direction', or a section [landsurface] with one")
    if options.flow_direction is not None and options.coding is None:
        raise ValueError(f"{place}: missing 'coding'")
    with named(f"{place}: crop_to"):
        one_of("crop_to", options.crop_to, ("gauges", "rivers"))
    area = None
    raster: xr.Dataset | xr.DataArray
    if options.flow_direction is None:
        fields = required("land surface", fields)
        with named(f"{source}, [landsurface]: file"):
            raster, coding = next_cells(fields), "nextxy"
        if "area" in fields:  # of land, as upstream areas are to be compared with
            area = (fields["area"] * fields["lsm"]).assign_attrs(units="m2")
    else:
        path = locate(data, options.flow_direction, f"{place}: flow_direction")
        raster, coding = read_raster(path, options.variable, options.crs), options.coding
    with named(gauges.place), warnings.catch_warnings():
        # the commands say them with the rest of the report
        warnings.simplefilter("ignore", DomainWarning)
        domain = Domain.from_d8(
            raster, coding, gauges=gauges.table, area=area, crs=options.crs,
            resolution=options.resolution, snap=options.snap, nodata=options.nodata,
            cell_reference=options.cell_reference,
        )  # fmt: skip
    if not options.crop:
        return domain
    if options.crop_to == "gauges":
        return domain.crop()
    rivers = domain.network.basin[domain.gauge_cells]
    return only(domain, domain.network.upstream_cells(rivers))[0]


def land_of(
    source: Path, options: LandSurfaceOptions | None, fields: xr.Dataset | None, domain: Domain
) -> LandSurface | None:
    """The land surface of the domain's cells, whose `land_domain` is the domain to run."""
    if options is None or fields is None:
        return None
    with named(f"{source}, [landsurface]"):
        return land_surface(
            domain, fields, permafrost=options.permafrost, factors=options.factors,
            wcap_perma=options.wcap_perma,
        )  # fmt: skip
