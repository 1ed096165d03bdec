"""Two processes, started as torchrun would; and one of two that train together:
`python -m tests.support.two_ranks OUT CASE ...`."""

import socket
import sys
from pathlib import Path

import torch

from gridhydro.base import ranks
from tests.support.forks import Fork
from tests.support.shared_training import CASES, OWN, loop_of_own, own_steps, trained


def in_two(module, *arguments) -> None:
    """Run a module in two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = dict(WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    started = [
        Fork("-m", module, *arguments, RANK=str(k), LOCAL_RANK=str(k), **common) for k in range(2)
    ]
    told = [process.ended() for process in started]
    assert [code for code, _, _ in told] == [0, 0], told


def own_loop(out: Path) -> None:
    """A loop of one's own under torch's DistributedDataParallel."""
    steps = own_steps(OWN)
    with ranks.sharing():
        found = loop_of_own(steps, lambda number: ([one] for one in steps.epoch(number)))
        torch.save(found, out / f"own_loop-{ranks.number()}.pt")


if __name__ == "__main__":
    out, *names = sys.argv[1:]
    for name in names:
        if name == "own_loop":
            own_loop(Path(out))
            continue
        run = trained(CASES[name])
        if ranks.leads():
            run.history.to_csv(Path(out) / f"{name}.csv")
    ranks.leave()
