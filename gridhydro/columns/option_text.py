"""Options behind the colon of a column's name, "parts=4,mixed=0"."""

from __future__ import annotations

from collections.abc import Collection

from gridhydro.base.arguments import one_of


def options_of(text: str, known: Collection[str], whose: str, what: str) -> dict[str, str]:
    """Option -> its text, "" where none is given, of those that are `known`.

    whose  column they are of, and `what` one of them is called with its article

    ValueError for one that there is not, or that is given twice.
    """
    given: dict[str, str] = {}
    for part in text.split(","):
        key, _, value = (one.strip() for one in part.partition("="))
        one_of(f"{what} of {whose}", key, known)
        if key in given:
            raise ValueError(f"{whose}: {key} is given twice in '{text}'")
        given[key] = value
    return given
