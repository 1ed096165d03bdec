"""Ahead-of-time compilation for a GPU that need not be there: what a kernel takes and does."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

ALIGNED = [["tt.divisibility", 16]]


# what an instruction does, by its name; all others work on whole numbers: places in memory,
# counters of days, exponents of logarithms
KINDS = {
    "float": "FADD FMUL FFMA FMNMX FSEL FSETP FSET FCHK MUFU DADD DMUL DFMA DSETP DMNMX",
    "memory": "LDG STG LDS STS LDL STL LDC ULDC",
    "predicate": "ISETP UISETP PLOP3 UPLOP3 P2R R2P VOTE VOTEU",
    "conversion": "I2F I2FP F2I F2F F2FP",
    "move": "MOV UMOV CS2R S2R R2UR SEL USEL SHFL HFMA2",  # the last: two halves of a constant
    "control": "BRA BRX BSSY BSYNC BREAK BAR CALL RET EXIT NOP WARPSYNC",
}
_KIND = {name: kind for kind, names in KINDS.items() for name in names.split()}
# a loop of fewer instructions is no day, but a fence or a slow path
SMALL_LOOP = 20


@dataclass(frozen=True)
class Usage:
    """What the assembler reports for one kernel: registers a thread, spills in bytes.

    `loops` are the instructions of its innermost loops by kind, in the order of the code, and
    `around` those of loops around them, without what is in the loops within; None where Triton came
    without its disassembler.
    """

    registers: int
    spill_stores: int
    spill_loads: int
    loops: tuple[dict[str, int], ...] | None = None
    around: tuple[dict[str, int], ...] | None = None


def compile_for(
    kernel, signature: dict[str, str], constants: dict, capability: int, options: dict
) -> Usage:
    """Compile a Triton kernel for a compute capability (80, 90), read its resources and loops.

    `signature` gives each argument's type as Triton spells it ("*fp32", "i32"); pointers are taken
    as aligned to 16 bytes, which torch's allocator guarantees.
    """
    if not isinstance(kernel, triton.JITFunction):
        raise ValueError("kernels do not compile in Triton's interpreter: unset TRITON_INTERPRET")
    types = signature | dict.fromkeys(constants, "constexpr")
    types = {name: types[name] for name in kernel.arg_names}
    positions = {name: (i,) for i, name in enumerate(kernel.arg_names)}
    source = ASTSource(
        fn=kernel,
        signature=types,
        constexprs={positions[name]: value for name, value in constants.items()},
        attrs={positions[n]: ALIGNED for n, kind in types.items() if kind.startswith("*")},
    )
    target = GPUTarget("cuda", capability, 32)
    compiled = triton.compile(source, target=target, options=options)
    return _assemble(compiled.asm["ptx"])


def _assemble(ptx: str) -> Usage:
    tools = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    architecture = re.findall(r"\.target (sm_\w+)", ptx)[0]
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "kernel.ptx"), Path(folder, "kernel.o")
        source.write_text(ptx)
        for tool in sorted(tools.glob("ptxas*")):  # a newer one comes along for newer PTX
            command = [str(tool), "-v", f"--gpu-name={architecture}"]
            command += [str(source), "-o", str(result)]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode == 0:
                break
        else:
            raise RuntimeError(f"ptxas could not assemble for {architecture}: {run.stderr}")
        loops, around = _loops(tools / "cuobjdump", result)
    report = run.stderr

    def figure(pattern: str) -> int:
        return max(int(n) for n in re.findall(pattern, report))

    return Usage(
        registers=figure(r"Used (\d+) registers"),
        spill_stores=figure(r"(\d+) bytes spill stores"),
        spill_loads=figure(r"(\d+) bytes spill loads"),
        loops=loops,
        around=around,
    )


def _loops(disassembler: Path, binary: Path) -> tuple:
    """Instructions by kind of the innermost loops of an assembled kernel, and of those around."""
    if not disassembler.exists():
        return None, None
    command = [str(disassembler), "-sass", str(binary)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    # /*00a0*/   @P0 IADD3.X R1, R2, R3, RZ, P1, !PT ;
    lines = re.findall(
        r"^\s+/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\d+ )?(.*?);", run.stdout, re.MULTILINE
    )
    place = {int(address, 16): i for i, (address, _) in enumerate(lines)}
    found = []
    for last, (_, text) in enumerate(lines):
        branch = re.match(r"BRA\S* .*?0x([0-9a-f]+)", text)
        first = place.get(int(branch[1], 16), last) if branch else last
        if last - first >= SMALL_LOOP:
            found.append((first, last))
    within = {a: [b for b in found if b != a and a[0] <= b[0] <= b[1] <= a[1]] for a in found}
    names = [re.split(r"[.\s]", text, maxsplit=1)[0] for _, text in lines]

    def kinds(loop):
        """Of a loop, without those in loops within it."""
        inner = {i for first, last in within[loop] for i in range(first, last + 1)}
        of = (names[i] for i in range(loop[0], loop[1] + 1) if i not in inner)
        return dict(Counter(_KIND.get(name, "integer") for name in of))

    return tuple(tuple(kinds(a) for a in found if bool(within[a]) == outer) for outer in (0, 1))
