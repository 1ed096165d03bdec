"""One of two processes that train together: `python -m tests.support.two_ranks OUT CASE ...`."""

import sys
from pathlib import Path

from gridhydro.base import ranks
from tests.support.shared_training import CASES, trained

if __name__ == "__main__":
    out, *names = sys.argv[1:]
    for name in names:
        run = trained(CASES[name])
        if ranks.leads():
            run.history.to_csv(Path(out) / f"{name}.csv")
    ranks.leave()
