"""How code for the CPU is printed: rows of a workspace, loops over its lanes, filled templates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from gridhydro.kernels.trace import Program, Symbol
from gridhydro.kernels.vocabulary import OPERATIONS


class Layout:
    """The rows of the workspace, group by group; behind them single numbers for all lanes."""

    def __init__(self, numbers: Sequence[str], lanes: int, **groups: Sequence[str]):
        self.numbers, self.lanes, self.groups = numbers, lanes, groups
        self._first: dict[str, int] = {}
        self.rows = 0
        for name, quantities in groups.items():
            self._first[name] = self.rows
            self.rows += len(quantities)

    def __call__(self, group: str, prefix: str = "") -> dict[str, int]:
        """Offset of each quantity of a group, under its name behind `prefix`."""
        first = self._first[group]
        return {f"{prefix}{q}": (first + i) * self.lanes for i, q in enumerate(self.groups[group])}

    def shared(self) -> dict[str, int]:
        """Place of each single number."""
        return {name: self.rows * self.lanes + k for k, name in enumerate(self.numbers)}

    def source(self) -> str:
        lines = [
            f"{name} = int64({self._first[name]})" + (f"  # {', '.join(names)}" if names else "")
            for name, names in self.groups.items()
        ]
        return "\n".join([*lines, f"ROWS = int64({self.rows})"])


def function(
    name: str,
    at: Layout,
    program: Program,
    inputs: dict[str, int],
    outputs: dict[str, int],
    sums: dict[str, int] | None = None,
    counted: str = "",
) -> str:
    """One lane loop: load the inputs that are used, the lines, store or add the outputs.

    With `counted`, the function returns in how many lanes that condition holds.
    """
    used, shared = program.used(), at.shared()
    numbers = [f"    {n} = w[{shared[n]}]\n" for n in program.inputs if n in used & shared.keys()]
    loads = [f"{n} = w[{inputs[n]} + l]" for n in program.inputs if n in used - shared.keys()]
    lines = [_line(line) for line in program.lines]
    results = {key: _value(value) for key, value in program.outputs.items()}
    stores = [f"w[{offset} + l] = {results[key]}" for key, offset in outputs.items()]
    stores += [
        f"w[{offset} + l] += {results[key]}"
        for key, offset in (sums or {}).items()
        if isinstance(program.outputs[key], Symbol)
    ]
    if counted:
        # in 32 bits, as numba would not: LLVM would halve the lanes of an instruction for it
        stores.append(f"count = int32(count + int32({results[counted]}))")
    body = "\n        ".join([*loads, *lines, *stores]) or "pass"
    before, after = ("    count = int32(0)\n", "    return count\n") if counted else ("", "")
    head = f"@njit\ndef {name}(w):\n{''.join(numbers)}{before}"
    return f"{head}    for l in range(LANES):\n        {body}\n{after}"


def _line(line: Symbol) -> str:
    arguments = [_value(a) for a in line.arguments]
    return f"{line.name} = {OPERATIONS[line.operation].numba.format(*arguments)}"


def _value(value: Symbol | float) -> str:
    return value.name if isinstance(value, Symbol) else f"real({value!r})"


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def filled(template: str, blocks: dict[str, list[str]], **words) -> str:
    """The template with `{name}` on a line of its own replaced by lines at its indentation."""
    for name, lines in blocks.items():
        pattern = re.compile(rf"^( *)\{{{name}\}}\n", re.MULTILINE)
        template = pattern.sub(partial(_inserted, lines), template)
    return template.format(**words)


def _inserted(lines: list[str], place: re.Match) -> str:
    return "".join(f"{place[1]}{line}\n" for line in lines)
