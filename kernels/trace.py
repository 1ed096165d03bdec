"""From a column's (sub-)step to straight-line code, and from that to its adjoint.

The step is called once with symbols in place of tensors; each operation becomes a line that knows
the physics line it came from. Equal lines are shared. What depends on static parameters alone is
split off, to be computed once, outside the time loop.
"""

from __future__ import annotations

import ast
import linecache
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace

import torch

from gridhydro.kernels import embedded
from gridhydro.kernels.protocols import ColumnModel, Network, Value
from gridhydro.kernels.schemes import SEQUENTIAL, Scheme
from gridhydro.kernels.vocabulary import COMPOSED, CONDITIONS, KINKED, OPERATIONS, SYNONYMS

# frames in these files are machinery; the first frame outside them is physics
_TORCH = os.path.dirname(torch.__file__) + os.sep
_MACHINERY = {__file__, embedded.__file__, sys.modules[OPERATIONS["add"].__module__].__file__}

# the printed kernels' own names, which no quantity may have
_RESERVED = {
    *("w", "l", "i", "t", "m", "c", "k", "real", "select", "exp2", "log2", "sqrt", "tanh", "math"),
    *("minimum_of", "maximum_of", "quick_tanh"),
    *("np", "njit", "int32", "int64", "tl", "triton", "day", "days", "kept_day", "every", "cell"),
    *("cells", "lane", "lanes", "component", "there", "inside", "all_days", "all_cells", "forcing"),
    *("static", "dynamic", "initial", "outputs", "final", "trajectory", "kept", "segments", "back"),
    *("start", "stop", "first", "slot", "range", "min", "j", "part", "row", "rows", "missed"),
    *("at", "lane_at", "lane_row", "handed_at", "more", "INDEX", "BLOCK", "DAILY", "SPACED"),
    *("RECOMPUTE", "AHEAD", "static_again"),
    *("best", "damping", "unsolved", "trials"),
    *("component_weight", "weights", "weights_again", "handed"),
    *("period_of_day", "share_of_day", "this_period", "this_share", "next_period", "averages"),
    *("period_count", "all_periods"),
}
_RESERVED_PREFIXES = (
    "new_", "sum_", "mean_", "previous_", "residual_", "accepted_", "direction_", "trial_",
    "series_", "into_", "kept_", "ahead_",
)  # fmt: skip

# what an output of a component is multiplied by before the mean over the components
COMPONENT_WEIGHT = "component_weight"


class OutsideVocabulary(TypeError):
    """An operation that the kernels cannot print; the message names the line of the physics."""


@dataclass(frozen=True)
class Call:
    """One call of an embedded network: what goes in and the line that it comes to."""

    network: Network
    inputs: tuple[Value, ...]
    output: Value


