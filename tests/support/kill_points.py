"""Processes that are killed at their n-th change of a file or folder, for every n.

A process that has imported everything forks a child for each n; the child dies by SIGKILL.
"""

import os
import signal
from collections.abc import Callable, Iterator

OPERATIONS = ("replace", "rename", "unlink", "rmdir", "mkdir", "fsync")


def killed_at(work: Callable, n: int, operations=OPERATIONS) -> bool:
    """Whether a child that works died before its n-th operation; False where it came to its end."""
    child = os.fork()
    if not child:
        code = 1
        signal.alarm(60)  # never hang: SIGALRM is no SIGKILL
        try:
            _die_at(n, operations)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, f"the work failed at point {n}"
    return False


def points(work: Callable, before: Callable, operations=OPERATIONS) -> Iterator[int]:
    """Each n at which the work was killed, after `before` had made its place ready."""
    n = 1
    before()
    while killed_at(work, n, operations):
        yield n
        n += 1
        before()


def _die_at(n: int, operations) -> None:
    count = 0

    def counted(function):
        def called(*arguments, **options):
            nonlocal count
            count += 1
            if count == n:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return called

    for name in operations:
        setattr(os, name, counted(getattr(os, name)))
