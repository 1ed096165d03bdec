"""The river network: order, levels, accumulation, circles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridhydro.domain.network import Network, follow


def forest(size, seed, roots=0.1):
    """A random network in which every cell drains to a lower number, then shuffled."""
    rng = np.random.default_rng(seed)
    target = np.array(
        [rng.integers(-1, i) if i and rng.random() > roots else -1 for i in range(size)]
    )
    shuffle = rng.permutation(size)
    downstream = np.empty(size, dtype=int)
    downstream[shuffle] = np.where(target < 0, -1, shuffle[target])
    return downstream


@given(st.integers(1, 200), st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_network_order_and_levels(size, seed):
    downstream = forest(size, seed)
    network, order = Network.from_downstream(downstream, sink=downstream < 0)

    assert sorted(order) == list(range(size))
    back = np.append(order, -1)
    np.testing.assert_array_equal(back[network.downstream], downstream[order])
    np.testing.assert_array_equal(network.sink, downstream[order] < 0)

    inner = network.downstream >= 0
    np.testing.assert_array_equal(
        network.level[network.downstream[inner]], network.level[inner] + 1
    )
    assert np.all(np.diff(network.level) >= 0)
    assert np.all(network.level[~inner] == network.level[-1])
    for level, (start, stop) in enumerate(
        zip(network.level_start[:-1], network.level_start[1:], strict=True)
    ):
        assert stop > start
        assert np.all(network.level[start:stop] == level)
    assert network.level_start[-1] == size
    for cell in range(size):
        into = network.upstream[network.upstream_start[cell] : network.upstream_start[cell + 1]]
        np.testing.assert_array_equal(into, np.flatnonzero(network.downstream == cell))

    again, same = Network.from_downstream(network.downstream)
    np.testing.assert_array_equal(same, np.arange(size))
    np.testing.assert_array_equal(again.downstream, network.downstream)


@given(st.integers(1, 60), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_accumulation_is_the_sum_over_the_cells_upstream(size, seed):
    network, _ = Network.from_downstream(forest(size, seed))
    values = np.random.default_rng(seed).random((2, 3, size))
    total = network.accumulate(values)
    assert total.shape == values.shape
    for cell in range(size):
        above = network.upstream_cells(cell)
        np.testing.assert_allclose(total[..., cell], values[..., above].sum(-1), rtol=1e-12)
    np.testing.assert_allclose(total[..., network.outlets].sum(-1), values.sum(-1), rtol=1e-12)
    for outlet in network.outlets:
        np.testing.assert_array_equal(
            network.upstream_cells(outlet), np.flatnonzero(network.basin == outlet)
        )


def test_network_subset_keeps_the_links_between_its_cells():
    network, _ = Network.from_downstream([1, 2, 3, -1, 3])
    part, order = network.subset(network.upstream_cells(network.downstream[0]))
    assert part.size == 2
    assert part.downstream.tolist() == [1, -1]
    assert network.downstream[order[0]] == order[1]


def test_network_of_a_long_river_is_built():
    size = 1_000_000
    network, _ = Network.from_downstream(np.append(np.arange(1, size), -1))
    assert network.level[0] == 0
    assert network.level[-1] == size - 1
    assert np.all(network.basin == size - 1)


def test_empty_network_is_allowed():
    network, order = Network.from_downstream([])
    assert network.size == 0 == order.size
    assert network.level_start.tolist() == [0]
    assert network.accumulate(np.zeros((3, 0))).shape == (3, 0)


def test_circles_and_missing_targets_are_refused_by_name():
    with pytest.raises(ValueError, match=r"2 groups .* circle .* the first: 1, 2, 3;"):
        Network.from_downstream([1, 2, 3, 1, -1, 6, 5])
    with pytest.raises(ValueError, match="circle"):
        Network.from_downstream([0])
    with pytest.raises(ValueError, match="cell 1 drains to 7"):
        Network.from_downstream([1, 7])
    with pytest.raises(ValueError, match="sink has 1 cells"):
        Network.from_downstream([-1, -1], sink=[True])
    with pytest.raises(ValueError, match="values end with"):
        Network.from_downstream([-1, -1])[0].accumulate([1.0])


def test_follow_ends_on_the_circle():
    last, distance = follow(np.array([1, 2, 1, -1, 3]))
    assert set(last[:3].tolist()) <= {1, 2}
    assert last[3:].tolist() == [3, 3]
    assert distance[3:].tolist() == [0, 1]


def test_very_many_circles_are_found_at_once():
    pairs = np.arange(400_000) ^ 1  # 0 and 1, 2 and 3, ... drain into each other
    with pytest.raises(ValueError, match="200000 groups of cells"):
        Network.from_downstream(pairs)


@given(st.integers(1, 60), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_cells_upstream_of_several_are_those_of_each_once(size, seed):
    network, _ = Network.from_downstream(forest(size, seed))
    cells = np.random.default_rng(seed).integers(0, size, 5)
    found = network.upstream_cells(cells)
    above = set(cells)
    for _ in range(size):
        above |= {c for c in range(size) if network.downstream[c] in above}
    assert found.tolist() == sorted(above)
    assert network.upstream_count(cells) == len(above)
    assert network.upstream_cells([]).size == 0 == network.upstream_count([])
