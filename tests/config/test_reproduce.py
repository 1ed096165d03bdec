"""Published studies as one command, on the basins at hand."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.cli import main
from gridhydro.config.build_model import make_folds
from gridhydro.config.find import find
from gridhydro.config.load import load
from gridhydro.config.presets import CONFIGURATIONS, FENG, SONG
from gridhydro.config.recipes import recipe, recipes
from gridhydro.config.reproduce import _folder, reproduce, slug
from gridhydro.config.score_domain import load_run
from gridhydro.io import write_basins
from gridhydro.kernels import Scheme
from tests.support import small_amazon
from tests.support.small_basins import NAMES, small_basins

CHANGES = {
    'forcing = "nldas_extended"': 'forcing = "daymet"',
    'period = ["1980-10-01", "1995-09-30"]': 'period = ["2001", "2001"]',
    'validation = ["1995-10-01", "2010-09-30"]': 'validation = ["2002", "2002"]',
}


def of_four(name: str, folder: Path) -> Path:
    """A study's domain file for four basins over four years."""
    text = find(name).read_text()
    for before, now in CHANGES.items():
        assert before in text or "nldas" in before
        text = text.replace(before, now)
    file = folder / f"{name}.toml"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def here(data, tmp_path_factory):
    """The data of four basins over four years, and the first study's domain file for them."""
    return data("camels_us_text"), of_four("feng_2022", tmp_path_factory.mktemp("study"))


def test_models_of_a_recipe_are_configurations_of_its_domain_file():
    for study in map(recipe, recipes()):
        content = tomllib.loads(find(study.domain).read_text())
        names = [one.configuration for one in study.models]
        assert content["model"]["configuration"] in names and set(names) <= set(CONFIGURATIONS)
        way = study.experiments[0]
        folders = {_folder(Path(), study, way, one) for one in study.models}
        assert len(folders) == len({one.name for one in study.models}) == len(study.models)
        assert study.settings and all(one.published for one in study.models)
        ways = [slug(way.name) for way in study.experiments]
        assert len(set(ways)) == len(ways)


@pytest.mark.parametrize("name", ["feng_2024", "tsai_2021"])
def test_domain_files_of_basins_of_ones_own(tmp_path, name):
    """The files that they ask for, as their heads describe them."""
    basins = small_basins()
    low, high = (basins["temperature"] + by for by in (-4, 4))
    for one in (low, high):
        one.attrs = basins["temperature"].attrs
    basins = basins.assign(temperature_min=low, temperature_max=high)
    write_basins(basins.drop_vars("potential_evapotranspiration"), tmp_path / "basins.nc")
    study = recipe(name)
    named = {
        key for one in study.models for key in one.sections.get("basins", {}).get("attributes", ())
    }
    table = pd.DataFrame({key: np.arange(12.0) for key in sorted(named | {"clay"})}, NAMES)
    table.to_csv(tmp_path / "attributes.csv", index_label="gauge")
    places = pd.DataFrame(
        {"koppen": "cold", "continent": ["Europe", "South America", "Asia"] * 4}, NAMES
    )
    places.to_csv(tmp_path / "regions.csv", index_label="gauge")
    for way in study.experiments:
        for one in study.models:
            sections = dict(one.sections) | {"training": way.training}
            setup = load(name, tmp_path, {"configuration": one.configuration, "sections": sections})
            wanted = one.sections.get("basins", {}).get("attributes")
            assert wanted is None or set(setup.attributes) == set(wanted)
            if way.training:
                assert all(len(split.test_gauges) in (1, 2, 4) for split in make_folds(setup))


