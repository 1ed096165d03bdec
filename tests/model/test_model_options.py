"""The options of a model: refused by name where they do not fit, kept with a run and read again."""

import json

import numpy as np
import pytest
import torch

import gridhydro as gh
from gridhydro.model import options
from gridhydro.nets import Attributes, Correction
from tests.support.lumped import basins
from tests.support.small_world import small_model, small_world

HYDROGRAPH = dict(routing=gh.UnitHydrograph("components"))
LSTM = gh.ParameterNetwork("lstm", (8, 6), dynamic=["beta"], dynamic_dropout=0.3, seed=4)
KINDS = {
    "mlp": dict(components=gh.Components(3, "learned"), fixed={"C": 0.0}, **HYDROGRAPH),
    "lstm": dict(network=LSTM, scheme="explicit:2"),
    "free": dict(network="free"),
    "river": dict(routing=gh.River(3, substeps=2, learned="lag"), network="none"),
    "channel": dict(
        routing=gh.River(2, substeps=8, reach="muskingum_cunge"), fixed={"river_shape": 0.5}
    ),
}


def past():
    parts = basins()
    return gh.History.of(parts.domain, [parts.forcing], ("2001", "2002"), 10)


def made(kind):
    parts = basins()
    if kind in ("river", "channel"):
        domain, attributes, _, _ = small_world()
        properties = {"river_slope": gh.river_slope(domain, attributes["elevation"])}
        return gh.Model(domain, "hbv", attributes, properties=properties, **KINDS[kind])
    if kind == "rival":
        network = gh.ParameterNetwork("lstm", 8, dropout=0.1)
        return gh.LSTMModel(parts.domain, parts.attributes, network)
    if kind == "gz":
        network = gh.ParameterNetwork("gz", 8, history=past(), log_attributes=["slope"])
        return gh.Model(parts.domain, "hbv", parts.attributes, network=network)
    return gh.Model(parts.domain, "hbv", parts.attributes, **KINDS[kind])


def flat(kept):
    """Options as version 0.1.0 kept them before they had groups."""
    network = kept["network"]
    both = dict(column=kept["column"], network=network["kind"], seed=network["seed"])
    both |= {name: network[name] for name in ("hidden", "dropout", "log_attributes")}
    if kept["column"] == "lstm":
        return both | {"hidden": network["hidden"][0]}
    routing = kept["routing"] or {}
    usual = dict(reservoirs=1, substeps=4, delay=0, velocity=None, learned="velocity")
    return both | dict(
        components=kept["components"]["count"], weights=kept["components"]["weights"],
        dynamic=network["dynamic"], dynamic_dropout=network["dynamic_dropout"] or 0.4,
        fixed=kept["fixed"], river=routing.get("river", usual), scheme=kept["scheme"],
        unit_hydrograph=routing.get("unit_hydrograph", {}).get("of"), correction=None,
        history=network["history"],
    )  # fmt: skip


@pytest.mark.parametrize("before", [False, True], ids=["grouped", "flat"])
@pytest.mark.parametrize("kind", [*KINDS, "gz", "rival"])
def test_options_are_read_again(kind, before, tmp_path):
    model = made(kind)
    with torch.no_grad():  # other weights than those that the seed gives
        for weight in model.network.parameters():
            weight.add_(0.1)
    gh.Run(model, None, None, {}).save_model(tmp_path)
    if before:
        file = tmp_path / "run.json"
        content = json.loads(file.read_text())
        names = {name: content["model"][name] for name in ("attributes", "properties")}
        kept = flat(content["model"])
        if kind == "free":
            kept["dropout"] = 0.2  # nothing read it there
        file.write_text(json.dumps(content | {"model": kept | names}))
    again = gh.load(tmp_path).model
    assert again.options == model.options
    assert (again.routing, again.components) == (model.routing, model.components)
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_a_correction_of_ones_own_is_not_read_again(tmp_path):
    class Own(Correction):
        forcing, series = "potential_evapotranspiration", ("temperature",)

        def __init__(self):
            super().__init__()
            self.inputs = Attributes({"size": np.ones(small_world()[0].size)})

    kept = small_model().options | {
        "correction": options.to_json("hbv", LSTM, correction=Own())["correction"]
    }
    with pytest.raises(ValueError, match="a correction of its own, which is not kept"):
        options.from_json(kept)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (dict(kind="cnn"), "network is one of 'mlp', 'lstm'"),
        (dict(hidden=(8, 0)), "hidden is 0, should be a whole number, 1 or more"),
        (dict(kind="free", hidden=8), "network='free' has no hidden layers"),
        (dict(kind="none", dropout=0.1), "'dropout' is not used by network='none'"),
        (dict(dynamic_dropout=0.1), "'dynamic_dropout' is not used by network='mlp'"),
        (dict(dynamic=["beta"]), "beta cannot change by day with network='mlp'"),
        (dict(history=object()), "network='mlp' reads no history"),
        (dict(log_attributes="slope"), r"log_attributes is a list of names, such as \['slope'\]"),
        (dict(seed=-1), "seed is -1, should be a whole number, 0 or more"),
    ],
)
def test_options_of_a_network_are_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        gh.ParameterNetwork(**arguments)


