"""HBV with its runoff response learned: option C of Feng et al. (2022, doi:10.1029/2022WR032404).

A small network, shared by all cells, takes the place of (soil_moisture / FC) ** beta. It gives a
fraction of the liquid water, not a flux, so that no water is made or lost whatever its weights are.
"""

from gridhydro.columns.column import Embedded
from gridhydro.columns.hbv import HBV


class HBVLearnedRunoff(HBV):
    """HBV with a network inside the step; it keeps `beta` as an input of the network."""

    name = "hbv_nn"
    source = "Feng et al. (2022, doi:10.1029/2022WR032404), option C"
    # parameters first: what they add to the hidden units is computed once a run
    networks = (Embedded("runoff_share", scales=(500, 3, 250, 1, 20), hidden=(16,)),)

    def recharge(self, s, p, liquid, by_day=1.0):
        """Water that the soil passes on of rain and melt `liquid`: a learned fraction."""
        wetness = s.soil_moisture / p.FC
        return liquid * p.runoff_share(p.FC, p.beta, s.soil_moisture, wetness, liquid * by_day)
