"""What a notebook shows: tables, small maps, and never an address in memory."""

import re

import pandas as pd
import pytest

from gridhydro.base.report import Report
from gridhydro.columns import COLUMNS
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.ensemble import Ensemble
from gridhydro.model.run import Run
from tests.support import small_runs
from tests.support.small_world import small_model, small_world

ADDRESS = re.compile(r"0x[0-9a-f]{6,}|\bobject at\b")
PICTURE = '<img src="data:image/png;base64,'


@pytest.fixture(scope="module")
def run():
    domain, _, forcing, _ = small_world()
    model = small_model()
    found = Run.of(model, Forcing.read(forcing, domain, model))
    found.history = pd.DataFrame({"epoch": [1, 2], "loss": [0.9, 0.25]})
    return found


def html(thing) -> str:
    text = thing._repr_html_()
    assert not ADDRESS.search(text), text[:500]
    assert text.count("<table") == text.count("</table>")
    return text


def test_a_domain_shows_its_gauges_and_its_map():
    domain = small_world()[0]
    text = html(domain)
    assert PICTURE in text and repr(domain) in text
    assert all(f">{name}</td>" in text for name in domain.gauges.index[:8])


def test_a_model_shows_its_parameters(run):
    text = html(run.model)
    assert "field capacity" in text and "50 to 1000" in text
    assert text.count(">learned</td>") == len(run.model.network.learned) > 10
    assert "elevation" in text


def test_a_run_shows_training_scores_and_maps(run):
    domain, _, _, discharge = small_world()
    before = html(run)
    assert "0.25" in before and PICTURE in before and "median nse" not in before
    run.about["gauges"] = list(domain.gauges.index[1:])
    scores = run.evaluate(discharge, ("2002", "2002"), name="later")
    text = html(run)
    held = scores[scores["gauge_use"] == "held out"]["nse"].median()
    assert "median nse" in text and "later" in text and f"{round(float(held), 3):,.4g}" in text


def test_runs_of_basins_and_models_without_maps():
    assert "<table" in html(small_runs.made_run())


def test_a_report_escapes_what_it_tells():
    text = html(Report(["<b> is no gauge"], ["a warning"], []))
    assert "&lt;b&gt; is no gauge" in text and "a warning" in text and "notes" not in text
    assert html(Report()) == "nothing to report"


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_list_their_quantities(name):
    column = COLUMNS[name]
    text = html(column)
    for field in (*column.parameters, *column.states, *column.forcings):
        assert f">{field.name}</td>" in text
    assert f"{len(column.parameters)} parameters" in repr(column)


def test_nothing_tells_an_address_in_memory(run):
    domain = small_world()[0]
    things = [run, run.model, run.forcing, domain, domain.network, Ensemble([run]), Report()]
    for thing in (*things, *COLUMNS.values()):
        assert not ADDRESS.search(repr(thing)), repr(thing)
        assert len(repr(thing)) < 2000
