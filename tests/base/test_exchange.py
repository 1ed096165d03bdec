"""Processes that fail: all of them hear of it, and say whose fault it was."""

import pytest

from gridhydro.base import ranks
from gridhydro.base.exchange import FailedElsewhere, as_one


def test_a_failure_is_that_of_all(monkeypatch):
    told = []

    def others(value):
        told.append(value)
        return [value, "no room"]

    monkeypatch.setattr(ranks, "told", others)
    with pytest.raises(FailedElsewhere, match="process 1 of 2 has failed: no room"), as_one():
        pass
    with pytest.raises(KeyError, match="mine"), as_one():
        raise KeyError("mine")
    with pytest.raises(ValueError, match="a sentence"), as_one():
        raise ValueError("a sentence")
    assert told == [None, "KeyError: 'mine'", "a sentence"]


def test_a_process_that_has_gone_is_told_as_such(monkeypatch):
    def gone(value):
        raise RuntimeError("Connection closed by peer\nand more")

    monkeypatch.setattr(ranks, "told", gone)
    with pytest.raises(FailedElsewhere, match=r"has gone .*closed by peer\): see"), as_one():
        pass
    with pytest.raises(ValueError, match="mine"), as_one():
        raise ValueError("mine")


def test_alone_nothing_changes():
    with as_one():
        found = 1
    assert found == 1
    with pytest.raises(ZeroDivisionError), as_one():
        _ = 1 / 0
