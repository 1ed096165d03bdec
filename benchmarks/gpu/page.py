"""The readable page of the results: the machine, the state of every part, and its rows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.gpu import sweep
from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.results import MINIATURE, Results
from gridhydro.base.files import replace
from gridhydro.evaluation.tables import to_markdown

FILE = "README.md"
LEGEND = """M/s: million cell-steps a second by the best run; MB: most memory held during a run;
% of bandwidth: of the speed at which the bytes that must move could move; instructions: of a cell
and day, in the machine code of the kernels' loops; % of issue: of as many as the device can begin;
ratio: times that the first row of the case is faster. "both" is forward + adjoint."""
NOTHING = "Without a GPU, in Triton's interpreter: times and speeds mean nothing here.\n\n"
# what a table shows, and its heading; of times, the best
HEADINGS = {
    "best_s": "s", "msteps": "M/s", "memory_mb": "MB", "floor": "% of bandwidth",
    "instructions": "instructions", "issue": "% of issue", "ratio": "ratio",
}  # fmt: skip
KINDS = {"forward": "forward", "adjoint": "both"}
PERCENT = ("floor", "issue")


def write(folder: Path) -> None:
    """Write the page of what the folder has."""
    text = told(Results(folder).read())
    replace(folder / FILE, lambda path: path.write_text(text))


def told(found: dict) -> str:
    machine, parts = found.get("machine", {}), found["parts"]
    lines = "\n".join(f"- {name}: {value}" for name, value in machine.items())
    commands = "\n".join(f"    {one}" for one in found.get("commands", []))
    bad = wrong(found)
    verdict = "**Wrong: " + "; ".join(bad) + "**\n\n" if bad else ""
    small = machine.get("gpu", MINIATURE) == MINIATURE
    title = "Kernels in miniature" if small else f"Kernels on {machine['gpu']}"
    verdict += NOTHING if small else ""
    sections = [f"# {title}\n\n{commands}\n\n{verdict}{lines}"]
    states = pd.DataFrame(
        [
            {"part": part.name, "state": parts.get(part.name, {}).get("state", "not begun"),
             "seconds": _number(parts.get(part.name, {}).get("seconds")),
             "what": part.line, "note": parts.get(part.name, {}).get("error", "")}
            for part in PARTS
        ]
    )  # fmt: skip
    sections.append(f"{to_markdown(states)}\n\n{LEGEND}")
    for part in PARTS:
        rows = parts.get(part.name, {}).get("rows", [])
        text = to_markdown(table(rows)) if rows else "nothing yet"
        sections.append(f"## {part.name}\n\n{part.line}\n\n{text}")
        if part.name == "sweep" and (best := sweep.table(rows)):
            whether = "Not to" if small else "To"
            code = f"```python\n{best}\n```"
            sections.append(f"{whether} be put into kernels/launch.py:\n\n{code}")
    return "\n\n".join(sections) + "\n"


def table(rows: list[dict]) -> pd.DataFrame:
    """Rows with readable headings and numbers, without columns that have none."""
    shown = []
    for row in rows:
        line = {}
        for name, value in row.items():
            kind, _, measure = name.partition("_")
            if kind in KINDS and measure in HEADINGS:
                value = 100 * value if measure in PERCENT and value is not None else value
                line[f"{KINDS[kind]} {HEADINGS[measure]}"] = _number(value)
            elif not (kind in KINDS and measure == "median_s"):
                line[name] = _number(value)
        shown.append({name: value for name, value in line.items() if value != ""})
    made = pd.DataFrame(shown).fillna("")
    last = [name for name in ("note",) if name in made]
    return made[[name for name in made if name not in last] + last]


def _number(value) -> str:
    """As a page has it: four digits of a float, nothing of none."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def wrong(found: dict) -> list[str]:
    """What was checked and is not right, and parts that failed."""
    bad = []
    for name, part in found["parts"].items():
        if part["state"] == "failed":
            bad.append(f"{name} failed: {part['error']}")
        bad += [f"{name}: {row['case']}" for row in part["rows"] if row.get("right") is False]
    return bad
