"""What `check` reports is what `train` refuses: inputs broken at random, at every door."""

import inspect
import warnings
from dataclasses import MISSING, fields
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gridhydro as gh
from gridhydro.base.report import ERRORS, Report
from gridhydro.observations.discharge import discharge_table
from gridhydro.training.plan import Plan
from tests.support.lumped import basins, model
from tests.support.small_basins import NAMES
from tests.support.small_world import PERIOD, small_model, small_world

QUIET = gh.Session(progress=False)


@cache
def parts():
    """Forcing of some days, (time, gauge), and the table of discharge."""
    found = basins()
    days = slice("2000-06", "2001-12")
    table = discharge_table(found.discharge, found.domain)
    return found.forcing.sel(time=days).load(), table.loc[days]


# breaks of a forcing, each (Dataset, a number drawn) -> Dataset or anything else
def values(forcing, draw, value):
    name = list(forcing.data_vars)[draw % len(forcing.data_vars)]
    broken = forcing.copy(deep=True)
    broken[name].values[draw % broken.sizes["time"], draw % broken.sizes["gauge"]] = value
    return broken


def unit(forcing, draw, units):
    broken = forcing.copy(deep=True)
    attrs = broken[list(forcing.data_vars)[draw % 3]].attrs
    attrs.pop("units") if units is None else attrs.update(units=units)
    return broken


def stamped(forcing, draw):
    times = forcing["time"].to_index()
    other = (
        np.arange(len(times)), times.strftime("%d/%m/%Y"), times + pd.Timedelta("12h"),
        times.tz_localize("UTC"), times.to_numpy().astype("datetime64[s]"), times[::-1],
        times.to_numpy() + np.timedelta64(5, "h"), 2000 + np.arange(len(times)) / 365,
        pd.date_range(times[0], periods=len(times), freq="h"),
    )  # fmt: skip
    return forcing.assign_coords(time=other[draw % len(other)])


def typed(forcing, draw):
    kinds = ("float32", "int16", "complex64", "object", "U8", "bool", "datetime64[ns]")
    return forcing.assign(
        temperature=lambda f: f["temperature"].fillna(0).astype(kinds[draw % len(kinds)])
    )


def packed(data, draw):
    """Of a forcing or a table: what says of its numbers that they are packed, or that not."""
    said = ({"scale_factor": 0.1}, {"add_offset": 5}, {"scale_factor": 1.0}, {"scale_factor": "x"})
    attrs = said[draw % 4]
    if isinstance(data, xr.Dataset):
        return data.assign(temperature=data["temperature"].assign_attrs(attrs))
    data = data.copy()
    data.attrs |= attrs
    return data


FORCING = {
    "as it is": lambda f, n: f,
    "missing": lambda f, n: values(f, n, np.nan),
    "infinite": lambda f, n: values(f, n, np.inf),
    "code": lambda f, n: values(f, n, (-99, -9999, 9999, 1e20, 32767, -99.9)[n % 6]),
    "unit": lambda f, n: unit(f, n, ("K", "mm", "m", "kg m-2 s-1", "", "furlong", None)[n % 7]),
    "scaled": lambda f, n: f * (1e-3, 10, 86400, -1)[n % 4],
    "dropped": lambda f, n: f.drop_vars(list(f.data_vars)[n % 3]),
    "renamed": lambda f, n: f.rename(precipitation="rain"),
    "turned": lambda f, n: f.transpose("gauge", "time"),
    "extra axis": lambda f, n: f.expand_dims(member=1 + n % 3),
    "no axis": lambda f, n: f.isel(gauge=n % 12, drop=bool(n % 2)),
    "other axis": lambda f, n: f.rename(gauge=("station", "basin", "x")[n % 3]),
    "some basins": lambda f, n: f.isel(gauge=slice(n % 12, None)),
    "other order": lambda f, n: f.isel(gauge=slice(None, None, -1)),
    "other names": lambda f, n: f.assign_coords(gauge=[f"x{i}" for i in range(12)]),
    "a day less": lambda f, n: f.drop_isel(time=n % f.sizes["time"]),
    "a day twice": lambda f, n: f.isel(time=[0, *range(f.sizes["time"])]),
    "shuffled": lambda f, n: f.isel(time=np.random.default_rng(n).permutation(f.sizes["time"])),
    "short": lambda f, n: f.isel(time=slice(0, n % 500)),
    "no days": lambda f, n: f.isel(time=slice(0)),
    "stamps": stamped,
    "types": typed,
    "packed": packed,
    "no time": lambda f, n: f.rename(time="day"),
    "array": lambda f, n: (f["precipitation"], f.to_dataframe(), None, 5, "weather.nc")[n % 5],
}


