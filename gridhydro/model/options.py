"""The options of a model for a JSON file, and the arguments of `gridhydro.Model` from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gridhydro.columns.components import Components
from gridhydro.inputs.history import History
from gridhydro.model.river import River
from gridhydro.model.stepping import Stepping
from gridhydro.model.unit_hydrograph import UnitHydrograph
from gridhydro.nets.correction import Correction
from gridhydro.nets.options import PER_CELL, ParameterNetwork

# the kinds of routing, by their names in the file
_ROUTINGS: dict[str, type] = {"river": River, "unit_hydrograph": UnitHydrograph}
# options of the network as earlier versions kept them, beside all others
_UNGROUPED = ("hidden", "dropout", "log_attributes", "dynamic", "dynamic_dropout", "seed")


def to_json(
    column: str,
    network: ParameterNetwork,
    components: Components | None = None,
    fixed: Mapping[str, float] | None = None,
    routing: River | UnitHydrograph | None = None,
    correction: str | Correction | None = None,
    stepping: Stepping | None = None,
) -> dict:
    """All that makes a model beside its data; what is kept for the gradient and the backend belong
    to the machine and are not part of it."""
    named, stepping = {}, stepping or Stepping()
    count = stepping.steps_a_day
    if routing is not None:
        named = {n: asdict(routing) for n, kind in _ROUTINGS.items() if type(routing) is kind}
    return {
        "column": column,
        "network": network.to_json(),
        "components": asdict(components or Components()),
        "fixed": dict(fixed or {}),
        "routing": named or None,
        "correction": correction if isinstance(correction, str | None) else "own",
        "scheme": str(stepping.scheme),
        **({} if count == 1 else {"steps_a_day": count}),  # as in runs from before there was one
    }


def from_json(
    kept: Mapping[str, Any], history: History | None = None, *, lumped: bool = False
) -> dict:
    """Arguments of `make_model`, from options as they were kept.

    history  of a network that reads one, of whose values the options hold none
    lumped   whether the domain is basins, of which earlier versions kept a river too
    ValueError for a correction that only the program that made the model has.
    """
    kept = _now(kept, lumped)
    if kept["correction"] == "own":
        raise ValueError(
            "this model has a correction of its own, which is not kept: make the model again in "
            "Python, then load its weights from model.safetensors"
        )
    network = ParameterNetwork(**dict(kept["network"]) | {"history": history})
    if kept["column"] == "lstm":
        return {"column": "lstm", "network": network, "forcings": tuple(kept.get("forcings", ()))}
    named, count = dict(kept["routing"] or {}), kept.get("steps_a_day", 1)
    routing = next((_ROUTINGS[name](**options) for name, options in named.items()), None)
    return {
        "column": kept["column"],
        "network": network,
        "components": Components(**kept["components"]),
        "fixed": kept["fixed"],
        "routing": routing,
        "correction": kept["correction"],
        "scheme": kept["scheme"] if count == 1 else Stepping(kept["scheme"], steps_a_day=count),
    }


def history_of(kept: Mapping[str, Any]) -> dict | None:
    """The settings of the history of a network that reads one, see `History.again`; or None."""
    return _now(kept)["network"]["history"]


def _now(kept: Mapping[str, Any], lumped: bool = False) -> Mapping[str, Any]:
    return kept if isinstance(kept["network"], Mapping) else _grouped(kept, lumped)


def _grouped(kept: Mapping[str, Any], lumped: bool) -> dict:
    """Options of runs that earlier versions kept, in groups."""
    network = {n: kept[n] for n in _UNGROUPED if n in kept}
    network |= {"kind": kept["network"], "history": kept.get("history")}
    if network["kind"] != "lstm":  # these were kept where nothing read them
        network.pop("dynamic_dropout", None)
    if network["kind"] in PER_CELL:
        network.pop("dropout", None)
    routing: dict[str, Any] | None = None
    of = kept.get("unit_hydrograph")
    if of is not None:
        routing = {"unit_hydrograph": {"of": of}}
    elif "river" in kept and not lumped:
        routing = {"river": kept["river"]}
    return {
        "column": kept["column"],
        "network": network,
        "components": {"count": kept.get("components", 1), "weights": kept.get("weights", "mean")},
        "fixed": kept.get("fixed", {}),
        "routing": routing,
        "correction": kept.get("correction"),
        "scheme": kept.get("scheme", "sequential"),
    }
