"""Small trainings on generated lumped basins, by kind of network."""

import torch

import gridhydro as gh
from gridhydro.columns import column
from gridhydro.inputs.basins import of_dataset
from gridhydro.training.batches import Batches
from tests.support.options import grouped
from tests.support.small_basins import PERIOD, small_basins

BATCHES = Batches(gauges=5, days=120, warmup=100)
KINDS = {
    "mlp": dict(hidden=(16,)),
    "lstm": dict(network="lstm", hidden=8, dynamic=["beta", "gamma"], dynamic_dropout=0.5),
    "departures": dict(
        network="lstm", hidden=(8, 16), dynamic=["beta", "gamma"], dynamic_dropout=0.5
    ),
    "weighted": dict(hidden=(16,), weights="learned", dropout=0.1),
    "embedded": dict(column="hbv_nn", hidden=(16,)),
    "implicit": dict(column="hbv_improved", scheme="implicit", hidden=(16,)),
    "rival": dict(column="lstm", hidden=8, dropout=0.1),
}


def basins():
    return of_dataset(small_basins(), column("hbv"), pet="given")


def model(kind="mlp", **options):
    parts = basins()
    options = KINDS[kind] | options
    if options.get("column") == "lstm":
        options.pop("column")
        network = gh.ParameterNetwork("lstm", **options)
        return gh.LSTMModel(parts.domain, parts.attributes, network)
    options = grouped(**dict(components=3, unit_hydrograph="mean") | options)
    return gh.Model(parts.domain, attributes=parts.attributes, **options)


def fit(kind="mlp", **options):
    parts = basins()
    options = (
        dict(period=PERIOD, epochs=2, batches=BATCHES, session=gh.Session(progress=False)) | options
    )
    return gh.train(model(kind), parts.forcing, parts.discharge, **options)


def weights(run):
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])
