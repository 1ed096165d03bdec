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

integers = {
    "programs": "*i64", "upstream_start": "*i64", "upstream": "*i64", "downstream": "*i64",
    "instant": "*i1", "reservoirs": "*i32", "first_program": "i32", "diagonal": "i32",
    "size": "i32", "days": "i32", "tile_days": "i32", "periods": "*i32",
}
found = []
for kernel in (route_triton.forward_kernel, route_triton.adjoint_kernel):
    for real in ("fp32", "fp64"):
        for capability in (80, 90):
            constants = {"SUBSTEPS": 4, "WANTED": True, "AVERAGED": True, "TRANSIT": True}
            constants["BLOCK"] = launch.ROUTE_BLOCK
            signature = {name: integers.get(name, "*" + real) for name in kernel.arg_names}
            usage = ahead.compile_for(
                kernel, signature, constants, capability, launch.ROUTE_OPTIONS
            )
            spills = usage.spill_stores + usage.spill_loads
            found.append([kernel.__name__, real, capability, usage.registers, spills])
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
