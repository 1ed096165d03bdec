"""When numbers stop being finite: the first bad cell, day and quantity, and the case on disk."""

import json

import pytest
import torch
from safetensors.torch import load_file

import gridhydro as gh
from gridhydro import Column, fields, train
from gridhydro.training.divergence import NotFinite
from tests.support.small_world import PERIOD, small_model, small_world

SHORT = dict(period=PERIOD, spinup=30, epochs=2, session=gh.Session(progress=False))


class Brittle(Column):
    """Its store has no real root once it has fallen below nothing."""

    name = "brittle"
    states = fields("water mm = 5: water")
    forcings = fields(
        "precipitation mm d-1: precipitation", "potential_evapotranspiration mm d-1: demand"
    )
    parameters = fields("rate d-1 [0.1, 0.5]: rate")
    fluxes = fields("runoff mm d-1: runoff", "actual_evapotranspiration mm d-1: evaporation")

    def step(self, s, x, p):
        water = s.water + x.precipitation - x.potential_evapotranspiration
        runoff = p.rate * torch.sqrt(water)
        return dict(water=water - runoff), dict(
            runoff=runoff, actual_evapotranspiration=x.potential_evapotranspiration
        )


def test_divergence_names_the_first_bad_cell_day_and_quantity(tmp_path):
    _, _, forcing, discharge = small_world()
    model = small_model(column=Brittle())
    cell = 7
    y, x = model.domain.y[model.domain.row[cell]], model.domain.x[model.domain.col[cell]]
    forcing = forcing.copy(deep=True)
    forcing["precipitation"][:] = 5.0
    forcing["potential_evapotranspiration"][:] = 1.0
    at = {"time": "2001-07-20", "y": y, "x": x}
    forcing["potential_evapotranspiration"].loc[at] = 450.0
    with pytest.raises(NotFinite, match=r"runoff is nan on 2001-07-20 in .*\(row|water is nan"):
        train(model, forcing, discharge, **SHORT, checkpoints=tmp_path)
    case = json.loads((tmp_path / "not-finite.json").read_text())
    assert (case["cell"], case["day"]) == (cell, "2001-07-20")
    assert case["quantity"] in ("runoff", "water")
    tensors = load_file(tmp_path / "not-finite.safetensors")
    # precipitation and demand of that cell, from the start of the spin-up to the bad day
    assert tensors["forcing"].shape == (2, 30 + 20)
    assert tensors["forcing"][1, -1] == 450
    assert torch.isfinite(tensors["parameter.rate"]).all()


def test_divergence_names_weights_that_are_not_finite(tmp_path):
    _, _, forcing, discharge = small_world()
    model = small_model()
    with torch.no_grad():
        model.network.layers[0].weight[0, 0] = torch.nan
    with pytest.raises(NotFinite, match=r"epoch 1: the weights 'layers.0.weight' of the network"):
        train(model, forcing, discharge, **SHORT, checkpoints=tmp_path)
    assert (tmp_path / "not-finite.safetensors").exists()
