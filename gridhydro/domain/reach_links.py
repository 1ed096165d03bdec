"""Which reach each reach of a table drains to: ids, nodes, and what lies between two reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhydro.base.identifiers import alike, identifiers
from gridhydro.base.report import Report
from gridhydro.base.words import count_of
from gridhydro.domain.network import cycles, shorten
from gridhydro.domain.reach_layouts import Columns

_MINOR = 2  # NHDPlus: 1 is the main path of a divergence, 2 one of the others


@dataclass(frozen=True)
class Links:
    """The N reaches of a table of R rows, which has more rows than reaches where rivers divide.

    rows        (N,) int64, the first row of each reach
    ids         (N,) as of `Reaches`
    downstream  (N,) int64, place of the next reach, -1 where water leaves
    """

    rows: np.ndarray
    ids: np.ndarray
    downstream: np.ndarray


def links(table: pd.DataFrame, columns: Columns, nexus, report: Report) -> Links:
    """The reaches of a table and where they drain to.

    nexus  table of id and toid of the points between reaches, where these are not ids of reaches
    What is decided is noted in the `report`. ValueError for ids that are missing or of two reaches,
    for a river that divides without a main path, and for circles.
    """
    ids = _ids(table, columns.names["id"])
    if "downstream" in columns.names:
        name = columns.names["downstream"]
        to, missing = identifiers(table[name].to_numpy(), f"the column '{name}'")
        ids, to, missing = _past_nexus(ids, to, missing, nexus, report)
        starts = np.arange(len(table))
    else:
        ids, to, missing, starts = _by_nodes(table, columns, ids)
    rows = np.sort(np.unique(ids, return_index=True)[1])  # as the table has them
    index = pd.Index(ids[rows])
    place = index.get_indexer(ids)
    if len(rows) < len(ids):
        _refuse_twice(table, columns, ids, rows[place])
    target = np.where(missing, -1, index.get_indexer(to))
    _tell_outlets(ids[starts], to, missing, target, report)
    target = np.where(target == place[starts], -1, target)
    edges = pd.DataFrame({"start": place[starts], "end": target}).drop_duplicates()
    edges = edges[edges["end"] >= 0].to_numpy()
    downstream = np.full(len(rows), -1, dtype=np.int64)
    edges = _main_paths(table, columns, edges, rows, ids[rows], report)
    downstream[edges[:, 0]] = edges[:, 1]
    circles = cycles(downstream)
    if circles:
        first = [str(ids[rows][cell]) for cell in circles[0]]
        what = "group of reaches drains", "groups of reaches drain"
        raise ValueError(
            f"{count_of(len(circles), *what)} in a circle, the first: {shorten(first, 8)}; let one "
            "of each drain elsewhere, or nowhere (0)"
        )
    return Links(rows, ids[rows], downstream)


def _ids(table: pd.DataFrame, name: str) -> np.ndarray:
    if not len(table):
        raise ValueError("the table of reaches has no row")
    ids, missing = identifiers(table[name].to_numpy(), f"the ids of reaches, column '{name}',")
    if missing.any():
        raise ValueError(f"row {int(missing.argmax()) + 1} of the reaches has no id ('{name}')")
    return ids


def _past_nexus(ids, to, missing, nexus, report: Report):
    """Ids and what is downstream of them, through the points between reaches."""
    if nexus is None:
        return *alike(ids, to), missing
    lower = {str(name).lower(): name for name in nexus.columns}
    if not {"id", "toid"} <= set(lower):
        raise ValueError(
            f"the table of nexuses needs 'id' and 'toid', and has {', '.join(map(str, nexus))}"
        )
    points, none = identifiers(nexus[lower["id"]].to_numpy(), "the ids of nexuses")
    after, ends = identifiers(nexus[lower["toid"]].to_numpy(), "the 'toid' of nexuses")
    ids, to, points, after = alike(ids, to, points, after)
    pairs = pd.DataFrame({"point": points, "after": after, "ends": ends})[~none].drop_duplicates()
    twice = pairs["point"][pairs["point"].duplicated()]
    if len(twice):
        raise ValueError(f"the nexus '{twice.iloc[0]}' leads to several reaches: keep one of them")
    place = pd.Index(pairs["point"]).get_indexer(to)
    through = (place >= 0) & ~missing
    found = to.copy()
    found[through] = pairs["after"].to_numpy()[place[through]]
    missing = np.where(through, pairs["ends"].to_numpy()[place], missing)
    report.notes.append(f"{count_of(int(through.sum()), 'reach', 'reaches')} drain through a nexus")
    return ids, found, missing


def _by_nodes(table: pd.DataFrame, columns: Columns, ids):
    """Ids, what is downstream of each and where nothing is, by the nodes at which rivers begin and
    end; and the row that each of these links starts from, as many as there are for some."""
    nodes, none = {}, {}
    for role in ("from_node", "to_node"):
        name = columns.names[role]
        nodes[role], none[role] = identifiers(table[name].to_numpy(), f"the column '{name}'")
    begin, end = alike(nodes["from_node"], nodes["to_node"])
    heads = np.flatnonzero(~none["from_node"])
    heads = heads[np.argsort(begin[heads], kind="stable")]
    keys = begin[heads]
    first, last = keys.searchsorted(end, "left"), keys.searchsorted(end, "right")
    count = np.where(none["to_node"], 0, last - first)
    width = np.maximum(count, 1)  # a river that ends has a row too
    starts = np.repeat(np.arange(len(end)), width)
    within = np.arange(len(starts)) - np.repeat(np.cumsum(width) - width, width)
    goes_on = count[starts] > 0
    place = np.where(goes_on, first[starts] + within, 0)
    return ids, ids[heads[place]] if len(heads) else ids[starts], ~goes_on, starts


def _refuse_twice(table: pd.DataFrame, columns: Columns, ids, first) -> None:
    """ValueError for an id of two reaches: rows of one that divides differ only downstream."""
    again = np.flatnonzero(first != np.arange(len(ids)))
    downstream = columns.names.get("downstream")
    for role, name in columns.names.items():
        if role in ("id", "downstream"):
            continue
        mine, other = table[name].to_numpy()[again], table[name].to_numpy()[first[again]]
        differ = ~((mine == other) | (pd.isna(mine) & pd.isna(other)))
        if differ.any():
            wrong = again[int(np.argmax(differ))]
            raise ValueError(
                f"the id {ids[wrong]} is given twice, in rows {first[wrong] + 1} and {wrong + 1}, "
                f"with another '{name}': ids must differ"
            )
    same = table.iloc[again]
    if (
        downstream is None
        or (same[downstream].to_numpy() == table[downstream].to_numpy()[first[again]]).any()
    ):
        wrong = again[0]
        raise ValueError(
            f"the id {ids[wrong]} is given twice, in rows {first[wrong] + 1} and {wrong + 1}: "
            "ids must differ"
        )


def _tell_outlets(ids, to, missing, target, report: Report) -> None:
    """Note links that lead to no reach: those of outlets, and to reaches that are elsewhere."""
    bare = pd.Series(to).astype(str).str.replace(r"^[A-Za-z]+[-_]", "", regex=True)
    code = bare.str.fullmatch(r"(0+|-\d+)(\.0*)?").to_numpy()
    outside = np.flatnonzero((target < 0) & ~missing & ~code & (to != ids))
    if outside.size:
        nexus = pd.Series(to[outside]).astype(str).str.match(r"^[a-z]*nex-").any()
        first = f"{ids[outside[0]]} to {to[outside[0]]}"
        if nexus:
            raise ValueError(
                f"{count_of(outside.size, 'reach drains', 'reaches drain')} to a nexus, the first: "
                f"{first}: give the table of nexuses, which says what lies behind it, nexus="
            )
        report.warnings.append(
            f"{count_of(outside.size, 'reach drains', 'reaches drain')} to one that is not in the "
            f"table, the first: {first}; water leaves the domain there"
        )


def _main_paths(table, columns: Columns, edges, rows, ids, report: Report) -> np.ndarray:
    """One link of each reach; ValueError naming a river that divides and has no main path."""
    count = np.bincount(edges[:, 0], minlength=len(rows)) if len(edges) else np.zeros(1, int)
    several = np.flatnonzero(count > 1)
    if not several.size:
        return edges
    what = count_of(several.size, "reach drains", "reaches drain")
    name = columns.names.get("main")
    dividing = np.isin(edges[:, 0], several)
    if name is None:
        ends = [str(ids[end]) for start, end in edges if start == several[0]]
        raise ValueError(
            f"{what} to several others, the first: {ids[several[0]]} to {' and '.join(ends)}; a "
            'reach has one downstream: say which column has the main path, columns={"main": ...}, '
            "2 or false for a minor one"
        )
    minor = _minor(table[name].to_numpy()[rows], name)
    kept = edges[~dividing | ~minor[edges[:, 1]]]
    left = np.bincount(kept[:, 0], minlength=len(rows))
    wrong = several[left[several] != 1]
    if wrong.size:
        raise ValueError(
            f"of the reaches that {ids[wrong[0]]} drains to, {left[wrong[0]]} are main paths by "
            f"'{name}', should be one ({wrong.size} such reaches)"
        )
    report.warnings.append(
        f"{what} to several others: all water takes the main path by '{name}', and "
        f"{count_of(int(len(edges) - len(kept)), 'minor path')} has none from there"
    )
    return kept


def _minor(values, name: str) -> np.ndarray:
    """Whether each reach is a minor path: 2 of NHDPlus, false of a column of truths.

    ValueError for any other value than these.
    """
    words = {"true": 1, "yes": 1, "false": _MINOR, "no": _MINOR, "nan": 0, "none": 0, "": 0}
    words |= {str(n): n for n in (0, 1, _MINOR)} | {f"{n}.0": n for n in (0, 1, _MINOR)}
    texts = pd.Series(values).astype(str).str.strip().str.lower()
    unknown = texts[~texts.isin(words)]
    if len(unknown):
        raise ValueError(
            f"the main paths ('{name}') are 1 or true, minor ones 2 or false, not {unknown.iloc[0]}"
        )
    return (texts.map(words) == _MINOR).to_numpy()
