"""Cells and rivers: grid, flow directions, network, gauges, tiles, and the `Domain` of them all."""
