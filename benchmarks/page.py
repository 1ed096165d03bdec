"""The page of a study, made of what its runs left: one template for all.

A page is a folder below `benchmarks/results/`:

README.md   title and commands, then text that is written by hand and kept, then a list of files
tables.md   sections of tables and numbers, with machines and versions at the end
*.csv       tables
*.png       figures
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from benchmarks import jobs, options
from benchmarks.machine import describe
from gridhydro.base.files import replace
from gridhydro.evaluation import plots
from gridhydro.evaluation.tables import to_markdown

FILES = "## Files"


class Table(NamedTuple):
    """A table as CSV, where there is one."""

    caption: str
    make: Callable[[Any], pd.DataFrame | None]
    digits: int = 4


class Drawing(NamedTuple):
    """A figure, where there is something to draw."""

    caption: str
    draw: Callable[[Any], Figure | None]
    dpi: int = 85


@dataclass(frozen=True)
class Page:
    """What a study shows, and of what it is made.

    name      its folder below benchmarks/results
    title     of README.md
    commands  that made it, without `python -m benchmarks`, each with a remark or ""
    read      options -> what there is to show: `found` of all others, which give None or "" where
              it has nothing for them
    sections  title -> text or table of tables.md
    tables    name -> Table, written as NAME.csv
    figures   name -> Drawing, written as NAME.png
    data      whether it reads the folder of data sets
    runs      how many folders of runs it reads: None, 1 or "+"
    """

    name: str
    title: str
    commands: Mapping[str, str]
    read: Callable[[Namespace], Any]
    sections: Mapping[str, Callable[[Any], str | pd.DataFrame | None]]
    tables: Mapping[str, Table] = field(default_factory=dict)
    figures: Mapping[str, Drawing] = field(default_factory=dict)
    data: bool = False
    runs: int | str | None = 1

    def arguments(self, parser: ArgumentParser) -> None:
        if self.data:
            options.data(parser)
        if self.runs:
            several = {"nargs": "+"} if self.runs == "+" else {}
            parser.add_argument(
                "--runs", type=Path, required=True, help="the --out of the study", **several
            )
        folder = options.RESULTS / self.name
        parser.add_argument("--out", type=Path, default=folder, help="folder of the page")

    def main(self, given: Namespace) -> None:
        """Write the page, and print its sections."""
        found, out = self.read(given), given.out
        out.mkdir(parents=True, exist_ok=True)
        text = self.told(found) + self.machine(given)
        print(text)
        replace(out / "tables.md", lambda path: path.write_text(text))
        for name, table in self.tables.items():
            if (made := table.make(found)) is not None:
                index = any(level is not None for level in made.index.names)
                made.round(table.digits).to_csv(out / f"{name}.csv", index=index)
        for name, figure in self.figures.items():
            if (drawn := figure.draw(found)) is not None:
                plots.save(drawn, out / f"{name}.png", dpi=figure.dpi)
        readme = self.readme(out)
        replace(out / "README.md", lambda path: path.write_text(readme))

    def told(self, found) -> str:
        """The sections that have something to say, as Markdown."""
        parts = []
        for title, make in self.sections.items():
            text = make(found)
            text = to_markdown(text) if isinstance(text, pd.DataFrame) else text
            if text:
                parts.append(f"## {title}\n\n{text}\n")
        return "\n".join(parts)

    def machine(self, given: Namespace) -> str:
        if self.runs is None:
            now = describe("cpu")
            text = f"{now['date'][:10]}: {jobs.machine_line(now)}"
        else:
            folders = given.runs if self.runs == "+" else [given.runs]
            text = jobs.machines(f for folder in folders for f in jobs.finished(folder))
        return f"\n## Machines and versions\n\n{text}\n"

    def readme(self, folder: Path) -> str:
        """README.md for a folder: the text that is there, below the title and the commands, above
        the list of the files that are there."""
        head = f"# {self.title}\n\n{shell(self.commands)}\n"
        file = folder / "README.md"
        text = text_of(file.read_text()) if file.exists() else ""
        captions = {"tables.md": ", ".join(self.sections)}
        captions |= {f"{name}.csv": table.caption for name, table in self.tables.items()}
        captions |= {f"{name}.png": figure.caption for name, figure in self.figures.items()}
        rows = [f"| `{n}` | {c} |" for n, c in captions.items() if (folder / n).exists()]
        files = "\n".join([FILES, "", "| file | content |", "|---|---|", *rows])
        return "\n".join(part for part in (head, text and f"{text}\n", files) if part) + "\n"


def shell(commands: Mapping[str, str]) -> str:
    """Commands as a block of code, with the remarks below each other."""
    lines = {f"    python -m benchmarks {command}": remark for command, remark in commands.items()}
    width = max((len(line) for line, remark in lines.items() if remark), default=0)
    return "\n".join(
        f"{line:{width}}  # {remark}" if remark else line for line, remark in lines.items()
    )


def text_of(readme: str) -> str:
    """What was written by hand: without title, commands and list of files."""
    lines = readme.partition(f"\n{FILES}\n")[0].splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith(("# ", "    "))):
        lines = lines[1:]
    return "\n".join(lines).strip()
