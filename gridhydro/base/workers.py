"""Blocks of a long preparation, worked on by the workers of a Dask client where one is active."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from gridhydro.base.damage import reason
from gridhydro.base.progress import say

Item = TypeVar("Item")
Found = TypeVar("Found")
_AHEAD = 2  # blocks under way for each thread of the workers
_told: set[str] = set()  # clients of which it was said that they are used
_here = threading.local()


def spread(work: Callable[[Item], Found], items: Sequence[Item]) -> Iterator[Found]:
    """What comes of work on each item, in their order.

    Where a client of dask.distributed is active its workers have the work, some blocks ahead of
    what is taken, which is said once; else it is done when it is asked for. The numbers are the
    same. What a block warns of is said here, once for all blocks. Work that cannot be sent to
    workers elsewhere is done here, with a warning.
    """
    client = None if len(items) < 2 or getattr(_here, "working", False) else _client()
    there = None if client is None else _sent(client, work)
    if client is None or there is None:
        for item in items:
            yield work(item)
        return
    threads = max(1, sum(client.nthreads().values()))
    ahead: deque[Any] = deque()
    said: set[str] = set()
    try:
        for item in items:
            ahead.append(client.submit(_worked, there, item, os.getpid(), pure=False))
            if len(ahead) >= _AHEAD * threads:
                yield _taken(ahead, said)
        while ahead:
            yield _taken(ahead, said)
    finally:
        client.cancel(list(ahead))


def _client():
    """The client that is active, if any: nobody has one who has not loaded its package."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        client = distributed.default_client()
    except ValueError:
        return None
    if client.asynchronous:
        return None
    if client.id not in _told:
        _told.add(client.id)
        threads = sum(client.nthreads().values())
        say(
            f"blocks are prepared by Dask: {threads} threads of {len(client.nthreads())} workers "
            f"at {client.scheduler.address}"
        )
    return client


def _sent(client, work):
    """The work where the workers find it; None where it cannot go there."""
    try:
        return client.scatter(work, hash=False)
    except Exception as error:  # whatever does not let itself be pickled raises
        warnings.warn(
            f"this cannot be sent to the workers of Dask ({reason(error)}): it is done here, "
            "without them",
            stacklevel=4,
        )
        return None


def _taken(ahead: deque, said: set[str]):
    """The first of the blocks under way; what it warned of and no block before it did is said."""
    future = ahead.popleft()
    found, warned = future.result()
    for kind, text in warned:
        if text not in said:
            said.add(text)
            warnings.warn(text, kind, stacklevel=4)
    return found


def _worked(work: Callable, item, home: int) -> tuple[Any, list[tuple[type, str]]]:
    """The work in a worker; with what it warns of, unless that is heard at home anyway."""
    _here.working = True
    try:
        if os.getpid() == home:
            return work(item), []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = work(item)
        return found, [(one.category, str(one.message)) for one in caught]
    finally:
        _here.working = False
