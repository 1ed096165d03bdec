"""Trials of what reads input: each in a child process, which may hang or crash without harm.

A trial ends clear, accepted, or with a fault: an exception that is no sentence of ours, a hang, a
crash, or memory asked for without measure.
"""

import contextlib
import json
import os
import resource
import select
import signal
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import gridhydro

_OURS = str(Path(gridhydro.__file__).parent)
_PLAIN = (ValueError, TypeError, OSError, FileNotFoundError, PermissionError, FileExistsError,
          NotADirectoryError, IsADirectoryError)  # fmt: skip
_SECONDS = 20  # after which a trial hangs
_ROOM = 3 * 2**30  # bytes beyond what the process has


class Printed(ValueError):
    """What the command line printed of an error."""


def fault(error: BaseException, names: tuple[str, ...]) -> str:
    """What is wrong with an error as an answer to wrong input; empty where nothing is.

    names  one of which its sentence has to have: the path of the file
    """
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1].filename if frames else "<nowhere>"
    said = f"{type(error).__name__}: {str(error)[:300]!r} at {_place(frames)}"
    if type(error) not in (*_PLAIN, Printed) and not _of_ours(type(error)):
        return f"raw {said}"
    own = str(Path(last).resolve()).startswith(str(Path(_OURS).resolve()))
    if not own and not isinstance(error, Printed):
        return f"not of ours {said}"
    if names and not any(name in str(error) for name in names):
        return f"names no file {said}"
    if len(str(error)) > 20000:
        return f"too long {said}"
    link, chain = error.__cause__ or error.__context__, [error]
    while link is not None:
        if any(link is one for one in chain):
            return f"its own cause {said}"
        if isinstance(link, MemoryError):
            return f"too much memory {said}"
        chain.append(link)
        link = link.__cause__ or link.__context__
    return ""


def _of_ours(kind: type) -> bool:
    return kind.__module__.startswith("gridhydro") and issubclass(kind, _PLAIN)


def _place(frames) -> str:
    own = [f for f in frames if f.filename.startswith(_OURS)][-1:]
    both = [*own, *frames[-1:]]
    return " > ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in both)


def tried(count: int, trial: Callable[[int], tuple[str, ...] | None], first: int = 0) -> Counter:
    """Run trial(number) for each number; how they ended, by "clear", "accepted" or the fault.

    trial  makes the wrong input and hands it over; returns what was accepted, raises `Refused`
    """
    ends: Counter = Counter()
    number = first
    while number < first + count:
        number = _in_child(number, first + count, trial, ends)
    return ends


class Refused(Exception):
    """Raised from the error that a trial met, with what its sentence has to name."""

    def __init__(self, error: BaseException, *names: str):
        super().__init__(str(error))
        self.error, self.names = error, names


@contextlib.contextmanager
def refusing(*names):
    """Within it errors are those of a trial."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise Refused(error, *map(str, names)) from error


def _in_child(number: int, end: int, trial, ends: Counter) -> int:
    """Trials from a number on in one child; the number to go on with."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        with contextlib.suppress(BaseException):
            _work(number, end, trial, write)
        os._exit(0)
    os.close(write)
    buffer = b""
    try:
        while number < end:
            if b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                ends[json.loads(line)] += 1
                number += 1
                continue
            ready, _, _ = select.select([read], [], [], _SECONDS)
            piece = os.read(read, 65536) if ready else b""
            if not piece:
                os.kill(child, signal.SIGKILL)
                ends[f"{'crash' if ready else 'hang'} in trial {number}"] += 1
                return number + 1
            buffer += piece
        return number
    finally:
        os.close(read)
        os.waitpid(child, 0)


def _work(number: int, end: int, trial, write: int) -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + _ROOM,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)  # HDF5 says its own errors there
    for k in range(number, end):
        try:
            trial(k)
            said = "accepted"
        except Refused as refused:
            said = fault(refused.error, refused.names)
            said = f"trial {k}: {said}" if said else "clear"
        except Exception as error:
            said = f"trial {k}: the trial itself: {error!r} {traceback.format_exc()[-700:]}"
        os.write(write, json.dumps(said).encode() + b"\n")
    sys.stdout.flush()