@dataclass(eq=False)
class Program:
    """Straight-line code: named inputs, lines in order, named outputs (line, input or number)."""

    inputs: list[str] = field(default_factory=list)
    lines: list[Symbol] = field(default_factory=list)
    outputs: dict[str, Value] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    taken: frozenset[str] = frozenset()  # further names that the kernel needs for itself

    def __post_init__(self):
        self._known: dict[tuple, Symbol] = {}

    def input(self, name: str) -> Symbol:
        if ("input", name) not in self._known:
            self.inputs.append(name)
            self._known["input", name] = Symbol(self, "input", (), name)
        return self._known["input", name]

    def emit(self, operation: str, arguments: tuple, name: str = "", source=None) -> Value:
        simple = _simplify(operation, arguments)
        if simple is not None:
            return simple
        key = (operation, *(a if isinstance(a, float) else id(a) for a in arguments))
        if key not in self._known:
            symbol = Symbol(self, operation, arguments, name, source or _physics_line())
            self._known[key] = symbol
            self.lines.append(symbol)
        return self._known[key]

    def keep(self, outputs: Mapping[str, Value]) -> None:
        """Set the outputs, drop the lines that none of them needs, and name what is left."""
        self.outputs = dict(outputs)
        needed: set[int] = set()
        stack = [value for value in outputs.values() if isinstance(value, Symbol)]
        while stack:
            symbol = stack.pop()
            if id(symbol) not in needed:
                needed.add(id(symbol))
                stack.extend(a for a in symbol.arguments if isinstance(a, Symbol))
        self.lines = [line for line in self.lines if id(line) in needed]
        self.calls = [call for call in self.calls if id(call.output) in needed]

    def weigh(self, outputs: Iterable[str]) -> None:
        """Multiply these outputs by the weight of the component, a further input."""
        weight = self.input(COMPONENT_WEIGHT)
        for name in outputs:
            value = (self.outputs[name], weight)
            self.outputs[name] = self.emit("mul", value, f"weighted_{name}", ("", 0))
        make_unique(self)

    def reached(self, names: Iterable[str]) -> set[str]:
        """The outputs that depend on one of these inputs."""
        names = set(names)
        depends: dict[int, bool] = {}
        for line in self.lines:
            depends[id(line)] = any(
                a.name in names if a.operation == "input" else depends[id(a)]
                for a in line.arguments
                if isinstance(a, Symbol)
            )
        return {
            name
            for name, value in self.outputs.items()
            if isinstance(value, Symbol)
            and (value.name in names if value.operation == "input" else depends[id(value)])
        }

    def __str__(self) -> str:
        """All lines and outputs: equal texts compute the same."""
        lines = [f"{x.name}: {x.operation} {[_shown(a) for a in x.arguments]}" for x in self.lines]
        return "\n".join((*lines, *(f"{n}: {_shown(v)}" for n, v in self.outputs.items())))

    def used(self) -> set[str]:
        """The inputs that a line or an output needs."""
        values = [a for line in self.lines for a in line.arguments] + list(self.outputs.values())
        return {v.name for v in values if isinstance(v, Symbol) and v.operation == "input"}


class Symbol:
    """A value of a program, standing in for a tensor while the physics is traced."""

    def __init__(self, program, operation, arguments, name="", source=("", 0)):
        self.program, self.operation, self.arguments = program, operation, arguments
        self.name, self.source = name, source

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        return _call(getattr(function, "__name__", str(function)), arguments, keywords or {})

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments, **keywords: _call(name, (self, *arguments), keywords)

    def where(self, condition, other):
        return _call("where", (condition, self, other), {})

    def __bool__(self):
        raise _refuse("a branch on a value", "write it with torch.where")

    def __float__(self):
        raise _refuse("a plain number made of a value", "use the functions of torch, not of math")

    __int__ = __index__ = __float__

    __hash__ = object.__hash__


def _shown(value: Value) -> str:
    return value.name if isinstance(value, Symbol) else repr(value)


def _operator(name: str, swapped: bool = False):
    if swapped:
        return lambda a, b: _call(name, (b, a), {})
    return lambda *arguments: _call(name, arguments, {})


_UNLIKE = {"truediv": "div", "and": "logical_and", "or": "logical_or", "invert": "logical_not"}
for _name in (
    "add", "sub", "mul", "lt", "le", "gt", "ge", "eq", "ne", "neg", "abs", "pow", *_UNLIKE,
):  # fmt: skip
    setattr(Symbol, f"__{_name}__", _operator(_UNLIKE.get(_name, _name)))
for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(Symbol, f"__r{_name}__", _operator(_UNLIKE.get(_name, _name), swapped=True))