@pytest.mark.parametrize("name", FENG)
def test_configurations_of_lumped_basins(here, name):
    """Settings of Feng et al. (2022), section 2.3.3, where they give them."""
    data, file = here
    setup = load(file, data, {"configuration": name})
    model, training = setup.model, setup.training
    assert model.configuration == name and model.network.sizes == (256,)
    assert (training.batches.gauges, training.batches.days) == (100, 365)
    assert training.batches.warmup == 365 and training.batches.steps == "hydrodl"
    daily = {"delta(beta)": {"beta"}, "delta(gamma)": {"gamma"}}
    expected = daily.get(name, {"beta", "gamma"} if "," in name else set())
    assert set(model.network.dynamic) == expected
    expected = "lstm" if "LSTM" in name else "hbv_nn" if "NN" in name else "hbv"
    assert model.column == expected
    if "LSTM" in name:
        read = {str(one) for one in setup.forcing.data_vars}
        radiation = {"shortwave_radiation", "vapour_pressure", "day_length"}
        assert ("Feng" in name) == (radiation < read) and {"precipitation", "temperature"} < read
    else:
        assert training.loss == "rmse_lowflow"
        assert model.components.count == (1 if name == "HBV" else 16)
        assert ("gamma" in model.fixed) == (name == "HBV")


@pytest.mark.parametrize("name", SONG)
def test_configurations_of_schemes(here, name):
    """Song et al. (2024), section 2.2 and table A2."""
    data, file = here
    model = load(file, data, {"configuration": name}).model
    if "LSTM" in name:
        assert "temperature_max" in model.forcings and len(model.forcings) == 5
        return
    adjoint, improved = ".adj" in name, "improved" in name
    assert set(model.network.dynamic) == {"gamma", "beta"} | ({"FC"} if adjoint else set())
    assert ("C" in model.fixed) != improved
    expected = "implicit" if adjoint else "sequential" if improved else name.split()[1]
    assert str(model.scheme.scheme) == str(Scheme.of(expected))
    assert model.column == ("hbv_improved" if adjoint and improved else "hbv")


def test_what_there_is_not_is_refused_by_its_name(here, tmp_path):
    data, file = here
    with pytest.raises(ValueError, match=r"there is no recipe feng; there is .*feng_2022, "):
        reproduce("feng", data, tmp_path)
    with pytest.raises(ValueError, match=r"model is one of 'HBV'.* not 'hbv'"):
        reproduce("feng_2022", data, tmp_path, models=["hbv"])
    with pytest.raises(ValueError, match=r"experiment is one of 'temporal', not 'pub'"):
        reproduce("feng_2022", data, tmp_path, experiments=["pub"])
    text = file.read_text().replace("validation =", "# validation =")
    (tmp_path / "none.toml").write_text(text)
    with pytest.raises(ValueError, match=r"none.toml, .training. has no validation"):
        reproduce("feng_2022", data, tmp_path, domain=tmp_path / "none.toml")


