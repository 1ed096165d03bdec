"""Options of a model and of a run, written flat and handed over in their groups."""

import gridhydro as gh

_NETWORK = (
    "hidden", "dropout", "log_attributes", "dynamic", "dynamic_dropout", "history", "seed",
)  # fmt: skip
_STEPPING = ("scheme", "storage", "backend")


def _taken(options, names):
    return {name: options.pop(name) for name in names if name in options}


def grouped(**options) -> dict:
    """Arguments of `gh.Model`: the network's options in a `ParameterNetwork`, and so on.

    unit_hydrograph  what it is of; None: without one
    """
    kind, own = options.pop("network", "mlp"), _taken(options, _NETWORK)
    found = stepped(**_taken(options, _STEPPING)) | {"network": gh.ParameterNetwork(kind, **own)}
    count = options.pop("components", 1)
    found["components"] = gh.Components(count, **_taken(options, ("weights",)))
    of = options.pop("unit_hydrograph", None)
    found |= {} if of is None else {"routing": gh.UnitHydrograph(of)}
    return options | found


def stepped(**options) -> dict:
    """Arguments of `simulate`: scheme, storage and backend in a `Stepping`."""
    own = _taken(options, _STEPPING)
    return options | {"scheme": gh.Stepping(**own)}
