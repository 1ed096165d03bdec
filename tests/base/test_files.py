"""Files and folders that are whole or not there."""

import pytest

from gridhydro.base import files


def test_new_folder_appears_when_it_is_whole(tmp_path):
    out = tmp_path / "out"
    with files.new_folder(out) as folder:
        (folder / "a").write_text("1")
        assert not out.exists()
    assert (out / "a").read_text() == "1"
    assert list(tmp_path.iterdir()) == [out]


def test_new_folder_may_be_an_empty_one(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)
    with files.new_folder("../out") as folder:
        (folder / "a").touch()
    assert [path.name for path in out.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_new_folder_leaves_nothing_after_an_error(tmp_path, error):
    with pytest.raises(error), files.new_folder(tmp_path / "out") as folder:
        (folder / "a").touch()
        raise error
    assert not list(tmp_path.iterdir())


def test_new_folder_never_overwrites_files(tmp_path):
    (tmp_path / "file").write_text("kept")
    for taken in (tmp_path, tmp_path / "file"):
        with (
            pytest.raises(ValueError, match="is there already and is not empty"),
            files.new_folder(taken),
        ):
            pytest.fail("work began")
    assert (tmp_path / "file").read_text() == "kept"