@pytest.mark.end_to_end
def test_a_study_on_four_basins(here, tmp_path, capsys):
    """Its table has the published medians beside ours, and what is run otherwise."""
    data, file = here
    out, models = tmp_path / "feng", ["LSTM(Feng)", "delta(gamma,beta)"]
    words = ["reproduce", "feng_2022", "--data", data, "--out", out, "--domain", file]
    words = [str(word) for word in [*words, "--epochs", 1, "--models", *models]]
    assert main(words) == 0
    assert "table.md" in capsys.readouterr().out
    whole = pd.read_csv(out / "table.csv")
    table = whole[whole["of"] == "discharge"].set_index("model")
    assert list(table.index) == ["delta(gamma_t, beta_t)", "LSTM"]  # as in the paper
    assert list(table["published"]) == [0.715, 0.72] and set(table["count"]) == {4}
    for name, model in (("LSTM(Feng)", "LSTM"), ("delta(gamma,beta)", "delta(gamma_t, beta_t)")):
        scores = pd.read_csv(out / slug(name) / "metrics.csv").query("period == 'validation'")
        assert table.loc[model, "here"] == pytest.approx(scores["nse"].median())
    (baseflow,) = whole[whole["of"] == "baseflow_index"].to_dict("records")
    assert baseflow["model"] == "delta(gamma_t, beta_t)" and baseflow["published"] == 0.745
    indices = pd.read_csv(out / "delta-gamma-beta" / "baseflow_index.csv", dtype={"gauge": str})
    hydro = pd.read_csv(
        data / "camels_attributes_v2.0" / "camels_hydro.txt", sep=";", dtype={"gauge_id": str}
    ).set_index("gauge_id")["baseflow_index"]
    assert list(indices["observed"]) == list(hydro[indices["gauge"]])
    assert indices["simulated"].between(0, 1).all()
    expected = np.corrcoef(indices["simulated"], indices["observed"])[0, 1]
    assert baseflow["here"] == pytest.approx(expected)
    page = (out / "table.md").read_text()
    assert "Of 4 gauges, not the 671 of the paper" in page
    assert "- [basins] forcing: daymet instead of nldas_extended" in page
    assert "- epochs: 1 instead of 50 and 300" in page and "configuration" not in page
    assert "Table 2" in page and "n/a: actual_evapotranspiration" in page
    assert {f.name for f in (out / "figures").iterdir()} == {"nse.png", "boxes.png"}
    (test,) = pd.read_csv(out / "tests.csv").to_dict("records")
    assert (test["model"], test["other"], test["count"]) == ("delta(gamma_t, beta_t)", "LSTM", 4)
    assert test["p_higher"] + test["p_lower"] >= 1
    assert not pd.read_csv(out / "columns.csv")["meaning"].str.contains("that was given").any()
    again, _ = load_run(out / "lstm-feng")
    assert [field.name for field in again.model.forcings][2:] == [
        "shortwave_radiation", "vapour_pressure", "day_length",
    ]  # fmt: skip
    before = (out / "lstm-feng" / "run.json").stat().st_mtime_ns
    assert main(words) == 0  # nothing is trained again
    assert (out / "lstm-feng" / "run.json").stat().st_mtime_ns == before


RECIPE = """
about = "two models in another year, ungauged basins and an ungauged region"
source = "nobody"
table = "none"
domain = "DOMAIN"
gauges = 4
groups = { file = "TABLE", column = "climate" }

[[experiments]]
name = "temporal"
days = 300

[[experiments]]
name = "PUB"
period = "training"
training.split = { kind = "pub", folds = 2 }

[[experiments]]
name = "PUR west"
gauges = 0
training.split = { kind = "pur", regions = "TABLE", column = "region", held_out = ["west"] }

[[models]]
name = "black"
configuration = "LSTM"
published = [{ kge = 0.7 }, { group = "dry", kge = 0.6 }, { experiment = "PUB", nse = 0.5 }]

[[models]]
name = "grey"
configuration = "delta(gamma,beta)"
sections.basins.attributes = ["p_mean", "aridity"]
published = [
    { kge = 0.7 }, { experiment = "PUR west", kge = 0.2 },
    { of = "actual_evapotranspiration", correlation = 0.9, residual_cv = 0.3 },
]
"""
TARGET = """
[[targets]]
name = "actual_evapotranspiration"
file = "FILE"
weight = 0
days = 8
"""
LAND = {
    "01022500": ("east", "wet"), "01547700": ("east", "dry"),
    "02064000": ("west", "dry"), "03015500": ("west", "dry"),
}  # fmt: skip


def own_recipe(tmp_path: Path) -> Path:
    """A recipe of ungauged basins, its domain file and tables, of made-up evapotranspiration."""
    lines = [f"{gauge},{','.join(each)}" for gauge, each in LAND.items()]
    (tmp_path / "table.csv").write_text("\n".join(["gauge,region,climate", *lines]))
    times = pd.date_range("2001-01-01", "2002-12-31", freq="8D")
    season = 2 - 1.5 * np.cos(2 * np.pi * times.day_of_year / 365)
    xr.DataArray(
        np.tile(season, (len(LAND), 1)).T, {"time": times, "gauge": list(LAND)}, ("time", "gauge"),
        attrs={"units": "mm d-1"},
    ).to_netcdf(tmp_path / "et.nc")  # fmt: skip
    domain = of_four("feng_2022", tmp_path)
    text = domain.read_text() + TARGET.replace("FILE", str(tmp_path / "et.nc"))
    small = "[model.network]\nhidden = [16]\n\n[training]"
    domain.write_text(text.replace("[training]", small))
    text = RECIPE.replace("DOMAIN", str(domain)).replace("TABLE", str(tmp_path / "table.csv"))
    file = tmp_path / "own.toml"
    file.write_text(text)
    return file


