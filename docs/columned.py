"""Docstrings as they are written here, for the site: names in a column become a list.

A line "name  what it is", and those below it that are indented further, are one entry.
"""

from __future__ import annotations

import re

try:
    import griffe
except ImportError:  # the hook reads docstrings too, and is tested without the site's packages
    griffe = None

ENTRY = re.compile(r"^(?P<name>[\w\[\].*\"-]+(?:, [\w\[\].*\"-]+)*)  +(?P<text>\S.*)$")


def as_markdown(text: str) -> str:
    """A docstring as Markdown: "name  text" in columns as a list of terms."""
    found: list[str] = []
    width = 0  # of the column of names that goes on in lines that begin with so many blanks
    for line in text.splitlines():
        entry = ENTRY.match(line)
        if entry:
            names = ", ".join(f"`{name}`" for name in entry["name"].split(", "))
            if not width and found and found[-1]:
                found.append("")
            found.append(f"- {names}: {entry['text']}")
            width = len(line) - len(entry["text"])
        elif width and line.startswith(" ") and line.strip():
            found.append(f"  {line.strip()}")
        else:
            if width and line.strip():
                found.append("")
            width = 0
            found.append(line)
    return "\n".join(found)


def entries(text: str) -> dict[str, str]:
    """Name -> what the columns of a docstring say of it."""
    found: dict[str, str] = {}
    last: list[str] = []
    for line in text.splitlines():
        entry = ENTRY.match(line)
        if entry:
            last = entry["name"].split(", ")
            found |= dict.fromkeys(last, entry["text"])
        elif last and line.startswith(" ") and line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in last}
        else:
            last = []
    return found


if griffe is not None:

    class Columned(griffe.Extension):
        """Every docstring of the package, as Markdown."""

        def on_instance(self, *, obj, **kwargs) -> None:
            if obj.docstring is not None:
                obj.docstring.value = as_markdown(obj.docstring.value)
