"""Identifiers as tables and files have them: whole numbers, decimals that were such, texts."""

from __future__ import annotations

import numpy as np
import pandas as pd

EXACT = 2**53  # whole numbers below which a float has all of them
_NONE = ("", "nan", "none", "null", "na", "n/a", "<na>", "nat")


def identifiers(values, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Identifiers (N,), int64 where all are whole numbers and else texts, and which are missing.

    Decimals that are whole numbers, and texts of them ("77.0"), are these numbers; one with zeros
    before it ("007") is a text, and all others with it. What is missing is 0 or "".

    what  they are, for messages
    ValueError for floats from 2^53 on, whose last digits are lost, and for numbers with a fraction.
    """
    given = pd.Series(np.asarray(values).ravel())
    missing = given.isna().to_numpy(copy=True)
    kind = given.dtype.kind
    if kind in "iu" and (not len(given) or given.max() <= np.iinfo(np.int64).max):
        return given.to_numpy(np.int64), missing
    if kind == "f":
        return _whole(given.to_numpy(np.float64), missing, what), missing
    texts = _texts(given, missing, what)
    missing |= np.isin(np.char.lower(texts.astype(str)), _NONE)
    texts[missing] = ""
    numbers = _numbers(texts, missing)
    return (texts if numbers is None else numbers), missing


def alike(*groups: np.ndarray) -> list[np.ndarray]:
    """Groups of identifiers as they can be compared: all numbers, or all texts."""
    if all(group.dtype.kind == "i" for group in groups):
        return list(groups)
    return [g.astype(str).astype(object) if g.dtype.kind == "i" else g for g in groups]


def places(own: np.ndarray, ids, what: str) -> np.ndarray:
    """Where each of these ids (K,) is among one's own (N,), -1 where there is none, int64.

    ValueError as of `identifiers`, for ids that are `what`.
    """
    given, missing = identifiers(ids, what)
    own, given = alike(own, given)
    return np.where(missing, -1, pd.Index(own).get_indexer(given))


def _whole(numbers: np.ndarray, missing: np.ndarray, what: str) -> np.ndarray:
    known = np.where(missing, 0.0, numbers)
    large = np.flatnonzero(~(np.abs(known) < EXACT))
    if large.size:
        raise ValueError(
            f"{what} are decimals, and {known[large[0]]:.17g} is 2^53 or beyond, where these lose "
            "digits: read the column as whole numbers or as texts"
        )
    broken = np.flatnonzero(known != np.round(known))
    if broken.size:
        raise ValueError(f"{what}: {known[broken[0]]:.10g} is no whole number, and no text")
    return known.astype(np.int64)


def _texts(given: pd.Series, missing: np.ndarray, what: str) -> np.ndarray:
    """Texts without blanks around them, of decimals among them that of the whole number."""

    def one(value) -> str:
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace").strip()
        if isinstance(value, float | np.floating):
            return str(int(_whole(np.array([value]), np.array([False]), what)[0]))
        return str(value).strip()

    found = np.array(
        ["" if gone else one(v) for v, gone in zip(given, missing, strict=True)], dtype=object
    )
    return found


def _numbers(texts: np.ndarray, missing: np.ndarray) -> np.ndarray | None:
    """The whole numbers that texts are, None where one of them is none."""
    plain = pd.Series(texts, dtype=object).str.replace(r"\.0*$", "", regex=True)
    plain[missing] = "0"
    if not plain.str.fullmatch(r"-?(0|[1-9]\d{0,17})").all():
        return None
    return plain.astype(np.int64).to_numpy()
