"""The folder of printed kernels."""

import subprocess
import sys

import pytest

from gridhydro.kernels import build


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDHYDRO_CACHE", str(tmp_path / "kernels"))
    build.cache_folder.cache_clear()
    yield tmp_path / "kernels"
    monkeypatch.undo()
    build.cache_folder.cache_clear()


def test_source_is_written_once_and_named_by_content(folder):
    one = build.load("probe", "answer = 41  # in a folder of its own")
    two = build.load("probe", "answer = 42  # in a folder of its own")
    assert (one.answer, two.answer) == (41, 42)
    files = sorted(folder.glob("probe_*.py"))
    assert len(files) == 2 and not list(folder.glob("*.tmp"))
    before = [file.stat().st_mtime_ns for file in files]
    build.load.cache_clear()  # as another process would find it
    assert build.load("probe", "answer = 42  # in a folder of its own").answer == 42
    assert [file.stat().st_mtime_ns for file in files] == before


def test_a_damaged_file_is_written_again(folder):
    source = "answer = 43  # soon damaged"
    build.load("probe", source)
    (file,) = folder.glob("probe_*.py")
    file.write_text("half a fi")
    build.load.cache_clear()
    assert build.load("probe", source).answer == 43
    assert file.read_text() == source


def test_a_chosen_folder_that_cannot_be_written_is_named(folder):
    folder.write_text("a file where the folder should be")
    with pytest.raises(OSError, match=r"kernels \(GRIDHYDRO_CACHE\) cannot be written"):
        build.cache_folder()


def test_without_a_choice_a_temporary_folder_stands_in(folder, monkeypatch):
    monkeypatch.delenv("GRIDHYDRO_CACHE")
    folder.write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    build.cache_folder.cache_clear()
    found = build.cache_folder()
    assert found.is_dir() and "gridhydro-kernels-" in found.name


# two kernels with a function in common, which the first of them compiles
_KERNEL = """
from numba import njit
from gridhydro.kernels.numba_math import compiled_once

@compiled_once
def twice(x):
    return 2 * x

@njit(cache=True)
def kernel(x):
    return twice(x) + {}
"""
_CALLS = f"""
import sys
from gridhydro.kernels import build

for number in sys.argv[1:]:
    print(build.load("common", {_KERNEL!r}.format(number)).kernel(5))
"""


def test_compiled_kernels_are_found_without_those_they_were_compiled_beside(folder):
    def printed(*numbers):
        command = [sys.executable, "-c", _CALLS, *numbers]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert printed("1", "2") == ["11", "12"]
    compiled = sorted(folder.rglob("*.nbc"))
    assert len(compiled) == 2
    assert printed("2") == ["12"]
    assert sorted(folder.rglob("*.nbc")) == compiled
