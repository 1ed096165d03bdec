"""How torch's own threads wait for work while others have some."""

from __future__ import annotations

import os

# rounds of waiting before a thread sleeps, some 0.05 ms. Unless it is told, libgomp takes 300,000:
# after each large operation of torch, threads then hold their cores for about 15 ms
ROUNDS = 1000


def wait_briefly() -> None:
    """Have the threads of torch's operations on a CPU sleep soon where they wait for the next one.

    Kernels of columns and rivers run on threads of their own, which have a core each only if nobody
    waits busily on it; on a machine that others use as well, a training step took several times as
    long. It holds for this process if torch is not loaded yet, and for those that it starts. What
    the environment says of it already (OMP_WAIT_POLICY, GOMP_SPINCOUNT) stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(ROUNDS))
