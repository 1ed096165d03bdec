"""The Triton kernels compile for real GPUs, without one, and fit their registers."""

import ast
import json
import re

import pytest

from gridhydro.kernels import emit_reach_triton
from gridhydro.kernels.reach_spec import reach_spec
from tests.kernels.test_reach import Weir
from tests.support.forks import Fork

# in a process of its own, since this one may run Triton's interpreter
SCRIPT = """
import itertools
import json
import sys
from gridhydro.kernels import route_triton
from gridhydro.kernels.reach_spec import reach_spec
from gridhydro.reaches.linear_cascade import LinearCascade

found, chosen = [], [(80, "int64"), (90, "uint32")]
if sys.argv[1] == "every":
    chosen += [(80, "uint32"), (90, "int64")]
for direction, real in itertools.product(("forward", "adjoint"), ("float32", "float64")):
    for capability, index in chosen:
        spec = reach_spec(LinearCascade(5), 4, real)
        usage = route_triton.usage(spec, direction, capability, index=index)
        spills = usage.spill_stores + usage.spill_loads
        loops = usage.loops and [sum(loop.values()) for loop in (*usage.around, *usage.loops)]
        found.append([direction, real, capability, index, usage.registers, spills, loops])
print(json.dumps(found))
"""

# registers, and instructions of loops as this Triton compiles them: of the forward kernel a day
# with what takes up to three inflows, and four more inflows, of the adjoint a day
COUNTED_WITH = "3.9.0"
COUNTS = {
    ("forward", "float32", 90, "uint32"): (72, (190, 37)),
    ("adjoint", "float32", 90, "uint32"): (106, (161,)),
    ("forward", "float64", 90, "uint32"): (116, (214, 41)),
    ("adjoint", "float64", 90, "uint32"): (172, (176,)),
}


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param("some", marks=pytest.mark.end_to_end),
        pytest.param("every", marks=pytest.mark.slow),
    ],
)
def test_routing_kernels_compile_for_gpu_without_spills(chosen):
    """With offsets as wide as either GPU is mostly given; slowly, both widths for both."""
    triton = pytest.importorskip("triton")
    found = json.loads(Fork("-c", SCRIPT, chosen, TRITON_INTERPRET=None).printed())
    assert len(found) == (16 if chosen == "every" else 8)
    for *kernel, registers, spills, loops in found:
        print(
            "{} {} sm_{}, offsets {}: ".format(*kernel)
            + f"{registers} registers, {spills} bytes spilled, instructions of its loops: {loops}"
        )
        assert spills == 0
        if triton.__version__ == COUNTED_WITH and loops and tuple(kernel) in COUNTS:
            most, counts = COUNTS[tuple(kernel)]
            assert registers <= 1.03 * most, f"{kernel}: {registers} registers, not {most}"
            for count, most in zip(loops, counts, strict=True):
                assert count <= 1.03 * most, f"{kernel}: {count} instructions, not {most}"


# offsets and sizes as wide as the launch chooses, or of 64 bits
WIDE = {
    "cell", "cells", "at", "group_at", "shown_at", "own_at", "below_at", "behind", "ring_row",
    "size", "segment", "rows", "above", "kept_at",
}  # fmt: skip
# made of these and of arrays: where something begins
PLACES = {"row", "upstream", "sources", "slot", "own", "below", "mean", "means", "segment_states"}
# numbers of 32 bits beside them: of a cell, a lane, days; of sub-steps together less than 2^31
COUNTS_OF_32 = {"below_cell", "lane", "first_program", "days", "tile", "tile_days", "ring_tiles"}
# arguments that are no arrays
SIZES = {"diagonal", "size", "segment_tiles", "asked", *COUNTS_OF_32}
# series of one value a day
DAILY = {"periods", "weights"}


def as_they_are(node) -> set[str]:
    """Names in an expression, but for those that are cast to an offset, or to 64 bits."""
    if isinstance(node, ast.Call) and ast.unparse(node).endswith((", tl.int64)", ", INDEX)")):
        assert ast.unparse(node.func) == "tl.cast"
        return set()
    if isinstance(node, ast.Name):
        return set() if node.id.isupper() or node.id == "tl" else {node.id}
    return set().union(*map(as_they_are, ast.iter_child_nodes(node)))


@pytest.mark.parametrize("direction", ["forward", "adjoint"])
@pytest.mark.parametrize("substeps, real", [(3, "float32"), (8, "float64")])
def test_addresses_of_rivers_are_of_64_bits(direction, substeps, real):
    """Or as wide as the launch chooses by the sizes. In an address there is nothing else."""
    source = getattr(emit_reach_triton, direction)(reach_spec(Weir(), substeps, real))
    *_, kernel = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    arrays = {one.arg for one in kernel.args.args if not one.arg.isupper()} - SIZES
    known = WIDE | PLACES | COUNTS_OF_32 | arrays
    accesses = 0
    for node in ast.walk(kernel):
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            pairs = [(targets[0], node.value)]
            if isinstance(targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(targets[0].elts, node.value.elts, strict=True))
            for target, of in pairs:
                if ast.unparse(target) in WIDE:  # a truth may choose between offsets
                    assert as_they_are(of) <= WIDE | {"drains", "days"}, ast.unparse(node)
                elif ast.unparse(target) in PLACES:
                    assert as_they_are(of) <= known, ast.unparse(node)
        elif isinstance(node, ast.Call) and re.match(
            r"(tl\.)?(load|store|add)(_\d)?$", ast.unparse(node.func)
        ):
            accesses += 1
            place = as_they_are(node.args[0])
            kept = {name for name in place if name.startswith("kept_")}
            assert place <= known | kept or place & DAILY, ast.unparse(node)
    assert accesses > 20