def _call(name: str, arguments: tuple, keywords: dict):
    if name.endswith("_") and not name.startswith("__"):
        raise _refuse(f"'{name}', which works in place,", f"use '{name.rstrip('_')}'")
    name = SYNONYMS.get(name.strip("_"), name.strip("_"))
    spelt = KINKED.get(name) or COMPOSED.get(name)
    if spelt is not None and name not in OPERATIONS:
        return spelt(*arguments, **keywords)
    if name not in OPERATIONS or keywords:
        raise _refuse(f"'{name}'" + (f" with {', '.join(keywords)}" if keywords else ""))
    if len(arguments) != OPERATIONS[name].numba.count("{"):
        raise _refuse(f"'{name}' of {len(arguments)} arguments")
    if name == "where" and not any(isinstance(a, Symbol) for a in arguments[1:]):
        # torch would take two plain numbers as float32, whatever the precision of the rest
        raise _refuse("'where' between two numbers", "add 0 * x to one of them")
    program = next(a.program for a in arguments if isinstance(a, Symbol))
    return program.emit(name, tuple(_number_or_symbol(a) for a in arguments))


def _number_or_symbol(value):
    if isinstance(value, Symbol):
        return value
    if isinstance(value, (bool, int, float)):
        return float(value)
    if getattr(value, "ndim", None) == 0:
        return float(value.item())
    raise _refuse(
        f"a value of type {type(value).__name__}", "use numbers, states, forcing or parameters"
    )


def _refuse(what: str, remedy: str | None = None) -> OutsideVocabulary:
    file, line = _physics_line()
    known = sorted({*OPERATIONS, *KINKED, *COMPOSED} - {"rsub", "quick_tanh"})
    text = linecache.getline(file, line).strip()
    return OutsideVocabulary(
        f"{file}:{line}: {what} is outside the vocabulary of the column kernels, in\n    {text}\n"
        + (remedy or f"use elementwise operations only: {', '.join(known)}")
    )


def _physics_line() -> tuple[str, int]:
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_filename in _MACHINERY or frame.f_code.co_filename.startswith(_TORCH)
    ):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _simplify(operation: str, arguments: tuple):
    """The value of an operation that needs no line of its own, else None."""

    def is_number(value, number):
        return isinstance(value, float) and value == number

    fold = OPERATIONS[operation].fold
    if fold is not None and all(isinstance(a, float) for a in arguments):
        return fold(*arguments)
    a, b = (*arguments, None)[:2]
    if operation == "where" and arguments[1] is arguments[2]:
        return arguments[1]
    if operation in ("add", "sub") and is_number(b, 0.0):
        return a
    if operation == "add" and is_number(a, 0.0):
        return b
    if operation in ("mul", "div") and is_number(b, 1.0):
        return a
    if operation == "mul" and is_number(a, 1.0):
        return b
    if operation == "neg" and a.operation == "neg":
        return a.arguments[0]
    if operation == "sub" and is_number(a, 0.0):
        return -b
    if operation == "mul" and is_number(a, -1.0):
        return -b
    return None


def trace(
    column: ColumnModel,
    dynamic: Iterable[str] = (),
    scheme: Scheme = SEQUENTIAL,
    hoisted: bool = True,
) -> tuple[Program, Program]:
    """The derived quantities and one (sub-)step of a column, as two programs.

    `derive` takes the static parameters and gives what the step needs of them alone; its outputs
    are inputs of `step`. The step's outputs are the new states, named `next_<state>`, and all
    fluxes and states by their own names. Of an implicit scheme, whose step is solved and not
    taken, `next_<state>` is what flows into a store within it, at the states that are sought.
    `hoisted`: the weights of networks count as static.
    """
    taken = frozenset(getattr(column, "taken", ()))
    kind = "reach" if taken else "column"
    for f in (
        *column.states, *column.forcings, *column.parameters, *column.properties, *column.fluxes,
        *column.networks,
    ):  # fmt: skip
        if f.name in _RESERVED | taken or f.name.startswith(_RESERVED_PREFIXES):
            raise ValueError(
                f"the {kind} '{column.name}' has a field '{f.name}', a name that the printed "
                "kernels need for themselves: give it a longer one"
            )
    whole = Program(taken=taken)
    groups = [
        SimpleNamespace(**{f.name: whole.input(f.name) for f in fields})
        for fields in (column.states, column.forcings, (*column.parameters, *column.properties))
    ]
    for network in column.networks:
        if hasattr(groups[-1], network.name):
            raise ValueError(
                f"the column '{column.name}' has two parameters or networks named '{network.name}'"
            )
        setattr(groups[-1], network.name, _network(whole, network))
    states, fluxes = scheme.step(column)(*groups)
    outputs = _checked(column, scheme, states, fluxes)
    at_end = vars(groups[0]) if scheme.implicit else states
    outputs |= {name: value for name, value in at_end.items() if name not in fluxes}
    whole.keep(outputs)
    _name_lines(whole)
    fields = (*column.parameters, *column.properties)
    static = [f.name for f in fields if f.name not in set(dynamic)]
    weights = [name for network in column.networks for name in embedded.names(network)]
    return _split(whole, static + weights * hoisted)


