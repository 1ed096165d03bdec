"""Measurements of speed and studies of what models learn: `python -m benchmarks` names them all."""

import gridhydro  # noqa: F401  before torch: it says how the threads of torch wait
