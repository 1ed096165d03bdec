"""The generated catchment as a data folder: trained on as any other, with the demo's results."""

import pandas as pd
import pytest
import xarray as xr

from gridhydro.config.train_domain import train_domain
from gridhydro.model.run import Run
from gridhydro.synthetic.catchment_folder import write_catchment
from gridhydro.synthetic.demo import demo

EPOCHS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("catchment")
    assert write_catchment(out, seed=3) == out / "domain.toml"
    return out


@pytest.mark.end_to_end
def test_training_on_the_folder_is_the_demo(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("gridhydro.evaluation.plots.save", lambda *_: None)
    trained = train_domain(
        folder / "domain.toml", folder, tmp_path / "run", epochs=EPOCHS, progress=False
    )
    monkeypatch.setattr("gridhydro.synthetic.demo.write_report", lambda *_: None)
    monkeypatch.setattr(Run, "save", lambda *_, **__: None)
    _, shown, _ = demo(tmp_path / "demo", epochs=EPOCHS, seed=3, progress=False)
    pd.testing.assert_frame_equal(trained, shown.reset_index(drop=True))


def test_the_truth_lies_beside_the_data_with_units(folder):
    with xr.open_dataset(folder / "truth_parameters.nc", decode_coords="all") as truth:
        assert truth.rio.crs.to_epsg() == 3035
        assert truth["surface_lag"].attrs["units"] == truth["river_lag"].attrs["units"] == "d"
    with xr.open_dataset(folder / "truth_fluxes.nc", decode_coords="all") as truth:
        assert truth["soil_moisture"].attrs["units"] == "mm" and truth.sizes["time"] == 72
        assert float(truth["actual_evapotranspiration"].mean()) == pytest.approx(1.2, abs=0.5)
    assert "truth_fluxes.nc" in (folder / "domain.toml").read_text()
    assert list(pd.read_csv(folder / "gauges.csv")) == ["name", "x", "y", "area_km2"]


def test_a_twin_has_the_parameters_of_the_model_beside_it(tmp_path):
    write_catchment(tmp_path / "twin", seed=3, twin=True)
    with xr.open_dataset(tmp_path / "twin" / "truth_parameters.nc", decode_coords="all") as truth:
        assert truth["FC"].attrs["units"] == "mm" and truth["river_lag"].attrs["units"] == "d"
    assert not (tmp_path / "twin" / "truth_fluxes.nc").exists()
    assert "truth_parameters.nc" in (tmp_path / "twin" / "domain.toml").read_text()


def test_a_folder_with_files_is_refused_before_any_work(tmp_path, monkeypatch):
    def work(*_):
        raise RuntimeError("generated")

    monkeypatch.setattr("gridhydro.synthetic.catchment_folder.experiment", work)
    (tmp_path / "kept").touch()
    with pytest.raises(ValueError, match="is there already and is not empty"):
        write_catchment(tmp_path)
    with pytest.raises(RuntimeError, match="generated"):
        write_catchment(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]  # nothing stays on failure
