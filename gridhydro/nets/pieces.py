"""A network over many cells, piece by piece, on the threads of the kernels.

What it computes on the way fits into a cache, and each piece is computed by one thread alone: with
the threads of torch's own operations, each operation would wait for the slowest, and a core would
then wait busily for the next one while the kernels need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gridhydro.kernels.launch import in_turns, one_thread, threads
from gridhydro.kernels.operators import last_use

# cells of a piece, with some hundred values each between the layers. All cells at once hold more
# than a year of their runoff does, and take longer than computing it again
PIECE = 2048
# cells below which torch has one thread do an operation in any case
FEW = 128


def in_pieces(
    network: Callable[[Tensor], Tensor], values: Tensor, weights: Iterable[Tensor]
) -> Tensor:
    """What a network that looks at one cell at a time makes of values (N, ...), in pieces.

    weights  all that the network has, for their gradient: nothing between its layers is kept, the
             backward pass computes each piece again. It has no derivative of its own.
    All at once where there are few cells, on a GPU, in a trace and under autocast. The pieces, and
    so the numbers, are the same for any number of threads.
    """
    alone = values.is_cuda or torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu")
    if len(values) < FEW or alone:
        return network(values)
    learned = [weight for weight in weights if weight.requires_grad]
    if len(values) > PIECE:
        return _Pieces.apply(network, values, *learned)
    return network(values) if threads() == 1 else _Whole.apply(network, values, *learned)


class _Whole(torch.autograd.Function):
    """All at once by one thread, with what is computed on the way kept for the gradient."""

    @staticmethod
    def forward(ctx, network, values, *weights):
        learning = any(ctx.needs_input_grad)
        values = values.detach().requires_grad_(ctx.needs_input_grad[1])
        with torch.set_grad_enabled(learning), one_thread():
            result = network(values)
        if learning:
            ctx.result, ctx.leaves = result, [values, *weights]
        return result.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx, cotangent):
        wanted = [leaf for leaf in ctx.leaves if leaf.requires_grad]
        with one_thread():
            found = iter(
                torch.autograd.grad(ctx.result, wanted, cotangent, retain_graph=not last_use())
            )
        return None, *(next(found) if leaf.requires_grad else None for leaf in ctx.leaves)


class _Pieces(torch.autograd.Function):
    @staticmethod
    def forward(ctx, network, values, *weights):
        ctx.network = network
        ctx.save_for_backward(values, *weights)

        def run(part):
            with torch.no_grad():
                return network(part)

        (whole,) = in_turns(torch.cat, [in_turns(run, values.split(PIECE))])
        return whole

    @staticmethod
    @once_differentiable
    def backward(ctx, cotangent):
        values, *weights = ctx.saved_tensors
        sums = [torch.zeros_like(weight) for weight in weights]

        def run(pair):
            part, d_part = pair
            if not ctx.needs_input_grad[1]:  # nothing comes of cells above no gauge
                seen = d_part.flatten(1).any(1)
                if not seen.all():
                    part, d_part = part[seen], d_part[seen]
            part = part.detach().requires_grad_(ctx.needs_input_grad[1])
            wanted = [*weights, part] if part.requires_grad else weights
            with torch.enable_grad():
                return torch.autograd.grad(ctx.network(part), wanted, d_part)

        parts: list[Tensor] = []
        pairs = [*zip(values.split(PIECE), cotangent.split(PIECE), strict=True)]
        for found in in_turns(run, pairs):
            for total, one in zip(sums, found[: len(sums)], strict=True):
                total += one
            parts += found[len(sums) :]
        return None, torch.cat(parts) if parts else None, *sums
