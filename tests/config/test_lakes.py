"""Lakes and withdrawals of a domain file."""

from pathlib import Path

import pytest

from gridhydro.config.lakes import read_lakes, refuse_other_grid, river_series
from gridhydro.config.model import read_model
from gridhydro.model.river import River
from tests.domain.test_lakes import hydrolakes, rivers

SOURCE = Path("world.toml")


def model(**routing):
    return read_model(SOURCE, {"column": "hbv", "routing": routing}, lumped=False)


def test_lakes_are_read_for_a_river_that_has_them(tmp_path):
    domain, path = rivers()
    table = hydrolakes(domain, path[:2]).rename(columns={"Vol_total": "km3"})
    table.assign(km3=0.01).to_csv(tmp_path / "lakes.csv", index=False)
    given = {"file": "lakes.csv", "columns": {"volume": "km3"}, "units": {"volume": "km3"}}
    options = model(lakes="operated", lake_fill=0.5)
    assert options.routing == River(lakes="operated", lake_fill=0.5)
    found = read_lakes(SOURCE, {"lakes": given}, tmp_path, domain, options)
    assert found.table["capacity_m3"].tolist() == [1e7, 1e7]
    with pytest.raises(ValueError, match=r"world.toml, \[model\]: routing with lakes = 'operated'"):
        read_lakes(SOURCE, {}, tmp_path, domain, options)
    with pytest.raises(ValueError, match=r"world.toml, \[lakes\] is not used: add routing"):
        read_lakes(SOURCE, {"lakes": given}, tmp_path, domain, model())
    with pytest.raises(ValueError, match=r"world.toml, \[lakes\]: columns of lakes are name, lon"):
        wrong = given | {"columns": {"size": "km3"}}
        read_lakes(SOURCE, {"lakes": wrong}, tmp_path, domain, options)
    assert read_lakes(SOURCE, {}, tmp_path, domain, model()) is None


def test_a_river_reads_what_is_taken_from_it():
    assert [f.name for f in river_series(model(withdrawals=True))] == ["river_withdrawal"]
    assert [f.name for f in river_series(model(lakes="seasonal"))] == ["day_of_year"]
    with pytest.raises(ValueError, match=r"lake_fill is 2\.0, should be a part of 1"):
        model(lakes="natural", lake_fill=2.0)
    with pytest.raises(ValueError, match="lakes is one of"):
        model(lakes="big")


def test_what_is_taken_has_no_mean_over_cells():
    refuse_other_grid("precipitation")
    with pytest.raises(ValueError, match="'river_withdrawal' is on another grid than the domain"):
        refuse_other_grid("river_withdrawal")
