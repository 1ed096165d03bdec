"""What a model reads: forcing, attributes, land surface, potential evapotranspiration, history."""
