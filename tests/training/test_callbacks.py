"""What is called after every epoch: numbers for the history, a CSV file, TensorBoard."""

import numpy as np
import pandas as pd
import pytest
import torch

import gridhydro as gh
from gridhydro.base import ranks
from tests.training.test_training import fit


def watched(*callbacks):
    return gh.Session(callbacks=callbacks, progress=False)


def test_callbacks_fill_the_history_and_change_nothing():
    calls = []

    def mean(epoch, model, numbers):
        calls.append((epoch, model.training, torch.is_grad_enabled()))
        return {"mean_FC": model.cell_parameters()["FC"].mean().item()} if epoch == 2 else None

    def twice(epoch, model, numbers):
        return {"twice": 2 * numbers["mean_FC"]} if "mean_FC" in numbers else {}

    one, plain = fit(session=watched(mean, twice)), fit()
    assert calls == [(1, False, False), (2, False, False), (3, False, False)]
    pd.testing.assert_series_equal(one.history["loss"], plain.history["loss"])
    assert one.history["mean_FC"].notna().tolist() == [False, True, False]
    assert one.history["twice"][1] == 2 * one.history["mean_FC"][1]


def test_csv_log_is_the_history_and_goes_on_in_its_file(tmp_path):
    path = tmp_path / "log" / "epochs.csv"
    seen = []

    def look(epoch, model, numbers):
        seen.append(path.exists() and len(pd.read_csv(path)))
        return {"late": 1.5} if epoch == 3 else None

    run = fit(session=watched(look, gh.CSVLog(path)))
    assert seen == [False, 1, 2]  # each line is there when its epoch is over
    found = pd.read_csv(path)
    assert found["epoch"].tolist() == [1, 2, 3]
    assert found["loss"].tolist() == run.history["loss"].tolist()
    assert found["late"].isna().tolist() == [True, True, False]
    # a training that was cut off in its second epoch goes on from there
    gh.CSVLog(path)(2, run.model, {"loss": 7.0})
    assert pd.read_csv(path)["loss"].tolist() == [found["loss"][0], 7.0]


def test_csv_log_leaves_another_table_as_it_is(tmp_path):
    path = tmp_path / "gauges.csv"
    path.write_text("gauge,nse\nA,0.5\n")
    with pytest.raises(ValueError, match="no table of epochs: give another file to CSVLog"):
        gh.CSVLog(path)(1, None, {"loss": 1.0})
    assert path.read_text() == "gauge,nse\nA,0.5\n"


def test_tensorboard_has_the_scalars_of_the_history(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = fit(session=watched(gh.TensorBoard(tmp_path / "board")))
    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    losses = events.Scalars("loss")
    assert [one.step for one in losses] == [1, 2, 3]
    assert [one.value for one in losses] == pytest.approx(run.history["loss"].tolist())


def test_tensorboard_without_its_package_says_how_to_get_it(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'gridhydro\[tensorboard\]'"):
        gh.TensorBoard(tmp_path)


def test_numbers_of_torch_and_numpy_are_kept(tmp_path):
    def watch(epoch, model, numbers):
        return {"tensor": torch.tensor(1.5), "numpy": np.float32(2.5)}

    run = fit(session=watched(watch, gh.CSVLog(tmp_path / "log.csv")), checkpoints=tmp_path / "run")
    again = fit(session=watched(), checkpoints=gh.Checkpoints(tmp_path / "run", resume=True))
    for table in (run.history, again.history, pd.read_csv(tmp_path / "log.csv")):
        assert table["tensor"].tolist() == [1.5] * 3 and table["numpy"].tolist() == [2.5] * 3


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (3.0, r"a callback returned 3\.0: it returns nothing, or numbers by name"),
        ({"state": "good"}, "or numbers by name"),
        ({"two": torch.ones(2)}, "or numbers by name"),
        ({"epoch": 7}, "returned 'epoch', which is in the history already"),
        ({"loss": 0.0}, "returned 'loss', which is in the history already"),
    ],
)
def test_what_is_no_number_of_its_own_is_refused(said, message):
    with pytest.raises(ValueError, match=message):
        fit(session=watched(lambda *epoch: said))


def test_a_callback_that_fails_is_told_to_other_processes(monkeypatch):
    """They wait for the epoch otherwise."""
    heard = []
    monkeypatch.setattr(ranks, "told", lambda value: heard.append(value) or [value])

    def full(epoch, model, numbers):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        fit(session=watched(full))
    assert "OSError: the disk is full" in heard


@pytest.mark.parametrize("given", [[3], 3, None])
def test_a_callback_that_is_none_is_refused(given):
    with pytest.raises(ValueError, match="a callback is a function of epoch, model and numbers"):
        gh.Session(callbacks=given)
