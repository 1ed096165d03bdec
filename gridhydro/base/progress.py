"""How far long work has come: a bar in a terminal, one line that changes in a notebook, a line now
and then in the file of a log, and nothing where all is to be quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

EVERY = 20.0  # s between two lines of a log, at least
_quiet = False


@contextmanager
def quiet(wanted: bool = True) -> Iterator[None]:
    """Within it there are no bars and no notes."""
    global _quiet
    before = _quiet
    _quiet = wanted or before
    try:
        yield
    finally:
        _quiet = before


def say(text: str) -> None:
    """A note on what is done, on stderr, beside the bars."""
    if _quiet:
        return
    if _terminal() and "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.write(text, sys.stderr)
    else:
        print(text, file=sys.stderr, flush=True)


def progress_bar(over=None, *, desc: str, unit: str, shown: bool = True, total=None, done: int = 0):
    """A `tqdm` over something, or of a `total`, of which so much is done already.

    unit  what is counted, such as "day"
    """
    from tqdm import tqdm

    common: dict = dict(
        desc=desc, unit=unit, total=total, initial=done, disable=_quiet or not shown
    )
    if _terminal():
        return tqdm(over, **common)
    kind = _InNotebook if _notebook() else _InLog
    return _told(kind)(over, file=_Nowhere(), mininterval=1.0, **common)


def _terminal() -> bool:
    return bool(getattr(sys.stderr, "isatty", lambda: False)())


def _notebook() -> bool:
    """Whether a kernel of Jupyter runs this."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class _Nowhere:
    def write(self, text: str) -> None:
        """Nothing: what is told is told by `_told`."""

    def flush(self) -> None:
        """Nothing either."""


class _InLog:
    """A line at the beginning, now and then, and at the end."""

    def __init__(self):
        self.last, self.at = "", float("-inf")

    def tell(self, text: str, ended: bool) -> None:
        """What is to be told now; not the same twice."""
        now = time.monotonic()
        if (ended or now - self.at >= EVERY) and text != self.last:
            self.last, self.at = text, now
            print(text, file=sys.stderr, flush=True)


class _InNotebook:
    """One line of text, which changes."""

    def __init__(self):
        self.handle = None

    def tell(self, text: str, ended: bool) -> None:
        """What is to be told now."""
        from IPython.display import display

        content = {"text/plain": text}
        if self.handle is None:
            self.handle = display(content, raw=True, display_id=True)
        else:
            self.handle.update(content, raw=True)


@cache
def _told(kind: type):
    """A tqdm that tells how far it is by words."""
    from tqdm import tqdm

    class Told(tqdm):
        def display(self, msg=None, pos=None) -> bool:
            """Called by tqdm whenever something is to be shown."""
            teller = self.__dict__.setdefault("teller", kind())
            told = self.format_dict
            ended = pos == 0 or (told["total"] is not None and told["n"] >= told["total"])
            teller.tell(_words(told), ended)
            return True

    return Told


def _words(told: dict) -> str:
    """Such as "training: 12 of 50 epochs (24 %), 01:05 gone, 03:20 left, loss 0.2"."""
    number, total, unit = told["n"], told["total"], str(told["unit"]).strip()
    unit = unit if " " in unit else f"{unit}s"
    text = f"{told['prefix'] or 'done'}: {number}"
    if total:
        text += f" of {total} {unit} ({number / total:.0%})"
    else:
        text += f" {unit}"
    elapsed, first = told["elapsed"], told.get("initial") or 0
    text += f", {_clock(elapsed)} gone"
    if total and first < number < total:
        text += f", about {_clock(elapsed * (total - number) / (number - first))} left"
    return f"{text}, {told['postfix']}" if told["postfix"] else text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
