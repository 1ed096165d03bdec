"""The folder of compiled kernels: damaged, foreign, shared between users, without room or home."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gridhydro.kernels import build, cache, trust

SOURCE = """
from numba import njit

@njit(cache=True)
def twice(x):
    return 2 * x
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    monkeypatch.setenv("GRIDHYDRO_CACHE", str(tmp_path / "kernels"))
    cache.cache_folder.cache_clear()
    build.load.cache_clear()
    yield tmp_path / "kernels"
    monkeypatch.undo()
    cache.cache_folder.cache_clear()
    build.load.cache_clear()


def compiled(argument=3):
    """The function as a new process has it; and whether its code came from the folder."""
    build.load.cache_clear()
    module = build.load("probe", SOURCE)
    assert module.twice(argument) == 2 * argument
    return sum(module.twice.stats.cache_hits.values()) == 1


def files(folder, ending):
    return list((folder / "__pycache__").glob(f"probe*.{ending}"))


def test_code_is_kept_and_found_again(folder):
    assert not compiled() and compiled()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "flipped", "foreign pickle"])
def test_damaged_code_is_thrown_away_and_made_again(folder, ending, damage):
    compiled()
    (file,) = files(folder, ending)
    data = file.read_bytes()
    middle = len(data) // 2
    file.write_bytes(
        {
            "empty": b"",
            "cut": data[:middle],
            "noise": bytes(range(256)) * 9,
            "flipped": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
            "foreign pickle": b"\x80\x04N.",
        }[damage]
    )
    compiled()
    assert compiled(4)


def test_a_folder_or_file_in_the_way_of_the_source_is_named(folder):
    compiled()
    (source,) = folder.glob("probe*.py")
    source.write_bytes(b"\xff\xfe\x00")
    assert compiled() and source.read_text() == SOURCE
    source.unlink()
    source.mkdir()
    with pytest.raises(OSError, match=r"the kernel cache .*kernels cannot be written: "):
        compiled()


def test_python_s_own_compiled_files_are_not_read(folder):
    compiled()
    (source,) = folder.glob("probe*.py")
    python = Path(__import__("importlib.util").util.cache_from_source(str(source)))
    python.write_bytes(b"no code")
    assert compiled()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_a_folder_that_others_can_write_to_is_not_used(folder, mode, monkeypatch):
    monkeypatch.setattr(trust, "_alone_in", lambda group: False)
    folder.mkdir()
    folder.chmod(mode)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "home"))
    with pytest.warns(UserWarning, match=r"is not used, for code is read from it .* written to by"):
        compiled()
    assert not list(folder.iterdir())
    assert files(folder.parent / "home" / "gridhydro" / "kernels", "nbc")


def test_a_folder_above_that_others_can_write_to_spoils_it(folder, monkeypatch):
    inner = folder / "mine"
    inner.mkdir(parents=True, mode=0o700)
    folder.chmod(0o777)
    assert "can be written to by everybody" in trust.suspect(inner)
    folder.chmod(0o1777)  # as /tmp
    assert trust.suspect(inner) is None


def test_a_folder_of_another_user_is_not_used(folder, monkeypatch):
    folder.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    if folder.stat().st_uid:
        assert "belongs to another user" in trust.suspect(folder)
    else:  # of root, who is trusted
        assert trust.suspect(folder) is None
        os.chown(folder, 4321, -1)
        assert "belongs to another user" in trust.suspect(folder)


@pytest.mark.parametrize("ending", ["nbi", "nbc", "py"])
def test_files_that_others_could_write_are_made_again(folder, ending):
    """They may have been put there before the folder was closed, or hold what others wrote."""
    compiled()
    (file,) = folder.glob("probe*.py") if ending == "py" else files(folder, ending)
    file.chmod(0o666)
    hit = compiled()
    assert hit == (ending == "py")
    assert not stat.S_IMODE(next(file.parent.glob(file.name)).stat().st_mode) & 0o022


def test_an_open_mask_leaves_closed_files(folder):
    before = os.umask(0)
    try:
        compiled()
        assert compiled()
    finally:
        os.umask(before)


def test_a_private_group_is_nobody_else(folder, monkeypatch):
    folder.mkdir()
    folder.chmod(0o775)
    monkeypatch.setattr(trust, "_alone_in", lambda group: True)
    assert trust.suspect(folder) is None


def test_what_killed_processes_left_is_removed(folder):
    compiled()
    for name in ("tmpabc.tmp", "__pycache__/probe.nbc.tmp.0123"):
        (folder / name).touch()
        os.utime(folder / name, (1, 1))
    build.load("other", "answer = 1")
    assert not [p for p in folder.rglob("*") if ".tmp" in p.name]


def test_without_room_kernels_are_not_kept_and_it_is_said(folder, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache._Files, "_save_data", full)
    with pytest.warns(UserWarning, match="cannot be kept in .*No space left"):
        compiled()


def test_without_a_home_a_folder_of_the_user_in_tmp_is_used(folder, monkeypatch):
    monkeypatch.delenv("GRIDHYDRO_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(folder.parent))

    def homeless(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    found = cache.cache_folder()
    assert "gridhydro-kernels-" in found.name and stat.S_IMODE(found.stat().st_mode) == 0o700


def test_routing_is_imported_where_nothing_can_be_cached():
    """A read-only installation and a user without a home."""
    code = """
import os, pathlib, numba.core.caching as c
c._CacheLocator.ensure_cache_path = lambda self: (_ for _ in ()).throw(OSError("read-only"))
import gridhydro.kernels.route_numba
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": "/dev/null"},
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("writable", [True, False])
def test_a_folder_of_root_is_used_by_those_who_may_write_to_it(folder, monkeypatch, writable):
    """As an administrator makes one for a user; what is in it is the user's."""
    folder.mkdir(mode=0o755)
    monkeypatch.setattr(cache, "_of_another", lambda one: one == folder)
    monkeypatch.setattr(os, "access", lambda path, mode: writable)
    if writable:
        assert cache.cache_folder() == folder
        return
    with pytest.warns(UserWarning, match=f"not used, .*{folder} belongs to another user"):
        assert cache.cache_folder() != folder
