"""SCE-UA: optima and runs like spotpy's, cells that do not know of each other, exact resume."""

import contextlib
import io

import numpy as np
import pytest
import torch

from gridhydro.training.calibration.evolution import STOPS, Evolution
from gridhydro.training.calibration.random_streams import uniform
from gridhydro.training.calibration.sceua import SCEUA, minimize
from gridhydro.training.calibration.sums import fold


def sphere(x):
    return (x**2).sum(-1)


def rosenbrock(x):
    return (100 * (x[..., 1:] - x[..., :-1] ** 2) ** 2 + (1 - x[..., :-1]) ** 2).sum(-1)


def griewank(x):
    i = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    return 1 + (x**2).sum(-1) / 4000 - torch.cos(x / i.sqrt()).prod(-1)


def rastrigin(x):
    return (x**2 - 10 * torch.cos(2 * torch.pi * x) + 10).sum(-1)


# name: the function and its bounds, whose middle is not the optimum
FUNCTIONS = {
    "sphere": (sphere, -5.0, 6.0),
    "rosenbrock": (rosenbrock, -2.0, 2.5),
    "griewank": (griewank, -600.0, 500.0),
    "rastrigin": (rastrigin, -5.0, 6.0),
}


def bounds(low, high, size):
    return torch.full((size,), low), torch.full((size,), high)


def find(name, size, streams=20, *, state=None, each=None, **rules):
    function, *ends = FUNCTIONS[name]
    method = SCEUA(**dict(complexes=5, max_runs=20_000) | rules)
    return minimize(
        lambda x, places: function(x), *bounds(*ends, size), method, streams=streams, state=state,
        each=each,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "size", "lowest", "fraction"),
    [
        ("sphere", 2, 1e-6, 1), ("sphere", 10, 1e-4, 1), ("rosenbrock", 2, 1e-4, 0.95),
        ("rosenbrock", 5, 1e-3, 0.95), ("griewank", 10, 0.05, 0.9), ("rastrigin", 2, 1e-3, 0.7),
    ],
)  # fmt: skip
def test_finds_the_optimum_of_standard_functions(name, size, lowest, fraction):
    found = find(name, size)
    assert (found.lowest[-1] < lowest).double().mean() >= fraction
    assert (found.spent < 20_000).all()
    function = FUNCTIONS[name][0]
    torch.testing.assert_close(function(found.best[-1]), found.lowest[-1])


def test_runs_are_those_of_the_algorithm_step_by_step():
    """A plain loop over complexes, steps and points, fed the same random numbers."""
    size, complexes = 3, 2
    low, high = (b.double() for b in bounds(-2.0, 2.5, size))
    asked = []

    def counted(point):
        asked.append(point)
        return rosenbrock(point)

    streams, each = torch.tensor([4]), 2 * size + 1
    population = complexes * each
    points = low + (high - low) * uniform(9, streams, 0, (population, size))[0]
    values = torch.stack([counted(p) for p in points])
    for loop in range(3):
        order = values.argsort(stable=True)
        points, values = points[order], values[order]
        draws = [
            uniform(9, streams, 1 + loop * each + step, (complexes, each + 2 * size))[0]
            for step in range(each)
        ]
        for k in range(complexes):
            own, f = points[k::complexes].clone(), values[k::complexes].clone()
            for draw in draws:
                order = f.argsort(stable=True)
                weight = 2 * (each - torch.arange(each)) / (each * (each + 1))
                ranks = (draw[k, :each].log() / weight).argsort(descending=True)[: size + 1]
                simplex = order[ranks.sort().values]
                worst = simplex[-1]
                centre = own[simplex[:-1]].mean(0)
                z = draw[k, each:].view(2, size)
                box = own.amin(0), own.amax(0) - own.amin(0)
                new = 2 * centre - own[worst]
                if (new < low).any() or (new > high).any():
                    new = box[0] + box[1] * z[0]
                value = counted(new)
                if not value < f[worst]:
                    new = (centre + own[worst]) / 2
                    value = counted(new)
                if not value < f[worst]:
                    new = box[0] + box[1] * z[1]
                    value = counted(new)
                own[worst], f[worst] = new, value
            points[k::complexes], values[k::complexes] = own, f
    reached = len(asked)
    method = SCEUA(complexes, max_runs=reached + 3 * complexes - 1)
    found = minimize(lambda x, places: rosenbrock(x), low, high, method, streams=streams, seed=9)
    assert found.runs[:4, 0].tolist()[-1] == reached
    torch.testing.assert_close(found.lowest[3, 0], values.min(), rtol=1e-9, atol=0)


def test_a_cell_does_not_know_of_the_others():
    function = FUNCTIONS["rastrigin"][0]
    centres = torch.linspace(-1, 1, 7, dtype=torch.float64)

    def evaluate(points, places, of=centres):
        return function(points - of[places, None, None])

    low, high = bounds(-5.0, 6.0, 3)
    method = SCEUA(complexes=3, max_runs=900)
    together = minimize(evaluate, low, high, method, streams=7, seed=3)
    assert len(together.stopped.unique()) > 1 or len(together.spent.unique()) > 1
    alone = minimize(
        lambda p, places: evaluate(p, places, centres[[5, 2]]), low, high, method,
        streams=torch.tensor([5, 2]), seed=3,
    )  # fmt: skip
    assert torch.equal(alone.spent, together.spent[[5, 2]])
    assert torch.equal(alone.lowest[-1], together.lowest[-1, [5, 2]])
    assert torch.equal(alone.best[-1], together.best[-1, [5, 2]])
    other = minimize(evaluate, low, high, method, streams=7, seed=4)
    assert not torch.equal(other.best[0], together.best[0])


