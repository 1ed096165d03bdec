"""Ungauged basins against the fraction of basins trained on."""
