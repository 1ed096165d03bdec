"""All that there is to know of a GPU in a few minutes: `python -m benchmarks gpu`."""
