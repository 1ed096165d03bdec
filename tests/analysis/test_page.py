"""The report of a run: what is on the page, and what happens when a gauge is clicked."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridhydro.analysis.page.contents import read
from gridhydro.analysis.page.series_data import series_data
from gridhydro.analysis.page.write import html, report
from gridhydro.cli import main
from gridhydro.config.load import CHANGES
from gridhydro.domain.domain import Domain
from gridhydro.inputs.forcing import Forcing
from gridhydro.io.csv_tables import read_table
from gridhydro.model.run import Run
from tests.support import browser, small_runs
from tests.support.small_world import small_model, small_world

PERIODS = {"training": ("2001-07", "2001-12"), "validation": ("2002-01", "2002-12")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run that looks trained, scored and saved, with a report."""
    domain, _, forcing, discharge = small_world()
    model = small_model()
    run = Run.of(model, Forcing.read(forcing, domain, model))
    run.history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [0.9, 0.5, 0.4], "seconds": [1.0] * 3})
    run.about |= {"period": ["2001-07-01", "2001-12-31"], "gauges": list(domain.gauges.index[1:])}
    for name, period in PERIODS.items():
        run.evaluate(discharge, period, name=name)
    out = tmp_path_factory.mktemp("runs") / "a <run> & more"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gridhydro.evaluation.plots.save", lambda *_: None)  # it draws its own
        run.save(out, discharge=discharge)
    report(out)
    return out


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def data_of(text):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1])


