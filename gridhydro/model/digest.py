"""Which model: a digest of all its numbers, that tells it from any other."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from torch import Tensor


def digest_of_model(model) -> str:
    """Of all numbers of a model, of its rivers and its gauges."""
    domain = model.domain
    named = [text.encode() for text in (*map(str, domain.gauges.index), str(model.options))]
    # one component of a model has the options and the weights of all of them
    one = getattr(model, "component", None)
    named += [] if one is None else [f"component {one}".encode()]
    tensors = [values for _, values in sorted(model.state_dict().items())]
    return digest_of(tensors, [domain.network.downstream, domain.gauge_cells], named)


def digest_of(*groups: Iterable) -> str:
    """Of arrays, tensors and bytes."""
    found = blake2b(digest_size=16)
    for group in groups:
        for one in group:
            if isinstance(one, bytes):
                found.update(one)
                continue
            array = one.detach().cpu().numpy() if isinstance(one, Tensor) else np.asarray(one)
            found.update(f"{array.shape} {array.dtype}".encode())
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
