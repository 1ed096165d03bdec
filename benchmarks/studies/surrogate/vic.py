"""VIC-3L of hydro-smash, a model in Fortran: parameters learned through its surrogate.

    python -m benchmarks surrogate-vic --data FOLDER --out RUNS/vic
    python -m benchmarks surrogate-page --runs RUNS/hbv RUNS/vic

Needs `pip install -e .[peers]`. Only its forward run is called, never its adjoint. Cells of its
own mesh carry one run each, whatever their weather: nothing is routed. It has no snow here, so the
basins are those with little of it.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.studies.surrogate import learning
from benchmarks.studies.surrogate.twin import BlackBox
from gridhydro import fields

PARAMETERS = fields(
    "b 1 [0.01, 0.6]: shape of the variable infiltration curve",
    "cusl mm [20, 200]: capacity of the upper layer",
    "cmsl mm [100, 1000]: capacity of the middle layer",
    "ks mm d-1 [5, 1000] log: hydraulic conductivity",
    "dsm mm d-1 [1, 30] log: largest baseflow",
    "ws 1 [0.3, 0.95]: wetness above which baseflow is nonlinear",
)
FIXED = dict(cbsl=300.0, pbc=10.0, ds=0.2)
OUTPUTS = fields(
    "soil_wetness 1: water in the upper layer / its capacity",
    "actual_evapotranspiration mm d-1: what is neither runoff nor stored",
    "runoff mm d-1: surface runoff and baseflow",
)
SPINUP = 1096  # days of the record that are run before it
CANOPY = 1.0  # mm, what fills its interception store; found from its own balance
START = 0.5  # of all layers


@cache
def _smash(days: int):
    import smash  # Fortran, of the extra "peers"

    end = pd.Timestamp("2001-01-01") + pd.Timedelta(days=days)
    setup = dict(
        snow_module="zero", hydrological_module="vic3l", routing_module="zero", dt=86400.0,
        start_time="2001-01-01", end_time=f"{end:%Y-%m-%d}", compute_mean_atmos=False,
    )  # fmt: skip
    _, mesh = smash.factory.load_dataset("Lez")
    return smash.Model(setup, mesh), np.nonzero(mesh["active_cell"] == 1)


def vic(forcing: xr.Dataset, parameters) -> dict[str, np.ndarray]:
    """Three years of the record, then the record; (time, run) of each output."""
    weather = np.stack(
        [
            forcing[name].transpose("time", ...).values
            for name in ("precipitation", "potential_evapotranspiration")
        ]
    ).astype(np.float32)
    weather = np.concatenate([weather[:, :SPINUP], weather], axis=1)
    model, cells = _smash(weather.shape[1])
    runs, room = weather.shape[2], len(cells[0])
    parts = []
    for first in range(0, runs, room):
        some = slice(first, first + room)
        values = {name: np.asarray(v)[some] for name, v in parameters.items()}
        parts.append(_run(model, cells, weather[:, :, some], values))
    return {n: np.concatenate([p[n] for p in parts], axis=1)[SPINUP:] for n in parts[0]}


def _run(model, cells, weather, values) -> dict[str, np.ndarray]:
    runs = weather.shape[2]
    rows, cols = cells[0][:runs], cells[1][:runs]
    for name, series in zip(("prcp", "pet"), weather, strict=True):
        raster = np.zeros_like(getattr(model.atmos_data, name))
        raster[rows, cols] = series.T
        setattr(model.atmos_data, name, raster)
    for name, value in (FIXED | values).items():
        raster = model.get_rr_parameters(name).copy()
        raster[rows, cols] = value
        model.set_rr_parameters(name, raster)
    for layer in ("husl", "hmsl", "hbsl"):
        model.set_rr_initial_states(layer, START)
    found = model.forward_run(
        common_options={"verbose": False}, return_options=dict(rr_states=True, internal_fluxes=True)
    )
    state = np.stack([moment.values[rows, cols] for moment in found.rr_states]).astype(float)
    names = [str(name) for name in found.rr_states[0].keys]
    wetness = {name: state[..., k] for k, name in enumerate(names)}
    given = {name: np.broadcast_to(v, runs) for name, v in (FIXED | values).items()}
    storage = CANOPY * wetness["hcl"]
    start = CANOPY * model.get_rr_initial_states("hcl")[rows, cols]
    for layer in ("usl", "msl", "bsl"):
        storage = storage + wetness[f"h{layer}"] * given[f"c{layer}"]
        start = start + START * given[f"c{layer}"]
    runoff = sum(found.internal_fluxes[name][rows, cols].T for name in ("qr", "qb"))
    change = np.diff(storage, axis=0, prepend=start[None])
    # float32 knows a full store to a few 1e-4 mm
    evapotranspiration = np.maximum(weather[0] - runoff - change, 0)
    return {
        "soil_wetness": wetness["husl"],
        "actual_evapotranspiration": evapotranspiration,
        "runoff": runoff,
    }


BOX = BlackBox(
    "vic3l", vic, PARAMETERS, OUTPUTS,
    {"soil wetness": ("soil_wetness",), "soil wetness and runoff": ("soil_wetness", "runoff")},
    frozen=0.1,
)  # fmt: skip


arguments, main = learning.arguments, partial(learning.command, BOX)
