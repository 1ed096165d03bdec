"""How torch's threads wait is said where nobody has said it."""

import os

import pytest

from gridhydro.base.waiting import ROUNDS, wait_briefly


@pytest.mark.parametrize(
    ("given", "rounds"),
    [({}, str(ROUNDS)), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_what_the_environment_says_stays(monkeypatch, given, rounds):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        # set first, so that what `wait_briefly` sets is taken back
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    wait_briefly()
    assert os.environ.get("GOMP_SPINCOUNT") == rounds
