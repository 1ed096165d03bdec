"""Training: it learns, keeps what it is told to keep out out, and refuses what does not fit."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import gridhydro as gh
from gridhydro import Domain, Model, Run, train
from gridhydro.inputs.forcing import Forcing
from gridhydro.nets.options import ParameterNetwork
from gridhydro.observations.discharge import discharge_table
from gridhydro.training.check import check
from tests.support.bucket import Bucket
from tests.support.small_world import OUTLET, PERIOD, small_model, small_world

SHORT = dict(period=PERIOD, spinup=120, session=gh.Session(progress=False))


def fit(model=None, **options):
    _, _, forcing, discharge = small_world()
    options = SHORT | {"epochs": 3, "discharge": discharge} | options
    return train(model or small_model(), forcing, **options)


def weights(run):
    return torch.cat([p.detach().flatten() for p in run.model.network.parameters()])


def test_training_lowers_the_loss_and_raises_the_score():
    _, _, _, discharge = small_world()
    run = fit(epochs=25, optimizer=gh.Optimizer(learning_rate=0.02))
    assert run.history["loss"].iloc[-1] < 0.6 * run.history["loss"].iloc[0]
    before = (
        fit(epochs=1, optimizer=gh.Optimizer(learning_rate=1e-9))
        .evaluate(discharge, PERIOD)
        .set_index("gauge")
    )
    after = run.evaluate(discharge, PERIOD).set_index("gauge")
    assert (after["nse"] > before["nse"]).all()
    assert after.loc[OUTLET, "nse"] > 0.85


def test_training_ignores_a_gauge_held_out():
    domain, _, _, discharge = small_world()
    out = next(name for name in domain.gauges.index if name != OUTLET)
    changed = discharge.copy()
    changed[out] *= 7
    split = gh.splits.hold_out(domain.gauges.index, [out], PERIOD)
    runs = [fit(discharge=q, period=split) for q in (discharge, changed)]
    assert torch.equal(weights(runs[0]), weights(runs[1]))
    assert not torch.equal(weights(runs[0]), weights(fit()))
    use = runs[0].evaluate(discharge, PERIOD).set_index("gauge")["gauge_use"]
    assert use[out] == "held out" and use[OUTLET] == "trained"


def test_training_ignores_days_without_observation():
    _, _, _, discharge = small_world()
    gap = discharge.copy()
    gap.loc["2001-09"] = np.nan
    dropped = discharge.drop(discharge.loc["2001-09"].index)
    assert torch.equal(weights(fit(discharge=gap)), weights(fit(discharge=dropped)))


@pytest.mark.parametrize("loss", ["nse", "kge", "rmse_lowflow"])
def test_every_loss_trains(loss):
    run = fit(loss=loss, epochs=8)
    assert run.history["loss"].iloc[-1] < run.history["loss"].iloc[0]


def test_training_with_components_and_fixed_parameters():
    run = fit(small_model(components=3, fixed={"C": 0.0, "gamma": 1.0}))
    maps = run.parameters
    assert (maps["gamma"].max(), maps["gamma"].min()) == (1, 1)
    values = run.model.cell_parameters()
    assert values["beta"].shape == (run.model.domain.size, 3)
    assert values["beta"].std(-1).max() > 0


def test_the_spin_up_carries_no_gradient_and_fills_the_stores():
    model = small_model()
    domain, _, dataset, _ = small_world()
    forcing = Forcing.read(dataset, domain, model.column).values[:, :60]
    state = model.spin_up(forcing)
    assert not any(t.requires_grad for t in (*state.column.values(), state.river))
    once = model(forcing, state).state
    again = model.spin_up(forcing, cycles=2)
    torch.testing.assert_close(once.river.detach(), again.river, rtol=0, atol=0)


def test_model_run_in_two_pieces_equals_one_run():
    model = small_model()
    domain, _, dataset, _ = small_world()
    forcing = Forcing.read(dataset, domain, model.column).values[:, :50]
    with torch.no_grad():
        whole = model(forcing)
        first = model(forcing[:, :17])
        second = model(forcing[:, 17:], first.state)
    assert torch.equal(whole.discharge, torch.cat([first.discharge, second.discharge]))


def test_more_cycles_of_spin_up_instead_of_a_longer_record():
    run = fit(period=("2001", "2001"), spinup=gh.SpinUp(days=0, cycles=2))
    assert run.about["spinup_cycles"] == 2
    first_day = run.discharge().iloc[0]
    run.about["spinup_cycles"] = 0
    assert (first_day > 2 * run.discharge().iloc[0]).all()  # full stores, not empty ones


@pytest.mark.parametrize(
    "options, text",
    [
        ({"period": ("1950", "1951")}, "not all in the forcing, which goes from 2001-01-01"),
        ({"spinup": 400}, "needs 400 days before 2001-07-01, the forcing has 181"),
        (
            {"period": gh.splits.hold_out(["nowhere", OUTLET], [OUTLET], PERIOD)},
            "no gauge is called nowhere; there is",
        ),
        ({"loss": "mse"}, "there is no loss 'mse'"),
    ],
)
def test_training_options_that_do_not_fit_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        fit(**options)


def test_discharge_that_does_not_fit_is_refused():
    _, _, _, discharge = small_world()
    with pytest.raises(ValueError, match=f"no discharge of the gauges {OUTLET}"):
        fit(discharge=discharge.drop(columns=OUTLET))
    empty = discharge.copy()
    empty[OUTLET] = np.nan
    with pytest.raises(ValueError, match=f"gauges {OUTLET} have no observation from 2001-07-01"):
        fit(discharge=empty)


def test_forcing_with_holes_is_refused_by_cell_and_day():
    _, _, forcing, discharge = small_world()
    model = small_model()
    row, col = model.domain.row[5], model.domain.col[5]
    y, x = model.domain.y[row], model.domain.x[col]
    holed = forcing.copy(deep=True)
    holed["temperature"].loc[{"time": "2001-03-04", "y": y, "x": x}] = np.nan
    with pytest.raises(ValueError, match=r"temperature is missing on 2001-03-04 in .*row"):
        train(model, holed, discharge, **SHORT, epochs=1)
    with pytest.raises(ValueError, match="not daily without gaps: 2001-02-28 is followed by"):
        gap = forcing.sel(time=forcing.time != pd.Timestamp("2001-03-01"))
        train(model, gap, discharge, **SHORT)
    with pytest.raises(ValueError, match="lacks temperature"):
        train(model, forcing.drop_vars("temperature"), discharge, **SHORT)


def test_run_saved_and_loaded_is_the_same(tmp_path):
    _, _, forcing, _ = small_world()
    run = fit()
    run.save_model(tmp_path)
    back = Run.load(tmp_path, forcing)
    pd.testing.assert_frame_equal(back.discharge(), run.discharge(), check_exact=True)
    assert back.about == run.about
    with pytest.raises(FileNotFoundError, match="holds no finished run"):
        Run.load(tmp_path / "elsewhere")


def test_fill_values_and_fluxes_of_the_other_sign_are_refused():
    _, _, forcing, discharge = small_world()
    model = small_model()
    for name, value, text in (
        ("precipitation", -9999.0, r"precipitation is -9999 mm d-1 on 2001-01-01 in row"),
        ("potential_evapotranspiration", -3.0, "or a flux of the opposite sign"),
        ("temperature", -9999.0, "temperature is -9999 degC on 2001-01-01"),
    ):
        changed = forcing.copy(deep=True)
        changed[name][0] = value
        with pytest.raises(ValueError, match=text):
            train(model, changed, discharge, **SHORT)
    rounding = forcing.copy(deep=True)
    rounding["precipitation"][0] = -1e-6
    assert Forcing.read(rounding, model.domain, model.column).values[0, 0].min() == 0


def test_discharge_of_other_units_and_with_codes_is_not_taken_as_it_is():
    _, _, _, discharge = small_world()
    array = xr.DataArray(discharge / 0.3048**3, dims=("time", "gauge"), attrs={"units": "ft3 s-1"})
    pd.testing.assert_frame_equal(
        discharge_table(array),
        discharge,
        check_names=False,
        check_freq=False,
        check_column_type=False,
        rtol=1e-9,
    )
    coded = discharge.copy()
    coded.iloc[3, 0] = -999
    with pytest.raises(ValueError, match=r"is -999 m3 s-1 on 2001-01-04 at gauge .*, 1 of"):
        fit(discharge=coded)
    with pytest.raises(ValueError, match="discharge has several times a day"):
        fit(discharge=discharge.resample("h").ffill())


def test_a_period_that_the_forcing_does_not_have_whole_is_refused():
    with pytest.raises(ValueError, match="2001-07 to 2009 is not all in the forcing"):
        fit(period=("2001-07", "2009"))


def test_a_run_with_a_column_of_ones_own_comes_back_too(tmp_path):
    _, _, forcing, _ = small_world()
    run = fit(small_model(column=Bucket()))
    run.save_model(tmp_path)
    with pytest.raises(ValueError, match="no column 'bucket'"):
        Run.load(tmp_path, forcing)
    back = Run.load(tmp_path, forcing, column=Bucket())
    pd.testing.assert_frame_equal(back.discharge(), run.discharge(), check_exact=True)


def test_attributes_of_basins_go_by_name_not_by_place():
    domain = Domain.of_basins([100.0, 200.0, 300.0], ["a", "b", "c"])
    table = pd.DataFrame({"slope": [1.0, 2.0, 3.0]}, index=["a", "b", "c"])
    models = [
        Model(domain, attributes=t, network=ParameterNetwork(hidden=(4,)))
        for t in (table, table.iloc[::-1])
    ]
    assert torch.equal(models[0].attributes, models[1].attributes)
    with pytest.raises(ValueError, match="the attribute 'slope' lacks the basins c: index the"):
        Model(domain, attributes=table.rename({"c": "d"}))


def test_files_with_a_grid_mapping_are_read_as_they_are(tmp_path):
    domain, attributes, forcing, _ = small_world()
    for name, dataset in (("attributes", attributes), ("forcing", forcing.isel(time=slice(0, 9)))):
        dataset.rio.write_crs(3035).to_netcdf(tmp_path / f"{name}.nc")
    with xr.open_dataset(tmp_path / "attributes.nc") as maps:
        assert "spatial_ref" in maps.data_vars
        model = Model(domain, attributes=maps, network=ParameterNetwork(hidden=(4,)))
    assert set(model.network.names) == set(attributes)
    with xr.open_dataset(tmp_path / "forcing.nc") as series:
        assert check(domain, series).good
        assert Forcing.read(series, domain, model.column).values.shape == (3, 9, domain.size)


def test_evaluate_refuses_a_period_without_simulation():
    _, _, _, discharge = small_world()
    with pytest.raises(ValueError, match="the forcing goes from 2001-01-01 to 2002-12-31"):
        fit().evaluate(discharge, ("2020", "2021"))


def test_dates_are_not_guessed():
    _, _, _, discharge = small_world()
    text = discharge.set_axis(discharge.index.strftime("%Y-%m-%d"))
    assert (discharge_table(text).index == discharge.index).all()
    for index in (discharge.index.strftime("%d/%m/%Y"), range(len(discharge))):
        with pytest.raises(ValueError, match="should be dates: read it with"):
            discharge_table(discharge.set_axis(index))
