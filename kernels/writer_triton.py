"""Writes the lines that a column's GPU kernels are made of: places in memory, loads and stores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import contextmanager

from gridhydro.kernels.newton import Newton
from gridhydro.kernels.spec import Spec
from gridhydro.kernels.trace import Program, Symbol
from gridhydro.kernels.vocabulary import OPERATIONS

# the language has none of its own; near 0 the difference has lost digits, its series has them all
TANH = """@triton.jit
def quick_tanh(x):
    # 1.4426950408889634 is log2(e)
    return 1.0 - 2.0 / (tl.exp2(x * (2.0 * 1.4426950408889634)) + 1.0)


@triton.jit
def tanh(x):
    y = x * x
    near = 62 / 2835 - 1382 / 155925 * y
    near = 1.0 - y * (1 / 3 - y * (2 / 15 - y * (17 / 315 - y * near)))
    return tl.where(y < 0.01, x * near, quick_tanh(x))"""


def padded(components: int) -> int:
    """Components filled up to a power of two, as Triton's tiles must be."""
    return 1 << (components - 1).bit_length()


def value(of: Symbol | float) -> str:
    """How a value of a program is written."""
    return of.name if isinstance(of, Symbol) else repr(of)


def used(names: Iterable[str], *programs: Program) -> list[str]:
    """Those of some names that programs take in."""
    taken = set().union(*(program.used() for program in programs))
    return [name for name in names if name in taken]


