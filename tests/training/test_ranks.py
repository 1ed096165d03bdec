"""Several processes at one training: they end where one process does, and share what they run."""

import os
import socket
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import gridhydro as gh
from gridhydro.base import ranks
from gridhydro.domain.network import Network
from gridhydro.training.shares import by_size
from tests.support.shared_training import CASES, trained, world


def two(out, *names) -> None:
    """Run cases in two processes, as torchrun would start them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = dict(os.environ, WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    command = [sys.executable, "-m", "tests.support.two_ranks", str(out), *names]
    started = [
        subprocess.Popen(
            command, env=found | {"RANK": str(k), "LOCAL_RANK": str(k)}, text=True,
            stderr=subprocess.PIPE,
        )
        for k in range(2)
    ]  # fmt: skip
    told = [process.communicate(timeout=300)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], told


@pytest.mark.end_to_end
def test_two_processes_have_the_losses_of_one(tmp_path):
    two(tmp_path, *CASES)
    for name, case in CASES.items():
        found, expected = pd.read_csv(tmp_path / f"{name}.csv"), trained(case).history
        columns = [c for c in expected if c != "seconds"]
        np.testing.assert_allclose(found[columns], expected[columns], rtol=2e-5, err_msg=name)
        assert expected["loss"].iloc[-1] < expected["loss"].iloc[0]


def test_minibatches_together_are_one_step():
    """The mean gradient of all minibatches of an epoch; one for each of two processes, at least."""
    apart = trained(dict(batches=gh.Batches(2, 60, 60)))
    together = trained(dict(batches=gh.Batches(2, 60, 60, together=10**6)))
    assert together.training["batches"]["together"] == 10**6
    assert (apart.history["loss"] != together.history["loss"]).all()
    assert apart.training["batches"]["together"] == 1


def test_minibatches_that_cannot_be_dealt_out_are_refused(monkeypatch):
    monkeypatch.setattr(ranks, "count", lambda: 3)
    with pytest.raises(ValueError, match=r"4 minibatches .* 3 processes: take Batches\(together=6"):
        gh.Batches(together=4).shared()
    assert gh.Batches().shared().together == 3


def test_rivers_are_shared_out_by_their_cells():
    rng = np.random.default_rng(1)
    target = np.array([-1 if rng.random() < 0.1 else rng.integers(i) for i in range(500)])
    target[0] = -1
    network, _ = Network.from_downstream(target)
    parts = by_size(network, 3)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(500))
    sizes = np.bincount(network.basin)
    assert max(map(len, parts)) <= max(sizes.max(), 500 / 3 + sizes[sizes > 0].min())
    for part in parts:
        inside = np.isin(np.arange(500), part)
        below = network.downstream >= 0
        assert (inside[network.downstream[below]] == inside[below]).all()


def test_alone_a_process_has_all_of_the_work(monkeypatch):
    monkeypatch.setattr(ranks, "launched", lambda: True)
    with ranks.alone():
        assert ranks.own([1, 2, 3]) == [1, 2, 3] and ranks.first()
        with ranks.sharing():
            assert ranks.count() == 1
            ranks.wait()
    assert world()[0].network.outlets.size == 8
