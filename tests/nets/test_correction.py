"""The correction of evapotranspiration against plain convolutions over the whole raster."""

import pytest
import torch

from gridhydro.domain.domain import Domain
from gridhydro.nets import Correction, PETCorrection
from tests.support.raster_cells import attributes_of, holed_domain, series_of

DOMAIN = holed_domain()
SERIES = ("temperature", "wind_speed")


def correction(days=9, trained=True, **options) -> tuple[PETCorrection, torch.Tensor, torch.Tensor]:
    """A network, series and attributes, float64; weights in the last layer as if trained."""
    torch.manual_seed(4)
    attributes = attributes_of(DOMAIN)
    options = {"filters": (5, 4, 3)} | options
    net = PETCorrection(DOMAIN, attributes, SERIES, **options).double()
    series = series_of(DOMAIN, len(SERIES), days)
    net.fit(series)
    if trained:
        for weight in net.layers[-1].parameters():
            torch.nn.init.normal_(weight)
    matrix = net.inputs.matrix(attributes, torch.float64)
    net.inputs.fit(matrix)  # in float64 too
    return net, series, matrix


def plain(net, series, attributes, domain=DOMAIN):
    """The same on the whole raster: attributes repeated every day, torch's own padding, masks."""
    scaled = (series - series.mean((1, 2), keepdim=True)) / series.std(
        (1, 2), correction=0, keepdim=True
    )
    mean, std = attributes.mean(0), attributes.std(0, correction=0)
    land = ((attributes - mean) / std).T[:, None].expand(-1, series.shape[1], -1)
    row, col = torch.tensor(domain.row), torch.tensor(domain.col)
    raster = series.new_zeros(len(scaled) + len(land), series.shape[1], *domain.shape)
    raster[:, :, row, col] = torch.cat([scaled, land])
    inside = torch.zeros(domain.shape, dtype=torch.bool)
    inside[row, col] = True
    for layer in net.layers:
        whole = torch.nn.Conv3d(*layer.weight.shape[1::-1], 3, padding=1)
        raster = torch.func.functional_call(whole, dict(layer.named_parameters()), raster[None])[0]
        if layer is not net.layers[-1]:
            raster = raster.relu() * inside
    return raster[0][:, row, col]


def gradients(net, error):
    weight = torch.linspace(-1, 2, error.numel(), dtype=error.dtype).view(error.shape)
    found = torch.autograd.grad((error * weight).sum(), list(net.parameters()))
    return dict(zip((name for name, _ in net.named_parameters()), found, strict=True))


@pytest.mark.parametrize("days", [1, 2, 9])
@pytest.mark.parametrize("chunk", [1, 2, 4, None])
@pytest.mark.parametrize("memory", [0, 2**30])
def test_as_plain_convolutions_forward_and_gradient(days, chunk, memory):
    net, series, attributes = correction(days, chunk=chunk, memory=memory)
    error, expected = net(series, attributes), plain(net, series, attributes)
    assert error.shape == (days, DOMAIN.size)
    torch.testing.assert_close(error, expected, rtol=1e-11, atol=1e-11)
    found, wanted = gradients(net, error), gradients(net, expected)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-9, atol=1e-9, msg=name)
        assert gradient.abs().max() > 0, name


def test_gradcheck_with_respect_to_the_weather():
    net, series, attributes = correction(3, chunk=2, memory=0)
    inputs = series.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: net(s, attributes), inputs, fast_mode=True)


def test_training_begins_at_penman_monteith_and_learns_an_error():
    net, series, attributes = correction(trained=False, filters=(16, 8))
    forcing = torch.full((9, DOMAIN.size), 4.0, dtype=torch.float64)
    assert torch.equal(net.changed(forcing, series, attributes), forcing)
    wind = (series[1] - 20) / 5
    sand = attributes[:, 0] - 0.5
    target = forcing * (1 + 0.1 * torch.tanh(wind) + 0.3 * sand)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss = (net.changed(forcing, series, attributes) - target).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.1 * (forcing - target).square().mean()


def test_corrected_forcing_is_never_below_zero():
    net, series, attributes = correction()
    forcing = torch.zeros(9, DOMAIN.size, dtype=torch.float64)
    changed = net.changed(forcing, series, attributes)
    assert (changed == 0).any()
    torch.testing.assert_close(changed, net(series, attributes).clamp(min=0))


def test_layers_kept_stay_within_the_memory():
    """What the graph saves, measured, is less than the budget, and more when there is more."""
    sizes = []
    for memory in (150_000, 600_000, 2**30):
        net, series, attributes = correction(200, memory=memory, chunk=10)
        stored = {}

        def keep(tensor, stored=stored):
            storage = tensor.untyped_storage()
            stored[storage.data_ptr()] = storage.nbytes()
            return tensor

        series.requires_grad_(False)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            net(series, attributes).sum()
        sizes.append(sum(stored.values()) - series.untyped_storage().nbytes())
        assert sizes[-1] < memory + 100_000  # the weights and the attributes
    assert sizes[0] < sizes[1] < sizes[2]


def test_weights_go_with_another_domain():
    net, series, attributes = correction()
    other = holed_domain(seed=5)
    moved = PETCorrection(other, attributes_of(other), SERIES, (5, 4, 3)).double()
    moved.load_state_dict(net.state_dict())
    elsewhere = moved(series_of(other), moved.inputs.matrix(attributes_of(other), torch.float64))
    assert elsewhere.shape == (9, other.size)
    back = PETCorrection(DOMAIN, attributes_of(DOMAIN), SERIES, (5, 4, 3)).double()
    back.load_state_dict(moved.state_dict())
    assert torch.equal(back(series, attributes), net(series, attributes))


def test_a_replacement_does_not_read_its_forcing():
    class Constant(Correction):
        forcing, series = "leaf_area_index", ()

        def forward(self, series, attributes):
            return attributes[:, 0].expand(series.shape[1], -1)

        def changed(self, forcing, series, attributes):
            return self(series, attributes)

    _, series, attributes = correction()
    nothing = torch.full((9, DOMAIN.size), torch.nan)
    assert torch.isfinite(Constant().changed(nothing, series, attributes)).all()
    with pytest.raises(TypeError, match="Correction has no forward"):
        Correction().changed(nothing, series, attributes)


def test_correction_refuses_what_does_not_fit():
    net, series, attributes = correction()
    with pytest.raises(ValueError, match=r"series are \(2, 9, 3\), expected \(2, days, \d+\)"):
        net(series[..., :3], attributes)
    with pytest.raises(ValueError, match=r"attributes are .* sand, elevation, pressure of every"):
        net(series, attributes[:, :2])
    with pytest.raises(ValueError, match="one day at least, not 0"):
        correction(chunk=0)
    with pytest.raises(ValueError, match="no neighbours"):
        PETCorrection(Domain.of_basins([1.0], ["a"]), {"sand": [1.0]}, SERIES)
