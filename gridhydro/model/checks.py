"""Whether the parts that a model is to be made of go together."""

from __future__ import annotations

from gridhydro.columns.column import Column
from gridhydro.domain.domain import Domain
from gridhydro.kernels import Scheme
from gridhydro.kernels.schemes import SEQUENTIAL
from gridhydro.model.river import River
from gridhydro.model.stepping import Stepping
from gridhydro.model.unit_hydrograph import UnitHydrograph
from gridhydro.nets.options import ParameterNetwork


def routing_of(domain: Domain, routing) -> River | UnitHydrograph | None:
    """The routing of the domain; ValueError for one that is of the other kind of domain."""
    if not isinstance(routing, River | UnitHydrograph | None):
        raise ValueError(
            "routing is a gridhydro.River(...) of a raster or a gridhydro.UnitHydrograph(...) of "
            f"lumped basins, not {routing!r}"
        )
    if domain.lumped and isinstance(routing, River):
        raise ValueError(
            "lumped basins have no rivers: leave routing out, or take a gridhydro.UnitHydrograph()"
        )
    if not domain.lumped and isinstance(routing, UnitHydrograph):
        raise ValueError("the unit hydrograph is for lumped basins: rasters have rivers")
    return routing if domain.lumped else routing or River()


def refuse_unfit(network: ParameterNetwork, column: Column, domain: Domain) -> None:
    """ValueError for daily parameters that the column lacks, and a history of other cells."""
    unknown = [n for n in network.dynamic if n not in [f.name for f in column.parameters]]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is no parameter of the column '{column.name}'")
    if network.history is not None and network.history.size != domain.size:
        raise ValueError(
            f"the history is of {network.history.size} cells, the domain has {domain.size}: make "
            "it with History.of(domain, ...)"
        )


def refuse_unfit_steps(column: Column, reads_weather: bool, correction, stepping: Stepping) -> None:
    """ValueError for what takes days only, in a model whose steps are parts of a day."""
    column.refuse_step(Scheme.of(stepping.scheme) == SEQUENTIAL)
    mend = "average the weather to days, or take"
    if reads_weather:
        raise ValueError(
            f"a network that reads the weather takes days, not parts of them: {mend} a network of "
            "attributes, such as 'mlp'"
        )
    if correction is not None:
        raise ValueError(f"a correction is of daily weather: {mend} none")
