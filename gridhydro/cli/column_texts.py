"""Column models as text: a line each, or all that one of them is made of."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from gridhydro.columns import COLUMNS, column
from gridhydro.columns.column import Column, Field


def all_columns() -> str:
    """A line for each column: name, number of stores and of parameters, source."""
    wide = max(map(len, COLUMNS)) + 2
    return "\n".join(
        f"{name:<{wide}}{len(one.states):>3} stores, {len(one.parameters):>2} parameters  "
        f"{one.source}"
        for name, one in COLUMNS.items()
    )


def one_column(name: str) -> str:
    """What a column is, where its equations come from, and its quantities with units and ranges.

    ValueError if there is none of this name.
    """
    found = column(name)
    first = (inspect.getdoc(type(found)) or "").partition("\n\n")[0]
    networks = ", ".join(f"{n.name} of {len(n.scales)} inputs" for n in found.networks)
    parts = [
        f"{found.name}: {' '.join(first.split())}",
        f"source: {found.source}",
        _table("forcings, by day", found.forcings),
        _table("parameters, with their range", found.parameters),
        _table("properties of a cell, known and not learned", found.properties),
        f"networks in the step\n  {networks}" if networks else "",
        _table("stores, with what they hold at first", found.states),
        _table("fluxes and what is derived", found.fluxes),
        _water(found),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(title: str, fields: Sequence[Field]) -> str:
    if not fields:
        return ""
    starts = title.startswith("stores")
    rows = []
    for field in fields:
        span = f"{field.initial:g}" if starts else ""
        if field.bounds is not None:
            span = f"{field.bounds[0]:g} to {field.bounds[1]:g}{' log' * field.log}"
        rows.append((field.name, field.unit, span, field.long_name))
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    lines = [
        "  " + "  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True))
        for row in rows
    ]
    if not any(row[2] for row in rows):
        lines = [f"  {n.ljust(widths[0])}  {u.ljust(widths[1])}  {long}" for n, u, _, long in rows]
    return "\n".join([title, *(line.rstrip() for line in lines)])


def _water(found: Column) -> str:
    brings, takes = (", ".join(names) for names in (found.water_in, found.water_out))
    return f"balance: {brings} in, {takes} out"
