"""Commands of gridhydro, one after another, by one of two processes as torchrun starts them:
`python -m tests.support.two_commands OUT COMMANDS`, a file of their words as JSON.

By a torchrun each, three processes a command would import torch, which takes longer than it does.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

from gridhydro.base import ranks
from gridhydro.cli import main
from tests.support.quick_figures import draw_quickly
from tests.support.two_ranks import in_two


def told_by_two(folder: Path, *commands: list) -> list[str]:
    """What both processes together print of each command; their logs are written to `folder`."""
    file = folder / "commands.json"
    file.write_text(json.dumps([[str(word) for word in words] for words in commands]))
    in_two("tests.support.two_commands", folder, file)
    logs = [[folder / f"{k}-{number}.log" for number in range(2)] for k in range(len(commands))]
    return ["".join(log.read_text() for log in both) for both in logs]


if __name__ == "__main__":
    out, file = map(Path, sys.argv[1:])
    draw_quickly()
    leave, ranks.leave = ranks.leave, ranks.wait  # the group serves the next command as well
    for k, words in enumerate(json.loads(file.read_text())):
        log = out / f"{k}-{os.environ['RANK']}.log"
        with open(log, "w") as told, contextlib.redirect_stdout(told):
            code = main(words)
        if code:
            sys.exit(code)
    leave()
