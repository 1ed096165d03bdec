"""The options of an emulator's training that belong together, each checked as it is made."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from gridhydro.base.arguments import fraction, number, whole


@dataclass(frozen=True)
class Training:
    """How an emulator follows the gradient, and which runs it is scored with.

    epochs         an epoch has as many windows as it takes to go through the runs once
    learning_rate  of Adam in the first step; it falls to nothing along a half cosine
    batch          windows in a step
    held_out       fraction of the runs that are not learned from but scored along the way; 0: none
    seed           of the runs held out, the first weights and the windows
    """

    epochs: int = 40
    learning_rate: float = 0.005
    batch: int = 64
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self):
        for name, least in (("epochs", 1), ("batch", 1), ("seed", 0)):
            _set(self, name, whole(name, getattr(self, name), least))
        _set(self, "held_out", fraction("held_out", self.held_out))
        _set(self, "learning_rate", number("learning_rate", self.learning_rate, 0))
        if self.learning_rate == 0:
            raise ValueError("learning_rate is 0: nothing would be learned")

    def about(self) -> dict[str, float]:
        """The options by name, for what is kept with an emulator."""
        return asdict(self)


@dataclass(frozen=True)
class Windows:
    """Days that are learned from at once; windows begin anywhere in the runs.

    days    of a window
    warmup  before it, that only fill the LSTM's memory: long for a model with a long memory
    """

    days: int = 365
    warmup: int = 180

    def __post_init__(self):
        _set(self, "days", whole("days", self.days, 1))
        _set(self, "warmup", whole("warmup", self.warmup, 0))

    @property
    def length(self) -> int:
        """Days of a window and its warm-up."""
        return self.warmup + self.days

    def about(self) -> dict[str, int]:
        """The options by name, for what is kept with an emulator."""
        return asdict(self)


def _set(options, name: str, value) -> None:
    """Put a checked value into frozen options."""
    object.__setattr__(options, name, value)
