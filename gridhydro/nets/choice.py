"""The parameterization that a name and some options stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gridhydro.base.arguments import one_of, whole
from gridhydro.columns.column import Field
from gridhydro.nets.free import FreeParameters
from gridhydro.nets.history import HistoryParameterization
from gridhydro.nets.lstm import SequenceParameterization
from gridhydro.nets.mlp import Parameterization
from gridhydro.nets.raster import FORMS, RasterParameterization

KINDS = ("mlp", "lstm", "gz", "conv2d", "conv3d", "free", "none")
# of these the parameters are values per cell, whatever its attributes
PER_CELL = ("free", "none")
_SIZES = {
    "mlp": [256, 64, 16], "lstm": [64], "gz": [64], "conv2d": [64, 32, 16], "conv3d": [64, 32, 16],
}  # fmt: skip


def sizes(kind: str, hidden) -> list[int]:
    """Sizes of the hidden layers, the LSTM's first; the usual ones of the kind if None."""
    one_of("network", kind, KINDS)
    if kind in PER_CELL:
        if hidden is not None and np.size(hidden):
            raise ValueError(f"network='{kind}' has no hidden layers: leave hidden out")
        return []
    if hidden is None:
        return _SIZES[kind]
    hidden = hidden if np.ndim(hidden) else [hidden]
    return [whole("hidden", size, 1) for size in hidden]


def parameterization(
    kind: str,
    domain,
    values: Mapping[str, object],
    fields: Sequence,
    *,
    hidden: list[int],
    components: int,
    fixed: Mapping[str, float],
    defaults: Mapping[str, object],
    forcings: Sequence,
    dynamic: Sequence[str],
    dynamic_dropout: float,
    weighted: bool,
    dropout: float,
    log_attributes: Sequence[str],
    past: Sequence[Field] | None = None,
) -> Parameterization:
    """A network of the kind, from attributes to the fields; see `gridhydro.Model`.

    past  of "gz", the series of the history that it reads
    """
    log = [f.name for f in fields if f.log and f.name not in fixed]
    if dynamic and kind != "lstm":
        raise ValueError(
            f"{', '.join(dynamic)} cannot change by day with network='{kind}', which does not read "
            "the weather of the day: take network='lstm'"
        )
    if kind == "gz" and past is None:
        raise ValueError(
            "network='gz' reads what was seen of the cells: give history=gridhydro.History.of("
            "domain, series, period=(first, last))"
        )
    if kind != "gz" and past is not None:
        raise ValueError(f"network='{kind}' reads no history: leave it out, or take network='gz'")
    if kind in PER_CELL:
        named = {n: v for n, v in defaults.items() if n not in fixed}
        network = FreeParameters(
            fields, named, domain.size, components, fixed, log, weighted=weighted
        )
        return network.requires_grad_(kind == "free")
    more = dict(weighted=weighted, dropout=dropout, log_attributes=log_attributes)
    if kind == "lstm":
        size, *layers = hidden
        if layers:
            more |= dict(static="attributes", layers=layers)
        return SequenceParameterization(
            values, fields, size, components, fixed, log, dynamic=dynamic,
            forcings=forcings, dynamic_dropout=dynamic_dropout, **more,
        )  # fmt: skip
    if kind == "gz":
        return HistoryParameterization(
            values, fields, hidden, components, fixed, log, series=past, **more
        )
    if kind in FORMS:
        return RasterParameterization(
            domain, values, fields, hidden, components, fixed, log, form=kind, **more
        )
    return Parameterization(values, fields, hidden, components, fixed, log, **more)
