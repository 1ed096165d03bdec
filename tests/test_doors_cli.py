"""Errors that nobody thought of, and those of the machine, are a line on the command line too."""

import errno
import os
import subprocess
import sys

import pytest

from gridhydro.base.interrupt import Terminated
from gridhydro.cli import main


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (MemoryError("Unable to allocate 3 TiB"), "there is not enough memory", 1),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "not enough memory", 1),
        (RuntimeError("CUDA out of memory. Tried to"), "not enough memory", 1),
        (OSError(errno.ENOSPC, "No space left", "/run/a.nc"), "/run/a.nc: the disk is full", 1),
        (OSError(errno.EDQUOT, "Quota", "/run/a.nc"), "or the quota used up: make room", 1),
        (OSError(errno.EROFS, "Read-only", "/run/a.nc"), "may not be written or read", 1),
        (PermissionError(errno.EACCES, "Denied", "/a"), "/a: it may not be written or read", 1),
        (KeyError("model"), "KeyError: 'model'. This should not be: --debug shows", 1),
        (RecursionError("too deep"), "RecursionError: too deep. This should not be", 1),
        (ValueError("a sentence"), "gridhydro info: a sentence", 1),
        (KeyboardInterrupt(), "interrupted", 130),
        (Terminated(), "terminated", 143),
    ],
)
def test_an_error_is_a_line(monkeypatch, capsys, error, said, code):
    def fail(options):
        raise error

    monkeypatch.setattr("gridhydro.cli.inspection._info", fail)
    assert main(["info"]) == code
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    if isinstance(error, Exception):
        with pytest.raises(type(error)):
            main(["--debug", "info"])


SHORT = """
from gridhydro.cli import inspection, main

inspection._info = lambda options: print("a line")
raise SystemExit(main(["info"]))
"""


@pytest.mark.parametrize(
    "words", [["-m", "gridhydro", "info"], ["-c", SHORT]], ids=["all", "short"]
)
def test_a_reader_that_goes_away_is_no_error(words):
    read, write = os.pipe()
    os.close(read)
    waiting = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    run = subprocess.run(
        [sys.executable, *words], stdout=write, stderr=subprocess.PIPE, env=waiting
    )
    os.close(write)
    assert run.returncode in (0, 141) and b"Traceback" not in run.stderr
