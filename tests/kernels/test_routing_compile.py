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
            loops = usage.loops and [sum(loop.values()) for loop in usage.loops]
            found.append([direction, real, capability, usage.registers, spills, loops])
print(json.dumps(found))
"""

# instructions of the innermost loops as this Triton compiles them: of the forward kernel four
# inflows and one, of the adjoint a day
COUNTED_WITH = "3.9.0"
COUNTS = {("forward", "float32", 90): (120, 36), ("adjoint", "float32", 90): (217,)}


@pytest.mark.end_to_end
def test_routing_kernels_compile_for_gpu_without_spills():
    triton = pytest.importorskip("triton")
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 8
    for kernel, real, capability, registers, spills, loops in found:
        print(
            f"{kernel} {real} sm_{capability}: {registers} registers, {spills} bytes spilled, "
            f"instructions of its loops: {loops}"
        )
        assert spills == 0
        if triton.__version__ == COUNTED_WITH and loops and (kernel, real, capability) in COUNTS:
            assert len(loops) == len(COUNTS[kernel, real, capability])
            for count, most in zip(loops, COUNTS[kernel, real, capability], strict=True):
                assert count <= 1.03 * most, f"{kernel}: {count} instructions, not {most}"
