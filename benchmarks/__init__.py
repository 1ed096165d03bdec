"""Measurements of speed and studies of what models learn: `python -m benchmarks` names them all."""
