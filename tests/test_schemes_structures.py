"""Every scheme with every structure: networks inside, daily parameters, weighted components."""

import pytest
import torch
from column_cases import assert_close, make_case, results

# the implicit reference is differentiated through Newton's iterations, as far as they go
TOLERANCE = {"implicit": 1e-6, "implicit:2": 1e-6}
OUTPUTS = ("runoff", "soil_moisture", "total_storage", "actual_evapotranspiration")


@pytest.mark.parametrize("backend", ["numba", "triton"])
@pytest.mark.parametrize("scheme", ["sequential", "explicit:3", "rk4", "implicit", "implicit:2"])
@pytest.mark.parametrize("column", ["hbv", "hbv_nn"])
def test_fluxes_and_all_gradients(column, scheme, backend):
    torch.manual_seed(0)
    case = make_case(column, cells=3, days=4, components=2, dynamic=("beta",), ties=False)
    weights = torch.softmax(torch.randn(3, 2, dtype=torch.float64), dim=-1)
    options = dict(outputs=OUTPUTS, scheme=scheme, weights=weights)
    expected = results(case, backend="torch", **options)
    device = "cuda" if backend == "triton" and torch.cuda.is_available() else "cpu"
    for storage in ("all", 2):
        found = results(case.to(device), backend=backend, storage=storage, **options)
        assert_close(found, expected, TOLERANCE.get(scheme, 1e-9))
