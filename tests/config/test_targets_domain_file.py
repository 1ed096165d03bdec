"""Targets in domain files: read, trained on, scored; and every fault naming file and section."""

import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401, gives arrays their .rio
import xarray as xr

import gridhydro as gh
from gridhydro.cli import main
from gridhydro.config.attributes import on_domain
from gridhydro.config.build_model import build_model
from gridhydro.config.load import load
from gridhydro.inputs.basins import of_dataset
from gridhydro.io import write_basins
from gridhydro.observations.target_series import TargetSeries
from tests.support.small_basins import FILE, small_basins
from tests.support.small_world import small_world

# few parameters, so that a calibration ends soon
FREE = ("FC", "beta")
FIXED = {f.name: sum(f.bounds) / 2 for f in gh.COLUMNS["hbv"].parameters if f.name not in FREE}
TARGETS = """
[[targets]]
name = "soil_wetness"
file = "wetness.nc"
weight = 0.5
loss = "nse"

[[targets]]
name = "snow_water_equivalent"
file = "snow.nc"
variable = "swe"
units = "cm"
"""


@pytest.fixture
def folder(tmp_path):
    """Basins, observed wetness in percent on every third day, observed snow without units."""
    data = small_basins()
    write_basins(data, tmp_path / "basins.nc")
    parts = of_dataset(data, "hbv", attributes=("sand", "slope"), pet="given")
    model = gh.Model(
        parts.domain,
        "hbv",
        parts.attributes,
        network=gh.ParameterNetwork(hidden=(8,)),
        fixed={"FC": 200.0},
    )
    run = gh.train(model, parts.forcing, parts.discharge, period=("2001", "2001"), epochs=0)
    series = run.simulate(outputs=["soil_wetness", "snow_water_equivalent"])
    wetness = (series["soil_wetness"][::3] * 100).assign_attrs(units="%")
    wetness.to_netcdf(tmp_path / "wetness.nc")
    swe = (series["snow_water_equivalent"] / 10).rename("swe")
    swe.attrs.clear()
    swe.sel(time="2001").to_netcdf(tmp_path / "snow.nc")
    return tmp_path


@pytest.mark.end_to_end
def test_targets_of_a_domain_file_are_scored(folder, capsys):
    text = FILE.replace("epochs = 2", "epochs = 2\nfit_discharge = false") + TARGETS
    (folder / "sample.toml").write_text(text)
    out = folder / "run"
    arguments = [str(folder / "sample.toml"), "--data", str(folder), "--out", str(out)]
    assert main(["train", *arguments]) == 0
    said = capsys.readouterr()
    assert "fitted to soil_wetness (0.5) and snow_water_equivalent (1)" in said.err
    assert "other targets" in said.out and "discharge" not in pd.read_csv(out / "history.csv")
    table = pd.read_csv(out / "target_metrics.csv")
    counts = table.groupby(["target", "period"])["gauge"].count()
    assert counts["soil_wetness"].index.tolist() == ["training", "validation"]
    assert counts["snow_water_equivalent"].index.tolist() == ["training"]  # observed in 2001 only
    assert (counts == 12).all() and set(table["unit"]) == {"1", "mm"}
    assert table.set_index("target").loc["soil_wetness", "days"].between(115, 125).all()
    (out / "target_metrics.csv").unlink()
    assert main(["evaluate", str(out)]) == 0
    again = pd.read_csv(out / "target_metrics.csv")
    pd.testing.assert_frame_equal(again, table, rtol=1e-5)


@pytest.mark.end_to_end
def test_calibration_to_a_target_of_a_domain_file_is_scored(folder, capsys):
    text = FILE.replace("epochs = 2", "epochs = 2\nfit_discharge = false") + TARGETS
    fixed = "{ " + ", ".join(f"{n} = {v}" for n, v in FIXED.items()) + " }"
    (folder / "sample.toml").write_text(
        text.replace("network = { hidden = [8] }", f"fixed = {fixed}")
    )
    out = folder / "run"
    command = ["calibrate", str(folder / "sample.toml"), "--data", str(folder), "--out", str(out)]
    command += ["--complexes", "1", "--runs", "20"]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "name a target of the file (soil_wetness, snow_water_equivalent) with --target" in said
    assert not out.exists()
    assert main([*command, "--target", "soil_wetness"]) == 0
    said = capsys.readouterr().out
    assert "other targets, median" in said and "target_metrics.csv" in said
    table = pd.read_csv(out / "target_metrics.csv").set_index(["target", "period"])
    median = table.loc[("soil_wetness", "training"), "rmse"].median()
    line = next(line for line in said.splitlines() if line.startswith("soil_wetness"))
    assert f"{median:.3f}" in line


