"""Small networks inside a column's step: hidden layers of tanh, a sigmoid at the end.

The weights of a network are one flat vector, shared by all cells: layer after layer the matrix
(outputs, inputs) row by row, then the biases. Inputs come in their own units; who hands the
weights in has divided those of the first layer by the scales of the inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from gridhydro.kernels.launch import NETWORK_ROWS
from gridhydro.kernels.protocols import Network


def sizes(network: Network) -> tuple[int, ...]:
    """Values in each layer, inputs and the one output included."""
    return (len(network.scales), *network.hidden, 1)


def count(network: Network) -> int:
    return sum((before + 1) * after for before, after in pairwise(sizes(network)))


def names(network: Network) -> list[str]:
    """A name for each weight: `w` for matrices, `b` for biases, with the layer, unit and input."""
    found = []
    for layer, (before, after) in enumerate(pairwise(sizes(network)), start=1):
        found += [f"{network.name}_w{layer}_{j}_{i}" for j in range(after) for i in range(before)]
        found += [f"{network.name}_b{layer}_{j}" for j in range(after)]
    return found


def split(networks: Sequence[Network], weights: Tensor) -> dict[str, Tensor]:
    """The weights of each network by its name, from those of all in a row."""
    parts = weights.split([count(network) for network in networks])
    return {network.name: part for network, part in zip(networks, parts, strict=True)}


def expand(network: Network, weights: Sequence, inputs: Sequence):
    """The network value by value, for tracing: one hidden unit after the other.

    Each sum starts with the bias and goes through the inputs in order: of a column that names its
    static parameters first, these parts leave the time loop.
    """
    values, left, widths = _checked(network, inputs), iter(weights), sizes(network)
    for layer, (before, after) in enumerate(pairwise(widths), start=1):
        matrix = [[next(left) for _ in range(before)] for _ in range(after)]
        units = []
        for row in matrix:
            unit = next(left)
            for weight, value in zip(row, values, strict=True):
                unit = unit + weight * value
            units.append(unit if layer == len(widths) - 1 else unit.quick_tanh())
        values = units
    return 0.5 + 0.5 * (0.5 * values[0]).quick_tanh()  # see `_sigmoid`


def evaluate(network: Network, weights: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """The same for whole tensors of inputs, layer by layer."""
    return _layers(network, weights, inputs)[-1][..., 0]


def _layers(network: Network, weights: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """The inputs (..., I), and what each layer makes of those before it, up to (..., 1)."""
    values = [torch.stack(torch.broadcast_tensors(*_checked(network, inputs)), dim=-1)]
    matrices = _matrices(network, weights)
    for layer, (matrix, bias) in enumerate(matrices, start=1):
        sums = values[-1] @ matrix.T + bias
        values.append(_sigmoid(sums) if layer == len(matrices) else torch.tanh(sums))
    return values


def _matrices(network: Network, weights: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Of each layer the matrix (after, before) and the bias (after,), as parts of the weights."""
    found, start = [], 0
    for before, after in pairwise(sizes(network)):
        middle, stop = start + after * before, start + after * (before + 1)
        found.append((weights[start:middle].view(after, before), weights[middle:stop]))
        start = stop
    return found


def gradient(
    networks: Sequence[Network], calls: Sequence, weights: Tensor, handed: Tensor
) -> Tensor:
    """Gradient of the weights from `handed` (H, T, lanes).

    These are, call by call, the inputs of the network and the cotangent of what it gives. Written
    out, for inside an operator autograd records nothing.
    """
    total, first = torch.zeros_like(weights), 0
    sums = split(networks, total)
    parts = split(networks, weights)
    for call in calls:
        network = call.network
        rows = handed[first : first + len(call.inputs) + 1].flatten(1)
        first += len(rows)
        for *inputs, cotangent in rows.split(NETWORK_ROWS, dim=1):
            *given, value = _layers(network, parts[network.name], inputs)
            back = cotangent[:, None] * value * (1 - value)
            matrices = _matrices(network, parts[network.name])
            into = _matrices(network, sums[network.name])
            for layer in reversed(range(len(matrices))):
                d_matrix, d_bias = into[layer]
                d_matrix += back.T @ given[layer]
                d_bias += back.sum(0)
                if layer:
                    back = back @ matrices[layer][0] * (1 - given[layer] * given[layer])
    return total


def _sigmoid(x):
    # by tanh, whose adjoint needs its value only: exp overflows where the sigmoid is 0 or 1
    return 0.5 + 0.5 * torch.tanh(0.5 * x)


def _checked(network: Network, inputs: Sequence) -> list:
    if len(inputs) != len(network.scales):
        raise TypeError(
            f"the network '{network.name}' takes {len(network.scales)} inputs, one for each of its "
            f"scales, but step() calls it with {len(inputs)}"
        )
    return list(inputs)
