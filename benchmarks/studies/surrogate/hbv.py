"""HBV as a black box: what is learned through its surrogate, beside its own adjoint.

    python -m benchmarks surrogate-hbv --data FOLDER --out RUNS/hbv
    python -m benchmarks surrogate-page --runs RUNS/hbv RUNS/vic

Everything that is done is kept under the folder of --out and not done again.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

import gridhydro as gh
from benchmarks.studies.surrogate import learning
from benchmarks.studies.surrogate.twin import BlackBox
from gridhydro.columns import column

HBV = column("hbv")
NAMES = ("beta", "FC", "LP", "K1", "K2", "PERC", "CFMAX")
FIXED = dict(K0=0.3, UZL=20.0, TT=0.0, CFR=0.05, CWH=0.1, gamma=1.0, C=0.0)
OUTPUTS = ("runoff", "soil_wetness", "actual_evapotranspiration")
SPINUP = 730  # days of the record that are run before it


def hbv(forcing, parameters) -> dict[str, np.ndarray]:
    """Two years of the record, then the record; (time, run) of each output."""
    weather = torch.stack(
        [torch.tensor(forcing[f.name].transpose("time", ...).values) for f in HBV.forcings]
    ).float()
    runs = weather.shape[2]
    values = {name: np.full(runs, value) for name, value in FIXED.items()} | dict(parameters)
    values = {name: torch.tensor(np.asarray(v), dtype=torch.float32) for name, v in values.items()}
    _, state = gh.simulate("hbv", weather[:, :SPINUP].contiguous(), values)
    found, _ = gh.simulate("hbv", weather, values, initial=state, outputs=OUTPUTS)
    return {name: series.numpy() for name, series in found.items()}


BOX = BlackBox(
    "hbv",
    hbv,
    tuple(f for f in HBV.parameters if f.name in NAMES),
    tuple(HBV.output(name) for name in OUTPUTS),
    {"runoff": ("runoff",), "soil wetness": ("soil_wetness",)},
    column="hbv",
    fixed=FIXED,
)


arguments, main = learning.arguments, partial(learning.command, BOX)
