"""What processes that share a work hand to one another on its way: failures, things, series.

All of them call what is here in the same order, as with `ranks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch.distributed as dist
from torch import Tensor

from gridhydro.base import ranks


class FailedElsewhere(OSError):
    """Another of the processes that share a work has failed; it says why."""


@contextmanager
def as_one() -> Iterator[None]:
    """Within it a failure of one process is one of all: none waits for what is not to come.

    The one that fails raises its own error, the others FailedElsewhere with the words of it. What
    the processes tell one another within it has to be told whatever fails.
    """
    failed: Exception | None = None
    try:
        yield
    except Exception as error:
        failed = error
    try:
        with _heard():
            words = ranks.told(None if failed is None else _words(failed))
    except FailedElsewhere:
        if failed is None:
            raise
    if failed is not None:
        raise failed
    for number, said in enumerate(words):
        if said is not None:
            raise FailedElsewhere(f"process {number} of {len(words)} has failed: {said}")


@contextmanager
def _heard() -> Iterator[None]:
    """Within it a process that has gone is told as such."""
    try:
        yield
    except RuntimeError as error:  # of gloo and nccl, whose connections are closed
        raise FailedElsewhere(
            f"another of the {ranks.count()} processes has gone without a word, or cannot be "
            f"reached ({str(error).partition(chr(10))[0]}): see what it has written"
        ) from error


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def gathered(value: Any) -> list[Any] | None:
    """What each process has to tell, in their order, to the first of them; None in the others."""
    if ranks.count() == 1:
        return [value]
    found: list[Any] | None = [None] * ranks.count() if ranks.first() else None
    with _heard():
        dist.gather_object(value, found)
    return found


def told_by(number: int, value: Any) -> Any:
    """What the process of this number has, in all of them."""
    if ranks.count() == 1:
        return value
    found = [value if ranks.number() == number else None]
    with _heard():
        dist.broadcast_object_list(found, number)
    return found[0]


def exchanged(parts: Sequence[Tensor], columns: Sequence[int]) -> list[Tensor]:
    """The series (L, columns[k]) that each process k has for this one, on the CPU.

    parts  (L, n) for each process, all of one type and length
    ValueError where the group of the processes knows no way between CPUs.
    """
    me = ranks.number()
    found = [
        part if k == me else part.new_empty(part.shape[0], n)
        for k, (part, n) in enumerate(zip(parts, columns, strict=True))
    ]
    others = [k for k in range(len(parts)) if k != me]
    ways = [dist.P2POp(dist.isend, parts[k], k) for k in others if parts[k].numel()]
    ways += [dist.P2POp(dist.irecv, found[k], k) for k in others if found[k].numel()]
    if ways:
        _refuse_deaf()
        with _heard():
            for way in dist.batch_isend_irecv(ways):
                way.wait()
    return found


def _refuse_deaf() -> None:
    if "gloo" not in str(dist.get_backend_config()):
        raise ValueError(
            "processes that write one simulation need gloo, which hands over what is on CPUs: "
            "torch.distributed.init_process_group('cpu:gloo,cuda:nccl')"
        )
