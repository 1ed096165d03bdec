"""The Triton kernels compile for real GPUs, without one, and fit their registers."""

import json
import os
import subprocess
import sys

import pytest

# in a process of its own, since this one may run Triton's interpreter
SCRIPT = """
import json
from gridhydro.kernels import route_triton
from gridhydro.kernels.reach_spec import reach_spec
from gridhydro.reaches.linear_cascade import LinearCascade

found = []
for direction in ("forward", "adjoint"):
    for real in ("float32", "float64"):
        for capability in (80, 90):
            spec = reach_spec(LinearCascade(5), 4, real)
            usage = route_triton.usage(spec, direction, capability)
            spills = usage.spill_stores + usage.spill_loads
            found.append([direction, real, capability, usage.registers, spills])
print(json.dumps(found))
"""


def test_routing_kernels_compile_for_gpu_without_spills():
    pytest.importorskip("triton")
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 8
    for kernel, real, capability, registers, spills in found:
        print(f"{kernel} {real} sm_{capability}: {registers} registers, {spills} bytes spilled")
        assert spills == 0
