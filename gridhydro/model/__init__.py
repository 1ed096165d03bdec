"""Network, column and river as one model; its state, its runs, and a run in a folder."""
