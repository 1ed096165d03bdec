"""Kernels as operators of torch, which `torch.compile` takes as they are and never looks into.

An operator is registered with `operator`; `column_op.py` is the example. It takes

- a schema: tensors, numbers and texts. What is none of these (a `Spec`) goes as a text key, by
  which an `Interned` finds it again. The key is made of what the thing is, not of when it was made:
  code that was compiled, and kept on disk, by another process means the same by it.
- `run`, what it does to tensors with data. It is never traced: kernels are printed and compiled in
  here. What it returns are new tensors, none of them an argument or a view of another result, and
  what it refuses of the values of its arguments it refuses here, for a trace sees no values.
- `like`, the same for tensors without data: empty tensors of the same shapes, and nothing else.
- `keep(ctx, inputs, output)` and `backward(ctx, *cotangents)`, as of an autograd.Function. The
  adjoint kernels are an operator too, called by `backward`, so that a compiled backward pass works.
  One without these two is such an adjoint: its derivative is refused. For that it takes a *result*
  of the forward operator (the states on the way, which it needs in any case), kept with
  `ctx.save_for_backward`: through it torch knows that the gradients hang on all that went in.

Everything that a call decides in Python, by shapes and options, it decides before the operator,
where a trace follows; what makes a key, or asks for the memory that is free, is a `constant`.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from hashlib import blake2b
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

import torch
from torch.library import register_autograd, register_fake
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from gridhydro.kernels.launch import undisturbed

Thing = TypeVar("Thing")

NO_SECOND_DERIVATIVE = (
    "gradients through columns and rivers are made by adjoint kernels, which have no derivative of "
    "their own: there is no second derivative (create_graph=True, a Hessian, a penalty on a "
    "gradient). Take differences of gradients, or in a small case backend='torch', plain loops "
    "that can be differentiated any number of times"
)

# what an operator takes, and none of torch's kinds of tensors that only stand for others
_PLAIN = {torch.Tensor, torch.nn.Parameter, int, str, bool}
_LIBRARY = torch.library.Library("gridhydro", "FRAGMENT")


def operator(
    schema: str,
    run: Callable,
    like: Callable,
    keep: Callable | None = None,
    backward: Callable | None = None,
) -> Callable:
    """`torch.ops.gridhydro.<name>`, registered from "name(Tensor one, str key) -> (Tensor, ...)".

    The other arguments are told at the top of this file. `run` is out of reach of autocast: the
    tensors have the precision that they come in.
    Where nobody traces, what is returned makes no use of the operator but of an autograd.Function
    of the same parts: torch takes as long to find an operator as small runs take in all.
    """
    name, run = schema.partition("(")[0], in_full_precision(undisturbed(run))
    _LIBRARY.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    _LIBRARY.impl(name, run, "CompositeExplicitAutograd")
    whole = f"gridhydro::{name}"
    register_fake(whole, like, lib=_LIBRARY)
    register_autograd(whole, backward or _refused, setup_context=keep, lib=_LIBRARY)
    found = getattr(torch.ops.gridhydro, name).default
    function = run if keep is None else _function(name, run, keep, backward).apply

    def call(*arguments):
        # a gradient that is to have one itself
        again = keep is None and torch.is_grad_enabled() and any(map(_has_gradient, arguments))
        if again or traced(arguments):
            return found(*arguments)
        return function(*arguments)

    return call


def traced(arguments) -> bool:
    """Whether these are to go to the operator itself: somebody traces, or they are of other types
    than torch's own."""
    tracing = torch.compiler.is_compiling() or is_in_torch_dispatch_mode()
    return tracing or not _PLAIN.issuperset(map(type, arguments))


def last_use() -> bool:
    """Whether what the backward pass at work has saved is read for the last time: its graph is not
    kept (`retain_graph`), and no gradient of the gradient is wanted."""
    return not torch._C._autograd._get_current_graph_task_keep_graph()


def _has_gradient(argument) -> bool:
    return isinstance(argument, torch.Tensor) and argument.requires_grad


def _function(name: str, run: Callable, keep: Callable, backward) -> type[torch.autograd.Function]:
    def forward(ctx, *inputs):
        output = run(*inputs)
        if any(ctx.needs_input_grad):
            keep(ctx, inputs, output)
        return output

    parts = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(name, (torch.autograd.Function,), parts)


def in_full_precision(function: Callable) -> Callable:
    """The function, on tensors first, in whose products autocast changes no precision."""

    def run(first, *rest):
        kind = first.device.type
        if not torch.is_autocast_enabled(kind):
            return function(first, *rest)
        with torch.autocast(kind, enabled=False):
            return function(first, *rest)

    return run


def constant(function: Callable) -> Callable:
    """The function, which a trace calls but does not look into; what it gives is part of the code
    that is made, and made again for other arguments. They are objects or constants, not tensors.

    As `torch.compiler.assume_constant_result`, which loads the compiler only to say so.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


def _refused(ctx, *cotangents):
    raise RuntimeError(NO_SECOND_DERIVATIVE)


def cotangents(like: torch.Tensor, shapes, given) -> list[torch.Tensor]:
    """Those that a backward pass is given, and zeros of their shapes where there are none."""
    pairs = zip(given, shapes, strict=True)
    return [like.new_zeros(shape) if one is None else one for one, shape in pairs]


class Interned(Generic[Thing]):
    """Things that no schema can take, by keys that one can.

    what  for the message: what is kept here, and how a process comes to have it
    weak  keep a thing only as long as somebody else does; else as long as the process, which is
          for few and small ones. Whoever is to use a weak key later (a backward pass) holds the
          thing as well.

    Threads may share it: a key never changes its thing for one that differs.
    """

    def __init__(self, what: str, weak: bool = False):
        self.what = what
        self._things: MutableMapping[str, Thing] = WeakValueDictionary() if weak else {}
        self._lock = Lock()

    def hold(self, key: str, thing: Thing) -> str:
        """The key, by which the thing, or one that was equal to it before, is found from now on."""
        self.one(key, thing)
        return key

    def one(self, key: str, thing: Thing) -> Thing:
        """What is found by the key from now on: the thing, or one that was equal to it before."""
        with self._lock:  # a dictionary of weak references sets a default in several steps
            return self._things.setdefault(key, thing)

    def __getitem__(self, key: str) -> Thing:
        """The thing; RuntimeError for a key that this process has none for."""
        try:
            return self._things[key]
        except KeyError:
            raise RuntimeError(f"'{key}' is unknown in this process: {self.what}") from None


def key_of(name: str, *contents: object) -> str:
    """A key that can be read: the name, and a digest of all that makes the thing what it is."""
    text = "\n".join(map(str, contents))
    return f"{name}-{blake2b(text.encode(), digest_size=12).hexdigest()}"
