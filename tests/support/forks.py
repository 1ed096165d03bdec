"""Processes of Python that need not import torch: forks of one that has, and has done nothing else.

Each begins as a fresh one would; to import the libraries again takes longer than most of them do.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "gridhydro.config.load", "gridhydro.training.train", "gridhydro.synthetic.demo",
        "gridhydro.kernels.column_numba", "gridhydro.kernels.route_numba", "zarr",
    ]
)  # fmt: skip


def _begin(words: list[str], environment: dict[str, str], logs: list[str]) -> None:
    """What `python WORDS` does, -m MODULE or -c CODE and what follows it, in a fork."""
    for number, log in enumerate(logs, 1):
        with open(log, "wb") as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, str(ROOT))
    kind, what, *arguments = words
    sys.argv = [kind, *arguments]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})


class Fork:
    """A process begun by `python WORDS`, with variables beside those of this one; None: without."""

    def __init__(self, *words: object, **variables: str | None):
        self._folder = tempfile.TemporaryDirectory()
        self._logs = [f"{self._folder.name}/{name}" for name in ("out", "error")]
        environment = {k: v for k, v in (os.environ | variables).items() if v is not None}
        given = [str(word) for word in words], environment, self._logs
        self.process = _context.Process(target=_begin, args=given)
        self.process.start()

    @property
    def code(self) -> int | None:
        """What it ended with, the number of a signal below zero; None while it runs."""
        return self.process.exitcode

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def ended(self, timeout: float = 300) -> tuple[int, str, str]:
        """Its code, and what it has printed and told on the error stream, when it has ended."""
        self.process.join(timeout)
        if self.code is None:
            self.process.kill()
            raise TimeoutError(f"not done within {timeout} s")
        return self.code, *(Path(log).read_text() for log in self._logs)

    def printed(self) -> str:
        """What a process prints that has to end well."""
        code, out, error = self.ended()
        assert code == 0, error
        return out


def until(condition, fork: Fork, timeout: float = 120) -> None:
    """Wait until it holds, while the process runs."""
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        assert fork.code is None, "the process ended by itself: " + fork.ended()[2]
        time.sleep(0.01)
