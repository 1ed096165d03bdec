"""Reading ahead: a thread makes the next item while this one is worked on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import torch

T = TypeVar("T")
_JOIN = 5.0  # s, that a thread may take to end what it is reading


class Ahead(Generic[T]):
    """The items in their order, each made by a thread while the one before it is used.

    Two are there at a time: the one in use, and the next. An error of making one is raised where
    the item is asked for. Within `with` the thread ends, however that is left.
    device    where the items are used: on a GPU their tensors are moved on a stream of their own,
              besides what is computed
    threaded  False makes each item when it is asked for
    waited    seconds that were spent waiting for items
    """

    def __init__(self, items: Iterable[T], device=None, threaded: bool = True):
        self.waited = 0.0
        self._items = iter(items)
        device = None if device is None else torch.device(device)
        self._cuda = None
        if threaded and device is not None and device.type == "cuda":
            index = torch.cuda.current_device() if device.index is None else device.index
            self._cuda = torch.device("cuda", index)
        self._wanted, self._ready = threading.Semaphore(), SimpleQueue[tuple]()
        self._ended = False
        self._stream: torch.cuda.Stream | None = None
        self._thread = threading.Thread(target=self._work, daemon=True) if threaded else None

    def __enter__(self) -> Ahead[T]:
        if self._cuda is not None:
            # of this thread's GPU, and behind what it has asked of it so far: weights are read
            self._stream = torch.cuda.Stream(self._cuda)
            self._stream.wait_stream(torch.cuda.current_stream(self._cuda))
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        self._ended = True
        self._wanted.release()
        if self._thread is not None:
            self._thread.join(_JOIN)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        began = time.perf_counter()
        try:
            if self._thread is None:
                return next(self._items)
            kind, item = self._ready.get()
        finally:
            self.waited += time.perf_counter() - began
        if kind == "error":
            raise item
        if kind == "end":
            self._ready.put((kind, item))
            raise StopIteration
        self._wanted.release()
        return item if self._cuda is None else self._handed_over(item)

    def _work(self) -> None:
        try:
            stream = self._stream
            with nullcontext() if stream is None else torch.cuda.stream(stream):
                while self._wanted.acquire() and not self._ended:
                    for item in self._items:
                        self._ready.put(("item", item if stream is None else (item, _now(stream))))
                        del item  # or a third one would be held
                        break
                    else:
                        self._ready.put(("end", None))
                        return
        except BaseException as error:
            self._ready.put(("error", error))

    def _handed_over(self, item: Any) -> Any:
        """An item once its tensors are there, which stay as long as this stream uses them."""
        found, event = item
        stream = torch.cuda.current_stream(self._cuda)
        stream.wait_event(event)
        for tensor in _tensors(found):
            if tensor.is_cuda:
                tensor.record_stream(stream)
        return found


def _now(stream: torch.cuda.Stream) -> torch.cuda.Event:
    event = torch.cuda.Event()
    event.record(stream)
    return event


def _tensors(item) -> Iterator[torch.Tensor]:
    """The tensors of a dataclass, a dict or a list, and of what these hold."""
    if isinstance(item, torch.Tensor):
        yield item
    elif isinstance(item, dict | list | tuple):
        for one in item.values() if isinstance(item, dict) else item:
            yield from _tensors(one)
    elif hasattr(item, "__dataclass_fields__"):
        yield from _tensors(vars(item))