class Writer:
    """The body of a kernel, line by line.

    A series in memory is a row of cells, or of lanes, a day. A kernel walks it day by day: where it
    begins is a pointer made once, and one offset that all of them share moves on by a row a day.
    Offsets are of the type INDEX, 32 bits wide where all that they reach is that near.
    """

    def __init__(self, spec: Spec):
        self.spec, self.indent = spec, 1
        self.text: list[str] = []
        self.tiled = spec.components > 1
        self.shape = f"[BLOCK, {padded(spec.components)}]" if self.tiled else "[BLOCK]"
        # what is put out: a value by cell or by lane, where it lies, and which lanes write it
        self.by_cell = spec.mean or not self.tiled
        self.width = "all_cells" if self.by_cell else "lanes"
        self.lane_at, self.lane_row = ("lane_at", "lane_row") if self.tiled else ("at", "row")

    def __call__(self, line: str) -> None:
        self.text.append("    " * self.indent + line)

    @contextmanager
    def block(self, head: str):
        """Lines below a head such as `if ...:`, indented."""
        self(head)
        self.indent += 1
        yield
        self.indent -= 1

    def place(self) -> None:
        """Lines for the cells and lanes that this program owns, in 64 bits."""
        m, width = self.spec.components, padded(self.spec.components)
        self("all_days = tl.cast(days, tl.int64)")
        self("all_cells = tl.cast(cells, tl.int64)")
        if self.spec.averaged:
            self("all_periods = tl.cast(period_count, tl.int64)")
        self(f"lanes = all_cells * {m}")
        self("cell = tl.cast(tl.program_id(0), tl.int64) * BLOCK + tl.arange(0, BLOCK)")
        if self.tiled:
            self("cell = cell[:, None]")
            self(f"component = tl.arange(0, {width})[None, :]")
        self("# what lies beyond the last cell repeats it, and stores nothing")
        self("inside = cell < cells")
        self("cell = tl.minimum(cell, all_cells - 1)")
        if width > m:
            self(f"there = inside & (component < {m})")
            self(f"component = tl.minimum(component, {m - 1})")
        elif self.tiled:
            self(f"there = inside & (component < {m})")
        else:
            self("there = inside")
        self(f"lane = cell * {m} + component" if self.tiled else "lane = cell")

    def series(
        self, array: str, names: Iterable[str], of: Sequence[str], size: str, prefix="series_"
    ):
        """Where the series of each of some `names` begins, of all those `of` an array."""
        for name in names:
            self(f"{prefix}{name} = {array} + {of.index(name)} * {size}")

    def at_day(self, day: str) -> None:
        """The offsets of a day in all series: of its cells, and of its lanes if they are others."""
        moved = "" if day == "0" else f"{day} * {{}} + "
        self(f"at = tl.cast({moved.format('all_cells')}cell, INDEX)")
        self("row = tl.cast(cells, INDEX)")
        if self.tiled:
            self(f"lane_at = tl.cast({moved.format('lanes')}lane, INDEX)")
            self("lane_row = tl.cast(lanes, INDEX)")

    def move_days(self, sign: str, days: str = "") -> None:
        """On, or back, by a day or by some days."""
        times = f" * tl.cast({days}, INDEX)" if days else ""
        self(f"at {sign}= row{times}")
        if self.tiled:
            self(f"lane_at {sign}= lane_row{times}")

    def keep(self) -> None:
        """The states of today go to the next row of the trajectory, or of what is kept of it."""
        for name in self.spec.states:
            self(f"tl.store(kept_{name} + kept_at, {name}, mask=there)")
        self("kept_at += kept_row")

    @contextmanager
    def substeps(self):
        """A loop over the sub-steps of a day; none where the day is one."""
        if self.spec.scheme.substeps == 1:
            yield
            return
        with self.block(f"for part in range({self.spec.scheme.substeps}):"):
            yield

    def zeros(self, names: Iterable[str]) -> None:
        for name in names:
            self(f"{name} = tl.zeros({self.shape}, tl.{self.spec.real})")

    def solve(self, newton: Newton) -> None:
        """Trial after trial, until all lanes of the program are solved."""
        guess, iteration = newton.guess, newton.iteration
        carried = [name for name in iteration.outputs if name != "unsolved"]
        self.lines(guess)
        names = [f"previous_{name}" for name in newton.states]
        self.move(names, [guess.outputs[name] for name in names])
        self.zeros(name for name in carried if name.startswith(("accepted_", "direction_")))
        names = [*newton.states, "best", "damping"]
        self.move(names, [guess.outputs[name] for name in names])
        self("unsolved, trials = tl.full([], 1, tl.int32), tl.full([], 0, tl.int32)")
        with self.block(f"while (unsolved > 0) & (trials < {self.spec.scheme.iterations}):"):
            self.lines(iteration)
            self.move(carried, [iteration.outputs[name] for name in carried])
            condition = iteration.outputs["unsolved"].name
            self(f"unsolved = tl.max(tl.where({condition}, 1, 0), axis=None)")
            self("trials += 1")

    def load(self, array: str, names: Iterable[str], row: str = "") -> None:
        """Values by lane, once for all days: row k, or k rows behind the first of some `row`."""
        for k, name in enumerate(names):
            first = f"({row} + {k})" if row else f"{k}"
            self(f"{name} = tl.load({array} + {first} * lanes + lane)")

    def store(self, array: str, values: Iterable[str]) -> None:
        """The like, written."""
        for k, one in enumerate(values):
            self(f"tl.store({array} + {k} * lanes + lane, {one}, mask=there)")

    def daily(self, program: Program) -> list[tuple[str, str]]:
        """What a program uses of the weather and of daily parameters, and the offsets of a day."""
        weather, dynamic = used(self.spec.forcings, program), used(self.spec.dynamic, program)
        return [(n, "at") for n in weather] + [(n, self.lane_at) for n in dynamic]

    def seeded(self) -> list[tuple[str, str]]:
        """The like of the cotangents of a day's outputs."""
        place = "at" if self.by_cell else self.lane_at
        return [(f"d_{name}", place) for name in self.spec.outputs]

    def stored(self) -> list[tuple[str, str]]:
        """The like of states that are read back."""
        return [(name, "kept_at") for name in self.spec.states]

    def read(self, values: list[tuple[str, str]]) -> None:
        for name, offset in values:
            self(f"{name} = tl.load({self._series(name, offset)} + {offset})")

    def read_first(self, values: list[tuple[str, str]], move: str, turn: str, turns: str) -> None:
        """With AHEAD, what the first turn of a loop over days needs is read before it.

        `move` is the sign by which a turn changes offsets before it reads, "" if it does not; the
        first one is number `turn` where the loop ends with `turns`.
        """
        if not values:
            return
        with self.block("if AHEAD:  # what a day needs is asked for while the day before it runs"):
            self.more(turn, turns)
            for name, offset in values:
                moved = f"({offset} {move} {self._step(offset)})" if move else offset
                self(f"{name} = tl.load({self._series(name, offset)} + {moved}, mask=more)")

    def read_day(self, values: list[tuple[str, str]], move: str, turn: str, turns: str) -> None:
        """What this turn needs, or with AHEAD the next one, number `turn`, if there is one."""
        if not values:
            return
        with self.block("if AHEAD:"):
            self.more(turn, turns)
            for name, offset in values:
                place = f"{self._series(name, offset)} + ({offset} {move} {self._step(offset)})"
                self(f"ahead_{name} = tl.load({place}, mask=more)")
        with self.block("else:"):
            self.read(values)

    def more(self, turn: str, turns: str) -> None:
        # by cell: the interpreter takes no single truth as a mask
        shape = "[BLOCK, 1]" if self.tiled else "[BLOCK]"
        self(f"more = tl.full({shape}, {turn}, tl.int32) < {turns}")

    def on(self, values: list[tuple[str, str]]) -> None:
        """With AHEAD, what was read for the next turn is that of this one now."""
        if not values:
            return
        with self.block("if AHEAD:"):
            for name, _ in values:
                self(f"{name} = ahead_{name}")

    def _series(self, name: str, offset: str) -> str:
        return f"kept_{name}" if offset == "kept_at" else f"series_{name}"

    def _step(self, offset: str) -> str:
        return {"at": "row", "lane_at": "lane_row", "kept_at": "kept_row"}[offset]

    def seed(self) -> None:
        """Cotangents of the outputs of a day, and what it adds to those of its period."""
        seeds = [f"d_{name}" for name in self.spec.results]
        averaged = seeds[len(self.spec.outputs) :]
        if averaged:
            self("t = stop - 1 - i")
            self("this_share = tl.load(share_of_day + t)")
            self("next_period = tl.load(period_of_day + t)")
            with self.block("if next_period != this_period:"):
                self("this_period = next_period")
                for k, name in enumerate(averaged):
                    self(f"mean_{name} = tl.load({self.average('d_averages', k)})")
            for name in averaged:
                self(f"{name} = mean_{name} * this_share")
        if self.spec.mean and self.tiled:
            for name in seeds:
                self(f"{name} = {name} * {1 / self.spec.components!r}")

    def lines(self, program: Program, backward: str = "weights") -> None:
        """The lines of a program; in its adjoint half weights come from the array `backward`."""
        weights = {name: k for k, name in enumerate(self.spec.weights)}
        inverse, written = _inverses(program), set[str]()
        for line in program.lines:
            divisor = value(line.arguments[1]) if line.operation == "div" else ""
            if divisor in inverse:
                if divisor not in written:
                    self(f"{inverse[divisor]} = 1.0 / {divisor}")
                    written.add(divisor)
                if line.name != inverse[divisor]:
                    self(f"{line.name} = {value(line.arguments[0])} * {inverse[divisor]}")
                continue
            array = backward if line.name.startswith("d_") else "weights"
            for one in line.arguments:  # registers are few: load a weight where it is used
                if isinstance(one, Symbol) and one.name in weights:
                    self(f"{one.name} = tl.load({array} + {weights[one.name]})")
            values = [value(a) for a in line.arguments]
            # the language takes plain numbers as float32 where no other says what they are
            if line.operation == "where" and all(isinstance(a, float) for a in line.arguments[1:]):
                values[1] = f"tl.full([], {values[1]}, tl.{self.spec.real})"
            if line.operation in ("minimum", "maximum"):
                values = [
                    v if isinstance(a, Symbol) else f"tl.full([], {v}, tl.{self.spec.real})"
                    for a, v in zip(line.arguments, values, strict=True)
                ]
                if self.spec.real == "float64":
                    self(f"{line.name} = {_chosen(line, *values)}")
                    continue
            self(f"{line.name} = {OPERATIONS[line.operation].triton.format(*values)}")

    def results(self, values: list[str]) -> None:
        """Outputs of a day, and at the end of each period the averages over it."""
        daily, averaged = self.spec.outputs, self.spec.averaged
        for name, one in zip(daily, values, strict=False):
            self.output(f"into_{name}", one)
        if not averaged:
            return
        self("this_share = tl.load(share_of_day + t)")
        for name, one in zip(averaged, values[len(daily) :], strict=True):
            self(f"mean_{name} += {one} * this_share")
        self("next_period = tl.load(period_of_day + t + 1)")
        with self.block("if next_period != this_period:"):
            for k, name in enumerate(averaged):
                self.output(self.average("averages", k), f"mean_{name}", offset="")
            self("this_period = next_period")
            self.zeros(f"mean_{name}" for name in averaged)

    def average(self, array: str, k: int) -> str:
        """Where the average k over this period lies."""
        place = "cell" if self.by_cell else "lane"
        row = f"{k} * all_periods + tl.cast(this_period, tl.int64)"
        return f"{array} + ({row}) * {self.width} + {place}"

    def output(self, place: str, one: str, offset: str | None = None) -> None:
        """A value of today by cell, the mean over its components, or by lane."""
        if self.spec.mean:
            self.total(place, one, 1 / self.spec.components, offset)
        else:
            offset = f" + {self.lane_at}" if offset is None else offset
            self(f"tl.store({place}{offset}, {one}, mask=there)")

    def total(self, place: str, one: str, factor=1.0, offset: str | None = None) -> None:
        """A value by cell: the sum over its components, times `factor`."""
        offset = " + at" if offset is None else offset
        if self.tiled:
            self(f"sum_now = tl.sum(tl.where(there, {one}, 0.0), axis=1, keep_dims=True)")
            one = f"sum_now * {factor!r}"
        self(f"tl.store({place}{offset}, {one}, mask=inside)")

    def move(self, names: list[str], values: list[Symbol | float]) -> None:
        """Give the loop's variables their values for the next turn, all at once."""
        for name, one in zip(names, values, strict=True):
            if isinstance(one, Symbol):
                text = f"tl.broadcast_to({one.name}, {self.shape})"
            else:
                text = f"tl.full({self.shape}, {one!r}, tl.{self.spec.real})"
            self(f"new_{name} = {text}")
        for name in names:
            self(f"{name} = new_{name}")


def _inverses(program: Program) -> dict[str, str]:
    """The name of 1 / b for each b that something else is divided by as well.

    An adjoint divides by what the step divides by: a division is many instructions, a product one.
    """
    quotients = [
        (line.name, *map(value, line.arguments))
        for line in program.lines
        if line.operation == "div"
    ]
    divisors = [b for *_, b in quotients]
    return {b: name for name, a, b in quotients if a == "1.0" and divisors.count(b) > 1}


def _chosen(line: Symbol, a: str, b: str) -> str:
    """A minimum or maximum by comparison: double precision has no instruction for either, and what
    stands in for it takes more registers than there are."""
    sign = ">=" if line.operation == "minimum" else "<="
    second = f"{a} {sign} {b}"
    if isinstance(line.arguments[1], Symbol):  # which may be missing where the first is not
        second = f"({second}) | ({b} != {b})"
    return f"tl.where({second}, {b}, {a})"
