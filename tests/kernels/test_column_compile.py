"""What the machine code is like: registers and spills on GPUs, vector instructions on CPUs."""

import json
import platform
import re
from functools import cache

import numba
import pytest

from gridhydro.columns import column
from gridhydro.kernels import Scheme, Spec, build, emit_numba, emit_triton
from tests.support.column_cases import TWO_STORE
from tests.support.forks import Fork

# in a process of its own, since this one may run Triton's interpreter
USAGE = """
import json
import sys
from gridhydro.columns import column
from gridhydro.kernels import Scheme, Spec, column_triton

COUNTED = [["sequential", name, "float32", 1] for name in ("hbv", "hydropy")]
scheme, every, found = Scheme.of(sys.argv[1]), sys.argv[2] == "every", []
for real in ("float32", "float64"):
    for name, components in (
        ("hbv", 1), ("hbv", 16), ("hbv_nn", 1), ("hbv_nn", 16), ("hydropy", 1), ("hydropy", 16),
        ("gr6j", 1), ("gr6j", 16), ("sac_sma", 1), ("sac_sma", 16),
    ):
        if name != "hbv" and scheme.name != "sequential":
            continue
        if real == "float32" and scheme.name != "sequential" and not every:  # holds less
            continue
        if name in ("hydropy", "gr6j", "sac_sma") and real == "float64" and components > 1:
            continue
        if name in ("gr6j", "sac_sma") and not every:
            continue
        if name == "hbv_nn" and real == "float64" and not every:  # slow, and as full in float32
            continue
        more = dict(dynamic=("beta",))
        if name in ("hydropy", "gr6j", "sac_sma"):  # as much as it is trained with
            more = dict(averaged=("total_storage",), forcing_gradient=True)
        spec = Spec(
            column(name), ("runoff",), components=components, real=real,
            weighted=name == "hbv_nn" and components > 1, scheme=scheme, **more,
        )
        for direction, recompute in (("forward", False), ("adjoint", False), ("adjoint", True)):
            if name == "sac_sma" and direction == "adjoint" and not recompute:
                continue  # of parts of a day states are always computed again
            # unless all are asked for, those that hold most: the adjoint of several components
            # that computes states again is far above its kin, the forward kernels differ by little
            most = recompute if components > 1 else direction == "forward"
            # and those whose instructions are counted
            counted = [scheme.name, name, real, components] in COUNTED and not recompute
            if not (every or most or counted or (name, real) == ("hydropy", "float64")):
                continue
            either = (90,) if counted else (80 if len(found) % 2 else 90,)
            for capability in (80, 90) if every else either:
                usage = column_triton.usage(spec, direction, capability, recompute)
                kind = f"{name} {direction}{' recomputing' * recompute} {real} M={components}"
                spills = usage.spill_stores + usage.spill_loads
                loops = usage.loops and [sum(loop.values()) for loop in usage.loops]
                found.append([f"{kind} sm_{capability}", usage.registers, spills, loops])
print(json.dumps(found))
"""


MORE_SCHEMES = ("implicit:4", "explicit:24", "rk4", "rk4:4")


@cache
def compiled(scheme: str, capabilities: str) -> list:
    """Name, registers, spills in bytes and instructions of innermost loops of many kernels."""
    pytest.importorskip("triton")
    return json.loads(Fork("-c", USAGE, scheme, capabilities, TRITON_INTERPRET=None).printed())


@pytest.mark.parametrize(
    "scheme, capabilities",
    [
        *(
            pytest.param(s, "either", marks=pytest.mark.end_to_end)
            for s in ("sequential", "implicit")
        ),
        *(
            pytest.param(s, "every", marks=pytest.mark.slow)
            for s in ("sequential", "implicit", *MORE_SCHEMES)
        ),
    ],
)
def test_gpu_kernels_fit_their_registers(capsys, scheme, capabilities):
    """Those that hold most, for sm_80 or sm_90 in turn; slowly, every one for both."""
    found = compiled(scheme, capabilities)
    every = capabilities == "every"
    kernels = (48 if every else 13) if scheme == "sequential" else (12 if every else 2)
    assert len(found) == kernels * (1 + every)
    with capsys.disabled():
        print()
        for name, registers, spills, loops in found:
            instructions = "not counted" if loops is None else ", ".join(map(str, loops))
            print(
                f"{scheme} {name}: {registers} registers, {spills} bytes spilled, instructions of "
                f"its loops: {instructions}"
            )
    # four evaluations and their adjoints in double precision are more than 255 registers hold, and
    # so are the ordinates of unit hydrographs with their gradients, and SAC-SMA with SNOW-17
    too_much = ("adjoint",) if "rk4" in scheme else ("gr6j adjoint", "sac_sma adjoint")
    # a register too few for 16 components of SAC-SMA on sm_80: 4 bytes, out and in
    few = "sac_sma adjoint recomputing float32 M=16 sm_80"
    spilled = {n: spill for n, _, spill, _ in found if spill and not (n == few and spill <= 8)}
    assert all("float64" in n and any(much in n for much in too_much) for n in spilled), spilled
    assert all(spill < (2500 if "sac_sma" in n else 700) for n, spill in spilled.items()), spilled


