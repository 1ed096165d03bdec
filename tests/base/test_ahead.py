"""Items that a thread makes ahead of who uses them."""

import threading
import time
from dataclasses import dataclass

import pytest
import torch

from gridhydro.base.ahead import Ahead


def test_items_come_in_their_order_with_two_at_a_time():
    made, used = [], 0

    def items():
        for k in range(20):
            made.append(k)
            yield k

    with Ahead(items()) as ahead:
        for k, item in enumerate(ahead):
            assert item == k
            used += 1
            time.sleep(0.002)
            assert len(made) <= used + 1  # the one in use, and the next
    assert used == 20
    assert list(ahead) == []


def test_the_next_item_is_made_while_one_is_used():
    def items():
        for k in range(6):
            time.sleep(0.03)
            yield k

    began = time.perf_counter()
    with Ahead(items(), threaded=False) as one_by_one:
        for _ in one_by_one:
            time.sleep(0.03)
    alone, began = time.perf_counter() - began, time.perf_counter()
    with Ahead(items()) as ahead:
        for _ in ahead:
            time.sleep(0.03)
    assert time.perf_counter() - began < 0.9 * alone
    assert one_by_one.waited > 0.17 and ahead.waited < one_by_one.waited


def test_an_error_of_the_thread_is_raised_with_its_own_words():
    def items():
        yield 1
        raise ValueError("temperature is missing on 2001-03-12")

    with Ahead(items()) as ahead:
        assert next(ahead) == 1
        with pytest.raises(ValueError, match=r"^temperature is missing on 2001-03-12$"):
            next(ahead)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_thread_ends_with_who_used_it(error):
    before, held = threading.active_count(), []

    def items():
        while True:
            held.append(1)
            yield 1

    with pytest.raises(error), Ahead(items()) as ahead:
        assert threading.active_count() == before + 1
        for _ in ahead:
            raise error
    assert threading.active_count() == before and len(held) <= 2


@dataclass
class Pair:
    one: torch.Tensor
    others: tuple = ()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tensors_are_on_the_gpu_when_they_are_used():
    values = torch.randn(40, 1 << 20)

    def items():
        for row in values:
            moved = row.pin_memory().to("cuda", non_blocking=True)
            yield Pair(moved, (moved * 2,))

    weight = torch.randn(1024, 1024, device="cuda")
    with Ahead(items(), "cuda") as ahead:
        for k, pair in enumerate(ahead):
            (weight @ weight).sum()  # what memory is freed too early is written by
            total = (pair.one + pair.others[0]).sum()
            del pair
            torch.testing.assert_close(total.cpu(), 3 * values[k].sum(), rtol=1e-3, atol=1)
