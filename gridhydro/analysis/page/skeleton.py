"""The page of a report around its sections: one HTML file that asks nobody for anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.resources import files

# nothing is loaded from anywhere: a browser is told to refuse it
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass
class Section:
    """A part of the page: `key` names it in links and in the style sheet, `body` is HTML."""

    key: str
    title: str
    body: str
    marked: bool = False


@dataclass
class Head:
    """What stands above the sections; cards are HTML, the others texts.

    world  of a generated one: that nothing in it is measured
    """

    title: str
    kind: str
    line: str
    version: str
    cards: str
    world: str = ""


def page(head: Head, sections: Sequence[Section], data: dict) -> str:
    """The whole page; `data` is what its script draws."""
    bodies = "\n".join(
        f'<section id="{one.key}" class="{one.key}{" some" * one.marked}">'
        f"<h2>{escape(one.title)}</h2>\n{one.body}</section>"
        for one in sections
    )
    links = " ".join(f'<a href="#{one.key}">{escape(one.title)}</a>' for one in sections)
    here = files("gridhydro.analysis.page")
    style, script = ((here / f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    world = f'<p class="world">{escape(head.world)}</p>' if head.world else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(head.title)}, {escape(head.kind)} of gridhydro</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(head.title)}</h1>
<p class="soft">{escape(head.line)}<br>
written {datetime.now():%Y-%m-%d %H:%M} with gridhydro {escape(head.version)}</p>
{world}
<div class="cards">{head.cards}</div>
<nav>{links}</nav>
<noscript><p>The map and the hydrographs need JavaScript; the tables do not.</p></noscript>
</header>
<main>
{bodies}
</main>
<script type="application/json" id="data">{_json(data)}</script>
<script>
{script}</script>
</body>
</html>
"""


def _json(data: dict) -> str:
    """As JSON that no browser takes for the end of the element it lies in."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
