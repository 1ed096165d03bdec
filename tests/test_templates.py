"""The templates that CONTRIBUTING names work as they stand."""

import pandas as pd
import pytest
import torch

from gridhydro import simulate
from gridhydro.columns import column
from gridhydro.columns.components import Components
from tests.support.template_column import Bucket
from tests.support.template_network import BoundedAttributes
from tests.support.template_reader import read_folder


def test_the_template_of_a_column_conserves_water():
    rain, demand = torch.rand(200, 5) * 20, torch.rand(200, 5) * 4
    fluxes = ("runoff", "actual_evapotranspiration")
    found, end = simulate(
        Bucket(), torch.stack([rain, demand]), {"capacity": torch.full((5,), 80.0)}, outputs=fluxes
    )
    assert found["runoff"].max() > 1
    gained = end["soil_moisture"][:, 0] - 50.0
    torch.testing.assert_close(rain.sum(0), sum(v.sum(0) for v in found.values()) + gained)


def test_the_template_of_a_network_gives_parameters_within_bounds():
    attributes = {"slope": torch.linspace(0, 90, 7), "sand": torch.linspace(1, 0, 7)}
    network = BoundedAttributes(attributes, column("hbv").parameters, components=Components(2))
    network.inputs.fit(network.matrix(attributes))
    found = network(network.matrix(attributes))
    low, high = next(f.bounds for f in column("hbv").parameters if f.name == "FC")
    assert found["FC"].shape == (7, 2) and ((low < found["FC"]) & (found["FC"] < high)).all()
    assert found["FC"].std() > 0


def test_the_template_of_a_reader_gives_series_in_our_units(tmp_path):
    days = pd.date_range("2001-01-01", periods=4).strftime("%Y-%m-%d")
    for k, gauge in enumerate(("a", "b")):
        table = {"date": days, "prcp": [0.0, 1, 2, k], "tmean": 273.15 + k, "qobs": 0.5}
        pd.DataFrame(table).to_csv(tmp_path / f"{gauge}.csv", index=False)
    data = read_folder(tmp_path, period=("2001-01-02", "2001-01-04"))
    assert data["precipitation"].values.tolist() == [[1, 1], [2, 2], [0, 1]]
    assert data["temperature"].values[0].tolist() == pytest.approx([0, 1])
    assert data["temperature"].attrs["units"] == "degC"
    with pytest.raises(ValueError, match="no basin c"):
        read_folder(tmp_path, basins=["c"])
