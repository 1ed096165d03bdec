"""Gridded, differentiable hydrology with fused CPU and GPU kernels."""

from importlib import import_module

from gridhydro.column import Column, Embedded, Field, fields
from gridhydro.columns import COLUMNS
from gridhydro.kernels import OutsideVocabulary
from gridhydro.simulate import simulate

__version__ = "0.1.0"

# the rest loads when it is first asked for: a script that only runs columns need not wait for the
# libraries of rasters and plots. No module here may carry the name that it is to provide
_HOMES = {
    "Averages": "averages",
    "Batches": "batches",
    "Domain": "domain",
    "Ensemble": "ensemble",
    "EmbeddedNetwork": "nets.embedded",
    "Forcing": "forcing",
    "History": "history",
    "LSTMModel": "baseline",
    "LandSurface": "landsurface",
    "Model": "model",
    "Network": "network",
    "River": "river",
    "Run": "run",
    "StorageObservations": "storage",
    "Target": "targets",
    "Tiles": "tiles",
    "calibrate": "calibration",
    "land_surface": "landsurface",
    "load": "run",
    "route": "routing",
    "train": "training",
}

__all__ = [
    "COLUMNS", "Column", "Embedded", "Field", "OutsideVocabulary", "fields", "simulate", *_HOMES,
]  # fmt: skip


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"gridhydro has no '{name}'; it has {', '.join(__all__)}")
    return getattr(import_module(f"gridhydro.{_HOMES[name]}"), name)


def __dir__():
    return sorted(__all__)
