"""The configurations that papers compare, by name.

Those of HydroPy on a raster are of Wang et al. (2024, doi:10.1029/2023WR036170), those of HBV and
an LSTM on lumped basins of Feng et al. (2022, doi:10.1029/2022WR032404), and other schemes and
capillary rise of Song et al. (2024, doi:10.5194/hess-28-3051-2024).
A configuration is a name for options of [model] and [training]: `[model] configuration = "..."` in
a domain file, or `gridhydro train --configuration`. What the file gives itself is kept.
"""

from __future__ import annotations

from gridhydro.base.arguments import one_of
from gridhydro.config.parse import as_table
from gridhydro.nets.options import PER_CELL, ParameterNetwork
from gridhydro.training.options import Optimizer, SpinUp

_HYDROPY = {"column": "hydropy_ramp", "routing": "hydropy"}
_NETWORK = _HYDROPY | {"network": {"kind": "mlp", "hidden": [256, 64, 16]}}
_ADAM = {
    "epochs": 300, "optimizer": {"name": "adam", "learning_rate": 0.0005},
    "spinup": {"start": "equilibrium"}, "loss": "nse",
}  # fmt: skip

# name -> what it sets in [model] and in [training]
WANG: dict[str, tuple[dict, dict]] = {
    # HydroPy's own parameters, nothing learned
    "HydroPyNN": (_HYDROPY | {"network": "none"}, _ADAM | {"epochs": 0, "storage_weight": 0.5}),
    # a free value for every cell and parameter, fitted to discharge and storage; in steps of the
    # size that suits a network they would hardly leave where they start
    "HydroPyNN(Q,S)": (
        _HYDROPY | {"network": "free"},
        _ADAM | {"storage_weight": 0.5, "optimizer": {"name": "adam", "learning_rate": 0.03}},
    ),
    # a network from attributes to parameters, fitted to discharge
    "Hybrid(Q)": (_NETWORK, _ADAM | {"storage_weight": 0.0}),
    # the same fitted to storage as well
    "Hybrid(Q,S)": (_NETWORK, _ADAM | {"storage_weight": 0.5}),
    # and with a network for the error of Penman-Monteith
    "Hybrid(Q,S)+": (_NETWORK | {"correction": "conv3d"}, _ADAM | {"storage_weight": 0.5}),
}

_LSTM = {"kind": "lstm", "hidden": [256]}
_DELTA = {
    "column": "hbv", "components": 16, "routing": "unit_hydrograph", "network": _LSTM,
    "fixed": {"C": 0.0},  # no capillary rise
}  # fmt: skip
# Adadelta as Song et al. (2024) name it, epochs as those of hydroDL, the authors' program
_ADADELTA = {
    "epochs": 50, "optimizer": {"name": "adadelta", "decay": False}, "spinup": {},
    "loss": "rmse_lowflow",
    "batches": {"gauges": 100, "days": 365, "warmup": 365, "steps": "hydrodl"},
}  # fmt: skip


def _dynamic(*names: str) -> dict:
    return _DELTA | {"network": _LSTM | {"dynamic": list(names)}}


FENG: dict[str, tuple[dict, dict]] = {
    # HBV as it was, its parameters from a network
    "HBV": (_DELTA | {"components": 1, "fixed": {"gamma": 1.0, "C": 0.0}}, _ADADELTA),
    # the evolved HBV, and with parameters that change by day
    "delta": (_DELTA, _ADADELTA),
    "delta(beta)": (_dynamic("beta"), _ADADELTA),
    "delta(gamma)": (_dynamic("gamma"), _ADADELTA),
    "delta(gamma,beta)": (_dynamic("gamma", "beta"), _ADADELTA),
    # with a network in place of the runoff response
    "delta(NN_r)": (_DELTA | {"column": "hbv_nn"}, _ADADELTA),
    # no physics: each basin weighs alike, as where its flow is normalized
    "LSTM": (
        {"column": "lstm", "network": _LSTM | {"dropout": 0.5}},
        _ADADELTA | {"loss": "nse", "epochs": 300},
    ),
}

