"""A training killed at any moment goes on to the numbers of an unbroken one."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import gridhydro as gh
from gridhydro import train
from gridhydro.base import files
from gridhydro.training import checkpoint
from tests.support.forks import Fork, until
from tests.support.small_world import PERIOD, small_model, small_world

# pytest may have been started where Ctrl-C is ignored, as in a shell's background, and a child
# would inherit that
TRAINING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.training.test_resume import long
long(sys.argv[1])
"""


def long(out):
    """A training of a second or two that goes on where it was broken off."""
    _, _, forcing, discharge = small_world()
    checkpoints = gh.Checkpoints(out, resume=True, every=0)
    session = gh.Session(progress=False)
    options = dict(period=PERIOD, spinup=100, epochs=40, session=session)
    train(small_model(), forcing, discharge, checkpoints=checkpoints, **options)


def broken_off(out: Path, target: int, number: int) -> int:
    """What another process, training until this epoch is kept, gives for this signal."""
    process = Fork("-c", TRAINING, out)
    until(lambda: epoch(out) >= target, process)
    process.signal(number)
    returned, _, _ = process.ended(60)
    assert target <= epoch(out) < 40
    return returned


def epoch(out: Path) -> int:
    index = out / "checkpoint" / checkpoint.INDEX
    return json.loads(index.read_text())["epoch"] if index.exists() else 0


def numbers(out: Path) -> dict:
    index = json.loads((out / "checkpoint" / checkpoint.INDEX).read_text())
    return load_file(out / "checkpoint" / index["numbers"])


@pytest.mark.end_to_end
def test_stopped_killed_and_resumed_equals_unbroken(tmp_path):
    """Broken off by Ctrl-C and, gone on with, by SIGKILL, at whatever it is doing then."""
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    assert broken_off(broken, 3, signal.SIGINT) not in (0, -signal.SIGKILL)
    # Ctrl-C keeps the last whole epoch
    history = json.loads((broken / "checkpoint" / checkpoint.INDEX).read_text())["history"]
    assert len(history) == epoch(broken)
    assert broken_off(broken, epoch(broken) + 3, signal.SIGKILL) == -signal.SIGKILL
    long(broken)
    long(whole)
    ours, theirs = numbers(broken), numbers(whole)
    assert ours.keys() == theirs.keys()
    for name in set(ours) - {"random"}:  # the generator was not seeded, and nothing drew from it
        assert torch.equal(ours[name], theirs[name]), name
    assert len(list((broken / "checkpoint").glob("*.safetensors"))) == 1


def short(out, resume=False, **options):
    _, _, forcing, discharge = small_world()
    options = (
        dict(period=PERIOD, spinup=100, epochs=2, session=gh.Session(progress=False)) | options
    )
    checkpoints = gh.Checkpoints(out, resume=resume)
    return train(small_model(), forcing, discharge, checkpoints=checkpoints, **options)


def test_another_training_is_not_resumed(tmp_path):
    short(tmp_path)
    with pytest.raises(ValueError, match=r"another training \(learning_rate was 0.005, is 0.1\)"):
        short(tmp_path, optimizer=gh.Optimizer(learning_rate=0.1), resume=True)


def test_resume_without_a_checkpoint_starts_anew(tmp_path):
    run = short(tmp_path, resume=True)
    assert list(run.history["epoch"]) == [1, 2]


def test_a_crash_between_the_two_files_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    short(tmp_path, epochs=2)
    replace = os.replace

    def crash(source, target):
        if str(target).endswith(checkpoint.INDEX):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        short(tmp_path, epochs=3, resume=True)
    monkeypatch.undo()
    assert epoch(tmp_path) == 2
    assert numbers(tmp_path)


def test_what_killed_processes_left_is_removed(tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in (".checkpoint.json.17", ".checkpoint-000009.safetensors.17"):
        (folder / name).touch()
    short(tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert names == {checkpoint.INDEX, "checkpoint-000002.safetensors"}


def test_nothing_stays_of_a_file_that_could_not_be_written(tmp_path):
    def fail(path):
        path.write_text("half")
        raise KeyboardInterrupt

    (tmp_path / "a.csv").write_text("whole")
    with pytest.raises(KeyboardInterrupt):
        files.replace(tmp_path / "a.csv", fail)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "whole"


def test_a_folder_that_cannot_be_written_is_noticed_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"nothing can be written to the folder .*file/checkpoint"):
        short(tmp_path / "file")
