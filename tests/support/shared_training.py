"""A training that processes can share: eight small rivers, their discharge, storage on tiles."""

from functools import cache

import numpy as np
import pandas as pd
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.base import ranks
from gridhydro.inputs.forcing import Forcing

LAT, LON = np.arange(1.75, -2, -0.5), np.arange(-69.75, -67, 0.5)
PERIOD = ("2003-07-01", "2003-12-31")


@cache
def world():
    """domain (8 rivers of 6 cells, 5 gauges), attributes, forcing, discharge, storage."""
    rng = np.random.default_rng(4)
    codes = xr.DataArray(np.full((LAT.size, LON.size), 6), dict(lat=LAT, lon=LON), ("lat", "lon"))
    rows = [0, 1, 3, 6, 7]
    gauges = pd.DataFrame(dict(name=list("abcde"), lon=LON[-1], lat=LAT[rows]))
    domain = gh.Domain.from_d8(codes, "ldd", gauges=gauges, crs="EPSG:4326")
    times = pd.date_range("2003-01-01", "2003-12-31")
    shape = (len(times), domain.size)
    rain = rng.gamma(0.3, 20, shape) * rng.uniform(0.5, 1.5, domain.size)
    weather = np.stack([rain, np.full(shape, 24.0), np.full(shape, 3.0)]).astype(np.float32)
    attributes = {name: rng.standard_normal(domain.size) for name in ("first", "second")}
    forcing = Forcing(times, torch.from_numpy(weather))
    with torch.no_grad():
        truth = gh.Model(domain, "hbv", network="none")(forcing.values).discharge
    discharge = pd.DataFrame(
        truth.numpy() * rng.uniform(0.7, 1.3, truth.shape), times, domain.gauges.index
    )
    tiles = gh.Tiles.of(domain, 2.0)
    months = pd.date_range("2003-01-01", "2004-01-01", freq="MS").to_numpy().astype("M8[D]")
    anomalies = 20 * rng.standard_normal((12, tiles.size))
    span = ("2003-07-01", "2003-12-31")
    storage = gh.StorageObservations(tiles, months[:-1], months[1:], anomalies, span)
    return domain, attributes, forcing, discharge, gh.StorageTarget(storage, 0.5)


OWN = gh.Batches(2, 60, 60)  # of a loop of one's own
# what each of the trainings takes beside the rest
CASES = {
    "whole": dict(storage=True, spinup=gh.SpinUp(90)),
    "minibatches": dict(batches=gh.Batches(2, 60, 60, together=2), dropout=0.3),
    "guarded": dict(storage=True, spinup=gh.SpinUp(90), optimizer=gh.Optimizer(balance="guarded")),
    "gradients": dict(
        storage=True,
        batches=gh.Batches(2, 120, 60, together=2),
        optimizer=gh.Optimizer(balance=gh.Balance("gradients", every=2)),
    ),
}


def own_steps(batches: gh.Batches | None) -> gh.Minibatches:
    """Minibatches for a loop of one's own."""
    domain, attributes, forcing, discharge, _ = world()
    model = gh.Model(domain, "hbv", attributes, network=gh.ParameterNetwork("mlp", hidden=(8,)))
    return gh.Minibatches(
        model, forcing, discharge, period=PERIOD, batches=batches,
        session=gh.Session(progress=False, seed=1),
    )  # fmt: skip


def loop_of_own(steps: gh.Minibatches, drawn) -> torch.Tensor:
    """The weights after two epochs of a plain loop in which a step is of several minibatches.

    drawn(number) gives the minibatches of each step of an epoch, of this process
    """
    module = torch.nn.parallel.DistributedDataParallel(steps) if ranks.count() > 1 else steps
    optimizer = torch.optim.SGD(steps.parameters(), lr=0.1)
    for number in range(2):
        for some in drawn(number):
            optimizer.zero_grad()
            (sum(map(module, some)) / len(some)).backward()
            optimizer.step()
    return torch.cat([w.detach().flatten() for w in steps.parameters()])


def trained(case: dict, **more) -> gh.Run:
    """A run of three epochs, where the case says no other number."""
    domain, attributes, forcing, discharge, storage = world()
    options = dict(spinup=gh.SpinUp(90, start="empty"), epochs=3) | case
    targets = [storage] if options.pop("storage", False) else []
    network = gh.ParameterNetwork("mlp", hidden=(8,), dropout=options.pop("dropout", 0.0))
    model = gh.Model(domain, "hbv", attributes, network=network)
    return gh.train(
        model, forcing, discharge, period=PERIOD, targets=targets, **options,
        session=gh.Session(progress=False, seed=1), **more,
    )  # fmt: skip
