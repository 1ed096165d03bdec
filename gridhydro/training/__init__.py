"""Fitting a model to observations: batches, objective, splits, checkpoints."""
