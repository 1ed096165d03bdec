"""SAC-SMA with SNOW-17 is trained on real basins: hundreds of steps a day and cell stay finite."""

import numpy as np
import pytest

import gridhydro as gh
from gridhydro import io
from gridhydro.inputs.basins import of_dataset


@pytest.mark.end_to_end
def test_sac_sma_is_trained_on_basins_of_camels(data):
    folder = data("camels_us_400")
    found = io.read_basins(folder / "timeseries.nc", attributes=folder / "attributes.csv")
    # of Maine, the Rocky Mountains, Florida, the Cascades
    parts = of_dataset(found.isel(gauge=[1, 80, 160, 240, 330, 390]), "sac_sma")
    model = gh.Model(
        parts.domain, "sac_sma", parts.attributes, network=gh.ParameterNetwork(hidden=(8,)),
        properties={"elevation": parts.attributes["elev_mean"]}, routing=gh.UnitHydrograph(),
    )  # fmt: skip
    run = gh.train(
        model, parts.forcing, parts.discharge, period=("1990", "1990"), spinup=365, epochs=6,
        optimizer=gh.Optimizer(learning_rate=0.02), session=gh.Session(progress=False),
    )  # fmt: skip
    losses = run.history["loss"].to_numpy()
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    assert all(p.isfinite().all() for p in model.parameters())
