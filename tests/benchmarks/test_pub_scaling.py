"""The study of ungauged basins: what is held out, numbers of steps, and what its page says."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.studies.pub_scaling import nearest, scores, tables, training
from benchmarks.studies.pub_scaling.job import FOLDS, FRACTIONS, Job
from benchmarks.studies.pub_scaling.nearest import NEAREST
from benchmarks.studies.pub_scaling.training import FEW, MANY, VARIANTS
from gridhydro.inputs.forcing import Forcing
from gridhydro.training.batches import minibatches

pytestmark = pytest.mark.end_to_end

GAUGES = [f"g{i:03d}" for i in range(400)]
PERIOD = ("1981-01-01", "1995-12-31")


def test_smaller_fractions_lie_in_larger_ones_and_never_in_what_is_held_out():
    tested = []
    for fold in range(FOLDS):
        parts = [Job("8 linear", fraction, fold, 1).split(GAUGES, PERIOD) for fraction in FRACTIONS]
        assert [len(p.train_gauges) for p in parts] == [8, 20, 50, 100, 200, 360]
        for smaller, larger in pairwise(parts):
            assert set(smaller.train_gauges) < set(larger.train_gauges)
        assert not set(parts[-1].train_gauges) & set(parts[-1].test_gauges)
        tested += parts[0].test_gauges
    assert sorted(tested) == GAUGES
    other = Job("8 linear", 2, 0, 0).split(GAUGES, PERIOD)
    assert other.train_gauges != Job("8 linear", 2, 0, 1).split(GAUGES, PERIOD).train_gauges


def test_choices_are_never_made_on_what_is_held_out():
    held_out = set(Job("8 linear", 90, 0).split(GAUGES, PERIOD).test_gauges)
    inner = Job("8 linear", 90, 0, choosing=True).split(GAUGES, PERIOD)
    assert len(inner.test_gauges) == 36 and len(inner.train_gauges) == 324
    assert not held_out & {*inner.test_gauges, *inner.train_gauges}


def test_nearest_across_the_date_line():
    longitude, latitude = np.array([179.5, -179.5, 0.0, 170.0]), np.array([0.0, 0.0, 80.0, 1.0])
    assert nearest.nearest((longitude, latitude), [1, 3]) == [1, 1, 3, 3]


@pytest.fixture(scope="module")
def setup(data):
    return training.read(data("camels_us_400/timeseries.nc").parents[1])


def test_a_job_scores_what_is_held_out_and_is_not_done_again(setup, tmp_path, capsys):
    assert len(MANY) == 27 and len(FEW) == 8
    assert np.isfinite([setup.attributes[name] for name in (*MANY, *FEW)]).all()
    job = Job("8 linear", 2, 0, steps=1)
    for _ in range(2):
        training.run_job(job, setup, tmp_path)
    folder = str(job.folder(tmp_path))
    assert capsys.readouterr().out.splitlines() == [folder, f"{folder}: done before"]
    table, jobs = scores.collect(tmp_path / "held-out")
    split = job.split(list(setup.domain.gauges.index), setup.training.period)
    assert set(table["gauge"]) == set(split.test_gauges) and len(table) == 2 * 40
    assert jobs.loc[("8 linear", 2.0, 0, 0), "basins"] == 8
    assert table["kge_2012"].median() > -0.5


@pytest.mark.parametrize("fraction", FRACTIONS)
def test_steps_are_counted_as_they_are_made(setup, fraction):
    basins = round(fraction * 4)
    epochs, steps = training.epochs_for(1000, basins, setup)
    assert abs(steps - 1000) < 60
    days = setup.forcing.sel(time=slice(*setup.training.period)).indexes["time"]
    weather = Forcing.read(setup.forcing, setup.domain, training.make_model(setup, "free", 0))
    sizes = setup.training.batches
    drawn = minibatches(
        sizes, weather, lambda starts, length, cells: weather.values[0, :length, cells],
        slice(0, len(days)), torch.arange(basins), 0,
    )  # fmt: skip
    assert epochs * sum(1 for _ in drawn) == steps


def table(medians) -> pd.DataFrame:
    """Scores of five basins in each fold and draw whose medians are these, (variant, fraction,
    fold, draw) -> value."""
    rows = []
    for (variant, fraction, fold, draw), value in medians.items():
        for i, away in enumerate((-0.2, -0.1, 0.0, 0.1, 0.2)):
            gauge = f"{fold}-{i}"
            job = dict(zip(scores.KEYS, (variant, fraction, fold, draw), strict=True))
            values = dict.fromkeys(training.SCORES[2:], value + away)
            rows.append(job | {"gauge": gauge, "period": "training"} | values)
    return pd.DataFrame(rows)


def test_medians_are_of_all_folds_and_their_spread_of_each():
    found = scores.pooled(
        table({("8 linear", 90.0, fold, 0): 0.4 + 0.02 * fold for fold in range(3)}), "nse"
    )
    row = found.loc[(90.0, "8 linear")]
    assert row["median"] == pytest.approx(0.42) and row["sd"] == pytest.approx(0.02)
    draws = {("8 linear", 2.0, 0, draw): 0.1 * draw for draw in range(3)}
    row = scores.pooled(table(draws), "nse").loc[(2.0, "8 linear")]
    assert row["median"] == pytest.approx(0.1) and np.isnan(row["sd"])


def test_folds_that_lack_a_job_are_left_out():
    whole = {
        (variant, fraction, fold, draw): 0.5 for variant in ("8 attributes", NEAREST)
        for fraction in FRACTIONS for fold in (0, 1) for draw in range(FRACTIONS[fraction])
    }  # fmt: skip
    assert scores.finished(table(whole))[1] == [0, 1]
    del whole[NEAREST, 2, 1, 2]
    assert scores.finished(table(whole))[1] == [0]


def test_differences_are_within_folds():
    folds = {("27 attributes", 25.0, fold, 0): 0.5 + 0.2 * fold for fold in range(3)}
    folds |= {("8 attributes", 25.0, fold, 0): 0.4 + 0.2 * fold for fold in range(3)}
    told = tables.differences(table(folds)).loc["25 %", "KGE: 27 attributes - 8 attributes"]
    assert told == "+0.100 ± 0.000, 3 of 3"
    assert set(VARIANTS) < set(scores.ORDER)
