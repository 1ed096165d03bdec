"""Free parameters per cell: where they start, that they are learned, refusals."""

import numpy as np
import pytest
import torch

from gridhydro.columns.column import fields
from gridhydro.columns.components import Components
from gridhydro.nets import FreeParameters, GivenParameters, Parameterization
from gridhydro.nets.free import CellNumbers

FIELDS = fields(
    "drainage_max mm d-1 [0.1, 10]: drainage of a full soil",
    "groundwater_lag d [30, 1500]: residence time in groundwater",
    "river_lag d [0.01, 5]: residence time in a reservoir",
)
LAGS = ["groundwater_lag", "river_lag"]


def starts(cells=6):
    return {"groundwater_lag": np.linspace(300, 800, cells), "drainage_max": 2.4}


def test_untrained_free_parameters_are_the_defaults_and_mid_range_without():
    net = FreeParameters(FIELDS, starts(), 6, log=LAGS)
    found = net()
    assert isinstance(net, Parameterization)
    assert list(found) == [field.name for field in FIELDS]
    assert found["groundwater_lag"].shape == (6, 1)
    np.testing.assert_allclose(
        found["groundwater_lag"][:, 0].detach(), starts()["groundwater_lag"], rtol=1e-5
    )
    np.testing.assert_allclose(found["drainage_max"].detach(), 2.4, rtol=1e-5)
    np.testing.assert_allclose(found["river_lag"].detach(), np.sqrt(0.01 * 5), rtol=1e-5)


def test_every_cell_finds_its_own_target():
    net = FreeParameters(FIELDS, starts(), 6, log=LAGS, fixed={"river_lag": 0.1})
    target = torch.tensor([40.0, 1400.0, 90.0, 500.0, 700.0, 35.0])
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        loss = ((net()["groundwater_lag"][:, 0] / target).log() ** 2).mean()
        loss.backward()
        optimizer.step()
    assert loss < 1e-4
    assert (net()["river_lag"] == 0.1).all()
    assert net()["drainage_max"].std() == 0  # no gradient, no change


def test_chosen_cells_find_their_values():
    net = FreeParameters(FIELDS, starts(), 6, log=LAGS)
    numbers = net.matrix({"sand": np.ones(6)})
    net.inputs.fit(numbers)
    chosen = net(numbers[[4, 1]])["groundwater_lag"]
    torch.testing.assert_close(chosen, net()["groundwater_lag"][[4, 1]])
    assert net.names == ()
    assert net.daily == ()
    with pytest.raises(ValueError, match="float32 counts exactly"):
        CellNumbers(2**24 + 1).matrix()


def test_components_start_apart_with_weights():
    torch.manual_seed(2)
    found = FreeParameters(FIELDS, starts(), 6, Components(4, "learned"), log=LAGS)()
    assert found["groundwater_lag"].shape == (6, 4)
    assert found["groundwater_lag"].std(-1).min() > 10
    torch.testing.assert_close(found["component_weight"].sum(-1), torch.ones(6))


def test_defaults_outside_their_bounds_are_brought_inside_with_a_warning():
    lag = np.array([0.001, 0.01, 0.5, 5.0, 7.0])
    with pytest.warns(UserWarning, match=r"'river_lag' is 0.001 d at cell 0.* in 2 of 5"):
        net = FreeParameters(FIELDS, {"river_lag": lag}, 5, log=LAGS)
    found = net()["river_lag"][:, 0]
    assert (found > 0.01).all()
    assert (found < 5).all()
    np.testing.assert_allclose(found.detach(), [0.01, 0.01, 0.5, 5, 5], rtol=0.01)
    found.log().sum().backward()
    slope = net.raw.grad[:, 2, 0]
    assert (slope > 1e-3).all()  # what starts at a bound can leave it


def test_given_parameters_are_used_beyond_the_bounds_of_learning():
    lag = np.array([0.0, 0.001, 0.5, 5.0, 64.0])
    net = GivenParameters(FIELDS, {"river_lag": lag, "drainage_max": 12.0}, 5, Components(3))
    found = net()
    for column in found["river_lag"].T:
        np.testing.assert_array_equal(column, lag.astype(np.float32))
    assert (found["drainage_max"] == 12).all()
    np.testing.assert_allclose(found["groundwater_lag"], (30 + 1500) / 2, rtol=1e-6)
    assert not any(p.requires_grad for p in net.parameters())
    chosen = net(net.matrix({})[[4, 1]])["river_lag"]
    torch.testing.assert_close(chosen, found["river_lag"][[4, 1]])
    weighted = GivenParameters(FIELDS, {}, 5, Components(4, "learned"), {"river_lag": 0.1})()
    assert (weighted["component_weight"] == 0.25).all() and weighted["river_lag"].shape == (5, 4)


def test_given_parameters_read_what_earlier_versions_kept():
    kept = FreeParameters(FIELDS, starts(), 6, log=LAGS)
    net = GivenParameters(FIELDS, {}, 6, log=LAGS)
    net.load_state_dict(kept.state_dict())
    for name, values in kept().items():
        torch.testing.assert_close(net()[name], values.detach())


@pytest.mark.parametrize("kind", [FreeParameters, GivenParameters])
@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        ({"lag": 1.0}, "'lag' is of no parameter"),
        ({"river_lag": [1.0, np.nan, 1.0]}, r"'river_lag' is nan at cell 1, 1 of 3"),
        ({"river_lag": [1.0, 1.0]}, r"'river_lag' have shape \(2,\).* 3 cells"),
    ],
)
def test_doors_defaults_that_cannot_be(kind, defaults, message):
    with pytest.raises(ValueError, match=message):
        kind(FIELDS, defaults, 3)


def test_doors_given_parameters_below_zero():
    with pytest.raises(ValueError, match=r"'river_lag' is -1 d at cell 1, 1 of 3 .* below 0"):
        GivenParameters(FIELDS, {"river_lag": [1, -1, 1]}, 3)


@pytest.mark.parametrize(
    ("defaults", "options", "message"),
    [
        ({}, {"fixed": {f.name: 1.0 if f.name != "groundwater_lag" else 50 for f in FIELDS}},
         "no free field"),
    ],
)  # fmt: skip
def test_free_parameters_refuse_what_does_not_fit(defaults, options, message):
    with pytest.raises(ValueError, match=message):
        FreeParameters(FIELDS, defaults, 3, **options)
