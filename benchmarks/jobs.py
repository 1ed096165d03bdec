"""Jobs of a study: a folder each, finished when it has a job.json, and not done again then."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch

from benchmarks.machine import describe

FILE = "job.json"


def due(folder: Path) -> bool:
    """Whether a job is still to do; says so."""
    done = (folder / FILE).exists()
    print(f"{folder}: done before" if done else folder, flush=True)
    return not done


def finish(folder: Path, **about) -> None:
    """Mark a job as done, with what is told of it: called last."""
    folder.mkdir(parents=True, exist_ok=True)
    about |= dict(threads=torch.get_num_threads(), machine=describe("cpu"))
    (folder / FILE).write_text(json.dumps(about, indent=1))


def about(folder: Path) -> dict:
    """What was told of a finished job."""
    return json.loads((folder / FILE).read_text())


def finished(runs: Path, pattern: str = "**") -> list[Path]:
    """Folders of the finished jobs below `runs` whose path fits the pattern, in order."""
    return sorted(file.parent for file in runs.glob(f"{pattern}/{FILE}"))


def machines(folders: Iterable[Path]) -> str:
    """The machines and versions that jobs ran with, a line for each that is different."""
    lines = {}
    for folder in folders:
        job = about(folder)
        lines.setdefault(machine_line(job["machine"]), []).append(job["machine"]["date"][:10])
    return "\n".join(
        f"{len(days)} jobs, {min(days)} to {max(days)}: {line}" for line, days in lines.items()
    )


def machine_line(machine: dict[str, str]) -> str:
    """A machine of `describe` in a line, without what holds for a moment only."""
    named = {k: v for k, v in machine.items() if k not in ("date", "load", "cpu", "memory")}
    versions = [f"{name} {value}" for name, value in named.items() if value != "not installed"]
    return ", ".join([machine["cpu"], f"{machine['memory']} of memory", *versions])