def at(table, draw, value):
    broken = table.copy()
    broken.iloc[draw % len(table), draw % table.shape[1]] = value
    return broken


def as_array(table, draw):
    array = xr.DataArray(table, dims=("time", "gauge"), attrs={"units": "m3 s-1"})
    other = (
        array, array.T, array.expand_dims(member=2), array.rename(time="day"),
        array.assign_attrs(units="mm d-1"), array.assign_attrs(units="furlong"),
        array[0], array[:0],
        array.to_dataset(name="discharge"), array.expand_dims(member=1),
    )  # fmt: skip
    return other[draw % len(other)]


DISCHARGE = {
    "as it is": lambda q, n: q,
    "code": lambda q, n: at(q, n, (-99, -9999, -1, 1e30, np.inf, -np.inf)[n % 6]),
    "missing": lambda q, n: at(q, n, np.nan),
    "text": lambda q, n: at(q.astype(object), n, ("", "12,5", "n/a", None)[n % 4]),
    "scaled": lambda q, n: q * (86.4, 1000, 1e-3, 1e6, -1)[n % 5],
    "constant": lambda q, n: q * 0 + (n % 3),
    "empty gauge": lambda q, n: q.assign(**{NAMES[n % 12]: np.nan}),
    "empty": lambda q, n: q * np.nan,
    "still gauge": lambda q, n: q.assign(**{NAMES[n % 12]: 1.0}),
    "gauge less": lambda q, n: q.drop(columns=NAMES[n % 12]),
    "gauge twice": lambda q, n: pd.concat([q, q[[NAMES[n % 12]]]], axis=1),
    "other names": lambda q, n: q.set_axis([f"x{i}" for i in range(12)], axis=1),
    "numbers": lambda q, n: q.set_axis(range(12), axis=1),
    "other days": lambda q, n: q.set_axis(q.index + pd.Timedelta(days=400 * (n % 9)), axis=0),
    "stamps": lambda q, n: q.set_axis(q.index + pd.Timedelta(hours=n % 24), axis=0),
    "text days": lambda q, n: q.set_axis(q.index.strftime("%Y-%m-%d"), axis=0),
    "guessed days": lambda q, n: q.set_axis(q.index.strftime("%d.%m.%y"), axis=0),
    "shuffled": lambda q, n: q.sample(frac=1, random_state=n),
    "a day twice": lambda q, n: pd.concat([q.iloc[:1], q]),
    "series": lambda q, n: q.iloc[:, 0],
    "array": as_array,
    "packed": packed,
    "other": lambda q, n: (q.to_numpy(), "q.csv", 5, [1, 2], {"a": q})[n % 5],
    "none": lambda q, n: None,
}


def target(draw):
    table = discharge_table(basins().discharge, basins().domain).clip(0, 50)
    names = ("actual_evapotranspiration", "soil_moisture", "runoff", "nothing", "")
    still = table.iloc[:, draw % 12] * 0
    observed = (table, table * np.nan, still.to_frame(), table.set_axis(table.index + pd.Timedelta(
        days=4000), axis=0), table.T, table.mask(table > 1, -9999))  # fmt: skip
    losses = ("rmse", "nse", "kge")
    return gh.Target(names[draw % 5], observed[draw % 6], loss=losses[draw % 3])


def split(draw):
    gauges = [NAMES, NAMES[:3], [*NAMES, "elsewhere"], ["nowhere"]][draw % 4]
    return gh.Split("some", tuple(gauges), ("other",), ("2001-01-01", "2001-06-30"), ("2002-01-01",
                    "2002-06-30"))  # fmt: skip