def _network(program: Program, network: Network):
    """A function that the step calls, which writes the network out line by line."""
    weights = [program.input(name) for name in embedded.names(network)]

    def call(*inputs):
        inputs, first = tuple(_number_or_symbol(value) for value in inputs), len(program.lines)
        output = embedded.expand(network, weights, inputs)
        for line in program.lines[first:]:
            line.name = network.name if line is output else f"{network.name}_part"
        program.calls.append(Call(network, inputs, output))
        return output

    return call


def _checked(column, scheme, states, fluxes) -> dict[str, Value]:
    for kind, fields, values in (("state", column.states, states), ("flux", column.fluxes, fluxes)):
        names = {f.name for f in fields}
        if names != set(values):
            missing, extra = sorted(names - set(values)), sorted(set(values) - names)
            raise ValueError(
                f"{scheme.method}() of the column '{column.name}' and its fields disagree on each "
                f"{kind}: not returned: {missing or 'none'}; not declared: {extra or 'none'}"
            )
    return {f"next_{name}": value for name, value in states.items()} | dict(fluxes)


def _split(whole: Program, static: list[str]) -> tuple[Program, Program]:
    """Copy the lines into a program of static quantities and one of daily quantities."""
    derive, step = Program(taken=whole.taken), Program(taken=whole.taken)
    placed: dict[int, tuple[str, Value]] = {}  # where each line of the whole now lives
    inputs = {name: step.input(name) for name in whole.inputs}
    constants = {name: derive.input(name) for name in static}
    exported: dict[str, Value] = {}
    taken = {line.name for line in whole.lines} | set(whole.inputs) | whole.taken

    def in_step(value):
        if isinstance(value, float):
            return value
        if value.operation == "input":
            return inputs[value.name]
        where, symbol = placed[id(value)]
        if where == "step":
            return symbol
        if value.operation in CONDITIONS:  # what is handed over is a number: decide again
            arguments = tuple(in_step(a) for a in value.arguments)
            return step.emit(value.operation, arguments, value.name, value.source)
        if symbol.name not in inputs:
            exported[symbol.name] = symbol
            inputs[symbol.name] = step.input(symbol.name)
        return inputs[symbol.name]

    def is_static(value):
        if isinstance(value, float):
            return True
        return (
            value.name in constants
            if value.operation == "input"
            else placed[id(value)][0] == "derive"
        )

    def in_derive(value):
        if isinstance(value, float):
            return value
        return constants[value.name] if value.operation == "input" else placed[id(value)][1]

    for line in whole.lines:
        if all(is_static(a) for a in line.arguments):
            arguments = tuple(in_derive(a) for a in line.arguments)
            made = derive.emit(line.operation, arguments, line.name, line.source)
            placed[id(line)] = ("derive", made)
            continue
        a, *rest = line.arguments
        if line.operation == "div" and not isinstance(rest[0], float) and is_static(rest[0]):
            # a division by a static quantity is a product with its reciprocal, taken once
            below = in_derive(rest[0])
            name = f"inverse_{below.name}"
            name = f"{name}_2" if name in taken else name
            inverse = derive.emit("div", (1.0, below), name, line.source)
            placed[id(inverse)] = ("derive", inverse)
            made = step.emit("mul", (in_step(a), in_step(inverse)), line.name, line.source)
        else:
            arguments = tuple(in_step(a) for a in line.arguments)
            made = step.emit(line.operation, arguments, line.name, line.source)
        placed[id(line)] = ("step", made)
    step.calls = [
        Call(call.network, tuple(in_step(value) for value in call.inputs), in_step(call.output))
        for call in whole.calls
    ]
    step.keep({name: in_step(value) for name, value in whole.outputs.items()})
    derive.keep(exported)
    return derive, step


