"""Newton's method of the implicit scheme: it finds the states whatever the weather, or says so."""

import warnings

import hypothesis
import hypothesis.extra.numpy as arrays
import hypothesis.strategies as draw
import numpy as np
import pytest
import torch

from gridhydro import simulate
from gridhydro.columns import column
from gridhydro.kernels import NotConverged, Scheme
from gridhydro.model.stepping import Stepping
from tests.support.column_cases import make_case

pytestmark = pytest.mark.thorough

IMPROVED = column("hbv_improved")
LANES, DAYS = 64, 3
# stores that are full: deep snow, wet as can be, soil at field capacity (times twice FC below)
FULL = dict(snowpack=1000.0, meltwater=200.0, soil_moisture=2.0, upper_zone=500.0, lower_zone=1000)
OUTPUTS = (*IMPROVED.water_out, *FULL)


def solve(fractions, weather, filling, real=torch.float64):
    """Run with every fraction in [0, 1]: parameters (15, N), weather (3, T, N), stores (5, N)."""
    parameters = {
        f.name: torch.as_tensor(f.bounds[0] + (f.bounds[1] - f.bounds[0]) * fraction).to(real)
        for f, fraction in zip(IMPROVED.parameters, fractions, strict=True)
    }
    rain, warmth, demand = torch.as_tensor(weather).to(real)
    forcing = torch.stack([500 * rain, 50 * warmth - 25, 15 * demand])
    initial = {
        name: torch.as_tensor(full * fraction).to(real)
        for (name, full), fraction in zip(FULL.items(), filling, strict=True)
    }
    initial["soil_moisture"] = initial["soil_moisture"] * parameters["FC"]
    values, _ = simulate(
        IMPROVED, forcing, parameters, initial=initial, outputs=OUTPUTS, scheme="implicit"
    )
    before = sum(initial.values())
    for day, gone in enumerate(zip(*(values[n] for n in IMPROVED.water_out), strict=True)):
        stores = [values[name][day] for name in initial]
        assert min(store.min() for store in stores) >= 0
        after = sum(stores)
        error = (before + forcing[0, day] - sum(gone) - after).abs()
        assert (error <= {torch.float64: 2e-12, torch.float32: 4e-6}[real] * (1 + after)).all()
        before = after


fractions = draw.floats(0, 1, width=32) | draw.sampled_from([0.0, 1.0, 0.5, 1e-6])


@pytest.mark.parametrize(
    "real", [torch.float64, pytest.param(torch.float32, marks=pytest.mark.slow)], ids=str
)
@hypothesis.settings(
    max_examples=150, deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
)  # fmt: skip
@hypothesis.given(data=draw.data())
def test_newton_converges_for_every_parameter_and_any_weather(real, data):
    def some(*shape):
        return data.draw(arrays.arrays(np.float64, shape, elements=fractions))

    lanes = 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solve(some(15, lanes), some(3, DAYS, lanes), some(5, lanes), real)


def random_fractions(generator, *shape):
    """Anywhere in [0, 1], and often at the ends, in the middle, or next to nothing."""
    fraction = generator.random(shape)
    special = generator.choice([0.0, 1.0, 0.5, 1e-6], shape)
    return np.where(generator.random(shape) < 0.3, special, fraction)


@pytest.mark.parametrize("real", [torch.float64, torch.float32], ids=str)
def test_newton_converges_in_a_million_random_cells(real):
    some = np.random.default_rng(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            n = 70_000
            solve(
                random_fractions(some, 15, n), random_fractions(some, 3, DAYS, n),
                random_fractions(some, 5, n), real,
            )  # fmt: skip


WATER = ("runoff", "actual_evapotranspiration", "total_storage")


@pytest.mark.slow
@pytest.mark.parametrize("components", [1, 3])
def test_substeps_without_convergence_are_counted_and_placed(components):
    case = make_case("hbv", cells=30, days=12, components=components, ties=False)
    messages = set()
    for backend in ("numba", "triton", "torch"):
        moved = case.to("cuda" if backend == "triton" and torch.cuda.is_available() else "cpu")
        with pytest.warns(NotConverged) as caught:
            simulate(
                "hbv",
                moved.forcing,
                moved.parameters,
                initial=moved.initial,
                outputs=WATER,
                scheme=Stepping(Scheme("implicit", iterations=1), backend=backend),
            )
        (warning,) = [one for one in caught if one.category is NotConverged]
        assert warning.filename == __file__
        messages.add(str(warning.message))
    (message,) = messages  # every backend counts the same
    assert f"of {30 * 12 * components:,} sub-steps of 'hbv', first in cell" in message
    assert ("component" in message) == (components > 1)
    assert "scheme='implicit:4'" in message


def test_mass_is_conserved_where_newton_does_not_converge():
    case = make_case("hbv", cells=30, days=12, ties=False)
    with pytest.warns(NotConverged):
        values, _ = simulate(
            "hbv", case.forcing, case.parameters, initial=case.initial, outputs=WATER,
            scheme=Scheme("implicit", iterations=1),
        )  # fmt: skip
    start = sum(case.initial.values())[:, 0]
    left = values["runoff"].sum(0) + values["actual_evapotranspiration"].sum(0)
    end = start + case.forcing[0].sum(0) - left
    torch.testing.assert_close(values["total_storage"][-1], end, rtol=0, atol=1e-9)


def test_newton_converges_across_a_kink():
    """Capillary rise sets in within 2 mm of soil moisture, and takes half of a deep store."""
    parameters = {f.name: torch.tensor([f.bounds[0]]).double() for f in IMPROVED.parameters}
    parameters |= {"C": torch.tensor([0.95]).double(), "FC": torch.tensor([50.0]).double()}
    initial = dict(snowpack=0.0, meltwater=0.0, soil_moisture=0.0, upper_zone=244.3, lower_zone=500)
    initial = {name: torch.tensor([value]).double() for name, value in initial.items()}
    forcing = torch.tensor([0.0, -23.0, 0.0]).double()[:, None, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, final = simulate(
            IMPROVED, forcing, parameters, initial=initial, outputs=OUTPUTS, scheme="implicit"
        )
    assert 2.4 < final["soil_moisture"].item() < 2.5  # just below where the rise sets in
