"""Columns compared on 400 basins of CAMELS-US."""
