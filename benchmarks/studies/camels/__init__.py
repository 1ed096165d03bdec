"""The HBV family on 400 basins of CAMELS-US."""
