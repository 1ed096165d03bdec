"""Gridded, differentiable hydrology with fused CPU and GPU kernels."""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from gridhydro.base.lazy import loader

# kernels/ and domains/ are installed inside the package; in a checkout they lie beside it, and
# Python that is started there takes the package from there
if not os.path.isdir(os.path.join(os.path.dirname(__file__), "kernels")):
    __path__.append(os.path.dirname(os.path.dirname(__file__)))

# the only place of the version: pyproject.toml reads it from here
__version__ = "0.1.0"

# Every name is loaded when it is first asked for: a script that runs columns need not wait for the
# libraries of rasters and plots, nor the command line for torch.
# No module or folder of gridhydro/ may carry a name that is provided here.
_HOMES = {
    "Averages": "observations.averages",
    "Balance": "training.balance",
    "Batches": "training.batches",
    "COLUMNS": "columns",
    "CSVLog": "training.callbacks",
    "Checkpoints": "training.options",
    "Column": "columns.column",
    "Components": "columns.components",
    "Domain": "domain.domain",
    "Embedded": "columns.column",
    "EmbeddedNetwork": "nets.embedded",
    "Ensemble": "model.ensemble",
    "Field": "columns.column",
    "Forcing": "inputs.forcing",
    "Fuse": "columns.fuse",
    "History": "inputs.history",
    "LSTMModel": "model.lstm_model",
    "Lakes": "domain.lakes",
    "LandSurface": "inputs.land_surface",
    "Lapse": "inputs.stations",
    "Minibatches": "training.minibatches",
    "Model": "model.model",
    "Network": "domain.network",
    "Optimizer": "training.options",
    "OutsideVocabulary": "kernels.trace",
    "ParameterNetwork": "nets.options",
    "PeriodMeans": "model.stepping",
    "River": "model.river",
    "Run": "model.run",
    "SCEUA": "training.calibration.sceua",
    "Session": "training.options",
    "SpinUp": "training.options",
    "Split": "training.splits",
    "State": "model.state",
    "Stepping": "model.stepping",
    "StorageObservations": "observations.storage",
    "StorageTarget": "observations.storage_target",
    "Target": "observations.targets",
    "TensorBoard": "training.callbacks",
    "Tiles": "domain.tiles",
    "Tributaries": "model.tributaries",
    "UnitHydrograph": "model.unit_hydrograph",
    "Validation": "training.selection",
    "calibrate": "training.calibration.calibrate",
    "check": "training.check",
    "delineate": "domain.delineate",
    "discharge_table": "observations.discharge",
    "fields": "columns.column",
    "interpolate_stations": "inputs.stations",
    "land_surface": "inputs.land_surface",
    "load": "model.run",
    "report": "analysis.page.write",
    "river_slope": "model.bed_slope",
    "route": "model.routing",
    "route_reach": "model.reach_routing",
    "simulate": "model.simulate",
    "train": "training.train",
}

# public as a whole
_MODULES = {
    "basins": "inputs.basins",
    "bmi": "config.bmi",
    "directions": "domain.directions",
    "io": "io",
    "nets": "nets",
    "splits": "training.splits",
    "surrogate": "surrogate",
}

__all__ = [
    "COLUMNS", "SCEUA", "Averages", "Balance", "Batches", "CSVLog", "Checkpoints", "Column",
    "Components", "Domain", "Embedded", "EmbeddedNetwork", "Ensemble", "Field", "Forcing", "Fuse",
    "History", "LSTMModel", "Lakes", "LandSurface", "Lapse", "Minibatches", "Model", "Network",
    "Optimizer", "OutsideVocabulary", "ParameterNetwork", "PeriodMeans", "River", "Run", "Session",
    "SpinUp", "Split", "State", "Stepping", "StorageObservations", "StorageTarget", "Target",
    "TensorBoard", "Tiles", "Tributaries", "UnitHydrograph", "Validation", "basins", "bmi",
    "calibrate", "check", "delineate", "directions", "discharge_table", "fields",
    "interpolate_stations", "io", "land_surface", "load", "nets", "report", "river_slope", "route",
    "route_reach", "simulate", "splits", "surrogate", "train",
]  # fmt: skip

# type checkers and editors, which read without running, see the same names
if TYPE_CHECKING:
    from gridhydro import io, nets, surrogate
    from gridhydro.analysis.page.write import report
    from gridhydro.columns import COLUMNS
    from gridhydro.columns.column import Column, Embedded, Field, fields
    from gridhydro.columns.components import Components
    from gridhydro.columns.fuse import Fuse
    from gridhydro.config import bmi
    from gridhydro.domain import directions
    from gridhydro.domain.delineate import delineate
    from gridhydro.domain.domain import Domain
    from gridhydro.domain.lakes import Lakes
    from gridhydro.domain.network import Network
    from gridhydro.domain.tiles import Tiles
    from gridhydro.inputs import basins
    from gridhydro.inputs.forcing import Forcing
    from gridhydro.inputs.history import History
    from gridhydro.inputs.land_surface import LandSurface, land_surface
    from gridhydro.inputs.stations import Lapse, interpolate_stations
    from gridhydro.kernels.trace import OutsideVocabulary
    from gridhydro.model.bed_slope import river_slope
    from gridhydro.model.ensemble import Ensemble
    from gridhydro.model.lstm_model import LSTMModel
    from gridhydro.model.model import Model
    from gridhydro.model.reach_routing import route_reach
    from gridhydro.model.river import River
    from gridhydro.model.routing import route
    from gridhydro.model.run import Run, load
    from gridhydro.model.simulate import simulate
    from gridhydro.model.state import State
    from gridhydro.model.stepping import PeriodMeans, Stepping
    from gridhydro.model.tributaries import Tributaries
    from gridhydro.model.unit_hydrograph import UnitHydrograph
    from gridhydro.nets.embedded import EmbeddedNetwork
    from gridhydro.nets.options import ParameterNetwork
    from gridhydro.observations.averages import Averages
    from gridhydro.observations.discharge import discharge_table
    from gridhydro.observations.storage import StorageObservations
    from gridhydro.observations.storage_target import StorageTarget
    from gridhydro.observations.targets import Target
    from gridhydro.training import splits
    from gridhydro.training.balance import Balance
    from gridhydro.training.batches import Batches
    from gridhydro.training.calibration.calibrate import calibrate
    from gridhydro.training.calibration.sceua import SCEUA
    from gridhydro.training.callbacks import CSVLog, TensorBoard
    from gridhydro.training.check import check
    from gridhydro.training.minibatches import Minibatches
    from gridhydro.training.options import Checkpoints, Optimizer, Session, SpinUp
    from gridhydro.training.selection import Validation
    from gridhydro.training.splits import Split
    from gridhydro.training.train import train
else:
    __getattr__ = loader("gridhydro", _HOMES, _MODULES)


def __dir__():
    return sorted(__all__)


# whoever works with rasters already finds their accessor `.rio`, as everything here expects it;
# what runs on tensors alone runs without
if "xarray" in sys.modules:
    with suppress(ImportError):
        import rioxarray  # noqa: F401