@pytest.mark.end_to_end
def test_a_recipe_of_ones_own_holds_basins_and_regions_out(data, tmp_path):
    """Experiments, groups, paired tests, and evapotranspiration that nothing is trained on."""
    folder, file, out = data("camels_us_text"), own_recipe(tmp_path), tmp_path / "own"
    table = reproduce(file, folder, out, epochs=1, progress=False)
    assert table[table["group"] == ""]["count"].max() == 4
    found = table.set_index(["experiment", "group", "model", "of", "metric"])
    assert found.loc[("PUR west", "", "grey", "discharge", "kge"), "count"] == 2
    assert found.loc[("temporal", "dry", "black", "discharge", "kge"), "count"] == 3
    dry = pd.read_csv(out / "temporal" / "lstm" / "metrics.csv", dtype={"gauge": str})
    dry = dry[(dry["period"] == "validation") & dry["gauge"].isin([*LAND][1:])]
    here = found.loc[("temporal", "dry", "black", "discharge", "kge"), "here"]
    assert here == pytest.approx(dry["kge"].median())
    pooled = pd.read_csv(out / "pub" / "lstm" / "metrics.csv").query("period == 'training'")
    assert (pooled["gauge_use"] == "held out").all() and len(pooled) == 4
    here = found.loc[("PUB", "", "black", "discharge", "nse"), "here"]
    assert here == pytest.approx(pooled["nse"].median())
    of_water = found.xs("actual_evapotranspiration", level="of")["here"]
    water = pd.read_csv(out / "temporal" / "delta-gamma-beta" / "target_metrics.csv")
    water = water.query("period == 'validation'")
    assert of_water.to_list() == [
        pytest.approx(water[name].median()) for name in ("correlation", "residual_cv")
    ]
    assert "evapotranspiration" not in (out / "temporal/delta-gamma-beta/history.csv").read_text()
    tests = pd.read_csv(out / "tests.csv")
    counts = tests.query("metric == 'kge'").set_index("experiment")["count"]
    assert counts.to_dict() == {"temporal": 4, "PUB": 4, "PUR west": 2}
    drawn = {f.relative_to(out / "figures").as_posix() for f in (out / "figures").rglob("*.png")}
    assert {"pub/boxes.png", "temporal/groups.png", "pur-west/kge.png"} <= drawn
    run, _ = load_run(out / "pub" / "delta-gamma-beta" / "fold-0")
    assert run.model.network.names == ("p_mean", "aridity")
    assert "PUR west: of 2" not in (out / "table.md").read_text()


@pytest.mark.parametrize(
    "before, now, text",
    [
        ("[[models]]", "[models]", r"'models' is written as \[\[models\]\]"),
        ("kge = 0.7 }", "kge = true }", "black: published kge is True, should be a number"),
        ('"PUB", nse', '"PUP", nse', "black: experiment is one of 'temporal', 'PUB'.* not 'PUP'"),
        ("gauges = 4", 'gauges = "4"', "gauges is a whole number, not '4'"),
        ("about", "abuot", "unknown key 'abuot'; did you mean 'about'"),
        ("about =", "about", "is not valid TOML"),
    ],
)
def test_faults_of_a_recipe_name_its_file(tmp_path, before, now, text):
    file = tmp_path / "own.toml"
    written = RECIPE.split("[[models]]")
    written = RECIPE if before != "[[models]]" else "[[models]]".join(written[:2])
    file.write_text(written.replace(before, now, 1))
    with pytest.raises(ValueError, match=f"own.toml.*{text}"):
        recipe(file)


