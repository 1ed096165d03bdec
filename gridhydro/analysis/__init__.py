"""Analyses of a trained model: water budgets, evapotranspiration, PET, importance of attributes."""
