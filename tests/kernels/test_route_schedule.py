"""The order in which bundles of a river are computed."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from gridhydro.kernels.route_schedule import in_order, spans

# bundle 2 is below 0 and 1, 3 below 2; 4 is alone
AFTER = {0: [2], 1: [2], 2: [3], 3: [], 4: []}
BEFORE = {n: [upper for upper, below in AFTER.items() if n in below] for n in AFTER}


def table():
    bundles = [SimpleNamespace(cells=np.arange(size)) for size in (5, 40, 9, 7, 1)]
    orders = [(a, {n: len(b[n]) for n in a}) for a, b in ((AFTER, BEFORE), (BEFORE, AFTER))]
    return SimpleNamespace(all=bundles, orders=orders)


@pytest.mark.parametrize("upwards", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_each_task_comes_once_and_after_those_that_it_waits_for(upwards, threads):
    done = []

    def call(number, span):
        before = (AFTER if upwards else BEFORE)[number]
        earlier = span + 1 if upwards else span - 1
        assert all((other, span) in done for other in before)
        assert earlier not in range(4) or (number, earlier) in done
        done.append((number, span))

    with ThreadPoolExecutor(threads) as workers:
        in_order(call, table(), upwards, 4, workers, threads)
    assert sorted(done) == [(n, span) for n in range(5) for span in range(4)]


def test_the_first_error_is_raised_and_nobody_waits_for_ever():
    def call(number, span):
        if (number, span) == (1, 1):
            raise MemoryError("of one bundle")

    with ThreadPoolExecutor(3) as workers, pytest.raises(MemoryError, match="of one bundle"):
        in_order(call, table(), False, 4, workers, 3)


@pytest.mark.parametrize(("days", "most"), [(365, 6), (365, 1), (31, 4), (64, 9)])
def test_spans_are_whole_tiles_and_all_days(days, most):
    found = spans(days, 32, most)
    assert len(found) <= most and found[0][0] == 0 and found[-1][1] == days
    assert all(end == begin for (_, end), (begin, _) in pairwise(found))
    assert all(begin % 32 == 0 and begin < end for begin, end in found)
