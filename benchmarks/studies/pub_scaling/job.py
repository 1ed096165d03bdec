"""Jobs of the study of ungauged basins, and the basins that each trains on and is tested on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gridhydro.training import splits

FOLDS = 10
# percent of all basins to train on, and how many draws of them each fold has
FRACTIONS = {2: 3, 5: 2, 12.5: 1, 25: 1, 50: 1, 90: 1}
STEPS = 1200  # of the optimizer, whatever the fraction; chosen with --choose


@dataclass(frozen=True)
class Job:
    variant: str
    fraction: float
    fold: int
    draw: int = 0
    steps: int = STEPS
    choosing: bool = False

    def folder(self, out: Path) -> Path:
        kind = f"choice-{self.steps}-steps" if self.choosing else "held-out"
        place = out / kind / self.variant.replace(" ", "-") / f"fraction-{self.fraction:g}"
        return place / f"fold-{self.fold}-draw-{self.draw}"

    def split(self, gauges: list[str], period) -> splits.Split:
        """The gauges of this draw to train on; those of a smaller fraction are among them."""
        found = splits.pub(gauges, period, FOLDS)[self.fold]
        if self.choosing:
            found = splits.pub(found.train_gauges, period, FOLDS)[0]
        among = list(found.train_gauges)
        random.Random(f"{self.fold}/{self.draw}").shuffle(among)
        count = max(1, round(self.fraction / 100 * len(gauges)))
        return replace(found, train_gauges=tuple(among[:count]))


def draws(
    variants, fold: int, fractions, choosing: bool = False, steps: Sequence[int] = (STEPS,)
) -> Iterator[Job]:
    """Every draw, variant and number of steps of a fold."""
    for fraction in fractions:
        for draw in range(FRACTIONS[fraction]):
            for variant in variants:
                for number in steps:
                    yield Job(variant, fraction, fold, draw, number, choosing)
