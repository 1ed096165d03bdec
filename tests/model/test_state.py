"""A run that goes on from its state equals the unbroken one, saved and loaded too."""

import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.model.state import State
from tests.support.lumped import basins

DAYS = 90


def models():
    parts = basins()
    attributes = {name: parts.attributes[name] for name in ("sand", "slope")}
    daily = gh.ParameterNetwork("lstm", hidden=(6, 4), dynamic=["beta"])
    yield "lstm", gh.LSTMModel(parts.domain, attributes, gh.ParameterNetwork("lstm", hidden=5))
    yield "daily", gh.Model(parts.domain, "hbv", attributes, network=daily)
    routing = gh.UnitHydrograph()
    yield "routed", gh.Model(parts.domain, "hbv", attributes, network=daily, routing=routing)


MODELS = dict(models())


def forcing_of(model):
    parts = basins()
    return gh.Forcing.read(parts.forcing, parts.domain, model).values[:, :DAYS]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seam", [0, 1, 37, DAYS])
def test_continued_from_a_file_equals_unbroken(name, seam, tmp_path):
    model = MODELS[name].eval()
    forcing = forcing_of(model)
    with torch.no_grad():
        whole = model(forcing)
        first = model(forcing[:, :seam].contiguous())
        first.state.to_file(tmp_path / "state.nc")
        state = State.from_file(tmp_path / "state.nc")
        second = model(forcing[:, seam:].contiguous(), state)
        other = model(forcing[:, seam:].contiguous())
    joined = torch.cat([first.discharge, second.discharge])
    torch.testing.assert_close(joined, whole.discharge, rtol=1e-5, atol=1e-6)
    if seam == 37:
        assert not torch.allclose(other.discharge, second.discharge)
    for key, value in whole.state.memory.items():
        torch.testing.assert_close(second.state.memory[key], value)


@pytest.mark.parametrize("name", MODELS)
def test_states_and_weights_saved_by_torch_load_as_weights_only(name, tmp_path):
    model = MODELS[name].eval()
    forcing = forcing_of(model)
    with torch.no_grad():
        found = model(forcing[:, :20].contiguous(), outputs=("runoff",))
        kept = {"state": found.state, "run": found, "weights": model.state_dict()}
        torch.save(kept, tmp_path / "kept.pt")
        loaded = torch.load(tmp_path / "kept.pt", weights_only=True)
        model.load_state_dict(loaded["weights"])
        late = forcing[:, 20:].contiguous()
        expected = model(late, found.state).discharge
        assert torch.equal(model(late, loaded["state"]).discharge, expected)
    assert isinstance(loaded["state"], State)
    assert torch.equal(loaded["run"].discharge, found.discharge)


def test_memory_goes_through_the_days_before():
    model = MODELS["lstm"].eval()
    forcing = forcing_of(model)
    with torch.no_grad():
        state = model(forcing[:, :20].contiguous()).state
        found = model(forcing[:, 50:].contiguous(), state, before=forcing[:, 20:50].contiguous())
        torch.testing.assert_close(found.discharge, model(forcing).discharge[50:])


def test_states_of_other_models_are_refused(tmp_path):
    lstm, daily = MODELS["lstm"].eval(), MODELS["daily"].eval()
    forcing = forcing_of(lstm)
    with torch.no_grad():
        of_lstm, of_daily = lstm(forcing).state, daily(forcing).state
        with pytest.raises(ValueError, match="starts from no stores"):
            lstm(forcing, of_daily)
        with pytest.raises(ValueError, match="of another model, or other cells"):
            lstm(forcing[:, :, :3].contiguous(), of_lstm, cells=torch.arange(3))
        with pytest.raises(ValueError, match="of another model, or other cells"):
            daily(forcing, State(of_daily.column, None, memory=of_lstm.memory))
    torch.save({"a": 1}, tmp_path / "other")
    with pytest.raises(ValueError, match=r"is not a state of a model, as State.to_file writes it"):
        State.from_file(tmp_path / "other")
    xr.Dataset({"weight": ("cell", [1.0, 2.0])}).to_netcdf(tmp_path / "weights")
    with pytest.raises(ValueError, match="it has no store"):
        State.from_file(tmp_path / "weights")
