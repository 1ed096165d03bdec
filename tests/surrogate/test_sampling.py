"""Running a function at sampled parameters, and the file of its runs."""

import numpy as np
import pytest
import xarray as xr

from gridhydro import fields, surrogate
from gridhydro.surrogate import Runs
from gridhydro.surrogate.sampling import design
from tests.support.black_box import OUTPUTS, PARAMETERS, bucket, forcing, sample


def test_a_latin_hypercube_reaches_both_bounds():
    values = design(PARAMETERS, 200, seed=1)
    for field, row in zip(PARAMETERS, values, strict=True):
        np.testing.assert_allclose([row.min(), row.max()], field.bounds, rtol=1e-12)
        place = np.log(row) if field.log else row
        place = (place - place.min()) / (place.max() - place.min())
        counts = np.histogram(place, 20)[0]  # 10 in each twentieth, but for the rescaling
        assert counts.min() >= 9
        assert counts.max() <= 11
    assert abs(np.corrcoef(values)[0, 1]) < 0.2
    np.testing.assert_array_equal(values, design(PARAMETERS, 200, seed=1))
    assert not np.array_equal(values, design(PARAMETERS, 200, seed=2))


def test_runs_are_what_the_function_gives_alone_and_together():
    alone, together = sample(7, at_once=1), sample(7, at_once=3)
    xr.testing.assert_allclose(alone.data, together.data, rtol=1e-5)
    for run in (0, 5):
        row = together.data.isel(run=run)
        weather = forcing().sel(gauge=row["cell_of_run"].item())
        values = {f.name: float(row[f.name]) for f in PARAMETERS}
        np.testing.assert_allclose(row["runoff"], bucket(weather, values)["runoff"], rtol=1e-5)
    assert list(together.data["cell_of_run"].values[:5]) == ["g0", "g1", "g2", "g3", "g0"]


def test_runs_survive_their_file(tmp_path):
    runs = sample(6, out=tmp_path / "runs.nc")
    again = Runs.read(tmp_path / "runs.nc")
    xr.testing.assert_equal(runs.data, again.data)
    assert again.parameters == PARAMETERS
    assert again.outputs == OUTPUTS
    assert [f.unit for f in again.forcings] == ["mm d-1", "mm d-1"]
    assert "6, at 4 cells, 2000-01-01" in repr(again)
    assert [p.name for p in tmp_path.iterdir()] == ["runs.nc"]


class Broken(Exception):
    pass


def test_an_interrupted_sampling_resumes(tmp_path, monkeypatch):
    monkeypatch.setattr("gridhydro.surrogate.sampling.SAVE_EVERY", 0.0)
    calls = []

    def stops(weather, values):
        calls.append(values["capacity"])
        if len(calls) == 4:
            raise KeyboardInterrupt
        return bucket(weather, values)

    whole = sample(6, at_once=1)
    with pytest.raises(KeyboardInterrupt):
        sample(6, at_once=1, function=stops, out=tmp_path / "runs.nc")
    assert not (tmp_path / "runs.nc").exists()
    with pytest.raises(ValueError, match="another sampling: sum of the parameters differ"):
        sample(6, at_once=1, out=tmp_path / "runs.nc", resume=True, seed=5)
    found = sample(6, at_once=1, function=stops, out=tmp_path / "runs.nc", resume=True)
    xr.testing.assert_equal(found.data, whole.data)
    assert len(calls) == 4 + 3  # three were kept, the fourth is run again
    sample(6, at_once=1, function=stops, out=tmp_path / "runs.nc", resume=True)
    assert len(calls) == 7  # all was done
    with pytest.raises(ValueError, match=r"runs.nc is of another .*: sum of the parameters differ"):
        sample(6, at_once=1, out=tmp_path / "runs.nc", resume=True, seed=5)


def _never(weather, values):
    raise AssertionError("nothing is to be run")


def _swapped(weather):
    weather["precipitation"][:] = weather["precipitation"].values[:, ::-1]


def _other_units(weather):
    weather["precipitation"].attrs["units"] = "kg m-2"


@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        (dict(outputs=OUTPUTS[:1]), None, "outputs differ"),
        (dict(outputs=fields("runoff mm h-1: q", "soil_wetness 1: w")), None, "outputs differ"),
        (dict(sets=5), None, "sum of the parameters, runs differ"),
        ({}, _swapped, "values of the forcing differ"),
        ({}, _other_units, "units of the forcing differ"),
        ({}, lambda w: w.assign_coords(time=w.indexes["time"] + np.timedelta64(1, "D")),
         "days differ"),
    ],
)  # fmt: skip
def test_finished_runs_of_another_sampling_are_refused(tmp_path, options, change, message):
    sample(6, out=tmp_path / "runs.nc")
    weather = forcing().copy(deep=True)
    if change:
        weather = change(weather) or weather
    options = dict(outputs=OUTPUTS, sets=6, progress=False) | options
    with pytest.raises(ValueError, match=rf"runs.nc is of another sampling: {message}"):
        surrogate.sample(
            _never, PARAMETERS, weather, out=tmp_path / "runs.nc", resume=True, **options
        )


