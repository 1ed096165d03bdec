"""Finished runs at the same gauges: medians, paired tests, groups, maps."""

import numpy as np
import pandas as pd
import pytest

from gridhydro import Domain
from gridhydro.cli import main
from gridhydro.evaluation.tables import SHOWN

GAUGES = ["07", "08", "09", "10", "11"]


@pytest.fixture
def runs(tmp_path):
    """Folders of two models, one of them better at all gauges but the last, and a table."""
    random = np.random.default_rng(0)
    first = random.uniform(0.2, 0.8, (len(GAUGES), len(SHOWN)))
    for name, better in (("one", 0.0), ("two", 0.1)):
        folder = tmp_path / name
        folder.mkdir()
        values = first + better * np.array([1, 1, 1, 1, -1])[:, None]
        rows = [
            pd.DataFrame(values - 0.3 * (period == "validation"), columns=list(SHOWN))
            .assign(gauge=GAUGES, period=period, unit="mm d-1")
            for period in ("training", "validation")
        ]  # fmt: skip
        pd.concat(rows).to_csv(folder / "metrics.csv", index=False)
    domain = Domain.of_basins(np.ones(5), GAUGES, latitude=np.arange(5.0), longitude=np.arange(5.0))
    domain.to_file(tmp_path / "one" / "domain.nc")
    table = pd.DataFrame({"gauge": GAUGES, "climate": ["dry", "dry", "wet", "wet", "wet"]})
    table.to_csv(tmp_path / "groups.csv", index=False)
    return tmp_path


def test_runs_are_compared_gauge_by_gauge(runs, capsys):
    out = runs / "out"
    words = ["compare", runs / "one", f"second={runs / 'two'}", "--out", out,
             "--groups", runs / "groups.csv", "climate"]  # fmt: skip
    assert main([str(word) for word in words]) == 0
    assert "second" in capsys.readouterr().out
    table = pd.read_csv(runs / "two" / "metrics.csv").query("period == 'validation'")
    medians = pd.read_csv(out / "medians.csv").set_index("model")
    assert medians.loc["second", "kge"] == pytest.approx(table["kge"].median())
    tests = pd.read_csv(out / "tests.csv").set_index("metric")
    assert tests.loc["nse", ["model", "other", "count", "higher"]].to_list() == [
        "one", "second", 5, 1,
    ]  # fmt: skip
    groups = pd.read_csv(out / "groups.csv").query("metric == 'kge' and model == 'second'")
    wet = table["kge"].iloc[2:].median()
    assert groups.set_index("group")["median"]["wet"] == pytest.approx(wet)
    assert groups.set_index("group")["count"].to_dict() == {"dry": 2, "wet": 3}
    assert {f.name for f in (out / "figures").iterdir()} == {
        "nse.png", "kge.png", "boxes.png", "groups.png", "map-one.png", "map-second.png",
        "map-one-less-second.png",
    }  # fmt: skip
    page = (out / "comparison.md").read_text()
    assert "validation period" in page and "By climate" in page and "p_higher" in page
    assert not pd.read_csv(out / "columns.csv")["meaning"].str.contains("that was given").any()


def test_what_cannot_be_compared_is_refused(runs, capsys):
    one, two = str(runs / "one"), str(runs / "two")

    def refused(*words):
        assert main(["compare", *words, "--out", str(runs / "out")]) == 1
        return capsys.readouterr().err

    assert "of two runs or more" in refused(one)
    assert "two runs are called one" in refused(one, one)
    assert "one has no scores of the period '1999': it has training, val" in refused(
        one, two, "--period", "1999"
    )
    assert "has no metrics.csv: what train" in refused(one, str(runs))
    table = pd.read_csv(runs / "two" / "metrics.csv", dtype={"gauge": str})
    table[table["gauge"] != "08"].to_csv(runs / "two" / "metrics.csv", index=False)
    assert "at only one of them, such as 08" in refused(one, two)
