"""Agreement with hydrodl2's HBV 1.1p, run as an oracle: fluxes and gradients before routing."""

import pytest
import torch

from gridhydro.model.simulate import simulate
from tests.support.column_cases import make_case

pytestmark = pytest.mark.peers

# the published key of each parameter, in the published order
PUBLISHED = dict(
    beta="parBETA", FC="parFC", K0="parK0", K1="parK1", K2="parK2", LP="parLP", PERC="parPERC",
    UZL="parUZL", TT="parTT", CFMAX="parCFMAX", CFR="parCFR", CWH="parCWH", gamma="parBETAET",
    C="parC",
)  # fmt: skip
CELLS, DAYS, COMPONENTS = 8, 365, 2
FLUXES = dict(
    runoff="streamflow_no_rout", near_surface_flow="srflow_no_rout",
    interflow="ssflow_no_rout", baseflow="gwflow_no_rout",
    actual_evapotranspiration="AET_hydro", snowpack="SWE",
)  # fmt: skip


@pytest.fixture(scope="module")
def model():
    found = pytest.importorskip("hydrodl2.models.hbv.hbv_1_1p", exc_type=ImportError).Hbv_1_1p(
        device=torch.device("cpu")
    )
    found.nmul = COMPONENTS
    found._set_parameters()
    assert list(found.parameter_bounds) == list(PUBLISHED.values())
    return found


@pytest.fixture(scope="module")
def runs(model):
    """Both models from the same network outputs: values and the gradient of the same sum."""
    case = make_case("hbv", CELLS, DAYS, ties=False, seed=7).to(torch.float32)
    random = torch.Generator().manual_seed(2)
    raw = torch.randn(CELLS, len(PUBLISHED), COMPONENTS, generator=random)
    weights = torch.rand(DAYS, CELLS, generator=random)

    theirs = raw.clone().requires_grad_()
    routing = torch.zeros(CELLS, 2)  # routed or not, the fluxes before routing are compared
    learned = torch.cat([theirs.flatten(1), routing], dim=1).expand(DAYS, -1, -1)
    published = model({"x_phy": case.forcing.permute(1, 2, 0)}, learned)
    published = {ours: published[name].squeeze(-1) for ours, name in FLUXES.items()}

    mine = raw.clone().requires_grad_()
    parameters = {}
    for k, field in enumerate(case.column.parameters):
        low, high = field.bounds
        parameters[field.name] = low + (high - low) * torch.sigmoid(mine[:, k])
    found, _ = simulate("hbv", case.forcing, parameters, outputs=tuple(FLUXES))

    for values in (found, published):
        (values["runoff"] * weights).sum().backward()
    return found, published, mine.grad, theirs.grad


@pytest.mark.parametrize("name", FLUXES)
def test_fluxes_equal_those_of_the_peer(runs, name):
    found, published, _, _ = runs
    assert published[name].max() > 0.1
    torch.testing.assert_close(found[name], published[name], rtol=0, atol=1e-4)


def test_gradients_equal_those_of_the_peer(runs):
    _, _, mine, theirs = runs
    for k, name in enumerate(PUBLISHED):
        scale = theirs[:, k].abs().max()
        assert scale > 0
        worst = (mine[:, k] - theirs[:, k]).abs().max() / scale
        assert worst < 1e-3, f"{name}: off by {worst:.1e}"
