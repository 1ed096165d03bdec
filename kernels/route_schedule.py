"""When which bundle of a river network is computed, on several threads.

A bundle goes through the period span by span of some days; a span waits for the one before it, and
for the same days of the bundles that it is handed water by. So two bundles of one river are at work
at the same time, the lower one some days behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from heapq import heapify, heappop, heappush
from threading import Condition

from gridhydro.kernels.route_tables import Bundles

Task = tuple[int, int]  # number of a bundle, number of a span


def spans(days: int, tile_days: int, most: int) -> list[tuple[int, int]]:
    """The period in up to `most` spans (first day, day past the last), of whole tiles each."""
    tiles = -(-days // tile_days)
    count = max(1, min(most, tiles))
    edges = [tiles * k // count * tile_days for k in range(count)]
    return [*zip(edges, [*edges[1:], days], strict=True)]


def in_order(
    call: Callable[[int, int], object],
    table: Bundles,
    upwards: bool,
    spans: int,
    workers: ThreadPoolExecutor,
    threads: int,
) -> None:
    """Call `call(bundle, span)` for all of both, each after those that it waits for.

    Upwards, water's way is gone back: the lower bundles come first, and the last of so many spans.
    Of what may begin, what the most cells wait for does. The first error ends it, and is raised.
    """
    after, first = table.orders[upwards]
    sizes = [bundle.cells.size for bundle in table.all]
    waits = {(n, span): count + (span > 0) for n, count in first.items() for span in range(spans)}
    behind = _behind(sizes, after, spans)
    ready = [(-behind[task], task) for task, count in waits.items() if not count]
    heapify(ready)
    left, turn = len(waits), Condition()

    def following(number: int, span: int):
        yield from ((lower, span) for lower in after[number])
        if span + 1 < spans:
            yield number, span + 1

    def work():
        nonlocal left
        while True:
            with turn:
                while left > 0 and not ready:
                    turn.wait()
                if left <= 0:
                    return
                _, task = heappop(ready)
            number, span = task
            try:
                call(number, spans - 1 - span if upwards else span)
            except BaseException:
                with turn:
                    left = 0
                    turn.notify_all()
                raise
            with turn:
                left -= 1
                for follower in following(*task):
                    waits[follower] -= 1
                    if not waits[follower]:
                        heappush(ready, (-behind[follower], follower))
                        turn.notify()
                if left <= 0:
                    turn.notify_all()

    running = [workers.submit(work) for _ in range(min(threads, len(waits)))]
    for worker in running:
        worker.result()


def _behind(
    sizes: Sequence[int], after: Mapping[int, Sequence[int]], spans: int
) -> dict[Task, int]:
    """Cells, once for each span, of the longest row of tasks that begins with a task: what is to
    be done one after another until the end, however many threads there are."""
    found: dict[Task, int] = {}
    # water flows to higher numbers: what comes after a bundle is above all of its own or below
    numbers = range(len(sizes))
    downwards = all(lower > number for number in numbers for lower in after[number])
    for number in reversed(numbers) if downwards else numbers:
        for span in reversed(range(spans)):
            rest = [found[lower, span] for lower in after[number]]
            rest.append(found.get((number, span + 1), 0))
            found[number, span] = sizes[number] + max(rest)
    return found
