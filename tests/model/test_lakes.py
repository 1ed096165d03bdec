"""A model with lakes, reservoirs and withdrawals in its rivers."""

import numpy as np
import pytest
import torch

import gridhydro as gh
from gridhydro.model.march import storage
from gridhydro.model.river import Ends
from gridhydro.model.river_extras import tell_unmet
from tests.model.test_channels import Store
from tests.support.small_world import small_model, small_world

DAYS, MOST = 40, 400.0  # m3 s-1
# one sub-step a day compiles quickest
RIVER = gh.River(lakes="seasonal", withdrawals=True, substeps=1, lake_fill=0.8)


def lakes(river=RIVER):
    """A double-precision model: a lake above the mouth, a reservoir further up, and what is taken
    at the mouth, which is more than there is on some days."""
    domain, _, forcing, _ = small_world()
    mouth = domain.gauge_cells[domain.gauges.index.get_loc("G03")]
    above = np.flatnonzero(domain.network.downstream == mouth)
    lake = above[np.argmax(domain.network.accumulate(np.ones(domain.size))[above])]
    reservoir = np.flatnonzero(domain.network.downstream == lake)[0]
    capacity, regulated = np.zeros(domain.size), np.zeros(domain.size)
    capacity[[lake, reservoir]], regulated[reservoir] = (2e8, 1e9), 1
    forcing, asked = forcing.isel(time=slice(0, DAYS)), np.zeros((DAYS, domain.size))
    asked[:, mouth] = 86400 * np.linspace(0, MOST, DAYS)
    time = {"time": forcing["time"]}
    asked = domain.unpack(asked, "river_withdrawal", {"units": "m3 d-1"}, ("time",), time)
    forcing = forcing.assign(river_withdrawal=asked)
    properties = {"lake_capacity": capacity, "lake_regulated": regulated}
    model = small_model(column=Store(), routing=river, properties=properties).double()
    values = gh.Forcing.read(forcing, domain, model).values.double().contiguous()
    opened = gh.Forcing.open(forcing, domain, model).values  # where the day of the year is made too
    assert torch.equal(opened[:, :3], values[:, :3].float())
    return model, values, mouth, lake, reservoir


def test_lakes_hold_water_and_their_parameters_are_learned():
    model, forcing, mouth, lake, reservoir = lakes()
    assert [f.name for f in model.forcings] == ["precipitation", "day_of_year", "river_withdrawal"]
    parameters = model.cell_parameters()
    names = [f.name for f in model.fields if f.name.startswith("lake_")]
    assert len(names) == 6
    for name in names:
        parameters[name].retain_grad()
    averages = gh.Averages.of_labels(np.arange(DAYS), DAYS)
    outputs = ("runoff", "river_withdrawn", "river_withdrawal_unmet", "lake_storage")
    found = model(forcing, None, outputs, parameters, averages=averages)
    taken, unmet = found.outputs["river_withdrawn"], found.outputs["river_withdrawal_unmet"]
    asked = torch.linspace(0, MOST, DAYS).double()
    torch.testing.assert_close(forcing[-1, :, mouth], asked, rtol=1e-6, atol=0)
    torch.testing.assert_close(taken + unmet, forcing[-1], rtol=1e-9, atol=1e-9)
    assert taken[:, mouth].max() > 1 and unmet[:, mouth].max() > 1
    left = found.discharge[:, model.domain.gauges.index.get_loc("G03")].sum() + taken.sum()
    came = (found.outputs["runoff"] * model.area / 1000).sum() + 9.6e8
    torch.testing.assert_close(left * 86400 + found.state.river.sum(), came, rtol=1e-9, atol=0)
    with torch.no_grad():
        before = storage(model, None, parameters)
    assert before.sum() == pytest.approx((10 * model.area / 1000).sum().item() + 9.6e8)
    assert found.state.river[0, lake] > 1e6 and found.state.river[0, reservoir] > 1e6
    held = found.outputs["lake_storage"]  # with one sub-step, that at the end of the day
    torch.testing.assert_close(held[-1, [lake, reservoir]], found.state.river[0, [lake, reservoir]])
    assert (held > 0).sum() == 2 * DAYS
    last = found.storage[-1, lake] * model.area[lake] / 1000
    assert last > found.state.river[0, lake]  # the store of the column counts too
    found.discharge[:20].square().sum().backward()  # later all is taken at the mouth
    for name in names:
        gradient = parameters[name].grad[:, 0]
        where = reservoir if name.removeprefix("lake_").startswith(("target", "flood")) else lake
        assert gradient[where] != 0 and gradient.isfinite().all()
        river = np.setdiff1d(np.arange(model.domain.size), [lake, reservoir])
        assert gradient[river].abs().max() == 0


def test_lakes_go_on_from_a_state_to_the_last_bit():
    model, forcing, *_ = lakes()
    outputs = ("river_withdrawn",)
    with torch.no_grad():
        whole = model(forcing, None, outputs)
        first = model(forcing[:, :25].contiguous(), None, outputs)
        rest = model(forcing[:, 25:].contiguous(), first.state, outputs)
    assert torch.equal(torch.cat([first.discharge, rest.discharge]), whole.discharge)
    assert torch.equal(rest.state.river, whole.state.river)
    parts = [one.outputs["river_withdrawn"] for one in (first, rest)]
    assert torch.equal(torch.cat(parts), whole.outputs["river_withdrawn"])


def test_what_was_not_there_to_be_taken_is_told():
    taken, unmet = torch.tensor([3.0, 0.0, 5.0]), torch.tensor([1.0, 0.0, 1e-6])
    with pytest.warns(
        UserWarning, match=r"0\.11 of the water .* in 1 cells: see river_withdrawal_u"
    ):
        tell_unmet(taken, unmet)


def test_lakes_and_withdrawals_by_the_hour_are_those_of_the_day():
    """As many sub-steps a day, of runoff and withdrawals that are the same in all of its hours."""
    domain = small_world()[0]
    river = gh.River(lakes="natural", withdrawals=True, substeps=24)
    one = torch.ones(domain.size, dtype=torch.float64)
    random = torch.Generator().manual_seed(0)
    runoff, asked = (9 * torch.rand(3, domain.size, generator=random).double() for _ in range(2))
    values = {"river_velocity": 0.5, "lake_rate": 0.01, "lake_exponent": 1.5}
    capacity = torch.where(torch.arange(domain.size) % 7 == 0, 1e9, 0.0).double()

    def through(count):
        ends = Ends(
            None, False, asked.repeat_interleave(count, 0)[None],
            ("river_withdrawn", "river_withdrawal_unmet", "lake_storage"), count,
        )  # fmt: skip
        flow, final, _, fluxes = river.discharge(
            runoff.repeat_interleave(count, 0), domain, 1e8 * one, 1e4 * one,
            {name: value * one[:, None] for name, value in values.items()},
            {"lake_capacity": capacity}, None, None, None, ends,
        )  # fmt: skip
        days = {name: v.unflatten(0, (3, count)).mean(1) for name, v in fluxes.items()}
        return flow.unflatten(0, (3, count)).mean(1), final, days

    (flow, final, fluxes), (hourly, at_end, by_hours) = through(1), through(24)
    torch.testing.assert_close(hourly, flow)
    torch.testing.assert_close(at_end, final)
    assert min(value.max() for value in fluxes.values()) > 0
    torch.testing.assert_close(by_hours, fluxes, rtol=1e-6, atol=1e-9)
