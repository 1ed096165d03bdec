"""A correction in a run cut in two: at the seam it looks ahead and back as in one run."""

import pytest
import torch

import gridhydro as gh
from gridhydro.model.corrected import REACH, in_parts
from gridhydro.nets import Attributes, Correction
from tests.support.lumped import basins

DAYS = 60


class Neighbours(Correction):
    """The mean of the temperature over the days around, as far as a correction may look."""

    forcing, series = "potential_evapotranspiration", ("temperature",)

    def __init__(self, attributes):
        super().__init__()
        self.inputs = Attributes(attributes)

    def forward(self, series, attributes):
        padded = torch.nn.functional.pad(series[0].T, (REACH, REACH))
        return padded.unfold(1, 2 * REACH + 1, 1).mean(-1).abs().T


@pytest.mark.parametrize("seam", [3, REACH, 30])
def test_weather_of_both_parts_is_that_of_one_run(seam):
    parts = basins()
    attributes = {name: parts.attributes[name] for name in ("sand", "slope")}
    model = gh.Model(parts.domain, "hbv", attributes, correction=Neighbours(attributes))
    forcing = gh.Forcing.read(parts.forcing, parts.domain, model).values[:, :DAYS]
    whole = model.weather(forcing)
    assert not torch.equal(whole[2], forcing[2])  # something is corrected at all
    early, late = in_parts(model, forcing[:, :seam], forcing[:, seam:])
    torch.testing.assert_close(early, whole[:, :seam])
    torch.testing.assert_close(late, whole[:, seam:])
