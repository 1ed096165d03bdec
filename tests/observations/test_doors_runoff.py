"""Where runoff against precipitation is worth a word, on both sides of each limit."""

import numpy as np
import pandas as pd
import pytest
import torch

import gridhydro as gh
from gridhydro.columns.column import fields
from gridhydro.inputs.forcing import Forcing
from gridhydro.observations.runoff_ratio import report

DOMAIN = gh.Domain.of_basins([864.0], ["a"])  # 1 m3 s-1 is a tenth of a mm d-1


def told(flow, rain=2.0, days=400, unit="mm d-1", observed=None, name="precipitation"):
    """Kinds of findings for constant runoff and precipitation, mm d-1."""
    times = pd.date_range("2001-01-01", periods=days)
    values = np.full((1, days, 1), flow)
    if observed is not None:
        values[:, observed:] = np.nan
    rows = torch.full((1, days, 1), float(rain))
    found = report(
        Forcing(times, torch.as_tensor(values)), Forcing(times, rows), fields(f"{name} {unit}: p"),
        ("precipitation",), DOMAIN, slice(0, days),
    )  # fmt: skip
    return [name for name in ("errors", "warnings") for _ in getattr(found, name)]


@pytest.mark.parametrize(
    ("ratio", "kinds"),
    [(0.019, ["warnings"]), (0.021, []), (1.99, []), (2.01, ["warnings"]), (49.9, ["warnings"]),
     (50.1, ["errors"])],
)  # fmt: skip
def test_the_limits_of_runoff_over_precipitation(ratio, kinds):
    assert told(2.0 * ratio) == kinds


@pytest.mark.parametrize(
    ("ratio", "kinds"),
    [(0.0039, ["warnings"]), (0.0041, []), (9.99, []), (10.1, ["warnings"]), (249, ["warnings"]),
     (251, ["errors"])],
)  # fmt: skip
def test_the_limits_are_five_times_as_wide_in_short_records(ratio, kinds):
    assert told(2.0 * ratio, days=299) == kinds
    assert told(2.0 * ratio, observed=299) == kinds  # of the days that are observed


def test_a_record_of_three_hundred_days_is_not_short():
    assert told(2.0 * 3, days=299) == [] and told(2.0 * 3, days=300) == ["warnings"]


def test_records_of_a_season_say_nothing():
    assert told(600.0, observed=89) == [] and told(600.0, observed=90) == ["errors"]
    assert told(600.0, observed=0) == []


def test_of_deserts_little_is_said():
    assert told(6.0, rain=0.099) == ["warnings"] and told(6.0, rain=0.101) == ["errors"]
    assert told(0.001, rain=0.099) == [] and told(0.001, rain=0.101) == ["warnings"]
    assert told(6.0, rain=0.0) == ["warnings"]


def test_only_water_that_comes_in_by_depth_is_counted():
    assert told(600.0, unit="kg") == [] and told(600.0, name="temperature") == []


@pytest.mark.parametrize("area_km2", [864.0, 86_400.0])
def test_the_unit_that_would_fit_is_proposed(area_km2):
    domain = gh.Domain.of_basins([area_km2], ["a"])
    times = pd.date_range("2001-01-01", periods=400)
    depth = 1.0  # mm d-1, written where m3 s-1 was meant
    flow = torch.full((1, 400, 1), depth * 86.4 / area_km2)
    rain = Forcing(times, torch.full((1, 400, 1), 2.0))
    wanted = fields("precipitation mm d-1: p")
    found = report(Forcing(times, flow), rain, wanted, ("precipitation",), domain, slice(0, 400))
    said = [*found.errors, *found.warnings]
    expected = flow[0, 0, 0] / 2 < 0.02
    assert bool(said) == bool(expected)
    assert all("in mm d-1 it would be 50%" in text for text in said)
