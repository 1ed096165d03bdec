"""How far work has come: lines in a log, one that changes in a notebook, nothing when quiet."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from gridhydro.base import progress
from gridhydro.base.progress import progress_bar, quiet, say


def lines(capsys) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_log_has_a_line_at_the_beginning_now_and_then_and_at_the_end(capsys, monkeypatch):
    for number in progress_bar(range(50), desc="training", unit="epoch"):
        assert number < 50
    found = lines(capsys)
    assert len(found) == 2 and not any("\r" in line for line in found)
    assert found[0].startswith("training: 0 of 50 epochs (0%)")
    assert found[1].startswith("training: 50 of 50 epochs (100%), 00:00 gone")
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with progress_bar(desc="simulating", unit="day", total=10, done=4) as bar:
        bar.update(3)
        bar.set_postfix_str("loss 0.5")
    found = lines(capsys)
    assert "4 of 10 days (40%)" in found[0]
    assert any(line.endswith("left, loss 0.5") for line in found)
    assert len(found) == len(set(found))


def test_work_of_unknown_length_and_units_of_several_words(capsys):
    with progress_bar(desc="water", unit="month") as bar:
        bar.update(3)
    assert lines(capsys)[-1].startswith("water: 3 months, ")
    with progress_bar(desc="calibrating", unit=" runs a cell", total=4) as bar:
        bar.update(4)
    assert lines(capsys)[-1].startswith("calibrating: 4 of 4 runs a cell (100%)")


def test_nothing_is_said_when_it_is_quiet_or_not_shown(capsys):
    with quiet():
        say("a note")
        assert list(progress_bar(range(3), desc="a", unit="b")) == [0, 1, 2]
    with quiet(False):
        assert list(progress_bar(range(3), desc="a", unit="b", shown=False)) == [0, 1, 2]
    assert lines(capsys) == []
    say("a note")
    assert lines(capsys) == ["a note"]


@pytest.fixture
def notebook(monkeypatch):
    """What a notebook would show: a list of outputs, each with all its texts."""
    shown: list[list[str]] = []

    def display(content, raw, display_id):
        texts = [content["text/plain"]]
        shown.append(texts)
        return SimpleNamespace(update=lambda content, raw: texts.append(content["text/plain"]))

    shell, screen = ModuleType("IPython"), ModuleType("IPython.display")
    shell.get_ipython = lambda: SimpleNamespace(kernel=object())
    screen.display = display
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", screen)
    return shown


def test_a_notebook_has_one_line_that_changes(notebook, capsys):
    for _ in progress_bar(range(5), desc="training", unit="epoch"):
        pass
    assert len(notebook) == 1 and notebook[0][0].startswith("training: 0 of 5 epochs")
    assert notebook[0][-1].startswith("training: 5 of 5 epochs (100%)")
    assert lines(capsys) == []
