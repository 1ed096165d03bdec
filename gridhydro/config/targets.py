"""Targets of a domain file, read with its data."""

from __future__ import annotations

from pathlib import Path

from gridhydro.base.missing import masked
from gridhydro.columns import column as column_named
from gridhydro.config.attributes import on_domain
from gridhydro.config.parse import locate, named, read_options
from gridhydro.config.sections import TargetOptions
from gridhydro.domain.domain import Domain
from gridhydro.io import read_series
from gridhydro.io.raster import read_variable
from gridhydro.observations.targets import Target


def read_targets(
    source: Path, content: dict, data: Path, domain: Domain, column: str
) -> list[Target]:
    """The observations of each [[targets]], rasters brought onto the domain."""
    found = []
    for given in content.get("targets", []):
        options = read_options(source, "targets", TargetOptions, given)
        place = f"{source}, [[targets]] {options.name}"
        with named(f"{place}: name"):
            column_named(column).output(options.name)
        path = locate(data, options.file, f"{place}: file")
        with named(f"{place}: file"):
            if domain.grid is None:
                series = masked(read_variable(path, options.variable), options.missing)
            else:
                series = read_series(
                    path, options.variable, crs=options.crs, missing=options.missing
                )
                series = on_domain(series, domain, gaps=True)
        if options.units is not None:
            series = series.assign_attrs(units=options.units)
        more = dict(weight=options.weight, loss=options.loss)
        with named(place):
            target = Target(
                options.name, series, **more, scale=options.scale, offset=options.offset,
                days=options.days,
            )  # fmt: skip
        found.append(target)
    return found
