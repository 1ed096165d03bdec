"""Memory that is used no more, given back: long work in blocks stays as large as one of them."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Let the C library return what it keeps free. glibc keeps blocks of many megabytes, between
    which those of the next size do not fit."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
