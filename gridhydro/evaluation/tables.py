"""Tables of scores of many gauges, tiles or cells made short: by group, model beside model.

The tables are those of `Run.evaluate`, `Run.evaluate_storage` and `Run.evaluate_target`: a row per
gauge, tile or cell and period.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

SHOWN = ("nse", "kge", "fhv", "flv", "rmse_low", "rmse_high")
# what a row of a table is of, one of them
PLACES = ("gauge", "tile", "cell")
# columns of a table that are no scores
_KEYS = (
    *PLACES, "period", "gauge_use", "target", "unit", "lon", "lat", "days", "solutions", "fold",
    "seed",
)  # fmt: skip


def place_of(table: pd.DataFrame, whose: str = "") -> str:
    """The column that names what each row is of: gauge, tile or cell.

    ValueError without such a column.
    """
    for name in PLACES:
        if name in table:
            return name
    raise ValueError(
        f"the table{whose} has no column {' or '.join(map(repr, PLACES))}; it has "
        f"{', '.join(map(str, table.columns))}"
    )


def summary(
    table: pd.DataFrame, by: Sequence[str] = ("period",), exclude: Iterable | None = None
) -> pd.DataFrame:
    """Distribution over the gauges, tiles or cells: a row per group and score.

    by       columns of the table to group by, such as period, gauge_use or a climate class that
             was joined to it; a group of the rows without a class is kept. () for one group
    exclude  names of gauges, tiles or cells left out

    Columns: those of `by`, metric, median, mean, q25, q75 (unit of the score), count (rows of
    the group) and undefined (those of them whose score is NaN, which the statistics pass over).
    """
    by = [by] if isinstance(by, str) else list(by)
    _require(table, by)
    table = _without(table, exclude)
    shown = [
        name
        for name in table.columns
        if name not in (*_KEYS, *by) and pd.api.types.is_numeric_dtype(table[name])
    ]
    long = table.melt([*by], shown, "metric", "value")
    groups = long.groupby([*by, "metric"], sort=False, dropna=False)["value"]
    statistics = groups.agg(
        median="median",
        mean="mean",
        q25=lambda v: v.quantile(0.25),
        q75=lambda v: v.quantile(0.75),
        count="size",
        undefined=lambda v: v.isna().sum(),
    )
    return statistics.reset_index()


def compare(
    tables: Mapping[str, pd.DataFrame],
    metrics: Sequence[str] = SHOWN,
    exclude: Iterable | None = None,
) -> pd.DataFrame:
    """Medians, a row per model, from tables model -> scores with one row per gauge, tile or cell.

    Columns: count, the scores, and failed: the rows in which the model has no score although
    another one has, which its medians pass over. ValueError if the models are scored at different
    places.
    """
    if not tables:
        raise ValueError("no tables to compare")
    chosen = {}
    for name, table in tables.items():
        place = place_of(table, f" of {name}")
        _require(table, metrics, f" of {name}")
        table = _without(table, exclude).astype({place: str})
        twice = table[place][table[place].duplicated()]
        if len(twice):
            raise ValueError(
                f"the table of {name} has several rows for {twice.iloc[0]}: choose one period "
                "first, for example table[table['period'] == 'validation']"
            )
        chosen[name] = table.set_index(place)[list(metrics)].sort_index()
    first, *others = chosen
    for name in others:
        differ = chosen[first].index.symmetric_difference(chosen[name].index)
        if len(differ):
            raise ValueError(
                f"{first} and {name} are scored at different places ({len(differ)} at only one of "
                f"them, such as {differ[0]}): medians compare only over the same"
            )
    scored = np.any([table.notna() for table in chosen.values()], axis=0)
    rows = {
        name: {
            "count": len(table),
            **table.median(),
            "failed": int((scored & table.isna().to_numpy()).any(axis=1).sum()),
        }
        for name, table in chosen.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def to_markdown(table: pd.DataFrame, digits: int = 3) -> str:
    """A table in Markdown; a named index becomes its first columns, NaN is written n/a."""
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    numbers = [pd.api.types.is_numeric_dtype(table[name]) for name in table.columns]
    lines = [
        list(map(str, table.columns)),
        ["---:" if number else "---" for number in numbers],
        *([_cell(v, digits) for v in row] for row in table.itertuples(index=False)),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value, digits: int) -> str:
    if pd.isna(value):
        return "n/a"
    text = f"{value:.{digits}f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")


def _require(table: pd.DataFrame, columns: Sequence[str], whose: str = "") -> None:
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(
            f"the table{whose} has no column '{missing[0]}'; it has {', '.join(table.columns)}"
        )


def _without(table: pd.DataFrame, exclude: Iterable | None) -> pd.DataFrame:
    if exclude is None:
        return table
    place = place_of(table)
    names = {exclude} if isinstance(exclude, str) else {str(name) for name in exclude}
    out = table[place].astype(str).isin(names)
    if names and not out.any():
        raise ValueError(
            f"none of the {len(names)} to exclude, such as {min(names)}, is in the table, whose "
            f"column '{place}' reads like {table[place].iloc[0]}"
        )
    return table[~out]
