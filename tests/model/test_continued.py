"""A run that goes on from the state of another, kept in a file: to the last bit, or refused."""

import warnings
from functools import cache

import netCDF4
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro.cli.program import _plain_warnings
from gridhydro.inputs.forcing import Forcing
from gridhydro.model.run import Run
from gridhydro.model.state import State
from tests.model.test_blocks import DAYS, OUTPUTS, run_of
from tests.model.test_streamed import equal, opened
from tests.support.black_box import forcing, small_surrogate
from tests.support.kill_points import killed_at

CASES = ["raster", "corrected", "mlp", "lstm", "rival"]
CASES += [pytest.param(case, marks=pytest.mark.thorough) for case in ("departures", "weighted")]
STOPS = (1, 64, 100, 399)  # a tile of days is 64


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    """Basins come five at a time, of whatever record."""
    monkeypatch.setattr("gridhydro.model.blocks.groups_of", lambda record: fives(record.size))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the run begins with")
        yield


def fives(size):
    return list(torch.arange(size).split(5))


def outputs_of(case):
    return ("runoff",) if case == "rival" else OUTPUTS


def part(run, first, stop=None) -> Forcing:
    record = run.record()
    return Forcing(record.times[first:stop], record.values[:, first:stop])


def date(run, stop) -> str:
    return f"{run.record().times[stop - 1]:%Y-%m-%d}"


@cache
def whole(case):
    """Series of one run, and its states behind some days."""
    run = run_of(case)
    run.forget()  # what others have asked of it, whose basins come in other groups
    dates = [date(run, stop) for stop in STOPS]
    found, states = run.simulate(outputs=outputs_of(case), save_state=dates)
    assert list(states) == dates
    equal(found, run.simulate(outputs=outputs_of(case)))
    run.forget()
    return run, found, states


def goes_on(case, first, stop, state) -> None:
    run, found, _ = whole(case)
    again = run.simulate(part(run, first, stop), outputs_of(case), state=state)
    equal(again, found.isel(time=slice(first, stop)))


@pytest.mark.parametrize("case", CASES)
def test_a_run_goes_on_from_a_file_to_the_last_bit(case, tmp_path):
    run, _, states = whole(case)
    outputs, path = outputs_of(case), tmp_path / "state.nc"
    for stop in STOPS:
        states[date(run, stop)].to_file(path)
        with netCDF4.Dataset(path) as file:  # of any length they crash HDF5 where it is open twice
            assert not [v for v in file.variables.values() if v.dtype is str]
        state = State.from_file(path)
        goes_on(case, stop, None, state)
        later = min(stop + 90, DAYS)
        if case != "corrected":  # which sees the days that follow
            goes_on(case, stop, later, state)
        (_, then) = run.simulate(part(run, stop), outputs, state=state, save_state=date(run, later))
        if later < DAYS:  # a state of a run that has begun with one
            goes_on(case, later, None, then[date(run, later)])
        if case not in ("corrected", "lstm"):  # the days that follow change nothing
            _, ended = run.simulate(part(run, 0, stop), outputs, save_state=[date(run, stop)])
            goes_on(case, stop, None, ended[date(run, stop)])
            mine, theirs = ended[date(run, stop)].tensors(), state.tensors()
            assert mine.keys() == theirs.keys()
            assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.thorough  # it is fitted first
def test_a_surrogate_goes_on(tmp_path):
    domain = gh.Domain.of_basins(np.full(4, 50.0), [f"g{k}" for k in range(4)])
    model = gh.Model(domain, small_surrogate(), {"sand": np.linspace(0, 1, 4)})
    record = Forcing.read(forcing(), domain, model)
    model.fit_inputs(record.values)
    run = Run.of(model, record)
    found, states = run.simulate(save_state=[date(run, 30)])
    states[date(run, 30)].to_file(tmp_path / "state.nc")
    again = run.simulate(part(run, 30), state=State.from_file(tmp_path / "state.nc"))
    np.testing.assert_allclose(again["discharge"], found["discharge"][30:], rtol=1e-5)


def test_what_a_correction_sees_ahead_is_all_that_a_short_forcing_lacks():
    run, found, states = whole("corrected")
    ahead = run.model.correction.ahead
    assert 0 < ahead < 10
    again = run.simulate(part(run, 100, 170), OUTPUTS, state=states[date(run, 100)])
    known = found.isel(time=slice(100, 170 - ahead))
    early = again["runoff"].isel(time=slice(0, -ahead))
    np.testing.assert_allclose(early, known["runoff"], rtol=1e-4, atol=1e-5)
    last = [one["runoff"].sel(time=again.time[-1]) for one in (again, found)]
    assert not np.allclose(*last, rtol=1e-4, equal_nan=True)


@pytest.mark.parametrize(
    ("case", "name"), [("corrected", "out.zarr"), ("lstm", "out"), ("mlp", "out.nc")]
)
def test_states_go_into_and_out_of_what_is_written(case, name, tmp_path):
    run, found, states = whole(case)
    out, more = tmp_path / name, dict(block=70, progress=False)
    dates = [date(run, 150), date(run, 399)]
    path, kept = run.simulate(
        part(run, 64), OUTPUTS, state=states[date(run, 64)], save_state=dates, out=out, **more
    )
    assert path == out and list(kept) == dates
    series = xr.open_dataset(out) if name.endswith(".nc") else opened(out)
    equal(series, found.isel(time=slice(64, None)))
    for day in dates:
        file = tmp_path / f"out-state-{day}.nc"
        assert State.from_file(file).origin.date == kept[day].origin.date == day
        goes_on(case, run.record().times.get_loc(day) + 1, None, State.from_file(file))
    assert len(list(tmp_path.iterdir())) == 3  # nothing is left
    period = (date(run, 200), date(run, 300))
    series, states = run.simulate(
        part(run, 64), OUTPUTS, state=states[date(run, 64)], period=period,
        save_state=[date(run, 100), date(run, 250), date(run, 350)],
    )  # fmt: skip
    equal(series, found.isel(time=slice(199, 300)))
    for stop in (100, 250, 350):  # before, in and behind the days that are wanted
        goes_on(case, stop, None, states[date(run, stop)])