def test_a_network_that_reads_histories_sees_the_targets(folder):
    text = FILE.replace("{ hidden = [8]", '{ kind = "gz", hidden = [8]') + TARGETS
    (folder / "sample.toml").write_text(text)
    model = build_model(load(folder / "sample.toml", folder), seed=0)
    observed = ("observed_soil_wetness", "observed_snow_water_equivalent")
    assert set(observed) < set(model.known.names) and model.known.gaps[0] == observed[0]


def test_what_is_held_out_is_not_read_by_the_network(folder):
    """Neither its discharge nor its targets, of the days that it is scored on."""
    out = str(small_basins()["gauge"].values[4])
    text = FILE.replace("{ hidden = [8]", '{ kind = "gz", hidden = [8]') + TARGETS
    text = text.replace("epochs = 2", f'epochs = 2\nheld_out = ["{out}"]')
    (folder / "sample.toml").write_text(text)
    model = build_model(load(folder / "sample.toml", folder), seed=0)
    names, place = model.known.names, list(model.domain.gauges.index).index(out)
    for name in ("discharge", "observed_soil_wetness", "observed_snow_water_equivalent"):
        known = model.history[names.index(name)].isfinite().any(0)
        assert not known[place] and known.sum() == len(known) - 1
    assert model.history[names.index("precipitation"), :, place].isfinite().all()
    (folder / "sample.toml").write_text(text.replace("epochs = 2", "fit_discharge = false"))
    assert "discharge" not in build_model(load(folder / "sample.toml", folder), 0).known.names


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[targets]]", "[targets]", r"is not valid TOML|written as \[\[targets\]\]"),
        ('"soil_wetness"', '"soil_wet"', r"\[\[targets\]\] soil_wet: name: .*no output"),
        ('"wetness.nc"', '"wet.nc"', r"soil_wetness: file: there is no file"),
        ('"nse"', '"mse"', r"\[\[targets\]\] soil_wetness: loss is one of"),
        ("weight = 0.5", "weigth = 0.5", r"did you mean 'weight'"),
        ('variable = "swe"', 'variable = "snow"', r"snow_water_equivalent: file: .*no variable"),
        ("network = { hidden = [8] }", 'column = "lstm"', "gives discharge only"),
    ],
)
def test_faults_of_targets_name_file_and_section(folder, old, new, message):
    text = FILE.replace('components = 2\nrouting = "unit_hydrograph"', "") + TARGETS
    assert old in text
    (folder / "sample.toml").write_text(text.replace(old, new, 1))
    with pytest.raises((ValueError, FileNotFoundError), match=r"sample\.toml.*" + message):
        load(folder / "sample.toml", folder)


def test_targets_of_a_raster_are_brought_onto_it(data, tmp_path):
    """Evapotranspiration of another model, on the 24 km grid of the weather, by month."""
    source = load("moselle", data("mhm_moselle").parent).source
    section = (
        '\n[[targets]]\nname = "actual_evapotranspiration"\nunits = "mm d-1"\n'
        'file = "mhm_moselle/optional_data/et.nc"\ncrs = "EPSG:3035"\n'
    )
    (tmp_path / "more.toml").write_text(source.read_text() + section)
    setup = load(tmp_path / "more.toml", data("mhm_moselle").parent)
    observed = setup.targets[0].observed
    cells = setup.domain.pack(observed)
    assert cells.shape == (48, setup.domain.size)
    assert 0 < cells[5].mean() < 150
    with pytest.warns(UserWarning, match="observed every 31 days"):
        TargetSeries.read(setup.targets[0], build_model(setup, 0), setup.times)


@pytest.mark.parametrize("finer", [True, False])
def test_targets_of_rasters_with_gaps_on_another_grid(finer):
    """Days without data, a cell never observed, a part of the domain: NaN there, not an error."""
    domain, _, forcing, _ = small_world()
    step = 0.5 if finer else 2.0
    size = abs(float(domain.x[1] - domain.x[0])) * step
    x = np.arange(domain.x.min() - size, domain.x.max() + size, size)
    y = np.arange(domain.y.max() + size, domain.y.min() - size, -size)
    random = np.random.default_rng(0)
    values = random.random((6, y.size, x.size))
    values[2] = np.nan
    values[:, : y.size // 3] = np.nan
    days = forcing["time"].values[:6]
    raster = xr.DataArray(values, {"time": days, "y": y, "x": x}, name="wetness")
    raster = raster.rio.write_crs(domain.crs)
    found = domain.pack(on_domain(raster, domain, gaps=True))
    assert np.isnan(found[2]).all() and 0 < np.isfinite(found[0]).mean() < 1
    with pytest.raises(ValueError, match="has no data"):
        on_domain(raster, domain)
    east = raster.isel(x=slice(x.size // 2, None))
    part = domain.pack(on_domain(east, domain, gaps=True))
    assert 0 < np.isfinite(part[0]).sum() < np.isfinite(found[0]).sum()