@pytest.mark.parametrize(
    ("kind", "arguments", "text"),
    [
        (gh.Components, dict(count=0), "components is 0, should be a whole number, 1 or more"),
        (gh.Components, dict(count=2, weights="best"), "weights is one of 'mean', 'learned'"),
        (gh.River, dict(reservoirs=9), "river: reservoirs is one of 1, 2, 3, 4, 5, not 9"),
        (gh.River, dict(substeps=0), "river: substeps is 0, should be a whole number, 1 or more"),
        (gh.River, dict(delay=5), "river: delay is one of 0, 1, not 5"),
        (gh.River, dict(velocity="fast"), "river: velocity is 'fast', should be a number"),
        (gh.River, dict(velocity=-1), "river: velocity is -1.0, outside 0.05 to 5.0 m s-1"),
        (gh.UnitHydrograph, dict(of="sum"), "of is one of 'mean', 'components'"),
        (gh.Stepping, dict(scheme="euler"), "there is no scheme 'euler'"),
        (gh.Stepping, dict(storage="some"), "storage is one of 'auto', 'all', not 'some'"),
        (gh.Stepping, dict(storage=0), "storage is 0, should be a whole number, 1 or more"),
        (gh.Stepping, dict(backend="jax"), "there is no backend 'jax'; there is numba, triton"),
        (gh.PeriodMeans, dict(outputs="runoff", averages=1), "outputs is a list of names"),
        (gh.PeriodMeans, dict(outputs=["runoff"], averages=None), "over what is not said"),
    ],
)
def test_options_are_refused_where_they_are_made(kind, arguments, text):
    with pytest.raises(ValueError, match=text):
        kind(**arguments)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (dict(network=8), r"network is a kind \('mlp', 'lstm', .* not 8"),
        (dict(routing="hydropy"), "routing is a gridhydro.River"),
        (dict(fixed={"C": "none"}), "the fixed 'C' is 'none', should be a number"),
        (dict(fixed={"c": 0.0}), "no parameter is called c; there is beta, FC"),
        (dict(routing=gh.River()), "lumped basins have no rivers: leave routing out"),
        (dict(network="gz"), "network='gz' reads what was observed of the cells: give it history"),
    ],
)
def test_arguments_of_a_model_are_refused(arguments, text):
    parts = basins()
    with pytest.raises(ValueError, match=text):
        gh.Model(parts.domain, "hbv", parts.attributes, **arguments)


def test_a_unit_hydrograph_is_not_for_rasters():
    with pytest.raises(ValueError, match="the unit hydrograph is for lumped basins"):
        small_model(routing=gh.UnitHydrograph())


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ("mlp", "LSTMModel is of network='lstm', not network='mlp'"),
        (gh.ParameterNetwork("lstm", (8, 4)), r"hidden is one size of an LSTMModel, not \(8, 4\)"),
        (gh.ParameterNetwork("lstm", dynamic=["beta"]), "LSTMModel has no parameters"),
    ],
)
def test_an_lstm_without_physics_refuses_what_it_has_no_use_for(network, text):
    parts = basins()
    with pytest.raises(ValueError, match=text):
        gh.LSTMModel(parts.domain, parts.attributes, network)


def test_networks_say_whether_they_read_the_weather():
    reads = {kind: made(kind).network.reads_weather for kind in (*KINDS, "gz", "rival")}
    assert {kind for kind, weather in reads.items() if weather} == {"lstm", "rival"}
