"""The study of ungauged basins: what is held out, equal numbers of steps, and what a page says."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import pub_scaling, pub_scaling_page
from benchmarks.pub_scaling import FEW, FOLDS, MANY, NEAREST, SHARES, VARIANTS, Job
from gridhydro.inputs.forcing import Forcing
from gridhydro.training.batches import Batches, minibatches

GAUGES = [f"g{i:03d}" for i in range(400)]
PERIOD = ("1981-01-01", "1995-12-31")


def test_smaller_shares_lie_in_larger_ones_and_never_in_what_is_held_out():
    tested = []
    for fold in range(FOLDS):
        parts = [Job("8 linear", share, fold, 1).split(GAUGES, PERIOD) for share in SHARES]
        assert [len(p.train_gauges) for p in parts] == [8, 20, 50, 100, 200, 360]
        for smaller, larger in pairwise(parts):
            assert set(smaller.train_gauges) < set(larger.train_gauges)
        assert not set(parts[-1].train_gauges) & set(parts[-1].test_gauges)
        tested += parts[0].test_gauges
    assert sorted(tested) == GAUGES
    other = Job("8 linear", 2, 0, 0).split(GAUGES, PERIOD)
    assert other.train_gauges != Job("8 linear", 2, 0, 1).split(GAUGES, PERIOD).train_gauges


def test_choices_never_see_what_is_held_out():
    held_out = set(Job("8 linear", 90, 0).split(GAUGES, PERIOD).test_gauges)
    inner = Job("8 linear", 90, 0, choosing=True).split(GAUGES, PERIOD)
    assert len(inner.test_gauges) == 36 and len(inner.train_gauges) == 324
    assert not held_out & {*inner.test_gauges, *inner.train_gauges}


def test_nearest_across_the_date_line():
    longitude, latitude = np.array([179.5, -179.5, 0.0, 170.0]), np.array([0.0, 0.0, 80.0, 1.0])
    assert pub_scaling.nearest((longitude, latitude), [1, 3]) == [1, 1, 3, 3]


@pytest.fixture(scope="module")
def setup(data):
    return pub_scaling.read(data("camels_us_400/timeseries.nc").parents[1])


def test_a_job_scores_what_is_held_out_and_is_not_done_again(setup, tmp_path, capsys):
    assert len(MANY) == 27 and len(FEW) == 8
    assert np.isfinite([setup.attributes[name] for name in (*MANY, *FEW)]).all()
    job = Job("8 linear", 2, 0, steps=1)
    for _ in range(2):
        pub_scaling.run_job(job, setup, tmp_path)
    assert len(capsys.readouterr().out.splitlines()) == 1
    scores, jobs = pub_scaling_page.collect(tmp_path / "held-out")
    split = job.split(list(setup.domain.gauges.index), setup.training.period)
    assert set(scores["gauge"]) == set(split.test_gauges) and len(scores) == 2 * 40
    assert jobs.loc[("8 linear", 2.0, 0, 0), "basins"] == 8
    assert scores["kge_2012"].median() > -0.5


@pytest.mark.parametrize("share", SHARES)
def test_steps_are_counted_as_they_are_made(setup, share):
    basins = round(share * 4)
    epochs, steps = pub_scaling.epochs_for(1000, basins, setup)
    assert abs(steps - 1000) < 60
    days = setup.forcing.sel(time=slice(*setup.training.period)).indexes["time"]
    weather = Forcing.read(setup.forcing, setup.domain, pub_scaling.make_model(setup, "free", 0))
    sizes = Batches(**setup.training.batches)
    seen = minibatches(
        sizes, weather, lambda starts, length, cells: weather.values[0, :length, cells],
        slice(0, len(days)), torch.arange(basins), 0,
    )  # fmt: skip
    assert epochs * sum(1 for _ in seen) == steps


def table(medians) -> pd.DataFrame:
    """Scores of five basins in each fold and draw whose medians are these, (variant, share, fold,
    draw) -> value."""
    rows = []
    for (variant, share, fold, draw), value in medians.items():
        for i, away in enumerate((-0.2, -0.1, 0.0, 0.1, 0.2)):
            site = f"{fold}-{i}"
            job = dict(zip(pub_scaling_page.KEYS, (variant, share, fold, draw), strict=True))
            scores = dict.fromkeys(pub_scaling.SCORES[2:], value + away)
            rows.append(job | {"gauge": site, "period": "training"} | scores)
    return pd.DataFrame(rows)


def test_medians_are_of_all_folds_and_their_spread_of_each():
    found = pub_scaling_page.pooled(
        table({("8 linear", 90.0, fold, 0): 0.4 + 0.02 * fold for fold in range(3)}), "nse"
    )
    row = found.loc[(90.0, "8 linear")]
    assert row["median"] == pytest.approx(0.42) and row["sd"] == pytest.approx(0.02)
    draws = {("8 linear", 2.0, 0, draw): 0.1 * draw for draw in range(3)}
    row = pub_scaling_page.pooled(table(draws), "nse").loc[(2.0, "8 linear")]
    assert row["median"] == pytest.approx(0.1) and np.isnan(row["sd"])


def test_folds_that_lack_a_job_are_left_out():
    whole = {
        (variant, share, fold, draw): 0.5 for variant in ("8 attributes", NEAREST)
        for share in SHARES for fold in (0, 1) for draw in range(SHARES[share])
    }  # fmt: skip
    assert pub_scaling_page.finished(table(whole))[1] == [0, 1]
    del whole[NEAREST, 2, 1, 2]
    assert pub_scaling_page.finished(table(whole))[1] == [0]


def test_differences_are_within_folds():
    folds = {("27 attributes", 25.0, fold, 0): 0.5 + 0.2 * fold for fold in range(3)}
    folds |= {("8 attributes", 25.0, fold, 0): 0.4 + 0.2 * fold for fold in range(3)}
    assert "+0.100 ± 0.000, 3 of 3" in pub_scaling_page.differences(table(folds))
    assert set(VARIANTS) < set(pub_scaling_page.ORDER)