# registers, and instructions of a cell and day, of kernels for sm_90 as this Triton compiles them:
# whoever makes them fewer, or adds physics, writes so here
COUNTED_WITH = "3.9.0"
COUNTS = {
    "hbv forward float32 M=1": (40, 136),
    "hbv adjoint float32 M=1": (78, 241),
    "hydropy forward float32 M=1": (56, 291),
    "hydropy adjoint float32 M=1": (148, 577),
    "hbv forward float64 M=1": (70, 399),
    "hydropy forward float64 M=1": (114, 779),
}


@pytest.mark.end_to_end
def test_gpu_loops_take_no_more_instructions():
    """Neither instructions of a day nor registers of a thread grow by more than 3 %."""
    triton = pytest.importorskip("triton")
    if triton.__version__ != COUNTED_WITH:
        pytest.skip(f"Triton {triton.__version__} brings another assembler than {COUNTED_WITH}")
    found = {name.removesuffix(" sm_90"): rest for name, *rest in compiled("sequential", "either")}
    if any(loops is None for _, _, loops in found.values()):
        pytest.skip("Triton came without cuobjdump, which shows the instructions")
    for name, (registers, instructions) in COUNTS.items():
        used, _, (loop,) = found[name]
        assert used <= 1.03 * registers, f"{name}: {used} registers, not {registers}"
        assert loop <= 1.03 * instructions, f"{name}: {loop} instructions, not {instructions}"


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
@pytest.mark.parametrize("real", ["float32", pytest.param("float64", marks=pytest.mark.end_to_end)])
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
    """Where a series begins is 64 bits; offsets within one are of the type that the launch chooses.

    No other quantity may be part of an address, or it would be one of 32 bits.
    """
    choices = dict(averaged=("total_storage",), forcing_gradient=True) if of == "hbv" else {}
    spec = Spec(column(of), ("runoff",), ("beta",), 3, scheme=Scheme.of(scheme), **choices)
    source = getattr(emit_triton, direction)(spec)
    assert "cell = tl.cast(tl.program_id(0), tl.int64) * BLOCK" in source
    wide = {"all_days", "all_cells", "all_periods", "first"}
    for name in wide:
        for line in re.findall(rf"^\s*{name} = (.*)$", source, re.MULTILINE):
            assert line.startswith("tl.cast(") and "tl.int64)" in line, f"{name} = {line}"
    chosen = {"at", "row", "lane_at", "lane_row", "kept_at", "kept_row", "handed_at"}
    for name in chosen:
        for line in re.findall(rf"^\s*{name} [-+]?= (.*)$", source, re.MULTILINE):
            rest = re.sub(r"tl\.cast\(.*, INDEX\)", "", line)
            assert set(re.findall(r"[a-z_]\w+", rest)) <= chosen, f"{name} = {line}"
    wide |= {"cell", "lane", "lanes"}
    uniform = {"share_of_day", "period_of_day"}  # one value a day, and never 2^31 days
    source = source.replace("tl.cast(this_period, tl.int64)", "first")
    access = r"tl\.(?:load\((.*?)(?:, mask=more)?\)$|store\(([^,]*),)"
    addresses = re.findall(access, source, re.MULTILINE)
    early = re.findall(r"^\s*ahead_\w+ = (.*)$", source, re.MULTILINE)
    assert early and all(line.endswith(", mask=more)") for line in early)  # never past the last day
    assert len(addresses) == len(re.findall(r"tl\.(?:load|store)", source))
    for address in map("".join, addresses):
        array, _, offset = address.partition(" + ")
        names = set(re.findall(r"[a-z_]\w+", offset))
        known = chosen if array.startswith(("series_", "into_", "kept_")) else wide
        assert names <= known or array in uniform, address
    for start in re.findall(r"^\s*(?:series|into|kept)_\w+ = \w+ \+ (.*)$", source, re.MULTILINE):
        assert set(re.findall(r"[a-z_]\w+", start)) <= wide, start


@pytest.mark.end_to_end
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
    fluxes = [field.name for field in TWO_STORE.fluxes[:2]]

    def lines(*outputs):
        return Fork("-c", script, *outputs, GRIDHYDRO_CACHE=str(tmp_path)).printed().splitlines()

    def files():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    *both, counts = (
        Fork("-c", script, *fluxes, GRIDHYDRO_CACHE=str(tmp_path)).printed().splitlines()
    )
    assert counts.split() == ["0", "4"]
    before = files()
    *second, counts = (
        Fork("-c", script, fluxes[1], GRIDHYDRO_CACHE=str(tmp_path)).printed().splitlines()
    )
    assert counts.split() == ["2", "0"]
    assert before == files()
    assert second and both[-len(second) :] == second
