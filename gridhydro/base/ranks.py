"""Several processes at one work, as torchrun starts them: what they share and tell one another.

Within `sharing` the processes of the default group of torch.distributed do one work together, and
all of them call what is here in the same order. Outside, and where there is one process, it goes by
this one alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

# while one process scores or writes, the others wait
PATIENCE = timedelta(hours=6)

Item = TypeVar("Item")
_shared = False
_apart = False


def launched() -> bool:
    """Whether torchrun started this process beside others, or it has joined a group of its own."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size() > 1
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def join() -> None:
    """Join the group of the processes that torchrun started, if that is not done yet."""
    if launched() and not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(local())
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE)


def leave() -> None:
    """Leave the group, if this process is in one: the end of its work."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def local() -> int:
    """Which GPU of its machine is this process's: the number that torchrun gave it there."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def sharing() -> Iterator[None]:
    """Within it the processes that were launched share one work, unless each is `alone`."""
    with _set(launched() and not _apart, _apart):
        if _shared:
            join()
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Within it each process is alone with its work: what only one of them does, such as scoring,
    or works of their own."""
    with _set(False, True):
        yield


@contextmanager
def _set(shared: bool, apart: bool) -> Iterator[None]:
    global _shared, _apart
    before = _shared, _apart
    _shared, _apart = shared, apart
    try:
        yield
    finally:
        _shared, _apart = before


def count() -> int:
    """How many processes share the work."""
    return dist.get_world_size() if _shared else 1


def number() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if _shared else 0


def beside() -> int:
    """How many of the processes that share the work share this machine's memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if _shared else 1


def first() -> bool:
    """Whether this is the one that shows, writes and scores."""
    return number() == 0


def leads() -> bool:
    """Whether this is the first of all processes that were launched; within `alone` each is."""
    if _apart or not launched():
        return True
    join()
    return dist.get_rank() == 0


def own(items: Sequence[Item]) -> list[Item]:
    """Those of the items that are this process's, of all that were launched: works of their own,
    dealt out in turn. Within `alone` all of them."""
    if _apart or not launched():
        return list(items)
    join()
    return list(items)[dist.get_rank() :: dist.get_world_size()]


def wait() -> None:
    """Go on when all processes that were launched have come here; at once within `alone`."""
    if launched() and not _apart:
        join()
        dist.barrier()


def told(value: Any) -> list[Any]:
    """What each process has to tell, in their order, to all of them."""
    if count() == 1:
        return [value]
    found: list[Any] = [None] * count()
    dist.all_gather_object(found, value)
    return found


def summed(values: Tensor) -> Tensor:
    """The sum over the processes. Each of them is to go on with it alike: the gradient of what
    follows is then that of its own values."""
    return values if count() == 1 else _Sum.apply(values)


def columns(values: Tensor, own: Tensor, size: int) -> Tensor:
    """Series (L, size), of which each process gives the columns `own` (n,): values (L, n).

    Each process is to go on with them alike, as after `summed`.
    """
    whole = values.new_zeros((*values.shape[:-1], size))
    return summed(whole.index_copy(-1, own, values))


def add_gradients(weights: Sequence[Tensor], divided_by: float = 1.0) -> None:
    """Give each weight the sum of its gradients over the processes, divided by a number."""
    weights = [w for w in weights if w.requires_grad]
    if count() == 1:
        for w in weights:
            if w.grad is not None and divided_by != 1:
                w.grad /= divided_by
        return
    # one message: a weight without a gradient here may have one elsewhere
    flat = torch.cat(
        [(torch.zeros_like(w) if w.grad is None else w.grad).flatten().double() for w in weights]
    )
    dist.all_reduce(flat)
    flat /= divided_by
    for w, values in zip(weights, flat.split([w.numel() for w in weights]), strict=True):
        w.grad = values.view_as(w).to(w.dtype)


def alike(tensors: Sequence[Tensor]) -> None:
    """Give all processes the values that the first has, in place."""
    if count() > 1:
        for values in tensors:
            same = values.contiguous()
            dist.broadcast(same, 0)
            if same is not values:
                values.copy_(same)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(values: Tensor) -> Tensor:
        found = values.detach().clone()
        dist.all_reduce(found)
        return found

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        pass

    @staticmethod
    def backward(ctx, gradient):
        return gradient
