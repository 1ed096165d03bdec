"""A trained model carried over to basins that it was not trained on."""

from __future__ import annotations

import xarray as xr

from gridhydro.inputs.attributes import attribute_values, without_gaps
from gridhydro.inputs.basins import lumped_domain, with_pet
from gridhydro.inputs.history import History, of_others
from gridhydro.model import options
from gridhydro.model.base import CellModel
from gridhydro.model.lstm_model import make_model


def carried_over(
    model: CellModel, basins: xr.Dataset, pet: str, history: History | xr.Dataset | None
) -> tuple[CellModel, xr.Dataset]:
    """The model with the same weights for other lumped basins, and the forcing it takes there.

    basins, history  see `gridhydro.Run.predict`; pet: method, or "given"
    """
    if not model.domain.lumped:
        raise ValueError("a run on a raster is not carried over to lumped basins")
    domain, network = lumped_domain(basins), model.network
    means = dict(zip(network.names, network.inputs.typical().tolist(), strict=True))
    values = attribute_values(domain, basins, network.names)
    weather = with_pet(basins, model.column, pet)
    past, known = None, model.known
    if known is not None:
        past = of_others(known, domain, weather, history)
    elif history is not None:
        raise ValueError("the network of this run reads no history: leave it out")
    arguments = options.from_json(model.options, past)
    if arguments["column"] != "lstm":
        arguments |= dict(column=model.column, scheme=model.stepping)
    other = make_model(domain, without_gaps(values, means), **arguments)
    other.network.load_state_dict(network.state_dict())
    other.embedded.load_state_dict(model.embedded.state_dict())
    return other.eval(), weather