def test_states_are_there_after_a_kill(tmp_path):
    run, found, states = whole("raster")
    out, dates, codes = tmp_path / "out", [date(run, 100), date(run, 300)], []

    def write():
        run.simulate(
            part(run, 64), OUTPUTS, state=states[date(run, 64)], save_state=dates, out=out,
            block=120, progress=False,
        )  # fmt: skip

    for moment in (20, 40, 60, 80):
        codes.append(killed_at(write, moment))
        if not codes[-1]:
            break
    if not out.exists():
        write()
    assert any(codes)
    equal(opened(out), found.isel(time=slice(64, None)))
    for day in dates:
        goes_on("raster", run.record().times.get_loc(day) + 1, None,
                State.from_file(tmp_path / f"out-state-{day}.nc"))  # fmt: skip


def test_a_state_is_read_by_eye_and_changed_by_hand(tmp_path):
    run, found, states = whole("raster")
    path = tmp_path / "state.nc"
    states[date(run, 100)].to_file(path)
    with xr.open_dataset(path) as file:
        data = file.load()
    assert data.attrs["date"] == date(run, 100) and "model_digest" in data.attrs
    column = run.model.column
    for field in column.states:
        assert data[field.name].attrs["units"] == field.unit
        assert data[field.name].dims == ("cell", "component")
    assert data["river_storage"].sizes == {"river_store": 6, "cell": run.model.domain.size}
    np.testing.assert_allclose(data["lon"], run.model.domain.lonlat[0])
    end = found["snow_water_equivalent" if "snow_water_equivalent" in found else "runoff"]
    assert end.sizes["time"] == DAYS
    name = column.states[0].name
    data[name] = data[name] + 100.0
    data.to_netcdf(tmp_path / "other.nc")
    again = run.simulate(part(run, 100), OUTPUTS, state=State.from_file(tmp_path / "other.nc"))
    assert float(again["discharge"].sum()) > float(found["discharge"][100:].sum())
    data[name][3] = np.nan
    data.to_netcdf(tmp_path / "gaps.nc")
    with pytest.raises(ValueError, match=f"'{name}' has 1 values that are no number.*in cell 3 of"):
        State.from_file(tmp_path / "gaps.nc")


def test_states_that_do_not_fit_are_refused(tmp_path):
    run, _, states = whole("mlp")
    state = states[date(run, 100)]
    behind = pd.Timestamp(date(run, 101))
    with pytest.raises(
        ValueError, match=f"2 days are lacking: begin the forcing on {behind:%Y-%m-%d}"
    ):
        run.simulate(part(run, 102), state=state)
    with pytest.raises(ValueError, match=rf"slice\('{behind:%Y-%m-%d}', None\)"):
        run.simulate(part(run, 99), state=state)
    with pytest.raises(ValueError, match="before a run could go on from the state"):
        run.simulate(part(run, 0, 90), state=state)
    other = run_of("weighted")
    with pytest.raises(ValueError, match="is of another model"):
        other.simulate(part(other, 100), state=state)
    with pytest.raises(ValueError, match=r"is of 12 cells .*, other ones than the 64 of this run"):
        raster = run_of("raster")
        raster.simulate(part(raster, 100), state=state)
    with pytest.raises(ValueError, match="knows neither its day nor its cells"):
        run.simulate(part(run, 100), state=State(state.column, None))
    with pytest.raises(ValueError, match="no state of 1999-01-01 to be saved: the forcing has"):
        run.simulate(save_state=["1999-01-01"])
    with pytest.raises(ValueError, match="does not carry 'actual_evapotranspiration'"):
        run.simulate(part(run, 100), "routed_actual_evapotranspiration", state=state)


def on_the_command_line(said) -> str:
    """What the command line prints of a warning."""
    with _plain_warnings():
        return warnings.formatwarning(said.message, said.category, said.filename, said.lineno)


def test_a_cold_start_is_said():
    run = run_of("mlp")
    last = part(run, DAYS - 30)
    cold = "the run begins with empty stores, on .* is day 1 of it"
    with pytest.warns(UserWarning, match=cold) as said:
        run.simulate(last)
    remedy = on_the_command_line(said[0])
    assert "state=" in str(said[0].message) and "period=" in str(said[0].message)
    assert "(--state, which --save-state of" in remedy and "--period" in remedy
    assert "state=" not in remedy and "period=" not in remedy
    settled = Run(
        run.model,
        run.forcing,
        run.history,
        run.about | dict(start="settled", period=("2000", "2001")),
    )
    with pytest.warns(UserWarning, match="with stores as its 30 days alone"):
        settled.simulate(last)
    _, states = settled.simulate(save_state=[date(run, DAYS - 30)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settled.simulate()
        settled.simulate(last, state=states[date(run, DAYS - 30)])
        run.simulate(period=(date(run, 370), date(run, DAYS)))
        run.forget()
    with pytest.warns(UserWarning, match="without a memory of the days before"):
        rival = run_of("rival")
        rival.simulate(part(rival, DAYS - 30))
    assert gh.Run is Run