PERIODS = (
    ("2001-06", "2001-12"), ("2001", "2001"), ("2001-06-01", "2001-06-01"), ("1990", "1991"),
    ("2001", "2002"), ("2001-12", "2001-06"), ("2001-13", "2001-14"), "2001", None, (), 5,
    ("01.06.2001", "01.07.2001"), ("2001", None), (pd.Timestamp("2001-06-01"), "2001-12"),
)  # fmt: skip
PLAIN = dict(period=PERIODS[0], spinup=100, session=QUIET)
PLAN = {
    "period": lambda n: dict(period=PERIODS[n % len(PERIODS)]),
    "split": lambda n: dict(period=split(n)),
    "spinup": lambda n: dict(
        spinup=(
            0,
            365,
            400,
            -1,
            10**12,
            1.5,
            None,
            "long",
            gh.SpinUp(50, cycles=1),
            gh.SpinUp(100, start="equilibrium"),
            gh.SpinUp(600, cycles=2),
        )[n % 11]
    ),
    "loss": lambda n: dict(loss=("kge", "rmse", "rmse_lowflow", "nce", 5, None, ["nse"])[n % 7]),
    "epochs": lambda n: dict(epochs=(-1, 1.5, "many", None, True, 0)[n % 6]),
    "optimizer": lambda n: dict(optimizer=("adadelta", "sgd", 5, None, ["adam"])[n % 5]),
    "batches": lambda n: dict(
        batches=(
            gh.Batches(5, 60, 100),
            gh.Batches(10**9, 10**9, 0),
            gh.Batches(2, 30, 10**6),
            gh.Batches(5, 400, 400),
            100,
            "all",
        )[n % 6]
    ),
    "minibatch start": lambda n: dict(
        batches=gh.Batches(5, 60, 100),
        spinup=(gh.SpinUp(50, cycles=1), gh.SpinUp(50, start="equilibrium"), 500)[n % 3],
    ),
    "targets": lambda n: dict(targets=(target(n), [target(n)], 5, "evaporation", None)[n % 5]),
    "two targets": lambda n: dict(targets=[target(n), target(n // 7)]),
    "validation": lambda n: dict(
        session=gh.Session(
            validation=(("2001-07", "2001-12"), ("2003", "2003"), ("2001-01", "2001-12"))[n % 3],
            progress=False,
        )
    ),
    "session": lambda n: dict(session=(None, 5, "cpu")[n % 3]),
    "checkpoints": lambda n: dict(checkpoints=(5, ["a"], "", gh.Checkpoints)[n % 2]),
    "as it is": lambda n: {},
}


def outcome(call):
    """Sentences with which a call refuses, of a report all its errors; anything else is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = call()
        except ERRORS as error:
            return [str(error)]
    return found.errors if isinstance(found, Report) else []


TABLES = {"forcing": FORCING, "discharge": DISCHARGE, "plan": PLAN}


def broken(draw):
    """Forcing, discharge and keywords, of which one or two are broken; and in which way."""
    forcing, discharge = parts()
    given, plan, told = {"forcing": forcing, "discharge": discharge}, dict(PLAIN), []
    for kind in draw(st.lists(st.sampled_from(list(TABLES)), min_size=1, max_size=2, unique=True)):
        name, number = draw(st.sampled_from(list(TABLES[kind]))), draw(st.integers(0, 999))
        told.append((kind, name, number))
        if kind == "plan":
            plan |= PLAN[name](number)
        else:
            given[kind] = TABLES[kind][name](given[kind], number)
    return told, given["forcing"], given["discharge"], plan


@cache
def lumped():
    return model()


@settings(
    max_examples=60, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.data())
def test_check_reports_an_error_where_training_refuses(data):
    told, forcing, discharge, plan = broken(data.draw)
    plan.setdefault("epochs", data.draw(st.sampled_from((0, 1))))
    checked = outcome(lambda: gh.check(lumped(), forcing, discharge=discharge, **plan))
    refused = outcome(lambda: gh.train(model(), forcing, discharge, **plan))
    assert bool(checked) == bool(refused), (told, checked, refused)
    if refused:
        assert refused[0] in checked, (told, checked, refused)


def test_check_takes_the_keywords_of_train_with_their_defaults():
    of_train = inspect.signature(gh.train).parameters
    keywords = {n: p for n, p in of_train.items() if p.kind is p.KEYWORD_ONLY}
    assert {f.name: f.default for f in fields(Plan)} == {
        name: MISSING if p.default is p.empty else p.default for name, p in keywords.items()
    }
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        gh.check(lumped(), parts()[0], epoch=1, period=PERIODS[0])


def test_check_tells_of_independent_parts_at_once_and_warns_as_training_does(tmp_path):
    forcing, discharge = parts()
    wrong = values(values(forcing, 0, np.nan), 4, np.inf)
    plan = PLAIN | dict(loss="nce", epochs=-1, batches=5, optimizer="sgd")
    found = gh.check(lumped(), wrong, discharge=at(discharge, 3, -99), **plan)
    assert len(found.errors) == 7
    still = discharge.assign(b04=1.0)
    keep = PLAIN | dict(epochs=0, checkpoints=tmp_path / "run")
    found = gh.check(lumped(), forcing, discharge=still, **keep)
    assert found.good and not (tmp_path / "run").exists()
    with pytest.warns(UserWarning, match=r"1 of 12 gauges are left out .*\(b04\)") as told:
        gh.train(model(), forcing, still, **keep)
    assert {str(one.message) for one in told} <= set(found.warnings)
    found = gh.check(lumped(), forcing, discharge=still, **keep)
    assert ["holds a training already" in error for error in found.errors] == [True]


def test_check_leaves_the_model_as_it_is_and_compiles_nothing(monkeypatch):
    forcing, discharge = parts()
    made, before = model(), model().state_dict()

    def fail(*_, **__):
        raise AssertionError("nothing is run by a check")

    monkeypatch.setattr(type(made), "forward", fail)
    options = PLAIN | dict(optimizer="adadelta", batches=gh.Batches(5, 60, 100))
    assert gh.check(made, forcing, discharge=discharge, **options).good
    assert all(
        torch.equal(made.state_dict()[n], v) for n, v in before.items() if v.isfinite().all()
    )
    assert not made.fitted


@pytest.mark.parametrize(
    "options",
    [
        {}, dict(period=("2001-07", "2003-12")), dict(spinup=400), dict(period=PERIODS[0]),
        dict(session=gh.Session(validation=("2002-01", "2002-06"), progress=False)),
        dict(session=gh.Session(validation=("2003-01", "2003-06"), progress=False)),
        dict(batches=gh.Batches()), dict(discharge=None),
    ],
)  # fmt: skip
def test_check_and_train_agree_on_rasters(options):
    _, _, forcing, discharge = small_world()
    options = dict(period=PERIOD, spinup=120, session=QUIET, epochs=0) | options
    discharge = options.pop("discharge", discharge)
    made = small_model()
    checked = outcome(lambda: gh.check(made, forcing, discharge=discharge, **options))
    assert checked[:1] == outcome(lambda: gh.train(made, forcing, discharge, **options))
    without = outcome(lambda: gh.check(made.domain, forcing, "hbv", discharge, **options))
    assert bool(without) <= bool(checked)


def test_what_is_no_model_is_refused_by_both():
    forcing, table = parts()
    with pytest.raises(ValueError, match=r"model is a gridhydro\.Model, not a str"):
        gh.train("hbv", forcing, table, period=("2001", "2001"), session=QUIET)
    report = gh.check("hbv", forcing, discharge=table, period=("2001", "2001"))
    assert any("is of a gridhydro.Domain or a model, not of a str" in e for e in report.errors)


def test_check_in_short_wants_discharge_of_some_gauge():
    forcing, table = parts()
    domain = basins().domain
    assert gh.check(domain, forcing, discharge=table[NAMES[:1]]).good
    others = table.set_axis([f"x{i}" for i in range(12)], axis=1)
    (error,) = gh.check(domain, forcing, discharge=others).errors
    assert error.startswith(
        "there is no discharge of the gauges b00, b01, b02, b03, b04; it has x0"
    )