def adjoint(
    program: Program,
    seeds: Iterable[str],
    wanted: Iterable[str],
    given: Iterable[str] = (),
    calls: bool = False,
) -> Program:
    """The adjoint of a program: it takes the inputs and `d_<output>` for each seed.

    Its outputs are `d_<input>` for each input wanted (0.0 where nothing flows). The lines of the
    program itself come first: the adjoint recomputes what it needs, but for the lines named in
    `given`, which become inputs. With `calls`, what goes into each call of a network comes first
    among the outputs, followed by the cotangent of what it gives.
    """
    back = Program(taken=program.taken)
    at = copy_lines(program, back, given)
    start = {name: back.input(f"d_{name}") for name in seeds}
    cotangents, handed = pull_back(program, back, at, start)
    found = {f"d_{name}": cotangents.get(name, 0.0) for name in wanted}
    back.keep(handed | found if calls else found)
    make_unique(back)
    return back


def copy_lines(
    program: Program,
    target: Program,
    given: Iterable[str] = (),
    instead: Mapping[str, Value] | None = None,
) -> Callable:
    """Put the lines of a program into another, but for those named in `given`: inputs there.

    `instead` gives values in place of inputs. Returns the function from a value to its copy.
    """
    inputs: dict[str, Value] = {
        n: target.input(n) for n in program.inputs if n not in (instead or {})
    }
    inputs |= instead or {}
    copies: dict[int, Value] = {}

    def at(value):
        if isinstance(value, float):
            return value
        return inputs[value.name] if value.operation == "input" else copies[id(value)]

    given = set(given)
    for line in program.lines:
        if line.name in given:
            copies[id(line)] = target.input(line.name)
            continue
        arguments = tuple(at(a) for a in line.arguments)
        copies[id(line)] = target.emit(line.operation, arguments, line.name, line.source)
    return at


