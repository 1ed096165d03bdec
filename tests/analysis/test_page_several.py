"""The report of an ensemble and of a cross-validation: runs beside their mean, bands, links."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.analysis.page.several import read_several
from gridhydro.analysis.page.write import html, report
from gridhydro.cli import main
from gridhydro.config.pool_folds import pooled
from gridhydro.config.score_domain import write_members
from gridhydro.inputs.forcing import Forcing
from gridhydro.io.csv_tables import read_table, write_table
from gridhydro.model.ensemble import Ensemble
from gridhydro.model.run import Run
from gridhydro.training import splits
from tests.analysis.test_page import PERIODS, data_of, numbers
from tests.support import browser
from tests.support.small_world import small_model, small_world

SEEDS = (3, 4, 5)


def made(model, number: int) -> Run:
    """A run that looks trained, as one of several."""
    domain, _, forcing, _ = small_world()
    run = Run.of(model, Forcing.read(forcing, domain, model))
    loss = [0.9, 0.5 - 0.1 * number, 0.4]
    run.history = pd.DataFrame({"epoch": [1, 2, 3], "loss": loss, "seconds": [1.0] * 3})
    run.about |= {"period": ["2001-07-01", "2001-12-31"], "gauges": list(domain.gauges.index[1:])}
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An ensemble as `train --seeds` leaves it, the second of whose runs had something to say."""
    discharge, out = small_world()[3], tmp_path_factory.mktemp("several") / "an ensemble"
    runs = [made(small_model(seed=seed), number) for number, seed in enumerate(SEEDS)]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("draw", "draw_maps", "draw_means"):  # figures take longest
            patch.setattr(f"gridhydro.model.run_figures.{name}", lambda *_: None)
        for number, run in enumerate(runs):
            for name, period in PERIODS.items():
                run.evaluate(discharge, period, name=name)
            run.save(out / f"seed-{number}", discharge=discharge)
    (out / "seed-1" / "warnings.json").write_text('{"warnings": ["it <b> rained"]}')
    ensemble = Ensemble(runs)
    scores = [ensemble.evaluate(discharge, p, name=name) for name, p in PERIODS.items()]
    write_table(out / "metrics.csv", pd.concat(scores))
    write_members(ensemble, out)
    for place in (out / "seed-0", out / "seed-2", out):
        report(place)
    return out


@pytest.fixture(scope="module")
def cross_validated(folder, tmp_path_factory):
    """Its first two runs as folds, each of which holds half of the gauges out."""
    out = tmp_path_factory.mktemp("folds") / "folds"
    gauges = list(small_world()[0].gauges.index)
    made = splits.pub(gauges, ("2001-07-01", "2001-12-31"), folds=2)
    places = [out / f"fold-{number}" for number in range(2)]
    for number, place in enumerate(places):
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(folder / f"seed-{number}")
    splits.save(made, out / "splits.json")
    write_table(out / "metrics.csv", pooled(places, made).assign(gauge_use="held out"))
    return out, made


def decoded(text: str, top: float) -> np.ndarray:
    codes = numbers(text, "<u2").astype(float)
    return np.where(codes == 65535, np.nan, top * (codes / 65534) ** 2)


def test_hydrographs_are_the_mean_of_the_runs_in_the_band_of_them(folder):
    series = data_of((folder / "report.html").read_text(encoding="utf-8"))["series"]
    each = np.stack([
        read_table(folder / f"seed-{n}" / "discharge.csv", comment="#", index_col=0)
        for n in range(len(SEEDS))
    ])  # fmt: skip
    for k, name in enumerate(small_world()[0].gauges.index):
        own, flows = series["gauges"][name], each[:, :, k]
        close = dict(rtol=2e-3, atol=1e-4 * own["top"])
        np.testing.assert_allclose(decoded(own["simulated"], own["top"]), flows.mean(0), **close)
        for text, level in zip(own["band"], (0.05, 0.95), strict=True):
            expected = np.quantile(flows, level, axis=0)
            np.testing.assert_allclose(decoded(text, own["top"]), expected, **close)


