"""Inputs of a model: forcing, attributes, land surface, potential evapotranspiration, history."""