@pytest.mark.end_to_end
def test_schemes_and_surfaces_on_four_basins(data, tmp_path):
    """High and low flows of the table, and KGE over two parameters around the network's."""
    folder, file = data("camels_us_text"), of_four("song_2024", tmp_path)
    out = tmp_path / "song"
    table = reproduce(
        "song_2024", folder, out, domain=file, models=["delta(gamma,beta)"], epochs=2,
        progress=False,
    )  # fmt: skip
    found = table[table["of"] == "discharge"].set_index("metric")
    published = found["published"]
    assert published["rmse_high"] == 2.56 and published["flv_abs"] == 56.53
    metrics = pd.read_csv(out / "metrics.csv", dtype={"gauge": str})
    assert found["here"].to_dict() == pytest.approx(metrics[list(found.index)].median().to_dict())
    place = next(out.glob("delta-*"))
    with xr.open_dataset(place / "kge_surface.nc") as kept:
        kge = metrics.set_index("gauge")["kge"]
        assert len(kept) == min(4, (kge > 0).sum())
        for one in kept.values():
            assert one.shape == (15, 15) and one.max() > one.min()
            # without a shift it is the model: only the warm-up is another
            assert float(one[7, 7]) == pytest.approx(kge[one.attrs["gauge"]], abs=0.02)
            middle = [float(one[name][7]) for name in one.dims]
            assert middle == pytest.approx(list(one.attrs["chosen"]), rel=1e-4)
    assert (place / "figures" / "kge_surface.png").exists()


@pytest.mark.end_to_end
def test_rivers_and_storage_in_time_and_at_gauges_held_out(tmp_path):
    """Discharge of the gauges, storage of the tiles and analyses, of a small raster."""
    domain, out = small_amazon.write(tmp_path), tmp_path / "out"
    domain.write_text(domain.read_text().replace("epochs = 2\n", ""))
    text = recipes()["wang_2024"].read_text()
    for before, now in (
        ('domain = "amazon"', f'domain = "{domain}"'),
        ('period = ["2003", "2016"]', 'period = ["2004", "2005"]'),
        ('"spatial", folds = 4', '"spatial", folds = 2'),
    ):
        assert before in text
        text = text.replace(before, now)
    (tmp_path / "rivers.toml").write_text(text)
    table = reproduce(
        tmp_path / "rivers.toml", tmp_path, out, models=["HydroPyNN"],
        experiments=["temporal", "spatial"], epochs=1, progress=False,
    )  # fmt: skip
    found = table.set_index(["experiment", "of"])["here"]
    published = table.set_index(["experiment", "of"])["published"]
    assert published["spatial", "discharge"] == 0.63 and np.isnan(published["temporal", "storage"])
    assert found.notna().all() and set(table["count"]) == {3, 4}
    storage = pd.read_csv(out / "temporal" / "hydropynn" / "storage_metrics.csv")
    storage = storage.query("period == 'validation'")["nse"].median()
    assert found["temporal", "storage"] == pytest.approx(storage)
    held = pd.read_csv(out / "spatial" / "hydropynn" / "metrics.csv")
    held = held.query("period == 'training'")
    assert (held["gauge_use"] == "held out").all() and sorted(held["gauge"]) == [
        "east", "out", "west",
    ]  # fmt: skip
    assert found["spatial", "discharge"] == pytest.approx(held["nse"].median())
    source = json.loads((out / "spatial" / "hydropynn" / "fold-0" / "source.json").read_text())
    assert source["sections"]["training"]["period"] == ["2004", "2005"]
    analyses = {f.name for f in (out / "temporal" / "hydropynn" / "analyses").iterdir()}
    assert {"water_budget.nc", "evapotranspiration.csv", "pet.csv", "left_out.csv"} <= analyses
    assert set(table["experiment"]) == {"temporal", "spatial"}  # and not the third
    assert "in m3 s-1" in (out / "table.md").read_text()