def test_runs_stand_beside_their_mean_and_lead_to_their_reports(folder):
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "ensemble of 3 runs that differ by their seed: hbv" in text
    assert '<a href="seed-0/report.html">seed-0</a>' in text
    assert '<td class="text">seed-1</td>' in text  # which has no report
    scores = pd.read_csv(folder / "metrics.csv")
    for n, period in ((None, "validation"), (1, "training")):
        rows = scores if n is None else pd.read_csv(folder / f"seed-{n}" / "metrics.csv")
        rows = rows[(rows["period"] == period) & (rows["gauge_use"] == "trained")]
        name = "mean of the runs" if n is None else f"seed-{n}"
        assert f'{name}</td><td class="" data-value="{rows["nse"].median():.8g}">' in text
    later = scores[(scores["period"] == "validation") & (scores["gauge_use"] == "trained")]
    assert f"In row 1 {later['coverage_90'].median():.0%} of the observations" in text
    assert "surer of themselves than they are right" in text
    for name in ("crps", "coverage_90", "width_90"):
        assert f'data-value="{later[name].median():.8g}"' in text, name
    curves = data_of(text)["curves"]
    assert [line["y"][1] for line in curves["curve-loss"]["lines"]] == [0.5, 0.4, 0.3]
    gauges, ends = curves["curve-gauges"], curves["curve-gauges"]["band"]
    assert gauges["lines"][0]["y"] == sorted(gauges["lines"][0]["y"])
    assert len(gauges["x"]) == len(small_world()[0].gauges) and ends["low"] != ends["high"]
    assert "seed-1: it &lt;b&gt; rained" in text
    assert "Of seed-0; the others differ by their seed." in text


def test_maps_are_the_mean_and_the_spread_of_the_runs(folder):
    domain, found = small_world()[0], read_several(folder)
    layers = {layer.name: layer for layer in found.layers}
    each = []
    for n in range(len(SEEDS)):
        with xr.open_dataset(folder / f"seed-{n}" / "parameters.nc") as maps:
            each.append(domain.pack(maps["TT"]))
    np.testing.assert_allclose(layers["TT"].values, np.mean(each, 0), rtol=1e-5, atol=1e-6)
    spread = layers["TT_spread"]
    np.testing.assert_allclose(spread.values, np.std(each, 0, ddof=1), rtol=1e-4, atol=1e-6)
    assert spread.unit == "K" and "standard deviation over the runs" in spread.long_name
    assert sum(name == "upstream_area" for name in layers) == 1 and "runoff_spread" in layers
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert '<th class="">between runs</th>' in text
    assert f'data-value="{np.median(np.std(each, 0, ddof=1)):.4g}'[:-1] in text


def test_an_ensemble_is_repeated_by_its_command(folder):
    found = read_several(folder)
    assert found.commands[0].startswith("ensemble = gridhydro.Ensemble.load('an ensemble'")
    for one in found.members.values():
        one.domain_file, one.source = "[domain]\n", {"data": "d", "fold": 1, "balance": "start"}
        one.index["training"] |= {"epochs": 9, "seed": 0}
    found.domain_file = "[domain]\n"
    assert found.commands == [
        "gridhydro train 'an ensemble/seed-0/domain.toml' --data d --balance start --epochs 9 "
        "--seeds 3 --out 'an ensemble'-again",
        "gridhydro evaluate 'an ensemble'",
    ]
    found.splits = [None]
    found.members = {"fold-0": found.members["seed-0"]}
    assert found.commands == [
        "gridhydro cross-validate 'an ensemble/fold-0/domain.toml' --data d --balance start "
        "--epochs 9 --seed 0 --out 'an ensemble'-again"
    ]


