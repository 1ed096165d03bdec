"""The results of all parts in one file, whole at any time, so that a run that was cut goes on."""

from __future__ import annotations

import json
import math
from pathlib import Path

from gridhydro.base.files import replace

FILE = "results.json"
# of a machine, what has to be the same for its results to be put together
SAME = ("gpu", "gridhydro", "torch", "triton")
# the device of a run without a GPU
MINIATURE = "none: in miniature, in Triton's interpreter"
DONE = ("done", "not here")


class Results:
    """Parts by name: state, seconds, rows; and the machine they were run on.

    States: "done"; "cut", which its time was too short for; "failed"; "running", where the process
    was killed; "not here", what needs CUDA and has none. Rows of all states are kept.
    """

    def __init__(self, folder: Path):
        self.path = folder / FILE

    def read(self) -> dict:
        return json.loads(self.path.read_text()) if self.path.exists() else {"parts": {}}

    def begin(self, machine: dict[str, str], command: str | None) -> None:
        """Take a machine; SystemExit if what is there is of another, or of other versions."""
        kept = self.read()
        if (before := kept.get("machine")) is not None:
            for name in SAME:
                if before.get(name) != machine.get(name):
                    raise SystemExit(
                        f"{self.path} has results of {name} {before.get(name)}, and here it is "
                        f"{machine.get(name)}: give another folder with --out"
                    )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        commands = kept.get("commands", []) + [command] * (command is not None)
        self._write(kept | dict(machine=machine, commands=commands))

    def state(self, name: str) -> str:
        """Of a part: "" where it was not begun."""
        return self.read()["parts"].get(name, {}).get("state", "")

    def put(self, name: str, **about) -> None:
        """Write a part, in the place of what there was of it."""
        kept = self.read()
        kept["parts"][name] = about
        self._write(kept)

    def mark(self, name: str, **about) -> None:
        """Change something of a part, and leave its rows."""
        self.put(name, **self.read()["parts"].get(name, {"rows": []}) | about)

    def _write(self, kept: dict) -> None:
        text = json.dumps(_plain(kept), indent=1, allow_nan=False)
        replace(self.path, lambda path: path.write_text(text))


def _plain(value):
    """The same as JSON has it: what is no finite number is nothing."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
