"""Options as people give them: taken as they are meant, or refused by name."""

import numpy as np
import pandas as pd
import pytest

import gridhydro as gh
from gridhydro.training.batches import Batches
from tests.support.lumped import basins, fit
from tests.support.options import grouped
from tests.support.small_basins import NAMES, PERIOD


@pytest.mark.parametrize(
    "options, text",
    [
        (dict(network="transformer"), "network is one of 'mlp', 'lstm'"),
        (dict(dynamic=["beta"]), "cannot change by day"),
        (dict(network="lstm", dynamic=["beta2"]), "'beta2' is no parameter of the column"),
        (dict(unit_hydrograph="sum"), "of is one of 'mean', 'components'"),
        (dict(weights="best"), "weights is one of"),
        (dict(dropout=1.5), "dropout is a number from 0 to 1, not 1.5"),
        (dict(network="lstm", dropout=-0.1), "dropout is a number from 0 to 1"),
        (dict(network="lstm", dynamic=["beta"], dynamic_dropout=1.2), "dynamic_dropout is a num"),
        (dict(network="lstm", dynamic="beta"), r"dynamic is a list of names, such as \['beta'\]"),
        (dict(hidden=8.5), "hidden is 8.5, should be a whole number"),
        (dict(components=0), "components is 0, should be a whole number, 1 or more"),
        (dict(dynamic_dropout=-1), "dynamic_dropout is a number from 0 to 1"),
        (dict(log_attributes=["height"]), "no attribute is called height"),
    ],
)
def test_wrong_options_of_a_model_are_refused(options, text):
    parts = basins()
    with pytest.raises(ValueError, match=text):
        gh.Model(parts.domain, "hbv", parts.attributes, **grouped(**options))


def test_dates_and_numbers_of_pandas_and_numpy_are_kept_with_the_run(tmp_path):
    period = (pd.Timestamp("2001-01-01"), np.datetime64("2002-12-31"))
    split = gh.splits.hold_out(np.array(NAMES), np.array(NAMES[:2]), period)
    two = np.int64(2)
    parts = basins()
    lstm = gh.Model(
        parts.domain,
        "hbv",
        parts.attributes,
        network=gh.ParameterNetwork("lstm", hidden=np.int64(8), seed=two),
        components=two,
    )
    batches = Batches(np.int64(5), np.int64(120), np.int64(100))
    options = dict(
        batches=batches,
        epochs=two,
        session=gh.Session(seed=two, progress=False),
        optimizer=gh.Optimizer(learning_rate=np.float32(0.01)),
    )
    run = gh.train(
        lstm, parts.forcing, parts.discharge, period=split, checkpoints=tmp_path, **options
    )
    assert run.about["period"] == ["2001-01-01", "2002-12-31"]
    run.save_model(tmp_path)
    again = gh.load(tmp_path, parts.forcing)
    scores = again.evaluate(parts.discharge, period)
    pd.testing.assert_frame_equal(
        scores, run.evaluate(parts.discharge, PERIOD, name=scores["period"][0])
    )


@pytest.mark.parametrize(
    "options, text",
    [
        (dict(batches={"gauges": 5}), "batches is a gridhydro.Batches"),
        (dict(period="2001"), "a period is two dates, months or years such as .*, not '2001'"),
        (dict(period=("2001", None)), "a period is two dates"),
        (dict(epochs=2.5), "epochs is 2.5, should be a whole number, 0 or more"),
    ],
)
def test_wrong_options_of_a_training_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        fit(**options)
