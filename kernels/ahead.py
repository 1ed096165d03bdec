"""Ahead-of-time compilation for a GPU that need not be there: registers and spills of a kernel."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

ALIGNED = [["tt.divisibility", 16]]


@dataclass(frozen=True)
class Usage:
    """Resources that the assembler reports for one kernel: registers a thread, spills in bytes."""

    registers: int
    spill_stores: int
    spill_loads: int


def compile_for(
    kernel, signature: dict[str, str], constants: dict, capability: int, options: dict
) -> Usage:
    """Compile a Triton kernel for a compute capability (80, 90) and read its resources.

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
    report = run.stderr

    def figure(pattern: str) -> int:
        return max(int(n) for n in re.findall(pattern, report))

    return Usage(
        registers=figure(r"Used (\d+) registers"),
        spill_stores=figure(r"(\d+) bytes spill stores"),
        spill_loads=figure(r"(\d+) bytes spill loads"),
    )
