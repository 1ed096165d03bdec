"""Section [lakes] of a domain file, and the series that rivers with more than a reach read."""

from __future__ import annotations

from pathlib import Path

from gridhydro import io
from gridhydro.config.parse import locate, named, read_options
from gridhydro.config.sections import LakeOptions, ModelOptions
from gridhydro.domain.domain import Domain
from gridhydro.domain.lakes import Lakes
from gridhydro.model.river import River
from gridhydro.reaches.withdrawals import WITHDRAWAL


def read_lakes(
    source: Path, content: dict, data: Path, domain: Domain, model: ModelOptions
) -> Lakes | None:
    """The lakes of the domain; None where the river has none."""
    kind = model.routing.lakes if isinstance(model.routing, River) else None
    wanted = kind is not None
    place = f"{source}, [lakes]"
    if wanted and "lakes" not in content:
        raise ValueError(
            f"{source}, [model]: routing with lakes = '{kind}' needs a section "
            "[lakes] with the file of a table, such as that of HydroLAKES"
        )
    if "lakes" not in content:
        return None
    options = read_options(source, "lakes", LakeOptions, content["lakes"])
    if not wanted:
        raise ValueError(
            f'{place} is not used: add routing = {{ lakes = "natural" }} to [model], or leave it '
            "out"
        )
    path = locate(data, options.file, f"{place}: file")
    with named(place):
        return Lakes.of(
            domain, io.read_lakes(path), columns=options.columns, units=options.units,
            active_depth=options.active_depth, snap=options.snap,
        )  # fmt: skip


def river_series(model: ModelOptions) -> list:
    """The fields that the river reads of a forcing."""
    routing = model.routing
    return list(routing.forcings) if isinstance(routing, River) else []


def refuse_other_grid(name: str) -> None:
    """ValueError for a series of another grid than the domain's which has no mean over cells."""
    if name == WITHDRAWAL.name:
        raise ValueError(
            f"'{name}' is on another grid than the domain, and what is taken from a cell has no "
            "mean: give it on the cells of the domain"
        )
