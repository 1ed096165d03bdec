"""The Triton kernels compile for real GPUs, without one, and fit their registers."""

import json
import os
import subprocess
import sys

import pytest

# in a process of its own, since this one may run Triton's interpreter
SCRIPT = """
import json
from gridhydro.kernels import ahead, launch, route_triton
from gridhydro.kernels.reach_spec import reach_spec
from gridhydro.reaches.linear_cascade import LinearCascade

integers = {
    "programs": "*i64", "upstream_start": "*i64", "upstream": "*i64", "downstream": "*i64",
    "instant": "*i1", "periods": "*i32", "place": "*i32",
}
numbers = ("first_program", "diagonal", "size", "days", "tile_days", "ring_tiles", "asked")
numbers += ("segment_tiles",)
integers |= dict.fromkeys(numbers, "i32")
choices = ("DAILY", "AVERAGED", "TRANSIT", "STARTS", "KEEP")
found = []
for direction in ("forward", "adjoint"):
    for real in ("float32", "float64"):
        kernel = route_triton.kernel(reach_spec(LinearCascade(5), 4, real), direction)
        for capability in (80, 90):
            constants = {"GROUPS": 1, "BLOCK": launch.ROUTE_BLOCK}
            constants |= {name: True for name in choices if name in kernel.arg_names}
            pointer = "*fp32" if real == "float32" else "*fp64"
            signature = {name: integers.get(name, pointer) for name in kernel.arg_names}
            usage = ahead.compile_for(
                kernel, signature, constants, capability, launch.ROUTE_OPTIONS
            )
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
