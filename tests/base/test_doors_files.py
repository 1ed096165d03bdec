"""Files and stores that a kill or a full disk leaves whole, and folders that are locked."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import xarray as xr

from gridhydro.base import files, lock
from gridhydro.base.folders import together
from gridhydro.base.lock import Lock
from tests.support.kill_points import points

DEAD = f"{socket.gethostname()}-{2**22 - 3}-0"


def store(value: float) -> xr.Dataset:
    return xr.Dataset({"a": ("x", np.full(3, value))})


def value(path) -> float:
    with xr.open_zarr(path) as data:
        return float(data["a"].values.mean())


@pytest.mark.parametrize("exchanged", [True, False])
def test_a_zarr_store_is_there_whenever_its_writer_is_killed(tmp_path, monkeypatch, exchanged):
    """Where two names cannot be exchanged, the next save finds what was moved aside."""
    path = tmp_path / "run" / "a.zarr"
    count = 0
    if not exchanged:
        monkeypatch.setattr(files, "exchange", lambda *paths: False)

    def before():
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        path.parent.mkdir()
        files.replace_zarr(path, store(1))

    def save():
        files.replace_zarr(path, store(2))

    for _ in points(save, before, ("replace", "rename")):
        count += 1
        if exchanged:
            assert value(path) in (1, 2)
        monkeypatch.setattr(os, "kill", _gone(os.kill))  # the child's number may be taken again
        files.tidy(path)
        monkeypatch.undo() if exchanged else None
        assert value(path) in (1, 2)
        assert [p.name for p in path.parent.iterdir()] == ["a.zarr"]
    assert count >= (0 if exchanged else 2)
    assert value(path) == 2


def _gone(kill):
    def called(pid, number):
        if number == 0:
            raise ProcessLookupError
        return kill(pid, number)

    return called


def test_stores_are_exchanged_in_one_step(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not files.exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot exchange two names")
    assert (tmp_path / "a" / "b").exists() and (tmp_path / "b" / "a").exists()


def test_what_killed_processes_left_is_removed_and_of_living_ones_is_not(tmp_path):
    left = [f".a.csv.new.{DEAD}", f".a.csv.old.{DEAD}"]
    others = [
        f".b.csv.new.{DEAD}",  # of another file
        f".a.csv.new.{socket.gethostname()}-{os.getppid()}-0",  # at work
        ".a.csv.new.elsewhere-17-0",  # of another machine, a moment ago
        ".a.csv",
    ]
    old = tmp_path / ".a.csv.new.elsewhere-18-0"
    for name in (*left, *others, old.name):
        (tmp_path / name).touch()
    os.utime(old, (1, 1))
    (tmp_path / "a.csv").touch()
    files.replace(tmp_path / "a.csv", lambda path: path.write_text("1"))
    assert {p.name for p in tmp_path.iterdir()} == {"a.csv", *others}


def test_a_new_folder_never_holds_what_a_killed_process_left(tmp_path):
    """In containers every process may have the same number."""
    stale = tmp_path / f".out.new.{DEAD}"
    stale.mkdir()
    (stale / "stale").touch()
    with files.new_folder(tmp_path / "out") as folder:
        (folder / "a").touch()
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "a"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full, or the quota"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full, or the quota"),
        (OSError(errno.EROFS, "Read-only file system"), "may not be written or read by this user"),
        (RuntimeError("NetCDF: HDF error"), "NetCDF: HDF error"),
        (OSError(-101, "NetCDF: HDF error"), "is the disk full, or the quota used up?"),
    ],
)
def test_a_failed_write_says_why_and_leaves_what_was_there(tmp_path, error, said):
    (tmp_path / "a.nc").write_text("before")

    def write(path):
        path.write_text("half")
        raise error

    with pytest.raises(OSError, match=rf"a\.nc cannot be written: .*{said}") as found:
        files.replace(tmp_path / "a.nc", write)
    assert found.value.errno == getattr(error, "errno", None)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.nc", "before")]


def test_sentences_about_what_is_written_pass(tmp_path):
    def write(path):
        raise ValueError("a name is given twice")

    with pytest.raises(ValueError, match=r"^a name is given twice$"):
        files.replace(tmp_path / "a", write)


def test_files_that_change_together_do_so_or_not(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyError), together(tmp_path) as part:
        (part / "a").write_text("new")
        raise KeyError
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a", "old")]
    with together(tmp_path) as part:
        (part / "a").write_text("new")
        (part / "below").mkdir()
        (part / "below" / "b").write_text("new")
    assert {p.name for p in tmp_path.iterdir()} == {"a", "below"}
    told = pytest.raises(ValueError, match=r"below is a folder, where a file is to be written")
    with told, together(tmp_path) as part:
        (part / "below").write_text("file")


WAITING = """
import sys, time
from gridhydro.base.lock import Lock
with Lock(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_told_and_a_dead_one_is_not_in_the_way(tmp_path):
    command = [sys.executable, "-c", WAITING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(ValueError, match=rf"process {other.pid} on .* is at work in .*: wait"):
            Lock(tmp_path).__enter__()
        began = time.monotonic()
        with pytest.raises(ValueError, match="is at work in"):
            Lock(tmp_path, wait=0.2).__enter__()
        assert time.monotonic() - began > 0.2
        other.send_signal(signal.SIGKILL)
        other.wait()
    with Lock(tmp_path), Lock(tmp_path):
        assert (tmp_path / lock.NAME).exists()
    assert not list(tmp_path.iterdir())


def test_where_files_cannot_be_locked_it_is_said(tmp_path, monkeypatch):
    def unknown(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", unknown)
    with pytest.warns(UserWarning, match="cannot be locked .*No locks available"), Lock(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Lock(tmp_path):
            pass
