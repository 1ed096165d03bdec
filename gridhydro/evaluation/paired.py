"""Models compared at the same gauges, tiles or cells: differences, and whether they are chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from gridhydro.evaluation.tables import place_of


def paired_tests(tables: Mapping[str, pd.DataFrame], metrics: Sequence[str]) -> pd.DataFrame:
    """Wilcoxon's signed-rank test (1945, doi:10.2307/3001968) of each two models and score.

    tables  model -> scores, a row for each place
    Columns: metric, model, other, count of the places where both have the score, higher (how many
    of them have a higher one by `model`), median_difference (model less other, unit of the score),
    and the probabilities of differences like these where neither model scored higher: p_higher (for
    the model scoring higher), p_lower and p_different. Places with equal scores tell nothing and
    are passed over; the probabilities are NaN where there is none left.
    ValueError for a table that has several rows for a place.
    """
    rows = []
    for (name, table), (other, rival) in combinations(tables.items(), 2):
        both = _by_place(name, table).join(_by_place(other, rival).add_suffix(" of other"))
        for metric in metrics:
            pair = both[[metric, f"{metric} of other"]].dropna().to_numpy(float)
            difference = pair[:, 0] - pair[:, 1]
            rows.append(
                dict(
                    metric=metric, model=name, other=other, count=len(pair),
                    higher=int((difference > 0).sum()),
                    median_difference=np.median(difference) if len(pair) else np.nan,
                    **_probabilities(difference),
                )
            )  # fmt: skip
    columns = ("metric", "model", "other", "count", "higher", "median_difference", *_SIDES)
    return pd.DataFrame(rows, columns=list(columns))


# column -> the alternative in which it is the probability
_SIDES = {"p_higher": "greater", "p_lower": "less", "p_different": "two-sided"}


def _probabilities(difference: np.ndarray) -> dict[str, float]:
    told = difference[difference != 0]
    if not told.size:
        return dict.fromkeys(_SIDES, np.nan)
    return {name: float(wilcoxon(told, alternative=side)[1]) for name, side in _SIDES.items()}


def _by_place(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The numbers of a table by place."""
    place = place_of(table, f" of {name}")
    names = table[place].astype(str)
    if names.duplicated().any():
        raise ValueError(
            f"the table of {name} has several rows for {names[names.duplicated()].iloc[0]}: choose "
            "one period first"
        )
    return table.set_axis(pd.Index(names, name=place)).select_dtypes("number")
