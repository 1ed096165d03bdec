"""Observations to compare a model with: discharge, water storage on tiles, other targets."""
