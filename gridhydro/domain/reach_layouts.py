"""What data sets of river networks call the columns of their tables, and in which units they are.

MERIT-Basins: Lin et al. (2019, doi:10.1029/2019WR025287); HydroRIVERS and HydroBASINS: Lehner and
Grill (2013, doi:10.1002/hyp.9740); NHDPlus: Moore and Dewald (2016, doi:10.1111/1752-1688.12389);
NextGen: the hydrofabric of NOAA's framework of that name, its flowpaths with their attributes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# what of a reach a column may have, and the unit that it is brought to; "" where it has none
ROLES = {
    "id": "", "downstream": "", "from_node": "", "to_node": "", "main": "",
    "length": "m", "slope": "1", "area": "m2", "upstream_area": "m2", "lon": "", "lat": "",
}  # fmt: skip
LINKS = ("id", "downstream", "from_node", "to_node")
# units that the end of a column's name tells
_ENDINGS = {
    "length": (("km", "km"), ("_m", "m")),
    "area": (("sqkm", "km2"), ("skm", "km2"), ("km2", "km2"), ("_m2", "m2")),
    "slope": (("percent", "%"), ("pct", "%"), ("m_km", "m km-1"), ("mkm", "m km-1")),
}
_ENDINGS["upstream_area"] = _ENDINGS["area"]


@dataclass(frozen=True)
class Layout:
    """Columns of a data set by what they have, in any case of letters, and their units.

    columns  role -> name, or names of several versions
    units    role -> unit, where it is not that of `ROLES`
    missing  what stands for a slope or length that is not known
    """

    columns: Mapping[str, str | tuple[str, ...]]
    units: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[float, ...] = (-9999.0, -9998.0)


_KM = {"length": "km", "area": "km2", "upstream_area": "km2"}
LAYOUTS = {
    "merit_basins": Layout(
        {"id": "COMID", "downstream": "NextDownID", "length": "lengthkm", "slope": "slope",
         "area": "unitarea", "upstream_area": "uparea"}, _KM,
    ),
    "hydrorivers": Layout(
        {"id": "HYRIV_ID", "downstream": "NEXT_DOWN", "length": "LENGTH_KM", "area": "CATCH_SKM",
         "upstream_area": "UPLAND_SKM"}, _KM,
    ),
    "hydrobasins": Layout(
        {"id": "HYBAS_ID", "downstream": "NEXT_DOWN", "area": "SUB_AREA",
         "upstream_area": "UP_AREA"}, _KM,
    ),
    "nhdplus": Layout(
        {"id": ("COMID", "NHDPlusID"), "from_node": "FromNode", "to_node": "ToNode",
         "main": "Divergence", "length": "LENGTHKM", "slope": "SLOPE", "area": "AreaSqKM",
         "upstream_area": "TotDASqKM"}, _KM,
    ),
    "nhdplus_links": Layout(
        {"id": ("COMID", "NHDPlusID"), "downstream": "tocomid", "main": "Divergence",
         "length": "LENGTHKM", "slope": "SLOPE", "area": "AreaSqKM",
         "upstream_area": "TotDASqKM"}, _KM,
    ),
    "nextgen": Layout(
        {"id": "id", "downstream": "toid", "length": "lengthkm", "slope": ("So", "slope"),
         "area": "areasqkm", "upstream_area": "tot_drainage_areasqkm"}, _KM,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """The columns of a table by role, their units (None where not known), and codes of what is
    missing."""

    names: dict[str, str]
    units: dict[str, str | None]
    missing: tuple[float, ...]
    layout: str | None


def columns_of(table, layout: str | None, columns, units) -> Columns:
    """The columns of a table: of a layout, which its names tell where none is said, and as given.

    columns  role -> name, which goes before that of the layout
    units    role -> unit, where layout and names do not tell it
    ValueError for roles, layouts and columns that are not there, and for a table without ids or
    without what lies downstream.
    """
    columns, units = dict(columns or {}), dict(units or {})
    for role in (*columns, *units):
        if role not in ROLES:
            raise ValueError(f"the columns of reaches are {', '.join(ROLES)}, not '{role}'")
    there = [str(name) for name in table.columns]
    for role, name in columns.items():
        if name not in there:
            raise ValueError(
                f"the reaches have no column '{name}' ({role}), but {', '.join(there[:20])}"
            )
    if layout is None and not set(LINKS) & set(columns):
        layout = _told(there)
    elif layout is not None and layout not in LAYOUTS:
        raise ValueError(f"layout is one of {', '.join(LAYOUTS)}, not {layout!r}")
    known = LAYOUTS.get(layout or "", Layout({}))
    names = {role: name for role, name in _in(known, there).items() if role not in columns}
    if "downstream" in columns:  # the reach itself is named: nodes are not needed
        names = {role: name for role, name in names.items() if not role.endswith("_node")}
    found_units = {role: known.units.get(role, ROLES[role] or None) for role in names}
    found_units |= {role: _by_name(role, name) for role, name in columns.items()} | units
    names |= columns
    if "id" not in names or not ("downstream" in names or {"from_node", "to_node"} <= set(names)):
        raise ValueError(
            f"the reaches have the columns {', '.join(there[:20])}: say which has the ids and "
            'which the id of the next reach downstream, columns={"id": ..., "downstream": ...}, '
            f"or a layout ({', '.join(LAYOUTS)})"
        )
    return Columns(names, found_units, known.missing, layout)


def _in(layout: Layout, there: list[str]) -> dict[str, str]:
    """Role -> name in the table, of those columns of a layout that it has."""
    by_lower = {name.lower(): name for name in reversed(there)}
    found: dict[str, str] = {}
    for role, names in layout.columns.items():
        for name in (names,) if isinstance(names, str) else names:
            if name.lower() in by_lower:
                found.setdefault(role, by_lower[name.lower()])
    return found


def _told(there: list[str]) -> str | None:
    """The layout whose ids and links a table has; ValueError where these are several."""
    fits = [
        name
        for name, layout in LAYOUTS.items()
        if {role for role in layout.columns if role in LINKS} <= _in(layout, there).keys()
    ]
    if len(fits) > 1:
        raise ValueError(
            f"the columns of the reaches are those of {' and '.join(fits)}: say layout="
        )
    return fits[0] if fits else None


def _by_name(role: str, name: str) -> str | None:
    """The unit that the name of a column tells, as "length_km" does; of a slope 1 without any."""
    bare = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    for ending, unit in _ENDINGS.get(role, ()):
        if bare.endswith(ending):
            return unit
    return "1" if role == "slope" else None
