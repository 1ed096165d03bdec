"""Validation while training: scores of a run, the best weights kept, a training that ends early."""

import math

import pandas as pd
import pytest
import torch

import gridhydro as gh
from gridhydro.training.selection import Validation
from tests.support.lumped import fit as fit_lumped
from tests.support.small_basins import small_basins
from tests.support.small_world import small_model, small_world

FIRST, LATER = ("2001-01", "2001-12"), ("2002-01", "2002-12")
COLUMN = "validation_discharge_nse"


def fit(model=None, validation=LATER, **options):
    """A raster trained in the first year; far too fast, so that scores go up and down."""
    _, _, forcing, discharge = small_world()
    session = gh.Session(validation=validation, progress=False)
    options = dict(period=FIRST, spinup=0, epochs=6, session=session) | options
    options = dict(optimizer=gh.Optimizer(learning_rate=0.3, decay=False)) | options
    return gh.train(model or small_model(), forcing, discharge, **options)


def weights(run):
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])


def median_nse(run, discharge, period):
    return run.evaluate(discharge, period)["nse"].median()


def lines(*scores):
    return [{} if score is None else {COLUMN: score} for score in scores]


def test_the_best_is_the_first_of_the_highest_scores():
    chosen = Validation(LATER, keep="best")
    assert chosen.best(lines(0.1, None, 0.4, 0.3, 0.4, math.nan)) == 2
    assert chosen.best(lines(None, math.nan)) is None and chosen.best([]) is None


def test_a_training_ends_after_as_many_scores_as_there_is_patience():
    chosen = Validation(LATER, patience=2)
    assert not chosen.ends(lines(0.1, 0.4, None, 0.3, None))
    assert chosen.ends(lines(0.1, 0.4, None, 0.3, None, 0.4))
    assert chosen.ends(lines(math.nan, math.nan)) and not chosen.ends([])
    assert not Validation(LATER).ends(lines(0.4, *[0.1] * 99))


def test_scores_are_due_ten_times_or_as_often_as_is_asked_and_at_the_end():
    assert [n for n in range(35) if Validation(LATER).due(n, 35)] == [*range(2, 34, 3), 34]
    assert [n for n in range(7) if Validation(LATER, every=3).due(n, 7)] == [2, 5, 6]


@pytest.mark.parametrize("period", [LATER, ("2001-01", "2001-02")])
def test_scores_are_those_of_the_run_afterwards(period):
    """Of a period after the training, and of one before it."""
    _, _, _, discharge = small_world()
    run = fit(validation=period, period=("2001-03", "2001-12"), epochs=1, spinup=59)
    expected = median_nse(run, discharge, period)
    assert run.history[COLUMN].iloc[-1] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", ["lstm", "rival"])
def test_scores_of_networks_that_read_the_weather_are_those_of_the_run(kind):
    """Lumped, in minibatches."""
    session = gh.Session(validation=("2002-01", "2002-12"), progress=False)
    run = fit_lumped(kind, epochs=1, period=("2000-07", "2001-12"), session=session)
    expected = median_nse(run, small_basins()["discharge"], ("2002-01", "2002-12"))
    assert run.history[COLUMN].iloc[-1] == pytest.approx(expected, abs=1e-4)


def test_watching_changes_nothing_that_is_learned():
    watched, plain = fit(), fit(validation=None)
    assert torch.equal(weights(watched), weights(plain))
    assert watched.about["kept_epoch"] == 6


def test_the_best_weights_are_kept():
    _, _, _, discharge = small_world()
    run = fit(validation=Validation(LATER, every=1, keep="best"), epochs=9)
    scores = run.history[COLUMN]
    best = int(scores.idxmax())
    assert 0 < best < 8, "weights of an epoch in between are to be kept"
    assert run.about["kept_epoch"] == best + 1
    assert median_nse(run, discharge, LATER) == pytest.approx(scores[best], abs=1e-4)
    assert torch.equal(weights(run), weights(fit(epochs=best + 1)))


