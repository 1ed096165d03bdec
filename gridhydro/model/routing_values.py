"""What no river can be made of: runoff, lags, cascades and storage that `route` refuses."""

from __future__ import annotations

from math import isfinite

import torch
from torch import Tensor

from gridhydro.kernels.launch import in_turns, recorded
from gridhydro.kernels.operators import operator

RESERVOIRS = 5
# values of a series from which on threads share it, and in how many parts
LARGE, PARTS = 2**20, 8


def cascade(runoff: Tensor, lag: Tensor, reservoirs: Tensor, storage: Tensor, sink: Tensor):
    """Reservoirs in a row in every cell (N,), none in sinks; all arguments as `route` has them.

    ValueError names values that are missing, infinite or out of range. An operator of torch: what
    is compiled refuses them when it runs.
    """
    return _checked(*(t.detach() for t in (runoff, lag, reservoirs, storage)), sink)


def channels(
    runoff: Tensor, parameters: Tensor, properties: Tensor, storage: Tensor, sink: Tensor,
    names: str,
) -> Tensor:  # fmt: skip
    """The properties (K, N) with a first row of 0 in sinks, as an operator that refuses values.

    `names` are those of parameters (P, N) and properties, with commas; what has a `*` behind its
    name has to be above 0, all else 0 or more. The first property is the length of the reach.
    """
    tensors = (t.detach() for t in (runoff, parameters, properties, storage))
    return _channels_checked(*tensors, sink, names)


def _channels(runoff, parameters, properties, storage, sink, names):
    if not recorded(runoff):
        for name, values in zip(names.split(","), (*parameters, *properties), strict=True):
            above = name.endswith("*")
            name = name.removesuffix("*")
            _refuse_holes(values, name, "a missing or infinite value", "fill it or mask the cell")
            remedy = "give more than 0" if above else "give 0 or more"
            wrong = values <= 0 if above else values < 0
            _refuse(wrong, values, name, "a value that no channel has", remedy)
        for name, values in (("runoff", runoff), ("storage", storage)):
            _refuse_holes(values, name, "a missing or infinite value", "fill it or mask the cell")
    length = torch.where(sink, 0, properties[:1])
    return torch.cat([length, properties[1:]])


def _cascade(runoff, lag, reservoirs, storage, sink):
    if not recorded(runoff):
        _check(runoff, lag, reservoirs, storage)
    return torch.where(sink, 0, reservoirs)


def _check(runoff, lag, reservoirs, storage):
    _refuse_holes(lag, "lag", "a missing or infinite lag", "fill it")
    _refuse(lag < 0, lag, "lag", "a negative lag", "give days, 0 or more")
    outside = ~((reservoirs >= 0) & (reservoirs <= RESERVOIRS)) | (reservoirs % 1 != 0)
    remedy = "give 0, 1, 2, 3, 4 or 5"
    _refuse(outside, reservoirs, "reservoirs", "a cascade that cannot be", remedy)
    for name, values in (("runoff", runoff), ("storage", storage)):
        _refuse_holes(values, name, "a missing or infinite value", "fill it or mask the cell")


def _refuse_holes(values, name, what, remedy):
    # a sum shows any hole at the price of one quick pass
    shared = values.device.type == "cpu" and values.numel() > LARGE
    parts = in_turns(torch.sum, values.tensor_split(PARTS)) if shared else [values.sum()]
    if not isfinite(sum(parts)):
        _refuse(~torch.isfinite(values), values, name, what, remedy)


def _refuse(wrong, values, name, what, remedy):
    """Raise if anything is wrong, naming the first place and how many there are."""
    places = wrong.nonzero()
    if len(places):
        place = tuple(places[0].tolist())
        raise ValueError(
            f"{name} has {what}, {values[place].item()}, at "
            f"{'cell' if len(place) == 1 else 'row'} {', cell '.join(map(str, place))} "
            f"({len(places)} in all): {remedy}"
        )


_checked = operator(
    "river_cascade(Tensor runoff, Tensor lag, Tensor reservoirs, Tensor storage, Tensor sink) "
    "-> Tensor",
    _cascade, lambda runoff, lag, reservoirs, *_: reservoirs.new_empty(reservoirs.shape),
)  # fmt: skip
_channels_checked = operator(
    "river_channels(Tensor runoff, Tensor parameters, Tensor properties, Tensor storage, "
    "Tensor sink, str names) -> Tensor",
    _channels, lambda runoff, parameters, properties, *_: properties.new_empty(properties.shape),
)  # fmt: skip
