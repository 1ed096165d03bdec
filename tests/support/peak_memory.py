"""The most memory that some work takes, by itself."""

import os
from collections.abc import Callable


def peak_of(work: Callable, *arguments) -> float:
    """MiB that a process, a fork of this one, needs at most for `work(*arguments)`; on Linux."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            work(*arguments)
            with open("/proc/self/status") as status:
                (line,) = (line for line in status if line.startswith("VmHWM"))
            os.write(sender, line.split()[1].encode())
            code = 0
        finally:
            os._exit(code)
    os.close(sender)
    with open(receiver) as found:
        peak = found.read()
    assert os.waitpid(child, 0)[1] == 0
    return int(peak) / 1024
