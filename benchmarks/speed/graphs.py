"""Launches captured in a CUDA graph: recorded once, then started all at once as often as wanted."""

from __future__ import annotations

from collections.abc import Callable

import torch

WARM_UP = 3


class Captured:
    """A call whose launches are recorded when it is first called, and replayed from then on.

    What it computes on the host, checks included, is computed while it warms up, never again; it
    has to read from and write to the same tensors every time. RuntimeError where it asks the device
    for a number, which cannot be recorded.
    """

    def __init__(self, call: Callable):
        self.call, self.graph, self.result = call, None, None

    def __call__(self):
        """What the call returns: the same tensors every time, with new values."""
        if self.graph is None:
            self.graph = self._record()
        self.graph.replay()
        return self.result

    def _record(self) -> torch.cuda.CUDAGraph:
        # as torch asks for: warm up on a stream of its own
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self.call()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        # the backward pass is launched by a thread of torch's own, which may ask how much memory
        # is free
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self.result = self.call()
        return graph
