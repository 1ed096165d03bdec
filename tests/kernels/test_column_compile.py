"""What the machine code is like: registers and spills on GPUs, vector instructions on CPUs."""

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from gridhydro.columns import column
from gridhydro.kernels import Scheme, Spec, build, emit_numba, emit_triton
from tests.support.column_cases import TWO_STORE

# in a process of its own, since this one may run Triton's interpreter
USAGE = """
import json
import sys
from gridhydro.columns import column
from gridhydro.kernels import Scheme, Spec, column_triton

scheme, every, found = Scheme.of(sys.argv[1]), sys.argv[2] == "every", []
for real in ("float32", "float64"):
    for name, components in (
        ("hbv", 1), ("hbv", 16), ("hbv_nn", 1), ("hbv_nn", 16), ("hydropy", 1), ("hydropy", 16)
    ):
        if name != "hbv" and scheme.name != "sequential":
            continue
        if real == "float32" and scheme.name != "sequential" and not every:  # holds less
            continue
        if name == "hydropy" and real == "float64" and components > 1:
            continue
        if name == "hbv_nn" and real == "float64" and not every:  # slow, and as full in float32
            continue
        more = dict(dynamic=("beta",))
        if name == "hydropy":  # as much as it is trained with
            more = dict(averaged=("total_storage",), forcing_gradient=True)
        spec = Spec(
            column(name), ("runoff",), components=components, real=real,
            weighted=name == "hbv_nn" and components > 1, scheme=scheme, **more,
        )
        for direction, recompute in (("forward", False), ("adjoint", False), ("adjoint", True)):
            # unless all are asked for, those that hold most: the adjoint of several components
            # that computes states again is far above its kin, the forward kernels differ by little
            most = recompute if components > 1 else direction == "forward"
            if not (every or most or (name, real) == ("hydropy", "float64")):
                continue
            for capability in (80, 90) if every else (80 if len(found) % 2 else 90,):
                usage = column_triton.usage(spec, direction, capability, recompute)
                kind = f"{name} {direction}{' recomputing' * recompute} {real} M={components}"
                spills = usage.spill_stores + usage.spill_loads
                found.append([f"{kind} sm_{capability}", usage.registers, spills])
print(json.dumps(found))
"""


MORE_SCHEMES = ("implicit:4", "explicit:24", "rk4", "rk4:4")


def python(script: str, *arguments: str, **environment: str | None) -> str:
    """What a script prints, run by another process with these environment variables."""
    merged = {k: v for k, v in (dict(os.environ) | environment).items() if v is not None}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=merged, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "scheme, capabilities",
    [
        ("sequential", "either"),
        ("implicit", "either"),
        *(
            pytest.param(s, "every", marks=pytest.mark.slow)
            for s in ("sequential", "implicit", *MORE_SCHEMES)
        ),
    ],
)
def test_gpu_kernels_fit_their_registers(capsys, scheme, capabilities):
    """Those that hold most, for sm_80 or sm_90 in turn; slowly, every one for both."""
    pytest.importorskip("triton")
    found = json.loads(python(USAGE, scheme, capabilities, TRITON_INTERPRET=None))
    every = capabilities == "every"
    kernels = (33 if every else 11) if scheme == "sequential" else (12 if every else 2)
    assert len(found) == kernels * (1 + every)
    with capsys.disabled():
        print()
        for name, registers, spills in found:
            print(f"{scheme} {name}: {registers} registers, {spills} bytes spilled")
    # four evaluations and their adjoints in double precision are more than 255 registers hold
    too_much = "adjoint" if "rk4" in scheme else "-"
    assert not [n for n, _, spill in found if spill and not (too_much in n and "float64" in n)]
    assert max(spill for _, _, spill in found) < 700


def has_avx2() -> bool:
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_features().get("avx2", False)


