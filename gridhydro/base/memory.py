"""Memory that is used no more, given back: long work in blocks stays as large as one of them."""

from __future__ import annotations

import ctypes
import gc

_CYCLES = 2**24  # bytes worked on before what only cycles hold is looked for, which takes a moment


class GivenBack:
    """Call it after each block of so many bytes."""

    def __init__(self):
        self.bytes = 0

    def __call__(self, size: int) -> None:
        """Let the C library return what it keeps free; now and then, what only cycles hold too."""
        self.bytes += size
        if self.bytes > _CYCLES:
            gc.collect()
            self.bytes = 0
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
        if trim is not None:
            trim(0)
