"""A correction in a run cut anywhere: at a seam it looks ahead and back as in one run."""

import numpy as np
import pytest
import torch

import gridhydro as gh
from gridhydro.model.corrected import in_parts
from gridhydro.model.march import March
from gridhydro.nets import Attributes, Correction, PETCorrection
from tests.support.lumped import basins
from tests.support.raster_cells import attributes_of, holed_domain

DAYS = 60
REACHES = [(8, 8), (0, 0), (29, 0), (0, 3), (None, 0), (0, None), (None, None)]


class Neighbours(Correction):
    """The mean of the temperature over some days before and after, or over very many."""

    forcing, series = "potential_evapotranspiration", ("temperature",)

    def __init__(self, attributes, back, ahead):
        super().__init__()
        self.inputs, self.back, self.ahead = Attributes(attributes), back, ahead

    def forward(self, series, attributes):
        sides = [40 if days is None else days for days in (self.back, self.ahead)]
        padded = torch.nn.functional.pad(series[0].T, sides)
        return padded.unfold(1, sum(sides) + 1, 1).mean(-1).abs().T


def model_of(back, ahead):
    parts = basins()
    attributes = {name: parts.attributes[name] for name in ("sand", "slope")}
    correction = Neighbours(attributes, back, ahead)
    model = gh.Model(parts.domain, "hbv", attributes, correction=correction)
    return model, gh.Forcing.read(parts.forcing, parts.domain, model).values[:, :DAYS]


@pytest.mark.parametrize("seam", [0, 3, 8, 30, DAYS])
@pytest.mark.parametrize(("back", "ahead"), REACHES)
def test_weather_of_both_parts_is_that_of_one_run(back, ahead, seam):
    model, forcing = model_of(back, ahead)
    whole = model.weather(forcing)
    assert not torch.equal(whole[2], forcing[2])  # something is corrected at all
    early, late = in_parts(model, forcing[:, :seam], forcing[:, seam:])
    torch.testing.assert_close(early, whole[:, :seam])
    torch.testing.assert_close(late, whole[:, seam:])
    days = slice(seam // 2, (seam + DAYS) // 2)
    march = March(model, lambda part: forcing[:, part], DAYS)
    torch.testing.assert_close(march.weather(days), whole[:, days])


@pytest.mark.parametrize("back", [29, None])
def test_a_run_goes_on_from_a_state_as_if_it_had_not_been_cut(back):
    model, forcing = model_of(back, 0)
    names, state, found = ("actual_evapotranspiration", "runoff"), None, []
    with torch.no_grad():
        whole = model(forcing, outputs=names)
        for first, end in ((0, 10), (10, 11), (11, 45), (45, DAYS)):
            part = model(forcing[:, first:end].contiguous(), state, outputs=names)
            state = part.state
            found.append(part.outputs)
    for name in names:
        joined = torch.cat([outputs[name] for outputs in found])
        torch.testing.assert_close(joined, whole.outputs[name])


def test_a_state_before_a_correction_that_looks_ahead_is_warned_of():
    model, forcing = model_of(2, 3)
    with torch.no_grad():
        state = model(forcing[:, :20].contiguous()).state
        with pytest.warns(UserWarning, match="Neighbours looks ahead"):
            model(forcing[:, 20:].contiguous(), state)
        with pytest.raises(ValueError, match=r"the days before are \(3, 2, 12\)"):
            model(forcing[:, 20:, :5].contiguous(), state, cells=torch.arange(5))


def test_a_correction_by_convolutions_reaches_a_day_a_layer():
    domain = holed_domain()
    net = PETCorrection(domain, attributes_of(domain), ("temperature",), filters=(2, 2))
    torch.nn.init.normal_(net.layers[-1].weight)
    series = torch.randn(1, 21, domain.size)
    other = series.clone()
    other[:, 10] += 1
    attributes = net.inputs.matrix(attributes_of(domain))
    with torch.no_grad():
        moved = (net(series, attributes) != net(other, attributes)).any(1)
    assert np.flatnonzero(moved).tolist() == list(range(10 - net.back, 11 + net.ahead))


@pytest.mark.parametrize("reach", [dict(back=-1), dict(ahead=2.5), dict(back="8")])
def test_a_reach_that_is_no_number_of_days_is_refused(reach):
    with pytest.raises(ValueError, match=rf"Neighbours\.{next(iter(reach))}"):
        model_of(**dict(back=1, ahead=1) | reach)