@pytest.mark.skipif(not has_avx2(), reason="the instructions looked for are those of AVX2")
@pytest.mark.parametrize(
    "of, scheme, name",
    [
        ("hbv", "sequential", "step"),
        ("hbv", "sequential", "step_adjoint"),
        ("hbv_nn", "sequential", "step"),
        ("hbv_nn", "sequential", "step_adjoint"),
        ("hydropy", "sequential", "step"),
        ("hydropy", "sequential", "step_adjoint"),
        ("hbv", "implicit", "residual"),
        ("hbv", "implicit", "direction"),
        ("hbv", "implicit", "step_adjoint"),
    ],
)
@pytest.mark.parametrize("real", ["float32", "float64"])
def test_cpu_steps_are_made_of_vector_instructions(of, scheme, name, real):
    if of == "hbv_nn" and real == "float64":
        pytest.skip("one precision of the network is enough")
    spec = Spec(column(of), ("runoff",), real=real, scheme=Scheme.of(scheme))
    direction = "adjoint" if "adjoint" in name else "forward"
    module = build.load("assembly", getattr(emit_numba, direction)(spec))
    function = getattr(module, name)  # compiled anew: code from the disk cache brings no assembly
    function.compile((getattr(numba, real)[::1],))
    (text,) = function.inspect_asm().values()
    letter = {"float32": "s", "float64": "d"}[real]
    arithmetic = r"\bv(?:mul|add|sub|div|max|min|fn?m(?:add|sub)\d+)"
    packed = re.findall(rf"{arithmetic}p{letter}\s.*%[yz]mm", text)
    scalar = re.findall(rf"{arithmetic}s{letter}\s.*", text)
    print(f"{name} {real}: {len(packed)} packed and {len(scalar)} scalar instructions")
    assert len(packed) > 60
    assert not scalar
    assert not re.findall(r"call.*(?:exp|log|pow|tanh)", text)


@pytest.mark.parametrize("direction", ["forward", "adjoint"])
@pytest.mark.parametrize(
    "of, scheme",
    [
        ("hbv", "sequential"), ("hbv_nn", "sequential"), ("hbv", "explicit:6"),
        ("hbv", "implicit"), ("hbv", "implicit:6"), ("hbv_nn", "implicit:6"),
    ],
)  # fmt: skip
def test_addresses_are_64_bit(of, scheme, direction):
    """Each offset of a printed GPU kernel starts from 64-bit sizes and places."""
    spec = Spec(column(of), ("runoff",), ("beta",), 3, scheme=Scheme.of(scheme))
    source = getattr(emit_triton, direction)(spec)
    assert "cell = tl.cast(tl.program_id(0), tl.int64) * BLOCK" in source
    wide = {"day", "kept_day", "first", "slot", "row", "all_days", "all_cells"}
    from_wide = {"day", "day - start", "(day) * 6 + j", "(day - start) * 6 + j"}
    for name in wide:
        for line in re.findall(rf"^\s*{name} = (.*)$", source, re.MULTILINE):
            cast = line.startswith("tl.cast(") and line.endswith("tl.int64)")
            assert cast or line in from_wide, f"{name} = {line}"
    narrow = {
        "t",
        "i",
        "start",
        "stop",
        "days",
        "cells",
        "every",
        "back",
        "segments",
        "period_count",
    }
    for offset in re.findall(r"tl\.(?:load|store)\(\w+ \+ ([^,]+),", source):
        assert not narrow & set(re.findall(r"\w+", offset)), offset


def test_a_second_process_compiles_nothing(tmp_path):
    """And runs a kernel on disk without the one compiled before it: what kernels share lies in a
    module that each of them loads, in whatever process."""
    script = """
import sys
from tests.support.column_cases import TWO_STORE, make_case, results

for outputs in sys.argv[1:]:
    print(results(make_case(TWO_STORE, cells=4, days=3, ties=False), outputs=(outputs,)))
stats = [
    getattr(module, direction).stats
    for module in list(sys.modules.values()) for direction in ("forward", "adjoint")
    if getattr(module, "__name__", "").startswith(f"two_store_{direction}")
]
print(sum(len(s.cache_hits) for s in stats), sum(len(s.cache_misses) for s in stats))
"""
    environment = dict(GRIDHYDRO_CACHE=str(tmp_path), PYTHONPATH=str(Path(__file__).parents[2]))
    fluxes = [field.name for field in TWO_STORE.fluxes[:2]]

    def files():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    *both, counts = python(script, *fluxes, **environment).splitlines()
    assert counts.split() == ["0", "4"]
    before = files()
    *second, counts = python(script, fluxes[1], **environment).splitlines()
    assert counts.split() == ["2", "0"]
    assert before == files()
    assert second and both[-len(second) :] == second
