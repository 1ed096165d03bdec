"""Cost at the size of the globe: cells, days, many basins."""
