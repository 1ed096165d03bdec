"""Section [model] of a domain file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from gridhydro.base.arguments import one_of
from gridhydro.columns import column as column_named
from gridhydro.config.parse import as_table, named, read_options, refuse_renamed, refuse_unused
from gridhydro.config.sections import ModelOptions
from gridhydro.model.lstm_model import Streamflow, refuse_unfit
from gridhydro.model.river import CHANNELS, River
from gridhydro.model.unit_hydrograph import UnitHydrograph
from gridhydro.nets.options import ParameterNetwork

# keys of [model] that have another name now
RENAMED = {
    name: f"network = {{ {name} = ... }}"
    for name in ("hidden", "dropout", "log_attributes", "dynamic", "dynamic_dropout")
} | {
    "weights": "components = { weights = ... }",
    "river": "routing",
    "unit_hydrograph": "routing = { of = ... }",
}
# keys that column = "lstm" takes
LSTM_OPTIONS = {"column", "network", "configuration", "forcings"}


def read_model(source: Path, given: Mapping[str, object], lumped: bool) -> ModelOptions:
    """The section [model] of a domain, of lumped basins or not.

    ValueError, naming file and key, for what is not known, not used, or of another name now.
    """
    place, given = f"{source}, [model]", dict(given)
    refuse_renamed(place, given, RENAMED)
    column = given.get("column")
    if isinstance(column, dict):
        given["column"] = _column(place, column)
    rival = given.get("column") == "lstm"
    network = as_table(ParameterNetwork, given.get("network", {}))
    if rival:
        unused = {f.name for f in fields(ModelOptions)} - LSTM_OPTIONS
        refuse_unused(place, given, unused, 'column = "lstm"')
        network = {"kind": "lstm"} | network
    _refuse_made(f"{source}, [model.network]", network)
    routing = _routing(source, given.pop("routing", None), lumped)
    model = read_options(source, "model", ModelOptions, given | {"network": network})
    if model.network.kind != "gz":
        by = f'network = "{model.network.kind}"'
        refuse_unused(place, given, ("history_days",), by)
    if rival:
        with named(f"{source}, [model.network]"):
            refuse_unfit(model.network)
        with named(place):
            Streamflow(model.forcings)
    else:
        refuse_unused(place, given, ("forcings",), f'column = "{model.column}"')
    return replace(model, routing=routing)


def _column(place: str, table: Mapping[str, object]) -> str:
    """The name of a column whose options are keys of a table: "fuse:upper=tension1"."""
    options = dict(table)
    name = options.pop("name", None)
    if not isinstance(name, str):
        example = 'column = { name = "fuse_prms", interflow = "none" }'
        raise ValueError(f"{place}: a table of a column has its name, as in {example}")
    told = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in options.items()]
    with named(f"{place}, column"):
        return column_named(":".join(filter(None, (name, ",".join(told))))).name


def _refuse_made(place: str, network: Mapping[str, object]) -> None:
    """ValueError for what a network is given by the rest of the file."""
    made = {
        "seed": "the first weights follow from the seed of [training]",
        "history": "it is made of the data: [model] history_days says how",
    }
    for name, why in made.items():
        if name in network:
            raise ValueError(f"{place}: '{name}' is no key here: {why}")


def _routing(source: Path, given, lumped: bool) -> River | UnitHydrograph | None:
    """The routing of the domain, by its name or its keys."""
    known: dict[str, River | UnitHydrograph] = {"unit_hydrograph": UnitHydrograph()}
    if not lumped:
        channels = {name: River(reach=name) for name in CHANNELS}
        known = {"hydropy": River.hydropy(), **channels}
    kind = UnitHydrograph if lumped else River
    if given is None:
        return None
    if isinstance(given, str) and given in known:
        return known[given]
    if isinstance(given, dict) and "name" in given:  # the named one, with other keys
        given = dict(given)
        name = given.pop("name")
        changed = read_options(source, "model.routing", kind, given)
        with named(f"{source}, [model.routing]"):
            usual = known[one_of("name", name, known)]
            return replace(usual, **{key: getattr(changed, key) for key in given})
    if not isinstance(given, dict):
        names, keys = " or ".join(map(repr, known)), ", ".join(f.name for f in fields(kind))
        raise ValueError(
            f"{source}, [model]: routing of {'lumped basins' if lumped else 'a raster'} is "
            f"{names}, or a table with {keys}, not {given!r}"
        )
    return read_options(source, "model.routing", kind, given)
