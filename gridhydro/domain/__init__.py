"""Where: grid, flow directions, river network, gauges and tiles, and the `Domain` of them all."""
