"""Lakes and reservoirs on the cells of a domain."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhydro.base.report import Report
from gridhydro.domain.check import DomainWarning
from gridhydro.domain.domain import Domain
from gridhydro.domain.grid import find, nearest
from gridhydro.domain.lake_table import ACTIVE_DEPTH, lake_table
from gridhydro.domain.placing import WRONG, place_gauges


@dataclass(frozen=True)
class Lakes:
    """Lakes and reservoirs where a river of the domain flows through them.

    table   by name: cell, x, y, capacity_m3, regulated, upstream_km2 as it is given (or NaN) and
            network_km2, what drains to the cell; several in a cell are one row
    report  what was left out, moved, joined or assumed
    size    N cells of the domain
    """

    table: pd.DataFrame
    report: Report
    size: int

    @classmethod
    def of(
        cls,
        domain: Domain,
        lakes,
        *,
        columns: Mapping[str, str] | None = None,
        units: Mapping[str, str] | None = None,
        active_depth: float = ACTIVE_DEPTH,
        snap: bool = True,
    ) -> Lakes:
        """From a table with the columns of HydroLAKES or GRanD, or others.

        `gridhydro.io.read_lakes` gives that of a file.

        The place of a lake is where its water leaves (Pour_long, Pour_lat): its cell is found as
        that of a gauge, by the area that drains to it (Wshd_area, CATCH_SKM) if that is known, up
        to two cells away with `snap`. A lake takes the place of the river in its cell, so that one
        is left out whose area differs from that of the cell by more than half: it is on a small
        stream, and its water stays in the cell. So are those outside the domain. Several in a cell
        are one of their joint capacity, a reservoir if most of that is of reservoirs. Each is said
        once, in a warning and in `report`. The other arguments are those of
        `lake_table.lake_table`.
        """
        if domain.lumped:
            raise ValueError("lumped basins have no rivers, and so no lakes on them")
        table, report = lake_table(lakes, domain.crs, columns, units, active_depth)
        table = _placed(domain, table, report, snap)
        table = _joined(table, report)
        for text in report.warnings:
            warnings.warn(text, DomainWarning, stacklevel=2)
        return cls(table, report, domain.size)

    @property
    def properties(self) -> dict[str, np.ndarray]:
        """`lake_capacity` (N,) m3 and `lake_regulated` (N,), 1 or 0, for `gridhydro.Model`."""
        capacity, regulated = np.zeros(self.size), np.zeros(self.size)
        capacity[self.table["cell"]] = self.table["capacity_m3"]
        regulated[self.table["cell"]] = self.table["regulated"]
        return {"lake_capacity": capacity, "lake_regulated": regulated}


def _placed(domain: Domain, table: pd.DataFrame, report: Report, snap: bool) -> pd.DataFrame:
    """The lakes of the domain, with their cell and what drains to it."""
    grid, network = domain.raster_grid, domain.network
    cells = domain.row * grid.shape[1] + domain.col
    target = np.full(grid.shape[0] * grid.shape[1], -1)
    inner = network.downstream >= 0
    target[cells[inner]] = cells[network.downstream[inner]]
    upstream = network.accumulate(domain.area) / 1e6
    raster = np.full(grid.shape, np.nan)
    raster[domain.row, domain.col] = upstream
    rows = nearest(find(grid.y, table["y"]), grid.y.size)
    cols = nearest(find(grid.x, table["x"], 360.0 if grid.geographic else None), grid.x.size)
    inside = (rows >= 0) & (cols >= 0)
    inside[inside] = ~np.isnan(raster[rows[inside], cols[inside]])
    _say(report, table.index[~inside], len(table), "lie outside the domain and are left out")
    table = table[inside]
    as_gauges = table[["x", "y"]].assign(area_km2=table["upstream_km2"], accept=False)
    flat, _ = place_gauges(as_gauges, grid, raster, target, snap)
    rank = np.full(target.size, -1)
    rank[cells] = np.arange(domain.size)
    table = table.assign(cell=rank[flat])
    table["network_km2"] = upstream[table["cell"]]
    moved = flat != rows[inside] * grid.shape[1] + cols[inside]
    off = np.abs(table["network_km2"] / table["upstream_km2"] - 1) > WRONG
    _say(
        report, table.index[off], len(table),
        "are on a river that drains more or less than they do by over half, and are left out",
    )  # fmt: skip
    if (moved & ~off).any():
        report.notes.append(
            f"{(moved & ~off).sum()} lakes were moved to a cell nearby that drains what they do: "
            f"{_some(table.index[moved & ~off])}"
        )
    return table[~off]


def _joined(table: pd.DataFrame, report: Report) -> pd.DataFrame:
    """One lake in a cell."""
    several = table["cell"].duplicated(keep=False)
    if not several.any():
        return table
    cells = table.loc[several, "cell"].nunique()
    report.warnings.append(
        f"{several.sum()} lakes are in {cells} cells with others, and are one in each of them: "
        f"{_some(table.index[several])}"
    )
    by_cell = table.reset_index().groupby("cell", sort=True)
    held = (table["capacity_m3"] * table["regulated"]).groupby(table["cell"]).sum()
    found = by_cell.agg(
        name=("name", " + ".join), x=("x", "first"), y=("y", "first"),
        capacity_m3=("capacity_m3", "sum"), upstream_km2=("upstream_km2", "max"),
        network_km2=("network_km2", "first"),
    )  # fmt: skip
    found["regulated"] = held > found["capacity_m3"] / 2
    return found.reset_index().set_index("name")[list(table.columns)]


def _say(report: Report, names: pd.Index, count: int, what: str) -> None:
    if len(names):
        report.warnings.append(f"{len(names)} of {count} lakes {what}: {_some(names)}")


def _some(names: pd.Index) -> str:
    return ", ".join(names[:5]) + " and others" * (len(names) > 5)
