"""Goodness of fit: losses, metrics, tables of scores, and figures."""
