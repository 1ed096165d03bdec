"""Schemes with all structures at once: networks inside, daily parameters, weighted components."""

import pytest
import torch

from tests.support.column_cases import assert_close, make_case, results
from tests.support.sponge import SPONGE

pytestmark = pytest.mark.thorough

slow = pytest.mark.slow


# the implicit reference is differentiated through Newton's iterations, as far as they go
@pytest.mark.parametrize(
    "scheme, tolerance, backend",
    [
        ("explicit:3", 1e-9, "numba"),
        pytest.param("explicit:3", 1e-9, "triton", marks=slow),
        *(pytest.param("implicit:2", 1e-6, backend, marks=slow) for backend in ("numba", "triton")),
    ],
)
@pytest.mark.parametrize(
    "column, dynamic, outputs",
    [
        (SPONGE, "size", ("runoff", "water")),
        pytest.param("hbv_nn", "beta", ("runoff", "total_storage"), marks=slow),
    ],
    ids=["sponge", "hbv_nn"],
)
def test_schemes_with_networks_and_weights_equal_the_loop(
    column, dynamic, outputs, scheme, tolerance, backend
):
    torch.manual_seed(0)
    case = make_case(column, cells=3, days=4, components=3, dynamic=(dynamic,), ties=False)
    weights = torch.softmax(torch.randn(3, 3, dtype=torch.float64), dim=-1)
    options = dict(outputs=outputs, scheme=scheme, components=weights, forcing_gradient=False)
    expected = results(case, backend="torch", **options)
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    for storage in ("all", 2):
        found = results(case.to(device), backend=backend, storage=storage, **options)
        assert_close(found, expected, tolerance)