_ADJOINT = ("gamma", "beta", "FC")  # that change by day where the scheme is implicit
_RISING: dict = {"fixed": {}}  # with capillary rise


def _reading(*forcings: str) -> tuple[dict, dict]:
    """The LSTM with forcings of its own."""
    model, training = FENG["LSTM"]
    return model | {"forcings": ["precipitation", *forcings]}, training


# what the LSTMs of Feng et al. (2022) and of Song et al. (2024, by Kratzert et al. 2019) read
FENG["LSTM(Feng)"] = _reading("temperature", "shortwave_radiation", "vapour_pressure", "day_length")

SONG: dict[str, tuple[dict, dict]] = {
    # all stores at once by backward Euler, with the adjoint of Newton's method
    "delta.adj": (_dynamic(*_ADJOINT) | {"scheme": "implicit"}, _ADADELTA),
    # with capillary rise
    "delta improved": (_dynamic("gamma", "beta") | _RISING, _ADADELTA),
    "delta.adj improved": (
        _dynamic(*_ADJOINT) | _RISING | {"column": "hbv_improved", "scheme": "implicit"}, _ADADELTA
    ),
    # explicit schemes: the classical one of Runge and Kutta, Euler's in steps of 4 h and 1 h
    "delta rk4": (_dynamic("gamma", "beta") | {"scheme": "rk4"}, _ADADELTA),
    "delta explicit:6": (_dynamic("gamma", "beta") | {"scheme": "explicit:6"}, _ADADELTA),
    "delta explicit:24": (_dynamic("gamma", "beta") | {"scheme": "explicit:24"}, _ADADELTA),
    "LSTM(Kratzert)": _reading(
        "shortwave_radiation", "temperature_max", "temperature_min", "vapour_pressure"
    ),
}  # fmt: skip

# plain HBV without routing, its parameters from a network: Tsai et al. (2021,
# doi:10.1038/s41467-021-26107-z)
TSAI = {"dPL": ({k: v for k, v in FENG["HBV"][0].items() if k != "routing"}, FENG["HBV"][1])}

CONFIGURATIONS = WANG | FENG | SONG | TSAI


def configured(model: dict, training: dict, chosen: str | None = None) -> tuple[dict, dict]:
    """The keys of [model] and [training] with those of the configuration that they name.

    chosen  takes the place of the one that [model] names
    Of the network that a file describes only the attributes in logarithm, which a correction reads
    too, are kept where the configuration has none.
    """
    name = chosen if chosen is not None else model.get("configuration")
    if name is None:
        return model, training
    one_of("configuration", name, CONFIGURATIONS)
    of_model, of_training = CONFIGURATIONS[name]
    network = _network(of_model["network"], model.get("network", {}))
    given = model | {"configuration": name, "network": network}
    tables = {
        key: _merged(kind, of_training[key], training.get(key, {}))
        for key, kind in (("spinup", SpinUp), ("optimizer", Optimizer))
    }
    return of_model | given, of_training | training | tables


def _merged(kind: type, preset: dict, given) -> dict:
    """A table of the preset with the keys that the file gives; those of the preset's optimizer
    are not of another one that the file names."""
    given = as_table(kind, given)
    same = given.get("name", preset.get("name")) == preset.get("name")
    return (preset if same else {}) | given


def _network(preset, given) -> dict:
    """The network of the configuration with the keys that the file gives, or one of another kind
    that the file names."""
    preset, given = as_table(ParameterNetwork, preset), as_table(ParameterNetwork, given)
    if given.get("kind", preset["kind"]) != preset["kind"]:
        return given
    if "kind" not in given and preset["kind"] in PER_CELL:
        given = {key: value for key, value in given.items() if key == "log_attributes"}
    return preset | given