def test_runs_of_an_unknown_sampling_are_not_resumed(tmp_path):
    runs = sample(6)
    for name, other in (
        ("own.nc", Runs(_foreign().isel(run=slice(6)))),
        ("some.nc", runs.select(range(6))),
    ):
        other.write(tmp_path / name)
        with pytest.raises(ValueError, match=f"{name} does not say which sampling"):
            sample(6, function=_never, out=tmp_path / name, resume=True)
    runs.write(tmp_path / "all.nc")
    sample(6, function=_never, out=tmp_path / "all.nc", resume=True)


def test_runs_are_not_overwritten(tmp_path, monkeypatch):
    out = tmp_path / "runs.nc"
    before = sample(6, out=out).data
    with pytest.raises(ValueError, match=r"runs.nc holds runs already: go on with resume=True"):
        sample(6, seed=5, function=_never, out=out)
    xr.testing.assert_equal(Runs.read(out).data, before)
    out.unlink()
    monkeypatch.setattr("gridhydro.surrogate.sampling.SAVE_EVERY", 0.0)

    def stops(weather, values):
        if values["capacity"] == before["capacity"].values[3]:
            raise KeyboardInterrupt
        return bucket(weather, values)

    with pytest.raises(KeyboardInterrupt):
        sample(6, at_once=1, function=stops, out=out)
    with pytest.raises(ValueError, match=r"runs.nc.part holds runs already: go on with resume"):
        sample(6, function=_never, out=out)
    assert len(list((tmp_path / "runs.nc.part").glob("runs-*.npz"))) == 3


def _with_hole(weather):
    weather["precipitation"][7, 2] = np.nan


def _unknown_unit(weather):
    weather["precipitation"].attrs["units"] = "furlong"


@pytest.mark.parametrize(
    ("outputs", "change", "message"),
    [
        (OUTPUTS, _with_hole, "'precipitation' is missing on 2000-01-08, cell g2; 1 of 2000"),
        (OUTPUTS, lambda w: w.isel(time=np.r_[0:10, 11:500]), "without gaps: 2000-01-10 is"),
        (OUTPUTS, _unknown_unit, "'precipitation' is in 'furlong', which is not known"),
        (fields("runoff m3 s-1: q", "soil_wetness 1: w"), None, "'runoff' is in 'm3 s-1', which"),
    ],
)
def test_unfit_forcing_and_units_are_refused_before_the_first_run(outputs, change, message):
    weather = forcing().copy(deep=True)
    if change:
        weather = change(weather) or weather
    with pytest.raises(ValueError, match=message):
        surrogate.sample(_never, PARAMETERS, weather, outputs=outputs, sets=4, progress=False)


def test_outputs_implausible_in_their_units_are_refused_after_the_first_runs():
    calls = []

    def counted(weather, values):
        calls.append(values)
        return bucket(weather, values)

    outputs = fields("runoff m s-1: q", "soil_wetness 1: w")
    with pytest.raises(ValueError, match=r"'runoff' says 'm s-1', but is .* mend its units"):
        sample(12, at_once=1, function=counted, outputs=outputs)
    assert len(calls) == 5


def test_outputs_in_kelvin_come_out_in_degrees():
    def warm(weather, values):
        return {"temperature": 283.15 + 0 * bucket(weather, values)["runoff"]}

    runs = sample(6, function=warm, outputs=fields("temperature K: of the soil"))
    assert runs.outputs[0].unit == "degC"
    np.testing.assert_allclose(runs.series(runs.outputs[0]), 10, atol=1e-4)


def test_runs_that_fail_are_named_and_the_others_kept():
    def picky(weather, values):
        found = bucket(weather, values)
        if np.any(np.asarray(values["capacity"]) > 150):
            raise Broken("too deep")
        found["runoff"] = np.where(np.asarray(values["recession"]) > 0.3, np.nan, found["runoff"])
        return found

    with pytest.warns(UserWarning, match="runs gave nothing") as said:
        runs = sample(20, at_once=4, function=picky)
    deep = runs.data["capacity"].values > 150
    fast = runs.data["recession"].values > 0.3
    np.testing.assert_array_equal(runs.failed, deep | fast)
    assert 0 < deep.sum() < 20
    text = str(said[0].message)
    assert "Broken: too deep" in text
    assert f"{runs.failed.sum()} of 20" in text
    assert np.isnan(runs.data["soil_wetness"].values[:, runs.failed]).all()
    assert np.isfinite(runs.data["runoff"].values[:, ~runs.failed]).all()
    reasons = runs.data["failure"].values[fast & ~deep]
    assert all(r.startswith("runoff is nan on 2000-01-01") for r in reasons)


def _fails(weather, values):
    raise Broken("no licence")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_fails, "none of the first 5 runs gave anything; the first: Broken: no licence"),
        (lambda w, v: {"q": 1}, "returns q; it should return runoff, soil_wetness"),
        (lambda w, v: bucket(w, v) | {"runoff": np.zeros(3)}, r"'runoff' with the shape \(3,\)"),
        (lambda w, v: 3.0, "returns <class 'float'>; it should return"),
    ],
)
def test_functions_with_unfit_results_are_refused(function, message):
    with pytest.raises(ValueError, match=message):
        sample(8, at_once=1, function=function)