def numbers(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_page_needs_nothing_beside_it(text):
    assert "default-src 'none'" in text and 'name="viewport"' in text
    for wanting in ('src="', "src='", "<link", "@import", "url(", "fetch(", "XMLHttpRequest"):
        assert wanting not in text, wanting
    addresses = set(re.findall(r"https?://[^\"' )]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # the name of a kind of picture
    assert "<title>a &lt;run&gt; &amp; more, a run of gridhydro</title>" in text


def test_the_map_has_the_cells_their_parameters_and_the_gauges(folder, text):
    domain = small_world()[0]
    drawn = data_of(text)["map"]
    places = numbers(drawn["cells"], "<u4")
    assert places.size == domain.size
    layer = next(layer for layer in drawn["layers"] if layer["name"] == "FC")
    assert layer["title"] == "field capacity" and layer["unit"] == "mm"
    codes = numbers(layer["values"], "<u2").astype(float)
    values = layer["first"] + (layer["last"] - layer["first"]) * codes / 65534
    with xr.open_dataset(folder / "parameters.nc") as maps:
        expected = domain.pack(maps["FC"])
    row = (domain.row - domain.row.min()) * drawn["columns"] + domain.col - domain.col.min()
    order = np.argsort(row)
    np.testing.assert_array_equal(places, row[order])
    np.testing.assert_allclose(values, expected[order], atol=1e-4 * np.ptp(expected))
    assert {"area upstream", "field capacity"} <= {one["title"] for one in drawn["layers"]}
    assert [gauge["name"] for gauge in drawn["gauges"]] == list(domain.gauges.index)
    assert [gauge["name"] for gauge in drawn["gauges"] if gauge["held"]] == [domain.gauges.index[0]]
    assert drawn["rivers"] and drawn["km"] * drawn["width"] == pytest.approx(
        (domain.x[domain.col].max() - domain.x[domain.col].min() + 2000) / 1000
    )


def test_hydrographs_are_those_of_the_folder(folder, text):
    series = data_of(text)["series"]
    table = read_table(folder / "discharge.csv", comment="#", index_col=0, parse_dates=True)
    observed = read_table(
        folder / "discharge_observed.csv", comment="#", index_col=0, parse_dates=True
    )
    for name, own in series["gauges"].items():
        for key, expected in (("simulated", table[name]), ("observed", observed[name])):
            codes = numbers(own[key], "<u2").astype(float)
            flow = np.where(codes == 65535, np.nan, own["top"] * (codes / 65534) ** 2)
            np.testing.assert_allclose(flow, expected, rtol=1e-3, atol=1e-4 * own["top"])
    assert series["start"] == f"{table.index[0]:%Y-%m-%d}"
    assert dict((name, days) for name, *days in data_of(text)["periods"]) == {
        "spin-up": ["2001-01-01", "2001-06-30"],
        "training": ["2001-07-01", "2001-12-31"],
        "validation": ["2002-01-01", "2002-12-31"],
    }


def test_long_series_become_means_and_say_so(folder, monkeypatch):
    monkeypatch.setattr("gridhydro.analysis.page.series_data.VALUES", 3000)
    contents = read(folder)
    found, told = series_data(contents)
    assert told == "means of seven days" and found["days"][:3] == [0, 7, 14]
    monkeypatch.setattr("gridhydro.analysis.page.series_data.VALUES", 10)
    assert series_data(read(folder))[1] == "means of the month"


def test_tables_warnings_budget_and_how_to_repeat_it(folder, text):
    domain = small_world()[0]
    for name in domain.gauges.index:
        assert f'<tr data-gauge="{name}">' in text
    assert "median of" in text and "held out" in text
    water = read_table(folder / "water.csv")
    assert list(water["year"]) == [2001, 2002] and list(water["days"]) == [365, 365]
    run_days = water["precipitation"].sum()
    forcing = small_world()[2]["precipitation"]
    weight = domain.area / domain.area.sum()
    assert run_days == pytest.approx(float((domain.pack(forcing) @ weight).sum()), rel=1e-5)
    left = water["precipitation"] - water["runoff"] - water["actual_evapotranspiration"]
    np.testing.assert_allclose(water["storage_change"], left, atol=1e-4)
    assert f'<td class="" data-value="{water["runoff"][0]:.8g}">' in text
    assert "None: neither the checks" in text
    assert "a &lt;run&gt; &amp; more" in text and "Held at a constant" not in text
    contents = read(folder)
    told = html(replace(contents, warnings=["cells <b> drain nowhere"]))
    assert "<li>cells &lt;b&gt; drain nowhere</li>" in told and "warnings some" in told
    begun = replace(contents, domain_file="[domain]\n", source={"data": "/my data", "fold": 2})
    assert begun.commands[0].startswith("gridhydro train ")
    assert "/domain.toml --data '/my data' --fold 2 " in begun.commands[0]
    # all that takes the place of what the file says is in it, or is told
    changed = {name: "x" for name in CHANGES if name != "sections"}
    again = replace(begun, source=changed | {"sections": {"training": {"epochs": 3}}})
    assert again.commands[0].count(" x") == len(changed)
    assert "--balance x" in again.commands[0] and "(training.epochs = 3)" in html(again)
    settings = begun.training | {"method": "sceua", "max_runs": 9, "fitted": ["soil moisture"]}
    calibrated = replace(begun, index=begun.index | {"training": settings})
    assert calibrated.commands[0].startswith("gridhydro calibrate ")
    assert " --target 'soil moisture' --runs 9 " in calibrated.commands[0]


def test_what_the_folder_lacks_is_said(tmp_path, capsys):
    run = small_runs.made_run()
    run.save_model(tmp_path / "bare")
    assert main(["report", str(tmp_path / "bare"), "--out", str(tmp_path / "new" / "r.html")]) == 0
    assert "r.html" in capsys.readouterr().out
    text = (tmp_path / "new" / "r.html").read_text(encoding="utf-8")
    for lacking in ("there are no hydrographs", "was not scored", "(water.csv)"):
        assert lacking in text, lacking
    contents = replace(read(tmp_path / "bare"), domain=Domain.of_basins([10.0], ["a"]), layers=[])
    assert "there is no map of them" in html(contents)
    assert main(["report", str(tmp_path)]) == 1
    assert "holds no finished run" in capsys.readouterr().err


@pytest.mark.end_to_end
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_click_on_a_gauge_shows_its_hydrograph(folder, width, height, tmp_path):
    if browser.found() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    pytest.importorskip("aiohttp")
    names = list(small_world()[0].gauges.index)
    title = "document.getElementById('hydrograph-title').textContent"
    with browser.Page(folder / "report.html", width, height) as page:
        for name in (names[0], names[-1]):
            page.click(f'.gauge[data-gauge="{name}"] .ring')
            held = " (held out)" if name == names[0] else ""
            assert page.value(title) == f"Hydrograph of {name}{held}"
            drawn = page.value(
                "[...document.querySelectorAll('#hydrograph path[data-line]')].map("
                "p => [p.dataset.line, p.getAttribute('d').length])"
            )
            assert [line for line, _ in drawn] == ["simulated", "observed"]
            assert all(length > 2000 for _, length in drawn)
            assert "NSE" in page.value("document.getElementById('hydrograph-scores').textContent")
        # rows of the table choose too, years and logarithms change the picture
        page.click(f'tr[data-gauge="{names[1]}"] td')
        assert page.value(title).startswith(f"Hydrograph of {names[1]}")
        line = "document.querySelector('#hydrograph path[data-line]').getAttribute('d')"
        before = page.value(line)
        page.value("(e => { e.value = '2002'; e.dispatchEvent(new Event('change')); })"
                   "(document.getElementById('year'))")  # fmt: skip
        assert page.value(line) != before
        # every layer is drawn in colours of its own
        href = "document.getElementById('cells').getAttribute('href')"
        pictures = set()
        for i in range(len(data_of((folder / "report.html").read_text())["map"]["layers"])):
            page.value(f"(e => {{ e.value = '{i}'; e.dispatchEvent(new Event('change')); }})"
                       "(document.getElementById('layer'))")  # fmt: skip
            pictures.add(page.value(href))
        assert len(pictures) > 5
        # nothing wider than the screen, nothing thrown, nothing asked of anybody
        assert page.value("document.documentElement.scrollWidth") <= width
        page.shot(tmp_path / "page.png")
        assert page.errors == [] and page.asked == []
