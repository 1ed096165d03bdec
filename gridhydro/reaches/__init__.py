"""River reaches: what the water of one cell does within a sub-step, one file each."""