@pytest.mark.parametrize(
    ("parameters", "change", "message"),
    [
        (fields("capacity mm: depth"), None, "'capacity' has no range"),
        (fields("recession d-1 [0, 1] log: rate"), None, "'recession' starts at 0"),
        (fields("runoff mm [0, 1]: depth"), None, "'runoff' is two things at once"),
        (PARAMETERS, lambda f: f["precipitation"].attrs.clear(), "'precipitation' has no units"),
    ],
)
def test_unfit_parameters_are_refused(parameters, change, message):
    weather = forcing().copy(deep=True)
    if change:
        change(weather)
    with pytest.raises(ValueError, match=message):
        surrogate.sample(bucket, parameters, weather, outputs=OUTPUTS, sets=4, progress=False)


def test_forcing_of_one_cell_and_of_a_raster():
    one = forcing().isel(gauge=0, drop=True)
    runs = surrogate.sample(bucket, PARAMETERS, one, outputs=OUTPUTS, sets=3, progress=False)
    assert runs.data.sizes["cell"] == 1
    raster = forcing().rename(gauge="x").expand_dims("y")
    with pytest.raises(ValueError, match="over x, y beside time: make one axis"):
        surrogate.sample(bucket, PARAMETERS, raster, outputs=OUTPUTS, sets=3, progress=False)
    stacked = raster.stack(cell=["x", "y"]).reset_index("cell")
    runs = surrogate.sample(bucket, PARAMETERS, stacked, outputs=OUTPUTS, sets=3, progress=False)
    assert runs.data.sizes["cell"] == 4


def _foreign() -> xr.Dataset:
    """A file as somebody else would write it: no names of runs, no failures, axes swapped."""
    data = sample(8).data.drop_vars(["failure", "run"])
    for name in ("capacity", "recession"):
        del data[name].attrs["sampled_range"]
    data["runoff"] = data["runoff"].transpose("run", "time")
    data.attrs = {}
    return data


def test_files_made_elsewhere_are_read():
    runs = Runs(_foreign())
    assert runs.series(runs.outputs[0]).shape == (500, 8)
    capacity = runs.parameters[0]
    assert capacity.bounds == pytest.approx((20, 200))
    few = runs.select(runs.data["capacity"].values < 100)
    assert few.size < 8
    assert few.parameters == runs.parameters  # the range is that of the sampling


def test_units_of_runs_are_converted():
    ours = Runs(_foreign())
    data = _foreign()
    data["precipitation"] = (data["precipitation"] / 86400).assign_attrs(units="kg m**-2 s**-1")
    data["runoff"] = data["runoff"].assign_attrs(units="mm/day")
    theirs = Runs(data)
    assert theirs.forcings == ours.forcings
    assert theirs.outputs == ours.outputs
    for field in ours.forcings:
        np.testing.assert_allclose(theirs.series(field), ours.series(field), rtol=1e-5)
    data["runoff"].attrs["units"] = "m3 s-1"
    with pytest.raises(ValueError, match="'runoff' is in 'm3 s-1', which is not known"):
        Runs(data)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d.rename(run="member"), "no dimension run"),
        (lambda d: d.rename(cell="site", cell_of_run="site_of_run"),
         "dimension 'site', of files written before it was called 'cell': rename it"),
        (lambda d: d.drop_vars("cell_of_run"), "lack 'cell_of_run'"),
        (lambda d: d.assign(cell_of_run=("run", ["g9"] * 8)), "run 0 is at the cell 'g9'"),
        (lambda d: d.assign(runoff=d["runoff"].assign_attrs(units="")), "'runoff' has no units"),
        (lambda d: d.drop_vars(["runoff", "soil_wetness"]), "have no output"),
        (lambda d: d.assign(capacity=d["capacity"].where(d["capacity"] > 100)),
         r"'capacity' is missing run \d"),
        (lambda d: d.assign(precipitation=d["precipitation"].where(d.cell != "g2")),
         "'precipitation' is missing on 2000-01-01, cell g2; 500 of 2000"),
        (lambda d: d.isel(time=np.r_[0:10, 11:500]), "not daily without gaps: 2000-01-10"),
    ],
)  # fmt: skip
def test_unfit_files_are_refused(spoil, message, tmp_path):
    data = spoil(_foreign())
    data.to_netcdf(tmp_path / "runs.nc")
    with pytest.raises(ValueError, match=f"(?s)runs.nc: .*{message}"):
        Runs.read(tmp_path / "runs.nc")


def test_splits_have_no_run_and_no_cell_in_common():
    runs = sample(20)
    learned, scored = runs.split(0.25, seed=3)
    assert (learned.size, scored.size) == (15, 5)
    assert not set(learned.data["run"].values) & set(scored.data["run"].values)
    learned, scored = runs.split(0.25, by="cell")
    assert not set(learned.cell) & set(scored.cell)
    assert learned.size + scored.size == 20
    with pytest.raises(ValueError, match="needs some on both sides"):
        runs.split(0.01)
