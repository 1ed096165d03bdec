"""What a notebook shows of an object: tables and small pictures, as HTML."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from contextlib import suppress
from html import escape
from io import BytesIO

_CELL = "text-align:left;padding:1px 10px 1px 0"
_HEAD = f"{_CELL};color:#5d666d"
DOTS = 55  # to the inch, of a small picture


def table(rows: Iterable[Sequence], heads: Sequence[str] = (), most: int = 20) -> str:
    """Rows as a table, of which those beyond `most` are counted."""
    rows = list(rows)
    first = "".join(f'<th style="{_HEAD}">{escape(str(head))}</th>' for head in heads)
    lines = [f"<tr>{first}</tr>"] if heads else []
    for row in rows[:most]:
        cells = "".join(f'<td style="{_CELL}">{escape(_text(value))}</td>' for value in row)
        lines.append(f"<tr>{cells}</tr>")
    if len(rows) > most:
        lines.append(f'<tr><td style="{_HEAD}">and {len(rows) - most} more</td></tr>')
    return f'<table style="border-collapse:collapse">{"".join(lines)}</table>'


def _text(value) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def titled(title: str, *parts: str) -> str:
    """Parts of HTML below a title."""
    return f"<div><b>{escape(title)}</b>{''.join(parts)}</div>"


def folded(title: str, part: str) -> str:
    """A part of HTML that is seen when its title is clicked."""
    return f"<details><summary>{escape(title)}</summary>{part}</details>"


def listed(texts: Iterable[str], most: int = 20) -> str:
    """Sentences below each other, of which those beyond `most` are counted."""
    texts = list(texts)
    shown = [f"<li>{escape(text)}</li>" for text in texts[:most]]
    if len(texts) > most:
        shown.append(f"<li>and {len(texts) - most} more</li>")
    return f"<ul>{''.join(shown)}</ul>"


def picture(draw, dots: int = DOTS) -> str:
    """The figure that `draw()` makes, small; nothing where it cannot be drawn: no packages for it,
    or no places to draw."""
    with suppress(ImportError, ValueError):
        file = BytesIO()
        draw().savefig(file, format="png", dpi=dots)
        code = b64encode(file.getvalue()).decode("ascii")
        return f'<img src="data:image/png;base64,{code}">'
    return ""


def fields_table(fields, most: int = 40) -> str:
    """Quantities with long name, unit, and bounds where they have them."""
    rows = [(f.name, f.long_name, f.unit, between(f.bounds)) for f in fields]
    columns = 4 if any(row[3] for row in rows) else 3
    heads = ("name", "what it is", "unit", "bounds")
    return table([row[:columns] for row in rows], heads[:columns], most)


def between(bounds: tuple[float, float] | None) -> str:
    """Bounds in words; nothing without any."""
    return "" if bounds is None else f"{bounds[0]:g} to {bounds[1]:g}"
