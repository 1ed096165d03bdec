"""A period scored while a training goes on: which epoch's weights are kept, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gridhydro.base.arguments import MOST, one_of, whole
from gridhydro.base.periods import as_texts as period_of

KEPT = ("last", "best")
SCORES = ("discharge", "storage")


@dataclass(frozen=True)
class Validation:
    """A period that is not trained on, scored while the training goes on.

    period    first and last day, both included; before or after those of the training
    every     epochs from one score to the next; None: ten scores in all. The last epoch has one
    keep      which weights a training ends with: "last", those of the last epoch, or "best", those
              of the epoch that scored highest, of several the first
    patience  scores in a row, none above the best before, after which the training ends; None: it
              goes on to its last epoch
    score     which decides: "discharge", the median NSE of the gauges trained on, or "storage",
              that of the tiles

    Each score takes a run over the record from its first day to the period's last, in the first
    process of several. With "last" and without patience what is learned does not depend on it;
    else a training is gone on with under the same validation only, and one that it has ended
    stays ended. Scores of the same period are too good afterwards where it has chosen the weights:
    test on days of another.
    """

    period: tuple[str, str]
    every: int | None = None
    keep: str = "last"
    patience: int | None = None
    score: str = "discharge"

    def __post_init__(self):
        object.__setattr__(self, "period", period_of(self.period))
        for name in ("every", "patience"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, whole(f"validation: {name}", value, 1, MOST))
        one_of("validation: keep", self.keep, KEPT)
        one_of("validation: score", self.score, SCORES)

    @property
    def decides(self) -> bool:
        """Whether what is learned depends on it."""
        return self.keep == "best" or self.patience is not None

    @property
    def column(self) -> str:
        """The column of the history with the score that decides."""
        return f"validation_{self.score}_nse"

    def due(self, epoch: int, epochs: int) -> bool:
        """Whether an epoch, counted from 0, of so many is scored."""
        every = max(1, epochs // 10) if self.every is None else self.every
        return (epoch + 1) % every == 0 or epoch + 1 == epochs

    def best(self, history: Sequence[Mapping]) -> int | None:
        """The line of the history with the highest score, the first of them; None without any."""
        scores = self._scores(history)
        return max(scores, key=lambda line: (scores[line], -line), default=None)

    def ends(self, history: Sequence[Mapping]) -> bool:
        """Whether no score since the best has been above it for as long as there is patience."""
        if self.patience is None:
            return False
        best, scored = self.best(history), [n for n, h in enumerate(history) if self.column in h]
        return sum(best is None or line > best for line in scored) >= self.patience

    def _scores(self, history: Sequence[Mapping]) -> dict[int, float]:
        """Line -> score, of those that have one."""
        found = {n: line.get(self.column, math.nan) for n, line in enumerate(history)}
        return {n: score for n, score in found.items() if not math.isnan(score)}
