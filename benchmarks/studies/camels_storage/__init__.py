"""Discharge and GRACE together on 400 basins of CAMELS-US."""
