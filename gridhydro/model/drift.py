"""How the water stored drifts over the days of a training: stores that fill hide a surplus."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass

HIDDEN = 0.02  # of the flow: what goes into stores that are not full, above which it matters


@dataclass(frozen=True)
class Drift:
    """Water stored on average over the cells, mm, and what leaves them over the scored days, mm.

    start    at the beginning of the scored days; end: at their end
    settled  where it would begin after one more run over the same days
    runoff   over all of the scored days; NaN of a column without a flow
    """

    start: float
    end: float
    settled: float
    runoff: float

    @property
    def hidden(self) -> float:
        """Fraction of the flow that fills the stores, or empties them, for want of a spin-up."""
        return abs(self.settled - self.start) / self.runoff if self.runoff > 0 else float("nan")

    @property
    def line(self) -> str:
        """What is reported with every run."""
        part = f", {self.hidden:.1%} of the flow apart" if self.runoff > 0 else ""
        return (
            f"water stored over the training period: {self.start:.0f} to {self.end:.0f} mm; one "
            f"more run over it would begin with {self.settled:.0f} mm{part}"
        )

    def to_json(self) -> dict[str, float]:
        """Its numbers."""
        return asdict(self)

    def warn(self, remedy: str) -> None:
        """Warn where it matters, with what helps."""
        if self.hidden > HIDDEN:
            warnings.warn(
                f"the stores were not settled when the scored days began: {self.line}. What fills "
                "them there adds to the bias of later years: " + remedy,
                stacklevel=3,
            )
