"""Block sizes and launch settings: the only place for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch

# lanes of one CPU block: four 512-bit or eight 256-bit vectors of float32
LANES = 64


@lru_cache
def pool(threads: int) -> ThreadPoolExecutor:
    """Worker threads for kernels that have let go of the interpreter lock.

    Dry stores decay into denormal numbers, which slow some processors down a hundredfold: the
    workers flush them to zero, the caller's own thread is left as it is.
    """
    return ThreadPoolExecutor(
        threads, "gridhydro", initializer=torch.set_flush_denormal, initargs=(True,)
    )


def over_blocks(function: Callable, blocks: int, *arguments) -> None:
    """Call `function(first, last, *arguments)` for ranges of blocks, on all threads."""
    threads = max(1, min(torch.get_num_threads(), blocks))
    parts = min(blocks, threads * 4) if threads > 1 else 1
    edges = [blocks * i // parts for i in range(parts + 1)]
    futures = [
        pool(threads).submit(function, first, last, *arguments)
        for first, last in zip(edges[:-1], edges[1:], strict=True)
    ]
    for future in futures:
        future.result()


