"""What a trained model says: water budgets, evapotranspiration, what its network goes by."""
