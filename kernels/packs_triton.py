"""Prints how a GPU kernel moves quantities that lie side by side in memory: many in one access.

Of each cell two or four values, 16 bytes at most, are read or written by one instruction where as
many rows of memory would take one each, and an address each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gridhydro.kernels.trace import Symbol
from gridhydro.kernels.writer_triton import value

WIDEST = 16  # bytes that a thread moves in one instruction, at most

# what the kernels call to move two or four values of each cell
FUNCTIONS = """@triton.jit
def load_2(place):
    return tl.split(tl.load(place[:, None] + tl.arange(0, 2)[None, :]))


@triton.jit
def load_4(place):
    four = tl.load(place[:, None] + tl.arange(0, 4)[None, :])
    even, odd = tl.split(tl.reshape(four, [four.shape[0], 2, 2]))
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return first, second, third, fourth


@triton.jit
def store_2(place, first, second, there):
    tl.store(place[:, None] + tl.arange(0, 2)[None, :], tl.join(first, second), there[:, None])


@triton.jit
def store_4(place, first, second, third, fourth, there):
    pairs = tl.join(tl.join(first, third), tl.join(second, fourth))
    four = tl.reshape(pairs, [first.shape[0], 4])
    tl.store(place[:, None] + tl.arange(0, 4)[None, :], four, there[:, None])"""


@dataclass(frozen=True)
class Pack:
    """`names` side by side in memory, behind as many others of a row as `first` says."""

    first: int
    names: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.names)

    def within(self, row: str, each: str = "") -> str:
        """The place of the first of them in a row that begins there; `each` is a step, else 1."""
        if not self.first:
            return row
        return f"{row} + {self.first} * {each}" if each else f"{row} + {self.first}"

    def load(self, place: str) -> str:
        """The line that reads all of them."""
        read = "tl.load" if self.width == 1 else f"load_{self.width}"
        return f"{', '.join(self.names)} = {read}({place})"

    def store(self, place: str, values: Sequence[str]) -> str:
        """The line that writes their values, those of cells that are there."""
        write = "tl.store" if self.width == 1 else f"store_{self.width}"
        return f"{write}({place}, {', '.join(values)}, there)"

    def chosen(self, results: Iterable) -> list[str]:
        """Those of all results that belong to this pack, as values of each cell."""
        of = list(results)[self.first : self.first + self.width]
        return [by_cell(one) for one in of]


def by_cell(result: Symbol | float) -> str:
    """A result as a value of each cell, a plain number too."""
    return f"{value(result)} + no_water" if isinstance(result, float) else value(result)


def packs(names: Sequence[str], real: str) -> list[Pack]:
    """Quantities of one floating type in packs of one, two or four, the widest first."""
    most, found, first = WIDEST * 8 // int(real.removeprefix("float")), [], 0
    while first < len(names):
        width = 1 << (min(most, len(names) - first).bit_length() - 1)
        found.append(Pack(first, tuple(names[first : first + width])))
        first += width
    return found