def test_ends_by_runs_by_range_and_by_change():
    by_runs = find("rosenbrock", 5, max_runs=700)
    assert {STOPS[s] for s in by_runs.stopped} == {"runs"}
    assert (by_runs.spent <= 700).all() and (by_runs.spent > 700 - 3 * 5).all()
    by_range = find("sphere", 2, change=0.0)
    extent = by_range.points.amax(1) - by_range.points.amin(1)
    assert {STOPS[s] for s in by_range.stopped} == {"range"}
    assert ((extent / 11).log().mean(-1).exp() < 1e-3).all()
    by_change = find("rosenbrock", 5, loops=3, change=0.3, least_range=0.0)
    assert {STOPS[s] for s in by_change.stopped} == {"change"}
    assert (by_change.spent < 5000).all()


def test_goes_on_from_a_kept_state_to_the_same_numbers():
    kept = []

    def note(state):
        kept.append({name: value.clone() for name, value in state.tensors().items()})

    whole = find("griewank", 4, 5, max_runs=2000, each=note)
    again = find("griewank", 4, 5, max_runs=2000, state=Evolution(**kept[3]))
    for name, value in whole.tensors().items():
        assert torch.equal(value, again.tensors()[name]), name
    finished = find("griewank", 4, 5, max_runs=2000, state=Evolution(**kept[-1]))
    assert torch.equal(finished.spent, whole.spent)


def test_what_is_not_finite_is_never_best():
    def half(points, places):
        return torch.where(points[..., 0] > 0.4, sphere(points - 0.5), torch.nan)

    found = minimize(half, *bounds(0.0, 1.0, 2), SCEUA(2, 1000), streams=8)
    assert (found.lowest[-1] < 1e-3).all()
    nothing = minimize(
        lambda p, _: p[..., 0] * torch.nan, *bounds(0.0, 1.0, 2), SCEUA(max_runs=200)
    )
    assert nothing.lowest[-1].isinf().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"high": torch.tensor([1.0, 0.0])}, r"parameters \[1\]"),
        ({"max_runs": 20}, "begin with 35 runs"),
        ({"complexes": 0}, "complexes is 0"),
        ({"variant": "new"}, "variant is one of 'published', 'program'"),
    ],
)
def test_refusals(options, message):
    options = dict(high=torch.ones(2), max_runs=100) | options
    high = options.pop("high")
    with pytest.raises(ValueError, match=message):
        minimize(lambda p, _: sphere(p), torch.zeros(2), high, SCEUA(**options))


def test_streams_are_uniform_and_apart():
    numbers = uniform(1, torch.arange(200), 3, (50, 2))
    assert numbers.shape == (200, 50, 2)
    assert ((numbers > 0) & (numbers < 1)).all()
    assert len(numbers.unique()) == numbers.numel()
    counts = torch.histc(numbers, 20, 0, 1)
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi-squared, 19 degrees: 0.1 %
    assert np.abs(np.corrcoef(numbers.flatten(1)[:30]) - np.eye(30)).max() < 0.5
    assert torch.equal(uniform(1, torch.tensor([7]), 3, (50, 2))[0], numbers[7])
    assert not (uniform(2, torch.arange(200), 3, (50, 2)) == numbers).any()


def test_fold_is_a_sum():
    values = torch.rand(13, 4, dtype=torch.float64)
    for dim in (0, 1):
        torch.testing.assert_close(fold(values, dim), values.sum(dim))


@pytest.mark.peers
@pytest.mark.parametrize(
    ("name", "size"), [("sphere", 5), ("rosenbrock", 2), ("rosenbrock", 5), ("rastrigin", 5)]
)
def test_program_variant_is_spotpy(name, size):
    """Optimum and number of runs are of one distribution: medians within its spread."""
    spotpy = pytest.importorskip("spotpy")
    function, low, high = FUNCTIONS[name]

    class Setup:
        def __init__(self):
            self.asked = []
            uniform = spotpy.parameter.Uniform
            self.ranges = [uniform(str(i), low, high) for i in range(size)]

        def parameters(self):
            return spotpy.parameter.generate(self.ranges)

        def simulation(self, point):
            x = torch.tensor(list(point), dtype=torch.float64)
            self.asked.append(float(function(x)))
            return [self.asked[-1]]

        def evaluation(self):
            return [0.0]

        def objectivefunction(self, simulation, evaluation, params=None):
            return simulation[0]

    theirs = []
    for seed in range(9):
        np.random.seed(seed)
        setup = Setup()
        with contextlib.redirect_stdout(io.StringIO()):
            sampler = spotpy.algorithms.sceua(setup, dbname="", dbformat="ram", save_sim=False)
            sampler.sample(20_000, ngs=5, kstop=10, pcento=0.1, peps=1e-3)
        theirs.append((min(setup.asked), len(setup.asked)))
    lowest, runs = np.array(theirs).T
    found = find(name, size, 60, variant="program")
    ours, our_runs = found.lowest[-1].numpy(), found.spent.numpy()

    def apart(a, b):
        """Difference of the medians in standard errors, by the interquartile ranges."""
        errors = [1.25 * np.subtract(*np.quantile(v, (0.75, 0.25))) / 1.35 / len(v) ** 0.5
                  for v in (a, b)]  # fmt: skip
        return abs(np.median(a) - np.median(b)) / np.hypot(*errors)

    assert apart(np.log10(ours + 1e-12), np.log10(lowest + 1e-12)) < 3.5
    assert apart(our_runs, runs) < 3.5
