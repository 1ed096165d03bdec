"""Several processes at one training: they end where one process does, and share what they run."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import gridhydro as gh
from gridhydro.base import ranks
from gridhydro.cli import main
from gridhydro.domain.network import Network
from gridhydro.domain.shares import by_size
from tests.support.shared_simulation import same_store
from tests.support.shared_training import (
    CASES,
    OWN,
    PERIOD,
    loop_of_own,
    own_steps,
    trained,
    world,
)
from tests.support.small_runs import LUMPED, toml, write_data
from tests.support.two_commands import told_by_two
from tests.support.two_ranks import in_two
from tests.training.test_river_batches import close, gradients, ready


@pytest.mark.end_to_end
def test_two_processes_have_the_losses_of_one(tmp_path):
    in_two("tests.support.two_ranks", tmp_path, *CASES, "own_loop")
    for name, case in CASES.items():
        found, expected = pd.read_csv(tmp_path / f"{name}.csv"), trained(case).history
        columns = [c for c in expected if c not in ("seconds", "waiting")]
        np.testing.assert_allclose(found[columns], expected[columns], rtol=2e-5, err_msg=name)
        assert expected["loss"].iloc[-1] < expected["loss"].iloc[0]
    # the gradient that torch's own DistributedDataParallel makes is the mean of theirs
    steps = own_steps(OWN)
    expected = loop_of_own(steps, lambda number: in_pairs(list(steps.epoch(number))))
    for number in range(2):
        found = torch.load(tmp_path / f"own_loop-{number}.pt", weights_only=True)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def in_pairs(batches: list) -> list:
    if len(batches) % 2:
        batches.append(None)
    return list(zip(batches[::2], batches[1::2], strict=True))


def test_a_step_of_minibatches_together_has_their_mean_gradient():
    options = dict(optimizer=gh.Optimizer(clip=float("inf")), batches=gh.Batches(2, 60, 60))
    domain, attributes, forcing, discharge, _ = world()
    model = gh.Model(domain, "hbv", attributes)
    one = ready(model, forcing, discharge, period=PERIOD, **options)
    found = [gradient for _, gradient in gradients(one)]
    batches = list(one.loop.rivers.epoch(0))
    assert len(one.loop.step(batches, 0)[0]) == len(batches) > 3
    together = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    close(together.double(), sum(found) / len(found))


def test_minibatches_that_cannot_be_dealt_out_are_refused(monkeypatch):
    monkeypatch.setattr(ranks, "count", lambda: 3)
    with pytest.raises(ValueError, match=r"4 minibatches .* 3 processes: take Batches\(together=6"):
        gh.Batches(together=4).shared()
    assert gh.Batches().shared().together == 3


def test_rivers_are_shared_out_by_their_cells():
    rng = np.random.default_rng(1)
    target = [-1, *(-1 if rng.random() < 0.1 else rng.integers(i) for i in range(1, 500))]
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
        assert ranks.own([1, 2, 3]) == [1, 2, 3] and ranks.first() and ranks.leads()
        with ranks.sharing():
            assert ranks.count() == 1
            ranks.wait()
    assert world()[0].network.outlets.size == 8


@pytest.mark.end_to_end
def test_torchrun_trains_a_domain_file_and_goes_on_where_it_was_stopped(tmp_path):
    """Two processes and one write the same run; what two began, two go on with."""
    write_data(tmp_path)
    file, batches = tmp_path / "small.toml", {"gauges": 1, "days": 10, "warmup": 5, "together": 2}
    # the learning rate is that of the first epoch, however many there are to be
    optimizer = {"name": "adam", "decay": False}
    training = LUMPED["training"] | {"batches": batches, "optimizer": optimizer}
    model = LUMPED["model"] | {"network": {"hidden": [4]}}
    file.write_text(toml(LUMPED | {"training": training, "model": model}))
    train = ["train", file, "--data", tmp_path]

    # as a user would begin it
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = [sys.executable, *torchrun, "-m", "gridhydro", *train, "--epochs", "2"]
    words = [str(word) for word in (*words, "--out", tmp_path / "two")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("written to") == 1

    _, simulated, _, pooled = told_by_two(
        tmp_path,
        [*train, "--out", tmp_path / "two", "--epochs", "4", "--resume"],
        ["run", tmp_path / "two", "--out", tmp_path / "two.zarr"],
        [*train, "--out", tmp_path / "members", "--epochs", "1", "--seeds", "2"],
        ["cross-validate", *train[1:], "--out", tmp_path / "folds", "--epochs", "1"],
    )
    one = [*train, "--out", tmp_path / "one", "--epochs", "4"]
    assert main([str(word) for word in one]) == 0
    found, expected = (pd.read_csv(tmp_path / name / "history.csv") for name in ("two", "one"))
    assert list(found["epoch"]) == [1, 2, 3, 4]
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-4)
    scores = [pd.read_csv(tmp_path / name / "metrics.csv") for name in ("two", "one")]
    pd.testing.assert_frame_equal(*scores, rtol=1e-3)

    assert simulated.count("written: ") == 1
    assert main(["run", str(tmp_path / "two"), "--out", str(tmp_path / "one.zarr")]) == 0
    same_store(tmp_path / "two.zarr", tmp_path / "one.zarr")
    members = [tmp_path / "members" / f"seed-{k}" / "metrics.csv" for k in range(2)]
    assert all(one.exists() for one in [*members, tmp_path / "members" / "metrics.csv"])
    assert pooled.count("written to") == 1
    folds = pd.read_csv(tmp_path / "folds" / "metrics.csv")
    assert list(folds.groupby("fold")["gauge"].nunique()) == [1, 1]
