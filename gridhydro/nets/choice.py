"""The parameterization that a `ParameterNetwork` stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gridhydro.columns.column import Field
from gridhydro.columns.components import Components
from gridhydro.domain.domain import Domain
from gridhydro.nets.free import FreeParameters, GivenParameters
from gridhydro.nets.history import HistoryParameterization
from gridhydro.nets.lstm import SequenceParameterization
from gridhydro.nets.mlp import Parameterization
from gridhydro.nets.options import ParameterNetwork
from gridhydro.nets.raster import KINDS as RASTER_KINDS
from gridhydro.nets.raster import RasterParameterization


def parameterization(
    domain: Domain,
    values: Mapping[str, object],
    fields: Sequence[Field],
    network: ParameterNetwork,
    components: Components,
    *,
    fixed: Mapping[str, float],
    defaults: Mapping[str, object],
    forcings: Sequence[Field],
) -> Parameterization:
    """A network from attributes to the fields; see `gridhydro.Model`.

    values    attributes by name, (N,) each
    defaults  of values per cell, where they start
    forcings  that an LSTM reads
    """
    log = [f.name for f in fields if f.log and f.name not in fixed]
    if network.per_cell:
        named = {n: v for n, v in defaults.items() if n not in fixed}
        kind = FreeParameters if network.kind == "free" else GivenParameters
        return kind(fields, named, domain.size, components, fixed, log)
    options = (values, fields, network, components, fixed, log)
    if network.kind == "lstm":
        return SequenceParameterization(*options, forcings=forcings)
    if network.kind == "gz":
        return HistoryParameterization(*options)
    if network.kind in RASTER_KINDS:
        return RasterParameterization(domain, *options)
    return Parameterization(*options)
