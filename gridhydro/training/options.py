"""The options of a training that belong together: each group checked as it is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from gridhydro.base.arguments import MOST, number, one_of, seed_of, whole
from gridhydro.training.balance import BY_WEIGHTS, Balance
from gridhydro.training.callbacks import Callback
from gridhydro.training.selection import Validation

STARTS = ("settled", "empty", "equilibrium")
# by name: the optimizer, and the learning rate that suits its steps
OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], float]] = {
    "adam": (torch.optim.Adam, 0.005),
    "adadelta": (torch.optim.Adadelta, 1.0),
}
# by name: the fraction of the first learning rate that is left after a fraction of the epochs
DECAYS: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 + 0.5 * math.cos(math.pi * done),
    "linear": lambda done: 1 - done,
    "exponential": lambda done: 0.01**done,
    "steps": lambda done: 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01,
}

Options = TypeVar("Options")


@dataclass(frozen=True)
class SpinUp:
    """How the stores are filled before the days that are scored.

    days    before the period that only fill the stores; minibatches have a warm-up of their own
    cycles  runs over all forcing up to the period's end before that, from empty stores
    start   "settled": before these days the stores are where runs over the record would bring them,
            found anew in every step (two to six runs over ten years of it at most, without
            gradient and rivers); "empty": the column's initial stores; "equilibrium": those that
            fill over many years begin where the mean fluxes of the spin-up's days alone would bring
            them, which depends on what is learned, so that gradients pass through the spin-up too.
            A column without such stores, as HBV, begins as with "settled".
            None: "settled", or with cycles "empty". Minibatches begin with empty stores, or the
            run whose states they begin with begins so
    """

    days: int = 365
    cycles: int = 0
    start: str | None = None

    def __post_init__(self):
        for name, most in (("days", MOST), ("cycles", 100_000)):
            _set(self, name, whole(f"spinup: {name}", getattr(self, name), 0, most))
        if self.start is None:
            _set(self, "start", "empty" if self.cycles else "settled")
        one_of("spinup: start", self.start, STARTS)
        if self.near_equilibrium and self.days < 2:
            raise ValueError(
                "a start near equilibrium is found in the days of a spin-up: give some, not "
                f"days={self.days}"
            )
        if self.start != "empty" and self.cycles:
            what = "near equilibrium" if self.near_equilibrium else "with settled stores"
            raise ValueError(
                f'a start {what} needs no runs beforehand: leave cycles or start="{self.start}" out'
            )

    @property
    def near_equilibrium(self) -> bool:
        """Whether the stores begin near equilibrium."""
        return self.start == "equilibrium"

    @property
    def settled(self) -> bool:
        """Whether the stores begin where runs over the record would bring them."""
        return self.start == "settled"


@dataclass(frozen=True)
class Optimizer:
    """How weights follow the gradient.

    name           "adam" or "adadelta"
    learning_rate  None: 0.005 with adam, 1.0 with adadelta, whose steps are far smaller
    decay          how the learning rate falls over the epochs: "cosine", or True, to nothing along
                   half a cosine; "linear", to nothing; "exponential", to a hundredth; "steps", to a
                   tenth after half of the epochs and to a hundredth after three quarters; False not
                   at all
    clip           largest norm of the gradient; a longer one is shortened to it
    balance        how the parts of the loss, discharge, storage and targets, are balanced: a
                   `gridhydro.Balance`, or what it is by
    """

    name: str = "adam"
    learning_rate: float | None = None
    decay: bool | str = True
    clip: float = 1.0
    balance: Balance | str = BY_WEIGHTS

    def __post_init__(self):
        one_of("optimizer", self.name, OPTIMIZERS)
        if self.learning_rate is not None:
            _set(self, "learning_rate", number("learning_rate", self.learning_rate, 0))
            if math.isinf(self.learning_rate):
                raise ValueError("learning_rate is inf: no step would end anywhere; give a number")
        one_of("decay", self.decay, (True, False, *DECAYS))
        if self.decay == "cosine":
            _set(self, "decay", True)
        _set(self, "clip", number("clip", self.clip, 0))
        if self.clip == 0:
            raise ValueError("clip is 0: no gradient would be left; take inf to clip nothing")
        _set(self, "balance", as_options(Balance, self.balance))

    @property
    def shares(self) -> Balance:
        """The balance with all its options."""
        return as_options(Balance, self.balance)

    @property
    def first_rate(self) -> float:
        """The learning rate of the first epoch."""
        return OPTIMIZERS[self.name][1] if self.learning_rate is None else self.learning_rate

    def rate(self, epoch: int, epochs: int) -> float:
        """The learning rate of an epoch, counted from 0, of so many."""
        if not self.decay:
            return self.first_rate
        return self.first_rate * DECAYS["cosine" if self.decay is True else self.decay](
            epoch / epochs
        )

    def of(self, weights) -> torch.optim.Optimizer:
        """The optimizer of these weights."""
        return OPTIMIZERS[self.name][0](weights, lr=self.first_rate)


@dataclass(frozen=True)
class Checkpoints:
    """Where the state of a training is kept, so that it may be killed at any moment.

    folder  of the run; the state lies in its subfolder `checkpoint`
    resume  go on from the state kept there, to the numbers of an unbroken run; without it a folder
            that holds a training is refused
    every   seconds between two checkpoints, at least; there is always one before the first step
            and one at the end
    """

    folder: str | Path
    resume: bool = False
    every: float = 20.0

    def __post_init__(self):
        if not isinstance(self.folder, str | Path):
            raise ValueError(f"the folder of checkpoints is a path, not {self.folder!r}")
        _set(self, "folder", Path(self.folder))
        one_of("resume", self.resume, (True, False))
        _set(self, "every", number("checkpoints: every", self.every, 0))

    @property
    def state(self) -> Path:
        """The folder in which the state lies."""
        return Path(self.folder) / "checkpoint"


@dataclass(frozen=True)
class Session:
    """How a training is run and watched; of all these only the seed changes what is learned, and a
    validation that keeps the best weights or ends the training.

    seed        of what the minibatches are, and of dropout; of a calibration, of all its draws
    device      "cpu" or "cuda"; None: a GPU where there is one
    cache       folder for packed copies of forcing and observations, of which minibatches read
                their windows: nothing else is held in memory. They are gone with the process, but
                for that of a `Forcing.open` of a file or store here, which the next session uses
    validation  a period that is not trained on, scored ten times while training, and shown; a
                `gridhydro.Validation` keeps the best weights and ends the training early
    callbacks   called after every epoch, one after the other: functions of its number, the model
                and its numbers by name, see `gridhydro.training.callbacks.Callback`; there are
                `gridhydro.CSVLog` and `gridhydro.TensorBoard`
    progress    show a bar
    memory      GiB that a step may need, in place of what is free as the training begins; a step
                that needs more is refused before anything runs. inf: none is
    """

    seed: int = 0
    device: str | torch.device | None = None
    cache: str | Path | None = None
    validation: Validation | tuple[str, str] | None = None
    callbacks: Sequence[Callback] = ()
    progress: bool = True
    memory: float | None = None

    def __post_init__(self):
        _set(self, "seed", seed_of(self.seed))
        if not isinstance(self.cache, str | Path | None):
            raise ValueError(f"the cache is the path of a folder, not {self.cache!r}")
        if self.validation is not None:
            _set(self, "validation", as_options(Validation, self.validation))
        several = isinstance(self.callbacks, Iterable) and not callable(self.callbacks)
        callbacks = tuple(self.callbacks) if several else (self.callbacks,)
        for one in callbacks:
            if not callable(one):
                raise ValueError(
                    f"a callback is a function of epoch, model and numbers, not {one!r}"
                )
        _set(self, "callbacks", callbacks)
        one_of("progress", self.progress, (True, False))
        if self.memory is not None:
            _set(self, "memory", number("memory", self.memory, 0))
        device_named(self.device)  # an error of the device is one of these options

    @classmethod
    def of(cls, given) -> Session:
        """The session; ValueError for anything else."""
        if not isinstance(given, cls):
            raise ValueError(f"session is a gridhydro.Session(seed=..., ...), not {given!r}")
        return given

    @property
    def selection(self) -> Validation | None:
        """The validation with all its options."""
        return None if self.validation is None else as_options(Validation, self.validation)

    @property
    def place(self) -> torch.device:
        """The device that is meant."""
        return device_named(self.device)


def as_options(kind: type[Options], given) -> Options:
    """Options of a kind as they are, or from the short form: the value of their first field."""
    make: Callable[..., Options] = kind
    return given if isinstance(given, kind) else make(given)


def device_named(name) -> torch.device:
    """The device of this name; None: a GPU where there is one. ValueError for one that is not."""
    try:
        named = "cuda" if name is None and torch.cuda.is_available() else name or "cpu"
        device = torch.device(named)
    except (RuntimeError, TypeError):
        raise ValueError(f"device is 'cpu' or 'cuda', not {name!r}") from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device is 'cpu' or 'cuda', not {name!r}")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device here, or torch is a build without CUDA: use cpu")
    return device


def _set(options, name: str, value) -> None:
    """Put a checked value into frozen options."""
    object.__setattr__(options, name, value)