def pull_back(
    program: Program, back: Program, at: Callable, seeds: Mapping[str, Value]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """Cotangents of a program's inputs, by name, from those of its outputs.

    The lines go into `back`, where `at` finds the copies of the program's own. Second comes what
    goes into each call of a network, followed by the cotangent of what it gives.
    """
    cotangents: dict[int, Value] = {}

    def add(target, amount, source):
        if not isinstance(target, Symbol) or amount is None:
            return
        before = cotangents.get(id(target))
        total = amount if before is None else back.emit("add", (before, amount), "", source)
        if isinstance(total, Symbol) and not total.name:
            total.name = f"d_{target.name}"
        cotangents[id(target)] = total

    for name, seed in seeds.items():
        add(at(program.outputs[name]), seed, ("", 0))
    for line in reversed(program.lines):
        copy = at(line)
        g = cotangents.get(id(copy))
        if g is None:
            continue
        first = len(back.lines)
        arguments = [at(a) for a in line.arguments]
        amounts = OPERATIONS[line.operation].adjoint(g, copy, *arguments)
        for argument, amount in zip(arguments, amounts, strict=True):
            add(argument, amount, line.source)
        for made in back.lines[first:]:
            made.source = line.source
            made.name = made.name or f"d_{line.name}_part"
    found = {name: cotangents.get(id(back.input(name))) for name in program.inputs}
    handed: dict[str, Value] = {}
    for number, call in enumerate(program.calls):
        prefix = f"{call.network.name}_{number}"
        handed |= {f"{prefix}_{k}": at(value) for k, value in enumerate(call.inputs)}
        handed[f"d_{prefix}"] = cotangents.get(id(at(call.output)), 0.0)
    return {name: value for name, value in found.items() if value is not None}, handed


def push_forward(
    program: Program, target: Program, at: Callable, inputs: Iterable[str]
) -> Callable:
    """Derivatives of a program's values with respect to some of its inputs.

    The lines go into `target`. Returns a function that gives, for a value of the program, its
    derivatives by input; an input that it does not depend on is left out.
    """
    slopes: dict[int, dict[str, Value]] = {}

    def of(value):
        if not isinstance(value, Symbol):
            return {}
        if value.operation == "input":
            return {value.name: 1.0} if value.name in inputs else {}
        return slopes[id(value)]

    for line in program.lines:
        parts = [of(a) for a in line.arguments]
        touched = [name for name in inputs if any(name in part for part in parts)]
        slopes[id(line)] = {}
        if not touched or line.operation in CONDITIONS:
            continue
        first = len(target.lines)
        arguments = [at(a) for a in line.arguments]
        if line.operation in ("where", "minimum", "maximum"):
            choose, yes, no = _chosen(line.operation, arguments, parts)
            for name in touched:
                both = (choose, yes.get(name, 0.0), no.get(name, 0.0))
                slopes[id(line)][name] = target.emit("where", both, "", line.source)
        else:
            partials = OPERATIONS[line.operation].adjoint(1.0, at(line), *arguments)
            for name in touched:
                terms = [
                    target.emit("mul", (partial, part[name]), "", line.source)
                    for partial, part in zip(partials, parts, strict=True)
                    if name in part
                ]
                slopes[id(line)][name] = sum(terms[1:], terms[0])
        for made in target.lines[first:]:
            made.source = line.source
            made.name = made.name or f"slope_of_{line.name}"
    return of


def _chosen(operation: str, arguments: list[Value], parts: list) -> tuple:
    """The condition of what chooses between two values, and the parts of what it chooses from."""
    if operation == "where":
        return arguments[0], parts[1], parts[2]
    a, b = arguments
    return (a >= b if operation == "minimum" else a <= b), parts[1], parts[0]


def _name_lines(program: Program) -> None:
    """Name each line after the variable its statement assigns, else after the output it is."""
    for line in program.lines:
        line.name = line.name or assigned_name(*line.source)
    for name, value in program.outputs.items():
        if isinstance(value, Symbol) and value.operation != "input":
            value.name = (
                name.removeprefix("next_") if value.name in ("", "states", "fluxes") else value.name
            )
    make_unique(program)


def make_unique(program: Program, others: Iterable[str] = ()) -> None:
    """Variables are assigned once: `snowpack`, `snowpack_2`, ...; the last one is the named one.

    `others` are names that programs printed beside this one have taken.
    """
    taken = _RESERVED | program.taken | set(program.inputs) | set(others)
    for line in program.lines:
        base = line.name or "value"
        if base.startswith(_RESERVED_PREFIXES):
            base = f"the_{base}"
        number, name = 2, base
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        line.name = name
        taken.add(name)


@lru_cache
def _statements(file: str) -> list[tuple[int, int, str]]:
    tree = ast.parse("".join(linecache.getlines(file)) or "")
    return [
        (node.lineno, node.end_lineno or node.lineno, node.targets[0].id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    ]


def assigned_name(file: str, line: int) -> str:
    """The variable that the statement on this line of a file assigns, if it does."""
    for first, last, name in _statements(file):
        if first <= line <= last:
            return name
    return ""