def test_a_training_that_ends_early_goes_on_from_its_checkpoint_to_the_same(tmp_path):
    """Killed before the best, after it, or when it has ended: always the same weights."""
    chosen = Validation(LATER, every=1, keep="best", patience=2)
    whole = fit(validation=chosen, epochs=30)
    ended = len(whole.history)
    assert ended < 30 and ended == whole.about["kept_epoch"] + 2

    class Stop(Exception):
        pass

    for stop in (1, ended - 1, ended):
        folder = tmp_path / str(stop)

        def stopping(epoch, model, numbers, stop=stop):
            if epoch == stop + 1:
                raise Stop

        session = gh.Session(validation=chosen, callbacks=[stopping], progress=False)
        checkpoints = gh.Checkpoints(folder, every=0)
        try:
            fit(epochs=30, session=session, checkpoints=checkpoints)
        except Stop:
            assert stop < ended
        again = fit(validation=chosen, epochs=30, checkpoints=gh.Checkpoints(folder, resume=True))
        pd.testing.assert_series_equal(again.history[COLUMN], whole.history[COLUMN])
        assert torch.equal(weights(again), weights(whole))
        assert again.about["kept_epoch"] == whole.about["kept_epoch"]


def test_a_validation_without_any_score_says_that_it_chose_nothing():
    _, _, forcing, discharge = small_world()
    still = discharge.copy()
    still.loc["2002"] = 1.0  # nothing varies, and there is no NSE
    session = gh.Session(validation=Validation(LATER, every=1, keep="best"), progress=False)
    with pytest.warns(UserWarning, match=r"2002-01 to 2002-12 is a number .* epoch 2, the last"):
        gh.train(
            small_model(), forcing, still, period=FIRST, spinup=0, epochs=2, session=session
        )  # fmt: skip


def test_members_of_an_ensemble_may_keep_other_epochs(tmp_path):
    _, _, forcing, _ = small_world()
    run = fit(epochs=1)
    for seed in (0, 1):
        run.about |= {"kept_epoch": seed + 1, "seed": seed}
        run.save_model(tmp_path / f"seed-{seed}")
    assert len(gh.Ensemble.load(tmp_path, forcing).runs) == 2


def test_settings_with_a_selection_are_those_that_a_folder_has(tmp_path):
    """So that a run that was just trained and others of its folder make an ensemble."""
    run = fit(validation=Validation(LATER, keep="best"), epochs=1)
    run.save_model(tmp_path)
    _, _, forcing, _ = small_world()
    assert gh.load(tmp_path, forcing).about["selection"] == run.about["selection"]


def test_another_selection_is_another_training(tmp_path):
    fit(epochs=1, checkpoints=gh.Checkpoints(tmp_path))
    chosen = Validation(LATER, keep="best")
    with pytest.raises(ValueError, match="selection was None"):
        fit(validation=chosen, epochs=1, checkpoints=gh.Checkpoints(tmp_path, resume=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(every=0), "validation: every"),
        (dict(patience=1.5), "validation: patience"),
        (dict(keep="first"), "validation: keep"),
        (dict(score="nse"), "validation: score"),
        (dict(period="2001"), "a period is two dates"),
    ],
)
def test_faulty_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Validation(**dict(period=LATER) | options)


def test_a_period_that_is_trained_on_and_a_score_that_is_not_there_are_refused():
    with pytest.raises(ValueError, match="trained on, 2001-12-01 to 2001-12-31"):
        fit(validation=("2001-12", "2002-06"))
    with pytest.raises(ValueError, match="no water storage is compared within 2002-01"):
        fit(validation=Validation(LATER, score="storage"))


@pytest.mark.parametrize(
    ("decay", "rates"),
    [
        ("cosine", [1.0, 0.8536, 0.5, 0.1464]),
        ("linear", [1.0, 0.75, 0.5, 0.25]),
        ("exponential", [1.0, 0.3162, 0.1, 0.03162]),
        ("steps", [1.0, 1.0, 0.1, 0.01]),
        (False, [1.0] * 4),
    ],
)
def test_learning_rates_fall_by_name(decay, rates):
    optimizer = gh.Optimizer(learning_rate=1.0, decay=decay)
    assert [optimizer.rate(n, 4) for n in range(4)] == pytest.approx(rates, rel=1e-3)
    assert gh.Optimizer(decay="cosine") == gh.Optimizer()
