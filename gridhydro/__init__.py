"""Gridded, differentiable hydrology with fused CPU and GPU kernels."""

from importlib import import_module

from gridhydro.columns import COLUMNS
from gridhydro.columns.column import Column, Embedded, Field, fields
from gridhydro.kernels import OutsideVocabulary
from gridhydro.model.simulate import simulate

__version__ = "0.1.0"

# the rest loads when it is first asked for: a script that only runs columns need not wait for the
# libraries of rasters and plots. No module here may carry the name that it is to provide
_HOMES = {
    "Averages": "observations.averages",
    "Batches": "training.batches",
    "Domain": "domain.domain",
    "Ensemble": "model.ensemble",
    "EmbeddedNetwork": "nets.embedded",
    "Forcing": "inputs.forcing",
    "History": "inputs.history",
    "LSTMModel": "model.lstm_model",
    "LandSurface": "inputs.land_surface",
    "Model": "model.model",
    "Network": "domain.network",
    "River": "model.river",
    "Run": "model.run",
    "StorageObservations": "observations.storage",
    "Target": "observations.targets",
    "Tiles": "domain.tiles",
    "check": "inputs.check",
    "calibrate": "training.calibration.calibrate",
    "land_surface": "inputs.land_surface",
    "load": "model.run",
    "route": "model.routing",
    "train": "training.train",
}

# public as a whole
_MODULES = {"basins": "inputs.basins", "splits": "training.splits"}

__all__ = [
    "COLUMNS", "Column", "Embedded", "Field", "OutsideVocabulary", "fields", "simulate", *_HOMES,
    *_MODULES,
]  # fmt: skip


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f"gridhydro.{_MODULES[name]}")
    if name not in _HOMES:
        raise AttributeError(f"gridhydro has no '{name}'; it has {', '.join(__all__)}")
    return getattr(import_module(f"gridhydro.{_HOMES[name]}"), name)


def __dir__():
    return sorted(__all__)
