"""A domain file of lumped basins -> domain, attributes, forcing and discharge of all of them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import xarray as xr

from gridhydro.base.arguments import names
from gridhydro.columns import column as column_named
from gridhydro.columns.column import Column
from gridhydro.domain.domain import Domain
from gridhydro.inputs.attribute_layers import plain
from gridhydro.inputs.attributes import attribute_values, without_gaps
from gridhydro.inputs.basins_formats import FORMATS, BasinsOptions, PolygonsOptions, read_sample
from gridhydro.inputs.calendar_series import OF_CALENDAR, lazy_of_calendar
from gridhydro.inputs.climate_indices import INDICES, climate_indices
from gridhydro.inputs.pet_lazy import lazy_pet
from gridhydro.inputs.polygons import Layer, from_polygons

# what is not read of a file but made of polygons stands beside what is
__all__ = [
    "FORMATS", "Basins", "BasinsOptions", "Layer", "PolygonsOptions", "climate_indices",
    "filled_for", "from_polygons", "lumped_domain", "of_dataset", "read", "with_pet",
]  # fmt: skip


# made of the observed discharge: no attribute of an ungauged basin. Some have the name of the rain
# behind them (runoff_ratio_cr2met), and Australia's what its discharge is uncertain by
_SIGNATURES = re.compile(
    r"(q_mean|runoff_ratio|slope_fdc|baseflow_index|stream_elas|q5|q95|high_q_freq|high_q_dur"
    r"|low_q_freq|low_q_dur|zero_q_freq|hfd_mean)(_(cr2met|chirps|mswep|tmpa))?"
    r"|huc_02|q_uncert_\w+|prop_missing_data|record_period_(start|end)|(start|end)_date|n_obs",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Basins:
    """A sample of lumped basins: the domain, attributes name -> (N,), forcing, discharge.

    Attributes of `read` are NaN where they are missing.
    """

    domain: Domain
    attributes: dict
    forcing: xr.Dataset
    discharge: xr.DataArray


def read(options: BasinsOptions, column: Column, data: Path, place: str) -> Basins:
    """The basins of a domain file's section; errors name `place`, the file and its section."""
    try:
        found = read_sample(options, data)
        if options.climate:
            found = found.drop_vars(INDICES, errors="ignore")
            found = found.assign(climate_indices(found, pet=options.pet).data_vars)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{place}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    return _parts(found, column, options.attributes, options.pet)


def of_dataset(
    found: xr.Dataset,
    column: str | Column = "hbv",
    attributes: tuple[str, ...] = (),
    pet: str | None = None,
    trained: Sequence[str] | None = None,
) -> Basins:
    """The parts of a basins Dataset that a training takes.

    column      whose forcings are needed
    attributes  names of those to use; without it all but signatures of the discharge, which say
                of a basin what a model is to find out
    pet         method of the potential evapotranspiration, or "given" if the Dataset has it; None:
                "oudin", with a warning if the Dataset has a series of its own
    trained     names of the basins to be trained on; all without it
    Missing attributes are replaced by the mean of the basins to be trained on, with a warning.
    """
    parts = _parts(found, column, attributes, pet)
    filled = filled_for(parts.domain, parts.attributes, trained)
    return replace(parts, attributes=filled)


def filled_for(domain: Domain, attributes: dict, trained: Sequence[str] | None) -> dict:
    """Attributes name -> (N,) with gaps filled from the basins to be trained on; None: all.

    ValueError for a basin that is not there.
    """
    if trained is None:
        return without_gaps(attributes)
    known = {name: place for place, name in enumerate(domain.gauges.index)}
    unknown = [name for name in names("trained", trained) if name not in known]
    if unknown:
        raise ValueError(f"trained: there is no basin {', '.join(unknown[:5])}")
    return without_gaps(attributes, trained=[known[str(name)] for name in trained])


def _parts(found: xr.Dataset, column: str | Column, attributes, pet: str | None) -> Basins:
    """A basins Dataset in parts, gaps in its attributes left as they are."""
    column = column_named(column)
    if "discharge" not in found:
        raise ValueError("the basins have no discharge to train on")
    domain = lumped_domain(found)
    if not attributes:
        found = found.drop_vars([n for n in found.data_vars if _SIGNATURES.fullmatch(str(n))])
    series = {name for name in found.data_vars if "time" in found[name].dims}
    chosen = list(attributes) or None
    static = found.drop_vars(series)
    plain_ones = static if chosen else _without_tables(static)
    # without any, "free" networks are left
    none = not chosen and not len(plain_ones.data_vars)
    values = {} if none else attribute_values(domain, plain_ones, chosen)
    forcing = with_pet(found, column, pet)
    # that a model takes is made with its own domain, see `Forcing.read`; here to be seen
    made = [f.name for f in column.forcings if f.name in OF_CALENDAR and f.name not in forcing]
    days = found.indexes["time"]
    rasters = {n: lazy_of_calendar(n, days, domain) for n in made}
    forcing = forcing.assign({n: (one.dims, one.data, one.attrs) for n, one in rasters.items()})
    return Basins(domain, values, forcing, found["discharge"])


def _without_tables(static: xr.Dataset) -> xr.Dataset:
    """The attributes without curves and tables of several values a gauge, which are named."""
    tables = [str(name) for name, one in static.data_vars.items() if not plain(one, {"gauge"})]
    if tables:
        warnings.warn(
            f"{', '.join(tables)}: left out of the attributes, with several values for each gauge",
            stacklevel=4,
        )
    return static.drop_vars(tables)


def with_pet(found: xr.Dataset, column: Column, method: str | None = None) -> xr.Dataset:
    """The column's forcings of a basins Dataset; what evaporates is computed by `method`, lazily.

    "given" takes it from the Dataset; None is "oudin", and says so where the Dataset has it.
    """
    demand = "potential_evapotranspiration"
    wanted = [f.name for f in column.forcings]
    if method is None:
        method = "oudin"
        if demand in wanted and demand in found:
            warnings.warn(
                f"the {demand} of the basins is left out, and computed by Oudin's method instead: "
                'pet="given" takes it, pet="oudin" says that this is meant',
                stacklevel=4,
            )
    forcing = found[[n for n in wanted if n in found and (n != demand or method == "given")]]
    if demand in wanted and method != "given":
        forcing = forcing.assign({demand: lazy_pet(found, method).assign_attrs(method=method)})
    return forcing


def lumped_domain(basins: xr.Dataset) -> Domain:
    """The domain of a basins Dataset: a cell for each gauge, with its area and place.

    ValueError without gauges and their areas.
    """
    known = isinstance(basins, xr.Dataset)
    if not known or "gauge" not in basins.dims or "area" not in basins.coords:
        raise ValueError(
            "a basins Dataset has the dimension 'gauge' and the coordinate 'area' in km2: read it "
            "with one of the readers of gridhydro.io"
        )
    place = {
        name: basins[name].values for name in ("latitude", "longitude") if name in basins.coords
    }
    return Domain.of_basins(
        basins["area"].values, [str(g) for g in basins["gauge"].values], **place
    )