def test_each_gauge_is_shown_by_the_fold_that_holds_it_out(cross_validated, folder):
    out, made = cross_validated
    assert main(["report", str(out)]) == 0
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "cross-validation of 2 folds: hbv" in text and "between runs" in text
    assert "means of the day; each gauge by the fold that holds it out" in text
    series = data_of(text)["series"]["gauges"]
    assert list(series) == [str(name) for name in small_world()[0].gauges.index]
    scores = pd.read_csv(out / "metrics.csv")
    for number, split in enumerate(made):
        flow = read_table(folder / f"seed-{number}" / "discharge.csv", comment="#", index_col=0)
        for name in split.test_gauges:
            own = series[name]
            simulated = decoded(own["simulated"], own["top"])
            close = dict(rtol=2e-3, atol=1e-4 * own["top"])
            np.testing.assert_allclose(simulated, flow[name], **close)
            assert "band" not in own and own["observed"]
        rows = scores[(scores["fold"] == number) & (scores["period"] == "validation")]
        assert re.search(
            rf'fold-{number}.{{0,5}}</td><td class="text">{split.name}</td><td class="">{len(rows)}'
            f'</td><td class="" data-value="{rows["nse"].median():.8g}">', text,
        )  # fmt: skip
    assert "curve-loss" in data_of(text)["curves"]


def test_folds_of_several_seeds_have_bands_and_seeds(cross_validated, folder, tmp_path):
    _, made = cross_validated
    places = [tmp_path / f"fold-{number}" for number in range(2)]
    for place in places:
        place.symlink_to(folder)
    splits.save(made, tmp_path / "splits.json")
    scores = pooled(places, made)
    write_table(tmp_path / "metrics.csv", scores)
    by_seed = [scores.assign(nse=scores["nse"] - 0.01 * n, seed=n) for n in (1, 2, 3)]
    write_table(tmp_path / "metrics_by_seed.csv", pd.concat(by_seed))
    found = read_several(tmp_path)
    assert found.seeds == 3 and list(found.runs)[1] == "fold-0/seed-1"
    text = html(found)
    assert "cross-validation of 2 folds with 3 seeds each" in text
    assert all("band" in own for own in data_of(text)["series"]["gauges"].values())
    assert "is higher than that of 3 of 3" in text and "of the observations lie" in text
    assert len(data_of(text)["curves"]["curve-loss"]["lines"]) == 6


def test_what_does_not_belong_together_is_said(folder, cross_validated, tmp_path, capsys):
    smaller = tmp_path / "smaller"
    smaller.mkdir()
    for name in ("seed-0", "seed-1", "discharge_ensemble.nc"):
        (smaller / name).symlink_to(folder / name)
    text = html(read_several(smaller))
    assert "the hydrographs are of 3 runs (discharge_ensemble.nc), and 2 lie in the folder" in text
    assert "They were not scored together" in text
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "fold-1").symlink_to(folder / "seed-1")
    assert main(["report", str(begun)]) == 1
    assert "cross-validation that is not whole (splits.json is missing)" in capsys.readouterr().err
    splits.save(cross_validated[1], begun / "splits.json")
    assert main(["report", str(begun)]) == 1
    assert "splits.json has 2 folds, and 1 lie in the folder" in capsys.readouterr().err


@pytest.mark.end_to_end
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_the_band_is_drawn_behind_the_hydrograph(folder, width, height):
    if browser.found() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    pytest.importorskip("aiohttp")
    name = str(small_world()[0].gauges.index[-1])
    with browser.Page(folder / "report.html", width, height) as page:
        page.click(f'.gauge[data-gauge="{name}"] .ring')
        drawn = page.value(
            "[...document.querySelectorAll('#hydrograph path[data-band], #hydrograph "
            "path[data-line]')].map(p => [p.dataset.line || 'band', p.getAttribute('d').length])"
        )
        assert [what for what, _ in drawn] == ["band", "simulated", "observed"]
        assert all(length > 2000 for _, length in drawn)
        lines = "document.querySelectorAll('#curve-loss path[data-line]').length"
        assert page.value(lines) == len(SEEDS)
        assert page.value("document.querySelector('#curve-gauges path[data-band]') !== null")
        assert page.value("document.documentElement.scrollWidth") <= width
        assert page.errors == [] and page.asked == []
