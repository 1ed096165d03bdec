"""The finished runs of a long sampling, kept beside its file until all are done."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from gridhydro.base.damage import read_json, reading
from gridhydro.base.files import replace, writable

_MEND = "remove it and what comes after it, to have these runs again"


class Pieces:
    """Outputs and failures of the runs so far, run 0 first.

    out     the file that the runs are for; the pieces lie in a folder of its name with ".part".
            None: nothing is kept
    about   what tells this sampling from others, for JSON
    resume  read what is there; ValueError if that is of another sampling. Without it, ValueError
            if there are any runs
    """

    def __init__(self, out: str | Path | None, about: dict, resume: bool):
        self.folder = None if out is None else Path(f"{out}.part")
        self.failures: list[str] = []
        self._series: list[np.ndarray] = []
        self._kept = 0  # how many of these are on disk
        if self.folder is None:
            return
        index = self.folder / "sampling.json"
        if resume and index.exists():
            before = read_json(index, "the index of a sampling", _MEND)
            refuse_other(self.folder, json.dumps(before), about)
            for path in sorted(self.folder.glob("runs-*.npz")):
                what = reading(path, "runs of a sampling", _MEND)
                with what, np.load(path, allow_pickle=False) as piece:
                    found = piece["series"], piece["failures"].tolist()
                self.add(*found)
            self._kept = len(self._series)
            return
        if any(self.folder.glob("runs-*.npz")):
            refuse_overwriting(self.folder)
        self.remove()
        writable(self.folder)
        replace(index, lambda path: path.write_text(json.dumps(about, indent=1)))

    def runs(self) -> int:
        """Number of runs so far."""
        return len(self.failures)

    def add(self, series: np.ndarray, failures: list[str]) -> None:
        """Runs that are done: outputs (O, T, n) and their failures."""
        self._series.append(series)
        self.failures += failures

    def keep(self) -> None:
        """Write what is not on disk yet."""
        new = self._series[self._kept :]
        if self.folder is None or not new:
            return
        series = np.concatenate(new, axis=2)
        first = self.runs() - series.shape[2]
        failures = np.array(self.failures[first:], dtype=str)
        path = self.folder / f"runs-{first:07d}.npz"

        def write(part: Path) -> None:
            with open(part, "wb") as file:
                np.savez(file, series=series, failures=failures)

        replace(path, write)
        self._kept = len(self._series)

    def all(self) -> tuple[np.ndarray, list[str]]:
        """Outputs (O, T, R) and failures of all runs."""
        return np.concatenate(self._series, axis=2), self.failures

    def remove(self) -> None:
        """Take the pieces away."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def refuse_other(path: Path, before: str, about: dict) -> None:
    """ValueError if what lies there is of another sampling: `before` is its `about`, as JSON."""
    was, now = json.loads(before), json.loads(json.dumps(about))
    different = [k for k in now if was.get(k) != now[k]]
    if different:
        raise ValueError(
            f"{path} is of another sampling: {', '.join(different)} differ; "
            "go on with the same, or choose another file"
        )


def refuse_overwriting(path: Path) -> None:
    raise ValueError(f"{path} holds runs already: go on with resume=True, or choose another file")
