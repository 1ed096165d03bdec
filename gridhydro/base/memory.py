"""Memory that is used no more, given back: long work in blocks stays as large as one of them."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Collect what only cycles hold, and let the C library return what it keeps free."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)
